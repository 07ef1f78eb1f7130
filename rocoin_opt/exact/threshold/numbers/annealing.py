"""A packing by simulated annealing: what groups waste is driven from one to the next, until a whole device is left.

Devices that hold a size can serve in all smaller groups. So the largest groups are made first, of as little share as
can be, and what is left over serves in the next smaller ones. Making groups of one size is bin covering: exchanges of
devices with nearly the same share bring most groups to their need almost exactly, and gather what is beyond it. Where
few groups are asked for of each size, those of a few sizes are made together: made alone, a single group wastes much.

Linear programs do not know what whole devices waste, and the dives that follow them end with a few groups that cannot
be made, though far more was to spare. Here no linear program is solved at all: the numbers of groups are those that
leave a wide margin of shares at every size, wider after a failure at the sizes that could not be made, and drawn anew
for what is left once some groups are made. It proves nothing: what it fails for may have a packing. After Kirkpatrick,
Gelatt and Vecchi, "Optimization by simulated annealing", Science 220, 1983.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rocoin_opt.exact.answer.packing import compiled_by_numba
from rocoin_opt.exact.threshold.numbers.exchanges import DRAWS, exchange
from rocoin_opt.exact.threshold.numbers.margins import Margins, Rest

if TYPE_CHECKING:
    from collections.abc import Callable

    from rocoin_opt.control import Control
    from rocoin_opt.grouping import ThresholdProblem
    from rocoin_opt.instance import BoolArray, FloatArray, IntArray

MIN_DEVICES = 300
"""Devices from which on dives take longer than an annealing."""
A_DEVICE = 10_000
"""Exchanges a device of each annealing."""
A_CALL = 20_000
"""Exchanges at one temperature, between two looks at the clock, at most."""
COOLINGS = 100
"""Temperatures, at least."""
TEMPERATURES = (0.03, 1e-4)
"""The first and the last one, in shares; from one to the next it falls by the same factor."""
MISSING = (1.0, 100.0)
"""The first and the last price of a share that a group lacks, where one beyond its need costs 1. What is cheap at first
lets devices go: how much can be left over is found before the groups are."""
LACKING = (0.01, 1.0)
"""The same for each group that lacks any: little may be missing of a group that only others could mend."""
WEIGHT = 3.0
"""Factor of what groups of the largest size cost, and of groups of a size that is made alone; of smaller sizes that are
made with them it falls towards 1: more devices can mend these."""
TOGETHER = (1, 6)
"""Groups that are made together, at least; one of these is drawn for each annealing."""
REDRAWN = 3
"""Numbers that are drawn for what is left, at most, before the annealing is given up."""
WIDER = 1.5
"""Factor by which the margin grows at sizes whose groups could not be made."""


def anneal(problem: ThresholdProblem, control: Control, tries: int, times: int = 0) -> list[tuple[int, ...]] | None:
    """Look for disjoint groups that hold all filters within a threshold.

    Parameters
    ----------
    problem : ThresholdProblem
        Instance, objective and threshold.
    control : Control
        Limit and seed.
    tries : int
        Most annealings, each with other draws.
    times : int
        Part of the seed: another value, other draws.

    Returns
    -------
    list of tuples of int or None
        Device indices of the groups, whose cover is true up to rounding. None where none were found, and where it is
        not tried: where devices lead groups or fail together, in small fleets, and without Numba.
    """
    if problem.led or problem.coverage is not None or len(problem.shares) < MIN_DEVICES:
        return None
    run = compiled_by_numba(exchange, is_worthwhile=True, control=control)
    if run is exchange:
        return None
    annealing = Annealing(problem, control, np.random.default_rng((control.seed, times)), run)
    if not annealing.has_room:
        return None
    for _ in range(tries):
        groups = annealing.make()
        if groups is not None:
            return groups
        if control.exhausted:
            break
    return None


class Annealing:
    """Makes groups that hold all filters, the largest first.

    Parameters
    ----------
    problem : ThresholdProblem
        Instance, objective and threshold; shares of a group add up.
    control : Control
        Limit.
    rng : numpy.random.Generator
        What is drawn.
    run : callable
        Tries exchanges; see :func:`~rocoin_opt.exact.threshold.numbers.exchanges.exchange`.
    """

    def __init__(
        self, problem: ThresholdProblem, control: Control, rng: np.random.Generator, run: Callable[..., Any]
    ) -> None:
        self.problem, self.control, self.rng, self.run = problem, control, rng, run
        self.margins = Margins(problem)

    @property
    def has_room(self) -> bool:
        """Whether shares alone leave room for any numbers of groups that hold all filters, up to rounding."""
        margins = self.margins
        return margins.draw(self.rng, margins.all, np.ones(len(margins.sizes))) is not None

    def make(self) -> list[tuple[int, ...]] | None:
        """Make groups; None if some could not be made."""
        together, wider = int(self.rng.choice(TOGETHER)), np.ones(len(self.margins.sizes))
        made, rest = list[tuple[int, ...]](), self.margins.all
        while not self.margins.is_made(rest):
            largest = self._largest(rest, together, wider)
            if largest is None:
                return None
            groups, rest = largest
            made += groups
        return made

    def _largest(self, rest: Rest, together: int, wider: FloatArray) -> tuple[list[tuple[int, ...]], Rest] | None:
        """Make the largest groups that are left to make, and tell what is left then; None if they lack shares."""
        for _ in range(REDRAWN):
            numbers = self.margins.draw(self.rng, rest, wider)
            if numbers is None or self.control.exhausted:
                break
            own = numbers - np.append(numbers[1:], 0)
            levels = np.flatnonzero(own)[::-1]
            levels = levels[: 1 + int(np.searchsorted(np.cumsum(own[levels]), together))]
            groups = self._anneal(rest, levels, own[levels])
            if groups is None:
                wider[levels] *= WIDER
                continue
            shares = rest.shares.copy()
            shares[np.concatenate(groups)] = 0.0
            filters = int(own[levels] @ self.margins.sizes[levels])
            return groups, Rest(shares, int(levels[-1]), rest.filters - filters, rest.groups + len(groups))
        return None

    def _anneal(self, rest: Rest, levels: IntArray, numbers: IntArray) -> list[tuple[int, ...]] | None:
        """Make numbers of groups of some sizes, the largest first; None if some lack shares."""
        # All of a size run the same student, the one with which most is left.
        holds: BoolArray = np.column_stack([self.margins.holders(rest, size) for size in levels.tolist()])
        devices = np.flatnonzero(holds.any(axis=1))
        devices = devices[np.argsort(rest.shares[devices], kind="stable")]
        holds = np.column_stack([holds[devices], np.ones(len(devices), dtype=bool)])
        groups, shares = int(numbers.sum()), rest.shares[devices]
        level = np.repeat(np.arange(len(levels) + 1), np.append(numbers, 1))
        weights = np.geomspace(WEIGHT, 1.0, len(levels) + 1)[level]
        # At first all devices are in no group, whose ring comes last.
        ring, none = np.append(np.arange(len(devices)), len(devices) + groups), len(devices) + np.arange(groups)
        ahead, behind = (np.insert(np.roll(ring, by), -1, none) for by in (-1, 1))
        group, sums = np.full(len(devices), groups), np.append(np.zeros(groups), shares.sum())
        steps = A_DEVICE * len(devices)
        calls = max(COOLINGS, -(-steps // A_CALL))
        cooling = zip(*(np.geomspace(*ends, calls).tolist() for ends in (TEMPERATURES, MISSING, LACKING)), strict=True)
        for prices in cooling:
            if self.control.exhausted:
                return None
            draws = self.rng.random((-(-steps // calls), DRAWS))
            self.run(shares, holds, level, weights, group, ahead, behind, sums, draws, *prices)
        made = [tuple(np.sort(devices[group == place]).tolist()) for place in range(groups)]
        return made if all(made) and self.problem.covering(made).all() else None
