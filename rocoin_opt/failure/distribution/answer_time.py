"""The exact distribution of the answer time: crashes, random latencies and failure domains.

A group answers with the first of its replicas, the system with the last of its groups. At any time the
outcomes of the replicas (:mod:`rocoin_opt.failure.distribution.outcomes`) give those of the groups and of the system.
Integrals over time are sums where answers come at known times only, and quadratures between the kinks elsewhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.errors import InputError, Problem, UnsupportedError
from rocoin_opt.failure.distribution.groups import Groups, Replica, instant
from rocoin_opt.failure.distribution.outcomes import BY, LATER, NEVER
from rocoin_opt.failure.distribution.quadrature import INTEGRAL_ERROR, integrate
from rocoin_opt.failure.distribution.response import response_of
from rocoin_opt.instance import complement, is_positive, stretched
from rocoin_opt.plan import missing_share, plan_in, require_computable, require_own_links

if TYPE_CHECKING:
    from collections.abc import Callable

    from rocoin_opt.failure.distribution.outcomes import OutcomeProbabilities
    from rocoin_opt.instance import BoolArray, FloatArray, Instance
    from rocoin_opt.plan import HasPlan, Plan

QUANTILE_TOLERANCE = 1e-15
"""Relative slack on the probability of a quantile: what rounding does to a probability, and no more."""
LATEST = 1e290
"""Seconds at which an integral over all times ends."""
MAX_JUMPS = 1 << 20
"""Most times at which an answer may come with a probability of its own."""
MAX_GUIDES = 1 << 9
"""Most points, kinks apart, that show where the distribution function of a plan rises."""
_GROWTH = 8.0
"""Largest ratio of two neighbouring edges: tails fall by powers of time."""
_SECTIONS = 64


@dataclass(frozen=True, eq=False)
class LatencyDistribution:
    """Distribution of the answer time X of a plan; X is infinite if some group never answers.

    Attributes
    ----------
    groups : Groups
        The replicas by group, in the plan's order, with their response times and failure domains.
    sizes : tuple of int
        Filters of each group's part.
    """

    groups: Groups
    sizes: tuple[int, ...]

    def cdf(self, seconds: float) -> float:
        """P(X <= t), up to the tolerance on limits: an answer exactly at t, up to rounding, is in time."""
        return float(self._fates(seconds)[BY])

    def success_probability(self, deadline: float | None = None) -> float:
        """Probability of an answer by a deadline in seconds, or of any answer without one."""
        return self.cdf(math.inf if deadline is None else deadline)

    def failure_probability(self, deadline: float | None = None) -> float:
        """Probability of no answer by a deadline, or ever; accurate however small it is."""
        outcomes = self._fates(math.inf if deadline is None else deadline)
        return float(outcomes[LATER] + outcomes[NEVER])

    def outage(self, group: int, seconds: float) -> float:
        """q_k(t): probability that a group, by its index in the plan, has not answered by t."""
        if not 0 <= group < len(self.sizes):
            raise InputError("outage", [Problem("group", repr(group), f"a place from 0 to {len(self.sizes) - 1}")])
        outcomes = self.groups.group(group, instant(seconds))[:, 0]
        return float(outcomes[LATER] + outcomes[NEVER])

    def missing_share(self, deadline: float | None = None) -> float:
        """Expected share of the filters that has not arrived by a deadline in seconds, or never arrives without one."""
        end = math.inf if deadline is None else deadline
        return missing_share(self.sizes, [self.outage(k, end) for k in range(len(self.sizes))])

    def first_with_failure(self, limit: float) -> float:
        """Smallest t with P(X > t) at most a limit below 1, in seconds; infinite if there is none."""

        def is_kept(times: FloatArray) -> BoolArray:
            outcomes = self.groups.system(times)
            late = outcomes[LATER] + outcomes[NEVER]
            kept: BoolArray = (late <= stretched(limit)) & (outcomes[BY] > 0.0)
            return kept

        return self._first(is_kept)

    def expected(self, deadline: float) -> float:
        """E[min(X, D)] in seconds: the integral of P(X > t) from 0 to D.

        Raises
        ------
        InputError
            If the deadline is not positive and finite.
        UnsupportedError
            If the distribution is too uneven for an error of 1e-9.
        """
        if not is_positive(deadline):
            raise InputError("expected", [Problem("deadline", repr(deadline), "positive finite seconds")])
        if self._has_steps_only:
            return self._step_sum((LATER, NEVER), deadline)
        return integrate(lambda t: self._late(t, (LATER, NEVER)), self._edges(deadline))

    def expected_given_answer(self) -> float:
        """E[X | X finite] in seconds; infinite where the tail of a Pareto law is too heavy for a mean.

        Raises
        ------
        UnsupportedError
            If an answer is too improbable, or the tail too heavy, for an error of 1e-9.
        """
        answered = self.success_probability()
        # Smaller doubles have fewer digits, and so would a quotient of them.
        if answered < np.finfo(float).tiny:
            raise UnsupportedError("an answer is too improbable to say when it comes")
        if self._tail_index <= 1.0:
            return math.inf
        if self._has_steps_only:
            return self._step_sum((LATER,), math.inf) / answered
        # What comes later weighs nothing, unless the tail is heavy: that is asked for behind.
        last = min(max(replica.response.farthest for replica in self.groups.replicas), LATEST)
        integral = integrate(lambda t: self._late(t, (LATER,)), self._edges(last))
        self._require_light_tail(last, integral)
        return integral / answered

    def quantile(self, probability: float) -> float:
        """Smallest t with P(X <= t) >= q, in seconds; infinite if that probability is never reached.

        Raises
        ------
        InputError
            If the probability is not above 0 and at most 1.
        """
        if not 0.0 < probability <= 1.0:
            raise InputError("quantile", [Problem("probability", repr(probability), "above 0, at most 1")])

        def is_reached(times: FloatArray) -> BoolArray:
            outcomes = self.groups.system(times)
            # A level near 1 limits what is left to 1, where 1 - 0.9 and 0.1 differ by more than their last digit.
            late = outcomes[LATER] + outcomes[NEVER]
            reached: BoolArray = outcomes[BY] >= probability * (1.0 - QUANTILE_TOLERANCE)
            if probability >= 0.5:
                reached |= late <= stretched(complement(probability))
            # Certainty leaves nothing over, not even what is too little to show in a sum with 1.
            if probability == 1.0:
                reached &= late == 0.0
            return reached

        return self._first(is_reached)

    def guaranteed(self, max_group_outage: float) -> float:
        """Smallest t by which every group keeps an outage limit, in seconds; infinite where one never does.

        A limit of 1 is kept from the earliest answer on that may come. A limit of 0 asks for a replica that always
        answers, and has a latest answer.

        Raises
        ------
        InputError
            If the limit is no probability.
        """
        if not 0.0 <= max_group_outage <= 1.0:
            raise InputError("guaranteed", [Problem("max_group_outage", repr(max_group_outage), "from 0 to 1")])
        left = [self._alone(k) for k in range(len(self.sizes))]
        if max_group_outage == 0.0 or stretched(max_group_outage) >= 1.0:
            return max(group._kept_from(max_group_outage) for group in left)
        latest = 0.0
        while left and latest < math.inf:
            latest = max(latest, left.pop()._kept_from(max_group_outage))
            # A group that keeps the limit by then decides nothing; of the others the latest one is looked at next.
            outages = [float(group._outages(np.array([latest]))[0]) for group in left]
            late = sorted((outage, k) for k, outage in enumerate(outages) if outage > stretched(max_group_outage))
            left = [left[k] for _, k in late]
        return latest

    def _alone(self, group: int) -> LatencyDistribution:
        return LatencyDistribution(
            Groups((self.groups.members[group],), self.groups.domain_failure), (self.sizes[group],)
        )

    def _kept_from(self, limit: float) -> float:
        # No product of positive probabilities is 0: one replica has to be sure, and to have a latest answer.
        if limit == 0.0:
            sure = {None, *(domain for domain, failure in self.groups.domain_failure.items() if failure == 0.0)}
            latest = (
                replica.response.farthest
                for replica in self.groups.replicas
                if replica.failure == 0.0 and replica.domain in sure and replica.response.is_step
            )
            return min(latest, default=math.inf)

        if stretched(limit) >= 1.0:
            down = {domain for domain, failure in self.groups.domain_failure.items() if failure == 1.0}
            earliest = (
                replica.response.earliest
                for replica in self.groups.replicas
                if replica.failure < 1.0 and replica.domain not in down
            )
            return min(earliest, default=math.inf)

        def is_kept(times: FloatArray) -> BoolArray:
            kept: BoolArray = self._outages(times) <= stretched(limit)
            return kept

        return self._first(is_kept)

    def _outages(self, seconds: FloatArray) -> FloatArray:
        """Outage of the first group."""
        outcomes = self.groups.group(0, seconds)
        return np.asarray(outcomes[LATER] + outcomes[NEVER])

    def _first(self, holds: Callable[[FloatArray], BoolArray]) -> float:
        """The first time at which something holds that then goes on to hold; infinite where it never does."""
        times = np.append(self._jumps if self._has_steps_only else self._edges(LATEST), math.inf)
        low, high = _bracket(times, holds)
        if self._has_steps_only or high == math.inf:
            return high
        while True:
            # Many sections at once: to ask for many times costs little more than for one.
            inner = np.linspace(low, high, _SECTIONS + 1)
            if inner[1] == low or low == high or np.nextafter(low, high) == high:
                return high
            low, high = _bracket(inner, holds)

    def _fates(self, seconds: float) -> FloatArray:
        return self.groups.system(instant(seconds))[:, 0]

    def _late(self, seconds: FloatArray, kinds: tuple[int, ...]) -> FloatArray:
        outcomes: OutcomeProbabilities = self.groups.system(seconds)
        return np.asarray(outcomes[list(kinds)].sum(axis=0))

    @cached_property
    def _jumps(self) -> FloatArray:
        """Times at which answers come with a probability of their own."""
        jumps = [replica.response.jumps for replica in self.groups.replicas]
        if sum(map(len, jumps)) > MAX_JUMPS:
            raise UnsupportedError(f"answers may come at more than {MAX_JUMPS} different times: simulate instead")
        return np.unique(np.concatenate(jumps))

    @cached_property
    def _guides(self) -> FloatArray:
        """Kinks of the replicas' distribution functions, and rises of them, finite and ascending."""
        guides = np.unique(np.concatenate([replica.response.guides for replica in self.groups.replicas]))
        guides = guides[np.isfinite(guides)]
        # Where many replicas rise, some hints are as good as all: an integrator halves where it must.
        guides = guides[:: 1 + len(guides) // MAX_GUIDES]
        return np.unique(np.concatenate([guides, *(replica.response.kinks for replica in self.groups.replicas)]))

    @property
    def _has_steps_only(self) -> bool:
        return all(replica.response.is_step for replica in self.groups.replicas)

    def _step_sum(self, kinds: tuple[int, ...], end: float) -> float:
        """Integral of the probability of some outcomes, step by step."""
        times = np.concatenate([[0.0], self._jumps[self._jumps < end]])
        late = self._late(times, kinds)
        # After the last jump nothing comes later, and the integral may end there.
        widths = np.diff(times, append=end if end < math.inf else times[-1])
        return float(widths @ late)

    def _edges(self, end: float) -> FloatArray:
        """Points between which the distribution function is smooth, no two of them far apart in logarithms."""
        points = np.concatenate([[0.0], self._jumps, self._guides, [end]])
        edges = np.unique(points[points <= end])
        with np.errstate(divide="ignore"):
            logs = np.log(edges)
        # No finite number of equal ratios leads down to 0: the first panel stays whole.
        gaps = np.where(np.isfinite(logs[:-1]), np.diff(logs), 0.0)
        pieces = np.maximum(1, np.ceil(gaps / math.log(_GROWTH))).astype(np.int64)
        wide = np.flatnonzero(pieces > 1)
        between = [np.exp(np.linspace(logs[i], logs[i + 1], pieces[i] + 1)[1:-1]) for i in wide]
        return np.unique(np.concatenate([edges, *between]))

    @cached_property
    def _tail_index(self) -> float:
        """The alpha of the tail of X like ``t ** -alpha``, given an answer.

        The answer comes late where a single replica has survived, together with those that survive whenever it does.
        """
        return min(
            sum(self.groups.members[k][n].response.tail_index for n in survivors)
            for k, survivors in self.groups.smallest_survivors()
        )

    def _require_light_tail(self, last: float, integral: float) -> None:
        """Refuse where what comes after the last edge is not negligible."""
        ends = np.array([last / _GROWTH, last])
        masses = ends * self._late(ends, (LATER,))
        if masses[1] == 0.0:
            return
        # With a tail like t ** -alpha the rest of the integral is last * P(X > last) / (alpha - 1).
        decay = math.log(masses[0] / masses[1]) / math.log(_GROWTH)
        if decay <= 0.0 or masses[1] / decay > INTEGRAL_ERROR * integral:
            raise UnsupportedError("the answer's tail is too heavy for its mean to be computed exactly")


def _bracket(times: FloatArray, holds: Callable[[FloatArray], BoolArray]) -> tuple[float, float]:
    """The first of some times at which something holds, and the one before; infinite where there is none."""
    held = holds(times)
    if not held.any():
        return math.inf, math.inf
    position = int(np.argmax(held))
    return float(times[max(position - 1, 0)]), float(times[position])


def latency_distribution(instance: Instance, plan: Plan | HasPlan) -> LatencyDistribution:
    """Compute the exact distribution of a plan's answer time; the plan need not keep the requirements.

    Parameters
    ----------
    instance : Instance
        What was given, with any slowdown laws and failure domains.
    plan : Plan, Result or other holder of a plan
        A plan with at least one group, none of them empty, whose devices and students are the instance's; no device may
        be in two.

    Returns
    -------
    LatencyDistribution
        Errors are below 1e-9, absolute for probabilities and relative for expectations.

    Raises
    ------
    InputError
        If the plan is not such a plan.
    UnsupportedError
        If too many failure domains tie groups together, a law is too extreme, or devices of the plan queue for a
        channel; see :func:`rocoin_opt.simulate`, and :func:`rocoin_opt.assess` for exact figures with queues.

    Examples
    --------
    >>> law = ro.latency_distribution(instance, plan)
    >>> round(law.success_probability(), 4)
    0.9334
    """
    plan = plan_in(plan)
    require_computable(instance, plan)
    require_own_links(instance, "latency_distribution", plan, instead="assess can")
    arrays = instance.arrays
    places = {domain.id: place for place, domain in enumerate(instance.failure_domains)}
    members = []
    for group in plan.groups:
        j = arrays.student_index[group.student]
        replicas = []
        for name in group.devices:
            n = arrays.device_index[name]
            device = instance.devices[n]
            domain = None if device.failure_domain is None else places[device.failure_domain]
            replicas.append(Replica(device.failure_probability, domain, response_of(instance, n, j, group.num_filters)))
        members.append(tuple(replicas))
    failure = {place: domain.failure_probability for place, domain in enumerate(instance.failure_domains)}
    groups = Groups(tuple(members), failure)
    # Refused here, and not when the first figure is asked for.
    _ = groups.elimination_order
    return LatencyDistribution(groups, plan.sizes)
