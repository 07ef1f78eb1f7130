r"""Grouping, students and part sizes in one model, for the least failure probability where groups fail together.

The model of :mod:`rocoin_opt.formulations.failure` takes groups for independent. This one knows no formula of an
outage: it has a variable for each set of devices that may be alive, which says whether the whole answer is then
missing. That is the deterministic equivalent of a stochastic program, linear and exact, and doubles with every device
that may fail. Symbols are in ``docs/formulation.md``.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pyomo.environ as pyo

from rocoin_opt.errors import UnsupportedError
from rocoin_opt.formulations import failure, joint
from rocoin_opt.instance import SharedFailures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.instance import BoolArray, FloatArray, Instance

MOST_DEVICES = 10
"""Devices that may answer in time, but need not, up to which the model is built: each doubles its scenarios."""
MOST_ORDERS = 120
"""Orders of the groups of one plan that are cut off at most."""

plan_of, forbid_cover, require_replicas = joint.plan_of, joint.forbid_cover, joint.require_replicas


def require_few_scenarios(instance: Instance, seconds: float) -> None:
    """Refuse shared domains by name where so many devices may answer that their states are too many.

    Parameters
    ----------
    instance : Instance
        What was given.
    seconds : float
        The time by which replicas have to answer.

    Raises
    ------
    UnsupportedError
        Naming a domain and the number of devices.
    """
    _, chance = _alive(instance, seconds)
    if len(chance) == 0:
        raise UnsupportedError(
            f"{instance.name}: several devices are in the failure domain {SharedFailures(instance).names[0]}, and the "
            f"model of all their states takes {MOST_DEVICES} devices that may fail at most; exact can plan for more"
        )


def build(instance: Instance, seconds: float, unit: float) -> pyo.ConcreteModel:
    r"""Build the scenario model: all plans that fail no more often than the known one, but for a little.

    :math:`missing_\sigma \ge \sum_j runs_{kj} - \sum_{n \in \sigma, j} counted_{nkj}` for every group k and every set
    :math:`\sigma` of devices that are alive together with probability :math:`P_\sigma`, and
    :math:`\sum_\sigma P_\sigma missing_\sigma \le 1 + 10^{-5}` units.

    Parameters
    ----------
    instance : Instance
        What was given: constant latencies; any failure domains and rules.
    seconds : float
        The time by which replicas have to answer; infinite where only crashes count.
    unit : float
        Failure probability of the known plan, which counts as 1.

    Returns
    -------
    ConcreteModel
        Minimises the sum of ``missing``, each as likely as it is.

    Raises
    ------
    UnsupportedError
        If the instance has random latencies, or too many states.
    """
    require_few_scenarios(instance, seconds)
    model = joint.build(instance, "nominal", upper_bound=seconds if math.isfinite(seconds) else None)
    model.name = "scenarios"
    for component in (model.answers_in_time, model.objective, model.one_counts):
        component.deactivate()
    failure.count_all_in_time(model, instance, seconds)
    alive, chance = _alive(instance, seconds)
    # A state that is likelier than the known failure has to be answered; what a solver takes for 0 is left out.
    kept = np.flatnonzero(chance > failure.DROPPED * unit)
    alive, chance = alive[kept], chance[kept] / unit
    model.Z = pyo.RangeSet(0, len(kept) - 1)
    most = 1.0 + failure.CUTOFF
    model.missing = pyo.Var(model.Z, bounds=lambda _, z: (0.0, 1.0 if chance[z] <= most else 0.0))
    slots = failure.new_groups(model)

    def missing_if_late(m: pyo.ConcreteModel, z: int, k: int) -> Any:
        here = [variable for n, variable in slots[k].timely if alive[z, n]]
        return m.missing[z] >= slots[k].runs - pyo.quicksum(here)

    model.missing_if_late = pyo.Constraint(model.Z, model.K, rule=missing_if_late)
    fails = pyo.quicksum(float(p) * model.missing[z] for z, p in enumerate(chance.tolist()))
    model.no_likelier = pyo.Constraint(expr=fails <= most)
    model.other_groups = pyo.ConstraintList()
    model.least_failure = pyo.Objective(expr=fails, sense=pyo.minimize)
    return model


def groups_of(model: pyo.ConcreteModel) -> tuple[frozenset[int], ...]:
    """Replicas in time of each group, from the values of the variables."""
    found = [frozenset(n for n, variable in slot.timely if round(variable.value)) for slot in failure.new_groups(model)]
    return tuple(sorted((group for group in found if group), key=sorted))


def forbid_groups(model: pyo.ConcreteModel, groups: Sequence[frozenset[int]]) -> bool:
    """Cut off all plans with just these groups of replicas in time; whether their orders are few enough."""
    slots = failure.new_groups(model)
    if len(groups) > len(slots):
        return True
    if math.factorial(len(groups)) > MOST_ORDERS:
        return False
    for order in itertools.permutations(groups):
        placed = [*order, *(frozenset[int]() for _ in slots[len(order) :])]
        differs = []
        for slot, group in zip(slots, placed, strict=True):
            # One variable a student: the device is there with one of them at most.
            here = [variable for n, variable in slot.timely if n in group]
            elsewhere = [variable for n, variable in slot.timely if n not in group]
            differs.append(len(group) - pyo.quicksum(here) + pyo.quicksum(elsewhere))
        # A device that cannot be in a place is not there.
        able = [{n for n, _ in slot.timely} for slot in slots]
        if all(group <= own for group, own in zip(placed, able, strict=True)):
            model.other_groups.add(pyo.quicksum(differs) >= 1)
    return True


def _alive(instance: Instance, seconds: float) -> tuple[BoolArray, FloatArray]:
    """Sets of devices that may be alive together, and how likely each is; none where they are too many."""
    shared = SharedFailures(instance)
    fails = shared.failure_by_state if len(shared.names) <= MOST_DEVICES else np.ones((1, len(instance.devices)))
    in_time = failure.reach_by(instance, seconds).any(axis=1)
    unsure = np.flatnonzero(in_time & (fails > 0.0).any(axis=0))
    if len(unsure) > MOST_DEVICES or len(shared.names) > MOST_DEVICES:
        return np.zeros((0, len(instance.devices)), dtype=bool), np.zeros(0)
    sets = (np.arange(1 << len(unsure))[:, None] >> np.arange(len(unsure)) & 1).astype(bool)
    alive = np.tile(in_time, (len(sets), 1))
    alive[:, unsure] = sets
    chance = np.zeros(len(sets))
    for p, state in zip(shared.chance.tolist(), fails[:, unsure], strict=True):
        chance += p * np.where(sets, 1.0 - state, state).prod(axis=1)
    return alive, chance
