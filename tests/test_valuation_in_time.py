"""Time limits under slowdown laws, where the exact value of a plan takes time of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

import pytest

import rocoin_opt as ro
from examples import two_pairs
from rocoin_opt.control import Control
from rocoin_opt.failure import evaluation
from rocoin_opt.failure.claims import check_claims
from rocoin_opt.failure.validity import check
from rocoin_opt.grouping import durations
from rocoin_opt.instance.slowdown import Empirical, Gamma, LogNormal
from rocoin_opt.plan.files import read_plan_document
from rocoin_opt.planning.request import Request
from rocoin_opt.planning.solve import answer
from samples import cases

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from rocoin_opt.control import Progress


def forbidden(*_: object, **__: object) -> NoReturn:
    raise AssertionError("this was not to begin")


@pytest.mark.parametrize(
    ("method", "objective"),
    cases([("greedy", "expected"), ("auto", "guaranteed")], [("greedy", "guaranteed"), ("auto", "expected")]),
)
def test_a_plan_under_laws_that_there_is_no_time_to_value_has_no_value_and_says_why(
    monkeypatch: pytest.MonkeyPatch, method: str, objective: ro.Objective
) -> None:
    monkeypatch.setattr(durations, "TERM", 1e6)
    instance = ro.generate("lossy", devices=4, slowdowns=True)
    found = ro.solve(instance, method, objective, time_limit=600.0)
    assert found.plan is not None
    assert check(instance, found.plan) == ()
    assert (found.objective_value, found.metrics, found.termination) == (None, ro.Metrics(), "feasible")
    assert "before the exact value of this plan was computed" in found.reasons[-1]
    assert "before the exact value" in found.summary()


@pytest.mark.slow
def test_under_laws_the_objective_is_valued_before_the_other_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durations, "NODES", 1e12)
    instance = ro.generate("lossy", devices=8, slowdowns=True)
    found = ro.solve(instance, "greedy", "guaranteed", time_limit=600.0)
    assert found.plan is not None
    assert found.metrics is not None
    assert (
        found.objective_value
        == found.metrics.guaranteed_seconds
        == ro.evaluate(instance, found.plan).guaranteed_seconds
    )
    assert (found.metrics.expected_seconds, found.metrics.success_probability) == (None, None)
    assert "probability" not in found.summary()
    other = ro.generate("lossy", devices=8, slowdowns=True, seed=1)
    unvalued = ro.solve(other, "greedy", "expected", time_limit=600.0)
    assert (unvalued.objective_value, unvalued.metrics) == (None, ro.Metrics())
    assert ro.solve(other, "greedy", "expected").objective_value is not None


def test_a_value_under_laws_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    instance = ro.generate("lossy", devices=4, slowdowns=True)
    plan = ro.solve(instance, "greedy").plan
    assert plan is not None
    value = evaluation.value_of(instance, plan, "expected")
    monkeypatch.setattr(evaluation, "_distribution", forbidden)
    assert evaluation.value_of(instance, plan, "expected") == value
    # An equal instance is another one: nothing is known of it.
    with pytest.raises(AssertionError, match="not to begin"):
        evaluation.value_of(instance.model_copy(), plan, "expected")


def test_only_laws_make_a_valuation_take_time() -> None:
    steady = two_pairs()
    plan = ro.solve(steady, "greedy").plan
    assert plan is not None
    assert durations.valuation(steady, plan, "expected") == 0.0
    for law, slower in (
        (LogNormal(sigma=0.2), Gamma(shape=2.0)),
        (Empirical(values=(1.0, 2.0)), Empirical(values=(1.0, 2.0, 3.0))),
        (Gamma(shape=2.0), Gamma(shape=0.5)),
    ):
        times = {
            objective: [durations.valuation(with_laws(steady, one), plan, objective) for one in (law, slower)]
            for objective in ("guaranteed", "expected")
        }
        assert 0.0 < times["expected"][0] < times["expected"][1]
        assert 0.0 < times["guaranteed"][0] < times["guaranteed"][1]
    undated = with_laws(steady, LogNormal(sigma=0.2)).with_requirements(deadline_seconds=None)
    assert durations.valuation(undated, plan, "expected") == 0.0


def with_laws(instance: ro.Instance, law: LogNormal | Gamma | Empirical) -> ro.Instance:
    """The instance with one law for compute and link of every device, and a deadline."""
    update = {"compute_slowdown": law, "link_slowdown": LogNormal(sigma=0.1)}
    devices = tuple(device.model_copy(update=update) for device in instance.devices)
    return instance.model_copy(update={"devices": devices}).with_requirements(deadline_seconds=100.0)


def test_a_search_under_laws_that_was_stopped_values_its_plan_within_the_limit() -> None:
    instance = ro.generate("lossy", devices=16, slowdowns=True)
    for objective in ("guaranteed", "expected"):
        control = Control.starting_now(time_limit=600.0)
        first: list[float] = []

        def stop(progress: Progress, stop: threading.Event = control.stop, seen: list[float] = first) -> None:
            seen.append(progress.seconds)
            stop.set()

        found = answer(Request(instance, replace(control, report=stop), "exact", objective))
        assert first
        assert found.plan is not None
        assert found.metrics == ro.evaluate(instance, found.plan)
        assert found.objective_value == found.metrics.value(objective)


def test_figures_that_take_but_a_moment_are_there_when_the_time_is_up() -> None:
    instance = ro.generate("lossy", devices=8, slowdowns=True)
    for method in ("greedy", "auto", "exact"):
        found = ro.solve(instance, method, time_limit=0.0)
        if found.plan is not None:
            assert found.metrics == ro.evaluate(instance, found.plan)


def test_a_start_that_there_is_no_time_to_compare_with_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    instance = ro.generate("lossy", devices=5, slowdowns=True)
    start = ro.solve(instance, "nonn", "expected").plan or ro.solve(instance, "random", "expected").plan
    assert start is not None
    monkeypatch.setattr(durations, "TERM", 1e6)
    # Of a copy no value is remembered.
    found = ro.solve(instance.model_copy(), "exact", "expected", time_limit=600.0, start=start)
    assert found.plan == start
    assert found.objective_value is None


def test_the_file_of_a_plan_without_a_value_claims_none_and_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance = ro.generate("lossy", devices=6, slowdowns=True)
    monkeypatch.setattr(durations, "ANSWER", 1e6)
    found = ro.solve(instance, "greedy", time_limit=600.0)
    assert found.objective_value is None
    ro.write_plan(tmp_path / "p.plan.json", instance, found)
    document = read_plan_document(tmp_path / "p.plan.json")
    assert document.metrics == ro.Metrics()
    assert check_claims(instance, document) == ()
    assert document.solve is not None
    told = document.solve.model_copy(update={"objective_value": 1e9})
    assert check_claims(instance, document.model_copy(update={"solve": told})) != ()
