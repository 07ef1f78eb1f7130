"""The exact answer of a plan whose devices queue for channels: every state of who crashed, one by one.

Groups that share a channel, or a failure domain, are tied together. Of groups that are tied, all states of their
devices are listed, and the queues of each state are played; what is not tied is independent.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.instance import stretched
from rocoin_opt.plan import StepDistribution, Transfers, refused_channel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rocoin_opt.instance import BoolArray, FloatArray, Instance, IntArray
    from rocoin_opt.plan import Plan

MOST_FALLIBLE = 16
"""Devices that may fail, in groups that are tied together, whose states are listed: 65,536 states."""


@dataclass(frozen=True, eq=False)
class TiedAnswers:
    """When groups that are tied together answer, in each of S states of their devices.

    Attributes
    ----------
    groups : IntArray, G
        Places of the groups in the plan.
    seconds : FloatArray, G x S
        When each group answers; infinite where it never does.
    chance : FloatArray, S
        How likely each state is.
    """

    groups: IntArray
    seconds: FloatArray
    chance: FloatArray

    @cached_property
    def failure(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Times at which all of these groups may have answered, ascending, with P(X > t) and P(X <= t) at each."""
        last = self.seconds.max(axis=0)
        order = np.argsort(last, kind="stable")
        times, first = np.unique(last[order], return_index=True)
        each = np.add.reduceat(self.chance[order], first)
        is_finite = np.isfinite(times)
        by = np.cumsum(each)
        # Sums from the end: of what is left of 1 nothing is lost.
        after = np.append(np.cumsum(each[::-1])[::-1][1:], 0.0)
        return times[is_finite], after[is_finite], by[is_finite]

    def outages(self, seconds: float) -> FloatArray:
        """q_k(t) of each group, G: probability that it has not answered by a time, up to the tolerance on limits."""
        late = self.seconds > stretched(seconds)
        return np.array([float(self.chance[own].sum()) for own in late])

    def patterns(self, seconds: float) -> FloatArray:
        """Probability of each set of these groups to be those that have answered by a time, 2 x ... x 2."""
        arrived = (self.seconds <= stretched(seconds)).astype(np.int64)
        code = np.ravel_multi_index(tuple(arrived), (2,) * len(arrived))
        chance: FloatArray = np.zeros(1 << len(arrived))
        np.add.at(chance, code, self.chance)
        return chance.reshape((2,) * len(arrived))


class QueueAnswers:
    """The answers of a plan with queues; devices crash, alone or with their domain, and latencies are constant.

    Parameters
    ----------
    instance : Instance
        What was given.
    plan : Plan
        A plan that has figures.

    Raises
    ------
    UnsupportedError
        If too many devices that may fail are tied together, or a latency is random.
    """

    def __init__(self, instance: Instance, plan: Plan) -> None:
        self.num_groups = len(plan.groups)
        transfers = Transfers.of(instance, plan)
        require_certain(instance, transfers)
        parts = list(tied_groups(instance, transfers))
        most = max(_num_fallible(instance, transfers.device[np.isin(transfers.group, part)]) for part in parts)
        if most > MOST_FALLIBLE:
            raise refused_channel(
                instance,
                f"{most} devices that may fail are tied together, of which the exact answer takes {MOST_FALLIBLE} at "
                "most: simulate instead",
                transfers.channels[0] if transfers.channels else None,
            )
        self.parts = [_tied_answers(instance, transfers, part) for part in parts]

    @cached_property
    def distribution(self) -> StepDistribution:
        """Distribution of the time X at which all groups have answered."""
        times = np.unique(np.concatenate([part.failure[0] for part in self.parts]))
        total = np.zeros(len(times))
        for part in self.parts:
            own, after, by = part.failure
            place = np.searchsorted(own, times, side="right") - 1
            with np.errstate(divide="ignore"):
                # Each form keeps its digits where the other one loses them.
                log = np.where(after < 0.5, np.log1p(-np.minimum(after, 1.0)), np.log(by))
            total += np.where(place < 0, -np.inf, log[place])
        return StepDistribution(times, total)

    def outages(self, seconds: float) -> list[float]:
        """q_k(t) of each group in the plan's order."""
        found = np.empty(self.num_groups)
        for part in self.parts:
            found[part.groups] = part.outages(seconds)
        return [float(outage) for outage in found]

    def patterns(self, seconds: float) -> FloatArray:
        """Probability of each set of groups to be those that have answered by a time, 2 x ... x 2.

        One axis for each group in the plan's order: 0 where it has not answered, 1 where it has.
        """
        joined: FloatArray = np.ones(())
        for part in self.parts:
            joined = np.multiply.outer(joined, part.patterns(seconds))
        order = np.concatenate([part.groups for part in self.parts])
        return joined.transpose(np.argsort(order))


