"""Measured devices in every method: latency tables, alike devices, energies and rates, against all plans."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any

import pytest

import rocoin_opt as ro
from oracle_measured import OBJECTIVES, least_values, measured_instance, plans_of, values_of
from samples import cases

if TYPE_CHECKING:
    from rocoin_opt.plan import Objective

pytestmark = pytest.mark.usefixtures("short_search")
ROUNDED = 1e-9
HEURISTICS = ("greedy", "local-search", "lp-rounding", "rocoin", "het-nonn", "random")


def require_true(content: dict[str, Any], method: str, objective: Objective, least: float) -> ro.Result | None:
    """Solve, and compare with the least value over all plans; None where the method refuses the objective."""
    instance = ro.Instance.model_validate(content)
    try:
        result = ro.solve(instance, method=method, objective=objective)
    except ro.UnsupportedError:
        return None
    slack = ROUNDED * max(abs(least), 1e-3) if least < math.inf else 0.0
    if result.termination == "infeasible":
        assert least == math.inf
    if result.plan is not None:
        assert ro.check(instance, result.plan) == ()
    if result.objective_value is not None:
        assert result.objective_value >= least - slack
    if result.lower_bound is not None:
        assert result.lower_bound <= least + slack
    if result.termination == "optimal":
        assert result.objective_value == pytest.approx(least, abs=slack)
    return result


def require_exact(seeds: range, *, limited: bool) -> None:
    for seed in seeds:
        content = measured_instance(seed, limited=limited)
        for objective, least in least_values(content).items():
            result = require_true(content, "exact", objective, least)  # type: ignore[arg-type]
            assert result is not None
            assert result.termination == ("infeasible" if least == math.inf else "optimal")


def test_plans_with_latency_tables_are_proven_and_least() -> None:
    require_exact(range(1), limited=False)


@pytest.mark.slow
def test_plans_within_energies_and_rates_are_proven_and_least() -> None:
    require_exact(range(100, 103), limited=True)


@pytest.mark.slow
@pytest.mark.parametrize("limited", [False, True])
def test_many_plans_of_measured_devices_are_least(limited: bool) -> None:
    require_exact(range(200, 201), limited=limited)


@pytest.mark.parametrize("method", cases(["greedy"], HEURISTICS))
def test_no_method_claims_too_much(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rocoin_opt.heuristics.local_search.MAX_EXPECTED_STEPS", 100)
    for seed in range(300, 301):
        content = measured_instance(seed, limited=True)
        least = least_values(content)
        for objective in OBJECTIVES:
            require_true(content, method, objective, least[objective])  # type: ignore[arg-type]


@pytest.mark.slow
def test_behind_latency_energy_is_the_least_where_it_is_preferred() -> None:
    saved = 0
    for seed in range(10, 26):
        content = measured_instance(seed, limited=seed % 2 == 0)
        instance = ro.Instance.model_validate(content)
        for objective in ("guaranteed", "nominal", "worst"):
            found = [(values_of(content, plan)[objective], sum(g.joules for g in plan)) for plan in plans_of(content)]
            if not found:
                continue
            earliest = min(found)[0]
            least = min(joules for seconds, joules in found if seconds <= earliest * (1.0 + 1e-12))
            spent = []
            for prefer in ("energy", "work"):
                result = ro.solve(instance, method="exact", objective=objective, prefer=prefer)
                assert result.metrics is not None
                assert result.objective_value == pytest.approx(earliest)
                spent.append(result.metrics.energy_joules or 0.0)
            assert spent[0] == pytest.approx(least)
            saved += spent[0] < spent[1] - 1e-9
    assert saved > 0


def test_energy_is_preferred_only_where_powers_are_known() -> None:
    instance = ro.read_instance("instances/mcu/mcu-12-0.json")
    with pytest.raises(ro.UnsupportedError, match="compute_watts"):
        ro.solve(instance, prefer="energy")


@pytest.mark.slow
def test_limits_on_energy_and_requests_stand_in_conflicts_with_values_that_do() -> None:
    found = set()
    for seed in range(400, 440):
        content = measured_instance(seed, limited=True)
        if least_values(content)["worst"] < math.inf:
            continue
        conflict = ro.solve(ro.Instance.model_validate(content), method="exact", objective="worst").conflict
        assert conflict is not None
        for member in conflict.members:
            name = member.path.rsplit(".", 1)[-1]
            if name not in ("max_energy_joules", "requests_per_second", "max_joules") or member.would_do is None:
                continue
            found.add(name)
            changed = copy.deepcopy(content)
            place = changed["requirements"]
            if name == "max_joules":
                place = changed["devices"][int(member.path.split("[")[1].split("]")[0])]
            place[name] = member.would_do
            assert least_values(changed)["worst"] < math.inf
    assert len(found) == 3


def test_the_best_student_depends_on_the_others_where_times_are_measured() -> None:
    """Each device is fast with another student: what is best for one alone is not for both (S21 needs rates)."""
    kept = {"memory_bytes": 1.0, "uplink_bits_per_second": 1e6}
    content = {
        "name": "crossed",
        "devices": [
            {"id": "a", "compute_seconds": {"x": 1.0, "y": 3.0}, "failure_probability": 0.4, **kept},
            {"id": "b", "compute_seconds": {"x": 8.0, "y": 2.0}, "failure_probability": 0.1, **kept},
        ],
        "students": [{"id": name, "flops": 1.0, "memory_bytes": 1.0, "max_filters": 1} for name in "xy"],
        "knowledge": {"num_filters": 1, "bits_per_filter": 0.0},
        "requirements": {"max_group_outage": 0.5, "deadline_seconds": 10.0},
    }
    instance = ro.Instance.model_validate(content)
    for objective, student in (("nominal", "x"), ("expected", "y")):
        plan = ro.solve(instance, objective=objective).plan  # type: ignore[arg-type]
        assert plan is not None
        assert {group.student for group in plan.groups if "b" in group.devices} <= {student}


def test_alike_devices_are_planned_as_the_same_devices_written_out() -> None:
    kept = {"memory_bytes": 6.0, "uplink_bits_per_second": 2.0, "failure_probability": 0.2}
    entry = {"id": "cam", "count": 6, "compute_seconds": {"s0": 1.0}, **kept}
    content = measured_instance(7)
    counted = {**content, "devices": [entry, content["devices"][0]]}
    written = {name: value for name, value in entry.items() if name != "count"}
    single = [{**written, "id": f"cam-{n}"} for n in range(1, 7)]
    first, second = (
        ro.solve(ro.Instance.model_validate(given))
        for given in (counted, {**content, "devices": [*single, content["devices"][0]]})
    )
    assert first.plan == second.plan
    assert first.termination == second.termination


@pytest.mark.slow
def test_fleets_too_large_to_list_get_early_plans_within_an_energy() -> None:
    fleet = ro.generate("mcu", devices=24, energy=True, seed=3)
    free = ro.solve(fleet, prefer="energy", objective="worst")
    assert free.metrics is not None
    limited = fleet.with_requirements(max_energy_joules=0.6 * (free.metrics.energy_joules or 0.0))
    result = ro.solve(limited, objective="worst", latency_only=True)
    assert result.plan is not None
    assert ro.check(limited, result.plan) == ()
    assert result.objective_value > free.objective_value
    assert result.lower_bound is not None
    assert result.lower_bound <= result.objective_value
    # With next to no energy nothing is found, and nothing is claimed.
    hopeless = ro.solve(fleet.with_requirements(max_energy_joules=1e-9), objective="worst", explain=False)
    assert hopeless.plan is None
    assert hopeless.termination in ("no_plan", "infeasible")
