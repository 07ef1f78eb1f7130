"""Failure domains of a chain as blocks: what subsets of a few devices cover, in shares, and at which cost.

A block holds the devices of a chain that share a domain; a device in none is a block of its own. What a group covers is
a sum over blocks, and within a block a concave function of the weight that is gathered there. A block of few devices
lists its subsets. In a larger one every weight is rounded up to whole *grains*, which only makes covers cheaper.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rocoin_opt.grouping.covering.covering_knapsack import cheapest_covers, cheapest_members
from rocoin_opt.grouping.tolerances import UNREACHABLE
from rocoin_opt.instance import weight_with_domain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.grouping.covering.coverage import Coverage
    from rocoin_opt.instance import FloatArray, IntArray

MAX_LISTED = 8
"""Devices of a block up to which all of its subsets are listed."""
GRAINS = 256
"""Grains in the weight that a larger block can use at most."""
SATURATED = 12.0
"""Weight beyond ``-ln pi`` from which on more of it adds less than a hundred-thousandth."""


class Options(NamedTuple):
    """What a block can add to a group; whatever costs no more than a choice covers less.

    Attributes
    ----------
    shares, costs : FloatArray, O
        Shares of the whole block with its base, and costs, ascending both.
    choices : IntArray, O
        Subsets of a listed block, grains of another one.
    """

    shares: FloatArray
    costs: FloatArray
    choices: IntArray


class Block:
    """Devices of a chain that fail together, in the chain's order.

    Parameters
    ----------
    positions : sequence of int, m
        Their places in the chain, ascending.
    weights : FloatArray, m
        ``-ln p`` of each.
    falls : float
        Probability that the domain fails.
    base : float
        Weight in the domain that is there in any case.
    need : float
        Weight that a group has to gather; infinite where only certainty will do.
    """

    def __init__(self, positions: Sequence[int], weights: FloatArray, falls: float, base: float, need: float) -> None:
        self.positions: IntArray = np.array(positions, dtype=np.int64)
        self.weights, self.falls, self.base, self.need = weights, falls, base, need
        self.is_listed = len(self.positions) <= MAX_LISTED

    @cached_property
    def subset_shares(self) -> FloatArray:
        """What each subset of a listed block covers with the base, 2^m; bit i stands for device i."""
        return self.shares(self.base + subset_sums(self.weights))

    def shares(self, weights: FloatArray) -> FloatArray:
        """What weights in the block cover, in shares of the need, at most 1."""
        joined = weight_with_domain(weights, self.falls)
        if self.need == math.inf:
            return np.asarray(joined == math.inf, dtype=np.float64)
        return np.minimum(joined / self.need, 1.0)

    @cached_property
    def by_grains(self) -> tuple[FloatArray, IntArray]:
        """What each number of grains covers with the base at most, and how many each device has."""
        is_finite = np.isfinite(self.weights)
        finite = self.weights[is_finite]
        # More than covers alone is of no use, nor more than the domain's own failure leaves room for.
        useful = self.need if self.falls == 0.0 else min(self.need, SATURATED - math.log(self.falls))
        grain = min(float(finite.sum()), useful + float(finite.max(initial=0.0))) / GRAINS
        grains = np.where(is_finite, 0, GRAINS)
        # For a limit of 0 only certainty counts.
        if grain > 0.0 and self.need < math.inf:
            grains[is_finite] = np.minimum(np.ceil(finite / grain), GRAINS)
        shares = self.shares(self.base + grain * np.arange(GRAINS + 1.0))
        # The last grain stands for all that is heavier, too.
        shares[-1] = self.shares(np.array([self.base + float(self.weights.sum())]))[0]
        return shares, grains

    def priced(self, costs: FloatArray) -> PricedBlock:
        """The block at some costs of all positions of the chain."""
        return PricedBlock(self, costs[self.positions])


class PricedBlock:
    """A block whose devices have costs.

    Parameters
    ----------
    block : Block
        Its devices.
    costs : FloatArray, m
        What each costs, at least 0.
    """

    def __init__(self, block: Block, costs: FloatArray) -> None:
        self.block, self.costs = block, costs
        self._known: dict[tuple[int, bool], Options] = {}
        if block.is_listed:
            self.subset_costs = subset_sums(costs)
        else:
            self.table = cheapest_covers(block.by_grains[1], costs, GRAINS, compiled=False)

    def options(self, count: int, *, with_last: bool = False) -> Options:
        """The choices among the first devices that are not dominated; only those with the last of them, if asked for.

        Parameters
        ----------
        count : int
            How many devices, the first ones of the block.
        with_last : bool
            Whether the last of them must be chosen.
        """
        key = count, with_last
        if key not in self._known:
            self._known[key] = self._options(count, with_last=with_last)
        return self._known[key]

    def _options(self, count: int, *, with_last: bool) -> Options:
        if self.block.is_listed:
            first = 1 << (count - 1) if with_last else 0
            choices = np.arange(first, 1 << count)
            return _undominated(self.block.subset_shares[choices], self.subset_costs[choices], choices)
        if with_last:
            rest = np.maximum(np.arange(GRAINS + 1) - int(self.block.by_grains[1][count - 1]), 0)
            costs = self.table[count - 1, rest] + self.costs[count - 1]
        else:
            costs = self.table[count]
        return _undominated(self.block.by_grains[0], costs, np.arange(GRAINS + 1))

    def members(self, choice: int, count: int, *, with_last: bool) -> list[int]:
        """Positions in the chain of the devices of a choice.

        Parameters
        ----------
        choice : int
            One of :meth:`options` with the same arguments.
        count : int
            How many devices there were to choose from.
        with_last : bool
            Whether the last of them is among the chosen.
        """
        if self.block.is_listed:
            inside = [i for i in range(count) if choice >> i & 1]
        elif with_last:
            rest = max(choice - int(self.block.by_grains[1][count - 1]), 0)
            inside = [count - 1, *cheapest_members(self.table, self.block.by_grains[1], count - 1, rest)]
        else:
            inside = cheapest_members(self.table, self.block.by_grains[1], count, choice)
        return self.block.positions[inside].tolist() if inside else []


def blocks_of(coverage: Coverage, devices: IntArray, base: Sequence[int] = ()) -> list[Block]:
    """Blocks of a chain's devices.

    Parameters
    ----------
    coverage : Coverage
        Domains and probabilities.
    devices : IntArray, L
        Device indices in the chain's order.
    base : sequence of int
        Devices that are in every group; none of them is among the others.

    Returns
    -------
    list of Block
        Those of domains first; one without devices where only the base has devices in a domain.
    """
    with np.errstate(divide="ignore"):
        weights = -np.log(coverage.failure)
    apart = len(coverage.falls) - 1
    held = np.zeros(apart + 1)
    for n in base:
        held[coverage.domain[n]] += weights[n]
    places: dict[int, list[int]] = {d: [] for d in np.flatnonzero(held > 0.0).tolist()}
    for position, d in enumerate(coverage.domain[devices].tolist()):
        # Whoever is in no domain is alone in a block.
        places.setdefault(d if d < apart else apart + 1 + position, []).append(position)
    return [
        Block(
            inside,
            weights[devices[inside]],
            float(coverage.falls[d]) if d < apart else 0.0,
            float(held[d]) if d <= apart else 0.0,
            coverage.need,
        )
        for d, inside in sorted(places.items())
    ]


def subset_sums(values: FloatArray) -> FloatArray:
    """Sum over each subset of m values, 2^m; bit i of a position stands for value i."""
    sums = np.zeros(1)
    for value in values.tolist():
        sums = np.concatenate([sums, sums + value])
    return sums


def _undominated(shares: FloatArray, costs: FloatArray, choices: IntArray) -> Options:
    """Leave out whatever costs as much as something that covers no less."""
    order = np.lexsort((-shares, costs))[: np.count_nonzero(costs < UNREACHABLE)]
    best = np.maximum.accumulate(shares[order])
    kept = order[np.flatnonzero(np.diff(best, prepend=-1.0) > 0.0)]
    return Options(shares[kept], costs[kept], choices[kept])
