"""Less failure for the groups of a plan within a threshold: spares join, devices move, change places, are shared anew.

Students and part sizes stay as they are. With ``W_k`` the sum of ``-ln p_n`` over the devices of group k that count,
the answer fails with ``-ln(1 - failure) = sum over k of g(W_k)``, ``g(W) = -ln(1 - e^-W)``. So what a change is worth
is known from the weights of the groups that it touches, and all changes of a kind are valued at once.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rocoin_opt.grouping import Reach
from rocoin_opt.instance import LAST_DIGITS, ROUNDING
from rocoin_opt.plan import SMALLEST_OUTAGE, IndexedGroup, group_keeps_limit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.control import Control
    from rocoin_opt.grouping import ThresholdProblem
    from rocoin_opt.instance import BoolArray, FloatArray, IntArray

MOST_PASSES = 200
"""Passes over all changes; a descent mostly ends within twenty."""
MOST_VALUED = 30_000_000
"""Changes that all passes value together: some seconds for thousands of devices, without end for hundreds."""
MOST_EXCHANGES = 200_000
"""Exchanges of two devices that one pass values: those of the groups that fail most, where there are more."""
MOST_SHARING = 15
"""Groups whose pairs are shared out anew: those that fail most, where there are more."""
LARGEST_POOL = 12
"""Devices of two groups that are shared out anew, P, in all 2^P ways; the others stay."""
LEAST_GAIN = ROUNDING
"""Relative gain below which a change is taken for rounding."""
STATE = 3e-7
"""Seconds for each pair of a device and a group before the first change can be valued, which nothing can stop."""
SURE = 1e6
"""Weight of a device that never fails: far more than that of any group of others."""
NEARLY_ONE = 1.0 - LAST_DIGITS
"""Outage of a group without anybody who counts, so that its logarithm is finite."""
NO_GROUP = -1


def descend_failure(problem: ThresholdProblem, served: Sequence[IndexedGroup], control: Control) -> list[IndexedGroup]:
    """Lower the failure probability of the whole answer, every group still within the threshold.

    Parameters
    ----------
    problem : ThresholdProblem
        Instance, objective and threshold. Success counts by the instance's deadline.
    served : sequence of IndexedGroup
        Groups of a valid plan whose value is within the threshold.
    control : Control
        Limit, and seed; where the limit is reached the descent stops.

    Returns
    -------
    list of IndexedGroup
        The same students and sizes; no larger failure probability. A device without which the answer fails as rarely
        is left out. The same groups where the time is too short to begin.
    """
    if not control.has_time_for(seconds_to_begin(len(problem.weights), len(served))):
        return list(served)
    state = _State(problem, served, control.seed)
    state.join_spares(control)
    for _ in range(min(MOST_PASSES, max(1, MOST_VALUED // state.changes))):
        # Pairs of groups take longer to share anew, and so are the last resort.
        if control.exhausted or not (state.improve() or state.share_anew(control)):
            break
    state.leave_out(control)
    return state.served()


def seconds_to_begin(devices: int, groups: int) -> float:
    """Seconds that a descent takes before its first change, which nothing can stop.

    Parameters
    ----------
    devices, groups : int
        How many there are.
    """
    return STATE * devices * groups


class _Change(NamedTuple):
    """Devices and the groups that they go to."""

    devices: tuple[int, ...]
    groups: tuple[int, ...]


class _State:
    """Who is in which group, what the groups weigh, and what devices are worth where."""

    def __init__(self, problem: ThresholdProblem, served: Sequence[IndexedGroup], seed: int) -> None:
        self.problem, self.instance, self.first = problem, problem.instance, list(served)
        reach = Reach.within(self.instance, problem.objective, problem.threshold)
        students, sizes = [group.student for group in served], np.array([group.size for group in served])
        # N x K: whether a device may be in a group, and whether its answer counts there.
        self.held: BoolArray = reach.held[:, students] >= sizes
        counted = reach.counted[:, students] >= sizes
        self.leading = None if reach.leading is None else reach.leading[:, students] >= sizes
        covering = self.held if reach.covering is None else reach.covering[:, students] >= sizes
        self.covering: BoolArray = covering
        failure = self.instance.arrays.failure
        weights = np.where(failure > 0.0, -np.log(np.maximum(failure, SMALLEST_OUTAGE)), SURE)
        self.worth: FloatArray = np.where(counted, weights[:, None], 0.0)
        self.cover: FloatArray = np.where(covering, weights[:, None], 0.0)
        # A limit of 0 takes a device that never fails.
        self.need = min(problem.need, SURE)
        self.group: IntArray = np.full(len(failure), NO_GROUP)
        for k, group in enumerate(served):
            self.group[list(group.members)] = k
        self.random = np.random.default_rng(seed)
        self.latency = self.instance.arrays.latency(slice(None), students, sizes)
        self._weigh()

    @property
    def changes(self) -> int:
        """How many changes one pass values, about."""
        devices = len(self.group)
        return devices * len(self.first) + min(devices * devices, MOST_EXCHANGES)

    def _weigh(self) -> None:
        """Sums over the members of each group, K values each."""
        inside = np.flatnonzero(self.group != NO_GROUP)
        groups, count = self.group[inside], len(self.first)
        self.weight: FloatArray = np.bincount(groups, self.worth[inside, groups], count).astype(np.float64)
        self.covered: FloatArray = np.bincount(groups, self.cover[inside, groups], count).astype(np.float64)
        self.leaders: FloatArray = np.zeros(count)
        if self.leading is not None:
            self.leaders = np.bincount(groups, self.leading[inside, groups], count).astype(np.float64)
        self.costs = _cost(self.weight)

    def members(self, k: int) -> list[int]:
        """Devices of a group, ascending."""
        return [int(n) for n in np.flatnonzero(self.group == k)]

    def served(self) -> list[IndexedGroup]:
        """The groups as they are now."""
        return [IndexedGroup(tuple(self.members(k)), group.student, group.size) for k, group in enumerate(self.first)]

    def join_spares(self, control: Control) -> None:
        """Put each spare, the most reliable first, where it helps most."""
        spares, failure = np.flatnonzero(self.group == NO_GROUP), self.instance.arrays.failure
        outage = np.exp(-self.weight)
        now = np.log1p(-np.minimum(outage, NEARLY_ONE))
        for n in spares[np.argsort(failure[spares], kind="stable")].tolist():
            if control.exhausted:
                break
            # Outages instead of weights: one logarithm a group, where there may be thousands of both.
            after = np.where(self.worth[n] > 0.0, outage * failure[n], outage)
            gains = np.where(self.held[n], np.log1p(-np.minimum(after, NEARLY_ONE)) - now, 0.0)
            k = int(np.argmax(gains))
            if gains[k] > 0.0:
                self.group[n] = k
                outage[k] = after[k]
                now[k] = np.log1p(-min(float(after[k]), NEARLY_ONE))
        self._weigh()

    def improve(self) -> bool:
        """Make the changes that help most, one for each group at most; whether there were any."""
        gains, changes = self._moves()
        more, exchanges = self._exchanges()
        gains, changes = np.concatenate([gains, more]), changes + exchanges
        least, changed = LEAST_GAIN * float(self.costs.sum()), False
        touched: set[int] = set()
        for i in np.argsort(-gains, kind="stable").tolist():
            if gains[i] <= least:
                break
            change = changes[i]
            groups = {*change.groups, *self.group[list(change.devices)].tolist()} - {NO_GROUP}
            if not groups & touched and self._made(change, groups):
                touched |= groups
                changed = True
        self._weigh()
        return changed

    def _made(self, change: _Change, groups: set[int]) -> bool:
        """Make a change if the outage limit is kept exactly."""
        before = self.group[list(change.devices)].copy()
        self.group[list(change.devices)] = change.groups
        if all(self._keeps_limit(self.members(k), k) for k in groups):
            return True
        self.group[list(change.devices)] = before
        return False

    def _keeps_limit(self, members: list[int], k: int) -> bool:
        if self.leading is not None and not self.leading[members, k].any():
            return False
        covering = [n for n in members if self.covering[n, k]]
        return bool(covering) and group_keeps_limit(self.instance, covering)

    def _leaving(self, devices: IntArray) -> tuple[FloatArray, FloatArray, BoolArray]:
        """What the groups of devices weigh and cover without them, and whether another one leads them."""
        own = self.group[devices]
        weight = self.weight[own] - self.worth[devices, own]
        covered = self.covered[own] - self.cover[devices, own]
        if self.leading is None:
            return weight, covered, np.ones(len(devices), dtype=bool)
        return weight, covered, self.leaders[own] - self.leading[devices, own] > 0

    def _moves(self) -> tuple[FloatArray, list[_Change]]:
        """A device, in a group or spare, goes to another group: the best group for each."""
        inside, spares = np.flatnonzero(self.group != NO_GROUP), np.flatnonzero(self.group == NO_GROUP)
        weight, covered, led = self._leaving(inside)
        free = inside[led & (covered >= self.need * (1.0 - ROUNDING))]
        lost = np.zeros(len(self.group))
        lost[inside] = _cost(weight) - self.costs[self.group[inside]]
        devices = np.concatenate([free, spares])
        if len(devices) == 0:
            return np.zeros(0), []
        gains = np.where(self.held[devices], self.costs - _cost(self.weight + self.worth[devices]), -np.inf)
        own = np.flatnonzero(self.group[devices] != NO_GROUP)
        gains[own, self.group[devices[own]]] = -np.inf
        to = gains.argmax(axis=1)
        best = gains[np.arange(len(devices)), to] - lost[devices]
        return best, [_Change((n,), (k,)) for n, k in zip(devices.tolist(), to.tolist(), strict=True)]

    def _exchanges(self) -> tuple[FloatArray, list[_Change]]:
        """Two devices of different groups, or one and a spare, change places: the best partner for each device."""
        inside = np.flatnonzero(self.group != NO_GROUP)
        # Where there are too many, those of the groups that fail most: only they can gain much.
        order = np.argsort(-self.costs[self.group[inside]], kind="stable")
        ours = inside[order[: max(1, MOST_EXCHANGES // len(self.group))]]
        theirs = np.arange(len(self.group))
        k, m = self.group[ours], self.group[theirs]
        weight, covered, led = self._leaving(ours)
        spare = m == NO_GROUP
        # For a spare all that follows is about group 0, and is then left out.
        other = np.where(spare, 0, m)
        their_weight = self.weight[other] - self.worth[theirs, other]
        their_cover = self.covered[other] - self.cover[theirs, other]
        least = self.need * (1.0 - ROUNDING)
        able = self.held[theirs][:, k].T & (covered[:, None] + self.cover[theirs][:, k].T >= least)
        returns = self.held[ours][:, other] & (their_cover + self.cover[ours][:, other] >= least)
        able &= spare | returns
        if self.leading is not None:
            able &= led[:, None] | self.leading[theirs][:, k].T
            their_led = self.leaders[other] - self.leading[theirs, other] > 0
            able &= spare | their_led | self.leading[ours][:, other]
        able &= k[:, None] != m
        gains = self.costs[k][:, None] - _cost(weight[:, None] + self.worth[theirs][:, k].T)
        gains = gains + np.where(spare, 0.0, self.costs[other] - _cost(their_weight + self.worth[ours][:, other]))
        gains = np.where(able, gains, -np.inf)
        partner = gains.argmax(axis=1)
        best = gains[np.arange(len(ours)), partner]
        changes = [
            _Change((n, int(theirs[p])), (int(m[p]), int(own)))
            for n, p, own in zip(ours.tolist(), partner.tolist(), k.tolist(), strict=True)
        ]
        return best, changes

    def share_anew(self, control: Control) -> bool:
        """Share the devices of two groups and some spares in the best way, pair by pair; whether any pair gained.

        Ways in which a device has no room where it is put leave it spare.
        """
        changed, worst = False, np.argsort(-self.costs, kind="stable")[:MOST_SHARING].tolist()
        pairs = sorted(itertools.combinations(worst, 2), key=lambda pair: -float(self.costs[list(pair)].sum()))
        for pair in pairs:
            if control.exhausted:
                break
            inside = np.flatnonzero(np.isin(self.group, pair))
            spares = np.flatnonzero((self.group == NO_GROUP) & self.held[:, pair].any(axis=1))
            # Which devices are shared is left to chance where there are too many, spares last.
            pool = np.concatenate([self.random.permutation(inside), self.random.permutation(spares)])[:LARGEST_POOL]
            changed |= self._shared(pair, pool)
        return changed

    def _shared(self, pair: tuple[int, int], pool: IntArray) -> bool:
        bits = (np.arange(1 << len(pool))[:, None] >> np.arange(len(pool))) & 1
        able, costs = np.ones(len(bits), dtype=bool), np.zeros(len(bits))
        for k, chosen in zip(pair, (bits, 1 - bits), strict=True):
            stay = np.setdiff1d(np.flatnonzero(self.group == k), pool)
            held = self.held[pool, k]
            covered = chosen @ (self.cover[pool, k] * held) + self.cover[stay, k].sum()
            able &= covered >= self.need * (1.0 - ROUNDING)
            if self.leading is not None:
                able &= chosen @ (self.leading[pool, k] & held) + self.leading[stay, k].sum() > 0
            costs += _cost(chosen @ (self.worth[pool, k] * held) + self.worth[stay, k].sum())
        before = float(self.costs[list(pair)].sum())
        costs[~able] = np.inf
        best = int(costs.argmin())
        if before - costs[best] <= LEAST_GAIN * float(self.costs.sum()):
            return False
        to = [pair[1 - bit] for bit in bits[best].tolist()]
        groups = tuple(k if self.held[n, k] else NO_GROUP for n, k in zip(pool.tolist(), to, strict=True))
        if not self._made(_Change(tuple(pool.tolist()), groups), set(pair)):
            return False
        self._weigh()
        return True

    def leave_out(self, control: Control) -> None:
        """Let go of devices without which the answer fails as rarely, those that are busy for longest first."""
        inside = np.flatnonzero(self.group != NO_GROUP)
        busy = self.latency[inside, self.group[inside]]
        least = LEAST_GAIN * float(self.costs.sum())
        for n in inside[np.argsort(-busy, kind="stable")].tolist():
            k = int(self.group[n])
            rest = self.weight[k] - self.worth[n, k]
            if control.exhausted:
                break
            if _cost(rest) - self.costs[k] > least:
                continue
            if self._keeps_limit([other for other in self.members(k) if other != n], k):
                self.group[n] = NO_GROUP
                self.weight[k] = rest


def _cost(weight: FloatArray) -> FloatArray:
    """``-ln(1 - e^-W)``, finite where nobody counts; to full precision for large and for small weights."""
    weight = np.maximum(weight, SMALLEST_OUTAGE)
    small = np.minimum(weight, 1.0)
    cost: FloatArray = np.where(weight > 1.0, -np.log1p(-np.exp(-np.maximum(weight, 1.0))), -np.log(-np.expm1(-small)))
    return cost
