"""Plans within a latency limit that change few loads of an older plan, or ship few bytes.

The joint model makes new groups. Beside them stands every group of the old plan that still has a device: if it goes on,
its student and part stay, and only who runs it is decided. Symbols are in ``docs/formulation.md``; every component has
the name that it has there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyomo.environ as pyo

from rocoin_opt.formulations import joint
from rocoin_opt.formulations.energy_rows import add_energy_limit
from rocoin_opt.formulations.group_rows import Place, covered, needs_late_replicas, restate_rules
from rocoin_opt.formulations.outage_shares import OutageShares
from rocoin_opt.formulations.terms import COVER_SLACK, counted_devices
from rocoin_opt.plan import IndexedGroup, Plan, group_of, indexed_groups

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Objective


def old_groups(instance: Instance, old: Plan) -> dict[int, IndexedGroup]:
    """Groups of an old plan that still have a device of the instance, by their position in the plan."""
    return {g: group for g, group in enumerate(indexed_groups(instance, old)) if group.members}


def build(
    instance: Instance, old: Plan, objective: Objective, *, upper_bound: float | None, max_loads: int
) -> pyo.ConcreteModel:
    """Build the continuation model.

    Parameters
    ----------
    instance : Instance
        What is left: constant latencies; any failure domains and rules.
    old : Plan
        The plan so far, which may name devices that the instance does not have any more.
    objective : {'guaranteed', 'nominal', 'worst'}
        What must happen within the limit.
    upper_bound : float or None
        Latency limit in seconds; None for any latency.
    max_loads : int
        Devices that may be sent a student.

    Returns
    -------
    ConcreteModel
        Minimises the number of loads; see :func:`minimise_bytes`.

    Raises
    ------
    UnsupportedError
        If the instance has random latencies, or the objective is no latency.
    """
    # Every new group needs a load, and the rows on all groups are stated anew.
    most = max(1, min(instance.max_groups, max_loads))
    model = joint.build(instance.with_requirements(min_groups=1, max_groups=most), objective, upper_bound=upper_bound)
    for component in (model.answers_in_time, model.objective, model.one_group, model.all_filters, model.enough_groups):
        component.deactivate()
    if not _has_others(instance, objective):
        # Replicas that the objective does not wait for only cost loads.
        model.extra.fix(0)
    _sets(model, instance, old, objective, upper_bound)
    _variables(model)
    _one_place(model)
    _stays_if_continued(model)
    _old_outage_limit(model, instance, objective)
    _old_and_new_groups(model, instance)
    _load_limit(model, max_loads)
    restate_rules(model, instance, [*joint.places(model), *_old_places(model)])
    add_energy_limit(model, instance, _old_energy(model, instance))
    model.fewest_loads = pyo.Objective(expr=model.loads, sense=pyo.minimize)
    return model


def minimise_bytes(model: pyo.ConcreteModel, instance: Instance) -> float:
    r"""Ask for the fewest bytes of students shipped, and return what counts as 1 in the model.

    A load of student j with s filters is :math:`B_j + b_j s` bytes. With new parts the size is decided too, and device
    n gets :math:`shipped_{nkj} \ge size_{kj} - longest_j (1 - counted_{nkj} - extra_{nkj})` filters.
    """
    students = instance.students
    # Only students whose memory grows with the part need to know how large it is.
    growing = [index for index in model.replicas if students[index[2]].memory_bytes_per_filter > 0.0]
    model.growing = pyo.Set(dimen=3, initialize=growing)
    model.shipped = pyo.Var(model.growing, domain=pyo.NonNegativeReals)

    def shipped_filters(m: pyo.ConcreteModel, n: int, k: int, j: int) -> Any:
        longest = m.size[k, j].ub
        return m.shipped[n, k, j] >= m.size[k, j] - longest * (1 - _new_member(m, n, k, j))

    model.shipped_filters = pyo.Constraint(model.growing, rule=shipped_filters)
    total = instance.knowledge.num_filters
    unit = max(s.memory_bytes + s.memory_bytes_per_filter * min(s.max_filters, total) for s in students) or 1.0
    new = [students[j].memory_bytes / unit * _new_member(model, n, k, j) for n, k, j in model.replicas]
    new += [students[j].memory_bytes_per_filter / unit * v for (_, _, j), v in model.shipped.items()]
    again = []
    for n, g in model.old_replicas:
        if n not in model.old[g].members:
            student, size = students[model.old[g].student], model.old[g].size
            cost = student.memory_bytes + student.memory_bytes_per_filter * size
            again.append(cost / unit * _old_member(model, n, g))
    model.fewest_loads.deactivate()
    model.fewest_bytes = pyo.Objective(expr=pyo.quicksum([*new, *again]), sense=pyo.minimize)
    return float(unit)


def offer(model: pyo.ConcreteModel, instance: Instance, plan: Plan, continued: Sequence[int | None]) -> bool:
    """Give the variables the values of a plan, as a first solution for a solver.

    Parameters
    ----------
    model : ConcreteModel
        A continuation model of the instance.
    instance : Instance
        What is left.
    plan : Plan
        A valid plan for it.
    continued : sequence of int or None
        For each of its groups the position of the old group that it continues.

    Returns
    -------
    bool
        Whether the model can state the plan, late replicas of ``guaranteed`` aside; if not, nothing is set.
    """
    objective: Objective = pyo.value(model.minimised)
    index = instance.arrays.device_index
    stays: set[tuple[int, int]] = set()
    holds: set[tuple[int, int]] = set()
    for group, g in zip(plan.groups, continued, strict=True):
        if g is not None:
            deciding = counted_devices(instance, group, objective)
            stays |= {(index[device], g) for device in deciding}
            holds |= {(index[device], g) for device in group.devices if device not in deciding}
    new = [group for group, g in zip(plan.groups, continued, strict=True) if g is None]
    if not stays <= set(model.stays) or not joint.fix(model, instance, Plan(groups=tuple(new))):
        return False
    for component in (model.counted, model.extra, model.runs, model.size):
        component.unfix()
    if not _has_others(instance, objective):
        model.extra.fix(0)
    for component, chosen in ((model.continues, set(continued)), (model.stays, stays), (model.holds, holds)):
        for position, variable in component.items():
            variable.set_value(int(position in chosen))
    return True


def plan_of(model: pyo.ConcreteModel, instance: Instance) -> Plan:
    """Read the plan, without filters, from the values of a continuation model's variables."""
    groups = list(joint.plan_of(model, instance).groups)
    for g in model.G:
        if model.continues[g].value:
            old = model.old[g]
            members = [n for n in model.N if any(v.value for v in _old_kinds(model, n, g))]
            groups.append(group_of(instance, members, old.student, old.size))
    return Plan.of(instance, groups)


