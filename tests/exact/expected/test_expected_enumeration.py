"""The proof for a handful of devices: all plans, also under laws, whose limits are met exactly."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from hypothesis import given

import oracle
import rocoin_opt as ro
from examples import pairs
from fleets import LAWS
from law_oracle import LawOracle
from rocoin_opt.control import Control
from rocoin_opt.exact.expected import enumeration as expected_enumeration
from rocoin_opt.exact.expected.enumeration import best_of_all, count_plans, is_small
from rocoin_opt.failure.evaluation import value_of
from rocoin_opt.grouping.expected_model import ExpectedModel
from samples import cases, trials
from slowed import slowed
from strategies import instances

ENDS = pytest.mark.parametrize("seed", cases([0, 3, 6, 12], range(20)))


def limited(seed: int) -> ro.Instance:
    """A tiny instance with measured factors, most limits an exact product, and deadlines at which answers come."""
    draw = random.Random(seed)
    failures = [draw.choice([0.0, 0.1, 0.1, 0.2, 0.3, 0.05, 0.5, 0.25]) for _ in range(draw.randint(1, 4))]
    limit = math.prod(draw.sample(failures, draw.randint(1, len(failures))))
    if draw.random() < 0.3:
        limit = draw.choice([0.0, 1.0, 0.01, 0.1, 0.25])
    filters = draw.randint(1, 4)

    def law() -> dict[str, Any]:
        values = [draw.choice([0.5, 1.0, 1.0, 2.0, 3.0, 4.0]) for _ in range(draw.randint(1, 3))]
        return {"law": "empirical", "values": values}

    devices: list[dict[str, Any]] = []
    for n, failure in enumerate(failures):
        device: dict[str, Any] = {
            "id": f"d{n}",
            "flops_per_second": draw.choice([1.0, 2.0, 3.0]),
            "memory_bytes": draw.choice([9, 9, 2]),
            "uplink_bits_per_second": draw.choice([1.0, 2.0]),
            "overhead_seconds": draw.choice([0.0, 0.0, 0.1, 0.25]),
            "failure_probability": failure,
        }
        if n == 0 or draw.random() < 0.7:
            device["compute_slowdown"] = law()
        if draw.random() < 0.4:
            device["link_slowdown"] = law()
        devices.append(device)
    students = [
        {
            "id": f"s{j}",
            "flops": draw.choice([0.0, 1.0, 2.0]),
            "flops_per_filter": draw.choice([0.0, 0.5, 1.0]),
            "memory_bytes": draw.choice([1, 2, 5]),
            "memory_bytes_per_filter": draw.choice([0, 0, 1]),
            "max_filters": draw.randint(1, 4),
        }
        for j in range(draw.randint(1, 2))
    ]
    return ro.Instance.model_validate(
        {
            "name": "limited",
            "devices": devices,
            "students": students,
            "knowledge": {"num_filters": filters, "bits_per_filter": draw.choice([0.0, 1.0])},
            "requirements": {
                "max_group_outage": limit,
                "min_groups": draw.choice([1, 1, 1, 2]),
                "deadline_seconds": draw.choice([0.5, 2.0, 3.0, 4.0, 6.0, 9.0]),
            },
        }
    )


@ENDS
def test_the_expected_time_under_laws_is_that_of_an_enumeration(seed: int) -> None:
    instance = limited(seed)
    best = LawOracle(instance).best_expected()
    results = {name: ro.solve(instance, name, "expected") for name in ("auto", "exact", "greedy", "rocoin", "random")}
    if best is None:
        assert all(result.plan is None for result in results.values())
        assert {results["auto"].termination, results["exact"].termination} == {"infeasible"}
        return
    for name in ("auto", "exact"):
        assert results[name].termination == "optimal"
        assert results[name].objective_value == pytest.approx(float(best), rel=1e-9, abs=1e-12)
    for name, result in results.items():
        assert result.termination != "infeasible"
        assert (result.lower_bound or 0.0) <= float(best) * (1 + 1e-12) + 1e-15
        if result.plan is not None:
            assert ro.check(instance, result.plan) == ()
            assert result.objective_value >= float(best) * (1 - 1e-9)
            if name in ("rocoin", "random"):
                # What takes no time is never better than what looks for something better.
                assert results["greedy"].objective_value <= result.objective_value * (1 + 1e-9) + 1e-12


@pytest.mark.parametrize("seed", cases([0, 2], [1, 3, 4, 5]))
def test_the_search_without_the_proof_finds_valid_plans_and_bounds(seed: int, monkeypatch) -> None:
    monkeypatch.setattr(expected_enumeration, "MOST_DEVICES", 0)
    monkeypatch.setattr("rocoin_opt.planning.methods.under_laws.RANDOM_STEPS", 20)
    instance = limited(seed)
    best = LawOracle(instance).best_expected()
    for name in ("auto", "exact"):
        result = ro.solve(instance, name, "expected")
        assert (result.termination == "infeasible") == (best is None) == (result.plan is None)
        if best is not None:
            assert ro.check(instance, result.plan) == ()
            assert result.lower_bound <= float(best) * (1 + 1e-12) + 1e-15
            assert result.objective_value >= float(best) * (1 - 1e-9)


@given(instances(max_devices=5, max_students=2, max_filters=6, deadline=True))
@trials(25)
def test_constants_have_the_optimum_of_the_enumeration(instance: ro.Instance) -> None:
    model = ExpectedModel(instance)
    found = best_of_all(model, Control(), None)
    best = oracle.best(instance, "expected")
    assert is_small(model)
    if best is None:
        assert found.infeasible
        return
    assert value_of(instance, found.plan, "expected") == pytest.approx(best[0], rel=1e-9, abs=1e-290)
    assert found.lower_bound <= best[0] * (1 + 1e-12) + 1e-290


@pytest.mark.parametrize("link", cases([()], [((LAWS[0],),)]))
@pytest.mark.slow
def test_densities_are_proven_against_every_plan(link: tuple[dict[str, Any], ...]) -> None:
    laws = (LAWS[1], LAWS[4], LAWS[5])
    fields = {"num_filters": 3 if link else 5, "bits_per_filter": 1.0}
    limits = {"max_group_outage": 0.2, "deadline_seconds": 20.0}
    instance = slowed(pairs(knowledge=fields, requirements=limits), *laws, link=link)
    values = [value_of(instance, plan, "expected") for plan in oracle.feasible_plans(instance)]
    result = ro.solve(instance, "exact", "expected")
    assert result.termination == "optimal"
    assert result.objective_value == pytest.approx(min(values), rel=1e-10)
    assert result.lower_bound <= min(values)


def test_plans_are_counted_as_they_are_listed() -> None:
    fields = pairs().model_dump(exclude_unset=True)
    fields["requirements"] = {"max_group_outage": 1.0, "min_groups": 2, "max_groups": 3, "deadline_seconds": 9.0}
    for device in fields["devices"]:
        device["memory_bytes"] = 1e9
    fields["students"] = [{**fields["students"][0], "max_filters": fields["knowledge"]["num_filters"]}]
    instance = ro.Instance.model_validate(fields)
    assert count_plans(ExpectedModel(instance)) == sum(1 for _ in oracle.feasible_plans(instance))


def test_what_is_too_much_or_too_late_is_left_to_others(monkeypatch) -> None:
    instance = slowed(ro.generate("edge", devices=4, seed=0), LAWS[1])
    model = ExpectedModel(instance)
    assert best_of_all(model, Control.starting_now(time_limit=0.0), None) is None
    monkeypatch.setattr(expected_enumeration, "MOST_RESPONSES", 3)
    assert best_of_all(model, Control(), None) is None
    assert not is_small(ExpectedModel(slowed(ro.generate("edge", devices=8, seed=0), LAWS[1])))


def test_plans_that_are_not_valued_leave_a_valid_bound(monkeypatch) -> None:
    instance = slowed(ro.generate("edge", devices=4, seed=0), LAWS[1])
    model = ExpectedModel(instance)
    proven = best_of_all(model, Control(), None)
    start = ro.solve(instance, "random", "expected").plan
    monkeypatch.setattr(expected_enumeration, "MOST_VALUED", 0)
    monkeypatch.setattr(expected_enumeration, "TIMES", 16)
    open_end = best_of_all(model, Control(), start)
    assert open_end.plan == start
    assert 0.0 < open_end.lower_bound <= proven.lower_bound


def test_few_devices_of_constant_latency_need_no_local_search(monkeypatch) -> None:
    monkeypatch.setattr("rocoin_opt.planning.methods.under_laws.local_search", None)
    for devices, method in ((2, "exact"), (3, "auto")):
        instance = ro.generate("paper", devices=devices, seed=1)
        assert ro.solve(instance, method, "expected").termination == "optimal"
