"""The grouping model against brute force over all groupings of a few devices."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocoin_opt.control import Control
from rocoin_opt.errors import InputError
from rocoin_opt.formulations import grouping
from rocoin_opt.highs.models import solve_model
from rocoin_opt.instance.arrays import keeps_outage_limit
from samples import trials
from strategies import instances

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyomo.environ import ConcreteModel

    from rocoin_opt.instance.model import Instance

SMALL = {"max_devices": 5, "max_students": 2, "max_filters": 4}


def groupings(devices: list[int], num_groups: int) -> Iterator[list[list[int]]]:
    """Every way to put devices into labelled groups or among the spares."""
    for labels in range((num_groups + 1) ** len(devices)):
        groups: list[list[int]] = [[] for _ in range(num_groups + 1)]
        for position, n in enumerate(devices):
            groups[labels // (num_groups + 1) ** position % (num_groups + 1)].append(n)
        yield groups[:num_groups]


def keeps(instance: Instance, group: list[int]) -> bool:
    outage = math.prod(instance.devices[n].failure_probability for n in group)
    return bool(group) and keeps_outage_limit(outage, instance.requirements.max_group_outage)


def useful(instance: Instance) -> list[int]:
    return [n for n in range(len(instance.devices)) if instance.arrays.largest[n].any()]


def groups_in(model: ConcreteModel) -> list[list[int]]:
    return [[n for n in model.N if model.member[n, k].value] for k in model.K if model.used[k].value]


@given(instance=instances(**SMALL))
def test_it_finds_the_largest_number_of_groups(instance: Instance) -> None:
    model = grouping.build(instance)
    solution = solve_model(model, Control.starting_now())
    best = 0
    for count in range(1, instance.max_groups + 1):
        if any(all(keeps(instance, group) for group in groups) for groups in groupings(useful(instance), count)):
            best = count
    assert solution.objective == pytest.approx(best)
    found = groups_in(model)
    assert len(found) == best
    assert all(keeps(instance, group) for group in found)
    assert len({n for group in found for n in group}) == sum(map(len, found))


@given(instance=instances(**SMALL), num_groups=st.integers(1, 3))
@trials(40)
def test_it_balances_a_number_of_groups(instance: Instance, num_groups: int) -> None:
    num_groups = min(num_groups, len(instance.devices))
    devices = useful(instance)
    rates = {n: instance.devices[n].flops_per_second for n in devices}
    values = [
        min(sum(rates[n] for n in group) for group in groups) / sum(rates.values())
        for groups in groupings(devices, num_groups)
        if all(keeps(instance, group) for group in groups)
    ]
    model = grouping.build(instance, num_groups)
    solution = solve_model(model, Control.starting_now())
    if not values:
        assert solution.status == "infeasible"
        return
    assert solution.objective == pytest.approx(max(values))
    found = groups_in(model)
    assert len(found) == num_groups
    assert min(sum(rates[n] for n in group) for group in found) / sum(rates.values()) == pytest.approx(max(values))


@given(data=st.data(), instance=instances(**SMALL), balanced=st.booleans())
def test_a_fixed_grouping_is_feasible_exactly_when_all_groups_keep_the_limit(
    data: st.DataObject, instance: Instance, balanced: bool
) -> None:
    count = data.draw(st.integers(1, len(instance.devices)))
    labels = data.draw(st.lists(st.integers(0, count), min_size=len(instance.devices), max_size=len(instance.devices)))
    groups = [[n for n, label in enumerate(labels) if label == k] for k in range(count)]
    # In balance the groups stand in the order of their compute rates.
    groups.sort(key=lambda group: -sum(instance.devices[n].flops_per_second for n in group))
    model = grouping.build(instance, count if balanced else None)
    valid = all(keeps(instance, group) for group in groups) and set().union(*groups) <= set(useful(instance))
    valid = valid and (balanced or count <= instance.max_groups)
    stated = grouping.fix(model, groups)
    assert (stated and solve_model(model, Control.starting_now()).status == "optimal") == valid


@given(instance=instances(**SMALL), num_groups=st.sampled_from([0, 6]))
@trials(4)
def test_a_number_of_groups_that_cannot_be_is_refused(instance: Instance, num_groups: int) -> None:
    with pytest.raises(InputError, match="num_groups"):
        grouping.build(instance, num_groups)
