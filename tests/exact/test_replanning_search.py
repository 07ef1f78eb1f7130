"""The search behind replan: covers that miss the limit by a hair, limits, and errors of the model."""

from __future__ import annotations

from typing import Any

import pytest

from rocoin_opt.control import Control
from rocoin_opt.errors import SolverError
from rocoin_opt.exact.replanning_search import ReplanningSearch
from rocoin_opt.failure.evaluation import value_of
from rocoin_opt.failure.validity import check
from rocoin_opt.formulations import replanning as formulation
from rocoin_opt.highs.linear import MilpSolution
from rocoin_opt.highs.models import solve_model
from rocoin_opt.instance.generate import generate
from rocoin_opt.instance.model import Instance
from rocoin_opt.plan.filters import without_filters
from rocoin_opt.plan.model import Group, Plan
from rocoin_opt.planning.replan import without_devices
from rocoin_opt.planning.solve import solve


def hair(miss: float, *reliable: str) -> Instance:
    """Two fast devices that miss the limit by a relative ``miss``, and slow ones, some of which keep it alone."""
    rates = {"fast-a": 8.0, "fast-b": 4.0, "slow-a": 1.0, "slow-b": 1.0}
    devices: list[dict[str, Any]] = [
        {
            "id": name,
            "flops_per_second": rate,
            "memory_bytes": 1.0,
            "uplink_bits_per_second": 1.0,
            "failure_probability": 0.001 if name in reliable else 0.1,
        }
        for name, rate in rates.items()
    ]
    return Instance.model_validate(
        {
            "name": "hair",
            "devices": devices,
            "students": [{"id": "s", "flops": 8.0, "memory_bytes": 1.0, "max_filters": 1}],
            "knowledge": {"num_filters": 1, "bits_per_filter": 0.0},
            "requirements": {"max_group_outage": 0.01 * (1.0 - miss)},
        }
    )


def searched(instance: Instance, *members: str, max_loads: int, control: Control | None = None):
    """Search without any known bound from a plan of one group."""
    old = Plan.of(instance, [Group(devices=members, student="s", num_filters=1)])
    control = control or Control.starting_now()
    search = ReplanningSearch(instance, old, "guaranteed", max_loads, control, lower_bound=0.0)
    return search, search.run([])


@pytest.mark.parametrize("members", [("fast-a", "slow-a"), pytest.param(("slow-a",), marks=pytest.mark.slow)])
@pytest.mark.parametrize("reliable", [("slow-a", "slow-b"), ()])
def test_a_group_that_misses_the_limit_by_a_hair_is_cut_off(
    members: tuple[str, ...], reliable: tuple[str, ...]
) -> None:
    """New or old, the fast pair would answer by 2 s, if it kept the limit."""
    search, kept = searched(hair(0.0, *reliable), *members, max_loads=2)
    assert value_of(search.instance, kept.plan, "guaranteed") == kept.lower_bound == 2.0
    assert search.cuts.known == []
    search, missed = searched(hair(1e-8, *reliable), *members, max_loads=3)
    assert check(search.instance, missed.plan) == ()
    assert value_of(search.instance, missed.plan, "guaranteed") == missed.lower_bound == 8.0
    assert bool(search.cuts.broken) == bool(reliable)
    assert search.cuts.least_replicas == (1 if reliable else 3)


def test_sets_that_were_cut_off_stay_so_when_bytes_are_counted() -> None:
    instance = hair(1e-8, "slow-a", "slow-b")
    old = Plan.of(instance, [Group(devices=("fast-a", "slow-a"), student="s", num_filters=1)])
    left = without_devices(instance, ["slow-a"])
    search = ReplanningSearch(left, old, "guaranteed", 2, Control.starting_now(), lower_bound=0.0)
    found = search.run([])
    assert len(search.cuts.broken) == 1
    assert found.plan is not None
    assert "slow-b" in found.plan.groups[0].devices
    assert found.bytes_bound == pytest.approx(1.0, rel=1e-5)


