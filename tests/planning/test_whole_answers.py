"""``solve`` for the whole answer under every kind of data: plans, bounds, and what is refused by name."""

from __future__ import annotations

import itertools

import pytest

import rocoin_opt as ro
from rocoin_opt.control import Control
from rocoin_opt.failure.evaluation import value_of
from rocoin_opt.plan.latency import ANSWER_OBJECTIVES
from rocoin_opt.planning.methods.answers import FEW_DEVICES_OF_SETS, prove_answer
from rocoin_opt.planning.methods.under_laws import answer_under_laws
from samples import cases


def slowed():
    """Six devices under slowdown laws, and a level that their plans reach."""
    return ro.generate("edge", devices=6, slowdowns=True, seed=1).with_requirements(success_level=0.6)


@pytest.mark.parametrize(
    ("method", "objective"),
    cases(
        [("greedy", "failure"), ("exact", "quantile")],
        [("auto", "failure"), ("exact", "missing"), ("auto", "quantile"), ("greedy", "missing")],
    ),
)
def test_laws_give_a_plan_whose_value_is_the_evaluators(method, objective):
    instance = slowed()
    result = ro.solve(instance, method, objective)
    assert ro.check(instance, result.plan) == ()
    assert result.objective_value == value_of(instance, result.plan, objective)
    assert result.lower_bound is None or result.lower_bound <= result.objective_value
    start = ro.solve(instance, "greedy", "guaranteed").plan
    assert result.objective_value <= value_of(instance, start, objective)


@pytest.mark.parametrize("objective", ANSWER_OBJECTIVES)
def test_methods_refuse_what_they_cannot_do_by_name(objective):
    with pytest.raises(ro.UnsupportedError, match="local-search cannot honour random latencies"):
        ro.solve(slowed(), "local-search", objective)
    for method in ("milp", "lp-rounding"):
        steady = ro.generate("edge", devices=6).with_requirements(success_level=0.6)
        if objective in ro.METHODS[method].objectives:
            assert ro.solve(steady, method, objective).termination == "optimal"
            with pytest.raises(ro.UnsupportedError, match=f"{method} cannot honour random latencies"):
                ro.solve(slowed(), method, objective)
            continue
        for instance in (slowed(), steady):
            with pytest.raises(ro.UnsupportedError, match=rf"{method}.*not {objective}"):
                ro.solve(instance, method, objective)


def test_failure_under_laws_is_bounded_on_request():
    instance = slowed()
    start = ro.solve(instance, "random", "failure").plan
    values = [value_of(instance, start, "failure")]
    for bounded in (False, True):
        outcome = answer_under_laws(instance, "failure", Control(), start, 3, bounded=bounded)
        values.append(value_of(instance, outcome.plan, "failure"))
        assert values[-1] <= values[0]
        assert (outcome.lower_bound is not None) == bounded
    assert 0.0 <= outcome.lower_bound <= min(values)


@pytest.mark.parametrize(
    ("devices", "objective"),
    cases(
        zip((FEW_DEVICES_OF_SETS, FEW_DEVICES_OF_SETS + 1, 21), ("failure", "quantile", "missing"), strict=True),
        itertools.product((FEW_DEVICES_OF_SETS, FEW_DEVICES_OF_SETS + 1, 21), ANSWER_OBJECTIVES),
    ),
)
def test_every_size_gets_a_plan_no_worse_than_its_start(devices, objective):
    instance = ro.generate("edge", devices=devices, seed=3).with_requirements(success_level=0.6)
    start = ro.solve(instance, "greedy", "guaranteed").plan
    outcome = prove_answer(instance, objective, Control.starting_now(time_limit=0.3), start)
    assert ro.check(instance, outcome.plan) == ()
    value = value_of(instance, outcome.plan, objective)
    assert value <= value_of(instance, start, objective)
    assert (outcome.lower_bound or 0.0) <= value
    # So many devices have no bound on the missing share but 0.
    assert outcome.lower_bound is None or objective != "missing" or devices != 21
