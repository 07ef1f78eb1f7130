"""The relaxation's bound on the expected answer time: below every plan, at every limit, for every deadline."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracle
import rocoin_opt as ro
from fleets import LAWS
from rocoin_opt.control import Control
from rocoin_opt.exact.expected.bound import expected_bound
from rocoin_opt.failure.evaluation import value_of
from rocoin_opt.grouping.bounds import combinatorial_bound
from rocoin_opt.grouping.expected_model import ExpectedModel
from samples import trials
from slowed import slowed
from strategies import instances


@given(
    instances(max_devices=4, max_students=2, max_filters=4, deadline=True),
    st.sampled_from([None, 1e-3, 1e6, 1e12]),
    st.sampled_from([0, 1, 4, 12]),
)
@trials(60)
def test_no_plan_beats_the_bound(instance, deadline, times):
    if deadline is not None:
        instance = instance.with_requirements(deadline_seconds=deadline)
    bound, best = expected_bound(ExpectedModel(instance), Control(), times=times), oracle.best(instance, "expected")
    if best is None:
        return
    assert 0.0 <= bound <= best[0] * (1.0 + 1e-12)
    assert bound >= combinatorial_bound(instance, "expected") * (1.0 - 1e-9) - 1e-9


def test_without_room_for_any_group_there_is_no_bound():
    instance = ro.generate("mcu", devices=8, seed=0)
    tiny = [device.model_copy(update={"memory_bytes": 1}) for device in instance.devices]
    assert expected_bound(ExpectedModel(instance.model_copy(update={"devices": tuple(tiny)})), Control()) is None


def test_a_deadline_before_every_answer_is_the_bound():
    instance = ro.generate("mcu", devices=8, seed=0).with_requirements(deadline_seconds=1e-6)
    assert expected_bound(ExpectedModel(instance), Control()) == 1e-6


@pytest.mark.slow
def test_more_times_give_a_better_bound_and_a_stop_keeps_the_one_so_far():
    model = ExpectedModel(ro.generate("paper", seed=1))
    told = []
    bounds = [expected_bound(model, Control(report=told.append), times=times) for times in (0, 3, 12)]
    assert bounds[0] < bounds[1] < bounds[2]
    assert len(told) == 15
    assert max(progress.bound for progress in told) == pytest.approx(bounds[2], rel=1e-9)
    assert expected_bound(model, Control(deadline=-math.inf), times=12) <= bounds[0]


@given(
    instances(max_devices=3, max_students=2, max_filters=3, deadline=True),
    st.lists(st.sampled_from(LAWS), min_size=1, max_size=3),
    st.booleans(),
)
@trials(25)
def test_no_plan_beats_the_bound_under_random_latencies(instance, laws, on_links):
    random = slowed(instance, *laws, link=laws if on_links else ())
    if not random.has_random_latencies:
        return
    bound = expected_bound(ExpectedModel(random), Control(), times=6)
    # Which plans are feasible has nothing to do with latencies.
    values = [value_of(random, plan, "expected") for plan in oracle.feasible_plans(instance)]
    assert bound is None or bound >= 0.0
    for value in values:
        assert bound <= value * (1.0 + 1e-9)


@pytest.mark.slow
def test_under_random_latencies_the_bound_knows_sizes_and_laws():
    instance = ro.generate("edge", devices=8, seed=0)
    slow = slowed(instance, {"law": "shifted_exponential", "rate": 0.5})
    brisk = slowed(instance, {"law": "shifted_exponential", "rate": 50.0})
    bounds = [expected_bound(ExpectedModel(given), Control(), times=8) for given in (brisk, slow)]
    assert 0.5 * combinatorial_bound(instance, "expected") < bounds[0] < bounds[1]
