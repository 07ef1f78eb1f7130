"""Minimal covers packed on channels by an integer program: what the prices of air leave open of ``guaranteed``.

The packing relaxation mixes fractions of groups, each as large as it could be alone. Of some thirty devices all minimal
covers can be listed, and a program that takes whole ones, with sizes that are free within what a student can hold,
refutes later times. What it finds for other times is where a search for plans goes on; see statement S80 in
``docs/formulation/channels.md``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.sparse import coo_array

from rocoin_opt.exact.channels.rounding import sized
from rocoin_opt.failure import check, value_of
from rocoin_opt.heuristics.rebalance import rebalance
from rocoin_opt.highs import LinearModel, solve_linear
from rocoin_opt.instance import ROUNDING, SAFETY, SOLVER_SAFETY, stretched
from rocoin_opt.plan import plan_of

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.exact.channels.air_relaxation import AirRelaxation
    from rocoin_opt.exact.channels.rounding import Column
    from rocoin_opt.instance import FloatArray, Instance, IntArray
    from rocoin_opt.plan import Members, Objective, Plan

MOST_COVERS = 4_000
"""Covers that are listed at most."""
MOST_COLUMNS = 6_000
"""Columns of a program at most: beyond, its first relaxation takes too long."""
WIDTHS = (8, 4, 2)
"""Widest interval of sizes of a column, one after another: the narrower, the sharper, and the larger the program."""
ROWS = 100
"""Ready times of a channel that have a row."""
CLOSE = 2e-3
"""Relative width of the interval at which the search for the bound ends."""
ENOUGH = SOLVER_SAFETY - 1.0
"""Objective of all filters, with room for a solver's tolerances."""
SHARE = 0.5
"""Share of the time left that one program may take."""


def packed_air_bound(
    instance: Instance, objective: Objective, control: Control, relaxation: AirRelaxation, low: float, high: float
) -> tuple[float, list[Plan]]:
    """A lower bound on a latency of every plan by programs at one time after another, and the plans that these suggest.

    Parameters
    ----------
    instance : Instance
        Constant latencies and shared channels.
    objective : {'guaranteed', 'worst'}
        Which latency.
    control : Control
        Its limit ends the search with what is proven by then.
    relaxation : AirRelaxation
        With prices.
    low, high : float
        A bound that is known, and the value of a plan, in seconds.

    Returns
    -------
    bound : float
        In seconds; ``low`` where no better one is proven.
    plans : list of Plan
        Valid ones, the earliest first.
    """
    program, until, width = CoverProgram(instance, relaxation), high, 0
    plans: dict[Plan, float] = {}
    while program.covers is not None and high - low > max(CLOSE, control.gap) * high and not control.exhausted:
        if until - low <= CLOSE * high:
            # What is left open is so for want of sharpness.
            until, width = high, width + 1
            if width == len(WIDTHS) or not program.is_sloped:
                break
        middle = 0.5 * (low + until)
        refuted, columns = program.at(middle, WIDTHS[width], control.share(SHARE).silent())
        if refuted:
            low = middle * (1.0 - ROUNDING)
            control.tell(high, low)
            continue
        until = middle
        groups = sized(instance, columns) if columns else None
        plan = None if groups is None else plan_of(instance, groups)
        if plan is not None and not check(instance, plan):
            plan = rebalance(instance, objective, plan, control)
            plans[plan] = value_of(instance, plan, objective)
            high = min(high, plans[plan])
            until = min(until, high)
            control.tell(high, low)
    return low, sorted(plans, key=plans.__getitem__)


class Sized(NamedTuple):
    """A cover whose part has some size of an interval."""

    members: Members
    low: int
    high: int


