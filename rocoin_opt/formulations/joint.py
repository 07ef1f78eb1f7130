"""Grouping, student assignment and part sizes in one model, for guaranteed, nominal and worst latency.

Symbols are in ``docs/formulation.md``, the model is in ``docs/formulation/models.md``; every component has the name
that it has there.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pyomo.environ as pyo

from rocoin_opt.formulations.energy_rows import add_energy_limit
from rocoin_opt.formulations.group_rows import Place, add_rules, covered
from rocoin_opt.formulations.terms import COVER_SLACK, Terms, counted_devices, require_groups_model
from rocoin_opt.plan import IndexedGroup
from rocoin_opt.plan import plan_of as plan_of_groups

if TYPE_CHECKING:
    from collections.abc import Collection

    from rocoin_opt.instance import FloatArray, Instance, IntArray
    from rocoin_opt.plan import Objective, Plan


def build(
    instance: Instance, objective: Objective, *, lower_bound: float = 0.0, upper_bound: float | None = None
) -> pyo.ConcreteModel:
    """Build the joint model.

    Parameters
    ----------
    instance : Instance
        What was given: constant latencies; any failure domains and rules.
    objective : {'guaranteed', 'nominal', 'worst'}
        What to minimise.
    lower_bound : float
        Seconds that no plan betters; makes the big-M terms smaller.
    upper_bound : float, optional
        Seconds that a plan must keep; without it every valid plan is represented.

    Returns
    -------
    ConcreteModel
        Minimises ``latency``, in units of ``unit`` seconds.

    Raises
    ------
    InputError
        If the bounds are negative or cross.
    UnsupportedError
        If the instance has random latencies, or the objective is no latency.
    """
    require_groups_model(instance, objective)
    terms = Terms.of(instance, objective, lower_bound, upper_bound)
    model = pyo.ConcreteModel(name=f"joint-{objective}")
    model.minimised = pyo.Param(initialize=objective, within=pyo.Any)
    _sets(model, instance, terms, objective)
    _variables(model, terms)
    _one_student(model)
    _one_group(model)
    _replica_runs(model)
    _part_size(model, terms)
    _all_filters(model, instance)
    _enough_groups(model, instance)
    _groups_ordered(model)
    _outage_limit(model, terms, objective)
    _replica_holds(model, terms)
    _answers_in_time(model, terms)
    _reach_cover(model, terms, objective)
    add_rules(model, instance, places(model))
    add_energy_limit(model, instance)
    model.objective = pyo.Objective(expr=model.latency, sense=pyo.minimize)
    model.cover_cuts = pyo.ConstraintList()
    return model


def fix(model: pyo.ConcreteModel, instance: Instance, plan: Plan) -> bool:
    """Fix all variables but ``latency`` to a plan.

    Parameters
    ----------
    model : ConcreteModel
        A joint model of the instance.
    instance : Instance
        What was given.
    plan : Plan
        A plan whose devices and students the instance knows, valid or not.

    Returns
    -------
    bool
        Whether the model can state the plan. If not, because of too many groups or a device that cannot deliver,
        nothing is fixed.
    """
    arrays, objective = instance.arrays, _objective_of(model)
    groups = sorted(plan.groups, key=lambda group: -group.num_filters)
    if len(groups) > len(model.K):
        return False
    counted: set[tuple[int, int, int]] = set()
    extra: set[tuple[int, int, int]] = set()
    runs: set[tuple[int, int]] = set()
    size: dict[tuple[int, int], int] = {}
    for k, group in enumerate(groups):
        j = arrays.student_index[group.student]
        deciding = counted_devices(instance, group, objective) if group.devices else frozenset()
        runs.add((k, j))
        size[k, j] = group.num_filters
        for device in group.devices:
            (counted if device in deciding else extra).add((arrays.device_index[device], k, j))
    if not (counted <= set(model.counted) and extra <= set(model.extra)):
        return False
    for component, chosen in ((model.counted, counted), (model.extra, extra), (model.runs, runs)):
        for index, variable in component.items():
            variable.fix(int(index in chosen))
    for index, variable in model.size.items():
        variable.fix(size.get(index, 0), skip_validation=True)
    return True


def plan_of(model: pyo.ConcreteModel, instance: Instance) -> Plan:
    """Read the plan from the values of a joint model's variables."""
    groups = []
    for (k, j), runs in model.runs.items():
        if not runs.value:
            continue
        members = [
            n for n in model.N for kind in (model.counted, model.extra) if (n, k, j) in kind and kind[n, k, j].value
        ]
        groups.append(IndexedGroup(tuple(members), j, model.size[k, j].value))
    return plan_of_groups(instance, groups)


