"""Threshold objectives where devices share failure domains: proofs and heuristics against the oracle."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given

import oracle
from checked import value_of
from packing_oracle import PackingOracle, best_position, candidates, random_instance, with_domains
from rocoin_opt.control import Control
from rocoin_opt.exact.threshold.enumeration import enumerate_columns
from rocoin_opt.exact.threshold.search import exact
from rocoin_opt.grouping.bounds import combinatorial_bound
from rocoin_opt.grouping.columns import minimal_groups
from rocoin_opt.grouping.covering.coverage import coverage_of
from rocoin_opt.grouping.infeasible import reasons_for_infeasibility
from rocoin_opt.grouping.relaxation import Pool, relax
from rocoin_opt.grouping.threshold_problem import ThresholdProblem
from rocoin_opt.heuristics.greedy import greedy
from rocoin_opt.heuristics.local_search import local_search
from rocoin_opt.heuristics.lp_rounding import lp_rounding
from rocoin_opt.instance.generate import generate
from rocoin_opt.instance.model import Instance
from rocoin_opt.plan.validity import structural_violations
from samples import cases, trials
from strategies import instances

if TYPE_CHECKING:
    from rocoin_opt.plan.latency import Objective

OBJECTIVES: tuple[Objective, ...] = ("guaranteed", "nominal", "worst")


def changed(instance: Instance, falls: dict[str, float], domain_of: dict[str, str | None]) -> Instance:
    """The instance with other domains."""
    fields: dict[str, Any] = {name: getattr(instance, name) for name in Instance.model_fields}
    devices = [{**dict(device), "failure_domain": domain_of.get(device.id)} for device in instance.devices]
    domains = [{"id": name, "failure_probability": fall} for name, fall in falls.items()]
    return Instance.model_validate({**fields, "devices": devices, "failure_domains": domains})


def optimum(instance: Instance, objective: Objective) -> float:
    """The proven optimum; infinite where it is proven that there is no plan."""
    outcome = exact(instance, objective, Control.starting_now())
    if outcome.plan is None:
        assert outcome.infeasible
        return math.inf
    value = value_of(instance, outcome.plan, objective)
    assert outcome.lower_bound == value
    return value


@pytest.mark.parametrize("objective", OBJECTIVES)
@given(instance=instances(max_devices=5, max_students=2, max_filters=5, domains=True))
@trials(80, ways=2)
def test_the_best_of_all_plans_is_found_and_proven(objective: Objective, instance: Instance) -> None:
    best = oracle.best(instance, objective)
    outcome = exact(instance, objective, Control.starting_now())
    bound = combinatorial_bound(instance, objective)
    if best is None:
        # Next to a limit of 1 only the joint model proves it.
        assert outcome.infeasible or 0.0 < 1.0 - instance.requirements.max_group_outage < 1e-6
        assert outcome.plan is None
        assert outcome.reasons
        return
    assert not outcome.infeasible
    assert not reasons_for_infeasibility(instance)
    assert bound is not None
    assert bound <= best[0] * (1.0 + 1e-12)
    assert outcome.plan is not None
    assert value_of(instance, outcome.plan, objective) == pytest.approx(best[0], rel=1e-12)
    assert outcome.lower_bound == value_of(instance, outcome.plan, objective)


@pytest.mark.parametrize(
    ("seed", "objective"),
    cases(
        [(4, "nominal"), (29, "guaranteed")],
        [(seed, OBJECTIVES[n % 3]) for n, seed in enumerate(range(0, 30, 3))],
    ),
)
def test_every_method_agrees_with_the_best_packing(objective: Objective, seed: int) -> None:
    instance = with_domains(random_instance(seed), seed)
    thresholds, position = candidates(instance), best_position(instance, objective)
    best = thresholds[position] if position < len(thresholds) else math.inf
    assert optimum(instance, objective) == best
    control = Control.starting_now()
    for outcome in (
        greedy(instance, objective, control),
        local_search(instance, objective, control, iterations=50),
        lp_rounding(instance, objective, control),
    ):
        assert not (outcome.infeasible and best < math.inf)
        if outcome.plan is not None:
            assert structural_violations(instance, outcome.plan) == ()
            assert value_of(instance, outcome.plan, objective) >= best
        assert outcome.lower_bound is None or outcome.lower_bound <= best


@pytest.mark.parametrize("seed", cases([7], range(0, 30, 4)))
def test_a_best_packing_consists_of_listed_columns(seed: int) -> None:
    instance = with_domains(random_instance(seed), seed)
    thresholds = candidates(instance)
    for objective in ("guaranteed", "nominal"):
        position = best_position(instance, objective)
        for threshold in thresholds[max(0, position - 1) : position + 3]:
            problem = ThresholdProblem(instance, objective, threshold)
            filters, groups = PackingOracle(instance, objective, threshold).packing()
            relaxation = relax(problem, Pool(), Control.starting_now())
            assert relaxation is not None
            priced = np.flatnonzero(relaxation.prices > 1e-9)
            for shared in (priced, np.arange(len(instance.devices))):
                columns = enumerate_columns(problem, relaxation, shared, relaxation.bound - filters, 10_000)
                assert columns is not None
                for group, size in zip(groups, problem.capacities(groups).tolist(), strict=True):
                    # A larger one under the same limits on sizes stands for it.
                    rows = problem.levels.rows_of(size)
                    assert any(
                        column.size >= size
                        and problem.levels.rows_of(column.size) == rows
                        and set(column.devices) <= set(group)
                        for column in columns
                    )


@pytest.mark.parametrize("objective", ["guaranteed", "nominal"])
@pytest.mark.parametrize("seed", cases(range(3), range(3, 8)))
def test_minimal_groups_are_those_of_the_oracle(objective: Objective, seed: int) -> None:
    instance = with_domains(random_instance(seed), seed)
    thresholds = candidates(instance)
    problem = ThresholdProblem(instance, objective, thresholds[len(thresholds) // 2] if thresholds else 1.0)
    found = minimal_groups(problem, 100_000)
    assert found is not None
    listed = {frozenset(n for n in row if n < len(instance.devices)) for row in found.tolist()}
    groups = {
        frozenset(group): problem.by_student(np.array([group]))[0]
        for group in PackingOracle(instance, objective, problem.threshold).groups()
    }
    assert listed <= set(groups)
    for group, sizes in groups.items():
        needs_all = all((groups.get(group - {n}, np.zeros_like(sizes)) < sizes).any() for n in group)
        assert not needs_all or group in listed


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("seed", cases([0, 4], range(0, 8, 2)))
def test_a_domain_that_never_fails_changes_nothing(objective: Objective, seed: int) -> None:
    instance = random_instance(seed)
    together = changed(instance, {"safe": 0.0}, {device.id: "safe" for device in instance.devices})
    assert (together.arrays.cover_share == instance.arrays.cover_share).all()
    assert exact(together, objective, Control.starting_now()) == exact(instance, objective, Control.starting_now())
    assert greedy(together, objective, Control()) == greedy(instance, objective, Control())


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("seed", cases([4], range(0, 8, 3)))
def test_one_domain_for_all_tightens_the_limit(objective: Objective, seed: int) -> None:
    instance, fall = random_instance(seed), 0.03
    limit = instance.requirements.max_group_outage
    together = changed(instance, {"ap": fall}, {device.id: "ap" for device in instance.devices})
    # pi + (1 - pi) q <= eps; below pi nothing is left for the devices.
    left = (limit - fall) / (1.0 - fall)
    expected = optimum(instance.with_requirements(max_group_outage=left), objective) if left > 1e-9 else math.inf
    if limit < 1.0:
        assert optimum(together, objective) == expected


@pytest.mark.parametrize("seed", cases([1, 7], range(0, 15, 4)))
def test_splitting_a_domain_never_hurts(seed: int) -> None:
    instance = with_domains(random_instance(seed), seed, most=2)
    falls = {domain.id: domain.failure_probability for domain in instance.failure_domains}
    finer = {**falls, **{f"{name}-b": fall for name, fall in falls.items()}}
    homes = {device.id: device.failure_domain for device in instance.devices}
    for n, (device, home) in enumerate(list(homes.items())):
        homes[device] = f"{home}-b" if home is not None and n % 2 else home
    for objective in OBJECTIVES:
        assert optimum(changed(instance, finer, homes), objective) <= optimum(instance, objective)


def fleet(family: str, devices: int, domains: int, seed: int, fall: float) -> Instance:
    """A generated fleet, its devices put into domains one after the other."""
    instance = generate(family, devices=devices, seed=seed)
    names = [f"ap{d}" for d in range(domains)]
    homes: dict[str, str | None] = {device.id: names[n % domains] for n, device in enumerate(instance.devices)}
    return changed(instance, dict.fromkeys(names, fall), homes)


@pytest.mark.parametrize(
    ("family", "domains", "fall"), cases([("lossy", 4, 0.02)], [("edge", 5, 0.03), ("edge", 2, 0.01)])
)
def test_fleets_are_solved_to_the_end(family: str, domains: int, fall: float) -> None:
    instance = fleet(family, 16, domains, 1, fall)
    assert coverage_of(instance) is not None
    start = greedy(instance, "guaranteed", Control()).plan
    outcome = exact(instance, "guaranteed", Control.starting_now(), start)
    assert outcome.plan is not None
    assert structural_violations(instance, outcome.plan) == ()
    assert outcome.lower_bound == value_of(instance, outcome.plan, "guaranteed")
    # Whoever ignores the domains promises what the plan does not hold.
    alone = optimum(changed(instance, {}, {}), "guaranteed")
    assert alone <= outcome.lower_bound


@pytest.mark.parametrize("after", cases([30], range(0, 60, 12)))
def test_a_stop_at_any_moment_leaves_a_bound_that_holds(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    instance = fleet("edge", 12, 3, 2, 0.02)
    best = optimum(instance, "guaranteed")
    asked = 0

    def exhausted(_control: Control) -> bool:
        nonlocal asked
        asked += 1
        return asked > after * 5

    monkeypatch.setattr(Control, "exhausted", property(exhausted))
    outcome = exact(instance, "guaranteed", Control.starting_now())
    assert not outcome.infeasible
    assert outcome.lower_bound is None or outcome.lower_bound <= best
    if outcome.plan is not None:
        assert structural_violations(instance, outcome.plan) == ()


def test_domains_that_fail_too_often_are_named() -> None:
    base = generate("edge", devices=6, seed=0)
    homes: dict[str, str | None] = {device.id: "mast" for device in base.devices}
    reasons = reasons_for_infeasibility(changed(base, {"mast": 0.9}, homes))
    assert any("mast (0.9)" in reason and "alone" in reason for reason in reasons)
    outcome = exact(changed(base, {"mast": 0.9}, homes), "guaranteed", Control())
    assert outcome.infeasible
    assert outcome.reasons == reasons
    homes = {device.id: f"mast{n % 4}" for n, device in enumerate(base.devices)}
    many = changed(base, {f"mast{d}": 0.9 for d in range(4)}, homes)
    assert any("and 1 more" in reason for reason in reasons_for_infeasibility(many))
