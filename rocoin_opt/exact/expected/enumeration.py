"""Plans of least expected answer time for a handful of devices, by looking at all of them.

With at most so many plans each one is bounded from below on a grid of times, all at once; the grid holds
every time at which an answer may come where these are few, and is exact then. The evaluator values the plans of least
bound, until the bound of the next one is no better than the best value.
"""

from __future__ import annotations

import itertools
import math
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rocoin_opt.failure import (
    CONVOLUTION_ERROR,
    Groups,
    LatencyDistribution,
    Replica,
    SumResponse,
    check,
    response_of,
    value_of,
)
from rocoin_opt.instance import ROUNDING, SharedFailures, stretched
from rocoin_opt.plan import IndexedGroup, Outcome, plan_of, rules_allow, structural_violations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from rocoin_opt.control import Control
    from rocoin_opt.failure import Response
    from rocoin_opt.grouping import ExpectedModel
    from rocoin_opt.instance import FloatArray, Instance, IntArray
    from rocoin_opt.plan import Plan, Violation

MOST_DEVICES = 6
"""Devices up to which all plans are looked at; with more of them, most plans would not be worth a look."""
MOST_PLANS = 500_000
"""Plans that are valued at most: a second."""
MOST_RESPONSES = 4_000
"""Ways to run a student of a size on a device up to which each is tabulated: some tenths of a second."""
MOST_CONVOLVED = 150
"""Ways to run a student of a size on a device, with densities in both factors, up to which each is tabulated."""
MOST_TIMES = 2_048
"""Times of the grid up to which it holds every jump."""
RISES = 24
"""Times, for each way to run a student on a device, that a grid is made from where latencies have densities."""
TIMES, TIMES_CONVOLVED = 256, 64
"""Times of such a grid; the second where some latencies have two factors with densities."""
MOST_VALUED, MOST_VALUED_CONVOLVED = 1_000, 20
"""Plans that the evaluator values."""
CHUNK = 1 << 21
"""Entries of the largest table that plans are bounded in."""
INTEGRAL = 5e-10
"""Relative step by which an integral is lowered: far more than its error."""


def count_plans(model: ExpectedModel) -> int:
    """Number of ways to group devices, leaving some out, and to share the filters among the groups."""
    devices, total = len(model.weights), 0
    ways = [1]
    for _ in range(devices):
        # Into one of the groups or among the spares, or into a new group: the recursion of Stirling numbers.
        ways = [(k + 1) * (ways[k] if k < len(ways) else 0) + (ways[k - 1] if k else 0) for k in range(len(ways) + 1)]
    for groups in range(max(1, model.fewest), model.most + 1):
        total += ways[groups] * math.comb(model.wanted - 1, groups - 1)
    return total


def is_small(model: ExpectedModel) -> bool:
    """Whether an instance has so few plans that :func:`best_of_all` looks at all of them, one student a group."""
    return len(model.weights) <= MOST_DEVICES and count_plans(model) <= MOST_PLANS


class Choice(NamedTuple):
    """A group of devices, and which of the students that may be best for it."""

    members: tuple[int, ...]
    rank: int


def students_of(model: ExpectedModel, members: tuple[int, ...]) -> dict[Choice, IntArray]:
    """The students of a group for the sizes from 1 to M, -1 where there is none, by rank; none where none fits."""
    rows = model.candidates(members, np.arange(1, model.wanted + 1))
    return {Choice(members, rank): row for rank, row in enumerate(rows) if (row >= 0).any()}


def joules_of(model: ExpectedModel, choice: Choice, students: IntArray) -> FloatArray:
    """Energy of a group with each size and its student for that.

    Parameters
    ----------
    model : ExpectedModel
        Owner of the energies.
    choice : Choice
        The group.
    students : IntArray, M
        Student that the group runs with each part, from one filter on.
    """
    joules = model.joules(choice.members, np.arange(1, model.wanted + 1))
    return np.asarray(joules[students, np.arange(model.wanted)])


def most_joules(instance: Instance) -> float:
    """What a plan may take, with room for the rounding of a sum; infinite where energy is not limited."""
    most = instance.requirements.max_energy_joules
    return math.inf if most is None else float(stretched(most)) * (1.0 + ROUNDING)


def is_too_much(model: ExpectedModel, students: dict[Choice, IntArray]) -> bool:
    """Whether groups of several students make more plans than are looked at."""
    if not model.has_choice:
        return False
    total = 0
    for groups in groupings(len(model.weights), model.most, students):
        total += math.comb(model.wanted - 1, len(groups) - 1)
        if total > MOST_PLANS:
            return True
    return False


def best_of_all(model: ExpectedModel, control: Control, start: Plan | None, *, surely: bool = False) -> Outcome | None:
    """Find a plan of least expected answer time, and prove it.

    Parameters
    ----------
    model : ExpectedModel
        A small instance; see :func:`is_small`.
    control : Control
        Limits.
    start : Plan, optional
        A valid plan to improve on.
    surely : bool
        Whether plans have to keep ``min_success``, as the start then does.

    Returns
    -------
    Outcome or None
        The plan and a valid lower bound in seconds, ``infeasible`` if there is no plan; None if the limit came first,
        or there is too much to tabulate.
    """
    return _Enumeration(model, control, check if surely else structural_violations).run(start)


