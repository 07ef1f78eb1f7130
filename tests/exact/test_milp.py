"""The method ``milp`` against the oracle, and at every end that a search can have."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given

import oracle
from checked import value_of
from rocoin_opt.control import Control, Progress
from rocoin_opt.errors import SolverError, UnsupportedError
from rocoin_opt.exact import milp as milp_module
from rocoin_opt.exact.milp import milp
from rocoin_opt.formulations import joint
from rocoin_opt.grouping.bounds import combinatorial_bound
from rocoin_opt.grouping.infeasible import reasons_for_infeasibility
from rocoin_opt.heuristics.baselines.random_plan import random_plan
from rocoin_opt.heuristics.greedy import greedy
from rocoin_opt.instance.generate import generate
from rocoin_opt.instance.model import Instance
from rocoin_opt.plan.model import Group, Plan
from samples import cases, trials
from strategies import instances

if TYPE_CHECKING:
    from pyomo.environ import ConcreteModel

    from rocoin_opt.highs.linear import Option
    from rocoin_opt.plan.latency import Objective

OBJECTIVES: tuple[Objective, ...] = ("guaranteed", "nominal", "worst")


@pytest.mark.parametrize(
    ("objective", "presolve"),
    cases(zip(OBJECTIVES, ("on", "off", "off"), strict=True), zip(OBJECTIVES, ("off", "on", "on"), strict=True)),
)
@given(instance=instances(max_devices=4, max_students=3, max_filters=5))
@trials(100, ways=3)
def test_it_finds_and_proves_the_best_of_all_plans(objective: Objective, presolve: str, instance: Instance) -> None:
    best = oracle.best(instance, objective)
    outcome = milp(instance, objective, Control.starting_now(), options={"presolve": presolve})
    if best is None:
        assert outcome.infeasible
        assert outcome.plan is None
        return
    value = value_of(instance, outcome.plan, objective)
    assert value == pytest.approx(best[0], rel=1e-12)
    assert outcome.lower_bound == value


@pytest.mark.parametrize("objective", cases(["guaranteed"], OBJECTIVES))
@given(instance=instances(max_devices=4, max_students=2, max_filters=4))
@trials(25)
def test_any_start_leads_to_the_same_value(objective: Objective, instance: Instance) -> None:
    best = oracle.best(instance, objective)
    start = random_plan(instance, objective, Control.starting_now()).plan
    if best is None or start is None:
        return
    for plan in (start, best[1]):
        outcome = milp(instance, objective, Control.starting_now(), plan)
        assert outcome.lower_bound == value_of(instance, outcome.plan, objective) == pytest.approx(best[0], rel=1e-12)


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize(("family", "devices"), [("paper", 8), ("edge", 12), ("lossy", 12)])
def test_it_proves_optima_of_twelve_devices_in_seconds(family: str, devices: int, objective: Objective) -> None:
    instance = generate(family, devices=devices, seed=11)
    start = greedy(instance, objective, Control.starting_now()).plan
    outcome = milp(instance, objective, Control.starting_now(), start)
    value = value_of(instance, outcome.plan, objective)
    assert outcome.lower_bound == value
    assert value <= value_of(instance, start, objective)
    assert value >= (combinatorial_bound(instance, objective) or 0.0)


def test_without_time_the_start_is_kept() -> None:
    instance = generate("paper", devices=8, seed=1)
    start = random_plan(instance, "worst", Control.starting_now()).plan
    outcome = milp(instance, "worst", Control.starting_now(time_limit=0.0), start)
    assert outcome.plan == start
    assert outcome.lower_bound == combinatorial_bound(instance, "worst")
    nothing = milp(instance, "worst", Control.starting_now(time_limit=0.0))
    assert (nothing.plan, nothing.infeasible) == (None, False)


def test_a_stop_keeps_the_best_plan_and_a_valid_bound() -> None:
    instance = generate("edge", devices=24, seed=2)
    start = random_plan(instance, "worst", Control.starting_now()).plan
    told: list[Progress] = []

    def report(progress: Progress) -> None:
        told.append(progress)
        if progress.bound:
            control.stop.set()

    control = Control.starting_now(report=report)
    outcome = milp(instance, "worst", control, start)
    value = value_of(instance, outcome.plan, "worst")
    assert outcome.lower_bound is not None
    assert 0.0 < outcome.lower_bound <= value <= value_of(instance, start, "worst")
    assert told
    assert all(p.value is None or p.bound is None or p.bound <= p.value * (1 + 1e-6) for p in told)


@pytest.mark.slow
def test_a_stop_keeps_the_best_plan() -> None:
    instance = generate("edge", devices=30, seed=2)
    control = Control.starting_now(report=lambda _: control.stop.set(), time_limit=1e5)
    start = random_plan(instance, "worst", Control.starting_now()).plan
    outcome = milp(instance, "worst", control, start)
    assert control.elapsed < 5e4
    assert value_of(instance, outcome.plan, "worst") <= value_of(instance, start, "worst")


@pytest.mark.slow
def test_the_search_may_stop_at_a_gap() -> None:
    instance = generate("paper", devices=8, seed=3)
    start = random_plan(instance, "nominal", Control.starting_now()).plan
    outcome = milp(instance, "nominal", Control.starting_now(gap=0.9), start)
    assert outcome.lower_bound is not None
    assert outcome.lower_bound >= 0.1 * value_of(instance, outcome.plan, "nominal") * (1 - 1e-9)
    # A gap that the start meets already leaves nothing to do, although a better plan exists.
    assert milp(instance, "nominal", Control.starting_now(gap=0.999), start).plan == start
    best = milp(instance, "nominal", Control.starting_now(), start).plan
    assert value_of(instance, best, "nominal") < value_of(instance, start, "nominal")


@pytest.mark.slow
@pytest.mark.parametrize("objective", cases(["guaranteed"], OBJECTIVES))
def test_the_bound_of_a_stopped_search_lies_below_the_optimum(objective: Objective) -> None:
    instance = generate("paper", devices=6, seed=1)
    optimum = value_of(instance, milp(instance, objective, Control.starting_now()).plan, objective)
    start = random_plan(instance, objective, Control.starting_now()).plan
    for nodes in (1, 25):
        outcome = milp(instance, objective, Control.starting_now(), start, options={"mip_max_nodes": nodes})
        assert outcome.lower_bound is not None
        assert outcome.lower_bound <= optimum <= value_of(instance, outcome.plan, objective)


def hair(miss: float) -> Instance:
    """Two fast devices that miss the limit by a relative ``miss``, and a slow one that makes any group keep it."""
    device: dict[str, Any] = {"memory_bytes": 1.0, "uplink_bits_per_second": 1.0, "failure_probability": 0.1}
    rates = {"fast-a": 8.0, "fast-b": 4.0, "slow": 1.0}
    return Instance.model_validate(
        {
            "name": "hair",
            "devices": [{"id": name, "flops_per_second": rate, **device} for name, rate in rates.items()],
            "students": [{"id": "s", "flops": 8.0, "memory_bytes": 1.0, "max_filters": 1}],
            "knowledge": {"num_filters": 1, "bits_per_filter": 0.0},
            "requirements": {"max_group_outage": 0.01 * (1.0 - miss)},
        }
    )


@pytest.mark.parametrize(("objective", "kept", "missed"), [("guaranteed", 2, 8), ("worst", 2, 8), ("nominal", 1, 1)])
def test_a_group_that_misses_the_limit_by_a_hair_is_cut_off(objective: Objective, kept: int, missed: int) -> None:
    exact = milp(hair(0.0), objective, Control.starting_now())
    assert exact.lower_bound == value_of(hair(0.0), exact.plan, objective) == kept
    # Less than the solver can tell, more than rounding does.
    instance = hair(1e-8)
    outcome = milp(instance, objective, Control.starting_now())
    assert outcome.lower_bound == value_of(instance, outcome.plan, objective) == missed
    assert outcome.plan is not None
    assert len(outcome.plan.groups[0].devices) == 3


def test_no_better_plan_proves_the_start_optimal(monkeypatch: pytest.MonkeyPatch) -> None:
    instance = hair(0.0)
    start = Plan.of(instance, [Group(devices=("fast-a", "fast-b"), student="s", num_filters=1)])
    monkeypatch.setattr(milp_module, "combinatorial_bound", lambda *_: 0.0)
    outcome = milp(instance, "worst", Control.starting_now(), start)
    assert (outcome.plan, outcome.lower_bound) == (start, 2.0)


def test_infeasible_is_proven_by_the_model_too(monkeypatch: pytest.MonkeyPatch) -> None:
    instance = hair(0.0).with_requirements(max_group_outage=1e-4)
    assert milp(instance, "worst", Control.starting_now()).infeasible
    monkeypatch.setattr(milp_module, "combinatorial_bound", lambda *_: 0.0)
    assert milp(instance, "worst", Control.starting_now()).infeasible


def test_an_invalid_plan_of_the_model_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    instance = hair(0.0)
    wrong = Plan.of(instance, [Group(devices=("fast-a", "fast-b"), student="s", num_filters=2)])
    monkeypatch.setattr(milp_module.joint, "plan_of", lambda *_: wrong)
    with pytest.raises(SolverError, match="invalid plan"):
        milp(instance, "worst", Control.starting_now())


def test_a_plan_without_a_value_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(milp_module, "value_of", lambda *_: math.inf)
    with pytest.raises(SolverError, match="without a value"):
        milp(hair(0.0), "worst", Control.starting_now())


def test_the_expected_latency_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="expected"):
        milp(hair(0.0), "expected", Control.starting_now())


@pytest.mark.slow
def test_scaling_all_rates_scales_the_optimum() -> None:
    instance = generate("paper", devices=6, seed=4)
    for factor in (1e-6, 1e6):
        devices = tuple(
            device.model_copy(
                update={
                    "flops_per_second": device.flops_per_second * factor,
                    "uplink_bits_per_second": device.uplink_bits_per_second * factor,
                    "overhead_seconds": device.overhead_seconds / factor,
                }
            )
            for device in instance.devices
        )
        scaled = instance.model_copy(update={"devices": devices})
        scaled.__dict__.pop("arrays", None)
        slow, fast = (milp(i, "nominal", Control.starting_now()) for i in (instance, scaled))
        value = value_of(scaled, fast.plan, "nominal")
        assert fast.lower_bound == value
        assert value * factor == pytest.approx(value_of(instance, slow.plan, "nominal"), rel=1e-9)


def test_a_bad_option_reaches_the_caller() -> None:
    options: dict[str, Option] = {"presolv": "off"}
    with pytest.raises(SolverError, match="presolv"):
        milp(hair(0.0), "worst", Control.starting_now(), options=options)


def test_equal_seeds_give_equal_plans() -> None:
    instance = generate("edge", devices=10, seed=5)
    first, second = (milp(instance, "worst", Control.starting_now(seed=7)) for _ in range(2))
    assert first == second
    assert math.isfinite(value_of(instance, first.plan, "worst"))


def uneven(**requirements: object) -> Instance:
    """Eight devices whose shares add up to 4.41 groups, although only three groups keep the limit."""
    shares = (0.87, 0.74, 0.56, 0.54, 0.46, 0.42, 0.42, 0.40)
    fields: dict[str, object] = {
        "name": "uneven",
        "devices": [
            {
                "id": f"d{n}",
                "flops_per_second": 1.0 + n,
                "memory_bytes": 9,
                "uplink_bits_per_second": 8.0 - n,
                "failure_probability": 0.05**share,
            }
            for n, share in enumerate(shares)
        ],
        "students": [{"id": "s", "flops": 3.0, "flops_per_filter": 1.0, "memory_bytes": 1, "max_filters": 4}],
        "knowledge": {"num_filters": 9, "bits_per_filter": 1.0},
        "requirements": {"max_group_outage": 0.05, **requirements},
    }
    return Instance.model_validate(fields)


@pytest.mark.parametrize("objective", cases(["nominal"], ["guaranteed", "worst"]))
def test_fewer_groups_are_allowed_where_no_more_can_keep_the_limit(objective: Objective) -> None:
    allowed = []
    build = joint.build

    def recording(instance: Instance, *arguments: object, **options: object) -> ConcreteModel:
        allowed.append(instance.max_groups)
        return build(instance, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(joint, "build", recording)
        limited = milp(uneven(), objective, Control.starting_now())
        assert set(allowed) == {3}
        patch.setattr(milp_module, "GROUPING_NODES", 0)
        unlimited = milp(uneven(), objective, Control.starting_now())
        assert allowed[-1] == 8
    assert limited.lower_bound == unlimited.lower_bound == value_of(uneven(), limited.plan, objective)


def test_groups_that_cannot_all_keep_the_limit_are_infeasible() -> None:
    assert combinatorial_bound(uneven(min_groups=4), "worst") is not None
    outcome = milp(uneven(min_groups=4), "worst", Control.starting_now())
    assert outcome.infeasible
    assert outcome.reasons[0].startswith("groups: whole devices form at most 3 groups that keep the outage limit")


def narrow(num_filters: int, **requirements: object) -> Instance:
    """Four roomy devices whose shares add up to two groups of 6 filters, although they form one; two poor devices."""
    shares, memory = (0.9, 0.4, 0.35, 0.35, 1.0, 0.4), (9, 9, 9, 9, 2, 2)
    fields: dict[str, object] = {
        "name": "narrow",
        "devices": [
            {
                "id": f"d{n}",
                "flops_per_second": 1.0,
                "memory_bytes": memory[n],
                "uplink_bits_per_second": 1.0,
                "failure_probability": 0.01**share,
            }
            for n, share in enumerate(shares)
        ],
        "students": [
            {"id": "large", "flops": 1.0, "memory_bytes": 5, "max_filters": 6},
            {"id": "small", "flops": 1.0, "memory_bytes": 1, "max_filters": 3},
        ],
        "knowledge": {"num_filters": num_filters, "bits_per_filter": 1.0},
        "requirements": {"max_group_outage": 0.01, **requirements},
    }
    return Instance.model_validate(fields)


@pytest.mark.parametrize("objective", cases(["guaranteed"], OBJECTIVES))
def test_without_a_simple_reason_the_filters_that_find_a_place_are_counted(objective: Objective) -> None:
    assert milp(narrow(12), objective, Control.starting_now()).plan is not None
    assert reasons_for_infeasibility(narrow(13)) == ()
    outcome = milp(narrow(13), objective, Control.starting_now())
    assert outcome.infeasible
    assert "room for at most 12 of 13 filters" in outcome.reasons[0]


@pytest.mark.slow
def test_groups_that_cannot_stand_together_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    # Left to itself the joint model finds out, and with it the count of filters.
    monkeypatch.setattr(milp_module, "GROUPING_NODES", 0)
    outcome = milp(uneven(min_groups=4), "worst", Control.starting_now())
    assert outcome.infeasible
    assert "together: no 4 groups can keep" in outcome.reasons[0]


@pytest.mark.slow
def test_a_limit_among_the_options_ends_the_search() -> None:
    instance = generate("sbc", devices=20, seed=22)
    start = greedy(instance, "guaranteed", Control.starting_now()).plan
    outcome = milp(instance, "guaranteed", Control.starting_now(), start, options={"mip_max_nodes": 1})
    assert outcome.plan is not None
    assert outcome.lower_bound is not None
    assert 0.0 < outcome.lower_bound < value_of(instance, outcome.plan, "guaranteed")
