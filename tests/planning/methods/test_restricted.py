"""Failure domains and rules in every method and objective: against all plans in all states of domains and devices."""

from __future__ import annotations

import pytest

import rocoin_opt as ro
from restricted_solves import drawn, truth, wrong
from rocoin_opt.plan.latency import OBJECTIVES
from samples import cases

pytestmark = pytest.mark.usefixtures("short_search")
HEURISTICS = ("greedy", "local-search")
BASELINES = ("rocoin", "nonn", "het-nonn", "random")


@pytest.mark.parametrize("seed", cases([2, 12], [*range(0, 12, 2), 18]))
def test_exact_proves_what_the_oracle_finds(seed: int) -> None:
    count = 2 + seed % 4
    instance = drawn(seed, count)
    for objective in OBJECTIVES:
        result, least = ro.solve(instance, "exact", objective), truth(seed, count, objective)
        assert not wrong(result, least), objective
        # Only a quantile with min_success besides may stay open: two times count then.
        is_open = objective == "quantile" and instance.requirements.min_success is not None
        assert is_open or result.termination in ("optimal", "infeasible"), objective


@pytest.mark.slow
@pytest.mark.parametrize("block", range(2))
def test_exact_proves_what_the_oracle_finds_many_times(block: int) -> None:
    for seed in range(10_000 + 8 * block, 10_008 + 8 * block):
        count = 2 + seed % 4
        instance = drawn(seed, count)
        for objective in ("guaranteed", "expected", "failure", "missing"):
            result = ro.solve(instance, "exact", objective, latency_only=True)
            least = truth(seed, count, objective)
            assert not wrong(result, least), (seed, objective)
            assert result.termination in ("optimal", "infeasible"), (seed, objective)


@pytest.mark.parametrize("seed", [100, 105])
def test_no_heuristic_and_no_baseline_says_what_is_not_true(seed: int) -> None:
    count = 2 + seed % 4
    instance = drawn(seed, count)
    for objective in ("guaranteed", "expected", "failure", "quantile"):
        least = truth(seed, count, objective)
        for method in (*HEURISTICS, *BASELINES):
            found = ro.solve(instance, method, objective, latency_only=True, explain=False)
            assert not wrong(found, least), (objective, method)


def with_domains(instance: ro.Instance, places: list[str | None], falls: dict[str, float]) -> ro.Instance:
    """The instance with each device in some domain."""
    fields = instance.model_dump(mode="json")
    for device, place in zip(fields["devices"], places, strict=True):
        device["failure_domain"] = place
    fields["failure_domains"] = [{"id": name, "failure_probability": p} for name, p in falls.items()]
    return ro.Instance.model_validate(fields)


@pytest.fixture
def edge() -> ro.Instance:
    return ro.generate("edge", devices=8, seed=3)


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["failure", "guaranteed"])
def test_a_domain_that_never_fails_changes_nothing(objective: ro.Objective) -> None:
    edge = ro.generate("edge", devices=4, seed=3)
    idle = with_domains(edge, ["a", "b"] * 2, {"a": 0.0, "b": 0.0})
    plain, tied = (ro.solve(given, "exact", objective) for given in (edge, idle))
    assert tied.objective_value == pytest.approx(plain.objective_value, rel=1e-12)


@pytest.mark.slow
def test_all_devices_in_one_domain_are_a_stricter_limit_and_a_factor(edge: ro.Instance) -> None:
    fall, limit = 0.02, 0.05
    loose = edge.with_requirements(max_group_outage=limit)
    tied = with_domains(loose, ["a"] * 8, {"a": fall})
    stricter = edge.with_requirements(max_group_outage=(limit - fall) / (1 - fall))
    assert ro.solve(tied, "exact").objective_value == pytest.approx(ro.solve(stricter, "exact").objective_value)
    success, free = (1 - ro.solve(given, "exact", "failure").objective_value for given in (tied, stricter))
    assert success == pytest.approx((1 - fall) * free, rel=1e-9)


@pytest.mark.slow
def test_splitting_a_domain_hurts_neither_the_guarantee_nor_the_missing_share(edge: ro.Instance) -> None:
    loose = edge.with_requirements(max_group_outage=0.08)
    whole = with_domains(loose, ["a"] * 4 + ["b"] * 4, {"a": 0.03, "b": 0.02})
    split = with_domains(loose, ["a", "a", "c", "c"] + ["b"] * 4, {"a": 0.03, "b": 0.02, "c": 0.03})
    for objective in ("guaranteed", "missing"):
        before, after = (ro.solve(given, "exact", objective) for given in (whole, split))
        assert before.termination == after.termination == "optimal"
        assert after.objective_value <= before.objective_value * (1 + 1e-9)


