"""Brute force for the objectives of the whole answer: failure probability, missing share and quantile, in fractions.

Everything comes from the survival states, whatever ties the devices together. In a state a group has answered by a time
if a survivor of it has; the system has if every group has. No formula for an outage or for a product of groups is used.
"""

from __future__ import annotations

import bisect
import itertools
import math
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from oracle import Block, Oracle

ANSWER_OBJECTIVES = ("failure", "missing", "quantile")


class WholeAnswers:
    """What becomes of the whole answer, state by state: a set of states is a whole number, a bit for each of them."""

    def __init__(self, oracle: Oracle) -> None:
        self.oracle = oracle
        self.survivors = [alive for alive, _ in oracle.states]
        # Whole numbers of a common unit add up much faster than fractions.
        self.unit = math.lcm(*(probability.denominator for _, probability in oracle.states))
        self.weights = [int(probability * self.unit) for _, probability in oracle.states]
        self.every = (1 << len(self.weights)) - 1
        self.answering: dict[frozenset[int], int] = {}
        self.totals: dict[int, Fraction] = {}

    def answered(self, block: Block, latest: Fraction | None) -> int:
        """States in which a group has answered by a time, or ever answers where it is None."""
        in_time = frozenset(n for t, n in self.oracle.latencies(block) if latest is None or t <= latest)
        if in_time not in self.answering:
            self.answering[in_time] = sum(1 << i for i, alive in enumerate(self.survivors) if alive & in_time)
        return self.answering[in_time]

    def missed(self, states: int) -> Fraction:
        """Probability of all states but these."""
        if states not in self.totals:
            total = sum(weight for i, weight in enumerate(self.weights) if not states >> i & 1)
            self.totals[states] = Fraction(total, self.unit)
        return self.totals[states]

    def failure(self, blocks: Iterable[Block], latest: Fraction | None) -> Fraction:
        """P(X > t), or the probability that no answer ever comes."""
        states = self.every
        for block in blocks:
            states &= self.answered(block, latest)
        return self.missed(states)

    def is_reached(self, failure: Fraction) -> bool:
        """Whether the wanted level is; one of almost 0 still asks for an answer that may come."""
        assert self.oracle.failure_limit is not None
        return failure <= self.oracle.failure_limit and failure < 1

    def value(self, blocks: tuple[Block, ...], objective: str) -> Fraction | None:
        """Objective of disjoint groups; None where there is no level, or it is out of reach."""
        end = self.oracle.latest
        if objective == "failure":
            return self.failure(blocks, end)
        if objective == "missing":
            lost = sum((block.size * self.missed(self.answered(block, end)) for block in blocks), Fraction(0))
            return lost / sum(block.size for block in blocks)
        if self.oracle.failure_limit is None:
            return None
        times = sorted({t for block in blocks for t, _ in self.oracle.latencies(block)})
        return next((t for t in times if self.is_reached(self.failure(blocks, t))), None)

    def best(self, objective: str) -> tuple[Fraction | None, tuple[Block, ...]] | None:
        """Least value over all plans that keep the rules of groups and parts, and its groups, ``min_success`` aside.

        The value is None where no plan reaches the level.
        """
        # Members, sizes and the number of groups decide together, students one by one: memory and outage are a group's.
        splits = [choices for choices in self.oracle.choices(feasible_only=True) if self._counts(choices)]
        if not splits:
            return None
        if objective == "missing":
            end = self.oracle.latest
            plans = (
                tuple(min(blocks, key=lambda block: self.missed(self.answered(block, end))) for blocks in choices)
                for choices in splits
            )
            best = min(plans, key=lambda blocks: self.value(blocks, objective) or Fraction(0))
            return self.value(best, objective), best
        if objective == "failure":
            return self._least_failure(splits, self.oracle.latest)
        assert self.oracle.failure_limit is not None, "the objective quantile needs a level"
        times = sorted(
            {t for choices in splits for blocks in choices for block in blocks for t, _ in self.oracle.latencies(block)}
        )
        # What a plan has reached it keeps, so that the first time at which any plan has reached the level is the least.
        place = bisect.bisect_left(times, True, key=lambda t: self.is_reached(self._least_failure(splits, t)[0]))
        if place == len(times):
            return None, self._least_failure(splits, None)[1]
        return times[place], self._least_failure(splits, times[place])[1]

    def _counts(self, choices: list[list[Block]]) -> bool:
        return all(choices) and self.oracle.keeps_rules(tuple(blocks[0] for blocks in choices))

    def _least_failure(
        self, splits: list[list[list[Block]]], latest: Fraction | None
    ) -> tuple[Fraction, tuple[Block, ...]]:
        useful: dict[tuple[tuple[int, ...], int], list[Block]] = {}
        best: tuple[Fraction, tuple[Block, ...]] | None = None
        for choices in splits:
            for blocks in choices:
                key = blocks[0].devices, blocks[0].size
                if key not in useful:
                    useful[key] = self._useful(blocks, latest)
            options = (useful[blocks[0].devices, blocks[0].size] for blocks in choices)
            for decision in itertools.product(*options):
                failure = self.failure(decision, latest)
                if best is None or failure < best[0]:
                    best = failure, decision
        assert best is not None
        return best

    def _useful(self, blocks: list[Block], latest: Fraction | None) -> list[Block]:
        """Blocks of the same devices and size but for those that answer in fewer states than another student's."""
        by_states = {self.answered(block, latest): block for block in reversed(blocks)}
        return [
            block
            for states, block in by_states.items()
            if not any(other != states and other & states == states for other in by_states)
        ]