class CoverProgram:
    """The program at one time after another.

    Parameters
    ----------
    instance : Instance
        Constant latencies and shared channels.
    relaxation : AirRelaxation
        What devices need at least, and prices, for ``guaranteed`` or ``worst``.

    Attributes
    ----------
    covers : list of tuple of int, or None
        All minimal covers; None where there are too many.
    """

    def __init__(self, instance: Instance, relaxation: AirRelaxation) -> None:
        self.relaxation = relaxation
        self.total, self.groups = instance.knowledge.num_filters, instance.max_groups
        self.fewest = instance.requirements.min_groups
        arrays = instance.arrays
        self.covers = minimal_covers(np.minimum(arrays.cover_share, 1.0))
        #: Sizes from which on some student holds no more, so that devices are ready later.
        self.cuts: IntArray = np.unique(arrays.largest) + 1
        self.is_sloped = bool(arrays.compute[:, :, 1].max(initial=0.0) > 0.0)

    def at(self, seconds: float, width: int, control: Control) -> tuple[bool, list[Column]]:
        """Whether no plan is as early as a time; else groups that may be, with their sizes, if some were found.

        Parameters
        ----------
        seconds : float
            Threshold.
        width : int
            Widest interval of sizes.
        control : Control
            Limit, threads and seed.
        """
        columns = self.columns(seconds, width)
        if columns is None:
            return False, []
        if not columns:
            return True, []
        # Nodes that hold less than all filters are of no use, and the first solution that holds them ends the search.
        options = {"objective_bound": ENOUGH, "objective_target": ENOUGH}
        found, values = solve_linear(self._model(columns, seconds), control, options=options)
        if found.objective is None or found.objective > ENOUGH:
            return found.status in {"infeasible", "optimal"}, []
        assert values is not None
        taken = np.flatnonzero(values[: len(columns)] > 0.5)
        sizes = values[len(columns) : 2 * len(columns)]
        return False, [
            (columns[q].members, max(columns[q].low, math.floor(columns[q].low + sizes[q] + SAFETY)))
            for q in taken.tolist()
        ]

    def columns(self, seconds: float, width: int) -> list[Sized] | None:
        """Covers by intervals of sizes that a plan within a time may hold; None where there are too many.

        Parameters
        ----------
        seconds : float
            Threshold.
        width : int
            Widest interval of sizes.
        """
        relaxation = self.relaxation
        most = relaxation.largest_alone(seconds)
        costs, slack = relaxation.priced(seconds)
        found: list[Sized] = []
        edges = np.union1d(self.cuts, np.arange(1, self.total + 1, width)) if self.is_sloped else self.cuts
        for members in self.covers or ():
            own = np.array(members)
            highest = int(most[own].min())
            # Even if all others are the largest ones there may be, this one is no smaller.
            least = max(1, self.total - (self.groups - 1) * int(most.max()))
            if highest < least:
                continue
            lows = np.union1d([least], edges[(edges > least) & (edges <= highest)])
            highs = np.append(lows[1:] - 1, highest)
            # Dearer ones are in no packing that holds all filters.
            worth = highs - costs[np.ix_(own, lows)].sum(axis=0)
            found += [
                Sized(members, low, high)
                for low, high, gain in zip(lows.tolist(), highs.tolist(), worth.tolist(), strict=True)
                if gain + slack >= -SOLVER_SAFETY * self.total
            ]
            if len(found) > MOST_COLUMNS:
                return None
        return found

    def _model(self, columns: list[Sized], seconds: float) -> LinearModel:
        """Whole covers, the filters of each beyond its interval's least, and the air that is sent from some times on.

        Air is summed from the last ready time of a channel to the first one, so that each device is in one row.

        Parameters
        ----------
        columns : list of Sized
            At least one.
        seconds : float
            Threshold.
        """
        relaxation, count, unit = self.relaxation, len(columns), seconds or 1.0
        devices = len(relaxation.air)
        lows = np.array([column.low for column in columns])
        widths = np.array([column.high for column in columns]) - lows
        column_of = np.repeat(np.arange(count), [len(column.members) for column in columns])
        member = np.concatenate([column.members for column in columns])
        on_air = relaxation.channel[member] >= 0
        sender, owner = member[on_air], column_of[on_air]
        steps, step_of = _ready_steps(relaxation.channel[sender], relaxation.ready[sender, lows[owner]])
        sent = relaxation.air[sender] / unit
        wide, later = np.flatnonzero(widths), np.flatnonzero(steps.channel[1:] == steps.channel[:-1])
        # Rows: devices, the number of groups, air from each step on, and what ties a size to its cover.
        air, tie = devices + 1, devices + 1 + len(steps.seconds)
        every, step, ties = np.arange(count), np.arange(len(steps.seconds)), tie + np.arange(len(wide))
        entries = (
            (member, column_of, np.ones(len(member))),
            (np.full(count, devices), every, np.ones(count)),
            (air + step_of, owner, sent * lows[owner]),
            (air + step_of, count + owner, sent),
            (air + step, 2 * count + step, np.full(len(step), -1.0)),
            (air + later, 2 * count + later + 1, np.ones(len(later))),
            (ties, wide, -widths[wide].astype(np.float64)),
            (ties, count + wide, np.ones(len(wide))),
        )
        rows, places, values = (np.concatenate(part) for part in zip(*entries, strict=True))
        matrix = coo_array((values, (rows, places)), shape=(tie + len(wide), 2 * count + len(step))).tocsc()
        free = np.maximum((stretched(seconds) - steps.seconds) / unit, 0.0) + SOLVER_SAFETY
        return LinearModel(
            sense=1,
            offset=0.0,
            cost=np.concatenate([-lows / self.total, np.full(count, -1.0 / self.total), np.zeros(len(free))]),
            lower=np.zeros(matrix.shape[1]),
            upper=np.concatenate([np.ones(count), widths, free]),
            row_lower=np.concatenate(
                [np.full(devices, -math.inf), [float(self.fewest)], np.full(len(free) + len(wide), -math.inf)]
            ),
            row_upper=np.concatenate([np.ones(devices), [float(self.groups)], np.zeros(len(free) + len(wide))]),
            starts=matrix.indptr.astype(np.int64),
            rows=matrix.indices.astype(np.int64),
            values=matrix.data,
            integral=np.concatenate([np.ones(count, dtype=np.int64), np.zeros(count + len(free), dtype=np.int64)]),
        )


