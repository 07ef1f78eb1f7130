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
from rocoin_opt.exact.expected.prices import ln_likely
from rocoin_opt.exact.expected.success_program import GroupPool, SuccessProgram
from rocoin_opt.exact.expected.success_relaxation import deliverers_by, most_likely
from rocoin_opt.grouping.expected_model import ExpectedModel
from rocoin_opt.plan.latency import answer_distribution, group_timings
from samples import trials
from strategies import instances


@given(st.data())
@trials(50)
def test_no_plan_is_likelier_however_many_programs_are_solved(data):
    instance = data.draw(instances(max_devices=5, max_students=2, max_filters=5, deadline=True))
    model = ExpectedModel(instance)
    seconds = data.draw(st.sampled_from([0.5, 1.0])) * model.deadline
    unit, nodes = data.draw(st.sampled_from([1.0, 0.01])), data.draw(st.sampled_from([2, 3, 200]))
    bound = most_likely(model, seconds, GroupPool(), Control(), unit=unit, nodes=nodes)
    assert bound <= 0.0
    for plan in oracle.feasible_plans(instance):
        likely = answer_distribution(instance, group_timings(instance, plan)).cdf(seconds)
        assert likely == 0.0 or math.log(likely) <= bound


def of_sizes(sizes, filters, **requirements):
    """Devices that fail in a tenth of the requests and hold so many filters each."""
    device = {"flops_per_second": 1.0, "uplink_bits_per_second": 1.0, "failure_probability": 0.1}
    return ro.Instance.model_validate(
        {
            "name": "sizes",
            "devices": [{"id": f"d{n}", "memory_bytes": size, **device} for n, size in enumerate(sizes)],
            "students": [
                {"id": "s", "flops": 0.0, "memory_bytes": 0, "memory_bytes_per_filter": 1, "max_filters": max(sizes)}
            ],
            "knowledge": {"num_filters": filters, "bits_per_filter": 0.0},
            "requirements": {"max_group_outage": 1.0, "deadline_seconds": 9.0, **requirements},
        }
    )


def tree_of(instance, unit=1.0, levels=64):
    model = ExpectedModel(instance)
    deliverers = deliverers_by(model, model.deadline, None)
    program = SuccessProgram(model, deliverers, GroupPool(), Control(), unit, levels)
    return CountTree(program, model.fewest, model.most)


def test_fractions_of_a_group_are_branched_away():
    # Four filters a device: nine filters need three groups, and the program takes two and a quarter.
    instance = of_sizes([4] * 6, 9)
    least = -3 * math.log1p(-0.01)
    tree = tree_of(instance, least)
    root = tree.branch(1) * least
    tree.limit = 2.0
    assert root < 0.5 * least
    assert 0.98 * least < tree.branch(100) * least <= least


def test_sizes_just_below_those_of_small_groups_do_not_pass_for_them():
    # Ten filters: a large part of six needs the one device that holds seven, whatever is called large.
    instance = of_sizes([7, 4, 4, 4, 4], 10, max_groups=2)
    tree = tree_of(instance)
    assert tree.program.levels.tolist() == [1, 5]
    tree.limit = math.inf
    least = -math.log1p(-0.1) - math.log1p(-(0.1**4))
    assert least * 0.99 < tree.branch(100) <= least


def test_a_tree_that_was_stopped_goes_on():
    tree = tree_of(of_sizes([7, 4, 4, 4, 4, 3, 3, 2], 13))
    tree.limit = math.inf
    steps = [tree.branch(1) for _ in range(60)]
    assert steps == sorted(steps)
    assert steps[-1] == tree_of(of_sizes([7, 4, 4, 4, 4, 3, 3, 2], 13)).branch(60)


def test_more_levels_than_are_branched_on_are_thinned_out():
    tree = tree_of(of_sizes([2, 3, 4, 5, 6, 7], 12), levels=3)
    assert tree.program.levels.tolist() == [1, 4, 7]
    assert 0.0 <= tree.branch(100) <= -4 * math.log1p(-0.1)


def test_logarithms_keep_their_digits_at_both_ends():
    assert ln_likely(np.array([1e-9, 100.0])).tolist() == [math.log(-math.expm1(-1e-9)), -math.exp(-100.0)]
