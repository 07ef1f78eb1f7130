"""Measured beside predicted: what a perfect host would measure agrees, and what is off is told."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

import rocoin_opt as ro
from executed_plans import fleet
from rocoin_opt.documents import readable_json
from rocoin_opt.errors import InputError, UnsupportedError
from rocoin_opt.profiling.execution import plot
from rocoin_opt.profiling.execution.comparison import TOLERANCE, compare_with_distribution, comparison_document
from rocoin_opt.profiling.execution.plot import plot_execution
from rocoin_opt.profiling.execution.run import Execution
from rocoin_opt.profiling.execution.schedule import Schedule

DEADLINE = 0.5
COUNT = 4000


def measured(instance, plan, factor=1.0, seed=0, count=COUNT, deadline=DEADLINE):
    """What a host would measure that is by a factor too slow, and perfect otherwise."""
    schedule = Schedule.draw(instance, plan, count, seed)
    answers = schedule.seconds * factor
    answers[answers > deadline] = np.inf
    return Execution(answers, None, schedule, deadline, 1.0, seed, 0, ())


def problem_of(kind):
    laws = {"compute_slowdown": {"law": "lognormal", "sigma": 0.4}} if kind == "smooth" else {}
    return fleet([[0.1, 0.2], [0.15, 0.3]], failure_probability=0.2, **laws)


@pytest.fixture(params=["steps", "smooth"])
def problem(request):
    return problem_of(request.param)


def test_a_perfect_host_measures_what_is_predicted(problem):
    instance, plan = problem
    found = compare_with_distribution(measured(instance, plan), instance, plan)
    law = ro.latency_distribution(instance, plan)
    assert found.predicted_mean == law.expected(DEADLINE)
    assert found.predicted_quantile == min(law.quantile(0.95), DEADLINE)
    assert found.predicted_success == law.success_probability(DEADLINE)
    assert found.mean.value == pytest.approx(found.due_mean, rel=1e-12)
    low, high = found.mean.interval(0.9999)
    assert low < found.predicted_mean < high
    low, high = found.success.interval(0.9999)
    assert low < found.predicted_success < high
    assert found.mean.value == pytest.approx(found.predicted_mean, rel=0.02)
    assert found.measured_quantile == pytest.approx(found.predicted_quantile, rel=0.02)
    assert found.distance < found.band == pytest.approx(math.sqrt(math.log(40.0) / (2 * COUNT)))


@pytest.mark.parametrize("factor", [0.9, 1.1, 1.3])
def test_a_host_that_is_off_is_told(problem, factor):
    instance, plan = problem
    found = compare_with_distribution(measured(instance, plan, factor), instance, plan)
    assert found.distance > found.band
    assert np.sign(found.mean.value - found.predicted_mean) == np.sign(factor - 1.0)
    assert np.sign(found.mean.value - found.due_mean) == np.sign(factor - 1.0)


@pytest.mark.parametrize("factor", [1.0 - 0.9 * TOLERANCE, 1.0 + 0.9 * TOLERANCE])
def test_small_delays_of_the_host_are_no_other_distribution(problem, factor):
    instance, plan = problem
    found = compare_with_distribution(measured(instance, plan, factor), instance, plan)
    assert found.distance < found.band


def test_the_distance_is_the_largest_departure():
    instance, plan = fleet([[0.1], [0.2]], failure_probability=0.5)
    # A quarter of the requests is answered, all at 0.2 s; here the first of four at 0.2 s, and one at 0.4 s.
    schedule = Schedule.draw(instance, plan, 4, 0)
    answers = np.array([[0.1, 0.2], [0.1, 0.4], [0.1, np.inf], [np.inf, 0.2]])
    found = compare_with_distribution(Execution(answers, None, schedule, DEADLINE, 1.0, 0, 0, ()), instance, plan)
    assert found.distance == pytest.approx(0.25)
    assert found.predicted_success == pytest.approx(0.25)
    assert found.success.value == 0.5
    # Nobody answers at all: the quarter is missing.
    silent = Execution(np.full((4, 2), np.inf), None, schedule, DEADLINE, 1.0, 0, 0, ())
    found = compare_with_distribution(silent, instance, plan)
    assert found.distance == pytest.approx(0.25)
    assert found.mean.value == DEADLINE


def test_the_quantile_ends_at_the_deadline():
    instance, plan = fleet([[0.1]], failure_probability=0.3)
    found = compare_with_distribution(measured(instance, plan), instance, plan)
    assert found.measured_quantile == found.predicted_quantile == DEADLINE


def test_the_document_is_json(problem):
    instance, plan = problem
    execution = replace(measured(instance, plan), late_students=3, lost=("g0r0",))
    found = compare_with_distribution(execution, instance, plan)
    document = json.loads(readable_json(comparison_document(execution, found)))
    assert document["expected_seconds"]["measured"] == found.mean.value
    assert document["expected_seconds"]["due"] == found.due_mean
    assert document["quantile"]["predicted"] == found.predicted_quantile
    assert document["quantile"]["low"] <= document["quantile"]["measured"] <= document["quantile"]["high"] <= DEADLINE
    assert document["success_probability"]["predicted"] == found.predicted_success
    assert (document["late_students"], document["lost"]) == (3, ["g0r0"])


@pytest.mark.parametrize(("kind", "suffix", "start"), [("steps", "png", b"\x89PNG"), ("smooth", "svg", b"<?xml")])
def test_the_picture_is_drawn(tmp_path, kind, suffix, start):
    instance, plan = problem_of(kind)
    for name in ("a", "b") if suffix == "svg" else ("a",):
        plot_execution(tmp_path / f"{name}.{suffix}", measured(instance, plan, count=50), instance, plan)
    content = (tmp_path / f"a.{suffix}").read_bytes()
    assert content.startswith(start)
    # No date and no random name is in it.
    assert content == (tmp_path / f"{name}.{suffix}").read_bytes()


def test_pictures_that_cannot_be_drawn_are_refused(tmp_path, monkeypatch):
    instance, plan = fleet([[0.1]])
    execution = measured(instance, plan, count=10)
    with pytest.raises(InputError, match=r"\.png or \.svg"):
        plot_execution(tmp_path / "a.txt", execution, instance, plan)
    with pytest.raises(InputError, match="a writable file"):
        plot_execution(tmp_path / "none" / "a.png", execution, instance, plan)
    monkeypatch.setattr(plot, "find_spec", lambda _: None)
    with pytest.raises(UnsupportedError, match="Matplotlib"):
        plot_execution(tmp_path / "a.png", execution, instance, plan)
