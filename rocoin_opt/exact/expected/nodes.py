"""Partial plans for the expected answer time, and what no completion of one can beat.

A node fixes the number of groups K, puts some devices into groups and leaves the others open, and keeps each group's
part size in an interval. Two facts bound all of its completions, ``E[min(X, D)] = integral of 1 - prod (1 - q_k(t))``:

* More replicas and smaller parts never hurt. So let every open device serve *every* group, each with the lightest
  student that fits it alone, and let every part have its smallest size: no completion has a smaller ``q_k(t)``.
* An open device serves *one* group. With ``W_k = -ln q_k``, the weights of the open devices that answer by t at all
  are shared out, and ``sum ln(1 - exp(-W_k))`` is concave: levelled weights, as far as the fixed ones allow, are best.

The larger of the two probabilities that no answer is there is taken at every t. With Numba present, and enough to do,
weights are levelled within what devices can serve, which is sharper than both
(:mod:`rocoin_opt.exact.expected.levelled`). Where failure domains are shared, all this holds given the state of the
domains, and the mean over the states is the bound.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.control import UNLIMITED, require_time
from rocoin_opt.exact.answer.packing import compiled_by_numba
from rocoin_opt.exact.expected.levelled import levelled_bounds
from rocoin_opt.instance import ROUNDING, SAFETY, SharedFailures

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.grouping import ExpectedModel
    from rocoin_opt.instance import BoolArray, FloatArray, Instance, IntArray

PLACE, SIZE = np.int16, np.int32
"""Types of a device's place and of a part's size: there are many nodes."""
OPEN, SPARE = -1, -2
"""What stands for a device that has no place yet, and for one in no group."""
MOST_STATES = 16
"""States of failure domains that are bounded one by one, the likeliest; the others count as if no domain were down."""
LEAST_OUTAGE = 1e-300
"""Failure probability that stands for none, so that weights are finite."""
CHUNK = 1 << 19
"""Entries of the largest table that one valuation makes."""
MIN_COMPILED_DEVICES = 11
"""Devices from which on compiled bounds save more than the second that they take to load."""
MOST_SECONDS = 1 << 20
"""Entries of the largest table of sizes and devices that compiled bounds look latencies up in."""


@dataclass(frozen=True, eq=False)
class Nodes:
    """B partial plans with the same number of groups K.

    Attributes
    ----------
    places : IntArray, B x N
        Group of each device, :data:`OPEN` or :data:`SPARE`. A group's first device comes after that of the group before
        it, so that no plan is met twice.
    low, high : IntArray, B x K
        Part sizes that are left.
    bound : FloatArray, B
        No completion has a smaller expected answer time, in seconds.
    """

    places: IntArray
    low: IntArray
    high: IntArray
    bound: FloatArray

    def __len__(self) -> int:
        return len(self.bound)

    def at(self, rows: IntArray | BoolArray) -> Nodes:
        """Some of the nodes."""
        return Nodes(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    @classmethod
    def joined(cls, parts: list[Nodes]) -> Nodes:
        """All nodes of several."""
        return cls(
            **{field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)}
        )


class Bounding:
    """The bounds of nodes over one instance.

    Devices are renumbered, the fastest first: ``order[i]`` is device i of a node. A control's limit breaks off what
    makes nodes, with :class:`rocoin_opt.control.TimeUp`.
    """

    def __init__(self, model: ExpectedModel, control: Control = UNLIMITED) -> None:
        self.control = control
        arrays, instance = model.arrays, model.instance
        self.deadline, self.wanted = model.deadline, model.wanted
        largest = arrays.largest.max(axis=1)
        typical = max(1, self.wanted // model.most)
        fastest = np.where(arrays.largest >= typical, arrays.base + arrays.slope * typical, np.inf).min(axis=1)
        # Who answers first matters most to the bound, and so is branched on first.
        self.order: IntArray = np.argsort(fastest, kind="stable")
        self.students = [
            (arrays.base[self.order, j], arrays.slope[self.order, j], arrays.largest[self.order, j])
            for j in range(arrays.base.shape[1])
        ]
        """Latency of each student by device, ``base + slope * s`` up to a size; N values each."""
        self.states = _states(instance, model.weights, self.order)
        self.share: FloatArray = arrays.cover_share[self.order]
        self.largest: IntArray = largest[self.order]
        self.run, self.enough = levelled_bounds, np.inf
        if (self.wanted + 1) * len(self.order) <= MOST_SECONDS:
            self.run = compiled_by_numba(levelled_bounds, len(self.order) >= MIN_COMPILED_DEVICES, control)
        if self.is_compiled:
            self.seconds: FloatArray = self.latency(np.arange(self.wanted + 1))
            self.by_seconds: IntArray = np.argsort(self.seconds, axis=1, kind="stable")
        room = np.minimum([student.max_filters for student in instance.students], self.wanted)
        # Sizes that some student ends at: the next larger ones take more work.
        self.cuts: IntArray = np.unique(room[room < self.wanted])
        self.unwelcome = self._unwelcome(model, room)
        rules = instance.restrictions
        position = {n: i for i, n in enumerate(self.order.tolist())}
        self.apart = [[position[n] for n in names] for names in rules.apart]
        self.together = [[position[n] for n in names] for names in rules.together]
        self.use = [position[n] for n in rules.use]

    @property
    def is_compiled(self) -> bool:
        """Whether bounds are compiled, and levelled within what devices can serve."""
        return self.run is not levelled_bounds

    def _unwelcome(self, model: ExpectedModel, room: IntArray) -> IntArray:
        """For each device the number of sizes up to s of which a group may be worse with it, N x (M + 1).

        Parameters
        ----------
        model : ExpectedModel
            The instance.
        room : IntArray, J
            Largest part of each student, at most M.
        """
        rules, sizes = model.instance.restrictions, np.arange(self.wanted + 1)
        if model.instance.limits_energy or rules.apart or rules.together:
            # Rules, or the energy, may want a device in no group.
            return np.tile(sizes, (len(self.order), 1))
        largest = model.arrays.largest[self.order]
        unwelcome = np.zeros((len(self.order), len(sizes)), dtype=np.int64)
        for j, most in enumerate(room.tolist()):
            # A device that holds less keeps a group from this student.
            unwelcome |= (sizes[None, :] > largest[:, [j]]) & (sizes <= most)[None, :]
        if not model.has_choice:
            # Where all that hold a part at all hold it with the student of least work, all groups run that.
            lightest = model.lightest(room, sizes)
            holds = np.take_along_axis(largest, np.maximum(lightest, 0)[None, :], axis=1) >= sizes
            is_run_by_all = (holds | (largest.max(axis=1)[:, None] < sizes)).all(axis=0)
            unwelcome = np.where(is_run_by_all & (lightest >= 0), ~holds, unwelcome)
        unwelcome[:, 0] = 0
        return np.asarray(np.cumsum(unwelcome, axis=1))

    def root(self, groups: int) -> Nodes:
        """Every plan with so many groups; no node where there is none."""
        devices = len(self.order)
        return self.kept(
            np.full((1, devices), OPEN, dtype=PLACE),
            np.ones((1, groups), dtype=SIZE),
            np.full((1, groups), self.wanted, dtype=SIZE),
        )

    def kept(self, places: IntArray, low: IntArray, high: IntArray) -> Nodes:
        """The nodes that may have a completion, with tightened sizes and their bounds.

        Parameters
        ----------
        places : IntArray, B x N
            Group of each device, :data:`OPEN` or :data:`SPARE`.
        low, high : IntArray, B x K
            Smallest and largest part sizes, before they are tightened.
        """
        groups = low.shape[1]
        is_open = places == OPEN
        room, cover, begun = np.empty_like(high), np.empty(high.shape), np.empty_like(high)
        for k in range(groups):
            member = places == k
            begun[:, k] = member.any(axis=1)
            room[:, k] = np.where(member, self.largest, self.wanted).min(axis=1)
            cover[:, k] = ((member | is_open) * self.share).sum(axis=1)
        low, high, possible = _tightened(low, np.minimum(high, room), self.wanted)
        low, high = low.astype(SIZE), high.astype(SIZE)
        # With slack for rounding: no node is lost whose groups just cover.
        possible = possible & (cover >= 1.0 - SAFETY).all(axis=1)
        # Each group that has not begun needs an open device of its own.
        possible &= (begun == 0).sum(axis=1) <= is_open.sum(axis=1)
        possible &= self._rules_allow(places)
        places, low, high = places[possible], low[possible], high[possible]
        step = max(1, CHUNK // (groups * groups * len(self.order)))
        bounds = [self.bounds(places[i : i + step], low[i : i + step]) for i in range(0, len(places), step)]
        return Nodes(places, low, high, np.concatenate([*bounds, np.empty(0)]))

    def fresh(self, nodes: Nodes) -> BoolArray:
        """Which groups have no device yet, B x K."""
        groups = np.arange(nodes.low.shape[1])
        begun = (nodes.places[:, None, :] == groups[None, :, None]).any(axis=2)
        return np.asarray(~begun)

    def alike(self, nodes: Nodes, groups: int | IntArray) -> BoolArray:
        """Which groups have the sizes of one group, B x K; of groups alike without a device none is told apart."""
        rows = np.arange(len(nodes))
        low, high = nodes.low[rows, groups], nodes.high[rows, groups]
        return np.asarray((nodes.low == low[:, None]) & (nodes.high == high[:, None]))

    def cuts_within(self, low: IntArray, high: IntArray) -> IntArray:
        """How many students hold just the sizes below a place within each interval."""
        return np.asarray(np.searchsorted(self.cuts, high) - np.searchsorted(self.cuts, low))

    def widest(self, low: IntArray, high: IntArray) -> tuple[IntArray, IntArray]:
        """Which interval of sizes to cut in two, that with the most cuts or else the widest; the last size below.

        Parameters
        ----------
        low, high : IntArray, B x K
            Part sizes that are left.
        """
        rows, within = np.arange(len(low)), self.cuts_within(low, high)
        widest = np.argmax(within * (self.wanted + 1) + high - low, axis=1)
        low, high, within = low[rows, widest], high[rows, widest], within[rows, widest]
        middle = np.searchsorted(self.cuts, low) + within // 2
        return widest, np.where(within > 0, np.append(self.cuts, 0)[middle], (low + high) // 2)

    def is_welcome(self, devices: IntArray, low: IntArray, high: IntArray) -> BoolArray:
        """Whether no group of sizes within an interval is any worse with a device, B x K.

        Parameters
        ----------
        devices : IntArray, B
            In the order of the nodes.
        low, high : IntArray, B x K
            Part sizes that are left.
        """
        return np.asarray(self.unwelcome[devices[:, None], high] == self.unwelcome[devices[:, None], low - 1])

    def _rules_allow(self, places: IntArray) -> BoolArray:
        """Whether no rule is broken yet, B values; ``spread`` is asked of plans."""
        fine = np.ones(len(places), dtype=bool)
        for rivals in self.apart:
            own = np.sort(places[:, rivals], axis=1)
            fine &= ~((own[:, 1:] == own[:, :-1]) & (own[:, 1:] >= 0)).any(axis=1)
        for friends in self.together:
            own = places[:, friends]
            known = own.max(axis=1, initial=SPARE, where=own != OPEN)
            decided = own != OPEN
            fine &= (~decided | (own == np.where(decided.any(axis=1), known, OPEN)[:, None])).all(axis=1)
        fine &= (places[:, self.use] != SPARE).all(axis=1)
        return fine

    def latency(self, sizes: IntArray) -> FloatArray:
        """Seconds in which each device answers with its fastest student, the deadline at most; ... x N for sizes."""
        # Few sizes are asked for, many times each.
        asked, place = np.unique(np.maximum(sizes, 1), return_inverse=True)
        fastest = np.full((len(asked), len(self.order)), self.deadline)
        for base, slope, largest in self.students:
            seconds = np.where(asked[:, None] <= largest, base + slope * asked[:, None], np.inf)
            np.minimum(fastest, seconds, out=fastest)
        return np.asarray(fastest[place.reshape(sizes.shape)])

    def bounds(self, places: IntArray, low: IntArray) -> FloatArray:
        """Lower bounds in seconds on the expected answer time of all completions, B values."""
        bounds = np.zeros(len(low))
        for chance, weight in self.states:
            bounds += chance * self._bounds(places, low, weight)
        # A mean is rounded.
        return bounds if len(self.states) == 1 else bounds * (1.0 - ROUNDING)

    def _bounds(self, places: IntArray, low: IntArray, weights: FloatArray) -> FloatArray:
        """The same where the devices fail independently.

        Parameters
        ----------
        places, low
            As for :meth:`bounds`.
        weights : FloatArray, N
            ``-ln p`` of each device in the order of the nodes; 0 where it never answers.
        """
        require_time(self.control)
        count, groups = low.shape
        if self.is_compiled:
            bounds = np.empty(count)
            # Nodes of no interest need not be bounded to the end; where states are averaged each one counts.
            enough = self.enough if len(self.states) == 1 else np.inf
            self.run(places, low, self.seconds, self.by_seconds, weights, self.deadline, enough, bounds)
            return bounds
        devices = len(self.order)
        fixed = places[:, None, :] == np.arange(groups)[None, :, None]
        is_open = (places == OPEN)[:, None, :]
        seconds = self.latency(low)
        seconds = np.where(fixed | is_open, seconds, self.deadline)
        # An open device is counted once, in the group that it answers first.
        counted = is_open & (np.argmin(seconds, axis=1)[:, None, :] == np.arange(groups)[None, :, None])
        flat = seconds.reshape(count, -1)
        order = np.argsort(flat, axis=1)
        flat = np.take_along_axis(flat, order, axis=1)
        group, device = np.divmod(order, devices)
        weight = np.where(flat < self.deadline, weights[device], 0.0)
        is_fixed = np.take_along_axis(fixed.reshape(count, -1), order, axis=1)
        pooled = np.cumsum(weight * np.take_along_axis(counted.reshape(count, -1), order, axis=1), axis=1)
        own = np.empty((groups, *flat.shape))
        everywhere = np.zeros(flat.shape)
        for k in range(groups):
            mine = np.where(group == k, weight, 0.0)
            everywhere += np.exp(-np.cumsum(mine, axis=1)) * (1.0 - everywhere)
            own[k] = np.cumsum(mine * is_fixed, axis=1)
        late = np.maximum(everywhere, _levelled(own, pooled))
        lengths = np.diff(np.concatenate([flat, np.full((count, 1), self.deadline)], axis=1), axis=1)
        # Before the first latency nobody has answered, so that time is lost in any case.
        return np.asarray(flat[:, 0] + (late * lengths).sum(axis=1))


def _states(instance: Instance, weights: FloatArray, order: IntArray) -> list[tuple[float, FloatArray]]:
    """States of the shared failure domains with their probabilities, and what each device weighs in them.

    Parameters
    ----------
    instance : Instance
        What was given.
    weights : FloatArray, N
        ``-ln p`` of each device, where no domain is shared.
    order : IntArray, N
        Which device comes where.
    """
    if not instance.has_shared_failures:
        return [(1.0, weights[order])]
    shared = SharedFailures(instance)
    up = -np.log(np.maximum(shared.failure, LEAST_OUTAGE))
    names = len(shared.names)
    # The likeliest states: all up, one down, and so on; with many domains no more than these are made.
    states = shared.down if 1 << names <= MOST_STATES else np.vstack([np.zeros(names), np.eye(names)]).astype(bool)
    chance = np.where(states, shared.falls, 1.0 - shared.falls).prod(axis=1)
    # More domains down never make it better: what is left counts as if all were up.
    chance[0] += max(0.0, 1.0 - float(chance.sum()))
    lost = np.hstack([states, np.zeros((len(states), 1), dtype=bool)])[:, shared.domain]
    return [(float(p), np.where(gone, 0.0, up)[order]) for p, gone in zip(chance, lost, strict=True) if p > 0.0]


def _levelled(own: FloatArray, pooled: FloatArray) -> FloatArray:
    """Smallest ``1 - prod (1 - exp(-W_k))`` where a pool is added to the weights that groups have anyway.

    The pool raises the smallest weights to a common level: the least of ``(pool + sum of the i smallest) / i``.
    """
    smallest = np.cumsum(np.sort(own, axis=0), axis=0)
    level = pooled + smallest[0]
    for i in range(1, len(own)):
        np.minimum(level, (pooled + smallest[i]) / (i + 1), out=level)
    # Not 1 minus a product: with a late deadline, what is left out of a probability close to 1 counts.
    late = np.zeros(level.shape)
    for outage in np.exp(-np.maximum(own, level)):
        late += outage * (1.0 - late)
    return late


def _tightened(low: IntArray, high: IntArray, wanted: int) -> tuple[IntArray, IntArray, BoolArray]:
    """Sizes that sum to M leave each group what the others cannot take; and whether any sizes are left."""
    low = np.maximum(low, wanted - (high.sum(axis=1, keepdims=True) - high))
    high = np.minimum(high, wanted - (low.sum(axis=1, keepdims=True) - low))
    possible: BoolArray = (low <= high).all(axis=1) & (low.sum(axis=1) <= wanted) & (high.sum(axis=1) >= wanted)
    return low, high, possible
