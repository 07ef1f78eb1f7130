"""Disjoint groups at a threshold under random latencies, improved two at a time: good packings without proof."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.control import Control
    from rocoin_opt.grouping import StochasticProblem
    from rocoin_opt.instance import FloatArray, IntArray
    from rocoin_opt.plan import Members

TEMPERATURE = 0.03
"""Filters that a step may lose on average, as a share of the average part: small losses lead out of dead ends."""
COOLING = 0.2
"""Share of the steps at the end that lose nothing."""


def exchange(
    problem: StochasticProblem, groups: Sequence[Members], control: Control, steps: int, seed: int
) -> tuple[list[Members], int]:
    """Exchange devices between groups, and with the spares, so that the groups deliver more filters in time.

    A step takes two groups, or a group and the spares, at random, and moves or swaps one device in the best way. A
    group counts as able to deliver the smallest part of the largest interval that it covers, so that nothing is
    overrated.

    Parameters
    ----------
    problem : StochasticProblem
        Threshold and intervals of part sizes.
    groups : sequence of tuples of int
        Disjoint groups to begin with, at most as many as there may be.
    control : Control
        Limit.
    steps : int
        Number of steps.
    seed : int
        Seed of the choices.

    Returns
    -------
    list of tuples of int, int
        The best groups met that deliver anything, and the filters that they deliver.
    """
    state = _State(problem, groups)
    rng = np.random.default_rng(seed)
    best, most = state.groups(), int(state.held.sum())
    places = len(state.held)
    heat = TEMPERATURE * problem.wanted / places
    for step in range(steps):
        if most >= problem.wanted or control.exhausted:
            break
        # The place behind the last group holds the spares.
        one, other = rng.choice(places + 1, size=2, replace=False).tolist()
        allowed = heat * rng.exponential() if step < (1.0 - COOLING) * steps else 0.0
        state.step(min(one, other), max(one, other), allowed, rng)
        if int(state.held.sum()) > most:
            best, most = state.groups(), int(state.held.sum())
    return best, most


class _State:
    """Groups, the shares that each has gathered in each chain, and what it delivers."""

    def __init__(self, problem: StochasticProblem, groups: Sequence[Members]) -> None:
        self.problem = problem
        count, places = problem.shares.shape[1], problem.instance.max_groups
        # The last row stands for no device.
        self.shares = np.vstack([problem.shares.T, np.zeros(len(problem.shares))])
        self.nobody = count
        self.members: list[list[int]] = [list(group) for group in groups] + [[] for _ in range(places - len(groups))]
        used = {n for group in groups for n in group}
        self.members.append([n for n in range(count) if n not in used])
        self.gathered: FloatArray = np.array([self.shares[group].sum(axis=0) for group in self.members[:-1]])
        self.held: IntArray = self._delivered(self.gathered)

    def groups(self) -> list[Members]:
        """The groups that deliver anything."""
        return [tuple(sorted(group)) for group, held in zip(self.members[:-1], self.held, strict=True) if held > 0]

    def step(self, one: int, other: int, allowed: float, rng: np.random.Generator) -> None:
        """Move or swap a device between two places in the best way, if that loses no more than is allowed."""
        given, taken = [*self.members[one], self.nobody], [*self.members[other], self.nobody]
        change = self.shares[taken][None, :, :] - self.shares[given][:, None, :]
        gain = self._delivered(self.gathered[one] + change) - self.held[one]
        with_spares = other == len(self.held)
        # Spares deliver nothing, whoever is among them.
        if not with_spares:
            gain = gain + self._delivered(self.gathered[other] - change) - self.held[other]
        # To give nobody for nobody is no step.
        gain[-1, -1] = np.iinfo(np.int64).min
        largest = gain.max()
        if largest < -allowed:
            return
        ways = np.argwhere(gain == largest)
        i, k = ways[rng.integers(len(ways))].tolist()
        self._exchange(one, other, given[i], taken[k])
        for place in (one,) if with_spares else (one, other):
            # Summed anew, so that rounding does not pile up.
            self.gathered[place] = self.shares[self.members[place]].sum(axis=0)
            self.held[place] = self._delivered(self.gathered[place])

    def _exchange(self, one: int, other: int, given: int, taken: int) -> None:
        if given != self.nobody:
            self.members[one].remove(given)
            self.members[other].append(given)
        if taken != self.nobody:
            self.members[other].remove(taken)
            self.members[one].append(taken)

    def _delivered(self, gathered: FloatArray) -> IntArray:
        return self.problem.delivered(gathered, surely=True)