@pytest.mark.slow
def test_a_plan_behind_latency_is_no_later_and_no_less_sure(edge: ro.Instance) -> None:
    tied = with_domains(
        edge.with_requirements(max_group_outage=0.08), ["a", "b", "c", "d"] * 2, dict.fromkeys("abcd", 0.02)
    )
    bare = ro.solve(tied, "exact", latency_only=True)
    sure, light = (ro.solve(tied, "exact", prefer=prefer) for prefer in ("reliability", "work"))
    assert bare.objective_value == sure.objective_value == light.objective_value
    failures = [result.metrics.failure_probability for result in (sure, bare, light)]
    assert failures[0] == min(failures)
    assert len(light.plan.spares) >= len(sure.plan.spares)


def test_a_baseline_plans_blind_and_says_which_rule_its_plan_breaks(edge: ro.Instance) -> None:
    blind = ro.solve(edge, "random").plan
    group = max(blind.groups, key=lambda group: len(group.devices))
    kept_apart = edge.model_copy(update={"rules": (ro.Rule(apart=group.devices[:2]),)})
    result = ro.solve(kept_apart, "random")
    assert (result.termination, result.plan) == ("no_plan", None)
    assert any("apart" in reason for reason in result.reasons)


def test_a_method_of_ones_own_that_knows_no_rules_is_refused_by_name(edge: ro.Instance) -> None:
    own = ro.Method("mine", ro.METHODS["greedy"].run, ("guaranteed",), "one of mine")
    ruled = edge.model_copy(update={"rules": (ro.Rule(apart=("device-0", "device-1")),)})
    with pytest.raises(ro.UnsupportedError, match="mine cannot honour rules"):
        ro.solve(ruled, own)


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["failure", "guaranteed", "expected"])
def test_domains_and_rules_are_kept_under_laws(objective: str) -> None:
    slow = ro.generate("edge", devices=6, seed=2, slowdowns=True, domains=2).with_requirements(max_group_outage=0.2)
    first, second = (device.id for device in slow.devices[:2])
    ruled = slow.model_copy(update={"rules": (ro.Rule(apart=(first, second)), ro.Rule(use=(first,)))})
    free, result = (ro.solve(given, "greedy", objective) for given in (slow, ruled))
    assert free.plan is not None
    assert result.plan is not None
    assert not ro.check(ruled, result.plan)
    assert result.lower_bound is None or result.lower_bound <= result.objective_value


@pytest.mark.slow
def test_where_too_many_domains_tie_groups_together_the_plan_has_the_figures_of_its_groups() -> None:
    device = {"memory_bytes": 9, "uplink_bits_per_second": 1.0, "failure_probability": 0.1}
    places = [f"p{n % 25}" for n in range(75)]
    tied = ro.Instance.model_validate(
        {
            "name": "woven",
            "devices": [
                {"id": f"d{n}", "failure_domain": place, "flops_per_second": 1.0 + n, **device}
                for n, place in enumerate(places)
            ],
            "students": [{"id": "s", "flops": 1.0, "memory_bytes": 1, "max_filters": 4}],
            "failure_domains": [{"id": place, "failure_probability": 0.01} for place in sorted(set(places))],
            "knowledge": {"num_filters": 12, "bits_per_filter": 1.0},
            "requirements": {"max_group_outage": 0.05, "deadline_seconds": 60.0},
        }
    )
    # Each of three groups has a device in every domain.
    groups = [ro.Group(devices=tuple(f"d{n}" for n in range(k, 75, 3)), student="s", num_filters=4) for k in range(3)]
    woven = ro.Plan.of(tied, groups)
    assert ro.check(tied, woven) == ()
    with pytest.raises(ro.UnsupportedError, match="failure domains tie groups together"):
        ro.evaluate(tied, woven)
    # A valid start is never lost, however little time there is.
    kept = ro.solve(tied, "local-search", start=woven, time_limit=0)
    assert kept.plan == woven
    assert kept.objective_value == kept.metrics.guaranteed_seconds
    assert kept.metrics.failure_probability is None
    assert "too many failure domains tie the groups together" in kept.reasons[0]
    result = ro.solve(tied, "local-search", start=woven, latency_only=True)
    figures = result.metrics
    assert None not in (figures.guaranteed_seconds, figures.worst_seconds, figures.missing_share)
    assert result.objective_value == figures.guaranteed_seconds < kept.objective_value
