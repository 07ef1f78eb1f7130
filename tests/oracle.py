"""Brute force over tiny instances, straight from the definitions of the problem.

Nothing here calls the package beyond its data classes: latency, memory, outage and the objectives are stated
anew. Numbers are read as the decimals that a file holds (0.1 is one tenth), so that limits are compared without
rounding. Up to five devices, three students and six filters, all plans take about a second; the best plans for the
whole answer (:mod:`oracle_answers`) take less.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from oracle_answers import ANSWER_OBJECTIVES, WholeAnswers
from rocoin_opt.instance.model import Instance
from rocoin_opt.plan.model import Group, Plan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rocoin_opt.plan.latency import Objective

ROUNDING = Fraction(1, 10**12)
"""Relative slack on limits, for those that are themselves rounded: of outage, of failure, and on the deadline."""


class Block(NamedTuple):
    """A group by indices: devices, student, part size."""

    devices: tuple[int, ...]
    student: int
    size: int


def exact(number: float) -> Fraction:
    """The decimal number that a file holds."""
    return Fraction(repr(number))


NEVER = Fraction(10**12)
"""Stands for the time of what cannot run."""


def compute_time(instance: Instance, n: int, j: int, size: int) -> Fraction | None:
    """Measured seconds of device n with student j, else (F_j + f_j s) / c_n; None where there is neither."""
    device, student = instance.devices[n], instance.students[j]
    measured = (device.compute_seconds or {}).get(student.id)
    if measured is not None:
        if isinstance(measured, float):
            return exact(measured)
        return exact(measured.seconds) + exact(measured.seconds_per_filter) * size
    if device.flops_per_second is None:
        return None
    return (exact(student.flops) + exact(student.flops_per_filter) * size) / exact(device.flops_per_second)


def latency(instance: Instance, n: int, j: int, size: int) -> Fraction:
    """l(n, j, s) = t0_n + (compute time) + beta s / r_n, in seconds."""
    device, compute = instance.devices[n], compute_time(instance, n, j, size)
    bits = exact(instance.knowledge.bits_per_filter) * size
    seconds = bits / exact(device.uplink_bits_per_second) + (NEVER if compute is None else compute)
    return exact(device.overhead_seconds) + seconds


def fits(instance: Instance, n: int, j: int, size: int) -> bool:
    """B_j + b_j s <= m_n, and the device can run the student."""
    student = instance.students[j]
    if compute_time(instance, n, j, size) is None:
        return False
    needed = exact(student.memory_bytes) + exact(student.memory_bytes_per_filter) * size
    return needed <= exact(instance.devices[n].memory_bytes)


def survival_states(instance: Instance) -> list[tuple[frozenset[int], Fraction]]:
    """Every set of surviving devices with its probability; a failed domain takes all of its devices along."""
    states: dict[frozenset[int], Fraction] = defaultdict(Fraction)
    domains = instance.failure_domains
    for up in itertools.product((True, False), repeat=len(domains)):
        of_domains = Fraction(1)
        for domain, works in zip(domains, up, strict=True):
            p = exact(domain.failure_probability)
            of_domains *= 1 - p if works else p
        down = {domain.id for domain, works in zip(domains, up, strict=True) if not works}
        for alive in itertools.product((True, False), repeat=len(instance.devices)):
            probability = of_domains
            for device, works in zip(instance.devices, alive, strict=True):
                p = exact(device.failure_probability)
                probability *= 1 - p if works else p
            survivors = frozenset(
                n
                for n, device in enumerate(instance.devices)
                if alive[n] and (device.failure_domain is None or device.failure_domain not in down)
            )
            if probability:
                states[survivors] += probability
    return list(states.items())


class Oracle:
    """All that can be said about the plans of one instance."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.states = survival_states(instance)
        self.probabilities = np.array([float(probability) for _, probability in self.states])
        requirements = instance.requirements
        self.limit = exact(requirements.max_group_outage) * (1 + ROUNDING)
        deadline, level = requirements.deadline_seconds, requirements.success_level
        wanted = requirements.min_success
        self.latest = None if deadline is None else exact(deadline) * (1 + ROUNDING)
        self.failure_limit = None if level is None else (1 - exact(level)) * (1 + ROUNDING)
        self.success_limit = None if wanted is None else (1 - exact(wanted)) * (1 + ROUNDING)
        self.whole = WholeAnswers(self)
        self.replicas: dict[Block, list[tuple[Fraction, int]]] = {}
        self.outages: dict[frozenset[int], Fraction] = {}
        self.values: dict[tuple[Block, str], float | None] = {}
        self.feasible: dict[Block, bool] = {}
        self.answers: dict[Block, np.ndarray] = {}

    def outage(self, devices: frozenset[int]) -> Fraction:
        """Probability that none of some devices survives."""
        if devices not in self.outages:
            self.outages[devices] = sum((q for alive, q in self.states if not alive & devices), Fraction(0))
        return self.outages[devices]

    def block_feasible(self, block: Block) -> bool:
        """Whether a group alone keeps memory, capacity and outage limit."""
        if block not in self.feasible:
            self.feasible[block] = (
                1 <= block.size <= self.instance.students[block.student].max_filters
                and all(fits(self.instance, n, block.student, block.size) for n in block.devices)
                and self.outage(frozenset(block.devices)) <= self.limit
            )
        return self.feasible[block]

    def latencies(self, block: Block) -> list[tuple[Fraction, int]]:
        """When each device of a group answers, ascending."""
        if block not in self.replicas:
            self.replicas[block] = sorted(
                (latency(self.instance, n, block.student, block.size), n) for n in block.devices
            )
        return self.replicas[block]

    def block_value(self, block: Block, objective: str) -> float | None:
        """When a group answers: the limit met, nobody failed, or its slowest replica."""
        key = (block, objective)
        if key not in self.values:
            times = self.latencies(block)
            value: Fraction | None = None
            if objective == "nominal":
                value = times[0][0]
            elif objective == "worst":
                value = times[-1][0]
            else:
                for t, _ in times:
                    if self.outage(frozenset(n for seconds, n in times if seconds <= t)) <= self.limit:
                        value = t
                        break
            self.values[key] = None if value is None else float(value)
        return self.values[key]

    def first_answers(self, block: Block) -> np.ndarray:
        """Seconds until a group's first answer in every survival state; infinite where nobody survives."""
        if block not in self.answers:
            times = {n: float(latency(self.instance, n, block.student, block.size)) for n in block.devices}
            self.answers[block] = np.array(
                [min((t for n, t in times.items() if n in alive), default=np.inf) for alive, _ in self.states]
            )
        return self.answers[block]

    def is_feasible(self, blocks: tuple[Block, ...]) -> bool:
        """Whether disjoint groups keep every rule, and succeed as often as is asked for."""
        return self.keeps_rules(blocks) and (
            self.success_limit is None or self.whole.failure(blocks, self.latest) <= self.success_limit
        )

    def keeps_rules(self, blocks: tuple[Block, ...]) -> bool:
        """Whether disjoint groups keep every rule of groups and parts."""
        requirements, wanted = self.instance.requirements, self.instance.knowledge.num_filters
        largest = requirements.max_groups or len(self.instance.devices)
        return (
            requirements.min_groups <= len(blocks) <= largest
            and sum(block.size for block in blocks) == wanted
            and all(map(self.block_feasible, blocks))
        )

    def value(self, blocks: tuple[Block, ...], objective: Objective) -> float | None:
        """Objective of disjoint groups; None where it has none."""
        if objective in ANSWER_OBJECTIVES:
            value = self.whole.value(blocks, objective)
            return None if value is None else float(value)
        if objective == "expected":
            deadline = self.instance.requirements.deadline_seconds
            if deadline is None:
                return None
            answer = np.maximum.reduce([self.first_answers(block) for block in blocks])
            return float(self.probabilities @ np.minimum(answer, deadline))
        values = [self.block_value(block, objective) for block in blocks]
        known = [value for value in values if value is not None]
        return max(known) if len(known) == len(values) else None

    def success(self, blocks: tuple[Block, ...]) -> float:
        """P(X <= D), or the probability that an answer ever comes where there is no deadline."""
        deadline = self.instance.requirements.deadline_seconds
        latest = deadline if deadline is not None else np.finfo(float).max
        answer = np.maximum.reduce([self.first_answers(block) for block in blocks])
        return float(self.probabilities @ (answer <= latest))

    def choices(self, *, feasible_only: bool = False) -> Iterator[list[list[Block]]]:
        """Disjoint groups and spares in every way, sizes of at least 1 that sum to M: a block for each student."""
        total = self.instance.knowledge.num_filters
        students = range(len(self.instance.students))
        for partition in _groupings(len(self.instance.devices), total):
            for sizes in _compositions(total, len(partition)):
                yield [
                    [
                        block
                        for block in (Block(devices, j, size) for j in students)
                        if not feasible_only or self.block_feasible(block)
                    ]
                    for devices, size in zip(partition, sizes, strict=True)
                ]

    def decisions(self, *, feasible_only: bool = False) -> Iterator[tuple[Block, ...]]:
        """Every decision: disjoint groups and spares, a student each, sizes of at least 1 that sum to M."""
        for choices in self.choices(feasible_only=feasible_only):
            for blocks in itertools.product(*choices):
                if not feasible_only or self.is_feasible(blocks):
                    yield blocks

    def plan(self, blocks: tuple[Block, ...]) -> Plan:
        """The decision as a plan of the package."""
        return Plan.of(
            self.instance,
            [
                Group(
                    devices=tuple(self.instance.devices[n].id for n in block.devices),
                    student=self.instance.students[block.student].id,
                    num_filters=block.size,
                )
                for block in blocks
            ],
        )

    def blocks(self, plan: Plan) -> tuple[Block, ...]:
        """Read a plan whose names are all known."""
        device = {item.id: n for n, item in enumerate(self.instance.devices)}
        student = {item.id: j for j, item in enumerate(self.instance.students)}
        return tuple(
            Block(tuple(device[name] for name in group.devices), student[group.student], group.num_filters)
            for group in plan.groups
        )


