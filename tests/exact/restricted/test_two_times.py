"""The least quantile under ``min_success``: that of all plans, with domains, rules and limits on energy or without."""

from __future__ import annotations

import math
import random

import pytest

import restricted_instances
import rocoin_opt as ro
from oracle_restricted import RestrictedOracle
from rocoin_opt.control import Control
from rocoin_opt.exact.answer import joint
from rocoin_opt.exact.restricted import two_times
from rocoin_opt.exact.restricted.two_times import exact_quantile, packed_twice
from rocoin_opt.failure.evaluation import value_of
from rocoin_opt.grouping.reach import Reach
from samples import cases
from scarce_energy import scarce_instances

LEVELS = (0.9, 0.5, 0.25, 0.7, 0.99)


def drawn(seed: int, devices: int | None = None) -> ro.Instance:
    """The random restricted instance of a seed, with a level and a wish, half of them without a deadline."""
    rng = random.Random(seed)
    fields, rules, may_run = restricted_instances.random_restricted(seed, devices=devices)
    fields["requirements"].update(success_level=rng.choice(LEVELS), min_success=rng.choice(LEVELS))
    if rng.random() < 0.5:
        del fields["requirements"]["deadline_seconds"]
    return ro.Instance.model_validate(restricted_instances.merged(fields, rules, may_run))


@pytest.mark.parametrize(("first", "end"), cases([(0, 20)], [(1000, 1100)]))
def test_the_least_quantile_is_that_of_all_plans(first: int, end: int, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(two_times, "packed_twice", lambda *given: asked.append(given) or packed_twice(*given))
    for seed in range(first, end):
        oracle = RestrictedOracle(instance := drawn(seed, 5))
        surest = oracle.optimum("failure")
        if surest is None:
            continue
        found, seconds = (
            exact_quantile(instance, Control(), oracle.plan(surest[1])),
            oracle.optimum("quantile")[0],
        )
        if seconds is None:
            assert found.infeasible
            continue
        assert found.lower_bound == pytest.approx(float(seconds), rel=1e-9)
        assert value_of(instance, found.plan, "quantile") == pytest.approx(float(seconds), rel=1e-9)
        assert ro.check(instance, found.plan) == ()
    assert asked


BINDING = (11, 27, 147, 181, 234, 237)
"""Seeds whose least quantile is later, or out of reach, with so much success."""


@pytest.mark.parametrize("seed", cases(BINDING[:1], [*BINDING, *range(60, 70)]))
def test_the_least_quantile_within_an_energy_is_that_of_all_plans(seed: int) -> None:
    for content, plans in scarce_instances(range(seed, seed + 1)):
        failures = sorted({values["failure"] for _, values in plans if values["failure"] < 1.0}) or [1.0]
        failure = failures[0 if seed % 2 else len(failures) // 2]
        kept = [values["quantile"] for _, values in plans if values["failure"] <= failure * (1.0 + 1e-12)]
        assert (min(kept) > min(values["quantile"] for _, values in plans)) == (seed in BINDING)
        fields = {**content, "requirements": {**content["requirements"], "min_success": 1.0 - failure}}
        found = ro.solve(ro.Instance.model_validate(fields), "exact", "quantile", latency_only=True)
        if min(kept) == math.inf:
            assert found.termination == "infeasible"
            continue
        assert (found.termination, found.objective_value) == ("optimal", pytest.approx(min(kept), rel=1e-9))


def test_without_time_or_with_too_many_states_nothing_is_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    instance = next(drawn(seed, 5) for seed in range(50) if drawn(seed, 5).has_shared_failures)
    reaches = Reach.by(instance, 1.0), Reach.by(instance, math.inf)
    over = Control(deadline=-math.inf)
    assert packed_twice(instance, reaches, (0.5, 0.5), over, math.inf) == (None, False)
    monkeypatch.setattr(two_times, "MOST_STATES", 0)
    assert packed_twice(instance, reaches, (0.5, 0.5), Control(), math.inf) == (None, False)


# To compile takes many seconds in a fresh clone.
@pytest.mark.slow
def test_compiled_or_not_the_answer_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = [seed for seed in range(60) if drawn(seed, 5).has_shared_failures]
    reached = []
    for least in (10**9, 1):
        monkeypatch.setattr(joint, "MIN_COMPILED_SETS", least)
        answers = []
        for instance in (drawn(seed, 5) for seed in seeds):
            reaches = Reach.by(instance, 3.0), Reach.by(instance, math.inf)
            plan, refuted = packed_twice(instance, reaches, (0.6, 0.3), Control(), math.inf)
            answers.append((plan, refuted))
        reached.append(answers)
    assert reached[0] == reached[1]
    assert {plan is None for plan, _ in reached[0]} == {True, False}
