"""Replanning beside brute force: value, bytes, loads, bounds, what is proven impossible, and what is refused."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import oracle
from examples import pairs, two_pairs
from replan_oracle import changes, fewest_loads
from rocoin_opt.errors import CertificateError, InputError, UnsupportedError
from rocoin_opt.exact import replanning_search as continuation_search
from rocoin_opt.exact.replanning_search import Replanned, ReplanningSearch
from rocoin_opt.failure.validity import check
from rocoin_opt.instance.generate import generate
from rocoin_opt.knowledge.sizes import contiguous_partition
from rocoin_opt.plan.filters import with_filters
from rocoin_opt.plan.model import Group, Plan
from rocoin_opt.planning import replan as replanning
from rocoin_opt.planning.replan import replan, without_devices
from rocoin_opt.planning.solve import solve
from samples import cases, trials
from strategies import instances, valid_plans

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn

    from rocoin_opt.instance.model import Instance
    from rocoin_opt.plan.latency import Objective

OBJECTIVES: tuple[Objective, ...] = ("guaranteed", "nominal", "worst")
TINY = {"max_devices": 5, "max_students": 2, "max_filters": 4}


@st.composite
def losses(draw: DrawFn) -> tuple[Instance, Plan, tuple[str, ...]]:
    """A tiny instance, a plan for it with or without filters, and devices that are lost, not all of them."""
    instance = draw(instances(**TINY))
    devices = [device.id for device in instance.devices]
    assume(len(devices) > 1)
    plan = draw(valid_plans(instance))
    if draw(st.booleans()):
        plan = with_filters(instance, plan, contiguous_partition(plan.sizes))
    lost = draw(st.lists(st.sampled_from(devices), max_size=len(devices) - 1, unique=True))
    return instance, plan, tuple(lost)


@given(losses(), st.sampled_from(OBJECTIVES), st.none() | st.integers(0, 4))
@trials(80)
def test_value_bytes_and_loads_equal_brute_force(case, objective: Objective, max_loads: int | None) -> None:
    instance, plan, lost = case
    left = without_devices(instance, lost)
    found = replan(instance, plan, lost, max_loads=max_loads, objective=objective)
    every = list(changes(left, plan, objective))
    allowed = [change for change in every if max_loads is None or change.loads <= max_loads]
    if not allowed:
        assert (found.termination, found.plan, found.objective_value) == ("infeasible", None, None)
        assert found.reasons
        assert found.fewest_loads == min((change.loads for change in every), default=None)
        return
    assert found.plan is not None
    assert found.termination == "optimal"
    assert check(left, found.plan) == ()
    assert oracle.is_feasible(left, found.plan)
    assert found.plan.groups[0].filters is None or plan.groups[0].filters is not None
    value = min(change.value for change in allowed)
    assert found.objective_value == pytest.approx(value, rel=1e-12)
    assert found.lower_bound == found.objective_value
    loads, shipped = fewest_loads(left, plan, found.plan)
    assert (len(found.loads), found.shipped_bytes) == (loads, pytest.approx(shipped))
    assert max_loads is None or loads <= max_loads
    least = min(change.shipped for change in allowed if change.value <= value * (1 + 1e-12))
    assert found.shipped_bytes == pytest.approx(least, abs=1e-4)
    assert least - 1e-3 <= found.bytes_bound <= least + 1e-9
    free = min(change.value for change in every)
    assert found.unrestricted_value == pytest.approx(free, rel=1e-12)


@given(losses(), st.sampled_from(OBJECTIVES))
@trials(10)
@pytest.mark.slow
def test_more_loads_never_hurt(case, objective: Objective) -> None:
    instance, plan, lost = case
    values = []
    for max_loads in (0, 1, 2, 3, len(instance.devices), None):
        found = replan(instance, plan, lost, max_loads=max_loads, objective=objective)
        values.append(math.inf if found.objective_value is None else found.objective_value)
    assert values == sorted(values, reverse=True)
    assert values[-1] == values[-2]
    free = solve(without_devices(instance, lost), objective=objective).objective_value
    assert values[-1] == (math.inf if free is None else free)


@pytest.fixture(scope="module")
def fleet() -> tuple[Instance, Plan, str]:
    """A fleet with spares, its best plan, and a device of it whose loss costs something."""
    instance = generate("mcu", devices=12, seed=0)
    plan = solve(instance, prefer="work").plan
    assert plan is not None
    return instance, plan, plan.groups[0].devices[0]


def test_without_losses_the_best_plan_stays(fleet) -> None:
    instance, plan, _ = fleet
    found = replan(instance, plan, max_loads=0)
    assert (found.plan, found.loads, found.termination) == (plan, (), "optimal")
    assert found.shipped_bytes == found.bytes_bound == 0.0


def test_a_lost_spare_costs_nothing(fleet) -> None:
    instance, plan, _ = fleet
    found = replan(instance, plan, [plan.spares[0]], max_loads=0)
    assert found.plan is not None
    assert found.plan.groups == plan.groups


@pytest.mark.slow
def test_a_fleet_is_mended_with_few_loads(fleet) -> None:
    instance, plan, lost = fleet
    results = [replan(instance, plan, [lost], max_loads=number) for number in (1, 2, 3)]
    values = [found.objective_value for found in results]
    assert values == sorted(values, reverse=True)
    assert values[0] > values[-1]
    assert all(found.termination == "optimal" for found in results)
    for number, found in enumerate(results, start=1):
        assert found.plan is not None
        assert len(found.loads) <= number
        assert check(found.instance, found.plan) == ()
        assert lost not in {device.id for device in found.instance.devices}
        assert found.bytes_bound == pytest.approx(found.shipped_bytes, rel=1e-4)
    none = replan(instance, plan, [lost], max_loads=0)
    assert (none.termination, none.fewest_loads) == ("infeasible", 1)
    assert "1 would do" in none.reasons[0]


@pytest.mark.slow
def test_the_same_arguments_give_the_same_plan(fleet) -> None:
    instance, plan, lost = fleet
    one, other = (replan(instance, plan, [lost], max_loads=2, seed=3) for _ in range(2))
    assert (one.plan, one.loads, one.lower_bound) == (other.plan, other.loads, other.lower_bound)


def test_survivors_stay_where_they_ran() -> None:
    """d2 is not needed once d3 is lost from a group of three, but it runs the student already."""
    instance = two_pairs()
    plan = Plan.of(instance, [Group(devices=("d0", "d1", "d2", "d3"), student="s", num_filters=4)])
    found = replan(instance, plan, ["d3"], max_loads=0)
    assert found.plan is not None
    assert found.plan.groups[0].devices == ("d0", "d1", "d2")
    assert found.plan.spares == ()


def test_worst_keeps_no_survivor_that_comes_later() -> None:
    instance = pairs()
    plan = Plan.of(instance, [Group(devices=("d0", "d2", "d3"), student="s3", num_filters=5)])
    slow = replan(instance, plan, objective="guaranteed", max_loads=0)
    fast = replan(instance, plan, objective="worst", max_loads=0)
    assert slow.plan is not None
    assert fast.plan is not None
    assert slow.plan.groups[0].devices == ("d0", "d2", "d3")
    assert fast.plan.groups[0].devices == ("d2", "d3")


@pytest.mark.slow
def test_groups_that_go_on_keep_their_filters() -> None:
    instance = generate("sbc", devices=10, seed=1, filters=12, max_groups=4, graph=True)
    plan = solve(instance).plan
    assert plan is not None
    mended = [replan(instance, plan, [device], max_loads=3) for device in plan.groups[0].devices]
    assert any(found.plan is not None for found in mended)
    for found in mended:
        assert found.plan is not None
        assert check(found.instance, found.plan) == ()
        loaded = {load.device for load in found.loads}
        before = {device: group for group in plan.groups for device in group.devices}
        for group in found.plan.groups:
            for device in set(group.devices) - loaded:
                assert (before[device].student, before[device].filters) == (group.student, group.filters)


@pytest.mark.parametrize("graph", cases([True], [False]))
def test_new_parts_share_the_filters_that_are_left(graph: bool) -> None:
    """Without a limit on loads several groups are new; with explicit filters before, all filters are explicit after."""
    instance = generate("sbc", devices=10, seed=1, filters=12, max_groups=4, graph=graph)
    plan = solve(instance, explicit_filters=True).plan
    assert plan is not None
    found = replan(instance, plan, [device for group in plan.groups[:2] for device in group.devices])
    assert found.plan is not None
    assert check(found.instance, found.plan) == ()
    before = {group.filters for group in plan.groups}
    new = [group for group in found.plan.groups if group.filters not in before]
    assert len(new) > 1
    assert {device for group in new for device in group.devices} <= {load.device for load in found.loads}


def test_joined_devices_may_be_missing_in_the_plan() -> None:
    instance = two_pairs()
    plan = Plan.of(without_devices(instance, ["d2", "d3"]), [Group(devices=("d0", "d1"), student="s", num_filters=4)])
    with pytest.raises(InputError, match="spares"):
        replan(instance, plan)
    found = replan(instance, plan, joined=["d2", "d3"], max_loads=1)
    assert found.before.spares == found.joined == ("d2", "d3")
    assert (found.objective_value, len(found.loads)) == (7.0, 0)
    # A new group of the two that joined, and the old group with half of the filters: four loads.
    better = replan(instance, plan, joined=["d2", "d3"])
    assert (better.objective_value, len(better.loads)) == (5.0, 4)


def test_nothing_left_to_serve_is_infeasible_with_reasons() -> None:
    instance = two_pairs()
    plan = Plan.of(instance, [Group(devices=("d0", "d1"), student="s", num_filters=4)])
    found = replan(instance, plan, ["d0", "d1", "d2"])
    assert (found.termination, found.plan, found.lower_bound, found.gap) == ("infeasible", None, None, None)
    assert "reliability" in found.reasons[0]


def test_the_model_proves_that_nothing_is_left_to_serve_too(monkeypatch: pytest.MonkeyPatch) -> None:
    instance = two_pairs()
    plan = Plan.of(instance, [Group(devices=("d0", "d1"), student="s", num_filters=4)])
    true_answer = replanning.answer

    def unfinished(*arguments, **options):
        return replace(true_answer(*arguments, **options), termination="no_plan", lower_bound=None, reasons=())

    monkeypatch.setattr(replanning, "answer", unfinished)
    found = replan(instance, plan, ["d0", "d1", "d2"])
    assert (found.termination, found.plan, found.fewest_loads) == ("infeasible", None, None)
    assert "keep all limits at once" in found.reasons[0]


def test_no_time_still_mends_where_spares_fill_the_gaps(fleet) -> None:
    instance, plan, lost = fleet
    found = replan(instance, plan, [lost], time_limit=0.0)
    assert found.plan is not None
    assert found.termination in ("feasible", "optimal")
    assert found.lower_bound <= found.objective_value
    assert check(found.instance, found.plan) == ()
    stopped = replan(instance, plan, [lost], max_loads=0, time_limit=0.0)
    assert (stopped.termination, stopped.plan) == ("no_plan", None)
    assert "stopped" in stopped.reasons[0]


@pytest.mark.slow
def test_progress_is_told(fleet) -> None:
    instance, plan, lost = fleet
    told = []
    found = replan(instance, plan, [lost], max_loads=2, report=told.append)
    assert told[-1].value == told[-1].bound == found.objective_value


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"lost": ["d9"]}, "a device of the instance"),
        ({"lost": ["d0", "d0"]}, "each device once"),
        ({"lost": ["d0", "d1", "d2", "d3"]}, "at least one device left"),
        ({"joined": ["d0"]}, "a device in no group of the plan"),
        ({"joined": ["d3"], "lost": ["d3"]}, "a device that is not lost"),
        ({"max_loads": -1}, "a whole number, at least 0"),
        ({"max_loads": True}, "a whole number, at least 0"),
        ({"max_loads": 1.5}, "a whole number, at least 0"),
        ({"threads": 0}, "threads"),
    ],
)
def test_options_out_of_range_are_refused(arguments, message: str) -> None:
    instance = two_pairs()
    plan = Plan.of(instance, [Group(devices=("d0", "d1"), student="s", num_filters=4)])
    with pytest.raises(InputError, match=message):
        replan(instance, plan, **arguments)


def test_an_invalid_plan_is_refused() -> None:
    instance = two_pairs()
    plan = Plan.of(instance, [Group(devices=("d0",), student="s", num_filters=4)])
    with pytest.raises(InputError, match="outage"):
        replan(instance, plan)


def test_chance_is_refused_unless_it_is_lost() -> None:
    instance = two_pairs()
    plan = Plan.of(instance, [Group(devices=("d0", "d1"), student="s", num_filters=4)])
    with pytest.raises(UnsupportedError, match="expected"):
        replan(instance.with_requirements(deadline_seconds=9.0), plan, objective="expected")
    with pytest.raises(UnsupportedError, match="deadline"):
        replan(instance, plan, objective="expected")
    random = instance.model_dump()
    random["devices"][3]["compute_slowdown"] = {"law": "lognormal", "sigma": 0.5}
    jittery = type(instance).model_validate(random)
    with pytest.raises(UnsupportedError, match="d3"):
        replan(jittery, plan)
    assert replan(jittery, plan, ["d3"]).plan is not None
    shared = instance.model_dump()
    shared["failure_domains"] = [{"id": "ap", "failure_probability": 0.0}]
    shared["devices"][0]["failure_domain"] = "ap"
    # A domain that never fails changes nothing.
    assert replan(type(instance).model_validate(shared), plan).plan == replan(instance, plan).plan


@pytest.mark.parametrize("falsehood", ["plan", "infeasible", "loads", "bound"])
def test_nothing_that_the_search_says_is_believed(falsehood: str, monkeypatch) -> None:
    instance = two_pairs()
    plan = Plan.of(instance, [Group(devices=("d0", "d1"), student="s", num_filters=4)])
    true_run = ReplanningSearch.run

    def run(self, starts) -> Replanned:
        mended = true_run(self, starts)
        assert mended.plan is not None
        broken = Plan.of(self.instance, [mended.plan.groups[0].model_copy(update={"devices": ("d1",)})])
        moved = Plan.of(self.instance, [mended.plan.groups[0].model_copy(update={"devices": ("d2", "d3")})])
        changed = {
            "plan": {"plan": broken},
            "infeasible": {"infeasible": True},
            "loads": {"plan": moved},
            "bound": {"lower_bound": 2.0 * mended.lower_bound},
        }
        return replace(mended, **changed[falsehood])

    monkeypatch.setattr(continuation_search.ReplanningSearch, "run", run)
    with pytest.raises(CertificateError, match="replan returned"):
        replan(instance, plan, max_loads=0)
