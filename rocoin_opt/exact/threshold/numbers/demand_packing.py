"""Packing of a demand: groups for given numbers of each size, refuted by listing or found by diving.

A demand is refuted by its largest groups alone, where these cannot be made without wasting more than all groups may.

Diving fixes groups of the demand's linear program step by step, and prices anew each time, for the devices that are
left. What the program takes whole is kept, and where many groups are left, several of which it takes most with it;
where it takes none whole, the one of which it takes most. As it exceeds what is left to ask for as far as can be, few
devices are wasted on the way; of a choice that loses much of what is to spare all the same, others are tried. When few
groups are left to make, all that can be among them are listed, and an integer program decides. A dive that fails takes
back its last choices, a few of them; the next one chooses with a little chance. After Sadykov, Vanderbeck, Pessoa,
Tahiri and Uchoa, "Primal heuristics for branch and price: the assets of diving methods", INFORMS Journal on Computing
31, 2019.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rocoin_opt.exact.threshold.numbers.demand import DemandProgram, Left
from rocoin_opt.exact.threshold.numbers.largest_groups import refuted_from
from rocoin_opt.exact.threshold.packing import Counts, Effort, Memory, Packing, pack
from rocoin_opt.grouping import LEAST_FRACTION, Relaxation, ThresholdProblem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.control import Control
    from rocoin_opt.exact.threshold.numbers.demand import Supply
    from rocoin_opt.instance import FloatArray, IntArray

FEW_GROUPS = 28
"""Groups left from which on an integer program over all that can be among them makes the rest."""
FEWER = 4
"""Groups that are made before that program is tried anew."""
LISTED = Effort(30_000, 50)
"""What that program may cost."""
TAKEN_BACK = 10
"""Choices that one dive takes back."""
TOGETHER = 15
"""Groups left for each one that is chosen at a time."""
TRIED = 4
"""Choices that are tried at most where each loses too much."""
LOST = 0.1
"""Part of what is to spare that a choice may lose before another one is tried."""
SHARPNESS = 8.0
"""Power of the fractions by which later dives choose: larger ones mostly choose as the first dive does."""
RENEWED = 4
"""Groups in a linear program, in multiples of the devices, from which on it is set up anew for the next dive."""


class _Choice(NamedTuple):
    """Groups of the program and how often each is fixed, and those of them that the program does not take whole."""

    times: dict[int, int]
    chosen: frozenset[int]

    @property
    def taken(self) -> list[int]:
        """Groups of the program, each as often as it is fixed."""
        return [k for k, times in self.times.items() for _ in range(times)]


@dataclass(frozen=True, eq=False)
class _State:
    """Where a dive is: what is left, and what can be had of it."""

    left: Left
    supply: Supply

    @property
    def more(self) -> float:
        """Part of what is asked for by which it can be exceeded."""
        return self.supply.factor - 1.0


@dataclass(frozen=True, eq=False)
class _Step:
    """A choice, what is left behind it, and the state there; None where that cannot be made, or nothing is left."""

    choice: _Choice
    left: Left
    state: _State | None

    @property
    def more(self) -> float:
        """Part of what is asked for by which it can be exceeded behind the choice."""
        return -1.0 if self.state is None else self.state.more


class DemandPacking:
    """Numbers of groups at a threshold, and what is known of them.

    Parameters
    ----------
    problem : ThresholdProblem
        Instance, objective and threshold.
    counts : Counts
        Its ``least`` is asked for; it holds all filters that are wanted, or more, in no more groups than the problem
        allows.
    groups : sequence of tuples of int
        Device indices of groups to begin with.
    control : Control
        Limit and seed.
    roughly : bool
        Solve linear programs roughly: enough for a dive.
    times : int
        Draws other choices for each number.
    """

    def __init__(
        self,
        problem: ThresholdProblem,
        counts: Counts,
        groups: Sequence[tuple[int, ...]],
        control: Control,
        *,
        roughly: bool = False,
        times: int = 0,
    ) -> None:
        self.problem, self.control, self.roughly = problem, control, roughly
        is_level = counts.least > np.append(counts.least[1:], 0)
        self.levels: IntArray = counts.sizes[is_level]
        """Different sizes that are asked for, R, ascending."""
        self.program = DemandProgram(problem, self.levels, groups, control)
        self.rng = np.random.default_rng((control.seed, times))
        self.first = self._ask_for_less(counts.least[is_level])
        self._dived = False

    @property
    def asked(self) -> IntArray:
        """Groups of each level or more that are asked for, R."""
        return self.program.asked

    def decide(self, effort: Effort, control: Control | None = None) -> Packing:
        """List all groups that such numbers can have, and pack them.

        Parameters
        ----------
        effort : Effort
            What it may cost.
        control : Control, optional
            An earlier limit than that of the packing.
        """
        control = control or self.control
        if self.first is None:
            return Packing("unknown")
        if self.first.is_refuted:
            return Packing("impossible")
        every = np.arange(len(self.problem.shares))
        packing = self._pack(self.problem, every, self._all, self.first, effort, control)
        # Where not all groups can be listed, the largest ones often can.
        if not packing.listed and not control.exhausted:
            place = refuted_from(self.problem, self.levels, self.asked, self.first, control)
            return packing if place is None else Packing("impossible")
        return packing

    def dive(self, dives: int) -> list[tuple[int, ...]] | None:
        """Make the groups one after another, and begin again where that fails; None where all dives do.

        Parameters
        ----------
        dives : int
            Most dives. The very first one takes what the linear program takes most of, later ones choose by chance.
        """
        for _ in range(dives):
            self._renew()
            found = self._dive(by_chance=self._dived)
            self._dived = True
            if found is not None:
                return found
            if self.control.exhausted:
                break
        return None

    def _renew(self) -> None:
        """Leave out groups that earlier dives added: with thousands of them each step takes several times as long."""
        if self.first is not None and len(self.program.groups) > RENEWED * len(self.problem.shares):
            self.program = self.program.renewed(self.first)
            self.program.ask(self.program.asked)
            self.first = self.program.solve(self._all, roughly=self.roughly)

    def _dive(self, *, by_chance: bool) -> list[tuple[int, ...]] | None:
        # The last dive ended with levels that were all made, and so were no longer to be exceeded.
        self.program.ask(self.program.asked)
        state = self._state(self._all, self.first)
        fixed, banned, back = list[int](), list[int](), TAKEN_BACK
        list_at, together = FEW_GROUPS, True
        while state is not None:
            number = int(state.left.groups[0])
            if number <= list_at:
                list_at = number - FEWER
                rest = self._make_rest(state)
                if rest.status == "packed":
                    return [*self._members(fixed), *rest.groups]
                # Of the groups that are fixed no packing is made, however the dive goes on.
                if rest.status == "impossible":
                    return None
            step = self._step(state, banned, by_chance=by_chance, together=together)
            if step is None:
                return None
            taken = step.choice.taken
            if step.left.groups[0] == 0:
                return self._members([*fixed, *taken])
            if step.state is not None:
                state, fixed = step.state, [*fixed, *taken]
                continue
            if together and len(taken) > 1 and step.choice.chosen:
                # Chosen one at a time, the next may follow from prices that know of those before.
                together = False
                continue
            # What was taken whole was no choice: the fault lies further up.
            if not step.choice.chosen or back == 0:
                return None
            back -= 1
            banned += taken
            state = self._state(state.left, self.program.solve(state.left, banned, roughly=self.roughly))
        return None

    def _step(self, state: _State, banned: Sequence[int], *, by_chance: bool, together: bool) -> _Step | None:
        """The first of some choices that loses little of what is to spare, else the one that loses least.

        One choice in several loses half of it, which is seen only behind it; strong diving. None where there is nothing
        to choose or the limit came first.
        """
        best: _Step | None = None
        others: frozenset[int] = frozenset()
        for _ in range(TRIED):
            choice = self._choose(state, others, by_chance=by_chance, together=together)
            if choice is None:
                break
            left = self._without(state.left, choice.taken)
            if left.groups[0] == 0:
                return _Step(choice, left, None)
            supply = self.program.solve(left, banned, roughly=self.roughly)
            if supply is None:
                return None
            step = _Step(choice, left, self._state(left, supply))
            if best is None or step.more > best.more:
                best = step
            if step.more >= (1.0 - LOST) * state.more or not choice.chosen:
                break
            others |= choice.chosen
        return best

    @property
    def _all(self) -> Left:
        return Left(self.program.all, self.program.asked)

    def _ask_for_less(self, groups: IntArray) -> Supply | None:
        """Ask for no more filters than are wanted: for fewer groups of the sizes that are dearest a filter."""
        widths = np.diff(self.levels, prepend=0)
        least = self.problem.instance.requirements.min_groups
        while True:
            self.program.ask(groups)
            # Rough prices are enough to choose a level of which fewer groups are asked for.
            supply = self.program.solve(self._all, roughly=True)
            surplus = self.program.filters(groups) - self.problem.wanted
            # Of a larger size there are no more groups than of a smaller one.
            room = groups - np.append(groups[1:], 0)
            room[0] = min(room[0], groups[0] - least)
            can = (widths <= surplus) & (room > 0)
            if supply is None or not can.any():
                break
            level = int(np.argmax(np.where(can, np.diff(supply.worths.totals) / widths, -np.inf)))
            # Prices change with the numbers: of a large surplus only half is given up at them.
            fewer = min(max(surplus // (2 * int(widths[level])), 1), int(room[level]))
            groups = groups.copy()
            groups[level] -= fewer
        return supply if supply is None or self.roughly else self.program.solve(self._all)

    def _state(self, left: Left, supply: Supply | None) -> _State | None:
        """The state of a dive, unless not even parts of groups make what is left to ask for."""
        if supply is None or supply.is_refuted or not supply.is_made:
            return None
        return _State(left, supply)

    def _choose(self, state: _State, others: frozenset[int], *, by_chance: bool, together: bool) -> _Choice | None:
        """What is fixed next: all that is taken whole, and groups of which most is taken; None if nothing is taken.

        Parameters
        ----------
        state : _State
            What is left, and what can be had of it.
        others : frozenset of int
            Groups of the program that other choices had, which are only taken where they are taken whole.
        by_chance : bool
            Whether groups that are not taken whole are drawn, those of which more is taken more likely.
        together : bool
            Whether to choose several of these where many groups are left: one choice more or less matters little then.
        """
        groups, devices = state.left.groups, state.left.devices.copy()
        # Later dives begin with what the first one began with: the program has more groups by then.
        known = self.program.groups[: len(state.supply.values)]
        level = np.array([group.level for group in known], dtype=np.int64)
        # Of each level no more than it asks for itself: the rest is asked for by larger ones.
        room = groups - np.append(groups[1:], 0)
        values: FloatArray = np.where(room[level] > 0, state.supply.values, 0.0)
        whole = np.floor(values + LEAST_FRACTION).astype(np.int64)
        parts = np.where(values - whole > LEAST_FRACTION, values - whole, 0.0)
        # Not so much that hardly anything is left for the integer program to choose from.
        most = max(int(groups[0]) - FEW_GROUPS, 0) or int(whole.sum())
        times: dict[int, int] = {}
        for k in np.argsort(-whole, kind="stable")[: np.count_nonzero(whole)].tolist():
            taken = min(int(whole[k]), most, int(room[level[k]]))
            if taken > 0:
                times[k] = taken
                most -= taken
                room[level[k]] -= taken
                devices -= taken * known[k].counts
        chosen: set[int] = set()
        choices = int(groups[0]) // TOGETHER if together else 0
        rank = parts
        if by_chance:
            # Drawn without replacement, with the parts to this power as weights. Logarithms do not underflow; after
            # Efraimidis and Spirakis, "Weighted random sampling with a reservoir", Information Processing Letters 97.
            rank = np.log1p(-self.rng.random(len(parts))) / parts.clip(LEAST_FRACTION) ** SHARPNESS
        order = np.argsort(-np.where(parts > 0.0, rank, -np.inf), kind="stable")
        for k in order[: np.count_nonzero(parts)].tolist():
            if len(chosen) >= choices and times:
                break
            if k not in others and room[level[k]] > 0 and (known[k].counts <= devices).all():
                times[k] = times.get(k, 0) + 1
                room[level[k]] -= 1
                devices -= known[k].counts
                chosen.add(k)
        return _Choice(times, frozenset(chosen)) if times else None

    def _without(self, left: Left, taken: list[int]) -> Left:
        """What is left once groups are fixed."""
        groups = [self.program.groups[k] for k in taken]
        level = np.array([group.level for group in groups])
        counted = (level[:, None] >= np.arange(len(self.levels))).sum(axis=0)
        return Left(left.devices - np.sum([group.counts for group in groups], axis=0), left.groups - counted)

    def _members(self, fixed: list[int]) -> list[tuple[int, ...]]:
        """Groups of devices: those that are left are the first of each kind, so the last ones go first."""
        kinds = len(self.program.all)
        free = [iter(np.flatnonzero(self.program.alike.of_device == kind)[::-1].tolist()) for kind in range(kinds)]
        return [
            tuple(sorted(next(free[kind]) for kind in np.repeat(np.arange(kinds), self.program.groups[k].counts)))
            for k in fixed
        ]

    def _make_rest(self, state: _State) -> Packing:
        """Make the rest of the groups by an integer program over all that can be among them."""
        devices = np.flatnonzero(self.program.alike.free(state.left.devices))
        instance = self.problem.instance
        groups = int(state.left.groups[0])
        knowledge = {"num_filters": self.program.filters(state.left.groups), "graph": None, "class_affinity": None}
        limits = {"max_groups": groups, "min_groups": groups}
        rest = instance._replace(
            {
                "devices": tuple(instance.devices[n] for n in devices.tolist()),
                "knowledge": instance.knowledge._replace(knowledge),
                "requirements": instance.requirements._replace(limits),
            }
        )
        problem = ThresholdProblem(rest, self.problem.objective, self.problem.threshold)
        packing = self._pack(problem, devices, state.left, state.supply, LISTED, self.control)
        return replace(packing, groups=[tuple(devices[list(group)].tolist()) for group in packing.groups])

    def _pack(
        self,
        problem: ThresholdProblem,
        devices: IntArray,
        left: Left,
        supply: Supply,
        effort: Effort,
        control: Control,
    ) -> Packing:
        """Pack groups for what is left.

        Parameters
        ----------
        problem, devices : ThresholdProblem, IntArray
            Of the devices that are left, and which these are.
        left, supply : Left, Supply
            What is left, and what can be had of it.
        effort, control : Effort, Control
            What it may cost, and the limit.
        """
        # A group counts for the largest level that it reaches: sizes between them would only be listed twice.
        problem = problem.at_levels(self.levels)
        bound = problem.wanted + supply.spare
        prices = supply.prices[devices]
        relaxation = Relaxation(bound, prices, supply.worths, [], np.empty(0), bound, complete=True)
        leaders = [chain.leader_size for chain in problem.chains if chain.leader is not None]
        of_chains = [chain.sizes for chain in problem.chains]
        sizes = np.unique(np.concatenate([problem.levels.sizes, self.levels, leaders, *of_chains]).astype(np.int64))
        sizes = sizes[sizes > 0]
        least = np.append(left.groups, 0)[np.searchsorted(self.levels, sizes)]
        counts = Counts(sizes, least, np.full_like(sizes, left.groups[0]), supply.worths)
        return pack(problem, relaxation, control.silent(), effort, Memory(), counts)
