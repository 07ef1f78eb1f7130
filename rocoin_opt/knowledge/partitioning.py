"""Which filters go where: a good partition, or the best one, with a bound on all others."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rocoin_opt.control import UNLIMITED, Control
from rocoin_opt.knowledge.bounds import cut_bound, evidence_bound, ncut_bound
from rocoin_opt.knowledge.eigenpairs import eigen_seconds
from rocoin_opt.knowledge.search import find_parts
from rocoin_opt.knowledge.subsets import best_partition, operations, part_costs

if TYPE_CHECKING:
    from rocoin_opt.instance import IntArray
    from rocoin_opt.knowledge.criteria import Criterion
    from rocoin_opt.knowledge.sizes import SizeRanges

MAX_OPERATIONS = 3e6
"""Steps of the recursion over subsets up to which a partition is found and proven best by it: some 14 filters."""


def best_parts(
    criterion: Criterion,
    ranges: SizeRanges,
    seed: int = 0,
    control: Control = UNLIMITED,
) -> tuple[IntArray, float]:
    """Find a partition and a lower bound, or the best partition where the graph is small enough.

    Parameters
    ----------
    criterion : Criterion
        What is minimised, over M filters.
    ranges : SizeRanges
        Sizes that the parts may have.
    seed : int
        Seed of every random choice.
    control : Control
        Limit.

    Returns
    -------
    IntArray, M, and float
        Labels 0 to K - 1 within the ranges, and a valid lower bound on the value of all such partitions.
    """
    if is_small(criterion, ranges):
        additive, bottleneck = part_costs(criterion)
        labels = best_partition(additive, ranges, bottleneck)
        return labels, criterion.value(labels)
    # A bound is worth an eigenvalue problem, or half of the time that is left.
    kept = min(2.0 * eigen_seconds(ranges.total), 0.5 * control.remaining)
    labels = find_parts(criterion, ranges, seed, control=replace(control, deadline=control.deadline - kept))
    return labels, lower_bound(criterion, ranges, control=control)


def is_small(criterion: Criterion, ranges: SizeRanges) -> bool:
    """Whether the best partition can be found and proven in a moment."""
    return operations(ranges, alike=not criterion.parts_differ) <= MAX_OPERATIONS


def lower_bound(
    criterion: Criterion,
    ranges: SizeRanges,
    *,
    rounds: int | None = None,
    control: Control = UNLIMITED,
) -> float:
    """Lower bound on the value of all partitions with sizes within ranges.

    The bounds on both terms of the criterion, weighed as the terms are.

    Parameters
    ----------
    criterion : Criterion
        What is minimised, over M filters.
    ranges : SizeRanges
        Sizes that the parts may have.
    rounds : int, optional
        Eigenvalue problems to spend on the graph's term; the bound is valid for any number.
    control : Control
        Its limit leaves out what takes longer than is left; the bound is valid all the same.
    """
    if not criterion.normalised:
        return criterion.scale * cut_bound(criterion.weights, ranges, rounds=rounds, control=control)
    bound = 0.0
    if criterion.graph_weight > 0.0:
        bound += criterion.graph_weight * ncut_bound(criterion.weights, ranges, rounds=rounds, control=control)
    if criterion.loss_weight > 0.0:
        bound += criterion.loss_weight * evidence_bound(criterion.evidence, ranges, criterion.outages, control)
    return bound
