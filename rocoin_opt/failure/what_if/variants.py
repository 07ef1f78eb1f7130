"""One replica of a plan made surer, slower or gone, all others staying as they are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.failure.distribution import (
    BY,
    LATER,
    NEVER,
    Groups,
    LatencyDistribution,
    Replica,
    StepResponse,
    Table,
    eliminate,
    instant,
)

if TYPE_CHECKING:
    from rocoin_opt.failure.distribution import Response

_AT_ONCE = StepResponse(np.zeros(1), np.ones(1))


@dataclass(frozen=True, eq=False)
class Variants:
    """A plan by what one replica may do.

    Attributes
    ----------
    plan : LatencyDistribution
        The plan as it is.
    group, member : int
        Place of the replica's group, and of the replica in it.
    """

    plan: LatencyDistribution
    group: int
    member: int

    @property
    def replica(self) -> Replica:
        """The replica as it is."""
        return self.plan.groups.members[self.group][self.member]

    @cached_property
    def sure(self) -> LatencyDistribution:
        """The replica itself never crashes; its failure domain still may."""
        return self.having(replace(self.replica, failure=0.0))

    @cached_property
    def gone(self) -> LatencyDistribution:
        """The replica never answers."""
        return self.having(replace(self.replica, failure=1.0))

    @cached_property
    def instant(self) -> LatencyDistribution:
        """The replica answers at once, unless it or its failure domain fails."""
        return self.answering(_AT_ONCE)

    def answering(self, response: Response) -> LatencyDistribution:
        """The replica has another response time."""
        return self.having(replace(self.replica, response=response))

    def having(self, replica: Replica) -> LatencyDistribution:
        """Another replica stands in its place."""
        members = list(self.plan.groups.members)
        group = list(members[self.group])
        group[self.member] = replica
        members[self.group] = tuple(group)
        return LatencyDistribution(Groups(tuple(members), self.plan.groups.domain_failure), self.plan.sizes)

    def decisive(self, seconds: float) -> float:
        """Probability that the answer is there at a time if the replica has answered, and is not if it has not.

        That all other groups have answered, and the rest of its own has not although the replica's domain is up: a sum
        of products, so it is 0 only where no state makes the replica matter.
        """
        domain, failure = self.replica.domain, dict(self.plan.groups.domain_failure)
        is_up = 1.0
        if domain is not None:
            # With the domain down the replica changes nothing: only states with it up count.
            is_up, failure[domain] = 1.0 - failure[domain], 0.0
        groups = Groups(self.gone.groups.members, failure)
        tables = []
        for table in groups.tables(instant(seconds)):
            outcomes = table.values
            is_own = table.groups == (self.group,)
            wanted = outcomes[..., LATER, :] + outcomes[..., NEVER, :] if is_own else outcomes[..., BY, :]
            tables.append(Table(table.groups, table.domains, wanted))
        return is_up * float(eliminate(tables, groups.elimination_order, failure, np.multiply).values[0])


def alone(plan: LatencyDistribution, group: int) -> LatencyDistribution:
    """One group of a plan without the others."""
    return LatencyDistribution(Groups((plan.groups.members[group],), plan.groups.domain_failure), (plan.sizes[group],))


def joined(plan: LatencyDistribution, group: int, replica: Replica) -> LatencyDistribution:
    """A plan with one more replica in a group.

    Parameters
    ----------
    plan : LatencyDistribution
        That of the plan as it is.
    group : int
        Index of the group that grows.
    replica : Replica
        What joins it.
    """
    members = list(plan.groups.members)
    members[group] = (*members[group], replica)
    return LatencyDistribution(Groups(tuple(members), plan.groups.domain_failure), plan.sizes)


def served(plan: LatencyDistribution, group: int) -> LatencyDistribution:
    """A plan one of whose groups surely answers at once."""
    members = list(plan.groups.members)
    members[group] = (Replica(0.0, None, _AT_ONCE),)
    return LatencyDistribution(Groups(tuple(members), plan.groups.domain_failure), plan.sizes)