@lru_cache(maxsize=32)
def _oracle_of(content: str) -> Oracle:
    return Oracle(Instance.model_validate_json(content))


def oracle_of(instance: Instance) -> Oracle:
    """Oracle of an instance; the last few are remembered by their content, matrices aside."""
    return _oracle_of(instance.model_dump_json(exclude={"knowledge": {"graph", "class_affinity"}}))


def all_plans(instance: Instance) -> Iterator[Plan]:
    """Every plan with disjoint groups and sizes that sum to M, feasible or not."""
    oracle = oracle_of(instance)
    return map(oracle.plan, oracle.decisions())


def feasible_plans(instance: Instance) -> Iterator[Plan]:
    """Every feasible plan."""
    oracle = oracle_of(instance)
    return map(oracle.plan, oracle.decisions(feasible_only=True))


def is_feasible(instance: Instance, plan: Plan) -> bool:
    """Whether a plan of known, disjoint devices keeps every rule."""
    oracle = oracle_of(instance)
    return oracle.is_feasible(oracle.blocks(plan))


def objective_value(instance: Instance, plan: Plan, objective: Objective) -> float | None:
    """Objective of a plan; None where a limit or level is never met, or there is no deadline or level for it."""
    oracle = oracle_of(instance)
    return oracle.value(oracle.blocks(plan), objective)