def forbid_cover(model: pyo.ConcreteModel, devices: Collection[int]) -> None:
    r"""Cut off a set of devices D that misses the outage limit by less than a solver can tell, in any group.

    :math:`\sum_{n \notin D} (stays_{ng} [+ holds_{ng}]) \ge continues_g` for every old group g.
    """
    joint.forbid_cover(model, devices)
    _cut_old_covers(model, 1, devices)


def require_replicas(model: pyo.ConcreteModel, count: int) -> None:
    """Cut off all groups of fewer devices, where no such number keeps the outage limit."""
    joint.require_replicas(model, count)
    _cut_old_covers(model, count, ())


def _cut_old_covers(model: pyo.ConcreteModel, count: int, left_out: Collection[int]) -> None:
    for g in model.G:
        others = [v for n in model.N if n not in left_out for v in _old_kinds(model, n, g, _covering(model))]
        model.old_cover_cuts.add(pyo.quicksum(others) >= count * model.continues[g])


def _new_member(model: pyo.ConcreteModel, n: int, k: int, j: int) -> Any:
    return pyo.quicksum(kind[n, k, j] for kind in (model.counted, model.extra) if (n, k, j) in kind)


def _has_others(instance: Instance, objective: Objective) -> bool:
    """Whether groups may need replicas that do not decide when they answer; ``worst`` waits for all."""
    return objective == "nominal" or (objective == "guaranteed" and needs_late_replicas(instance))


def _covering(model: pyo.ConcreteModel) -> tuple[pyo.Var, ...]:
    """The variables of replicas that keep the outage limit of an old group."""
    return (model.stays, model.holds) if pyo.value(model.minimised) == "nominal" else (model.stays,)


def covers_of(model: pyo.ConcreteModel) -> list[frozenset[int]]:
    """The devices that are to keep the outage limit of each group, from the values of the variables."""
    old = [{n for n in model.N if any(v.value for v in _old_kinds(model, n, g, _covering(model)))} for g in model.G]
    return [*joint.covers_of(model), *(frozenset(members) for members in old if members)]


def _old_places(model: pyo.ConcreteModel, kinds: Sequence[pyo.Var] | None = None) -> list[Place]:
    """Old groups by the devices that may be in them, or may keep their limit."""
    places = []
    for g in model.G:
        found = {n: _old_kinds(model, n, g, kinds) for n in model.N}
        places.append(Place({n: pyo.quicksum(own) for n, own in found.items() if own}, model.continues[g]))
    return places


def _old_kinds(model: pyo.ConcreteModel, n: int, g: int, kinds: Sequence[pyo.Var] | None = None) -> list[Any]:
    return [kind[n, g] for kind in kinds or (model.stays, model.holds) if (n, g) in kind]


def _old_energy(model: pyo.ConcreteModel, instance: Instance) -> list[tuple[float, Any]]:
    """Joules of each replica of the old groups, and whether it is there."""
    old = model.old
    return [
        (float(instance.arrays.joules(n, old[g].student, old[g].size)), _old_member(model, n, g))
        for n, g in model.old_replicas
    ]


def _old_member(model: pyo.ConcreteModel, n: int, g: int) -> Any:
    return pyo.quicksum(_old_kinds(model, n, g))


