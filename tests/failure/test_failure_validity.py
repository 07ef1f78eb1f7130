"""What is asked of a plan as a whole: ``min_success``, checked by the one evaluator under laws and domains too."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

import oracle
import rocoin_opt as ro
from house import FILES
from rocoin_opt.failure.evaluation import value_of
from rocoin_opt.failure.validity import check, missed_success
from rocoin_opt.instance.model import Instance
from rocoin_opt.instance.tolerances import complement, keeps_limit
from rocoin_opt.plan.model import Group, Plan
from rocoin_opt.plan.validity import Violation, structural_violations
from samples import trials
from strategies import instances, structured_plans, wild_plans

if TYPE_CHECKING:
    from collections.abc import Callable

SEARCHES = ("rocoin_opt.heuristics.", "rocoin_opt.exact.")


def fleet(probability: float = 0.1, **requirements: Any) -> Instance:
    """Four equal devices that crash with one probability, and a student for two filters."""
    device = {"flops_per_second": 1.0, "memory_bytes": 9, "uplink_bits_per_second": 1.0}
    return Instance.model_validate(
        {
            "name": "four",
            "devices": [{"id": f"d{n}", "failure_probability": probability, **device} for n in range(4)],
            "students": [{"id": "s", "flops": 1, "flops_per_filter": 1, "memory_bytes": 1, "max_filters": 2}],
            "knowledge": {"num_filters": 2, "bits_per_filter": 0},
            "requirements": {"max_group_outage": 0.2, **requirements},
        }
    )


def halves(*groups: str, spares: str = "") -> Plan:
    """A filter for each group of devices, by their digits."""
    made = [Group(devices=tuple(f"d{n}" for n in devices), student="s", num_filters=1) for devices in groups]
    return Plan(groups=tuple(made), spares=tuple(f"d{n}" for n in spares))


@given(st.data())
@trials(200, suppress_health_check=[HealthCheck.too_slow])
def test_no_violation_exactly_where_fractions_say_so(data: st.DataObject) -> None:
    drawn = data.draw(instances(max_devices=3, max_students=2, max_filters=3, domains=True, success=True))
    for plan in oracle.all_plans(drawn):
        assert (check(drawn, plan) == ()) == oracle.is_feasible(drawn, plan)


@given(st.data())
@trials(40, suppress_health_check=[HealthCheck.too_slow])
def test_laws_and_domains_are_judged_by_the_evaluator(data: st.DataObject) -> None:
    drawn = data.draw(instances(max_devices=4, domains=True, slowdowns=True, success=True))
    plan = data.draw(structured_plans(drawn))
    wanted = drawn.requirements.min_success
    assert wanted is not None
    kept = keeps_limit(value_of(drawn, plan, "failure"), complement(wanted))
    assert (missed_success(drawn, plan) is None) == kept
    assert [v for v in check(drawn, plan) if v.rule != "min_success"] == list(structural_violations(drawn, plan))
    assert any(v.rule == "min_success" for v in check(drawn, plan)) == (not kept)


@given(st.data())
@trials(100)
def test_any_plan_gets_an_answer(data: st.DataObject) -> None:
    drawn = data.draw(instances(domains=True, success=True))
    plan = data.draw(wild_plans(drawn))
    broken = structural_violations(drawn, plan)
    found = check(drawn, plan)
    assert found[: len(broken)] == broken
    assert {violation.rule for violation in found[len(broken) :]} <= {"min_success"}


@pytest.mark.parametrize(
    ("wanted", "groups", "probability", "kept"),
    [
        (0.81, ("0", "1"), 0.1, True),
        (0.8100001, ("0", "1"), 0.1, False),
        (0.9801, ("01", "23"), 0.1, True),
        (0.98010001, ("01", "23"), 0.1, False),
        (0.49, ("0", "1"), 0.3, True),
        (0.0, ("0", "1"), 1 - 2**-50, True),
        (1.0, ("0", "1"), 0.0, True),
        (1.0, ("01", "23"), 1e-200, False),
    ],
)
def test_exact_products_keep_the_limit(wanted: float, groups: tuple[str, ...], probability: float, kept: bool) -> None:
    given_instance = fleet(probability, max_group_outage=1.0, min_success=wanted)
    plan = halves(*groups, spares="" if len(groups[0]) == 2 else "23")
    assert (check(given_instance, plan) == ()) == kept


@pytest.mark.parametrize(("deadline", "missed"), [(1.0, True), (2.0, False), (None, False)])
def test_only_answers_by_the_deadline_count(deadline: float | None, missed: bool) -> None:
    given_instance = fleet(deadline_seconds=deadline, min_success=0.5)
    found = check(given_instance, halves("01", "23"))
    assert found == ((Violation("min_success", "groups", 0.0, 0.5),) if missed else ())


def test_a_violation_says_what_was_found_and_what_is_asked_for() -> None:
    (violation,) = check(fleet(min_success=0.99), halves("0", "1", spares="23"))
    assert str(violation) == "groups: min_success: found 0.81, allowed 0.99 (by 0.18)"
    (violation,) = check(fleet(1e-9, min_success=0.999999999), halves("0", "1", spares="23"))
    assert str(violation) == "groups: min_success: found 0.999999998, allowed 0.999999999 (by 1e-09)"
    (violation,) = check(fleet(1e-20, min_success=1.0), halves("0", "1", spares="23"))
    assert str(violation) == "groups: min_success: found 1 - 2e-20, allowed 1"


def test_domains_that_groups_share_are_no_product() -> None:
    fields = fleet(0.0, min_success=0.85).model_dump(exclude_none=True)
    fields["failure_domains"] = [{"id": "ap", "failure_probability": 0.1}]
    for device in fields["devices"]:
        device["failure_domain"] = "ap"
    shared = Instance.model_validate(fields)
    # Both groups fail together: 0.9, where a product would be 0.81.
    assert check(shared, halves("01", "23")) == ()
    assert check(shared.with_requirements(min_success=0.91), halves("01", "23"))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda plan: Plan(groups=(), spares=("d0", "d1", "d2", "d3")),
        lambda plan: Plan(groups=(*plan.groups, plan.groups[0]), spares=plan.spares),
        lambda plan: Plan(groups=(plan.groups[0].model_copy(update={"student": "t"}), *plan.groups[1:])),
        lambda plan: Plan(groups=(plan.groups[0].model_copy(update={"devices": ()}), *plan.groups[1:])),
    ],
)
def test_of_what_cannot_be_computed_the_rules_alone_are_told(spoil: Callable[[Plan], Plan]) -> None:
    given_instance, plan = fleet(min_success=1.0), spoil(halves("01", "23"))
    assert check(given_instance, plan) == structural_violations(given_instance, plan) != ()


def test_a_plan_that_only_misses_limits_is_told_all_of_them() -> None:
    found = check(fleet(min_success=0.99, max_group_outage=0.05), halves("0", "12", spares="3"))
    assert [violation.rule for violation in found] == ["outage", "min_success"]


def test_without_a_wish_nothing_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rocoin_opt.failure.validity.value_of", lambda *_: pytest.fail("computed in vain"))
    assert check(fleet(), halves("0", "1", spares="23")) == ()


def test_a_plan_that_misses_it_can_be_assessed_all_the_same() -> None:
    given_instance = fleet(min_success=0.999)
    assert ro.assess(given_instance, halves("0", "1", spares="23")).success_probability == pytest.approx(0.81)


def test_only_searches_ask_for_the_rules_of_groups_and_parts_alone() -> None:
    """Their plans are checked as a whole behind them; assessments are of plans that miss requirements too."""
    users = {
        module
        for module, path in FILES.items()
        if re.search(r"\bstructural_violations\b", path.read_text(encoding="utf-8"))
        and not module.startswith((*SEARCHES, "rocoin_opt.plan."))
    }
    planning = {
        "behind_latency",
        "conflicts.any_plan",
        "conflicts.why_not",
        "methods.channels",
        "methods.restricted",
        "most_groups",
        "request",
        "workers.member",
    }
    assert users == {
        "rocoin_opt.failure.assessment",
        "rocoin_opt.failure.validity",
        # With a queue each replica is taken away in earnest, and what is left may be no plan.
        "rocoin_opt.failure.what_if.replica_value",
        *(f"rocoin_opt.planning.{module}" for module in planning),
    }