def membership(model: pyo.ConcreteModel, device: int, group: int) -> Any:
    r"""Whether a device is in a group, for rules of one's own: :math:`\sum_j (counted_{nkj} + extra_{nkj})`, 0 or 1.

    Parameters
    ----------
    model : ConcreteModel
        Of :func:`build`.
    device, group : int
        Indices n and k of the model.
    """
    kinds = (model.counted, model.extra)
    return pyo.quicksum(_value(kind, device, group, j) for kind in kinds for j in model.J)


def places(model: pyo.ConcreteModel) -> list[Place]:
    """All groups that there may be, by the devices that may be in them."""
    able = {(n, k) for n, k, _ in model.replicas}
    there = [pyo.quicksum(model.runs[k, j] for j in model.J) for k in model.K]
    return [Place({n: membership(model, n, k) for n in model.N if (n, k) in able}, there[k]) for k in model.K]


def covers_of(model: pyo.ConcreteModel) -> list[frozenset[int]]:
    """The devices that are to keep the outage limit of each group, from the values of the variables."""
    there = [(k, n) for kind in _covering(model) for (n, k, _), variable in kind.items() if variable.value]
    return [frozenset(n for group, n in there if group == k) for k in model.K if any(k == group for group, _ in there)]


def forbid_cover(model: pyo.ConcreteModel, devices: Collection[int]) -> None:
    r"""Cut off a set of devices D that misses the outage limit by less than a solver can tell.

    :math:`\sum_{n \notin D} \sum_j (counted_{nkj} [+ extra_{nkj}]) \ge \sum_j runs_{kj}` for every group k; the extra
    replicas help to keep the limit for ``nominal`` only.
    """
    _cut_covers(model, 1, devices)


def require_replicas(model: pyo.ConcreteModel, count: int) -> None:
    r"""Cut off all groups of fewer devices, where no such number keeps the outage limit.

    :math:`\sum_n \sum_j (counted_{nkj} [+ extra_{nkj}]) \ge count \sum_j runs_{kj}` for every group k.
    """
    _cut_covers(model, count, ())


def _cut_covers(model: pyo.ConcreteModel, count: int, left_out: Collection[int]) -> None:
    for k in model.K:
        others = [
            v for kind in _covering(model) for (n, group, _), v in kind.items() if group == k and n not in left_out
        ]
        model.cover_cuts.add(pyo.quicksum(others) >= count * pyo.quicksum(model.runs[k, j] for j in model.J))


def maximise_filters(model: pyo.ConcreteModel) -> None:
    r"""Ask how many filters find a place, however late: :math:`\max \sum_{k,j} size_{kj} \le M`."""
    placed = pyo.quicksum(model.size.values())
    wanted = pyo.value(model.all_filters.upper)
    for component in (model.all_filters, model.answers_in_time, model.objective):
        component.deactivate()
    model.no_more_filters = pyo.Constraint(expr=placed <= wanted)
    model.placed = pyo.Objective(expr=placed, sense=pyo.maximize)


def _covering(model: pyo.ConcreteModel) -> tuple[pyo.Var, ...]:
    """The variables of replicas that keep the outage limit."""
    return (model.counted, model.extra) if _objective_of(model) == "nominal" else (model.counted,)


def _objective_of(model: pyo.ConcreteModel) -> Objective:
    objective: Objective = pyo.value(model.minimised)
    return objective


def _value(component: pyo.Var, *index: int) -> Any:
    """The variable, or 0 where there is none because it could only be 0."""
    return component[index] if index in component else 0  # noqa: SIM401 - a Pyomo variable has no get


def _covered(component: pyo.Var, weight: FloatArray | IntArray, model: pyo.ConcreteModel, k: int, j: int) -> Any:
    return pyo.quicksum(float(weight[n]) * _value(component, n, k, j) for n in model.N if weight[n])


def _sets(model: pyo.ConcreteModel, instance: Instance, terms: Terms, objective: Objective) -> None:
    """Devices N, groups K, students J, and the pairs of device and student that can count, or at least hold a part."""
    # No more groups can keep the outage limit than the shares of all useful devices add up to.
    shares = float(terms.share[terms.hold.any(axis=1)].sum())
    largest = max(1, min(instance.max_groups, math.floor(shares + COVER_SLACK)))
    model.N = pyo.RangeSet(0, len(instance.devices) - 1)
    model.K = pyo.RangeSet(0, largest - 1)
    model.J = pyo.RangeSet(0, len(instance.students) - 1)
    students = [j for j in model.J if terms.longest[j] > 0]
    model.countable = pyo.Set(
        dimen=3, initialize=[(n, k, j) for n in model.N for k in model.K for j in students if terms.reach[n, j] > 0]
    )
    model.holding = pyo.Set(
        dimen=3,
        initialize=[(n, k, j) for n in model.N for k in model.K for j in students if terms.hold[n, j] > 0]
        if objective != "worst"
        else [],
    )
    model.replicas = model.countable | model.holding


