"""The method ``exact`` against the oracle and ``milp``, and at every end that a search can have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given

import oracle
from checked import value_of
from examples import two_pairs
from packing_oracle import best_position, candidates, random_instance
from rocoin_opt.control import Control, Progress
from rocoin_opt.exact.milp import milp
from rocoin_opt.exact.threshold import search
from rocoin_opt.exact.threshold.packing import Effort, Packing
from rocoin_opt.exact.threshold.search import exact
from rocoin_opt.grouping.bounds import combinatorial_bound
from rocoin_opt.grouping.covering import covering_knapsack as knapsack
from rocoin_opt.grouping.infeasible import reasons_for_infeasibility
from rocoin_opt.heuristics.greedy import greedy
from rocoin_opt.instance.generate import generate
from rocoin_opt.plan.indexed import members_of
from rocoin_opt.plan.result import Outcome
from samples import cases, trials
from strategies import instances

if TYPE_CHECKING:
    from rocoin_opt.grouping.threshold_problem import ThresholdProblem
    from rocoin_opt.instance.model import Instance
    from rocoin_opt.plan.latency import Objective
    from rocoin_opt.plan.model import Plan

OBJECTIVES: tuple[Objective, ...] = ("guaranteed", "nominal", "worst")


def proven(instance: Instance, objective: Objective, outcome: Outcome) -> float:
    value = value_of(instance, outcome.plan, objective)
    assert outcome.lower_bound == value
    return value


def without_joint_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MAX_JOINT", 0)


@pytest.mark.parametrize("objective", OBJECTIVES)
@given(instance=instances(max_devices=4, max_students=3, max_filters=5))
@trials(100)
def test_it_finds_and_proves_the_best_of_all_plans(objective: Objective, instance: Instance) -> None:
    best = oracle.best(instance, objective)
    outcome = exact(instance, objective, Control.starting_now())
    if best is None:
        assert outcome.infeasible
        assert outcome.plan is None
        assert outcome.reasons
        return
    assert proven(instance, objective, outcome) == pytest.approx(best[0], rel=1e-12)
    again = exact(instance, objective, Control.starting_now(), best[1])
    assert proven(instance, objective, again) == pytest.approx(best[0], rel=1e-12)


# In 374 and 601 an optimum was once overlooked where a column was dominated by a larger one only.
@pytest.mark.parametrize("seed", cases([2, 374], [*range(0, 12, 2), 13, 601]))
def test_it_finds_and_proves_the_best_packing(seed: int) -> None:
    instance = random_instance(seed)
    thresholds = candidates(instance)
    for objective in OBJECTIVES:
        outcome = exact(instance, objective, Control.starting_now())
        position = best_position(instance, objective)
        if position == len(thresholds):
            assert outcome.infeasible
        else:
            assert proven(instance, objective, outcome) == pytest.approx(thresholds[position], rel=1e-12)


@pytest.mark.parametrize(
    ("family", "devices", "seed", "requirements"),
    cases(
        [("lossy", 9, 2, {"min_groups": 2, "max_groups": 2})],
        [("edge", 12, 0, {}), ("mcu", 10, 1, {"max_group_outage": 0.01}), ("paper", 8, 3, {})],
    ),
)
def test_it_agrees_with_milp(family: str, devices: int, seed: int, requirements: dict[str, float]) -> None:
    instance = generate(family, devices=devices, seed=seed).with_requirements(**requirements)
    start = greedy(instance, "guaranteed", Control.starting_now()).plan
    other = milp(instance, "guaranteed", Control.starting_now(), start)
    outcome = exact(instance, "guaranteed", Control.starting_now())
    assert proven(instance, "guaranteed", outcome) == pytest.approx(proven(instance, "guaranteed", other), rel=1e-12)


@pytest.mark.slow
def test_the_plan_does_not_depend_on_threads_or_on_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    instance = generate("edge", devices=30, seed=0)
    start = greedy(instance, "guaranteed", Control.starting_now()).plan
    monkeypatch.setattr(knapsack, "MIN_COMPILED_DEVICES", 30)
    assert knapsack.use_compiled(30)
    first = exact(instance, "guaranteed", Control.starting_now(), start)
    proven(instance, "guaranteed", first)
    assert exact(instance, "guaranteed", Control.starting_now(threads=2), start) == first
    monkeypatch.setattr(knapsack, "MIN_COMPILED_DEVICES", 31)
    assert not knapsack.use_compiled(30)
    assert exact(instance, "guaranteed", Control.starting_now(), start) == first


@pytest.mark.slow
@pytest.mark.parametrize("seed", [469, 216, 452])
def test_no_packing_is_a_proof_with_reasons(seed: int) -> None:
    """No rule alone forbids a plan here, nor does the layer-cake bound."""
    instance = random_instance(seed)
    assert reasons_for_infeasibility(instance) == ()
    assert combinatorial_bound(instance, "guaranteed") is not None
    outcome = exact(instance, "guaranteed", Control.starting_now())
    assert (outcome.plan, outcome.infeasible) == (None, True)
    assert outcome.reasons[0].startswith("together: ")
    assert best_position(instance, "guaranteed") == len(candidates(instance))


def test_without_time_nothing_is_claimed() -> None:
    instance = generate("edge", devices=12, seed=0)
    outcome = exact(instance, "guaranteed", Control.starting_now(time_limit=0))
    assert (outcome.plan, outcome.infeasible) == (None, False)
    assert outcome.reasons == ("the search was stopped before it found a plan",)
    assert outcome.lower_bound == combinatorial_bound(instance, "guaranteed")
    start = greedy(instance, "guaranteed", Control.starting_now()).plan
    kept = exact(instance, "guaranteed", Control.starting_now(time_limit=0), start)
    assert (kept.plan, kept.reasons) == (start, ())


@pytest.mark.parametrize("after", cases([5, 21], range(0, 40, 8)))
def test_a_stop_at_any_moment_leaves_a_plan_and_a_bound_that_hold(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    instance = generate("edge", devices=12, seed=1)
    best = proven(instance, "guaranteed", exact(instance, "guaranteed", Control.starting_now()))
    looks: list[int] = []

    def exhausted(_control: Control) -> bool:
        looks.append(1)
        return len(looks) > after

    monkeypatch.setattr(Control, "exhausted", property(exhausted))
    outcome = exact(instance, "guaranteed", Control.starting_now())
    assert not outcome.infeasible
    assert outcome.lower_bound is not None
    assert outcome.lower_bound <= best
    if outcome.plan is not None:
        assert value_of(instance, outcome.plan, "guaranteed") >= best


def test_a_gap_ends_the_search_early() -> None:
    instance = generate("edge", devices=20, seed=0)
    start = greedy(instance, "guaranteed", Control.starting_now()).plan
    best = proven(instance, "guaranteed", exact(instance, "guaranteed", Control.starting_now(), start))
    assert exact(instance, "guaranteed", Control.starting_now(gap=0.999), start).plan == start
    loose = exact(instance, "guaranteed", Control.starting_now(gap=0.05), start)
    value = value_of(instance, loose.plan, "guaranteed")
    assert loose.lower_bound is not None
    assert loose.lower_bound <= best <= value
    assert (value - loose.lower_bound) / value <= 0.05


def test_rounds_are_as_many_as_asked_for() -> None:
    instance = generate("edge", devices=20, seed=0)
    start = greedy(instance, "guaranteed", Control.starting_now()).plan
    best = proven(instance, "guaranteed", exact(instance, "guaranteed", Control.starting_now(), start))
    bracketed = exact(instance, "guaranteed", Control.starting_now(), start, rounds=0)
    assert bracketed.plan == start
    assert bracketed.lower_bound is not None
    assert combinatorial_bound(instance, "guaranteed") < bracketed.lower_bound <= best  # type: ignore[operator]
    once = exact(instance, "guaranteed", Control.starting_now(), start, rounds=1)
    assert once.lower_bound is not None
    assert bracketed.lower_bound <= once.lower_bound <= best <= value_of(instance, once.plan, "guaranteed")


@pytest.mark.slow
def test_progress_closes_in() -> None:
    told: list[Progress] = []
    instance = generate("edge", devices=16, seed=0)
    outcome = exact(instance, "guaranteed", Control.starting_now(report=told.append))
    value = proven(instance, "guaranteed", outcome)
    bounds = [progress.bound for progress in told if progress.bound is not None]
    values = [progress.value for progress in told if progress.value is not None]
    assert bounds == sorted(bounds)
    assert values == sorted(values, reverse=True)
    assert (bounds[-1], values[-1]) == (value, value)


@pytest.mark.slow
@pytest.mark.parametrize("with_start", [True, False])
def test_what_packings_leave_open_goes_to_the_joint_model(monkeypatch: pytest.MonkeyPatch, with_start: bool) -> None:
    instance = generate("mcu", devices=9, seed=0)
    best = proven(instance, "guaranteed", exact(instance, "guaranteed", Control.starting_now()))
    asked: list[Objective] = []

    def spy(instance: Instance, objective: Objective, control: Control, start: Plan | None) -> Outcome:
        asked.append(objective)
        return milp(instance, objective, control, start)

    monkeypatch.setattr("rocoin_opt.exact.milp.milp", spy)
    monkeypatch.setattr(search, "EFFORTS", (Effort(0, 0),))
    # Dives refute thresholds by rows of numbers.
    monkeypatch.setattr(search, "dive", lambda *given: Packing("unknown"))
    start = greedy(instance, "guaranteed", Control.starting_now()).plan if with_start else None
    assert proven(instance, "guaranteed", exact(instance, "guaranteed", Control.starting_now(), start)) == best
    assert asked == ["guaranteed"]
    without_joint_model(monkeypatch)
    opened = exact(instance, "guaranteed", Control.starting_now(), start)
    assert len(asked) == 1
    assert not opened.infeasible
    assert opened.lower_bound is not None
    assert opened.lower_bound <= best


def test_a_stopped_joint_model_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    instance = generate("mcu", devices=9, seed=1)
    bound = combinatorial_bound(instance, "guaranteed")
    stopped = Outcome(None, None, reasons=("stopped",))
    monkeypatch.setattr("rocoin_opt.exact.milp.milp", lambda *_: stopped)
    # Nor do dives find a plan.
    monkeypatch.setattr(search, "dive", lambda *_: Packing("unknown"))
    monkeypatch.setattr(search, "EFFORTS", ())
    outcome = exact(instance, "guaranteed", Control.starting_now())
    assert (outcome.plan, outcome.reasons) == (None, ("stopped",))
    # What was proved before stays.
    assert bound is not None
    assert outcome.lower_bound is not None
    assert outcome.lower_bound >= bound
    impossible = Outcome(None, infeasible=True, reasons=("none",))
    monkeypatch.setattr("rocoin_opt.exact.milp.milp", lambda *_: impossible)
    assert exact(instance, "guaranteed", Control.starting_now()) == impossible


def test_groups_that_only_rounding_lets_cover_are_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    false = Packing("packed", [(0,), (1, 2, 3)])
    monkeypatch.setattr(search, "pack_groups", lambda *_: false)
    monkeypatch.setattr(search, "pack", lambda *_: false)
    monkeypatch.setattr(search, "pack_alike_parts", lambda *_: false)
    monkeypatch.setattr(search, "dive", lambda *_: false)
    outcome = exact(two_pairs(), "guaranteed", Control.starting_now())
    value = oracle.best(two_pairs(), "guaranteed")
    assert value is not None
    # The joint model settles it.
    assert proven(two_pairs(), "guaranteed", outcome) == value[0]
    without_joint_model(monkeypatch)
    opened = exact(two_pairs(), "guaranteed", Control.starting_now())
    assert (opened.plan, opened.infeasible) == (None, False)


def test_the_first_relaxation_begins_with_the_plan_and_packings_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    instance = generate("edge", devices=40, seed=3)
    start = greedy(instance, "guaranteed", Control()).plan
    assert start is not None
    known: list[set[tuple[int, ...]]] = []
    relaxation = search.CandidateSearch.relaxation

    def told(self: search.CandidateSearch, *arguments: Any, **options: Any) -> Any:
        known.append(set(self.pool.groups))
        return relaxation(self, *arguments, **options)

    monkeypatch.setattr(search.CandidateSearch, "relaxation", told)
    exact(instance, "guaranteed", Control.starting_now(), start, rounds=1)
    assert known[0] > set(members_of(instance, start))


@pytest.mark.parametrize("seeds", cases([range(2)], [range(2, 12)]))
def test_what_whole_numbers_refute_lifts_the_bound_at_once(seeds: range, monkeypatch: pytest.MonkeyPatch) -> None:
    lifted = 0
    for seed in seeds:
        instance = generate("edge", devices=20, seed=seed)
        monkeypatch.setattr(search, "MANY_DEVICES", 300)
        best = proven(instance, "guaranteed", exact(instance, "guaranteed", Control.starting_now()))
        own = search._Search(instance, "guaranteed", Control.starting_now(), None)
        before = own.bound
        own._refute_up()
        assert before <= own.bound <= best
        lifted += own.bound > before
        monkeypatch.setattr(search, "MANY_DEVICES", 1)
        assert proven(instance, "guaranteed", exact(instance, "guaranteed", Control.starting_now())) == best
    assert lifted >= 0.5 * len(seeds)


@pytest.mark.parametrize("devices", [1, 300])
def test_the_last_candidate_before_an_annealed_plan_is_asked_before_dives(
    devices: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "MANY_DEVICES", devices)
    instance, asked = generate("edge", devices=30, seed=1), list[str]()
    for name in ("_refute_up", "_dive_low", "_prove_best", "_dive_down", "_close_in", "_improve"):
        monkeypatch.setattr(search._Search, name, lambda _, *__, name=name: asked.append(name))
    exact(
        instance,
        "guaranteed",
        Control.starting_now(),
        greedy(instance, "guaranteed", Control.starting_now()).plan,
        rounds=2,
    )
    has_many = devices == 1
    first = ["_refute_up", "_dive_low", "_prove_best"] if has_many else ["_dive_low"]
    second = [*(["_prove_best"] if has_many else []), "_dive_down", "_prove_best", "_close_in", "_improve"]
    assert asked == [*first, "_dive_down", "_prove_best", "_close_in", *second]


def test_refuting_by_numbers_takes_its_part_of_the_time_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    instance, left = generate("edge", devices=30, seed=1), list[float]()
    start = greedy(instance, "guaranteed", Control.starting_now()).plan

    def asked(problem: object, groups: object, control: Control, *_: object) -> Packing:
        left.append(control.remaining)
        # The second question takes all that there is for this, but not all that is left.
        monkeypatch.setattr(Control, "exhausted", property(lambda own: len(left) > 1 and own.remaining < 50.0))
        return Packing("unknown")

    monkeypatch.setattr(search, "dive", asked)
    own = search._Search(instance, "guaranteed", Control.starting_now(time_limit=100.0), start)
    own._refute_up()
    assert len(left) == 2
    assert max(left) <= 100.0 * search.NUMBERED


def test_what_is_refuted_elsewhere_leaves_those_above_to_be_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    instance, asked = generate("edge", devices=30, seed=1), list[float]()
    start = greedy(instance, "guaranteed", Control.starting_now()).plan
    own = search._Search(instance, "guaranteed", Control.starting_now(), start)

    def settled(problem: ThresholdProblem, *_: object) -> Packing:
        asked.append(problem.threshold)
        if len(asked) == 1:
            own.refute((own.low + own.high) // 2)
        return Packing("unknown")

    monkeypatch.setattr(search, "dive", settled)
    own._refute_up()
    assert asked[1] > asked[0]
