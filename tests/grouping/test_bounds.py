"""The combinatorial bounds against brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracle
import rocoin_opt as ro
from examples import two_pairs
from oracle_restricted import RestrictedOracle
from restricted_solves import drawn
from rocoin_opt.failure.evaluation import value_of
from rocoin_opt.grouping.bounds import (
    admits_plan,
    combinatorial_bound,
    least_missing_share,
    possible_groups,
    smallest_failure_probability,
)
from rocoin_opt.instance import SAFETY
from rocoin_opt.plan.latency import ANSWER_OBJECTIVES, OBJECTIVES
from samples import cases
from strategies import instances

THRESHOLD_OBJECTIVES = ("guaranteed", "nominal", "worst")


@given(instances(max_devices=4, max_filters=5))
@pytest.mark.parametrize("objective", THRESHOLD_OBJECTIVES)
def test_no_plan_beats_the_bound(objective, instance):
    bound, best = combinatorial_bound(instance, objective), oracle.best(instance, objective)
    if best is not None:
        assert bound is not None
        assert bound <= best[0] * (1 + 1e-12)


@given(instances(max_devices=4, max_filters=4, deadline=True))
def test_no_plan_beats_the_bound_on_expected_latency(instance):
    bound, best = combinatorial_bound(instance, "expected"), oracle.best(instance, "expected")
    if best is not None:
        assert bound is not None
        assert bound <= best[0] * (1 + 1e-12)


@given(instances(max_devices=4, max_filters=4))
@pytest.mark.parametrize("objective", ANSWER_OBJECTIVES)
def test_no_plan_beats_the_bound_on_the_whole_answer(objective, instance):
    instance = instance.with_requirements(success_level=0.3)
    bound, plans = combinatorial_bound(instance, objective), oracle.feasible_plans(instance)
    for plan in plans:
        assert bound is not None
        assert bound <= value_of(instance, plan, objective) * (1 + 1e-12)


@given(instances(max_devices=4, max_filters=4))
def test_no_plan_fails_less_often_than_the_bound_says(instance):
    for plan in oracle.feasible_plans(instance):
        brute = oracle.oracle_of(instance)
        success = math.prod(1.0 - float(brute.outage(frozenset(block.devices))) for block in brute.blocks(plan))
        assert 1.0 - success >= smallest_failure_probability(instance) - 1e-12


def test_the_bound_is_tight_where_devices_are_equal():
    # Two groups of two devices hold two filters each: 3 FLOP and 2 bits at a rate of 1.
    assert combinatorial_bound(two_pairs(), "guaranteed") == 5.0
    assert not admits_plan(two_pairs(), 4.999, "guaranteed")


def test_the_number_of_groups_enters_the_bound():
    single = two_pairs().with_requirements(max_groups=1)
    assert combinatorial_bound(single, "guaranteed") == 7.0
    assert combinatorial_bound(two_pairs().with_requirements(min_groups=3), "guaranteed") is None


def test_the_nominal_bound_counts_leaders():
    # Nominal needs one timely device a group and two covers in all, so it cannot do better than two groups either.
    assert combinatorial_bound(two_pairs(), "nominal") == 5.0


def test_the_expected_bound_is_the_deadline_where_nothing_can_be_in_time():
    assert combinatorial_bound(two_pairs().with_requirements(deadline_seconds=4.0), "expected") == 4.0


def test_the_expected_bound_adds_what_certain_failures_cost():
    instance = two_pairs().with_requirements(deadline_seconds=10.0, max_groups=1)
    # One group at best: no answer before 7 s, none at all with probability 1e-4.
    assert combinatorial_bound(instance, "expected") == pytest.approx(10.0 - (1 - 1e-4) * 3.0, rel=1e-8)


@pytest.mark.parametrize("deadline", [1e-3, 1e3, 1e9, 1e24])
def test_the_expected_bound_holds_for_any_deadline(deadline):
    device = two_pairs().devices[0].model_copy(update={"failure_probability": 0.0})
    sure = two_pairs().model_copy(update={"devices": (device,)}).with_requirements(deadline_seconds=deadline)
    # The one plan answers for certain after 3 FLOP and 4 bits.
    assert combinatorial_bound(sure, "expected") == pytest.approx(min(deadline, 7.0), rel=1e-8)
    assert combinatorial_bound(sure, "expected") <= min(deadline, 7.0)


def test_no_bound_without_a_device_that_holds_a_student():
    student = two_pairs().students[0].model_copy(update={"memory_bytes": 99.0})
    starved = two_pairs().model_copy(update={"students": (student,)})
    for objective in OBJECTIVES:
        assert combinatorial_bound(starved.with_requirements(deadline_seconds=9.0), objective) is None


def test_whole_devices_make_fewer_groups_than_their_shares():
    # Five devices of share 0.8 add up to four covers, but each takes two of them.
    device = two_pairs().devices[0].model_copy(update={"failure_probability": 0.01**0.8})
    devices = tuple(device.model_copy(update={"id": f"d{n}"}) for n in range(5))
    instance = two_pairs().model_copy(update={"devices": devices})
    levels = possible_groups(instance, instance.arrays.largest, "worst")
    assert (levels.sizes.tolist(), levels.limits.tolist()) == ([1], [2])
    sure = (*devices, device.model_copy(update={"id": "sure", "failure_probability": 0.001}))
    instance = two_pairs().model_copy(update={"devices": sure})
    levels = possible_groups(instance, instance.arrays.largest, "worst")
    assert (levels.sizes.tolist(), levels.limits.tolist()) == ([1], [3])


@given(data=st.data(), instance=instances(max_devices=5, max_filters=8))
@pytest.mark.parametrize("objective", THRESHOLD_OBJECTIVES)
def test_levels_say_how_many_groups_of_each_size_there_are(objective, data, instance):
    total, largest = instance.knowledge.num_filters, instance.arrays.largest
    timely = (
        largest
        if objective != "nominal"
        else np.array([[data.draw(st.integers(0, s)) for s in row] for row in largest])
    )
    levels = possible_groups(instance, timely, objective)

    def covers(able):
        share = instance.arrays.cover_share
        alone, rest = able & (share >= 1.0 - SAFETY), (able & (share < 1.0 - SAFETY)).sum()
        others = np.cumsum(np.sort(share[(share < 1.0 - SAFETY) & (largest.max(axis=1) > 0)])[::-1]) >= 1.0 - SAFETY
        fewest = int(np.argmax(others)) + 1 if others.any() else len(share) + 1
        return min(math.floor(float(share[able].sum()) + SAFETY), int(alone.sum()) + int(rest) // fewest)

    counts = []
    for size in range(1, total + 1):
        count = min(covers(largest.max(axis=1) >= size), instance.max_groups)
        counts.append(min(count, int((timely.max(axis=1) >= size).sum())) if objective == "nominal" else count)
    assert [levels.groups_of(size) for size in range(1, total + 1)] == counts
    assert levels.room(total) == sum(counts)
    for groups in range(1, len(instance.devices) + 1):
        assert levels.largest_of(groups, total) == sum(count >= groups for count in counts)


def test_a_million_filters_take_no_more_levels_than_there_are_devices():
    small = two_pairs()
    students = tuple(s.model_copy(update={"max_filters": 600_000}) for s in small.students)
    knowledge = small.knowledge.model_copy(update={"num_filters": 1_000_000})
    many = small.model_copy(update={"students": students, "knowledge": knowledge})
    levels = possible_groups(many, many.arrays.largest, "worst")
    assert len(levels.sizes) <= len(many.devices) + 1
    bound = combinatorial_bound(many, "guaranteed")
    assert bound is not None
    assert admits_plan(many, bound, "guaranteed")
    assert not admits_plan(many, math.nextafter(bound, 0.0), "guaranteed")


@pytest.mark.parametrize("seed", cases([*range(10), 324], range(30)))
def test_no_plan_misses_less_than_weights_and_parts_allow(seed: int) -> None:
    instance = drawn(seed, 4).with_requirements(min_success=None)
    answer = RestrictedOracle(instance).optimum("missing")
    if answer is not None:
        assert least_missing_share(instance) <= float(answer[0]) * (1 + 1e-9) + 1e-15


@pytest.mark.slow
def test_large_fleets_have_a_bound_on_what_is_missing() -> None:
    found = ro.solve(ro.generate("edge", devices=24, seed=1), "greedy", "missing")
    assert found.lower_bound is not None
    assert 0.1 * found.objective_value < found.lower_bound <= found.objective_value
    slowed = ro.generate("edge", devices=24, seed=1, slowdowns=True)
    assert least_missing_share(slowed) == 0.0
