r"""Derivatives of a plan's figures by the parameters of one replica.

With :math:`V_n(t)` the probability that the answer of replica n decides whether the system has answered by t,

.. math::
    E[\min(X, D)] = \int_0^D P(X > t \mid n \text{ gone}) \, dt - (1 - p_n) \int_0^D F_n(t) V_n(t) \, dt .

So expectation and failure probability are linear in each p, with the derivative "gone minus sure", which for the
failure probability is Birnbaum's importance [1]_. A constant latency :math:`l_n < D` moves the expectation by
:math:`(1 - p_n) V_n(l_n)`, where V may jump: then the two one-sided derivatives differ. What depends on a random
latency is differentiated by differences, with an error.

References
----------
.. [1] Z. W. Birnbaum, "On the importance of different components in a multicomponent system", Multivariate Analysis II
   (1969).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from rocoin_opt.failure.distribution import INTEGRAL_ERROR, instant, latency_distribution, response_of
from rocoin_opt.failure.what_if.differences import Derivative, log_derivative
from rocoin_opt.failure.what_if.guarantees import TIE, Reach, is_tied, unchanged_crash
from rocoin_opt.failure.what_if.variants import Variants, alone
from rocoin_opt.instance import ComputeTime, stretched

if TYPE_CHECKING:
    from collections.abc import Callable

    from rocoin_opt.failure.distribution import LatencyDistribution
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Plan

Rate: TypeAlias = Literal["flops_per_second", "uplink_bits_per_second"]
Range: TypeAlias = tuple[float, float | None]
"""From and to; no end where the second is None."""

STANDING = Derivative(0.0, 0.0)
ALL = (0.0, math.inf)
"""All latencies."""
_NEARLY = 0.9
"""Share of the other groups' guarantee below which a group cannot reach it within a step."""


@dataclass(frozen=True)
class Derivatives:
    """Derivatives of expectation, failure probability and guarantee, None where there is none.

    The ranges say where a figure stays as it is, None where it is no step function of the parameter.
    """

    expected: Derivative | None
    failure: Derivative | None
    guaranteed: Derivative | None
    failure_range: Range | None = None
    guaranteed_range: Range | None = None


class Base:
    """A plan as it is, with what the derivatives by all of its replicas share.

    Attributes
    ----------
    deadline : float or None
        Deadline in seconds.
    limit : float
        Outage limit.
    expected, failure, guaranteed : float
        The figures; expectation None without a deadline, guarantee infinite where there is none.
    """

    def __init__(self, instance: Instance, plan: Plan, deadline: float | None) -> None:
        self.instance, self.plan, self.deadline = instance, plan, deadline
        self.limit = instance.requirements.max_group_outage
        self.distribution = latency_distribution(instance, plan)
        self.end = math.inf if deadline is None else deadline
        self.expected = None if deadline is None else self.distribution.expected(deadline)
        self.failure = self.distribution.failure_probability(self.end)
        self.kept_from = [alone(self.distribution, k).guaranteed(self.limit) for k in range(len(plan.groups))]
        self.guaranteed = max(self.kept_from)

    def others(self, group: int) -> float:
        """Seconds by which all groups but one keep the limit."""
        return max((seconds for k, seconds in enumerate(self.kept_from) if k != group), default=0.0)


