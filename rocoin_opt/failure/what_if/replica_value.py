"""What one more replica is worth: a spare that joins a group, or a twin of a device in use.

A replica that answers by t with probability G(t), independent of all others, makes up for V(t), the probability that
the system waits for its group alone: P(X > t) falls by G(t) V(t). One V a group then serves every replica.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from rocoin_opt.failure import assess, deadline_of, finite_or_none, require_assessable
from rocoin_opt.failure.distribution import LATER, NEVER, Replica, latency_distribution, response_of
from rocoin_opt.failure.what_if.variants import alone, joined, served
from rocoin_opt.instance import keeps_limit, stretched
from rocoin_opt.plan import Plan, plan_in, rules_allow, structural_violations

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rocoin_opt.failure.distribution import LatencyDistribution
    from rocoin_opt.instance import Device, FloatArray, Instance
    from rocoin_opt.plan import HasPlan


@dataclass(frozen=True)
class ReplicaValue:
    """The figures of a plan with one more replica.

    Attributes
    ----------
    device : str
        The spare that joins, or the device whose hypothetical twin joins, with the same numbers and failure domain.
    is_twin : bool
        Whether it is a twin.
    group : int
        The group that it joins, by its index in the plan.
    guaranteed_seconds, expected_seconds : float or None
        As in :class:`~rocoin_opt.failure.assessment.Figures`.
    success_probability : float
        Probability of an answer by the deadline, or of any answer without one.
    """

    device: str
    is_twin: bool
    group: int
    guaranteed_seconds: float | None
    expected_seconds: float | None
    success_probability: float


def replica_values(instance: Instance, plan: Plan | HasPlan, deadline: float | None = None) -> tuple[ReplicaValue, ...]:
    """Let each spare, and a twin of each device in use, join each group whose student fits into its memory.

    Spares join where rules allow it; rules that name a device do not apply to its twin. Everything else stays as it is,
    so no figure gets worse, unless the new replica sends on a channel: then it may delay others there. Devices with the
    same numbers have one twin, on the same channel.

    Parameters
    ----------
    instance, plan, deadline
        As for :func:`rocoin_opt.assess`.

    Returns
    -------
    tuple of ReplicaValue
        The best first: by the expected answer time, without a deadline by the guarantee, then by the success
        probability. Among equals, spares come before twins.

    Raises
    ------
    InputError, UnsupportedError
        As for :func:`rocoin_opt.assess`.

    Examples
    --------
    >>> best = max(ro.replica_values(instance, plan), key=lambda value: value.success_probability)
    >>> best.device, best.group
    ('device-3', 1)
    """
    plan = plan_in(plan)
    require_assessable(instance, plan)
    end = deadline_of(instance, deadline)
    if instance.channels:
        return tuple(sorted(_valued_anew(instance, plan, end), key=_order))
    distribution = latency_distribution(instance, plan)
    arrays, students = instance.arrays, instance.arrays.student_index
    limit = instance.requirements.max_group_outage
    kept_from = [alone(distribution, k).guaranteed(limit) for k in range(len(plan.groups))]
    used = [instance.devices[arrays.device_index[name]] for group in plan.groups for name in group.devices]
    candidates = [*((name, False) for name in plan.spares), *((device.id, True) for device in first_of_kinds(used))]
    values = []
    for k, group in enumerate(plan.groups):
        others = max((seconds for place, seconds in enumerate(kept_from) if place != k), default=0.0)
        members = [arrays.device_index[name] for name in group.devices]
        waiting = _Waiting(instance, distribution, k, others, end)
        for name, is_twin in candidates:
            n, j = arrays.device_index[name], students[group.student]
            # Rules that name a device do not apply to its twin.
            may_join = is_twin or rules_allow(instance, [n, *members])
            if may_join and arrays.largest[n, j] >= group.num_filters:
                replica = _replica(instance, n, j, group.num_filters)
                values.append(ReplicaValue(name, is_twin, k, *waiting.joined_by(replica)))
    return tuple(sorted(values, key=_order))


def _valued_anew(instance: Instance, plan: Plan, deadline: float | None) -> Iterator[ReplicaValue]:
    """The figures of each plan with one more replica, each computed anew: it may delay others on its channel."""
    arrays, students = instance.arrays, instance.arrays.student_index
    used = [instance.devices[arrays.device_index[name]] for group in plan.groups for name in group.devices]
    spares = [instance.devices[arrays.device_index[name]] for name in plan.spares]
    for device, is_twin in (*((spare, False) for spare in spares), *((own, True) for own in first_of_kinds(used))):
        name, wider = device.id, instance
        if is_twin:
            while name in arrays.device_index:
                name += "+"
            twin = device.model_copy(update={"id": name})
            wider = instance.model_copy(update={"devices": (*instance.devices, twin)})
        for k, group in enumerate(plan.groups):
            if arrays.largest[arrays.device_index[device.id], students[group.student]] < group.num_filters:
                continue
            joined_group = group.model_copy(update={"devices": tuple(sorted((*group.devices, name)))})
            groups = (*plan.groups[:k], joined_group, *plan.groups[k + 1 :])
            # As it stands, not in canonical order: the group keeps its place.
            changed = Plan(groups=groups, spares=tuple(spare for spare in plan.spares if spare != name))
            broken = {violation.rule for violation in structural_violations(wider, changed)}
            if not broken <= {"outage", "groups"}:
                continue
            found = assess(wider, changed, deadline)
            success = found.success_probability or 0.0
            yield ReplicaValue(device.id, is_twin, k, found.guaranteed_seconds, found.expected_seconds, success)


def first_of_kinds(devices: Iterable[Device]) -> list[Device]:
    """The first device of each kind: of those with the same numbers, laws and failure domain."""
    kinds: dict[str, Device] = {}
    for device in devices:
        kinds.setdefault(device.model_dump_json(exclude={"id", "source"}), device)
    return list(kinds.values())


class _Waiting:
    """A plan that may get one more replica in one of its groups."""

    def __init__(
        self, instance: Instance, plan: LatencyDistribution, group: int, others: float, deadline: float | None
    ) -> None:
        self.plan, self.group, self.others, self.deadline = plan, group, others, deadline
        self.limit = instance.requirements.max_group_outage
        # Limits of 0, or of 1 but for rounding, are no thresholds of a product.
        self.is_threshold = self.limit > 0.0 and stretched(self.limit) < 1.0
        self.steps = _Steps.of(plan, group, deadline) if _has_steps(plan.groups.replicas) else None

    def joined_by(self, replica: Replica) -> tuple[float | None, float | None, float]:
        """Guaranteed and expected seconds, and the success probability, with one more replica."""
        expected: float | None
        system = joined(self.plan, self.group, replica)
        # The sums hold for constant latencies and an independent replica; all else is evaluated anew.
        if self.steps is None or replica.domain is not None or not _has_steps([replica]):
            expected = None if self.deadline is None else system.expected(self.deadline)
            success = system.success_probability(self.deadline)
        else:
            expected, success = self.steps.expected(replica), self.steps.success(replica)
        if self.steps is None or not (self.is_threshold and replica.domain is None and _has_steps([replica])):
            kept_from = alone(system, self.group).guaranteed(self.limit)
        else:
            kept_from = self.steps.kept_from(replica, self.limit)
        return finite_or_none(max(self.others, kept_from)), expected, success


@dataclass(frozen=True, eq=False)
class _Steps:
    """A plan of constant latencies, and what an independent replica of constant latency makes up for in a group.

    Attributes
    ----------
    end, answered : float
        Deadline, perhaps infinite; success probability.
    decisive : float
        Probability that the system waits for the group alone at the deadline.
    edges : FloatArray
        Times from 0 to the deadline; empty without one.
    before, after, spared : FloatArray
        Integrals of P(X > t) up to each edge, and from each on; the latter once more for a group that answers at once.
    times, outage : FloatArray
        When the group may answer, with 0 before, and its outage from then on.
    """

    end: float
    answered: float
    decisive: float
    edges: FloatArray
    before: FloatArray
    after: FloatArray
    spared: FloatArray
    times: FloatArray
    outage: FloatArray

    @classmethod
    def of(cls, plan: LatencyDistribution, group: int, deadline: float | None) -> Self:
        # What the system gains by this group answering at once is what it waits for the group alone.
        with_group, group_alone = served(plan, group), alone(plan, group)
        answered = plan.success_probability(deadline)
        end = math.inf if deadline is None else deadline
        jumps = np.array([replica.response.farthest for replica in plan.groups.replicas])
        edges = np.empty(0) if deadline is None else np.unique([0.0, *jumps[jumps < end], deadline])
        late, served_late = (
            system.groups.system(edges[:-1])[[LATER, NEVER]].sum(axis=0) * np.diff(edges)
            for system in (plan, with_group)
        )
        times = np.unique([0.0, *(replica.response.farthest for replica in group_alone.groups.replicas)])
        return cls(
            end=end,
            answered=answered,
            decisive=with_group.success_probability(deadline) - answered,
            edges=edges,
            before=np.append(0.0, np.cumsum(late)),
            after=np.append(np.cumsum(late[::-1])[::-1], 0.0),
            spared=np.append(np.cumsum(served_late[::-1])[::-1], 0.0),
            times=times,
            outage=group_alone.groups.system(times)[1:].sum(axis=0),
        )

    def expected(self, replica: Replica) -> float | None:
        """E[min(X, D)]; the integrals are linear between the edges, for nothing changes there."""
        if math.isinf(self.end):
            return None
        until, crashed, survived = (
            float(np.interp(replica.response.farthest, self.edges, integral))
            for integral in (self.before, self.after, self.spared)
        )
        # A sum of what is positive: nothing cancels, however far the deadline.
        return until + replica.failure * crashed + (1.0 - replica.failure) * survived

    def success(self, replica: Replica) -> float:
        is_timely = keeps_limit(replica.response.farthest, self.end)
        return min(self.answered + (1.0 - replica.failure) * self.decisive * is_timely, 1.0)

    def kept_from(self, replica: Replica, limit: float) -> float:
        """Seconds by which the group keeps the limit: no sooner than with an answer at once, no later than without."""
        allowed, latency = stretched(limit), replica.response.farthest
        at_once = self.times[self.outage * replica.failure <= allowed]
        without = self.times[(self.outage <= allowed) & (self.outage < 1.0)]
        earliest, latest = (float(kept[0]) if len(kept) else math.inf for kept in (at_once, without))
        return min(max(latency, earliest), latest)


def _has_steps(replicas: Iterable[Replica]) -> bool:
    return all(replica.response.is_step and len(replica.response.jumps) == 1 for replica in replicas)


def _replica(instance: Instance, n: int, j: int, num_filters: int) -> Replica:
    device = instance.devices[n]
    domains = [domain.id for domain in instance.failure_domains]
    domain = None if device.failure_domain is None else domains.index(device.failure_domain)
    return Replica(device.failure_probability, domain, response_of(instance, n, j, num_filters))


def _order(value: ReplicaValue) -> tuple[float, float, bool]:
    first = value.guaranteed_seconds if value.expected_seconds is None else value.expected_seconds
    return math.inf if first is None else first, -value.success_probability, value.is_twin
