"""Brute force over tiny instances with failure domains and rules, up to six devices and for every objective.

The definitions are those of :mod:`oracle`, and so are its readings of numbers. What differs is the speed, and what a
plan has to keep: rules say who may or must share a group, who serves, and who runs what. Probabilities are sums over
all states of domains and devices, in whole numbers of a common unit; no formula of an outage is used. Every plan is
looked at but for those that begin with groups that alone are no better than a plan already found, which no further
group can mend: answers come with the last group, failures add up.
"""

from __future__ import annotations

import bisect
import itertools
import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from oracle import ROUNDING, Block, compute_time, exact, latency
from oracle_rules import Rules, mask_of, members_of
from oracle_states import States
from rocoin_opt.plan.model import Group, Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from rocoin_opt.instance.model import Instance
    from rocoin_opt.plan.latency import Objective


class Measure(NamedTuple):
    """What plans are compared by: a figure of a group, and how those of several groups make that of a plan."""

    none: Any
    """Figure of no group at all."""
    of: Callable[[Block], Any]
    join: Callable[[Any, Any], Any]
    """Never makes the cost less."""
    cost: Callable[[Any], Any]
    covers: Callable[[Any, Any], bool]
    """Whether the first figure is at least as good as the second in whatever plan."""


class Bounded(NamedTuple):
    """A limit on the cost of a measure."""

    measure: Measure
    most: Any


