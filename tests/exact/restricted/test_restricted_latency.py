"""The least latency under rules and domains, proven over all sets of devices."""

from __future__ import annotations

import math

import pytest

import rocoin_opt as ro
from restricted_solves import drawn, truth
from rocoin_opt.control import Control
from rocoin_opt.exact.restricted.latency import exact_restricted
from samples import cases


@pytest.mark.parametrize("seed", cases(range(14), range(40)))
def test_the_least_latency_is_that_of_all_plans(seed: int) -> None:
    objective = ("guaranteed", "nominal", "worst")[seed % 3]
    instance = drawn(seed, 5)
    if instance.requirements.min_success is not None:
        instance = instance.with_requirements(min_success=None)
        from oracle_restricted import RestrictedOracle

        answer = RestrictedOracle(instance).optimum(objective)
        least = None if answer is None else float(answer[0])
    else:
        least = truth(seed, 5, objective)
    found = exact_restricted(instance, objective, Control(), None)
    assert found.infeasible == (least is None)
    if least is not None:
        assert ro.evaluate(instance, found.plan).value(objective) == pytest.approx(least)
        assert found.lower_bound == pytest.approx(least)


def test_from_a_plan_and_a_bound_it_ends_with_the_same_value() -> None:
    instance = ro.generate("edge", devices=9, seed=1, domains=3)
    first = exact_restricted(instance, "guaranteed", Control(), None)
    again = exact_restricted(instance, "guaranteed", Control(), first.plan, first.lower_bound)
    assert again.lower_bound == first.lower_bound
    assert ro.check(instance, again.plan) == ()


def test_without_time_nothing_is_claimed() -> None:
    instance = ro.generate("edge", devices=9, seed=1, domains=3)
    found = exact_restricted(instance, "guaranteed", Control(deadline=-math.inf), None)
    assert (found.plan, found.infeasible) == (None, False)
    assert found.reasons
