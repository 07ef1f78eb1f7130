"""Partitions as two criteria see them: the normalised cut, and the class evidence left when a part is lost."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import rocoin_opt as ro
from peers.medians import spread
from peers.tables import percent, spread_text
from rocoin_opt.knowledge.criteria import CRITERIA, class_evidence, evidence_lost
from rocoin_opt.knowledge.cuts import ncut
from rocoin_opt.knowledge.sizes import contiguous_partition, equal_sizes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from matplotlib.figure import Figure
    from numpy.typing import NDArray

INSTANCES = Path(__file__).resolve().parent.parent.parent / "instances"
PARTS = 4
WEIGHTS = (0.0, 0.25, 0.5, 0.75, 0.9, 1.0)
"""Of the evidence, from normalised cut alone to evidence alone."""
RANDOM_SEEDS = 20
RESILIENT, MOST = ("resilient", "equal"), (f"random, most evidence of {RANDOM_SEEDS}", "equal")
HEADER = ("criterion", "sizes", "Ncut", "evidence left", "seconds", "gap")
FRONTIER_HEADER = ("weight", "Ncut", "evidence left")


@dataclass(frozen=True, eq=False)
class Evidence:
    """A filter graph, M x M, and how much each filter speaks for each class, C x M."""

    name: str
    weights: NDArray[np.float64]
    affinity: NDArray[np.float64]


@dataclass(frozen=True)
class Judged:
    """A partition of one graph: its normalised cut, and the worst class evidence left without one part."""

    graph: str
    criterion: str
    sizes: str
    ncut: float
    evidence_left: float
    weight: float | None = None
    seconds: float | None = None
    gap: float | None = None


def shipped_graphs() -> Iterator[Evidence]:
    """The graphs of the shipped instances that have class affinities too."""
    for path in sorted(INSTANCES.glob("*/*.npz")):
        knowledge = ro.read_instance(path.with_suffix(".json")).knowledge
        if knowledge.graph is not None and knowledge.class_affinity is not None:
            yield Evidence(path.stem, knowledge.graph.dense(knowledge.num_filters), knowledge.class_affinity.values)


def corner(graph: Evidence, filters: int) -> Evidence:
    """The first filters of a graph alone."""
    return Evidence(graph.name, graph.weights[:filters, :filters], graph.affinity[:, :filters])


def criteria(graphs: Iterable[Evidence]) -> Iterator[Judged]:
    """Every criterion on every graph, sizes free and equal, and random parts of equal sizes."""
    for graph in graphs:
        equal = equal_sizes(len(graph.weights), PARTS)
        for criterion in CRITERIA:
            # Free sizes make the smallest cut that of a single filter.
            for sizes in (equal,) if criterion == "cut" else (None, equal):
                yield _judged(graph, criterion, sizes)
        yield from _random_parts(graph, equal)


def frontier(graphs: Iterable[Evidence], weights: Sequence[float]) -> Iterator[Judged]:
    """``resilient`` by its weight of the evidence, sizes free."""
    for graph in graphs:
        for weight in weights:
            yield _judged(graph, "resilient", None, weight)


def _judged(graph: Evidence, criterion: str, sizes: Sequence[int] | None, weight: float | None = None) -> Judged:
    start = time.perf_counter()
    chosen = {} if weight is None else {"evidence_weight": weight}
    found = ro.partition(graph.weights, PARTS, sizes, criterion, graph.affinity, **chosen)
    seconds = time.perf_counter() - start
    cut, left = ncut(graph.weights, found.labels), _evidence_left(graph.affinity, found.labels)
    return Judged(graph.name, criterion, "free" if sizes is None else "equal", cut, left, weight, seconds, found.gap)


def _random_parts(graph: Evidence, equal: tuple[int, ...]) -> Iterator[Judged]:
    dealt = contiguous_partition(equal)
    drawn = [np.random.default_rng(seed).permutation(dealt) for seed in range(RANDOM_SEEDS)]
    cuts = [ncut(graph.weights, labels) for labels in drawn]
    left = [_evidence_left(graph.affinity, labels) for labels in drawn]
    yield Judged(graph.name, f"random, mean of {RANDOM_SEEDS}", "equal", statistics.mean(cuts), statistics.mean(left))
    best = int(np.argmax(left))
    yield Judged(graph.name, *MOST, cuts[best], left[best])


def _evidence_left(affinity: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    return 1.0 - float(evidence_lost(class_evidence(affinity), labels).max())


def criteria_rows(rows: Sequence[Judged]) -> list[list[str]]:
    """Medians and ranges over the graphs, by criterion and sizes."""
    together = _grouped(rows, lambda row: (row.criterion, row.sizes))
    return [
        [
            *(criterion, sizes, *_both(chosen)),
            spread_text(spread(row.seconds for row in chosen), "{:.1f}".format),
            spread_text(spread(row.gap for row in chosen), percent),
        ]
        for (criterion, sizes), chosen in together.items()
    ]


def frontier_rows(rows: Sequence[Judged]) -> list[list[str]]:
    """Medians and ranges over the graphs, by weight of the evidence."""
    return [[f"{weight:g}", *_both(chosen)] for weight, chosen in _grouped(rows, lambda row: row.weight).items()]


def verdict(rows: Sequence[Judged]) -> str:
    """How ``resilient`` compares with the best random parts and with the normalised cut, parts of equal sizes."""
    left = {key: {row.graph: row.evidence_left for row in chosen} for key, chosen in _grouped(rows, _kind).items()}
    ours, chance, cut = left[RESILIENT], left[MOST], left["ncut", "equal"]
    better = sum(ours[graph] > chance[graph] for graph in ours)
    factors = spread_text(spread(ours[graph] / cut[graph] for graph in ours), "{:.1f}".format)
    return (
        f"Parts of equal sizes: `resilient` leaves more evidence than the best of {RANDOM_SEEDS} random partitions on "
        f"{better} of {len(ours)} graphs, and {factors} times as much as `ncut`."
    )


def _kind(row: Judged) -> tuple[str, str]:
    return row.criterion, row.sizes


def _grouped(rows: Sequence[Judged], key: Callable[[Judged], object]) -> dict[object, list[Judged]]:
    together: dict[object, list[Judged]] = {}
    for row in rows:
        together.setdefault(key(row), []).append(row)
    return together


def _both(rows: Sequence[Judged]) -> tuple[str, str]:
    cuts, left = spread(row.ncut for row in rows), spread(row.evidence_left for row in rows)
    return spread_text(cuts, "{:.3f}".format), spread_text(left, "{:.3f}".format)


def frontier_figure(rows: Sequence[Judged]) -> Figure:
    """Draw evidence left over the normalised cut, a line for each graph and a colour for each weight."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.6))
    axes = figure.add_subplot()
    for chosen in _grouped(rows, lambda row: row.graph).values():
        axes.plot([row.ncut for row in chosen], [row.evidence_left for row in chosen], color="0.8", zorder=1)
    weights = list(_grouped(rows, lambda row: row.weight))
    for place, weight in enumerate(weights):
        chosen = [row for row in rows if row.weight == weight]
        axes.scatter(
            [row.ncut for row in chosen],
            [row.evidence_left for row in chosen],
            color=f"C{place}",
            label=f"{weight:g}",
            s=24,
            zorder=2,
        )
    axes.set_xlabel("normalised cut")
    axes.set_ylabel("least class evidence left")
    axes.set_ylim(bottom=0.0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(title="weight of the evidence", frameon=False, ncols=2)
    return figure
