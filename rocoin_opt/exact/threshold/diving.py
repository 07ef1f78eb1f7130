"""Diving: a packing at a threshold by fixing groups of the relaxation one after another, and pricing anew each time.

The relaxation takes groups in parts. What it takes whole is kept, else the group of which it takes most; then their
devices are gone, and groups are priced for those that are left. So the last groups are made of what is left, which no
list of groups for the whole fleet would hold. When few groups are left to make, all that can be among them are listed,
and an integer program decides. A dive that fails takes back its last choices, a few of them; the next one chooses with
a little chance. After Sadykov, Vanderbeck, Pessoa, Tahiri and Uchoa, "Primal heuristics for branch and price: the
assets of diving methods", INFORMS Journal on Computing 31, 2019.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.exact.threshold.completion import complete
from rocoin_opt.exact.threshold.enumeration import enumerate_columns
from rocoin_opt.exact.threshold.packing import PRICE_TOLERANCE, Effort, Packing, pack_alike_parts, pack_columns
from rocoin_opt.exact.threshold.remainder import Left, Remainder
from rocoin_opt.grouping import LEAST_FRACTION, Relaxation, ThresholdProblem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.control import Control
    from rocoin_opt.instance import FloatArray, IntArray
    from rocoin_opt.plan import Members

FEW_GROUPS = 20
"""Groups left from which on an integer program over all that can be among them makes the rest."""
LISTED = Effort(3_000, 200)
"""What that program may cost."""
ALIKE = Effort(20_000, 50)
"""What packing may cost where all parts are alike, before any dive."""
TAKEN_BACK = 10
"""Choices that one dive takes back."""
SHARPNESS = 3.0
"""Power of the fractions by which later dives choose: larger ones mostly choose as the first dive does."""


@dataclass(frozen=True)
class _Choice:
    """Columns and how often each of them is fixed in one step, and whether the relaxation left no other choice."""

    times: dict[int, int]
    forced: bool


def dive(problem: ThresholdProblem, groups: Sequence[Members], control: Control, dives: int) -> Packing:
    """Look for disjoint groups that hold all filters within a threshold.

    ``impossible`` is proven by the relaxation, or by shares; that dives find nothing proves nothing.

    Parameters
    ----------
    problem : ThresholdProblem
        Instance, objective and threshold.
    groups : sequence of tuples of int
        Device indices of groups to begin with.
    control : Control
        Limit and seed.
    dives : int
        Most dives.

    Returns
    -------
    Packing
        Groups whose cover is true up to rounding; whoever makes a plan of them checks it.
    """
    packing = pack_alike_parts(problem, control, ALIKE)
    if packing.status != "unknown":
        return packing
    diver = _Diver(problem, groups, control)
    for number in range(dives):
        found = diver.run(by_chance=number > 0)
        if found is not None:
            return Packing("packed", found)
        if control.exhausted:
            break
        if diver.refuted:
            return Packing("impossible")
    return Packing("unknown")


class _Diver:
    def __init__(self, problem: ThresholdProblem, groups: Sequence[Members], control: Control) -> None:
        self.problem, self.control = problem, control
        self.remainder = Remainder(problem, groups, control)
        self.rng = np.random.default_rng(control.seed)
        self.refuted = False

    def run(self, *, by_chance: bool) -> list[Members] | None:
        remainder, fixed, banned = self.remainder, list[int](), list[int]()
        remainder.restrict(remainder.all)
        values = remainder.relax()
        # Not even parts of groups hold all filters.
        self.refuted = remainder.refuted
        back, listed = TAKEN_BACK, False
        while values is not None:
            if not listed and int(remainder.left.groups[0]) <= FEW_GROUPS:
                listed = True
                rest = self._list_rest(len(fixed))
                if rest is not None:
                    return [*self._members(fixed), *rest]
            choice = self._choose(values, by_chance)
            if choice is None:
                return None
            before = remainder.left
            taken = [k for k, times in choice.times.items() for _ in range(times)]
            left = self._without(before, taken)
            if left.wanted <= 0:
                fixed += taken
                return self._members(fixed) if len(fixed) >= self.problem.instance.requirements.min_groups else None
            remainder.restrict(left, banned)
            values = remainder.relax()
            if values is not None:
                fixed += taken
                continue
            # What was taken whole was no choice: the fault lies further up.
            if choice.forced or back == 0:
                return None
            back -= 1
            banned += taken
            remainder.restrict(before, banned)
            values = remainder.relax()
        return None

    def _choose(self, values: FloatArray, by_chance: bool) -> _Choice | None:
        """What is fixed next: all that is taken whole, else the column of which most is taken; None if nothing is."""
        whole = np.floor(values + LEAST_FRACTION).astype(np.int64)
        if whole.any():
            # Not so much of it that hardly anything is left for the integer program to choose from.
            room = max(int(self.remainder.left.groups[0]) - FEW_GROUPS, 0) or int(whole.sum())
            times: dict[int, int] = {}
            for k in np.argsort(-whole, kind="stable").tolist():
                taken = min(int(whole[k]), room)
                if taken == 0:
                    break
                times[k], room = taken, room - taken
            return _Choice(times, forced=True)
        if values.max(initial=0.0) <= LEAST_FRACTION:
            return None
        if not by_chance:
            return _Choice({int(np.argmax(values)): 1}, forced=False)
        weights = values.clip(0.0) ** SHARPNESS
        return _Choice({int(self.rng.choice(len(values), p=weights / weights.sum())): 1}, forced=False)

    def _without(self, left: Left, taken: list[int]) -> Left:
        """What is left once columns are fixed."""
        groups = [self.remainder.groups[k] for k in taken]
        sizes = np.array([group.size for group in groups])
        counted = (sizes[:, None] >= self.problem.levels.sizes).sum(axis=0)
        devices = left.devices - np.sum([group.counts for group in groups], axis=0)
        return Left(devices, left.groups - counted, left.wanted - int(sizes.sum()))

    def _members(self, fixed: list[int]) -> list[Members]:
        """Groups of devices for columns: those that are left are the first of each kind, so the last ones go first."""
        of_device = self.remainder.of_device
        free = [iter(np.flatnonzero(of_device == kind)[::-1].tolist()) for kind in range(self.remainder.kinds)]
        counts = [self.remainder.groups[k].counts for k in fixed]
        return [
            tuple(sorted(next(free[kind]) for kind in np.repeat(np.arange(len(own)), own).tolist())) for own in counts
        ]

    def _list_rest(self, done: int) -> list[Members] | None:
        """Make the rest of the groups by an integer program over all that can be among them."""
        prices = self.remainder.prices_without_limits()
        if prices is None:
            return None
        bound, of_devices, of_sizes = prices
        devices = np.flatnonzero(self.remainder.free)
        problem = self._rest(devices, done)
        relaxation = Relaxation(bound, of_devices[devices], of_sizes, [], np.empty(0), bound, complete=True)
        priced = np.flatnonzero(relaxation.prices > PRICE_TOLERANCE)
        columns = enumerate_columns(problem, relaxation, priced, bound - problem.wanted, LISTED.columns, self.control)
        if columns is None:
            return None
        status, chosen = pack_columns(problem, columns, self.control.silent(), LISTED, priced=priced)
        groups = complete(problem, chosen, priced, self.control).groups if status == "packed" else None
        return None if groups is None else [tuple(devices[list(group)].tolist()) for group in groups]

    def _rest(self, devices: IntArray, done: int) -> ThresholdProblem:
        """What is left as a problem of its own, by the places of its devices."""
        instance, left = self.problem.instance, self.remainder.left
        knowledge = {"num_filters": left.wanted, "graph": None, "class_affinity": None}
        limits = {
            "max_groups": int(left.groups[0]),
            "min_groups": max(1, instance.requirements.min_groups - done),
        }
        rest = instance._replace(
            {
                "devices": tuple(instance.devices[n] for n in devices.tolist()),
                "knowledge": instance.knowledge._replace(knowledge),
                "requirements": instance.requirements._replace(limits),
            }
        )
        return ThresholdProblem(rest, self.problem.objective, self.problem.threshold)
