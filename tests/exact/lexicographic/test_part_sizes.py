"""Which part sizes groups can take: every answer and every proof against brute force over all groupings."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracle
import rocoin_opt as ro
from rocoin_opt.control import Control
from rocoin_opt.exact.lexicographic import part_sizes as size_vectors
from rocoin_opt.exact.lexicographic.part_sizes import PartSizes
from rocoin_opt.failure.evaluation import evaluate
from rocoin_opt.grouping.threshold_problem import ThresholdProblem
from rocoin_opt.plan import indexed_groups
from samples import trials
from strategies import instances, valid_plans

OBJECTIVES = ("guaranteed", "nominal", "worst")


def possible_sizes(instance, objective, threshold):
    """Descending sizes of all plans within a threshold, in the arithmetic of the package."""
    return {
        plan.sizes for plan in oracle.feasible_plans(instance) if evaluate(instance, plan).value(objective) <= threshold
    }


def all_sizes(total):
    """Every descending vector of sizes with that sum."""
    return [
        sizes
        for parts in range(1, total + 1)
        for sizes in itertools.combinations_with_replacement(range(total, 0, -1), parts)
        if sum(sizes) == total
    ]


def vectors_of(instance, objective, plan, control=None):
    threshold = evaluate(instance, plan).value(objective)
    problem = ThresholdProblem(instance, objective, threshold)
    groups = [group.members for group in indexed_groups(instance, plan)]
    return PartSizes(problem, groups, control or Control()), threshold


def assert_taken(instance, objective, threshold, sizes, groups):
    """Disjoint groups that make a valid plan within the threshold with these sizes."""
    problem = ThresholdProblem(instance, objective, threshold)
    assert len({n for members in groups for n in members}) == sum(map(len, groups))
    for members, size in zip(groups, sizes, strict=True):
        assert problem.keeps_limit(members)
        assert problem.by_student(np.array([members])).max() >= size


@pytest.mark.parametrize("objective", OBJECTIVES)
@given(data=st.data(), instance=instances(max_devices=5, max_students=2, max_filters=5))
@trials(50)
def test_sizes_are_taken_exactly_if_some_plan_has_them(objective, data, instance):
    plan = data.draw(valid_plans(instance))
    vectors, threshold = vectors_of(instance, objective, plan)
    possible = possible_sizes(instance, objective, threshold)
    assert plan.sizes in possible
    for sizes in data.draw(st.permutations(all_sizes(instance.knowledge.num_filters))):
        if len(sizes) not in vectors.numbers_of_parts():
            assert sizes not in possible
            continue
        groups = vectors.groups_for(sizes)
        assert (groups is not None) == (sizes in possible)
        if groups is not None:
            assert_taken(instance, objective, threshold, sizes, groups)
            continue
        conflict = vectors.conflict(sizes)
        assert conflict is not None
        assert all(sizes[count - 1] >= size for count, size in conflict)
        # No plan has all pairs of the conflict, so each possible vector keeps below one of them.
        for other in possible:
            assert len(other) != len(sizes) or any(other[count - 1] < size for count, size in conflict)


@pytest.mark.parametrize("objective", OBJECTIVES)
@given(data=st.data(), instance=instances(max_devices=5, max_students=2, max_filters=5))
@trials(30)
def test_the_largest_sizes_hold_all_possible_ones(objective, data, instance):
    plan = data.draw(valid_plans(instance))
    vectors, threshold = vectors_of(instance, objective, plan)
    for sizes in possible_sizes(instance, objective, threshold):
        assert len(sizes) in vectors.numbers_of_parts()
        limits = vectors.largest(len(sizes))
        assert all(size <= limit for size, limit in zip(sizes, limits, strict=True))


@cache
def edge():
    """Sixteen devices in four groups, and the value of the best plan."""
    instance = ro.generate("edge", devices=16, seed=0, graph=True)
    return instance, ro.solve(instance, latency_only=True).plan


@pytest.mark.slow
def test_a_conflict_is_as_small_as_it_gets():
    instance, plan = edge()
    vectors, _ = vectors_of(instance, "guaranteed", plan)
    limits = vectors.largest(4)
    assert vectors.groups_for(limits) is None
    conflict = vectors.conflict(limits)
    assert 0 < len(conflict) <= 4
    for position, (count, size) in enumerate(conflict):
        others = (*conflict[:position], *conflict[position + 1 :])
        lower = vectors.below(size)
        for weaker in [others, *([(*others, (count, lower))] if lower else [])]:
            assert not vectors._refuted(4, weaker)
    # It is known from now on.
    assert vectors.conflict(limits) is conflict
    assert vectors.groups_for(limits) is None


def test_the_sizes_of_a_conflict_are_made_smaller():
    # Groups of three filters or more need the device a, with f (four filters) or g (three); c and d hold two.
    devices = {"a": (4, 0.02), "f": (4, 0.4), "g": (3, 0.4), "c": (2, 0.1), "d": (2, 0.1)}
    rates = {"flops_per_second": 1.0, "uplink_bits_per_second": 1.0}
    instance = ro.Instance.model_validate(
        {
            "name": "one strong device",
            "devices": [
                {"id": name, "memory_bytes": memory, "failure_probability": p, **rates}
                for name, (memory, p) in devices.items()
            ],
            "students": [{"id": "s", "flops": 0.0, "memory_bytes": 0, "memory_bytes_per_filter": 1, "max_filters": 9}],
            "knowledge": {"num_filters": 6, "bits_per_filter": 1.0},
            "requirements": {"max_group_outage": 0.01},
        }
    )
    vectors = PartSizes(ThresholdProblem(instance, "guaranteed", 100.0), [(0, 1), (3, 4)], Control())
    assert vectors.groups_for((4, 2)) == [(0, 1), (3, 4)]
    assert vectors.groups_for((4, 4)) is None
    assert vectors.conflict((4, 4)) == ((2, 3),)
    assert vectors.conflict((3, 3)) == ((2, 3),)
    assert vectors.groups_for((5, 1)) is None
    assert vectors.conflict((5, 1)) == ((1, 5),)


@pytest.mark.slow
def test_too_many_groups_leave_the_known_ones(monkeypatch):
    monkeypatch.setattr(size_vectors, "MAX_GROUPS", 10)
    instance, plan = edge()
    vectors, threshold = vectors_of(instance, "guaranteed", plan)
    assert_taken(instance, "guaranteed", threshold, plan.sizes, vectors.groups_for(plan.sizes))
    limits = vectors.largest(4)
    assert vectors.groups_for(limits) is None
    assert vectors.conflict(limits) is None
    assert sum(limits) >= 128


def test_without_time_nothing_is_proven():
    instance, plan = edge()
    control = Control()
    vectors, _ = vectors_of(instance, "guaranteed", plan, control)
    control.stop.set()
    limits = vectors.largest(4)
    assert vectors.groups_for(limits) is None
    assert vectors.conflict(limits) is None


def test_no_plan_has_more_parts_than_groups_are_possible():
    instance, plan = edge()
    vectors, _ = vectors_of(instance, "guaranteed", plan)
    assert list(vectors.numbers_of_parts()) == [1, 2, 3, 4]
    assert vectors.largest(1) is None


def test_where_nobody_serves_nothing_is_possible():
    instance, _ = edge()
    vectors = PartSizes(ThresholdProblem(instance, "guaranteed", 0.0), [], Control())
    assert vectors.groups_for((64, 64)) is None
    assert vectors.conflict((64, 64)) == ()