class _Steps(NamedTuple):
    """Ready times that have a row, one channel after another, ascending: the channel and the seconds of each."""

    channel: IntArray
    seconds: FloatArray


def _ready_steps(channel: IntArray, ready: FloatArray) -> tuple[_Steps, IntArray]:
    """At most :data:`ROWS` steps a channel, and for each of some transfers the last one that it is not ready before."""
    channels, seconds, step_of = np.empty(0, dtype=np.int64), np.empty(0), np.zeros(len(channel), dtype=np.int64)
    for c in np.unique(channel).tolist():
        own = channel == c
        times = np.unique(np.quantile(ready[own], np.linspace(0.0, 1.0, ROWS), method="lower"))
        step_of[own] = len(seconds) + np.searchsorted(times, ready[own], side="right") - 1
        channels, seconds = np.append(channels, np.full(len(times), c)), np.append(seconds, times)
    return _Steps(channels, seconds), step_of


def minimal_covers(shares: FloatArray) -> list[Members] | None:
    """Sets of devices whose shares of the outage limit sum to 1, and those of no smaller set; None for too many.

    Parameters
    ----------
    shares : FloatArray, N
        At most 1 each.
    """
    order = [n for n in np.argsort(-shares, kind="stable").tolist() if shares[n] > 0.0]
    behind = np.append(np.cumsum(shares[order][::-1])[::-1], 0.0).tolist()
    found: list[Members] = []

    def extend(chosen: Members, covered: float, place: int) -> None:
        # By falling shares: without any of its devices such a set covers less than without the last one.
        for at in range(place, len(order)):
            if covered + behind[at] < 1.0 - SAFETY or len(found) > MOST_COVERS:
                return
            now = covered + float(shares[order[at]])
            if now >= 1.0 - SAFETY:
                found.append(tuple(sorted((*chosen, order[at]))))
            else:
                extend((*chosen, order[at]), now, at + 1)

    extend((), 0.0, 0)
    return found if len(found) <= MOST_COVERS else None
