"""Cutting off broken covers: groups that miss the outage limit by less than a solver's tolerance.

A model asks that the cover shares of a group sum to 1, and a solver takes a little less for 1. Plans are checked by
exact products, so such a group must not come back: where no so few devices keep the limit, groups take one replica
more, else this very set of devices is forbidden, with all that is in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np

from rocoin_opt.errors import SolverError
from rocoin_opt.instance import SOLVER_SAFETY, keeps_limit
from rocoin_opt.plan import energy_joules, group_keeps_limit, structural_violations

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from pyomo.environ import ConcreteModel

    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Plan

Cut: TypeAlias = int | frozenset[int]
"""Fewest replicas of a group, or devices that are not enough for one."""


class Formulation(Protocol):
    """A module of formulations that can state cuts."""

    def forbid_cover(self, model: ConcreteModel, devices: Collection[int], /) -> None:
        """Cut off a set of devices."""

    def require_replicas(self, model: ConcreteModel, count: int, /) -> None:
        """Cut off all groups of fewer devices."""


class CoverCuts:
    """What the plans of models have taught; cuts hold for all models of an instance.

    Parameters
    ----------
    instance : Instance
        What was given.
    formulation : str
        Name of the model, for an error.
    """

    def __init__(self, instance: Instance, formulation: str) -> None:
        self.instance, self.formulation = instance, formulation
        self.least_replicas = 1
        self.broken: list[frozenset[int]] = []

    @property
    def known(self) -> list[Cut]:
        """All cuts, for a new model; of numbers of replicas the largest says it all."""
        return [*([self.least_replicas] if self.least_replicas > 1 else []), *self.broken]

    def learn(self, plan: Plan, covers: Iterable[frozenset[int]] = ()) -> list[Cut]:
        """Learn from a plan of a model: a cut for each broken cover, none where the plan is valid.

        Parameters
        ----------
        plan : Plan
            What the variables say.
        covers : iterable of frozenset
            Devices that are to keep the limit of their groups, where other replicas besides them do not count.

        Raises
        ------
        SolverError
            If the plan breaks any other rule, which no tolerance explains.
        """
        violations = structural_violations(self.instance, plan)
        missed = [k for k in range(len(plan.groups)) if any(v.where == f"groups[{k}]" for v in violations)]
        if len(missed) != len(violations) or any(violation.rule != "outage" for violation in violations):
            broken = "; ".join(map(str, violations))
            raise SolverError(f"the {self.formulation} model admits an invalid plan: {broken}")
        index, cuts = self.instance.arrays.device_index, list[Cut]()
        missing = [frozenset(index[device] for device in plan.groups[k].devices) for k in missed]
        missing += [cover for cover in covers if not group_keeps_limit(self.instance, cover)]
        for devices in dict.fromkeys(missing):
            # One cut on the number of replicas rules out every set of so few, and not this one alone.
            if self._never_covers(len(devices)):
                self.least_replicas = max(self.least_replicas, len(devices) + 1)
                cuts.append(self.least_replicas)
            else:
                largest = self._widened(devices)
                self.broken.append(largest)
                cuts.append(largest)
        return cuts

    def _widened(self, devices: frozenset[int]) -> frozenset[int]:
        """Add devices that do not help: many of one failure domain cover hardly more than two."""
        if not self.instance.has_shared_failures:
            return devices
        for n in np.flatnonzero(self.instance.arrays.largest.any(axis=1)).tolist():
            if not group_keeps_limit(self.instance, devices | {n}):
                devices |= {n}
        return devices

    def _never_covers(self, count: int) -> bool:
        """Whether not even the most reliable devices of this number keep the outage limit."""
        if self.instance.has_shared_failures:
            # Which ones are most reliable together is another question.
            return False
        # Devices that hold no student are in no group, however reliable they are.
        useful = np.flatnonzero(self.instance.arrays.largest.any(axis=1))
        safest = useful[np.argsort(self.instance.arrays.failure[useful], kind="stable")][:count]
        return not group_keeps_limit(self.instance, safest.tolist())


def is_over_energy(instance: Instance, plan: Plan) -> bool:
    """Whether the plan of a model exceeds the limit on all energy by less than a solver can tell; no cut says so."""
    most = instance.requirements.max_energy_joules
    if most is None:
        return False
    spent = energy_joules(instance, plan)
    return not keeps_limit(spent, most) and spent <= most * (1.0 + 10.0 * SOLVER_SAFETY)


def add_cuts(model: ConcreteModel, formulation: Formulation, cuts: Iterable[Cut]) -> None:
    """State cuts in a model.

    Parameters
    ----------
    model : ConcreteModel
        What is to be solved next; it is changed.
    formulation : Formulation
        The module that built the model, and can state cuts in it.
    cuts : iterable of Cut
        Cuts that the model does not have yet.
    """
    for cut in cuts:
        if isinstance(cut, int):
            formulation.require_replicas(model, cut)
        else:
            formulation.forbid_cover(model, cut)
