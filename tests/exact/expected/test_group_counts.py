"""Branching on numbers of groups: no plan is likelier, and what a fraction of a group promised is gone."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import oracle
import rocoin_opt as ro
from rocoin_opt.control import Control
from rocoin_opt.exact.expected.group_counts import CountTree
from rocoin_opt.exact.expected.success_program import GroupPool, Likeliest, SuccessProgram
from rocoin_opt.exact.expected.success_relaxation import deliverers_by, most_likely
from rocoin_opt.grouping.expected_model import ExpectedModel
from samples import trials
from strategies import instances


@given(st.data())
@trials(50)
def test_no_plan_fails_less_however_many_programs_are_solved(data):
    instance = data.draw(instances(max_devices=5, max_students=2, max_filters=5, deadline=True))
    model, plans = ExpectedModel(instance), list(oracle.feasible_plans(instance))
    seconds = data.draw(st.sampled_from([0.3, 0.6, 1.0])) * model.deadline
    likeliest = max((1.0 - oracle.not_answered(instance, plan, seconds) for plan in plans), default=0.0)
    for unit in (1.0, 0.01):
        for nodes in (2, 3, 200):
            bound = most_likely(model, seconds, GroupPool(), Control(), unit=unit, nodes=nodes)
            assert bound <= 0.0
            assert likeliest == 0.0 or math.log(likeliest) <= bound + 1e-12


def two_sizes(count=4):
    """Devices that hold six filters or three, for eleven: two large groups and no smaller ones, or a third of three."""
    device = {"flops_per_second": 1.0, "uplink_bits_per_second": 1.0, "failure_probability": 0.1}
    sizes = [6] * (count // 2) + [3] * (count - count // 2)
    return ro.Instance.model_validate(
        {
            "name": "two sizes",
            "devices": [{"id": f"d{n}", "memory_bytes": size, **device} for n, size in enumerate(sizes)],
            "students": [{"id": "s", "flops": 0.0, "memory_bytes": 0, "memory_bytes_per_filter": 1, "max_filters": 6}],
            "knowledge": {"num_filters": 10, "bits_per_filter": 0.0},
            "requirements": {"max_group_outage": 1.0, "deadline_seconds": 9.0},
        }
    )
