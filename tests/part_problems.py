"""Small partition problems, and what every vector of labels is worth by the definitions."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import strategies as st

from rocoin_opt.knowledge.criteria import Criterion
from rocoin_opt.knowledge.sizes import SizeRanges
from rocoin_opt.knowledge.subsets import part_costs
from strategies import graphs

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn

    from rocoin_opt.instance.arrays import FloatArray, IntArray

LARGEST_PARTS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 4, 7: 3}
"""Parts by filters, up to which all vectors of labels are soon tried."""


@dataclass(frozen=True, eq=False)
class PartProblem:
    """A graph, class affinities, ranges, and what to minimise."""

    name: str
    weights: FloatArray
    affinity: FloatArray
    ranges: SizeRanges
    weight: float
    outages: list[float] | None

    def costs(self) -> tuple[FloatArray, FloatArray | None]:
        """What subsets cost as parts, as the package has it."""
        parts = self.ranges.parts
        return part_costs(Criterion.of(self.name, self.weights, parts, self.affinity, self.weight, self.outages))

    def values(self, labels: IntArray) -> FloatArray:
        """Value of every row of labels by the definitions; infinite where sizes are out of their ranges."""
        parts = self.ranges.parts
        member = np.eye(parts)[labels]
        sizes = member.sum(axis=1)
        fits = ((self.ranges.lower <= sizes) & (sizes <= self.ranges.upper)).all(axis=1)
        between = np.einsum("lak,ab,lbk->lk", member, self.weights, 1.0 - member)
        volume = member.transpose(0, 2, 1) @ self.weights.sum(axis=1)
        shares = np.divide(between, volume, out=np.ones_like(between), where=volume > 0)
        lost = np.zeros_like(shares)
        for row in self.affinity[self.affinity.sum(axis=1) > 0]:
            lost = np.maximum(lost, member.transpose(0, 2, 1) @ (row / row.sum()))
        if self.name == "cut":
            value = between.sum(axis=1) / 2.0
        elif self.name == "ncut":
            value = shares.sum(axis=1)
        else:
            chances = np.array([] if self.outages is None else self.outages)
            loss = lost.max(axis=1) if self.outages is None else lost @ chances / chances.sum()
            value = (1.0 - self.weight) * shares.mean(axis=1) + self.weight * loss
        return np.where(fits, value, np.inf)

    def least(self) -> float:
        """Least value over all vectors of labels."""
        every = itertools.product(range(self.ranges.parts), repeat=len(self.weights))
        return float(self.values(np.array(list(every))).min())


@st.composite
def part_problems(draw: DrawFn) -> PartProblem:
    """Problems of up to seven filters: any graph, any criterion, free, prescribed or ranged sizes, in any order."""
    filters = draw(st.integers(1, 7))
    parts = draw(st.integers(1, LARGEST_PARTS[filters]))
    equal = np.ones((filters, filters)) - np.eye(filters)
    # Weights that differ by seventeen digits are left to the tests of the criteria.
    weights = draw(st.just(equal) | graphs(filters).map(lambda graph: np.minimum(graph, 8.0)))
    classes = draw(st.integers(0, 3))
    entries = st.lists(
        st.sampled_from([0.0, 0.0, 1.0, 2.0, 0.3]), min_size=classes * filters, max_size=classes * filters
    )
    cuts = draw(st.permutations(range(1, filters)))[: parts - 1]
    exact = np.diff([0, *sorted(cuts), filters]).tolist()
    kind = draw(st.sampled_from(["free", "prescribed", "ranges"]))
    ranges = [(max(1, size - draw(st.integers(0, 2))), size + draw(st.integers(0, 2))) for size in exact]
    sizes = {"free": None, "prescribed": exact, "ranges": ranges}[kind]
    chances = st.lists(st.sampled_from([0.1, 0.1, 0.02, 0.5]), min_size=parts, max_size=parts)
    return PartProblem(
        name=draw(st.sampled_from(["ncut", "cut", "resilient", "resilient"])),
        weights=weights,
        affinity=np.array(draw(entries)).reshape(classes, filters),
        ranges=SizeRanges.of(filters, parts, sizes),
        weight=draw(st.sampled_from([0.0, 0.3, 0.9, 1.0])),
        outages=draw(st.none() | chances),
    )


def random_problem(
    name: str, filters: int, parts: int, sizes: list[int] | None = None, outages: list[float] | None = None
) -> PartProblem:
    """A problem with a dense random graph and four classes."""
    rng = np.random.default_rng(filters)
    upper = np.triu(rng.random((filters, filters)) ** 3, 1)
    ranges = SizeRanges.of(filters, parts, sizes)
    return PartProblem(name, upper + upper.T, rng.random((4, filters)) ** 2, ranges, 0.5, outages)