def success_probability(instance: Instance, plan: Plan) -> float:
    """P(X <= D), or the probability that an answer ever comes where there is no deadline."""
    oracle = oracle_of(instance)
    return oracle.success(oracle.blocks(plan))


def best(instance: Instance, objective: Objective) -> tuple[float, Plan] | None:
    """Smallest objective over all feasible plans and a plan that attains it; None where no plan is feasible.

    Plans that miss ``min_success`` are not feasible either.

    A quantile is infinite where no plan reaches the level.
    """
    oracle = oracle_of(instance)
    # The least failure says itself whether it is enough; of all else only what succeeds often enough is looked at.
    if objective in ANSWER_OBJECTIVES and (oracle.success_limit is None or objective == "failure"):
        answer = oracle.whole.best(objective)
        if answer is None or not oracle.is_feasible(answer[1]):
            return None
        return math.inf if answer[0] is None else float(answer[0]), oracle.plan(answer[1])
    found: tuple[float, tuple[Block, ...]] | None = None
    for blocks in oracle.decisions(feasible_only=True):
        value = oracle.value(blocks, objective)
        assert value is not None or objective == "quantile", "the objective expected needs a deadline"
        value = math.inf if value is None else value
        if found is None or value < found[0]:
            found = value, blocks
    return None if found is None else (found[0], oracle.plan(found[1]))


def _groupings(devices: int, most: int) -> Iterator[tuple[tuple[int, ...], ...]]:
    """Every way to put devices into 1 to ``most`` unlabelled groups, or among the spares."""

    def extend(n: int, groups: tuple[tuple[int, ...], ...]) -> Iterator[tuple[tuple[int, ...], ...]]:
        if n == devices:
            if groups:
                yield groups
            return
        yield from extend(n + 1, groups)
        for k, group in enumerate(groups):
            yield from extend(n + 1, (*groups[:k], (*group, n), *groups[k + 1 :]))
        if len(groups) < most:
            yield from extend(n + 1, (*groups, (n,)))

    return extend(0, ())


def _compositions(total: int, parts: int) -> Iterator[tuple[int, ...]]:
    """Every way to write a total as an ordered sum of parts of at least 1."""
    for cuts in itertools.combinations(range(1, total), parts - 1):
        edges = (0, *cuts, total)
        yield tuple(after - before for before, after in itertools.pairwise(edges))
