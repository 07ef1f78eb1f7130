"""Every cover within a budget where devices fail together, by nested covering knapsacks.

Block after block makes one of its choices, all sets at once. What the blocks that are left add at which cost is known
from their knapsack, which never overrates a cost: no cover within the budget is lost, and few sets are followed that
end in none. In a block of many devices each one is a step of its own; there what is left is valued by the shares of
single devices, which are together no less than what they add.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rocoin_opt.grouping.covering.blocks import subset_sums
from rocoin_opt.grouping.covering.nested_knapsack import nothing_gathered, with_options
from rocoin_opt.grouping.tolerances import COST_TOLERANCE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.grouping.covering.blocks import Block
    from rocoin_opt.instance import BoolArray, FloatArray, IntArray

SHARE_MARGIN = 1e-7
"""Share by which a set may miss the need, or exceed it, while only its product decides: next to a limit of 1 logarithms
are good for that much."""
MAX_PAIRS = 4_000_000
"""Pairs of a set and a choice that are looked at in one step: it bounds time and memory."""
PAIRS_A_COVER = 200
"""The same as a multiple of the covers that are wanted at most."""


class _Step(NamedTuple):
    """Choices that are made at once.

    Attributes
    ----------
    block : Block
        Whose.
    chosen : BoolArray, O x m
        Which devices of the block each choice takes; the first one takes none.
    weights, costs : FloatArray, O
        What they weigh and cost.
    """

    block: Block
    chosen: BoolArray
    weights: FloatArray
    costs: FloatArray

    @property
    def gains(self) -> FloatArray:
        """Share that each choice adds to the block's base."""
        shares = self.block.shares(self.block.base + self.weights)
        return np.asarray(shares - shares[0])

    @property
    def lesser(self) -> FloatArray:
        """Weight of each choice without its lightest device."""
        lightest = np.where(self.chosen, self.block.weights, np.inf).min(axis=1, initial=np.inf)
        number = self.chosen.sum(axis=1)
        with np.errstate(invalid="ignore"):
            others = np.where(number > 1, self.weights - lightest, 0.0)
        # Of several that never fail alone, all but one weigh as much as all.
        return np.where(number > 0, np.where(np.isnan(others), np.inf, others), -np.inf)


def nested_covers_within(
    blocks: Sequence[Block], costs: FloatArray, budget: float, resolution: int, limit: int
) -> IntArray | None:
    """List every minimal cover within a budget, and some more sets: who needs true and minimal ones tests them.

    Parameters
    ----------
    blocks : sequence of Block
        Of the devices that there are to choose from.
    costs : FloatArray, L
        Of these devices, at least 0.
    budget : float
        What a cover may cost at most.
    resolution : int
        Units of a need of 1.
    limit : int
        Largest number of covers.

    Returns
    -------
    IntArray, C x L', or None
        Positions, filled up with -1; None if there are more than ``limit``, or on the way too many to go on.
    """
    allowed = budget + COST_TOLERANCE
    given = sum(float(block.shares(np.array([block.base]))[0]) for block in blocks)
    nobody = np.empty((1, 0), dtype=np.int64)
    if allowed < 0.0:
        return nobody[:0]
    if given >= 1.0 + SHARE_MARGIN:
        return nobody if limit > 0 else None
    steps = [step for block in blocks for step in _steps(block, costs)]
    tables = [nothing_gathered(resolution)]
    for step in reversed(steps):
        tables.append(with_options(tables[-1], step.gains, step.costs, resolution))
    tables.reverse()
    sets = _Sets.none(given)
    for position, step in enumerate(steps):
        if len(sets.share) * len(step.costs) > min(MAX_PAIRS, PAIRS_A_COVER * max(limit, 1_000)):
            return None
        starts = position == 0 or steps[position - 1].block is not step.block
        sets = sets.extended(step, tables[position + 1], allowed, starts=starts)
    covers = sets.members[sets.share >= 1.0 - SHARE_MARGIN]
    return covers if len(covers) <= limit else None


class _Sets(NamedTuple):
    """Sets of devices on the way to covers.

    Attributes
    ----------
    members : IntArray, C x L'
        Positions in the chain; -1 for none.
    inside : FloatArray, C
        Weight in the present block on top of its base.
    share, cost : FloatArray, C
        What they cover, with all bases, and cost.
    """

    members: IntArray
    inside: FloatArray
    share: FloatArray
    cost: FloatArray

    @classmethod
    def none(cls, given: float) -> _Sets:
        """The empty set alone."""
        return cls(np.empty((1, 0), dtype=np.int64), np.zeros(1), np.array([given]), np.zeros(1))

    def extended(self, step: _Step, table: FloatArray, allowed: float, *, starts: bool) -> _Sets:
        """All sets with all choices of a step, but those that end in no minimal cover within the budget.

        Parameters
        ----------
        step : _Step
            The choices.
        table : FloatArray, R + 1
            Cheapest cost to gather each number of units in later steps.
        allowed : float
            What a cover may cost.
        starts : bool
            Whether it is the first step of its block.
        """
        block, resolution = step.block, len(table) - 1
        inside = np.zeros_like(self.inside) if starts else self.inside
        before = block.shares(block.base + inside)
        share = self.share[:, None] + block.shares(block.base + inside[:, None] + step.weights) - before[:, None]
        cost = self.cost[:, None] + step.costs
        units = np.maximum(np.ceil((1.0 - share - SHARE_MARGIN) * resolution), 0.0).astype(np.int64)
        kept = cost + table[units] <= allowed
        # Whatever covers beyond doubt without its lightest device is no minimal cover.
        lesser = self.share[:, None] + block.shares(block.base + inside[:, None] + np.maximum(step.lesser, 0.0))
        kept &= ~((lesser - before[:, None] >= 1.0 + SHARE_MARGIN) & (step.lesser >= 0.0))
        rows, choices = np.nonzero(kept)
        added = np.where(step.chosen, block.positions, -1)[choices]
        members = np.hstack([self.members[rows], added]) if len(rows) else np.empty((0, 0), dtype=np.int64)
        return _Sets(_packed(members), inside[rows] + step.weights[choices], share[rows, choices], cost[rows, choices])


def _steps(block: Block, costs: FloatArray) -> list[_Step]:
    """The choices of a block: all subsets at once, or device by device."""
    count, own = len(block.positions), costs[block.positions]
    if count == 0:
        return []
    if block.is_listed:
        chosen = ((np.arange(1 << count)[:, None] >> np.arange(count)) & 1).astype(bool)
        return [_Step(block, chosen, subset_sums(block.weights), subset_sums(own))]
    return [
        _Step(
            block,
            np.array([np.zeros(count), np.arange(count) == i]).astype(bool),
            np.array([0.0, block.weights[i]]),
            np.array([0.0, own[i]]),
        )
        for i in range(count)
    ]


def _packed(members: IntArray) -> IntArray:
    """Member lists without columns that nobody needs: members first, -1 behind."""
    if members.size == 0:
        return members
    width = int((members >= 0).sum(axis=1).max())
    return np.sort(members, axis=1)[:, ::-1][:, :width]
