"""The filter graph as a matrix, its filters in the order of their parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rocoin_opt.knowledge import class_evidence, evidence_lost
from rocoin_opt.plan import labels_of
from rocoin_opt.report.page.figures import ACCENT, MUTED, Picture, drawn

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rocoin_opt.instance import FloatArray, Instance, IntArray
    from rocoin_opt.plan import Plan

MAX_CELLS = 320
"""Rows of the picture, at most: a larger graph is averaged over blocks of filters."""
HUE = (0.24, 0.52, 0.78)
"""Red, green and blue of the heaviest edge: a blue that stands out from white and from black."""
FULL_SHARE = 0.995
"""Quantile of the weights that is drawn at full strength: a few outliers would leave the rest pale."""
SIZE = (4.4, 4.4)


class PartFigures(NamedTuple):
    """What a part holds together.

    Attributes
    ----------
    inside : float or None
        Share of the weight at its filters that stays inside; None without any edge.
    cut_share : float
        Its term of the normalised cut.
    evidence_lost : float or None
        Share of its evidence that the worst-hit class loses with this part; None without class affinities.
    """

    inside: float | None
    cut_share: float
    evidence_lost: float | None


def graph_picture(instance: Instance, plan: Plan, name: str) -> Picture | None:
    """Draw the filter graph reordered by part; None without a graph or without explicit filters.

    Parameters
    ----------
    instance : Instance
        What was given.
    plan : Plan
        A plan for it.
    name : str
        Of the picture, unique on the page.
    """
    graph, labels = instance.knowledge.graph, labels_of(instance, plan)
    if graph is None or labels is None:
        return None
    weights = np.asarray(graph.dense(instance.knowledge.num_filters))
    order = _order(weights, labels)
    cells = _averaged(weights[np.ix_(order, order)])
    borders = np.cumsum(np.bincount(labels, minlength=len(plan.groups)))[:-1]
    positive = cells[cells > 0.0]
    full = float(np.quantile(positive, FULL_SHARE)) if len(positive) else 1.0
    image = np.empty((*cells.shape, 4))
    image[..., :3] = HUE
    # The square root shows light edges too; opacity lets either background shine through.
    image[..., 3] = np.sqrt(np.clip(cells / full, 0.0, 1.0))

    def draw(axes: Axes) -> None:
        count = len(labels)
        axes.imshow(image, extent=(0, count, count, 0), interpolation="none", aspect="equal")
        for border in borders:
            axes.axhline(border, color=ACCENT, linewidth=1.0)
            axes.axvline(border, color=ACCENT, linewidth=1.0)
        starts = np.concatenate([[0], borders, [count]])
        for number in range(len(starts) - 1):
            if starts[number + 1] - starts[number] >= 0.05 * count:
                middle = (starts[number] + starts[number + 1]) / 2
                axes.text(middle, -0.015 * count, str(number), ha="center", va="bottom", color=MUTED, clip_on=False)
        axes.grid(visible=False)
        axes.set(xlabel="filters, ordered by part", ylabel="filters, ordered by part")

    averaged = "" if len(cells) == len(weights) else " A cell is the mean over several filters."
    return Picture(
        title="Filter graph, ordered by part",
        svg=drawn(name, "Weights of the filter graph as a matrix, ordered by part", draw, SIZE),
        draw=draw,
        caption="The stronger a cell, the heavier the edge (square-root scale). Lines separate the groups, with "
        f"their numbers on top.{averaged}",
    )


def part_figures(instance: Instance, plan: Plan) -> tuple[PartFigures, ...] | None:
    """What each part holds together, in the plan's order; None without a graph or without explicit filters."""
    graph, labels = instance.knowledge.graph, labels_of(instance, plan)
    if graph is None or labels is None:
        return None
    weights = np.asarray(graph.dense(instance.knowledge.num_filters))
    member = np.eye(len(plan.groups))[labels]
    between = member.T @ (weights @ member)
    volumes = between.sum(axis=1)
    affinity = instance.knowledge.class_affinity
    lost = None if affinity is None else evidence_lost(class_evidence(affinity.values), labels)
    found = []
    for k, volume in enumerate(volumes):
        inside = None if volume <= 0.0 else float(between[k, k] / volume)
        cut_share = 1.0 if volume <= 0.0 else float(np.delete(between[k], k).sum() / volume)
        found.append(PartFigures(inside, cut_share, None if lost is None else float(lost[k])))
    return tuple(found)


def _order(weights: FloatArray, labels: IntArray) -> IntArray:
    """Filters by part, the heaviest of each part first."""
    return np.asarray(np.lexsort((-weights.sum(axis=1), labels)))


def _averaged(weights: FloatArray) -> FloatArray:
    """Means over square blocks, so that no more than a picture's worth of cells is left."""
    count = len(weights)
    if count <= MAX_CELLS:
        return weights
    edges = np.linspace(0, count, MAX_CELLS + 1).astype(np.int64)[:-1]
    sums = np.add.reduceat(np.add.reduceat(weights, edges, axis=0), edges, axis=1)
    sizes = np.diff(np.append(edges, count))
    return np.asarray(sums / np.outer(sizes, sizes))
