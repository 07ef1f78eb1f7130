"""When a plan answers: the one owner of outage, of the objectives and of the exact latency distribution.

Latencies are constants here, and where several devices send on one channel those of :mod:`rocoin_opt.plan.transfers`
when nobody crashes. Devices crash independently, or together with their failure domain; see the symbols in
``docs/formulation.md``. A random latency is refused, never approximated: it belongs to the failure package.
"""

from __future__ import annotations

import bisect
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import numpy as np

from rocoin_opt.errors import UnsupportedError
from rocoin_opt.instance import FloatArray, complement, keeps_outage_limit, stretched
from rocoin_opt.plan.transfers import Transfers, has_queues

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rocoin_opt.instance import Instance
    from rocoin_opt.plan.model import Group, Plan

Objective: TypeAlias = Literal["guaranteed", "expected", "nominal", "worst", "failure", "missing", "quantile"]
OBJECTIVES: tuple[Objective, ...] = get_args(Objective)
THRESHOLD_OBJECTIVES: tuple[Objective, ...] = ("guaranteed", "nominal", "worst")
"""Objectives that are the latency of some replica, so that a search over thresholds decides them."""
ANSWER_OBJECTIVES: tuple[Objective, ...] = ("failure", "missing", "quantile")
"""Objectives of the whole answer: how likely it is not there in time, how much of it is not, when it is as likely as
wanted."""
Preference: TypeAlias = Literal["reliability", "work", "energy"]
PREFERENCES: tuple[Preference, ...] = get_args(Preference)
"""What comes next among plans of equal latency and partition: the least failure probability, work or energy."""

SMALLEST_OUTAGE = 5e-324
"""The smallest positive double."""


@dataclass(frozen=True)
class GroupTiming:
    """How one group answers, replica by replica.

    Attributes
    ----------
    devices : tuple of str
        The replicas in the order in which they answer.
    seconds : tuple of float
        When each answers, in seconds, ascending; on a channel that others send on too, when nobody crashes.
    outage : tuple of float
        Probability that the group is still without an answer once this replica should have answered, q_k(t).
    guaranteed_seconds : float or None
        When the outage limit is met; None if it never is.
    """

    devices: tuple[str, ...]
    seconds: tuple[float, ...]
    outage: tuple[float, ...]
    guaranteed_seconds: float | None

    @property
    def final_outage(self) -> float:
        """Probability that the group never answers."""
        return self.outage[-1] if self.outage else 1.0

    def outage_by(self, seconds: float) -> float:
        """q_k(t): probability that the group has not answered by t, up to the tolerance on limits."""
        in_time = bisect.bisect_right(self.seconds, stretched(seconds))
        return self.outage[in_time - 1] if in_time else 1.0


@dataclass(frozen=True, eq=False)
class StepDistribution:
    """A defective distribution function that jumps at finitely many times.

    Attributes
    ----------
    seconds : FloatArray
        Times of the jumps, ascending.
    log_probability : FloatArray
        ln P(X <= t) at and after each of these times. In logarithms neither a probability close to 0 nor one close to 1
        loses digits.
    """

    seconds: FloatArray
    log_probability: FloatArray

    def cdf(self, seconds: float) -> float:
        """P(X <= t), up to the tolerance on limits: an answer that comes at t exactly, but for rounding, is in time."""
        position = int(np.searchsorted(self.seconds, stretched(seconds), side="right"))
        return math.exp(self.log_probability[position - 1]) if position else 0.0

    def failure(self, seconds: float) -> float:
        """P(X > t), with all its digits however small; an answer at t exactly, but for rounding, is in time."""
        position = int(np.searchsorted(self.seconds, stretched(seconds), side="right"))
        # Not 1 - P: of a failure of 1e-17 nothing would be left.
        return abs(math.expm1(self.log_probability[position - 1])) if position else 1.0

    def quantile(self, level: float) -> float:
        """Smallest t with P(X > t) at most ``1 - level``, up to the tolerance on limits; infinite where there is none.

        Parameters
        ----------
        level : float
            Wanted probability of an answer, between 0 and 1.
        """
        late = np.abs(np.expm1(self.log_probability))
        # In logarithms, for 1 less the tiniest probability of an answer is 1.
        reached = np.flatnonzero((late <= stretched(complement(level))) & (self.log_probability > -np.inf))
        return float(self.seconds[reached[0]]) if len(reached) else math.inf

    def expected(self, deadline: float) -> float:
        """E[min(X, D)] in seconds: the integral of P(X > t) from 0 to D."""
        times = np.minimum(np.concatenate([[0.0], self.seconds, [deadline]]), deadline)
        late = np.concatenate([[1.0], -np.expm1(self.log_probability)])
        return float(np.diff(times) @ late)


def outage_after(instance: Instance, devices: Iterable[int]) -> Iterator[float]:
    """Outage of a growing set of replicas: after each device, the probability that none so far answers.

    A failure domain takes its devices along: the devices of domain d all fail with probability
    ``P_d + (1 - P_d) prod p_n``; domains, and devices outside of any, are independent.
    """
    domains = instance.arrays.domain_failure
    alone = 1.0
    together: dict[str, float] = {}
    is_sure = False
    for n in devices:
        device = instance.devices[n]
        # A domain that may fail takes its sure devices along.
        falls = domains[device.failure_domain] if device.failure_domain is not None else 0.0
        is_sure = is_sure or device.failure_probability == falls == 0.0
        if device.failure_domain is None:
            alone *= device.failure_probability
        else:
            name = device.failure_domain
            together[name] = together.get(name, 1.0) * device.failure_probability
        outage = alone
        for name, product in together.items():
            outage *= domains[name] + (1.0 - domains[name]) * product
        # A product too small for a double is not the certainty that a limit of 0 asks for.
        yield outage if outage > 0.0 or is_sure else SMALLEST_OUTAGE