def are_listed(instance: Instance, plan: Plan) -> bool:
    """Whether so few devices are tied together that the whole answer of a plan with queues has exact figures."""
    transfers = Transfers.of(instance, plan)
    parts = tied_groups(instance, transfers)
    return all(
        _num_fallible(instance, transfers.device[np.isin(transfers.group, part)]) <= MOST_FALLIBLE for part in parts
    )


def require_certain(instance: Instance, transfers: Transfers) -> None:
    """Refuse queues of which a device has a random latency, in any of the plan's groups: they have to be simulated."""
    random = [n for n in transfers.device.tolist() if instance.devices[n].is_random]
    if transfers.channels and random:
        name = instance.devices[random[0]].id
        raise refused_channel(
            instance,
            f"{name} has a slowdown law: the exact answer takes constant latencies, simulate",
            transfers.channels[0],
        )


def tied_groups(instance: Instance, transfers: Transfers) -> Iterator[IntArray]:
    """Places of groups that share channels or failure domains, directly or by others, set by set."""
    ties: list[set[int]] = [set(transfers.group[queue].tolist()) for queue in transfers.queues]
    domains: dict[str, set[int]] = {}
    for n, k in zip(transfers.device.tolist(), transfers.group.tolist(), strict=True):
        domain = instance.devices[n].failure_domain
        if domain is not None:
            domains.setdefault(domain, set()).add(k)
    left = {k: {k} for k in range(int(transfers.group.max()) + 1)}
    for tie in (*ties, *domains.values()):
        joined = set().union(*(left[k] for k in tie))
        left |= dict.fromkeys(joined, joined)
    for k, joined in left.items():
        if k == min(joined):
            yield np.array(sorted(joined), dtype=np.int64)


def _num_fallible(instance: Instance, devices: IntArray) -> int:
    return len(_fallible(instance, devices))


def _fallible(instance: Instance, devices: IntArray) -> list[int]:
    """Places of the devices that may fail, alone or with their domain."""
    falls = instance.arrays.domain_failure
    found = []
    for r, n in enumerate(devices.tolist()):
        device = instance.devices[n]
        if device.failure_probability > 0.0 or falls.get(device.failure_domain or "", 0.0) > 0.0:
            found.append(r)
    return found


def _tied_answers(instance: Instance, transfers: Transfers, groups: IntArray) -> TiedAnswers:
    some = np.flatnonzero(np.isin(transfers.group, groups))
    place = {r: i for i, r in enumerate(some.tolist())}
    queues = [queue for queue in transfers.queues if int(queue[0]) in place]
    part = Transfers(
        device=transfers.device[some],
        group=transfers.group[some],
        ready=transfers.ready[some],
        airtime=transfers.airtime[some],
        alone=transfers.alone[some],
        channels=("",) * len(queues),
        queues=tuple(np.array([place[r] for r in queue.tolist()]) for queue in queues),
    )
    fallible = _fallible(instance, part.device)
    alive: BoolArray = np.ones((len(some), 1 << len(fallible)), dtype=np.bool_)
    alive[fallible] = (np.arange(alive.shape[1])[None, :] >> np.arange(len(fallible))[:, None] & 1) == 0
    answers = part.answers(alive)
    seconds = np.stack([answers[part.group == k].min(axis=0) for k in groups])
    return TiedAnswers(groups, seconds, _chance(instance, part.device, alive))


def _chance(instance: Instance, devices: IntArray, alive: BoolArray) -> FloatArray:
    """How likely it is that exactly some devices survive, by state."""
    falls = instance.arrays.domain_failure
    chance: FloatArray = np.ones(alive.shape[1])
    inside: dict[str, list[int]] = {}
    for r, n in enumerate(devices.tolist()):
        domain = instance.devices[n].failure_domain
        if domain is not None:
            inside.setdefault(domain, []).append(r)
        else:
            chance *= _own(instance, n, alive[r])
    for name, members in inside.items():
        product: FloatArray = np.ones(alive.shape[1])
        for r in members:
            product *= _own(instance, int(devices[r]), alive[r])
        # A domain that fails leaves nobody.
        chance *= falls[name] * ~alive[members].any(axis=0) + (1.0 - falls[name]) * product
    return chance


def _own(instance: Instance, device: int, alive: BoolArray) -> FloatArray:
    p = instance.devices[device].failure_probability
    return np.where(alive, 1.0 - p, p)
