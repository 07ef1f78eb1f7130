"""A packing by simulated annealing: what groups waste is driven from one to the next, until a whole device is left.

Devices that hold a size can serve in all smaller groups. So the largest groups are made first, of as little share as
can be, and what is left over serves in the next smaller ones. Making groups of one size is bin covering: exchanges of
devices with nearly the same share bring most groups to their need almost exactly, and gather what is beyond it.

Linear programs do not know what whole devices waste, and the dives that follow them end with a few groups that cannot
be made, though far more was to spare. Here no linear program is solved at all: the numbers of groups are those that
leave a wide margin of shares at every size, wider after each failure at the size where groups were lacking. It proves
nothing: what it fails for may have a packing. After Kirkpatrick, Gelatt and Vecchi, "Optimization by simulated
annealing", Science 220, 1983.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rocoin_opt.exact.answer.packing import compiled_by_numba
from rocoin_opt.exact.threshold.numbers.exchanges import DRAWS, exchange
from rocoin_opt.exact.threshold.numbers.margins import Margins

if TYPE_CHECKING:
    from collections.abc import Callable

    from rocoin_opt.control import Control
    from rocoin_opt.exact.threshold.packing import Counts
    from rocoin_opt.grouping import ThresholdProblem
    from rocoin_opt.instance import FloatArray, IntArray

MIN_DEVICES = 300
"""Devices from which on dives take longer than this."""
A_DEVICE = 10_000
"""Exchanges a device of each annealing."""
A_CALL = 20_000
"""Exchanges at one temperature, between two looks at the clock, at most."""
COOLINGS = 100
"""Temperatures, at least."""
TEMPERATURES = (0.1, 1e-5)
"""The first and the last one, in shares; from one to the next it falls by the same factor."""
MISSING = (0.5, 1e4)
"""The first and the last price of a share that a group lacks, where one beyond its need costs 1. What is cheap at first
lets devices go: how much can be left over is found before the groups are."""


def anneal(
    problem: ThresholdProblem, control: Control, tries: int, times: int = 0, counts: Counts | None = None
) -> list[tuple[int, ...]] | None:
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
        Draws other numbers for each number.
    counts : Counts, optional
        Its ``least`` is asked for; where absent, each try draws numbers that leave a wide margin.

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
    margins = Margins(problem)
    for _ in range(tries):
        asked = margins.draw(annealing.rng) if counts is None else counts
        if asked is None:
            break
        groups = annealing.make(asked)
        if groups is not None:
            return groups
        if annealing.lacking is None:
            break
        margins.widen(annealing.lacking)
    return None


class Annealing:
    """Makes groups of given sizes.

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

    Attributes
    ----------
    lacking : int or None
        Size of which groups could not be made last; None where the limit came first.
    """

    def __init__(
        self, problem: ThresholdProblem, control: Control, rng: np.random.Generator, run: Callable[..., Any]
    ) -> None:
        self.problem, self.control, self.rng, self.run = problem, control, rng, run
        # More than a group needs counts no more than that.
        self.shares: FloatArray = np.minimum(problem.shares, 1.0)
        self.lacking: int | None = None

    def make(self, counts: Counts) -> list[tuple[int, ...]] | None:
        """Make groups, the largest first; None if some could not be made.

        Parameters
        ----------
        counts : Counts
            Its ``least`` is asked for.
        """
        own = counts.least - np.append(counts.least[1:], 0)
        free = self.shares.copy()
        made: list[tuple[int, ...]] = []
        for size, number in zip(counts.sizes[::-1].tolist(), own[::-1].tolist(), strict=True):
            if number == 0:
                continue
            # All run the same student, the one with which most is left.
            holds = self.problem.allowed >= size
            devices = np.flatnonzero(holds[:, int(np.argmax(free @ holds))] & (free > 0.0))
            groups = self._anneal(devices[np.argsort(self.shares[devices], kind="stable")], number)
            if groups is None:
                self.lacking = None if self.control.exhausted else size
                return None
            made += groups
            free[np.concatenate(groups)] = 0.0
        return made

    def _anneal(self, devices: IntArray, groups: int) -> list[tuple[int, ...]] | None:
        """Make groups of devices, which come by ascending share and all hold the size; None if some lack shares."""
        shares, none = self.shares[devices], np.arange(groups)
        # At first all devices are in no group, whose ring comes last.
        ring = np.append(np.arange(len(devices)), len(devices) + groups)
        ahead, behind = (np.insert(np.roll(ring, by), -1, len(devices) + none) for by in (-1, 1))
        group, sums = np.full(len(devices), groups), np.append(np.zeros(groups), shares.sum())
        steps = A_DEVICE * len(devices)
        calls = max(COOLINGS, -(-steps // A_CALL))
        for temperature, price in zip(np.geomspace(*TEMPERATURES, calls), np.geomspace(*MISSING, calls), strict=True):
            if self.control.exhausted:
                return None
            draws = self.rng.random((-(-steps // calls), DRAWS))
            self.run(shares, group, ahead, behind, sums, draws, float(temperature), float(price))
        made = [tuple(np.sort(devices[group == place]).tolist()) for place in range(groups)]
        return made if all(made) and self.problem.covering(made).all() else None