def _sets(
    model: pyo.ConcreteModel, instance: Instance, old: Plan, objective: Objective, upper_bound: float | None
) -> None:
    """Old groups G, and the pairs of device and old group that answer in time, or at least hold the part."""
    arrays = instance.arrays
    reach = arrays.largest if upper_bound is None else arrays.largest_part(upper_bound)
    groups = old_groups(instance, old)
    model.G = pyo.Set(initialize=list(groups))
    model.old = pyo.Param(model.G, initialize=groups, within=pyo.Any)

    def pairs(parts: Any) -> list[tuple[int, int]]:
        return [(n, g) for g, group in groups.items() for n in model.N if parts[n, group.student] >= group.size]

    model.timely = pyo.Set(dimen=2, initialize=pairs(reach))
    model.able = pyo.Set(dimen=2, initialize=pairs(arrays.largest) if _has_others(instance, objective) else [])
    model.old_replicas = model.timely | model.able


def _variables(model: pyo.ConcreteModel) -> None:
    """Which old groups go on; ``stays`` replicas decide when they answer, ``holds`` ones are in them besides."""
    model.continues = pyo.Var(model.G, domain=pyo.Binary)
    model.stays = pyo.Var(model.timely, domain=pyo.Binary)
    model.holds = pyo.Var(model.able, domain=pyo.Binary)


def _one_place(model: pyo.ConcreteModel) -> None:
    r""":math:`\sum_{k,j} (counted_{nkj} + extra_{nkj}) + \sum_g (stays_{ng} + holds_{ng}) \le 1` for every device n."""
    places: dict[int, list[Any]] = {n: [] for n in model.N}
    for component in (model.counted, model.extra, model.stays, model.holds):
        for index, variable in component.items():
            places[index[0]].append(variable)

    def one_place(_: pyo.ConcreteModel, n: int) -> Any:
        return pyo.quicksum(places[n]) <= 1 if places[n] else pyo.Constraint.Skip

    model.one_place = pyo.Constraint(model.N, rule=one_place)


def _stays_if_continued(model: pyo.ConcreteModel) -> None:
    r""":math:`stays_{ng} + holds_{ng} \le continues_g` for every device n and old group g."""

    def stays_if_continued(m: pyo.ConcreteModel, n: int, g: int) -> Any:
        return _old_member(m, n, g) <= m.continues[g]

    model.stays_if_continued = pyo.Constraint(model.old_replicas, rule=stays_if_continued)


def _old_outage_limit(model: pyo.ConcreteModel, instance: Instance, objective: Objective) -> None:
    r""":math:`\sum_n share_n\, stays_{ng} \ge continues_g` for every old group g, for domains see :func:`covered`.

    For ``nominal`` those that hold the part cover as well, and exactly one counts:
    :math:`\sum_n stays_{ng} = continues_g`.
    """
    shares, places = OutageShares.of(instance), dict(zip(model.G, _old_places(model, _covering(model)), strict=True))

    def old_outage_limit(m: pyo.ConcreteModel, g: int) -> Any:
        return covered(m, shares, places[g]) >= (1.0 - COVER_SLACK) * m.continues[g]

    model.old_outage_limit = pyo.Constraint(model.G, rule=old_outage_limit)
    model.old_cover_cuts = pyo.ConstraintList()
    if objective == "nominal":

        def one_stays(m: pyo.ConcreteModel, g: int) -> Any:
            return pyo.quicksum(m.stays[n, g] for n in m.N if (n, g) in m.timely) == m.continues[g]

        model.one_stays = pyo.Constraint(model.G, rule=one_stays)


def _old_and_new_groups(model: pyo.ConcreteModel, instance: Instance) -> None:
    r"""All filters have a place, and the number of groups is in its range.

    :math:`\sum_{k,j} size_{kj} + \sum_g s_g\, continues_g = M` with the sizes :math:`s_g` of the old groups, and
    :math:`min\_groups \le \sum_{k,j} runs_{kj} + \sum_g continues_g \le max\_groups`.
    """
    again = pyo.quicksum(model.old[g].size * model.continues[g] for g in model.G)
    model.all_places = pyo.Constraint(expr=pyo.quicksum(model.size.values()) + again == instance.knowledge.num_filters)
    groups = pyo.quicksum(model.runs.values()) + pyo.quicksum(model.continues.values())
    model.number_of_groups = pyo.Constraint(expr=(instance.requirements.min_groups, groups, instance.max_groups))


def _load_limit(model: pyo.ConcreteModel, max_loads: int) -> None:
    r"""Every replica of a new group is a load, and so is one of an old group :math:`G_g` that it did not run in.

    :math:`loads = \sum_{n,k,j} (counted_{nkj} + extra_{nkj}) + \sum_g \sum_{n \notin G_g} (stays_{ng} + holds_{ng})`,
    and :math:`loads \le max\_loads`.
    """
    new = [v for kind in (model.counted, model.extra) for v in kind.values()]
    joined = [v for kind in (model.stays, model.holds) for (n, g), v in kind.items() if n not in model.old[g].members]
    model.loads = pyo.Expression(expr=pyo.quicksum([*new, *joined]))
    model.load_limit = pyo.Constraint(expr=model.loads <= max_loads)
