"""Least latencies within a limit on all energy by a row of the packing: against enumeration, and of large fleets."""

from __future__ import annotations

import pytest

import rocoin_opt as ro
from rocoin_opt.control import Control
from rocoin_opt.exact import exact_restricted, exact_within_energy
from rocoin_opt.plan import energy_joules
from samples import cases
from scarce_energy import scarce_instances

LATENCIES = ("guaranteed", "nominal", "worst")


def scarce_fleet(devices: int, seed: int, share: float, **changes: object) -> ro.Instance:
    """Boards that have a share of the energy that their plan without a limit takes."""
    instance = ro.generate("mcu", devices=devices, seed=seed, energy=True, **changes)
    free = ro.solve(instance, "greedy", latency_only=True, explain=False).plan
    return instance.with_requirements(max_energy_joules=share * energy_joules(instance, free))


def agrees(instance: ro.Instance, objective: str, least: float) -> None:
    """The plan found has the least value, and is proven."""
    outcome = exact_within_energy(instance, objective, Control(), None)
    assert ro.check(instance, outcome.plan) == ()
    assert ro.evaluate(instance, outcome.plan).value(objective) == pytest.approx(least)
    assert outcome.lower_bound == pytest.approx(least)


@pytest.mark.parametrize("objective", cases(LATENCIES[:1], LATENCIES))
def test_latencies_are_those_of_an_enumeration(objective):
    for scarce in scarce_instances(range(600, 616)):
        agrees(ro.Instance.model_validate(scarce.content), objective, scarce.least(objective))


@pytest.mark.slow
@pytest.mark.parametrize("objective", LATENCIES)
def test_latencies_are_those_of_an_enumeration_of_many(objective):
    for scarce in scarce_instances(range(620, 740)):
        agrees(ro.Instance.model_validate(scarce.content), objective, scarce.least(objective))


def test_too_little_energy_is_proven():
    refuted = 0
    for scarce in scarce_instances(range(640, 655)):
        least = min(sum(group.joules for group in plan) for plan, _ in scarce.plans)
        instance = ro.Instance.model_validate(scarce.content).with_requirements(max_energy_joules=0.99 * least)
        outcome = exact_within_energy(instance, "worst", Control(), None)
        assert outcome.infeasible == (least > 0.0)
        refuted += outcome.infeasible
    assert refuted >= 3


@pytest.mark.parametrize("objective", cases(LATENCIES[:1], LATENCIES))
def test_it_agrees_with_the_packing_of_all_sets(objective):
    instance = scarce_fleet(9, 3, 0.9)
    agrees(instance, objective, exact_restricted(instance, objective, Control(), None).lower_bound)


@pytest.mark.slow
def test_failure_domains_leave_a_valid_bound():
    instance = scarce_fleet(9, 5, 0.95, domains=3)
    least = exact_restricted(instance, "guaranteed", Control(), None)
    outcome = exact_within_energy(instance, "guaranteed", Control(), least.plan)
    assert 0.0 < outcome.lower_bound <= least.lower_bound
    assert ro.check(instance, outcome.plan) == ()


@pytest.mark.slow
def test_thirty_boards_are_proven_within_a_limit_that_binds():
    instance = scarce_fleet(30, 4, 0.9)
    result = ro.solve(instance, "exact", latency_only=True, explain=False)
    free = ro.solve(instance.with_requirements(max_energy_joules=None), "exact", latency_only=True, explain=False)
    assert result.objective_value == pytest.approx(result.lower_bound)
    assert result.lower_bound > free.objective_value * 1.01
    assert energy_joules(instance, result.plan) <= instance.requirements.max_energy_joules


def test_alike_boards_are_kinds_with_their_energies():
    content = scarce_fleet(4, 4, 0.95).model_dump(exclude_none=True)
    most = content["requirements"].pop("max_energy_joules")
    content["devices"] = [{**device, "count": 8} for device in content["devices"]]
    fleet = ro.Instance.model_validate(content)
    scarce = fleet.with_requirements(max_energy_joules=most)
    result = ro.solve(scarce, "exact", latency_only=True, explain=False)
    assert result.objective_value == pytest.approx(result.lower_bound)
    assert result.lower_bound >= ro.solve(fleet, "exact", latency_only=True, explain=False).objective_value