def _variables(model: pyo.ConcreteModel, terms: Terms) -> None:
    """What is decided; ``counted`` replicas decide when their group answers, ``extra`` ones are in it besides."""
    model.unit = pyo.Param(initialize=terms.unit)
    model.counted = pyo.Var(model.countable, domain=pyo.Binary)
    model.extra = pyo.Var(model.holding, domain=pyo.Binary)
    model.runs = pyo.Var(model.K, model.J, domain=pyo.Binary)
    model.size = pyo.Var(
        model.K,
        model.J,
        domain=pyo.NonNegativeIntegers,
        bounds=lambda _, _k, j: (0, int(terms.longest[j])),
    )
    model.latency = pyo.Var(bounds=(terms.earliest, 1.0))


def _one_student(model: pyo.ConcreteModel) -> None:
    r""":math:`\sum_j runs_{kj} \le 1` for every group k."""

    def one_student(m: pyo.ConcreteModel, k: int) -> Any:
        return pyo.quicksum(m.runs[k, j] for j in m.J) <= 1

    model.one_student = pyo.Constraint(model.K, rule=one_student)


def _one_group(model: pyo.ConcreteModel) -> None:
    r""":math:`\sum_{k,j} (counted_{nkj} + extra_{nkj}) \le 1` for every device n."""
    places: dict[int, list[Any]] = {n: [] for n in model.N}
    for component in (model.counted, model.extra):
        for (n, _, _), variable in component.items():
            places[n].append(variable)

    def one_group(_: pyo.ConcreteModel, n: int) -> Any:
        return pyo.quicksum(places[n]) <= 1 if places[n] else pyo.Constraint.Skip

    model.one_group = pyo.Constraint(model.N, rule=one_group)


def _replica_runs(model: pyo.ConcreteModel) -> None:
    r""":math:`counted_{nkj} + extra_{nkj} \le runs_{kj}` for every device n, group k and student j."""

    def replica_runs(m: pyo.ConcreteModel, n: int, k: int, j: int) -> Any:
        return _value(m.counted, n, k, j) + _value(m.extra, n, k, j) <= m.runs[k, j]

    model.replica_runs = pyo.Constraint(model.replicas, rule=replica_runs)


def _part_size(model: pyo.ConcreteModel, terms: Terms) -> None:
    r""":math:`runs_{kj} \le size_{kj} \le longest_j\, runs_{kj}` for every group k and student j."""

    def part_not_empty(m: pyo.ConcreteModel, k: int, j: int) -> Any:
        return m.runs[k, j] <= m.size[k, j]

    model.part_not_empty = pyo.Constraint(model.K, model.J, rule=part_not_empty)

    def part_if_run(m: pyo.ConcreteModel, k: int, j: int) -> Any:
        return m.size[k, j] <= int(terms.longest[j]) * m.runs[k, j]

    model.part_if_run = pyo.Constraint(model.K, model.J, rule=part_if_run)


def _all_filters(model: pyo.ConcreteModel, instance: Instance) -> None:
    r""":math:`\sum_{k,j} size_{kj} = M`."""
    model.all_filters = pyo.Constraint(expr=pyo.quicksum(model.size.values()) == instance.knowledge.num_filters)


def _enough_groups(model: pyo.ConcreteModel, instance: Instance) -> None:
    r""":math:`\sum_{k,j} runs_{kj} \ge min\_groups`; the set K keeps the other end."""
    model.enough_groups = pyo.Constraint(expr=pyo.quicksum(model.runs.values()) >= instance.requirements.min_groups)


def _groups_ordered(model: pyo.ConcreteModel) -> None:
    r""":math:`\sum_j size_{kj} \ge \sum_j size_{k+1,j}`: one of the equivalent orders of the groups is enough."""

    def groups_ordered(m: pyo.ConcreteModel, k: int) -> Any:
        if k + 1 not in m.K:
            return pyo.Constraint.Skip
        return pyo.quicksum(m.size[k, j] for j in m.J) >= pyo.quicksum(m.size[k + 1, j] for j in m.J)

    model.groups_ordered = pyo.Constraint(model.K, rule=groups_ordered)