def test_idle_loads_of_a_start_are_left_out() -> None:
    instance = hair(0.0)
    old = Plan.of(instance, [Group(devices=("slow-a", "slow-b"), student="s", num_filters=1)])
    start = Plan.of(instance, [Group(devices=("fast-a", "fast-b", "slow-b"), student="s", num_filters=1)])
    control = Control.starting_now(time_limit=0.0)
    found = ReplanningSearch(instance, old, "worst", 1, control, lower_bound=0.0).run([start])
    assert found.plan is not None
    # One load is enough beside the device that stays; the other survivor comes back for nothing.
    assert {"slow-a", "slow-b"} < set(found.plan.groups[0].devices)
    assert len(found.plan.groups[0].devices) == 3


def test_fewer_loads_than_any_plan_needs_are_infeasible() -> None:
    instance = hair(0.0)
    old = Plan.of(instance, [Group(devices=("fast-a", "fast-b"), student="s", num_filters=1)])
    left = without_devices(instance, ["fast-b"])
    lost = ReplanningSearch(left, old, "worst", 0, Control.starting_now(), lower_bound=0.0).run([])
    assert (lost.plan, lost.infeasible, lost.fewest_loads, lost.fewest_loads_attained) == (None, True, 1, True)
    nothing = without_devices(instance, ["fast-b", "slow-a", "slow-b"])
    none = ReplanningSearch(nothing, old, "worst", 0, Control.starting_now(), lower_bound=0.0).run([])
    assert (none.plan, none.infeasible, none.fewest_loads) == (None, True, None)


@pytest.mark.slow
def test_a_stop_keeps_the_best_plan_and_a_valid_bound() -> None:
    instance = generate("edge", devices=12, seed=0)
    plan = solve(instance).plan
    assert plan is not None
    old, lost = without_filters(plan), plan.groups[0].devices[0]
    left = without_devices(instance, [lost])
    full = ReplanningSearch(left, old, "guaranteed", 2, Control.starting_now(), lower_bound=0.0).run([])
    assert full.lower_bound == value_of(left, full.plan, "guaranteed")
    told = []

    def stop_after_some(progress) -> None:
        told.append(progress)
        if progress.bound > 0.0:
            control.stop.set()

    control = Control.starting_now(report=stop_after_some)
    stopped = ReplanningSearch(left, old, "guaranteed", 2, control, lower_bound=0.0).run([])
    assert stopped.plan is not None
    assert 0.0 < stopped.lower_bound <= full.lower_bound
    assert value_of(left, stopped.plan, "guaranteed") >= full.lower_bound
    assert stopped.bytes_bound == 0.0


def test_a_solve_without_an_answer_ends_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    instance = hair(0.0)
    true_solve, calls = solve_model, []

    def solve_once(*arguments: Any, **options: Any) -> MilpSolution:
        calls.append(options)
        return true_solve(*arguments, **options) if len(calls) == 1 else MilpSolution("unknown", None, None)

    monkeypatch.setattr("rocoin_opt.highs.solve_model", solve_once)
    _, found = searched(instance, "slow-a", "slow-b", max_loads=2)
    assert found.plan is not None
    assert len(calls) == 2
    assert found.lower_bound < value_of(instance, found.plan, "guaranteed")


def test_without_an_answer_on_bytes_the_plan_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    true_solve = solve_model

    def solve_latency(*arguments: Any, **options: Any) -> MilpSolution:
        if options["warm_start"]:
            return MilpSolution("unknown", None, None)
        return true_solve(*arguments, **options)

    monkeypatch.setattr("rocoin_opt.highs.solve_model", solve_latency)
    search, found = searched(hair(0.0), "slow-a", "slow-b", max_loads=2)
    assert found.plan is not None
    assert value_of(search.instance, found.plan, "guaranteed") == found.lower_bound == 2.0
    assert found.bytes_bound == 0.0


def test_an_invalid_plan_of_the_model_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    instance = hair(0.0)
    wrong = Plan.of(instance, [Group(devices=("fast-a", "fast-b"), student="s", num_filters=2)])
    monkeypatch.setattr(formulation, "plan_of", lambda *_: wrong)
    with pytest.raises(SolverError, match="the continuation model admits an invalid plan"):
        searched(instance, "slow-a", "slow-b", max_loads=2)