def outage_of(instance: Instance, devices: Iterable[int]) -> float:
    """Outage of a set of replicas, the probability that none of them answers; 1 for the empty set."""
    outage = 1.0
    for outage in outage_after(instance, devices):  # noqa: B007 - the last value is wanted
        pass
    return outage


def group_keeps_limit(instance: Instance, devices: Iterable[int]) -> bool:
    """Whether a group of these devices, at least one, keeps the outage limit of the instance."""
    return keeps_outage_limit(outage_of(instance, devices), instance.requirements.max_group_outage)


def group_timing(instance: Instance, group: Group, answers: FloatArray | None = None) -> GroupTiming:
    """Order a group's replicas by latency and follow its outage.

    Parameters
    ----------
    instance : Instance
        What was given.
    group : Group
        One group of a plan.
    answers : FloatArray, optional
        When its replicas answer, in seconds; on links of their own where left out.

    Raises
    ------
    UnsupportedError
        If a replica's latency is random.
    """
    arrays = instance.arrays
    indices = [arrays.device_index[device] for device in group.devices]
    require_constant_latency(instance, indices)
    latencies = answers
    if latencies is None:
        latencies = arrays.latency(indices, arrays.student_index[group.student], group.num_filters)
    order = np.argsort(latencies, kind="stable")
    indices = [indices[position] for position in order]
    seconds = tuple(float(latencies[position]) for position in order)
    outage = tuple(outage_after(instance, indices))
    limit = instance.requirements.max_group_outage
    met = (t for t, q in zip(seconds, outage, strict=True) if keeps_outage_limit(q, limit))
    return GroupTiming(tuple(instance.devices[n].id for n in indices), seconds, outage, next(met, None))


def group_timings(instance: Instance, plan: Plan) -> tuple[GroupTiming, ...]:
    """Timing of every group, in the plan's order; see :func:`group_timing`."""
    if not has_queues(instance, plan):
        return tuple(group_timing(instance, group) for group in plan.groups)
    cuts = np.cumsum([len(group.devices) for group in plan.groups])[:-1]
    answers = np.split(Transfers.of(instance, plan).calm, cuts)
    return tuple(group_timing(instance, *each) for each in zip(plan.groups, answers, strict=True))


def guaranteed_seconds(timings: Iterable[GroupTiming]) -> float | None:
    """Smallest t with q_k(t) <= eps for every group; None where a group never meets it."""
    worst = 0.0
    for timing in timings:
        if timing.guaranteed_seconds is None:
            return None
        worst = max(worst, timing.guaranteed_seconds)
    return worst


def nominal_seconds(timings: Iterable[GroupTiming]) -> float:
    """Answer time if no device fails: the fastest replica of the slowest group."""
    return max(timing.seconds[0] for timing in timings)


def worst_seconds(timings: Iterable[GroupTiming]) -> float:
    """Answer time of the slowest replica of all."""
    return max(timing.seconds[-1] for timing in timings)


def missing_share(sizes: Sequence[int], outages: Sequence[float]) -> float:
    """Expected share of the filters that have not arrived: sum over the groups of ``s_k q_k / M``.

    Expectations add up whatever ties the groups together, so failure domains need no conditioning here.

    Parameters
    ----------
    sizes : sequence of int
        Filters of each group.
    outages : sequence of float
        Probability that each group has not answered by then.
    """
    return math.fsum(size * outage for size, outage in zip(sizes, outages, strict=True)) / sum(sizes)


def answer_distribution(instance: Instance, timings: Iterable[GroupTiming]) -> StepDistribution:
    """Distribution of the answer time X = max over groups of the first surviving replica, at its N breakpoints.

    ``ln P(X <= t) = sum_k ln(1 - q_k(t))``, a sum of step functions of one sign: nothing cancels.

    Raises
    ------
    UnsupportedError
        If devices share failure domains: they tie the groups together.
    """
    if instance.has_shared_failures:
        raise UnsupportedError("the answer's distribution under failure domains is not available yet")
    groups = list(timings)
    times = np.array([t for timing in groups for t in timing.seconds])
    order = np.argsort(times, kind="stable")
    position = np.empty(len(order), dtype=np.int64)
    position[order] = np.arange(len(order))
    total = np.zeros(len(order))
    first = 0
    for timing in groups:
        last = first + len(timing.seconds)
        starts = position[first:last]
        # Without any answer so far the logarithm is minus infinity.
        total[: starts[0]] = -np.inf
        steps = np.log1p(-np.array(timing.outage))
        total[starts[0] :] += np.repeat(steps, np.diff([*starts, len(total)]))
        first = last
    return StepDistribution(times[order], total)


def has_random_latency(instance: Instance, plan: Plan) -> bool:
    """Whether a device of some group has a random latency."""
    if not instance.has_random_latencies:
        return False
    index = instance.arrays.device_index
    return any(instance.devices[index[device]].is_random for group in plan.groups for device in group.devices)


def require_constant_latency(instance: Instance, devices: Iterable[int] | None = None) -> None:
    """Refuse random latencies, of some devices or of all."""
    if not instance.has_random_latencies:
        return
    for position in range(len(instance.devices)) if devices is None else devices:
        device = instance.devices[position]
        if device.is_random:
            raise UnsupportedError(
                f"{instance.name}: devices[{position}] ({device.id}) has a slowdown law, and random latencies are "
                "beyond what is asked for here"
            )