class ReplicaDerivatives:
    """Derivatives by the parameters of one replica, by the places of its group and of the device in it."""

    def __init__(self, base: Base, group: int, member: int) -> None:
        self.base, self.group = base, group
        self.system = Variants(base.distribution, group, member)
        self.alone = Variants(alone(base.distribution, group), 0, member)
        self.others = base.others(group)
        instance, decided = base.instance, base.plan.groups[group]
        n, j = instance.arrays.device_index[decided.devices[member]], instance.arrays.student_index[decided.student]
        self.device, self.place = instance.devices[n], (n, j, decided.num_filters)
        self._student = instance.students[j]

    def by_crash(self) -> Derivatives:
        """By the crash probability."""
        base, gone, sure = self.base, self.system.gone, self.system.sure
        # Gone minus sure, without a difference.
        in_time, _ = self.system.replica.response.tails(instant(base.end))
        failure = float(in_time[0]) * self.system.decisive(base.end)
        expected = None
        if base.deadline is not None:
            # A replica never delays the answer: below 0 is the error of the integrals.
            slope = max(gone.expected(base.deadline) - sure.expected(base.deadline), 0.0)
            expected = Derivative(slope, slope)
        guaranteed, unchanged = None, None
        if math.isfinite(base.guaranteed):
            replicas = self.alone.plan.groups.replicas
            is_step = all(replica.response.is_step for replica in replicas)
            # Where answers come at some times only, the guarantee is one of them, and a small change moves none.
            guaranteed = STANDING if is_step else self._guaranteed_by_crash()
            unchanged = self._unchanged_crash() if is_step else None
        return Derivatives(expected, Derivative(failure, failure), guaranteed, guaranteed_range=unchanged)

    def by_rate(self, rate: Rate) -> Derivatives:
        """By the compute rate or the link rate."""
        value = self.value(rate)
        return self._by_random_rate(rate, value) if self.device.is_random else self._by_constant_rate(rate, value)

    def value(self, parameter: Literal["failure_probability"] | Rate) -> float:
        """What a parameter is now; the rate of a measured device is the FLOP of its part over its seconds."""
        n, _, size = self.place
        if parameter != "flops_per_second" or self.device.compute_time(self._student.id) is None:
            return float(getattr(self.device, parameter))
        flops = self._student.flops + self._student.flops_per_filter * size
        seconds = self.base.instance.latency_terms(*self.place).compute
        # Of parts without work, or without time, only relative changes mean anything: any rate will do.
        return flops / seconds if flops > 0.0 < seconds else float(self.base.instance.arrays.rate[n])

    def _outage(self, seconds: float) -> tuple[float, float]:
        """Outage of the group by a time if the replica is sure, and if it is gone."""
        return self.alone.sure.failure_probability(seconds), self.alone.gone.failure_probability(seconds)

    def _unchanged_crash(self) -> tuple[float, float]:
        base = self.base
        times = np.concatenate([replica.response.jumps for replica in self.alone.plan.groups.replicas])
        # What comes at the same time but for rounding is in time together.
        earlier = times[stretched(times) < base.guaranteed]
        before = float(earlier.max()) if len(earlier) else None
        return unchanged_crash(base.limit, base.guaranteed, self.others, before, self._outage)

    def _guaranteed_by_crash(self) -> Derivative | None:
        """By the implicit function theorem: what a larger outage does, a larger limit undoes."""
        base = self.base
        if base.kept_from[self.group] < _NEARLY * self.others:
            return STANDING
        sure, gone = self._outage(base.guaranteed)
        by_limit = log_derivative(
            lambda factor: max(self.others, self.alone.plan.guaranteed(min(base.limit * factor, 1.0))),
            TIE * base.guaranteed,
        )
        found = None if by_limit is None else by_limit.times((sure - gone) / base.limit)
        return found if found is not None and math.isfinite(found.left) and math.isfinite(found.error) else None

    def _by_constant_rate(self, rate: Rate, value: float) -> Derivatives:
        base, latency = self.base, self.system.replica.response.farthest
        # Only these seconds depend on the rate, in inverse proportion: by it they change by -scaled / value.
        terms = base.instance.latency_terms(*self.place)
        scaled = terms.compute if rate == "flops_per_second" else terms.transfer
        expected = None
        if base.deadline is not None:
            # Far enough apart that the tolerance on limits does not take one side for the other.
            sides = (self._expected_by_latency(latency * (1.0 + shift)) for shift in (-4.0 * TIE, 4.0 * TIE))
            expected = Derivative(*sides).times(-scaled / value)
        end = stretched(base.end)
        in_time = (0.0, end) if latency <= end else (math.nextafter(end, math.inf), math.inf)
        # Whether it answers in time makes no difference where nothing ever hinges on it.
        failure_range = _rates(value, latency, scaled, in_time if self.system.decisive(base.end) > 0.0 else ALL)
        if math.isinf(base.guaranteed):
            return Derivatives(expected, STANDING, None, failure_range)
        ends = (max(self.others, variant.guaranteed(base.limit)) for variant in (self.alone.instant, self.alone.gone))
        reach = Reach(*ends)
        return Derivatives(
            expected,
            STANDING,
            Derivative(*reach.slopes(latency)).times(-scaled / value),
            failure_range,
            _rates(value, latency, scaled, reach.unchanged(latency)),
        )

    def _expected_by_latency(self, latency: float) -> float:
        """What a later answer costs, per second, where the replica answers just before or just after its time."""
        if latency >= self.base.end:
            return 0.0
        return (1.0 - self.device.failure_probability) * self.system.decisive(latency)

    def _by_random_rate(self, rate: Rate, value: float) -> Derivatives:
        base = self.base
        # All three figures ask for the same five systems: each is made once.
        known: dict[float, LatencyDistribution] = {}

        def by_rate(figure: Callable[[LatencyDistribution], float], noise: float) -> Derivative | None:
            def at(factor: float) -> float:
                if factor not in known:
                    known[factor] = self._with_rate(rate, value * factor)
                return figure(known[factor])

            slope = log_derivative(at, noise)
            return None if slope is None else slope.times(1.0 / value)

        expected, guaranteed = None, None
        if base.deadline is not None and base.expected is not None:
            deadline = base.deadline
            expected = by_rate(lambda system: system.expected(deadline), INTEGRAL_ERROR * base.expected)
        if math.isfinite(base.guaranteed):
            guaranteed = STANDING
            if base.kept_from[self.group] >= _NEARLY * self.others:
                guaranteed = by_rate(
                    lambda system: max(self.others, alone(system, self.group).guaranteed(base.limit)),
                    TIE * base.guaranteed,
                )
        failure = by_rate(lambda system: system.failure_probability(base.end), INTEGRAL_ERROR * base.failure)
        return Derivatives(expected, failure, guaranteed)

    def _with_rate(self, rate: Rate, value: float) -> LatencyDistribution:
        devices = list(self.base.instance.devices)
        changes: dict[str, object] = {rate: value}
        measured = self.device.compute_time(self._student.id)
        if rate == "flops_per_second" and measured is not None:
            slower = self.value(rate) / value
            time = {name: seconds * slower for name, seconds in measured.model_dump().items()}
            changes = {"compute_seconds": {self._student.id: ComputeTime(**time)}}
        devices[self.place[0]] = self.device._replace(changes)
        changed = self.base.instance._replace({"devices": tuple(devices)})
        return self.system.answering(response_of(changed, *self.place))


def _rates(value: float, latency: float, scaled: float, latencies: tuple[float, float]) -> Range:
    """Values of a rate, from and to, at which the latency lies within two others.

    ``scaled`` are the seconds of the latency that are inversely proportional to the rate.
    """
    first, last = latencies
    if scaled == 0.0:
        return 0.0, None
    # Seconds that there are to lose and to gain. The scaled ones may be lost in the rest of the latency, so that no
    # difference from it tells them.
    slack, lead = (0.0 if is_tied(latency, end) else abs(end - latency) for end in (last, first))
    low = value * (scaled / (scaled + slack))
    high = value * (scaled / (scaled - lead)) if lead == 0.0 or scaled - lead > TIE * latency else None
    return low, high
