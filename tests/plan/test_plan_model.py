"""Plans: one order for one decision, and explicit filters as labels and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rocoin_opt.failure.validity import check
from rocoin_opt.plan.filters import labels_of, with_filters
from rocoin_opt.plan.model import Group, Plan
from rocoin_opt.plan.phases import relative_gap
from rocoin_opt.plan.result import Outcome
from strategies import instances, structured_plans, valid_plans

if TYPE_CHECKING:
    import random


@given(st.data(), st.randoms(use_true_random=False))
def test_the_same_decision_makes_the_same_bytes(data: st.DataObject, rng: random.Random) -> None:
    instance = data.draw(instances())
    plan = data.draw(structured_plans(instance))
    groups = []
    for group in plan.groups:
        devices = list(group.devices)
        rng.shuffle(devices)
        groups.append(group.model_copy(update={"devices": tuple(devices)}))
    rng.shuffle(groups)
    again = Plan.of(instance, groups)
    assert again == plan
    assert again.model_dump_json() == plan.model_dump_json()


@given(st.data())
def test_the_order_is_canonical(data: st.DataObject) -> None:
    instance = data.draw(instances())
    plan = data.draw(structured_plans(instance))
    keys = [(-group.num_filters, group.devices[0]) for group in plan.groups]
    assert keys == sorted(keys)
    assert all(list(group.devices) == sorted(group.devices) for group in plan.groups)
    assert list(plan.spares) == sorted(plan.spares)
    used = [device for group in plan.groups for device in group.devices]
    assert sorted([*used, *plan.spares]) == sorted(device.id for device in instance.devices)
    assert plan.sizes == tuple(group.num_filters for group in plan.groups)


def test_filters_are_sorted_too() -> None:
    group = Group(devices=("b", "a"), student="s", num_filters=2, filters=(5, 3))
    assert group.filters == (5, 3)
    with pytest.raises(ValidationError, match="frozen"):
        group.student = "other"  # type: ignore[misc]


@given(st.data(), st.randoms(use_true_random=False))
def test_labels_and_filters_are_two_forms_of_one_partition(data: st.DataObject, rng: random.Random) -> None:
    instance = data.draw(instances())
    plan = data.draw(valid_plans(instance))
    assert labels_of(instance, plan) is None
    shuffled = [k for k, size in enumerate(plan.sizes) for _ in range(size)]
    rng.shuffle(shuffled)
    explicit = with_filters(instance, plan, np.array(shuffled))
    assert check(instance, explicit) == ()
    assert explicit.sizes == plan.sizes
    assert [group.devices for group in explicit.groups] == [group.devices for group in plan.groups]
    labels = labels_of(instance, explicit)
    assert labels is not None
    assert labels.tolist() == shuffled
    assert all(group.filters == tuple(sorted(group.filters or ())) for group in explicit.groups)


@pytest.mark.parametrize("filters", [None, (0,), (0, 99)])
def test_there_are_no_labels_unless_every_filter_has_a_part(filters: tuple[int, ...] | None) -> None:
    @given(instances(max_filters=3).filter(lambda instance: instance.knowledge.num_filters == 3))
    def inner(instance: object) -> None:
        group = Group(devices=("d0",), student="s0", num_filters=3, filters=filters)
        assert labels_of(instance, Plan(groups=(group,))) is None  # type: ignore[arg-type]

    inner()


@pytest.mark.parametrize(
    ("value", "bound", "gap"),
    [(2.0, 1.0, 0.5), (2.0, 2.0, 0.0), (0.0, 0.0, 0.0), (None, 1.0, None), (1.0, None, None), (None, None, None)],
)
def test_the_gap_is_relative_to_the_value(value: float | None, bound: float | None, gap: float | None) -> None:
    assert relative_gap(value, bound) == gap


def test_an_outcome_proves_nothing_by_itself() -> None:
    outcome = Outcome(None)
    assert (outcome.lower_bound, outcome.infeasible, outcome.reasons) == (None, False, ())
