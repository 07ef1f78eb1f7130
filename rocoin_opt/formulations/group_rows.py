"""Rows that failure domains and rules ask for: what groups cover of the outage limit, who serves, and with whom.

Which devices are to be spare, and which students a device may run, is in what devices hold: they have no variables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pyomo.environ as pyo

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rocoin_opt.formulations.outage_shares import OutageShares
    from rocoin_opt.instance import Instance


SMALLEST_SHARE = 1e-4
"""Smallest share that stands in a row."""


class Place(NamedTuple):
    """A group that there may be."""

    members: Mapping[int, Any]
    """For each device that may be in it, whether it is."""
    there: Any
    """Whether there is the group."""


def needs_late_replicas(instance: Instance) -> bool:
    """Whether a rule may ask for replicas that an objective does not wait for."""
    rules = instance.restrictions
    return bool(rules.together or rules.use or rules.spread > 1)


def covered(model: pyo.ConcreteModel, shares: OutageShares, place: Place) -> Any:
    r"""Share of the outage limit that a group covers, for a row of a model; lists of rows and variables grow.

    :math:`\sum_{n \text{ in no domain}} share_n x_n + \sum_d h_d` with :math:`h_d \le there`,
    :math:`h_d \le \sum_{n \in d} share_n x_n` and :math:`h_d \le a\, there + b \sum_{n \in d} w_n x_n` for each tangent
    (a, b) of the domain.

    Parameters
    ----------
    model : ConcreteModel
        What the rows are for.
    shares : OutageShares
        What devices cover.
    place : Place
        A group, by the devices that are to keep its limit.
    """
    members, there = place
    if not hasattr(model, "domain_share"):
        model.domain_share = pyo.VarList(domain=pyo.NonNegativeReals)
        model.domain_limits = pyo.ConstraintList()
    tied = {n for domain in shares.domains for n in domain.weight}
    # Rounded up where a solver may take them for nothing: exact products cut off what that lets through.
    alone = {n: max(float(shares.alone[n]), SMALLEST_SHARE) for n in members if shares.alone[n]}
    terms = [alone[n] * x for n, x in members.items() if n in alone and n not in tied]
    for domain in shares.domains:
        inside = [n for n in domain.weight if n in alone]
        single = pyo.quicksum(alone[n] * members[n] for n in inside)
        if len(inside) < 2:
            terms += [single] if inside else []
            continue
        weight = pyo.quicksum(domain.weight[n] * members[n] for n in inside)
        part = model.domain_share.add()
        model.domain_limits.add(part <= there)
        model.domain_limits.add(part <= single)
        for height, slope in domain.tangents:
            model.domain_limits.add(part <= height * there + slope * weight)
        terms.append(part)
    return pyo.quicksum(terms)


def add_rules(model: pyo.ConcreteModel, instance: Instance, places: Sequence[Place]) -> None:
    r"""State all rules over all groups.

    With :math:`x_{nk}` for device n in group k: :math:`\sum_{n \in A} x_{nk} \le there_k` for every set A of which one
    device is in a group at most; :math:`x_{nk} = x_{mk}` for devices n and m that have to be together;
    :math:`\sum_d touched_{kd} \ge S\, there_k` with :math:`touched_{kd} \le 1` and
    :math:`touched_{kd} \le \sum_{n \in d} x_{nk}` where groups have to lie in S domains; and
    :math:`\sum_k x_{nk} \ge 1` for every device n that has to serve.

    Parameters
    ----------
    model : ConcreteModel
        What the rows are for.
    instance : Instance
        Whose rules they are.
    places : sequence of Place
        All groups that there may be.
    """
    model.group_rules = pyo.ConstraintList()
    model.touched = pyo.VarList(domain=pyo.NonNegativeReals)
    for place in places:
        _add_apart_and_together(model, instance, place)
        if instance.restrictions.spread > 1:
            _add_spread(model, instance, place)
    _add_use(model, instance, places)


def restate_rules(model: pyo.ConcreteModel, instance: Instance, places: Sequence[Place]) -> None:
    """State all rules anew over other groups, and leave out what :func:`add_rules` stated; see there.

    Parameters
    ----------
    model, instance, places
        As for :func:`add_rules`.
    """
    for name in ("group_rules", "touched", "used_devices", "nowhere"):
        model.del_component(name)
    add_rules(model, instance, places)


def _add_apart_and_together(model: pyo.ConcreteModel, instance: Instance, place: Place) -> None:
    members, there = place
    for rivals in instance.restrictions.apart:
        inside = [members[n] for n in sorted(rivals) if n in members]
        if len(inside) > 1:
            model.group_rules.add(pyo.quicksum(inside) <= there)
    for friends in instance.restrictions.together:
        first, *others = sorted(friends, key=lambda n: (n not in members, n))
        if first in members:
            for n in others:
                model.group_rules.add(members[first] == members[n] if n in members else members[first] <= 0)


def _add_spread(model: pyo.ConcreteModel, instance: Instance, place: Place) -> None:
    domains: dict[str | int, list[Any]] = {}
    for n, x in place.members.items():
        # A device in none is one of its own.
        domains.setdefault(instance.devices[n].failure_domain or n, []).append(x)
    touched = [_touched(model, inside) for inside in domains.values()]
    model.group_rules.add(pyo.quicksum(touched) >= instance.restrictions.spread * place.there)


def _add_use(model: pyo.ConcreteModel, instance: Instance, places: Iterable[Place]) -> None:
    model.used_devices = pyo.ConstraintList()
    model.nowhere = pyo.Var(bounds=(0.0, 0.0))
    for n in sorted(instance.restrictions.use):
        inside = [place.members[n] for place in places if n in place.members]
        # A row without variables would be no row: this one says that there is no plan.
        model.used_devices.add(pyo.quicksum([*inside, model.nowhere]) >= 1)


def _touched(model: pyo.ConcreteModel, inside: list[Any]) -> Any:
    """Whether a group has a device of a domain; at most 1."""
    if len(inside) == 1:
        return inside[0]
    touched = model.touched.add()
    model.group_rules.add(touched <= 1)
    model.group_rules.add(touched <= pyo.quicksum(inside))
    return touched
