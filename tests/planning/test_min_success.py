"""Whatever method is asked, a plan keeps ``min_success``; that none does is only said where brute force agrees."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import oracle
import rocoin_opt as ro
from examples import pairs
from oracle_queues import QueueOracle
from queue_instances import random_queues
from rocoin_opt.control import Control
from rocoin_opt.failure.evaluation import value_of
from rocoin_opt.plan.latency import OBJECTIVES
from rocoin_opt.plan.result import Outcome
from rocoin_opt.planning.min_success import with_min_success, with_time_kept
from rocoin_opt.planning.request import Request
from samples import cases, trials
from strategies import instances

pytestmark = pytest.mark.usefixtures("short_search")
BLIND = ("rocoin", "nonn", "het-nonn", "random")
PROVING = ("auto", "exact", "milp")


@cache
def least_failure(name: str) -> float:
    """The least probability of failure of any plan of a shipped instance."""
    instance = ro.read_instance(f"instances/{name.split('-')[0]}/{name}.json")
    least = ro.solve(instance, "exact", "failure", latency_only=True).objective_value
    assert least is not None
    return least


def edge(**requirements: object) -> ro.Instance:
    """Twelve devices: at the least latency and the least work the success is 0.915, and 0.9934 can be had."""
    return ro.read_instance("instances/edge/edge-12-1.json").with_requirements(**requirements)


@pytest.mark.slow
@given(st.data())
@settings(max_examples=3, suppress_health_check=[HealthCheck.too_slow])
def test_every_method_returns_what_keeps_it_on_many_instances(data: st.DataObject) -> None:
    ask_every_method(data)


@given(st.data())
@settings(max_examples=1, suppress_health_check=[HealthCheck.too_slow])
def test_every_method_returns_what_keeps_it_and_claims_what_is_true(data: st.DataObject) -> None:
    ask_every_method(data)


def ask_every_method(data: st.DataObject) -> None:
    """Solve a random instance by every method, and compare with all plans."""
    instance = data.draw(
        instances(max_devices=4, max_students=2, max_filters=4, deadline=True, level=True, success=True)
    )
    objective = data.draw(st.sampled_from(OBJECTIVES))
    best = oracle.best(instance, objective)
    for name, method in ro.METHODS.items():
        if objective not in method.objectives:
            continue
        result = ro.solve(instance, name, objective)
        if result.termination == "infeasible":
            assert best is None or math.isinf(best[0]), name
        if best is not None and result.lower_bound is not None:
            assert result.lower_bound <= best[0] * (1 + 1e-9)
        if result.plan is None:
            assert result.reasons
            assert name not in PROVING or best is None or math.isinf(best[0]), name
            continue
        assert ro.check(instance, result.plan) == ()
        assert best is not None
        assert result.objective_value is None or result.objective_value >= best[0] * (1 - 1e-9)
        if result.termination == "optimal":
            assert result.objective_value == pytest.approx(best[0], rel=1e-9)
        # So few plans leave nothing unproven.
        assert name not in ("auto", "exact") or result.termination == "optimal"


@given(st.data())
@trials(60, suppress_health_check=[HealthCheck.too_slow])
def test_the_least_failure_is_that_of_brute_force_or_proven_too_much(data: st.DataObject) -> None:
    instance = data.draw(instances(max_devices=4, max_students=2, success=True))
    best = oracle.best(instance, "failure")
    for method in (data.draw(st.sampled_from(["auto", "exact"])),):
        result = ro.solve(instance, method, "failure")
        assert result.termination == ("infeasible" if best is None else "optimal")
        assert (result.plan is None) == (best is None)
        if best is not None:
            assert result.objective_value == pytest.approx(best[0], rel=1e-9, abs=1e-300)


# Each method and each objective once.
FEW_PAIRS = [
    ("exact", "guaranteed"),
    ("greedy", "expected"),
    ("lp-rounding", "nominal"),
    ("auto", "missing"),
    ("exact", "failure"),
    ("milp", "worst"),
    ("greedy", "quantile"),
    ("local-search", "nominal"),
]


@pytest.mark.parametrize(("method", "objective"), cases(FEW_PAIRS[:3], FEW_PAIRS))
def test_a_surer_plan_is_found_where_the_best_one_misses_it(method: str, objective: str) -> None:
    instance = edge(min_success=0.99, success_level=0.9)
    without = ro.solve(edge(success_level=0.9), method, objective, latency_only=True)
    result = ro.solve(instance, method, objective, latency_only=True)
    assert ro.check(instance, result.plan) == ()
    assert result.metrics.success_probability >= 0.99
    assert without.lower_bound is None or result.lower_bound >= without.lower_bound * (1 - 1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "objective"), [("exact", "failure")])
def test_out_of_reach_is_proven_with_what_can_be_had(
    method: str, objective: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is said must not depend on how busy the machine is.
    monkeypatch.setattr("rocoin_opt.planning.conflicts.why_not.MOST_SECONDS", math.inf)
    result = ro.solve(edge(min_success=0.9999, success_level=0.9), method, objective)
    assert result.termination == "infeasible"
    reason, clash, remedy, _ = result.reasons
    assert clash.startswith("conflict: min_success 0.9999 and max_filters of the students cannot hold together")
    assert remedy == "remedy: with min_success 0.99344 instead of 0.9999 there is a plan"
    assert reason == "min_success: no plan answers with a probability above 0.9935; 0.9999 is required"


@pytest.mark.slow
def test_the_bound_that_is_told_stays_below_what_is_asked_for() -> None:
    best = least_failure("edge-12-1")
    wanted = 1.0 - best + 2e-9
    (reason,) = ro.solve(edge(min_success=wanted), "exact", "failure", explain=False).reasons
    told = float(reason.split("above ")[1].split(";")[0])
    assert 1.0 - best <= told < wanted


@pytest.mark.parametrize("method", BLIND)
def test_baselines_plan_blind_and_say_what_they_miss(method: str) -> None:
    instance = pairs().with_requirements(min_success=1.0, max_group_outage=1.0)
    result = ro.solve(instance, method)
    assert (result.termination, result.plan) == ("no_plan", None)
    assert result.reasons[0].startswith("groups: min_success: found 0.")


def test_a_comparison_scores_them_apart() -> None:
    instance = edge(min_success=0.99)
    results = ro.compare(instance, ["rocoin", "nonn", "exact"])
    assert [result.method for result in results] == ["rocoin", "rocoin", "nonn", "nonn", "exact"]
    assert [result.plan is None for result in results] == [True, False, True, False, False]
    asked = [(r.instance.requirements.min_success, r.instance.requirements.max_group_outage) for r in results]
    assert asked == [(0.99, 0.05), (None, 0.05), (0.99, 0.05), (None, 1.0), (0.99, 0.05)]


def test_without_the_wish_comparisons_are_as_before() -> None:
    results = ro.compare(edge(), ["rocoin", "nonn"])
    assert [result.instance.requirements.max_group_outage for result in results] == [0.05, 0.05, 1.0]


def test_a_method_of_ones_own_plans_blind_unless_it_says_who_is_surer() -> None:
    instance = edge(min_success=0.99)
    given_plan = ro.solve(edge(), "exact", prefer="work").plan
    mine = ro.Method("mine", lambda *_: Outcome(given_plan), OBJECTIVES, "a plan by hand")
    result = ro.solve(instance, mine)
    assert result.termination == "no_plan"
    assert result.reasons[0].startswith("groups: min_success: found 0.9")
    helped = dataclasses.replace(mine, surer=ro.METHODS["exact"].surer)
    assert ro.check(instance, ro.solve(instance, helped, latency_only=True).plan) == ()


@pytest.mark.slow
def test_a_start_that_is_sure_enough_is_never_given_up() -> None:
    instance = edge(min_success=0.993)
    start = ro.solve(instance, "exact", "failure", latency_only=True).plan
    for method in ("exact", "local-search", "milp"):
        result = ro.solve(instance, method, start=start, time_limit=0.0)
        assert ro.check(instance, result.plan) == ()
        assert result.objective_value <= value_of(instance, start, "guaranteed")


@pytest.mark.slow
def test_a_start_that_misses_it_is_repaired() -> None:
    start = ro.solve(edge(), "exact", prefer="work").plan
    result = ro.solve(edge(min_success=0.99), "exact", start=start, latency_only=True)
    assert ro.check(result.instance, result.plan) == ()
    assert result.repair.repaired
    assert result.repair.violations[0].startswith("groups: min_success")


@pytest.mark.slow
def test_what_comes_behind_latency_does_not_give_it_up() -> None:
    # The plan of least latency as the method found it is just sure enough; what is sought behind it is not.
    first = ro.solve(edge(), "exact", latency_only=True).plan
    sure = value_of(edge(), first, "failure")
    settled = ro.solve(edge(), "exact", prefer="work").plan
    assert value_of(edge(), settled, "failure") > sure
    instance = edge(min_success=1.0 - sure)
    result = ro.solve(instance, "exact", prefer="work")
    assert result.termination == "optimal"
    assert ro.check(instance, result.plan) == ()


@pytest.mark.slow
def test_a_plan_that_keeps_it_is_still_proven() -> None:
    without = ro.solve(edge(), "exact")
    result = ro.solve(edge(min_success=0.5), "exact")
    assert (result.plan, result.termination) == (without.plan, without.termination)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "objective"),
    cases([("greedy", "failure")], [("auto", "failure"), ("auto", "guaranteed"), ("greedy", "guaranteed")]),
)
def test_laws_are_honoured_too(method: str, objective: str) -> None:
    instance = ro.generate("edge", devices=4, slowdowns=True, seed=1)
    for wanted in (0.3, 0.999999):
        asked = instance.with_requirements(min_success=wanted)
        result = ro.solve(asked, method, objective, explain=False)
        assert result.plan is None or ro.check(asked, result.plan) == ()
        assert wanted < 0.99 or result.plan is None
        assert wanted > 0.3 or result.plan is not None


def test_without_time_for_the_value_there_is_no_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rocoin_opt.planning.min_success.can_be_valued", lambda *_: False)
    request = Request(edge(min_success=0.5), Control(), "exact")
    outcome = with_min_success(request, Outcome(ro.solve(edge(), "greedy").plan, 1.0))
    assert outcome == Outcome(
        None, 1.0, reasons=("min_success: the time was up before the success of the plan was computed",)
    )


def test_a_share_of_the_time_is_kept_for_a_surer_plan() -> None:
    for requirements, method, kept in (
        ({}, "exact", False),
        ({"min_success": 0.5}, "exact", True),
        ({"min_success": 0.5}, "rocoin", False),
    ):
        request = Request(edge(**requirements), Control.starting_now(time_limit=100.0), method)
        assert (with_time_kept(request).control.deadline < request.control.deadline - 20.0) == kept
    unlimited = Request(edge(min_success=0.5), Control(), "exact")
    assert with_time_kept(unlimited) is unlimited


@pytest.mark.slow
def test_a_gap_that_ends_the_search_early_does_not_end_this_one() -> None:
    best = least_failure("edge-12-1")
    result = ro.solve(edge(min_success=1.0 - best * (1 + 1e-6)), "exact", "failure", gap=100.0, latency_only=True)
    assert result.plan is not None
    assert ro.check(result.instance, result.plan) == ()


def test_expansions_ask_for_it_with_every_device() -> None:
    instance = pairs().with_requirements(min_success=0.9)
    for found in ro.expansions(instance, "exact"):
        for result in (found.before, found.after):
            assert result.plan is None or ro.check(result.instance, result.plan) == ()


def test_simpler_plans_keep_it_where_they_keep_their_limits() -> None:
    instance = edge(min_success=0.99)
    plan = ro.solve(instance, "exact").plan
    found = ro.simplifications(instance, plan)
    for witness in (found.one_device, found.without_redundancy):
        assert witness is None or witness.keeps_limit == (ro.check(instance, witness.plan) == ())


@pytest.mark.slow
def test_commands_keep_it_or_tell(run, tmp_path) -> None:
    given, plan, asked = (tmp_path / name for name in ("given.json", "p.plan.json", "asked.json"))
    ro.write_instance(given, pairs())
    assert run("solve", given, "--out", plan)[0] == 0
    claims = json.loads(plan.read_text())
    document = json.loads(given.read_text())
    document["requirements"]["min_success"] = 1.0
    asked.write_text(json.dumps(document))
    status, out, _ = run("check", asked, plan)
    success = claims["metrics"]["success_probability"]
    assert (status, out.split(" found ")[0]) == (1, "groups: min_success:")
    assert success < 1.0
    status, out, _ = run("solve", asked)
    assert status == 3
    assert "an answer with probability 1.0 at least" in out
    assert "min_success: no plan answers with a probability above 0.99" in out
    claims["instance"]["sha256"] = ro.read_instance(asked).sha256
    plan.write_text(json.dumps(claims))
    status, out, _ = run("solve", asked, "--start", plan)
    assert (status, "start: could not be repaired, and was set aside: groups: min_success" in out) == (3, True), out
    status, out, _ = run("compare", asked, "--methods", "rocoin,nonn,exact")
    assert "scored without" in out
    assert "min_success of 1.0" in out
    document["requirements"]["min_success"] = success
    asked.write_text(json.dumps(document))
    assert run("solve", asked, "--out", plan)[0] == 0
    assert run("check", asked, plan)[0] == 0
    document["requirements"]["min_success"] = 95
    asked.write_text(json.dumps(document))
    assert (
        "asked.json: requirements.min_success: found 95; allowed: a number of at most 1" in run("check", asked, plan)[2]
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "name"),
    [
        ("greedy", "edge-12-1"),
        ("exact", "edge-12-1"),
        ("auto", "sbc-12-0"),
        ("milp", "edge-12-1"),
        ("local-search", "edge-12-1"),
    ],
)
def test_a_gap_leaves_a_plan_that_is_sure_enough_for_failure_too(method: str, name: str) -> None:
    instance = ro.read_instance(f"instances/{name.split('-')[0]}/{name}.json")
    asked = instance.with_requirements(min_success=1.0 - 1.001 * least_failure(name))
    result = ro.solve(asked, method, "failure", gap=0.9, latency_only=True)
    assert result.plan is None or ro.check(asked, result.plan) == ()
    assert result.termination != "infeasible"
    assert result.plan is not None or method not in ("auto", "exact")


def shared(seed: int) -> tuple[ro.Instance, float]:
    """A tiny instance on channels with failure domains, and the least failure probability of its plans."""
    for other in itertools.count(10 * seed):
        instance = random_queues(other, domains=True)
        plans = QueueOracle(instance)
        if instance.shared_channels and (found := list(plans.decisions(feasible_only=True))):
            least = min(float(plans.figures(blocks)["failure"] or 0.0) for blocks in found)
            if 0.0 < least < 1.0:
                return instance, least
    raise AssertionError


@pytest.mark.parametrize(
    ("seed", "method", "objective"),
    cases(
        [],
        [
            (5, "auto", "guaranteed"),
            (5, "greedy", "expected"),
            (8, "exact", "failure"),
            (3, "auto", "guaranteed"),
            (2, "local-search", "worst"),
        ],
    ),
)
def test_on_channels_a_sure_plan_is_found_or_the_surest_one_told(
    seed: int, method: str, objective: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rocoin_opt.planning.methods.channels.MOST_STEPS", 60)
    instance, least = shared(seed)
    kept = instance.with_requirements(min_success=1.0 - least)
    result = ro.solve(kept, method, objective, latency_only=True, explain=False)
    assert result.plan is not None
    assert ro.check(kept, result.plan) == ()
    missed = instance.with_requirements(min_success=1.0 - least * (1.0 - 1e-6))
    result = ro.solve(missed, method, objective, latency_only=True, explain=False)
    assert result.plan is None
    # With links of their own devices may be sure enough: then nothing is proven.
    assert result.termination in ("infeasible", "no_plan")
    assert "min_success: " in result.reasons[0]
    assert result.termination == "infeasible" or "the most reliable plan found fails with" in result.reasons[0]


def test_on_channels_the_bound_with_links_of_ones_own_proves_that_no_plan_is_sure_enough() -> None:
    instance = pairs()
    one = [device.model_dump(exclude_unset=True) | {"channel": "air"} for device in instance.devices]
    given = {**instance.model_dump(exclude_unset=True), "devices": one, "channels": [{"id": "air"}]}
    asked = ro.Instance.model_validate(given).with_requirements(min_success=1.0)
    told: list[str] = []
    result = ro.solve(asked, "exact", explain=False, report=lambda progress: told.append(progress.phase))
    assert result.termination == "infeasible"
    assert result.reasons[0].startswith("min_success: no plan answers with a probability above 0.")
    assert told[0] == "success"


def test_where_a_search_under_rules_finds_no_plan_the_surest_one_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    instance = edge(min_success=0.9999)
    instance = instance.with_fields(rules=(ro.Rule(apart=tuple(device.id for device in instance.devices[:2])),))
    request = Request(instance, Control(), "local-search")
    surest = ro.solve(edge(), "greedy", latency_only=True).plan
    monkeypatch.setattr("rocoin_opt.planning.min_success._surest_of_all", lambda *_: Outcome(surest, 1e-6))
    outcome = with_min_success(request, Outcome(None, 1.0, reasons=("nothing found",)))
    assert outcome.plan is None
    assert outcome.lower_bound == 1.0
    assert outcome.reasons[0].startswith("min_success: the most reliable plan found fails with probability 0.")
    assert "at most 0.0001 is allowed: require less, or search longer" in outcome.reasons[0]