class RestrictedOracle:
    """All that can be said about the plans of one instance that keep some rules."""

    def __init__(
        self, instance: Instance, rules: Iterable[Any] = (), may_run: Mapping[str, Iterable[str]] | None = None
    ) -> None:
        """Rules and students are those given and those of the instance together; a device left out may run all."""
        self.instance = instance
        devices, requirements = instance.devices, instance.requirements
        self.count, self.filters = len(devices), instance.knowledge.num_filters
        self.ids = [device.id for device in devices]
        self.rules, self.states = Rules(instance, rules), States(instance)
        self.allowed = [self._students(n, may_run or {}) for n in range(self.count)]
        self.limit = exact(requirements.max_group_outage) * (1 + ROUNDING) * self.states.unit
        self.most_groups = requirements.max_groups or self.count
        self._order_times()
        self.level = None if requirements.success_level is None else self._failures(requirements.success_level)
        self.wish = None if requirements.min_success is None else self._failures(requirements.min_success)
        self.groups = [
            members
            for members in range(1, 1 << self.count)
            if self.states.outage[members] <= self.limit and self.rules.group_may(members)
        ]

    def _students(self, n: int, may_run: Mapping[str, Iterable[str]]) -> set[int]:
        device = self.instance.devices[n]
        # Whatever stands where nothing is listed: an empty list is refused when a file is read.
        own, given = getattr(device, "students", None) or None, may_run.get(device.id)
        return {
            j
            for j, student in enumerate(self.instance.students)
            if all(listed is None or student.id in set(listed) for listed in (own, given))
        }

    def _order_times(self) -> None:
        """Latencies as places among all of them, exactly compared: whole numbers are faster than fractions."""
        students, sizes = range(len(self.instance.students)), range(1, self.filters + 1)
        cases = list(itertools.product(range(self.count), students, sizes))
        exactly = {case: latency(self.instance, *case) for case in cases}
        self.times = sorted(set(exactly.values()))
        place = {t: i for i, t in enumerate(self.times)}
        self.place = {case: place[t] for case, t in exactly.items()}
        deadline = self.instance.requirements.deadline_seconds
        latest = math.inf if deadline is None else exact(deadline) * (1 + ROUNDING)
        self.last_in_time = bisect.bisect_right(self.times, latest) - 1
        self.fitting = {
            (j, size): mask_of(n for n in range(self.count) if j in self.allowed[n] and self._fits(n, j, size))
            for j, size in itertools.product(students, sizes)
        }

    def _fits(self, n: int, j: int, size: int) -> bool:
        student = self.instance.students[j]
        needed = exact(student.memory_bytes) + exact(student.memory_bytes_per_filter) * size
        room = exact(self.instance.devices[n].memory_bytes) * (1 + ROUNDING)
        return size <= student.max_filters and needed <= room and compute_time(self.instance, n, j, size) is not None

    def _failures(self, success: float) -> int:
        """Units of failure that a success allows."""
        return math.floor((1 - exact(success)) * (1 + ROUNDING) * self.states.unit)

    def is_feasible(self, blocks: Sequence[Block]) -> bool:
        """Whether disjoint groups keep every limit and rule, and succeed as often as is asked for."""
        return self.keeps_rest(blocks) and (
            self.wish is None or self._cost(self.failing(self.last_in_time), blocks) <= self.wish
        )

    def keeps_rest(self, blocks: Sequence[Block]) -> bool:
        """Whether disjoint groups keep every limit and rule but ``min_success``."""
        groups = [mask_of(block.devices) for block in blocks]
        return (
            self.instance.requirements.min_groups <= len(blocks) <= self.most_groups
            and sum(block.size for block in blocks) == self.filters
            and all(block.size >= 1 for block in blocks)
            and all(self.states.outage[group] <= self.limit for group in groups)
            and all(
                not group & ~self.fitting[block.student, block.size]
                for group, block in zip(groups, blocks, strict=True)
            )
            and not self.rules.broken(groups)
        )

    def in_time(self, block: Block, last: int) -> int:
        """Devices of a group that answer by a time, given by its place."""
        _, j, size = block
        return mask_of(n for n in block.devices if self.place[n, j, size] <= last)

    def answers(self, block: Block, last: int) -> int:
        """States in which a group answers by a time, given by its place."""
        return self.states.answering[self.in_time(block, last)]

    def latest(self, objective: str) -> Measure:
        """The latency of the slowest group, as a place among the times."""

        def of(block: Block) -> int:
            places = sorted(self.place[n, block.student, block.size] for n in block.devices)
            if objective == "guaranteed":
                return next(
                    (t for t in places if self.states.outage[self.in_time(block, t)] <= self.limit), len(self.times)
                )
            return places[0] if objective == "nominal" else places[-1]

        return Measure(-1, of, max, lambda place: place, lambda one, other: one <= other)

    def failing(self, last: int) -> Measure:
        """Probability that not every group answers by a time, in units."""
        return Measure(
            self.states.every,
            lambda block: self.answers(block, last),
            lambda one, other: one & other,
            self.states.missed,
            lambda one, other: one & other == other,
        )

    def missing(self) -> Measure:
        """Filters missing at the deadline on average, in units."""
        return Measure(
            0,
            lambda block: block.size * self.states.missed(self.answers(block, self.last_in_time)),
            lambda one, other: one + other,
            lambda total: total,
            lambda one, other: one <= other,
        )

    def waiting(self) -> Measure:
        """Seconds until the answer or the deadline, in every state."""
        deadline = self.instance.requirements.deadline_seconds
        assert deadline is not None, "the objective expected needs a deadline"
        probabilities = np.array([weight / self.states.unit for weight in self.states.weights])
        alive = np.array(
            [[mask >> n & 1 for n in range(self.count)] for mask in range(len(self.states.weights))], dtype=bool
        )
        seconds = np.minimum([float(t) for t in self.times], deadline)

        def of(block: Block) -> np.ndarray:
            members = list(block.devices)
            answers = seconds[[self.place[n, block.student, block.size] for n in members]]
            return np.where(alive[:, members], answers, deadline).min(axis=1)

        return Measure(
            np.zeros(len(self.states.weights)),
            of,
            np.maximum,
            lambda answer: float(probabilities @ answer),
            lambda one, other: bool((one <= other).all()),
        )

    def _cost(self, measure: Measure, blocks: Sequence[Block]) -> Any:
        figure = measure.none
        for block in blocks:
            figure = measure.join(figure, measure.of(block))
        return measure.cost(figure)

    def value(self, blocks: Sequence[Block], objective: Objective) -> Fraction | None:
        """Objective of disjoint groups, exactly; None where a limit or level is never met."""
        if objective in ("failure", "missing"):
            measure = self.failing(self.last_in_time) if objective == "failure" else self.missing()
            return Fraction(
                self._cost(measure, blocks), self.states.unit * (self.filters if objective == "missing" else 1)
            )
        if objective == "quantile":
            assert self.level is not None, "the objective quantile needs a level"
            # A level of almost 0 still asks for an answer that may come.
            most = min(self.level, self.states.unit - 1)
            reached = (last for last in range(len(self.times)) if self._cost(self.failing(last), blocks) <= most)
            return next((self.times[last] for last in reached), None)
        if objective == "expected":
            deadline = self.instance.requirements.deadline_seconds
            assert deadline is not None, "the objective expected needs a deadline"
            # E[min(X, D)] is the integral of P(X > t) up to the deadline.
            steps = [Fraction(0), *(t for t in self.times if t < exact(deadline)), exact(deadline)]
            late = (self._cost(self.failing(last - 1), blocks) for last in range(len(steps) - 1))
            lengths = (after - before for before, after in itertools.pairwise(steps))
            return sum((p * length for p, length in zip(late, lengths, strict=True)), Fraction(0)) / self.states.unit
        place = self._cost(self.latest(objective), blocks)
        return self.times[place] if place < len(self.times) else None

    def search(
        self, measure: Measure, limits: Sequence[Bounded] = (), *, first: bool = False
    ) -> tuple[Block, ...] | None:
        """A plan of least cost within limits, or the first one within them; None where there is none."""
        measures = (measure, *(limit.measure for limit in limits))
        mosts = tuple(limit.most for limit in limits)
        starting: list[list[int]] = [[] for _ in range(self.count)]
        for members in sorted(self.groups, key=int.bit_count, reverse=True):
            starting[(members & -members).bit_length() - 1].append(members)
        known: dict[tuple[int, int], list[tuple[Block, tuple[Any, ...]]]] = {}
        best: tuple[Any, tuple[Block, ...]] | None = None

        def within(figures: tuple[Any, ...]) -> bool:
            costs = (m.cost(figure) for m, figure in zip(measures[1:], figures[1:], strict=True))
            return all(cost <= most for cost, most in zip(costs, mosts, strict=True))

        def choices(members: int, size: int) -> list[tuple[Block, tuple[Any, ...]]]:
            if (members, size) not in known:
                known[members, size] = self._choices(members, size, measures, within)
            return known[members, size]

        def extend(free: int, left: int, blocks: tuple[Block, ...], figures: tuple[Any, ...]) -> None:
            nonlocal best
            if first and best is not None:
                return
            if left == 0:
                if len(blocks) >= self.instance.requirements.min_groups and not free & self.rules.used:
                    best = measure.cost(figures[0]), blocks
                return
            if not free or len(blocks) == self.most_groups:
                return
            lowest = free & -free
            for members in starting[lowest.bit_length() - 1]:
                if members & ~free:
                    continue
                for size in range(left, 0, -1):
                    for block, own in choices(members, size):
                        joined = tuple(m.join(a, b) for m, a, b in zip(measures, figures, own, strict=True))
                        if (best is None or measure.cost(joined[0]) < best[0]) and within(joined):
                            extend(free & ~members, left - size, (*blocks, block), joined)
            if not lowest & self.rules.used:
                extend(free & ~lowest, left, blocks, figures)

        extend((1 << self.count) - 1, self.filters, (), tuple(m.none for m in measures))
        if best is None:
            return None
        assert self.keeps_rest(best[1])
        return best[1]

    def _choices(
        self, members: int, size: int, measures: Sequence[Measure], within: Callable[[tuple[Any, ...]], bool]
    ) -> list[tuple[Block, tuple[Any, ...]]]:
        """Students of a group but for those that another one replaces in every plan."""

        def covers(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
            return all(m.covers(a, b) for m, a, b in zip(measures, one, other, strict=True))

        kept: list[tuple[Block, tuple[Any, ...]]] = []
        for j in range(len(self.instance.students)):
            if members & ~self.fitting[j, size]:
                continue
            block = Block(members_of(members), j, size)
            figures = tuple(m.of(block) for m in measures)
            if within(figures) and not any(covers(other, figures) for _, other in kept):
                kept = [choice for choice in kept if not covers(figures, choice[1])] + [(block, figures)]
        return sorted(kept, key=lambda choice: measures[0].cost(choice[1][0]))

    def wishes(self) -> list[Bounded]:
        """What is asked of the plan as a whole."""
        return [] if self.wish is None else [Bounded(self.failing(self.last_in_time), self.wish)]

    def optimum(self, objective: Objective) -> tuple[Fraction | None, tuple[Block, ...]] | None:
        """Least value over all feasible plans and one of these; None where no plan is feasible.

        A quantile is None where no feasible plan reaches the level.
        """
        if objective == "quantile":
            return self._least_quantile()
        measure = (
            self.failing(self.last_in_time)
            if objective == "failure"
            else self.missing()
            if objective == "missing"
            else self.waiting()
            if objective == "expected"
            else self.latest(objective)
        )
        blocks = self.search(measure, self.wishes())
        return None if blocks is None else (self.value(blocks, objective), blocks)

    def _least_quantile(self) -> tuple[Fraction | None, tuple[Block, ...]] | None:
        assert self.level is not None, "the objective quantile needs a level"
        most = min(self.level, self.states.unit - 1)

        def reaching(last: int) -> tuple[Block, ...] | None:
            measure = self.failing(last)
            return self.search(measure, [*self.wishes(), Bounded(measure, most)], first=True)

        # What a plan has reached it keeps, so that the first time at which any plan has reached the level is the least.
        last = bisect.bisect_left(range(len(self.times)), True, key=lambda place: reaching(place) is not None)
        if last < len(self.times):
            blocks = reaching(last)
            assert blocks is not None
            return self.times[last], blocks
        surest = self.search(self.failing(last), self.wishes())
        return None if surest is None else (None, surest)

    def least_failure_within(self, objective: Objective, seconds: Fraction) -> Fraction | None:
        """Least failure among the plans whose guaranteed, nominal or worst latency is no larger; None without one."""
        last = bisect.bisect_right(self.times, seconds) - 1
        blocks = self.search(self.failing(self.last_in_time), [*self.wishes(), Bounded(self.latest(objective), last)])
        return None if blocks is None else self.value(blocks, "failure")

    def least_failure(self) -> Fraction | None:
        """Least failure of all plans, ``min_success`` aside: what can be reached; None where there is no plan."""
        blocks = self.search(self.failing(self.last_in_time))
        return None if blocks is None else self.value(blocks, "failure")

    def plan(self, blocks: Sequence[Block]) -> Plan:
        """The decision as a plan of the package."""
        return Plan.of(
            self.instance,
            [
                Group(
                    devices=tuple(self.ids[n] for n in block.devices),
                    student=self.instance.students[block.student].id,
                    num_filters=block.size,
                )
                for block in blocks
            ],
        )

    def blocks(self, plan: Plan) -> tuple[Block, ...]:
        """Read a plan whose names are all known."""
        student = {item.id: j for j, item in enumerate(self.instance.students)}
        return tuple(
            Block(tuple(sorted(map(self.ids.index, group.devices))), student[group.student], group.num_filters)
            for group in plan.groups
        )


def best(
    instance: Instance,
    objective: Objective,
    rules: Iterable[Any] = (),
    may_run: Mapping[str, Iterable[str]] | None = None,
) -> tuple[float, Plan] | None:
    """Smallest objective over all feasible plans and a plan that attains it; None where no plan is feasible.

    A quantile is infinite where no feasible plan reaches the level.
    """
    oracle = RestrictedOracle(instance, rules, may_run)
    answer = oracle.optimum(objective)
    if answer is None:
        return None
    return math.inf if answer[0] is None else float(answer[0]), oracle.plan(answer[1])
