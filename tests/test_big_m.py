"""The big-M model that peers solve: its mathematics against brute force, its search against answers made up."""

from __future__ import annotations

import importlib
import sys
from types import SimpleNamespace

import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import given

import examples
import oracle
import rocoin_opt as ro
import strategies
from rocoin_opt.control import Control
from rocoin_opt.highs.models import solve_model
from rocoin_opt.plan.latency import group_timing
from samples import trials


@pytest.fixture(scope="module")
def peers(repository):
    """The big-M model's numbers, and its statement in Pyomo."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(repository / "benchmarks")
        names = ("big_m", "pyomo_model")
        yield SimpleNamespace(**{name: importlib.import_module(f"peers.{name}") for name in names})
    for name in [name for name in sys.modules if name.split(".")[0] == "peers"]:
        del sys.modules[name]


@trials(30)
@given(instance=strategies.instances(max_devices=4, max_filters=5))
def test_the_big_m_model_states_the_problem(peers, instance):
    numbers, best = peers.big_m.BigM.of(instance, "guaranteed"), oracle.best(instance, "guaranteed")
    if numbers.groups == 0:
        assert best is None
        return
    model = peers.pyomo_model.pyomo_model(numbers)
    if solve_model(model, Control.starting_now()).status == "infeasible":
        assert best is None
        return
    plan = numbers.plan(*(np.array(list(v.get_values().values())).reshape(-1, w) for v, w in widths(model)))
    if broken_groups(instance, plan):
        # The shares keep the limit within the solver's tolerance; a search cuts them off.
        assert min(group_shares(instance, plan)) == pytest.approx(1.0, abs=1e-6)
        return
    assert ro.check(instance, plan) == ()
    assert ro.evaluate(instance, plan).value("guaranteed") == pytest.approx(best[0], rel=1e-6)
    assert pyo.value(model.T) * numbers.unit == pytest.approx(best[0], rel=1e-6)


def test_big_m_terms_bind_nobody_outside_of_the_group(peers):
    """Two slow devices hold a filter each, the fast one six: eight filters have one plan."""
    quick = {"flops_per_second": 10.0, "memory_bytes": 6, "uplink_bits_per_second": 100.0, "failure_probability": 0.1}
    slow = quick | {"flops_per_second": 1.0, "memory_bytes": 1}
    instance = ro.Instance.model_validate(
        {
            "name": "one plan",
            "devices": [{"id": "a", **slow}, {"id": "b", **quick}, {"id": "c", **slow}],
            "students": [
                {"id": "s", "flops": 0.1, "flops_per_filter": 1.0, "memory_bytes": 0, "memory_bytes_per_filter": 1}
                | {"max_filters": 8}
            ],
            "knowledge": {"num_filters": 8, "bits_per_filter": 1.0},
            "requirements": {"max_group_outage": 0.2},
        }
    )
    best, plan = oracle.best(instance, "guaranteed")
    assert sorted(group.num_filters for group in plan.groups) == [1, 1, 6]
    numbers = peers.big_m.BigM.of(instance, "guaranteed")
    assert (numbers.groups, numbers.longest.tolist(), numbers.too_large.tolist()) == (3, [6], [5.0, 0.0, 5.0])
    model = peers.pyomo_model.pyomo_model(numbers)
    assert solve_model(model, Control.starting_now()).status == "optimal"
    assert pyo.value(model.T) * numbers.unit == pytest.approx(best, rel=1e-6)


def widths(model):
    return (model.x, len(model.K)), (model.y, len(model.J)), (model.z, len(model.J))


def group_shares(instance, plan):
    arrays = instance.arrays
    return [sum(arrays.cover_share[arrays.device_index[d]] for d in group.devices) for group in plan.groups]


def broken_groups(instance, plan):
    return [group for group in plan.groups if group_timing(instance, group).guaranteed_seconds is None]


class Told:
    """Answers in turn; notes what is cut off."""

    def __init__(self, answers):
        self.answers, self.cuts = iter(answers), []

    def solve(self, seconds):
        assert seconds > 0.0
        return next(self.answers)

    def cut_off(self, members):
        self.cuts.append(members)


def test_groups_that_only_tolerance_lets_through_are_cut_off(peers):
    instance, big = examples.pairs(), peers.big_m
    valid = ro.solve(instance, "milp").plan
    group = valid.groups[0]
    alone = ro.Plan.of(instance, [ro.Group(devices=group.devices[:1], student=group.student, num_filters=1)])
    told = Told([big.Answer("OPTIMAL", 1.0, alone), big.Answer("OPTIMAL", 1.5, valid)])
    said = big.search(instance, big.Settings(), lambda numbers, settings: told)
    index = instance.arrays.device_index[group.devices[0]]
    assert told.cuts == [[big.BigM.of(instance, "guaranteed").devices.index(index)]]
    unit = big.BigM.of(instance, "guaranteed").unit
    assert (said["status"], said["plan"]) == ("OPTIMAL", valid.model_dump(mode="json", exclude_none=True))
    assert said["bound"] == pytest.approx(1.5 * unit, rel=2e-6)
    assert said["bound"] < 1.5 * unit
