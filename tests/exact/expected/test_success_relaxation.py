"""How likely an answer by some time is at most: no plan is likelier, wherever the relaxation stops."""

from __future__ import annotations

import math
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracle
import rocoin_opt as ro
from rocoin_opt.control import Control
from rocoin_opt.exact.expected import success_program
from rocoin_opt.exact.expected.success_relaxation import GroupPool, most_likely
from rocoin_opt.grouping.expected_model import ExpectedModel
from rocoin_opt.plan.latency import answer_distribution, group_timings
from samples import trials
from strategies import instances


class StopsAfter(threading.Event):
    """A stop that is asked for once it was looked at a number of times."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self.looks = looks

    def is_set(self) -> bool:
        self.looks -= 1
        return self.looks < 0


def times_of(instance):
    """Latencies of the instance, and times between and around them."""
    arrays, sizes = instance.arrays, np.arange(1, instance.knowledge.num_filters + 1)
    latencies = np.unique(arrays.base[:, :, None] + arrays.slope[:, :, None] * sizes).tolist()
    return st.sampled_from(latencies) | st.floats(0.0, 2.0 * latencies[-1] + 1.0)


@given(st.data())
@trials(50)
def test_no_plan_is_likelier_wherever_it_stops(data):
    instance = data.draw(instances(max_devices=4, max_students=2, max_filters=4, deadline=True))
    model, pool = ExpectedModel(instance), GroupPool()
    seconds = sorted(data.draw(st.lists(times_of(instance), min_size=1, max_size=3)))
    looks = data.draw(st.sampled_from([0, 1, 2, 5, 10**9]))
    bounds = [most_likely(model, t, pool, Control(stop=StopsAfter(looks))) for t in seconds]
    assert max(bounds) <= 0.0
    for plan in oracle.feasible_plans(instance):
        distribution = answer_distribution(instance, group_timings(instance, plan))
        for t, bound in zip(seconds, bounds, strict=True):
            likely = distribution.cdf(t)
            assert likely == 0.0 or math.log(likely) <= bound


def test_the_bound_of_one_group_is_its_probability_but_for_rounded_weights():
    device = {"flops_per_second": 1.0, "memory_bytes": 9, "uplink_bits_per_second": 1.0, "failure_probability": 0.1}
    instance = ro.Instance.model_validate(
        {
            "name": "one group",
            "devices": [{"id": f"d{n}", **device} for n in range(2)],
            "students": [{"id": "s", "flops": 3.0, "memory_bytes": 1, "max_filters": 9}],
            "knowledge": {"num_filters": 4, "bits_per_filter": 1.0},
            "requirements": {"max_group_outage": 1.0, "max_groups": 1, "deadline_seconds": 9.0},
        }
    )
    likely = most_likely(ExpectedModel(instance), 7.0, GroupPool(), Control())
    assert math.log(0.99) <= likely <= math.log(0.99) + 1e-3
    assert most_likely(ExpectedModel(instance), 6.9, GroupPool(), Control()) < -1.0


def test_a_pool_saves_pricing_and_leaves_the_bound_nearly_where_it_is():
    instance = ro.generate("edge", devices=16, seed=2)
    model, pool = ExpectedModel(instance), GroupPool()
    seconds = 0.6 * model.deadline
    first = most_likely(model, seconds, pool, Control())
    assert pool.groups
    # One look, and one for each student: the program with the pool's groups is solved and priced once.
    looks = 1 + len(instance.students)
    again = most_likely(model, seconds, pool, Control(stop=StopsAfter(looks)))
    afresh = most_likely(model, seconds, GroupPool(), Control(stop=StopsAfter(looks)))
    assert first == pytest.approx(again, abs=2e-3)
    assert afresh > again + 1e-2


# To compile takes seconds in a fresh clone.
@pytest.mark.slow
def test_compiled_and_interpreted_covers_give_the_same_bound(monkeypatch):
    model = ExpectedModel(ro.generate("mcu", devices=12, seed=1))
    bounds = []
    for compiled in (False, True):
        monkeypatch.setattr(success_program, "use_compiled", lambda *_, is_compiled=compiled: is_compiled)
        bounds.append(most_likely(model, 0.4 * model.deadline, GroupPool(), Control()))
    assert bounds[0] == bounds[1] < 0.0