def _outage_limit(model: pyo.ConcreteModel, terms: Terms, objective: Objective) -> None:
    r""":math:`\sum_n share_n\, counted_{nkj} \ge runs_{kj}` for every group k and student j.

    For ``nominal`` the extra replicas cover as well, and exactly one counts: :math:`\sum_n counted_{nkj} = runs_{kj}`.
    What devices of one failure domain cover together says :func:`covered`.
    """
    kinds = _covering(model)

    def outage_limit(m: pyo.ConcreteModel, k: int, j: int) -> Any:
        found = {n: [kind[n, k, j] for kind in kinds if (n, k, j) in kind] for n in m.N}
        members = {n: pyo.quicksum(variables) for n, variables in found.items() if variables}
        return covered(m, terms.shares, Place(members, m.runs[k, j])) >= (1.0 - COVER_SLACK) * m.runs[k, j]

    model.outage_limit = pyo.Constraint(model.K, model.J, rule=outage_limit)

    if objective == "nominal":

        def one_counts(m: pyo.ConcreteModel, k: int, j: int) -> Any:
            return pyo.quicksum(_value(m.counted, n, k, j) for n in m.N) == m.runs[k, j]

        model.one_counts = pyo.Constraint(model.K, model.J, rule=one_counts)


def _replica_holds(model: pyo.ConcreteModel, terms: Terms) -> None:
    r"""Every replica holds the part, and a counted one delivers it within the upper bound.

    :math:`size_{kj} \le longest_j\, runs_{kj} - (longest_j - reach_{nj})^+ counted_{nkj} - (longest_j - hold_{nj})^+
    extra_{nkj}`.
    """

    def replica_holds(m: pyo.ConcreteModel, n: int, k: int, j: int) -> Any:
        longest = int(terms.longest[j])
        unreached = max(longest - int(terms.reach[n, j]), 0)
        unheld = max(longest - int(terms.hold[n, j]), 0)
        if not unreached and not unheld:
            return pyo.Constraint.Skip
        missing = unreached * _value(m.counted, n, k, j) + unheld * _value(m.extra, n, k, j)
        return m.size[k, j] <= longest * m.runs[k, j] - missing

    model.replica_holds = pyo.Constraint(model.replicas, rule=replica_holds)


def _answers_in_time(model: pyo.ConcreteModel, terms: Terms) -> None:
    r"""A counted replica answers by ``latency``.

    :math:`latency \ge T_0 + slope_{nj} (size_{kj} - longest_j\, runs_{kj}) + (base_{nj} + slope_{nj} longest_j - T_0)
    counted_{nkj}` with the lower bound :math:`T_0`: where n counts this is its latency, elsewhere at most :math:`T_0`.
    """

    def answers_in_time(m: pyo.ConcreteModel, n: int, k: int, j: int) -> Any:
        base, slope, longest = float(terms.base[n, j]), float(terms.slope[n, j]), int(terms.longest[j])
        late = base + slope * longest - terms.earliest
        if late <= 0.0:
            return pyo.Constraint.Skip
        unused = slope * (m.size[k, j] - longest * m.runs[k, j])
        return m.latency >= terms.earliest + unused + late * m.counted[n, k, j]

    model.answers_in_time = pyo.Constraint(model.countable, rule=answers_in_time)


def _reach_cover(model: pyo.ConcreteModel, terms: Terms, objective: Objective) -> None:
    r"""A part is no larger than what its replicas reach on average, weighted by their shares (valid inequality).

    :math:`size_{kj} \le \sum_n share_n\, reach_{nj}\, counted_{nkj}`, because the shares sum to 1 or more and each
    counted replica reaches the part. For ``nominal`` the same with what all replicas hold, and
    :math:`size_{kj} \le \sum_n reach_{nj}\, counted_{nkj}` because one counts.
    """

    def reach_cover(m: pyo.ConcreteModel, k: int, j: int) -> Any:
        reach = terms.reach[:, j]
        weight = reach if objective == "nominal" else terms.share * reach
        return (1.0 - COVER_SLACK) * m.size[k, j] <= _covered(m.counted, weight, m, k, j)

    model.reach_cover = pyo.Constraint(model.K, model.J, rule=reach_cover)

    if objective == "nominal":

        def hold_cover(m: pyo.ConcreteModel, k: int, j: int) -> Any:
            held = terms.share * terms.hold[:, j]
            covered = _covered(m.counted, held, m, k, j) + _covered(m.extra, held, m, k, j)
            return (1.0 - COVER_SLACK) * m.size[k, j] <= covered

        model.hold_cover = pyo.Constraint(model.K, model.J, rule=hold_cover)
