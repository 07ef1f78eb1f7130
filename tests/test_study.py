"""The comparison study: its steps and its statistics say what they claim, and its document cannot contradict itself."""

from __future__ import annotations

import importlib
import itertools
import math
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import rocoin_opt as ro
from samples import cases

NAMES = ("cases", "columns", "faults", "plans", "reading", "redundancy", "stages", "summaries")


@pytest.fixture
def study(monkeypatch, repository):
    """The modules behind the script, imported as the script does."""
    monkeypatch.syspath_prepend(repository / "benchmarks")
    yield SimpleNamespace(**{name: importlib.import_module(f"studies.{name}") for name in NAMES})
    for name in [name for name in sys.modules if name.split(".")[0] in ("studies", "peers")]:
        del sys.modules[name]


def answered(instances, method, objective="guaranteed"):
    return {instance.name: as_item(ro.solve(instance, method, objective)) for instance in instances}


def as_item(result):
    return SimpleNamespace(
        **{name: getattr(result, name) for name in ("plan", "termination", "objective_value", "gap", "wall_seconds")},
        instance=result.instance.name,
        method=result.method,
        failure=None,
        error=None,
    )


def test_the_bottleneck_is_that_of_all_matchings(study):
    rng = np.random.default_rng(5)
    for size in (1, 2, 4):
        for _ in range(20):
            seconds = rng.integers(1, 9, (size, size)).astype(float)
            expected = min(
                max(seconds[k, part] for k, part in enumerate(parts)) for parts in itertools.permutations(range(size))
            )
            assert study.stages.bottleneck(seconds) == expected


def test_the_bottleneck_passes_over_what_cannot_serve(study):
    assert study.stages.bottleneck(np.array([[1.0, math.inf], [2.0, 3.0]])) == 3.0


@pytest.mark.parametrize("graph", cases([], [False, True]))
def test_the_steps_of_the_pipeline_lose_one_after_another(study, graph):
    instances = study.cases.generated("sbc", 8, 4, graph=graph)
    steps = study.stages.staged(instances, answered(instances, "rocoin"))
    pipeline, matching, sizes, ncut = (study.columns.column(steps, name) for name in steps)
    optimum = np.array([ro.solve(instance, "exact", latency_only=True).objective_value for instance in instances])
    assert (pipeline >= matching * (1.0 - 1e-5)).all()
    assert (matching >= sizes * (1.0 - 1e-5)).all()
    assert (sizes >= optimum * (1.0 - 1e-5)).all()
    assert (pipeline > optimum * 1.01).any()
    assert np.isfinite(ncut).all() == graph


def test_a_plan_is_valued_on_the_instance_that_counts(study):
    (instance,) = study.cases.generated("paper", 8, 1)
    lifted = study.cases.without_limit(instance)
    row = study.plans.timed([instance], answered([lifted], "het-nonn"))
    plan = ro.solve(lifted, "het-nonn").plan
    assert (row["ended"], row["guaranteed"]) == ("o", "-")
    assert float(row["success"]) == pytest.approx(ro.evaluate(instance, plan).success_probability, rel=1e-5)
    assert float(row["success"]) < float(row["share"]) < 1.0


def test_an_item_that_failed_ends_the_study(study):
    (instance,) = study.cases.generated("edge", 8, 1)
    item = as_item(ro.solve(instance, "greedy"))
    item.failure, item.error = "memory", "too much"
    with pytest.raises(SystemExit, match="too much"):
        study.plans.scored([instance], {instance.name: item})


def test_the_sweep_changes_failure_probabilities_alone(study):
    (instance,) = study.cases.generated("edge", 8, 1)
    varied = study.cases.with_failure_probability(instance, 0.25)
    assert {device.failure_probability for device in varied.devices} == {0.25}
    assert varied.requirements == instance.requirements
    assert varied.name != instance.name


def test_columns_keep_six_digits_and_gaps(study):
    text = study.columns.packed([1.23456789, None, math.inf, 2e-9])
    assert text == "1.23457 - - 2e-09"
    assert np.array_equal(study.columns.unpacked(text), [1.23457, math.nan, math.nan, 2e-9], equal_nan=True)


def test_pairs_count_missing_plans(study):
    one, other = np.array([1.0, 2.0, 3.0, math.nan, 5.0]), np.array([2.0, 2.0, 1.0, 4.0, math.nan])
    assert study.summaries.paired(one, other) == (1, 1, 1, 1, 1)


def test_means_come_with_an_interval_that_repeats(study):
    values = np.random.default_rng(3).normal(2.0, 0.5, 200)
    found = study.summaries.mean_interval(np.append(values, math.nan))
    assert found == study.summaries.mean_interval(np.append(values, math.nan))
    assert (found.count, found.mean) == (200, pytest.approx(values.mean()))
    assert found.high - found.low == pytest.approx(4.0 * 0.5 / math.sqrt(200), rel=0.25)
    assert study.summaries.mean_interval(np.full(3, math.nan)) is None
    assert study.summaries.mean_interval(np.full(3, 0.5)) == (3, 0.5, 0.5, 0.5)


def test_a_plan_below_a_proven_optimum_is_a_contradiction(study):
    def results(heuristic):
        runs = {f"{method} guaranteed": {"ended": "o", "guaranteed": "2"} for method in study.cases.METHODS}
        runs["greedy guaranteed"] = {"ended": "f", "guaranteed": heuristic}
        steps = {"level": {"pipeline": "3", "matching": "2.5", "sizes": "2.1"}}
        return {"plans": {"paper-8": {"deadline": "9", "runs": runs}}, "stages": {"paper-8": steps}}

    assert list(study.faults.faults(results("2"))) == []
    assert list(study.faults.faults(results("1.9"))) == ["paper-8: greedy is better than a proven optimum"]
