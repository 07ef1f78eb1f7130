"""The packing relaxation with rows for the air of channels: a lower bound on latencies of fleets of any size.

By a time T, groups are packed of which each filter is sent by devices whose shares of the outage limit sum to 1; for
``nominal`` one member leads, and the others may send later. Each device is in one group at most, there are as many
groups as are allowed, and on each channel those that are ready at r or later send for T - r at most. Columns are
generated at the prices of all three: a group of size s costs what its devices cost, and s times what their air costs.
Shares are rounded up to units, and each device runs the student that it is ready with first, so that the bound is
valid; see statement S76 in ``docs/formulation/channels.md``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from rocoin_opt.highs import RestrictedMaster
from rocoin_opt.instance import ROUNDING, SAFETY, stretched

if TYPE_CHECKING:
    from collections.abc import Callable

    from rocoin_opt.control import Control
    from rocoin_opt.instance import BoolArray, FloatArray, Instance, IntArray
    from rocoin_opt.plan import Objective

    Find: TypeAlias = Callable[[int], tuple[list[int], list[int]]]

UNITS = 256
"""Units of a whole share."""
ROWS = 40
"""Ready times of a channel that have a row."""
NEW_COLUMNS = 16
"""Columns that a round adds at most."""
MOST_ROUNDS = 80
"""Rounds after which a threshold counts as possible."""
STEPS = 12
"""Thresholds that are tried."""
CLOSE = 1e-3
"""Relative width of the interval at which the search for the bound ends."""
MOST_DEVICES = 120
"""Devices up to which it is worth its time."""


def priced_air_bound(
    instance: Instance, objective: Objective, control: Control, low: float, high: float
) -> tuple[float, AirRelaxation | None]:
    """A lower bound on a latency of every plan by the packing relaxation with airtime rows, and the relaxation.

    Parameters
    ----------
    instance : Instance
        Constant latencies and shared channels.
    objective : {'guaranteed', 'nominal', 'worst'}
        Which latency.
    control : Control
        Its limit ends the search with what is proven by then.
    low, high : float
        A bound that is known, and the value of a plan, in seconds.

    Returns
    -------
    bound : float
        In seconds; ``low`` where no better one is proven.
    relaxation : AirRelaxation or None
        As it stands at the end; None for too many devices.
    """
    if len(instance.devices) > MOST_DEVICES or not high < math.inf:
        return low, None
    relaxation = AirRelaxation(instance, objective, control, high)
    for _ in range(STEPS):
        if high - low <= CLOSE * high or control.exhausted:
            break
        middle = 0.5 * (low + high)
        if relaxation.refutes(middle):
            low = middle * (1.0 - ROUNDING)
        else:
            high = middle
    return low, relaxation


@dataclass(frozen=True, eq=False)
class _Columns:
    """Groups to add: members, size, and when the last one that counts would answer alone."""

    members: list[list[int]]
    sending: list[list[int]]
    size: list[int]
    latest: list[float]


class AirRelaxation:
    """The relaxation at one threshold after another; columns are kept.

    Parameters
    ----------
    instance : Instance
        Constant latencies and shared channels.
    objective : {'guaranteed', 'nominal', 'worst'}
        Which latency.
    control : Control
        Its limit ends a proof.
    latest : float
        No threshold is later, in seconds.
    """

    def __init__(self, instance: Instance, objective: Objective, control: Control, latest: float) -> None:
        arrays, self.control, self.is_led = instance.arrays, control, objective == "nominal"
        self.total, self.groups = instance.knowledge.num_filters, instance.max_groups
        count = len(instance.devices)
        sizes = np.arange(self.total + 1)
        overhead = np.array([device.overhead_seconds for device in instance.devices])
        compute = arrays.compute[:, :, :1] + arrays.compute[:, :, 1:2] * sizes
        able = sizes <= arrays.largest[:, :, None]
        # N x (M + 1): no student makes the device ready earlier.
        self.ready: FloatArray = overhead[:, None] + np.where(able, compute, math.inf).min(axis=1)
        self.ready *= 1.0 - ROUNDING
        self.air = arrays.transfer * (1.0 - ROUNDING)
        self.alone = self.ready + self.air[:, None] * sizes
        self.units: IntArray = np.ceil(np.minimum(arrays.cover_share, 1.0) * UNITS - SAFETY).astype(np.int64)
        self.channel = np.full(count, -1)
        row_of, row_ready = [], []
        for c, members in enumerate(instance.shared_channels.values()):
            self.channel[list(members)] = c
            times = self.ready[list(members), 1:]
            times = times[np.isfinite(times) & (times < latest)]
            if len(times):
                steps = np.unique(np.quantile(times, np.linspace(0.0, 1.0, ROWS), method="lower"))
                row_of += [c] * len(steps)
                row_ready += steps.tolist()
        self.row_of, self.row_ready = np.array(row_of, dtype=np.int64), np.array(row_ready)
        rows = count + 1 + len(row_of)
        self.master = RestrictedMaster(np.full(rows, -math.inf), np.full(rows, math.inf), control)
        self.latest: FloatArray = np.empty(0)
        self.known: set[tuple[int, ...]] = set()
        self.columns: list[tuple[tuple[int, ...], int]] = []
        """Members and size of each group that was priced."""
        self.prices: FloatArray = np.zeros(rows)
        """The last ones: what they prove holds at every threshold."""
        self.fractions: FloatArray = np.empty(0)
        """What the last threshold that was not refuted takes of the first of them."""

    def refutes(self, seconds: float) -> bool:
        """Whether no plan is as early as a time in seconds; False where that is not proven."""
        right, fits = self._right(seconds), self._fits(seconds)
        wanted = self.total * (1.0 - SAFETY)
        if not len(self.latest):
            prices: FloatArray = np.concatenate([np.zeros(len(self.air)), [0.0], np.zeros(len(self.row_ready))])
            best, is_new = self._price(prices, fits)
            if not is_new:
                # At no prices at all no group is worth anything.
                return best <= SAFETY
        for _ in range(MOST_ROUNDS):
            if self.control.exhausted:
                return False
            self.master.limit(right, np.where(self.latest <= stretched(seconds), math.inf, 0.0))
            solution = self.master.solve()
            if solution is None:
                return False
            if solution.objective >= wanted:
                self.fractions = solution.values
                return False
            self.prices = prices = np.maximum(solution.prices, 0.0)
            best, is_new = self._price(prices, fits)
            if (prices @ right + self.groups * max(best, 0.0)) * (1.0 + SAFETY) < wanted:
                return True
            if not is_new:
                return False
        return False

    def _price(self, prices: FloatArray, fits: BoolArray) -> tuple[float, bool]:
        """The most that any group is worth above its price, at most; and whether the master has new columns.

        Parameters
        ----------
        prices : FloatArray, one a row
            None of them negative.
        fits : BoolArray, N x (M + 1)
            Who can send how much in time.
        """
        cost, group = self._costs(prices, fits), float(prices[len(self.air)])
        sizes = np.arange(self.total + 1)
        worth, find = self._led(prices[: len(self.air)], cost) if self.is_led else self._covered(cost)
        value = sizes - group - worth
        value[0] = -math.inf
        found = _Columns([], [], [], [])
        for s in np.argsort(-value, kind="stable")[:NEW_COLUMNS].tolist():
            if value[s] <= SAFETY:
                break
            members, sending = find(s)
            key = (s, *sorted(sending), -1, *sorted(members))
            if key in self.known:
                continue
            self.known.add(key)
            self.columns.append((tuple(sorted(members)), s))
            found.members.append(members)
            found.sending.append(sending)
            found.size.append(s)
            found.latest.append(float(self.alone[sending, s].max()))
        if found.size:
            self._add(found)
        return float(value.max()), bool(found.size)

    def _right(self, seconds: float) -> FloatArray:
        """Right sides of the rows at a time in seconds."""
        free = np.maximum(stretched(seconds) - self.row_ready, 0.0)
        return np.concatenate([np.ones(len(self.air)), [float(self.groups)], free])

    def _fits(self, seconds: float) -> BoolArray:
        """Who answers by a time in seconds with which part on a link of its own: N x (M + 1)."""
        return np.asarray((self.alone <= stretched(seconds)) & (np.arange(self.total + 1) > 0))

    def largest_alone(self, seconds: float) -> IntArray:
        """Largest part of each device that answers by a time in seconds with a link of its own; 0 where none does."""
        return np.asarray((self._fits(seconds) * np.arange(self.total + 1)).max(axis=1))

    def priced(self, seconds: float) -> tuple[FloatArray, float]:
        """What devices cost at the last prices, and how far a group's worth may be below its cost.

        Parameters
        ----------
        seconds : float
            Threshold; not for ``nominal``.

        Returns
        -------
        costs : FloatArray, N x (M + 1)
            Of each device by the size of its part, in filters; infinite where it does not answer by then.
        slack : float
            A packing of all filters has no group of size s whose devices cost more than s and this together.
        """
        right, fits = self._right(seconds), self._fits(seconds)
        cost, group = self._costs(self.prices, fits), float(self.prices[len(self.air)])
        worth, _ = self._covered(cost)
        best = max(float((np.arange(1, self.total + 1) - group - worth[1:]).max()), 0.0)
        return cost, float(self.prices @ right) + (self.groups - 1) * best - group - self.total

    def _costs(self, prices: FloatArray, fits: BoolArray) -> FloatArray:
        """What each device costs by the size of its part: N x (M + 1).

        Parameters
        ----------
        prices : FloatArray, one a row
            None of them negative.
        fits : BoolArray, N x (M + 1)
            Who can send how much in time.
        """
        count = len(self.air)
        own, air = prices[:count], prices[count + 1 :]
        by_air = np.zeros_like(self.ready)
        for c in range(int(self.channel.max()) + 1):
            rows = np.flatnonzero(self.row_of == c)
            # A row holds whoever is ready at its time or later.
            summed = np.append(0.0, np.cumsum(air[rows]))
            members = self.channel == c
            by_air[members] = summed[np.searchsorted(self.row_ready[rows], self.ready[members], side="right")]
        return np.asarray(
            np.where(fits, own[:, None] + by_air * self.air[:, None] * np.arange(self.total + 1), math.inf)
        )

    def _covered(self, cost: FloatArray) -> tuple[FloatArray, Find]:
        """The cheapest covers by size, all of whose members send."""
        least, taken = _cheapest(cost.T, self.units)

        def find(s: int) -> tuple[list[int], list[int]]:
            members = _members(taken, s, UNITS, self.units)
            return members, members

        return least[:, UNITS], find

    def _led(self, own: FloatArray, cost: FloatArray) -> tuple[FloatArray, Find]:
        """The cheapest leaders by size, each with the cheapest others that cover what it leaves."""
        count = len(own)
        others = np.repeat(own[None, :], count, axis=0)
        np.fill_diagonal(others, math.inf)
        least, taken = _cheapest(others, self.units)
        left = UNITS - self.units
        together = cost + least[np.arange(count), left][:, None]
        leader = together.argmin(axis=0)

        def find(s: int) -> tuple[list[int], list[int]]:
            n = int(leader[s])
            return [n, *_members(taken, n, int(left[n]), self.units)], [n]

        return together.min(axis=0), find

    def _add(self, found: _Columns) -> None:
        starts, rows, values = [0], [], []
        count = len(self.air)
        for members, sending, s in zip(found.members, found.sending, found.size, strict=True):
            rows += [*members, count]
            values += [1.0] * (len(members) + 1)
            for place, (c, ready) in enumerate(zip(self.row_of.tolist(), self.row_ready.tolist(), strict=True)):
                on_air = [n for n in sending if self.channel[n] == c and self.ready[n, s] >= ready]
                if on_air:
                    rows.append(count + 1 + place)
                    values.append(s * float(self.air[on_air].sum()))
            starts.append(len(rows))
        self.master.add(np.array(found.size, dtype=np.float64), np.array(starts), np.array(rows), np.array(values))
        self.latest = np.append(self.latest, found.latest)


def _cheapest(cost: FloatArray, units: IntArray) -> tuple[FloatArray, list[BoolArray]]:
    """The least cost of at least so many units, for many costs at once.

    Parameters
    ----------
    cost : FloatArray, B x N
        Of each device; infinite where it must not be taken.
    units : IntArray, N
        What each device covers.

    Returns
    -------
    least : FloatArray, B x (UNITS + 1)
        By units.
    taken : list of BoolArray, N times B x (UNITS + 1)
        Whether the device is taken, of the first so many.
    """
    least = np.full((len(cost), UNITS + 1), math.inf)
    least[:, 0] = 0.0
    taken = []
    places = np.arange(UNITS + 1)
    for n, covered in enumerate(units.tolist()):
        with_it = least[:, np.maximum(places - covered, 0)] + cost[:, n, None]
        better = with_it < least
        taken.append(better)
        least = np.where(better, with_it, least)
    return least, taken


def _members(taken: list[BoolArray], place: int, wanted: int, units: IntArray) -> list[int]:
    """Who is taken.

    Parameters
    ----------
    taken : list of BoolArray
        Of :func:`_cheapest`.
    place : int
        Which of the many costs.
    wanted : int
        Units.
    units : IntArray, N
        What each device covers.
    """
    members = []
    for n in range(len(taken) - 1, -1, -1):
        if taken[n][place, wanted]:
            members.append(n)
            wanted = max(wanted - int(units[n]), 0)
    return members