class _Enumeration:
    """All groups of devices, and when they are without an answer on a grid of times."""

    def __init__(
        self, model: ExpectedModel, control: Control, judge: Callable[[Instance, Plan], tuple[Violation, ...]]
    ) -> None:
        self.model, self.control, self.judge = model, control, judge
        self.responses: dict[tuple[int, int, int], Response] = {}
        self.students: dict[Choice, IntArray] = {}
        self.outages: dict[Choice, FloatArray] = {}
        self.joules: dict[Choice, FloatArray] = {}
        self.used, self.most_joules = model.instance.restrictions.use, most_joules(model.instance)
        self.shared = SharedFailures(model.instance)

    def run(self, start: Plan | None) -> Outcome | None:
        devices = range(len(self.model.weights))
        for count in range(1, len(devices) + 1):
            for members in itertools.combinations(devices, count):
                if self.control.exhausted:
                    return None
                self._serve(members)
        convolved = sum(isinstance(response, SumResponse) for response in self.responses.values())
        too_much = len(self.responses) > MOST_RESPONSES or convolved > MOST_CONVOLVED
        if too_much or is_too_much(self.model, self.students):
            return None
        self.has_convolved = convolved > 0
        self._tabulate()
        bounded: list[tuple[FloatArray, tuple[Choice, ...], IntArray]] = []
        for groups in groupings(len(devices), self.model.most, self.students):
            if self.control.exhausted:
                return None
            if len(groups) >= self.model.fewest and self.used <= {n for group in groups for n in group.members}:
                bounds, sizes = self._bounds(groups)
                kept = np.isfinite(bounds)
                bounded.append((bounds[kept], groups, sizes[kept]))
        return self._valued(bounded, start)

    def _serve(self, members: tuple[int, ...]) -> None:
        """Find the best students of a group for every size, if it keeps the outage limit and there are any."""
        model = self.model
        # The outage limit asks for members alone: student and size may be any.
        is_valid = model.is_valid(IndexedGroup(members, 0, 1)) and rules_allow(model.instance, members)
        found = students_of(model, members) if is_valid else {}
        self.students.update(found)
        for students in found.values():
            for size, student in enumerate(students.tolist(), start=1):
                for n in members if student >= 0 else ():
                    if (n, student, size) not in self.responses:
                        self.responses[n, student, size] = response_of(model.instance, n, student, size)

    def _tabulate(self) -> None:
        """Outages of all groups, by state and size, at the times of the grid; 1 where there is no student."""
        most = TIMES_CONVOLVED if self.has_convolved else TIMES
        self.times, self.is_exact = _grid(list(self.responses.values()), self.model.deadline, most)
        # Where it is not exact, what is late at the end of an interval is late within it.
        at = self.times[:-1] if self.is_exact else self.times[1:]
        late = {}
        failures = self.shared.failure_by_state
        for (n, student, size), response in self.responses.items():
            # Few responses are ever asked for by the evaluator: only these are worth a table.
            _, later = response.computed_tails(at) if isinstance(response, SumResponse) else response.tails(at)
            # In a state that takes the device down it is late for sure.
            late[n, student, size] = failures[:, n, None] + (1.0 - failures[:, n, None]) * later
        nothing = np.ones((len(failures), len(at)))
        for choice, students in self.students.items():
            tables = [
                nothing if student < 0 else np.prod([late[n, student, size] for n in choice.members], axis=0)
                for size, student in enumerate(students.tolist(), start=1)
            ]
            self.outages[choice] = np.stack(tables, axis=1)
            self.joules[choice] = joules_of(self.model, choice, students)

    def _bounds(self, groups: tuple[Choice, ...]) -> tuple[FloatArray, IntArray]:
        """Lower bounds in seconds for all ways to share the filters among groups, infinite where there is no plan."""
        sizes = compositions(self.model.wanted, len(groups))
        lengths = np.diff(self.times)
        chance = self.shared.chance
        step = max(1, CHUNK // (len(lengths) * len(chance)))
        bounds = []
        for first in range(0, len(sizes), step):
            part = sizes[first : first + step] - 1
            late: FloatArray = np.zeros((len(chance), len(part), len(lengths)))
            served, joules = np.ones(len(part), dtype=np.bool_), np.zeros(len(part))
            for k, group in enumerate(groups):
                late += self.outages[group][:, part[:, k]] * (1.0 - late)
                served &= self.students[group][part[:, k]] >= 0
                joules += self.joules[group][part[:, k]]
            served &= joules <= self.most_joules
            bounds.append(np.where(served, chance @ (late @ lengths), np.inf))
        # Every convolved tail may be off by its error at all times up to the deadline.
        error = 0.0 if self.is_exact else self.model.deadline * CONVOLUTION_ERROR * len(self.model.weights)
        return np.maximum(np.concatenate(bounds) * (1.0 - ROUNDING) - error, 0.0), sizes

    def _valued(self, bounded: list[tuple[FloatArray, tuple[Choice, ...], IntArray]], start: Plan | None) -> Outcome:
        """Value plans by the evaluator, those of least bound first."""
        model, best = self.model, start
        most = MOST_VALUED_CONVOLVED if self.has_convolved else MOST_VALUED
        value = math.inf if start is None else value_of(model.instance, start, "expected")
        ends = np.cumsum([0, *(len(bounds) for bounds, _, _ in bounded)])
        every = np.concatenate([np.empty(0), *(bounds for bounds, _, _ in bounded)])
        left = math.inf
        for valued, place in enumerate(np.argsort(every, kind="stable").tolist()):
            # Bounds that reach the best value up to rounding belong to plans that are no better.
            if every[place] >= value * (1.0 - 2.0 * ROUNDING) or self.control.exhausted or valued == most:
                # Bounds ascend: this one holds for all plans that are not valued.
                left = float(every[place])
                break
            at = int(np.searchsorted(ends, place, side="right")) - 1
            _, groups, sizes = bounded[at]
            blocks = self._blocks(groups, sizes[place - ends[at]].tolist())
            worth = self._value(blocks)
            plan = plan_of(model.instance, blocks) if worth < value else None
            if plan is not None and not self.judge(model.instance, plan):
                best, value = plan, worth
                self.control.tell(value, None)
        if best is None and left == math.inf:
            return Outcome(None, infeasible=True)
        return Outcome(best, min(value * (1.0 - (ROUNDING if self.is_exact else INTEGRAL)), left))

    def _blocks(self, groups: tuple[Choice, ...], sizes: list[int]) -> list[IndexedGroup]:
        return [
            IndexedGroup(group.members, int(self.students[group][size - 1]), size)
            for group, size in zip(groups, sizes, strict=True)
        ]

    def _value(self, blocks: list[IndexedGroup]) -> float:
        """E[min(X, D)] by the evaluator; its responses are made once for all plans."""
        instance, failure = self.model.instance, self.model.arrays.failure
        place = {domain.id: d for d, domain in enumerate(instance.failure_domains)}
        domains = [place.get(device.failure_domain or "") for device in instance.devices]
        members = tuple(
            tuple(Replica(float(failure[n]), domains[n], self.responses[n, b.student, b.size]) for n in b.members)
            for b in blocks
        )
        falls = {d: domain.failure_probability for d, domain in enumerate(instance.failure_domains)}
        sizes = tuple(block.size for block in blocks)
        return LatencyDistribution(Groups(members, falls), sizes).expected(self.model.deadline)


def groupings(devices: int, most: int, possible: Iterable[Choice]) -> Iterator[tuple[Choice, ...]]:
    """Every choice of disjoint possible groups, a group's first device before that of the next.

    Parameters
    ----------
    devices : int
        N.
    most : int
        Groups of a choice, at most.
    possible : iterable of Choice
        Groups, by device indices, each with every rank of its students.
    """
    listed = list(possible)

    def extend(chosen: tuple[Choice, ...], free: frozenset[int]) -> Iterator[tuple[Choice, ...]]:
        if chosen:
            yield chosen
        if len(chosen) == most:
            return
        for choice in listed:
            members = choice.members
            if free.issuperset(members) and (not chosen or members[0] > chosen[-1].members[0]):
                yield from extend((*chosen, choice), free.difference(members))

    return extend((), frozenset(range(devices)))


@lru_cache(maxsize=8)
def compositions(total: int, parts: int) -> IntArray:
    """Every way to write a total as an ordered sum of parts of at least 1, one a row."""
    chosen = list(itertools.combinations(range(1, total), parts - 1))
    cuts = np.array(chosen, dtype=np.int64).reshape(len(chosen), parts - 1)
    ends = np.concatenate([np.zeros((len(cuts), 1), np.int64), cuts, np.full((len(cuts), 1), total)], axis=1)
    return np.diff(ends, axis=1)


def _grid(responses: list[Response], deadline: float, most: int) -> tuple[FloatArray, bool]:
    """Times from 0 to the deadline, about as many as there may be, and whether nothing happens between them."""
    jumps = np.unique(np.concatenate([np.empty(0), *(response.jumps for response in responses)]))
    jumps = jumps[jumps < deadline]
    if len(jumps) <= MOST_TIMES and all(response.is_step for response in responses):
        return np.unique(np.concatenate([[0.0], jumps, [deadline]])), True
    points = [jumps]
    for response in responses:
        guides = np.unique(np.concatenate([response.guides, response.jumps]))
        guides = guides[(guides > 0.0) & (guides < deadline)]
        if len(guides):
            points.append(np.interp(np.linspace(0, len(guides) - 1, RISES), np.arange(len(guides)), guides))
    pool = np.unique(np.concatenate(points))
    thinned = pool if len(pool) <= most else pool[np.linspace(0, len(pool) - 1, most).astype(np.int64)]
    return np.unique(np.concatenate([[0.0], thinned, [deadline]])), False
