"""The method lp-rounding: better than greedy, with a valid and stronger bound, reproducible, and true covers only."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given

import oracle
import rocoin_opt as ro
from examples import pairs
from rocoin_opt.control import Control
from rocoin_opt.errors import UnsupportedError
from rocoin_opt.failure.evaluation import value_of
from rocoin_opt.failure.validity import check
from rocoin_opt.grouping.bounds import combinatorial_bound
from rocoin_opt.grouping.relaxation import Pool, relax
from rocoin_opt.grouping.threshold_problem import ThresholdProblem
from rocoin_opt.heuristics import lp_rounding as module
from rocoin_opt.heuristics.construction import pack
from rocoin_opt.heuristics.greedy import greedy
from rocoin_opt.heuristics.lp_rounding import Fraction, draw_disjoint, fractions_of, lp_rounding
from rocoin_opt.plan.result import Outcome
from samples import cases
from strategies import instances

OBJECTIVES = ("guaranteed", "nominal", "worst")


def devices_with_shares(*shares, sizes, **changes):
    """Devices whose cover shares and largest parts are these, and which are alike otherwise; two students."""
    return ro.Instance.model_validate(
        {
            "name": "shares",
            "devices": [
                {
                    "id": f"d{n}",
                    "flops_per_second": 1.0,
                    "memory_bytes": size,
                    "uplink_bits_per_second": 1.0,
                    "failure_probability": 0.01**share,
                }
                for n, (share, size) in enumerate(zip(shares, sizes, strict=True))
            ],
            "students": [
                {"id": "s", "flops": 0.0, "memory_bytes": 0, "memory_bytes_per_filter": 1, "max_filters": 9},
                {"id": "t", "flops": 0.0, "memory_bytes": 0, "memory_bytes_per_filter": 3, "max_filters": 9},
            ],
            "knowledge": {"num_filters": 9, "bits_per_filter": 1.0},
            "requirements": {"max_group_outage": 0.01},
            **changes,
        }
    )


@pytest.fixture(scope="module")
def edge():
    """An instance whose greedy plan can be improved on, and that plan's value."""
    instance = ro.generate("edge", devices=30, seed=0)
    return instance, value_of(instance, greedy(instance, "guaranteed", Control()).plan, "guaranteed")


@given(instances(max_devices=5, max_filters=5))
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_plans_are_valid_and_bounds_hold(objective, instance):
    outcome, best = lp_rounding(instance, objective, Control()), oracle.best(instance, objective)
    if best is None:
        assert outcome.plan is None
    else:
        assert not outcome.infeasible
        assert outcome.lower_bound <= float(best[0]) * (1 + 1e-12)
    if outcome.plan is None:
        assert outcome.reasons
        return
    assert check(instance, outcome.plan) == ()
    value = value_of(instance, outcome.plan, objective)
    assert float(best[0]) <= value * (1 + 1e-12)
    start = greedy(instance, objective, Control()).plan
    assert start is None or value <= value_of(instance, start, objective)


@pytest.mark.parametrize(
    ("family", "objective"),
    cases(
        [("paper", "guaranteed"), ("mcu", "worst"), ("lossy", "nominal")],
        [("sbc", "guaranteed"), ("edge", "worst")],
    ),
)
def test_every_family_gets_a_plan_no_worse_than_greedy(family, objective):
    instance = ro.generate(family, seed=3)
    outcome = lp_rounding(instance, objective, Control())
    assert check(instance, outcome.plan) == ()
    value = value_of(instance, outcome.plan, objective)
    assert combinatorial_bound(instance, objective) <= outcome.lower_bound <= value
    assert value <= value_of(instance, greedy(instance, objective, Control()).plan, objective)


@pytest.mark.slow
def test_greedy_and_its_bound_are_improved_on(repository):
    instance = ro.read_instance(repository / "instances/edge/edge-50-0.json")
    before, outcome = greedy(instance, "guaranteed", Control()), lp_rounding(instance, "guaranteed", Control())
    value = value_of(instance, outcome.plan, "guaranteed")
    assert value < 0.99 * value_of(instance, before.plan, "guaranteed")
    assert outcome.lower_bound > 1.02 * before.lower_bound
    assert value < 1.02 * outcome.lower_bound


@pytest.mark.slow
def test_nominal_improves_greedy():
    instance = ro.generate("lossy", devices=40, seed=1)
    value = value_of(instance, lp_rounding(instance, "nominal", Control()).plan, "nominal")
    assert value < 0.95 * value_of(instance, greedy(instance, "nominal", Control()).plan, "nominal")


@pytest.mark.slow
def test_the_same_seed_takes_the_same_way():
    # Most roundings end alike, whatever they draw; those of this fleet do not.
    instance = ro.generate("edge", devices=40, seed=5)

    def run(seed):
        told = []
        control = Control(seed=seed, report=lambda progress: told.append((progress.value, progress.bound)))
        return lp_rounding(instance, "guaranteed", control), told

    outcome, told = run(1)
    assert run(1) == (outcome, told)
    assert any(run(seed)[1] != told for seed in range(2, 5))
    assert told[-1] == (value_of(instance, outcome.plan, "guaranteed"), outcome.lower_bound)
    assert told[-1][0] < value_of(instance, greedy(instance, "guaranteed", Control()).plan, "guaranteed")


def test_draws_are_disjoint_and_stop_at_the_filters_wanted():
    fractions = [Fraction((n, (n + 1) % 9), 2, 0.5) for n in range(9)]
    draws = {tuple(draw_disjoint(fractions, 99, np.random.default_rng(seed))) for seed in range(20)}
    assert len(draws) > 10
    for draw in draws:
        assert 3 <= len(draw) <= 4
        assert all(set(a.members).isdisjoint(b.members) for a, b in itertools.combinations(draw, 2))
    assert len(draw_disjoint(fractions, 4, np.random.default_rng(0))) == 2
    assert draw_disjoint([], 4, np.random.default_rng(0)) == []


def test_groups_are_drawn_in_proportion_to_their_fractions():
    fractions = [Fraction((0, 1), 1, 0.75), Fraction((1, 2), 1, 0.25)]
    random = np.random.default_rng(0)
    first = sum(draw_disjoint(fractions, 9, random) == fractions[:1] for _ in range(4_000))
    # Four standard errors.
    assert first / 4_000 == pytest.approx(0.75, abs=0.028)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_fractions_are_true_covers_that_hold_what_they_held(objective):
    instance = ro.generate("edge", devices=60, seed=1)
    problem = ThresholdProblem(instance, objective, 1.05 * combinatorial_bound(instance, objective))
    relaxation = relax(problem, Pool(), Control())
    fractions = fractions_of(problem, relaxation)
    assert sum(f.held * f.value for f in fractions) == pytest.approx(relaxation.objective, rel=1e-6)
    for fraction in fractions:
        shares = problem.shares[list(fraction.members)]
        assert shares.sum() >= 1 - 1e-12
        if not problem.led:
            assert shares.sum() - shares.min() < 1


@pytest.mark.parametrize(
    ("group", "cover"),
    [
        pytest.param((0, 1), (0, 1), id="as it is"),
        pytest.param((0, 1, 2), (0, 1), id="surplus"),
        pytest.param((0, 2), (0, 2, 3), id="completed"),
        pytest.param((2, 5), (3, 5), id="completed, then surplus"),
        pytest.param((4,), (3, 5), id="completed twice, then surplus"),
    ],
)
def test_groups_are_made_true_covers(group, cover):
    instance = devices_with_shares(0.6, 0.5, 0.1, 0.36, 0.04, 0.8, 0.9, sizes=(9, 9, 8, 7, 7, 8, 6))
    problem = ThresholdProblem(instance, "guaranteed", 7.0)
    # What the relaxation uses anyway: devices 0 and 1. Device 6 would be as free as others, but cannot hold the part.
    relaxation = SimpleNamespace(groups=[(0, 1), (1, 4), group], values=np.array([0.4, 1e-9, 0.5]))
    assert fractions_of(problem, relaxation) == [Fraction((0, 1), 7, 0.4), Fraction(cover, 7, 0.5)]


def test_a_group_that_nobody_can_complete_is_left_out():
    problem = ThresholdProblem(devices_with_shares(0.6, 0.3, 0.9, sizes=(9, 9, 8)), "guaranteed", 9.0)
    assert fractions_of(problem, SimpleNamespace(groups=[(0, 1)], values=np.ones(1))) == []


def test_a_leader_stays_whatever_its_share():
    instance = devices_with_shares(0.6, 0.6, 0.05, sizes=(9, 9, 9))
    slow = [device.model_copy(update={"flops_per_second": 1e-3}) for device in instance.devices[:2]]
    students = [instance.students[0].model_copy(update={"flops": 1.0})]
    instance = instance.model_copy(update={"devices": (*slow, instance.devices[2]), "students": tuple(students)})
    problem = ThresholdProblem(instance, "nominal", 6.0)
    assert problem.timely.any(axis=1).tolist() == [False, False, True]
    relaxation = SimpleNamespace(groups=[(0, 1, 2)], values=np.ones(1))
    assert fractions_of(problem, relaxation) == [Fraction((0, 1, 2), 5, 1.0)]


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_greedy_packing_goes_on_from_kept_groups(objective):
    instance = ro.generate("edge", devices=20, seed=0)
    groups = pack(instance, 1.0, objective, 0.5)
    arrays = instance.arrays
    kept = [(tuple(groups[-1]), int(arrays.largest_part(1.0)[groups[-1]].min(axis=0).max()))]
    grown = pack(instance, 1.0, objective, 0.5, kept)
    assert grown[0] == groups[-1]
    members = [n for group in grown for n in group]
    assert len(set(members)) == len(members)
    assert pack(instance, 1.0, objective, 0.5, [(tuple(groups[0]), instance.knowledge.num_filters)]) == [groups[0]]


@pytest.mark.parametrize(
    ("objective", "requirements"),
    cases(
        [("nominal", {"min_groups": 5}), ("guaranteed", {"max_groups": 4})],
        [("worst", {"min_groups": 5}), ("nominal", {"max_groups": 4})],
    ),
)
def test_the_number_of_groups_is_kept(monkeypatch, objective, requirements):
    instance = ro.generate("edge", devices=20, seed=4).with_requirements(**requirements)
    bound = combinatorial_bound(instance, objective)
    monkeypatch.setattr(module, "greedy", lambda *_: Outcome(None, bound))
    outcome = lp_rounding(instance, objective, Control())
    assert check(instance, outcome.plan) == ()


def test_a_limit_that_has_passed_leaves_no_plan():
    outcome = lp_rounding(pairs(), "guaranteed", Control.starting_now(time_limit=0.0))
    assert outcome.plan is None
    assert not outcome.infeasible
    assert "limit" in outcome.reasons[0]
    assert outcome.lower_bound == combinatorial_bound(pairs(), "guaranteed")


@pytest.mark.parametrize("solves", [0, 2])
def test_a_limit_keeps_plan_and_bound_so_far(monkeypatch, edge, solves):
    instance, before = edge
    control, rest = Control(), iter(range(solves))

    def relax_or_stop(*arguments, **options):
        return relax(*arguments, **options) if next(rest, None) is not None else None

    monkeypatch.setattr(module, "relax", relax_or_stop)
    outcome = lp_rounding(instance, "guaranteed", control)
    assert check(instance, outcome.plan) == ()
    assert outcome.lower_bound <= value_of(instance, outcome.plan, "guaranteed") <= before
    assert outcome.lower_bound >= combinatorial_bound(instance, "guaranteed")


def test_roundings_stop_at_the_limit(monkeypatch, edge):
    instance, before = edge
    control, calls = Control(), []

    def pack_and_stop(*arguments):
        calls.append(arguments)
        control.stop.set()

    monkeypatch.setattr(module, "pack", pack_and_stop)
    outcome = lp_rounding(instance, "guaranteed", control)
    assert len(calls) == 1
    assert value_of(instance, outcome.plan, "guaranteed") == before
    assert outcome.lower_bound > combinatorial_bound(instance, "guaranteed")


@pytest.mark.slow
def test_a_group_that_covers_up_to_rounding_only_is_not_believed(monkeypatch, edge):
    instance, before = edge
    checked = []
    monkeypatch.setattr(module, "structural_violations", lambda *given: checked.append(given) or ("a violation",))
    assert value_of(instance, lp_rounding(instance, "guaranteed", Control()).plan, "guaranteed") == before
    assert checked


@pytest.mark.slow
def test_many_devices_are_relaxed_only_within_a_time_limit(monkeypatch, edge):
    instance, before = edge
    monkeypatch.setattr(module, "MAX_DEVICES", len(instance.devices) - 1)
    assert lp_rounding(instance, "guaranteed", Control()) == greedy(instance, "guaranteed", Control())
    limited = lp_rounding(instance, "guaranteed", Control.starting_now(time_limit=1_000))
    assert value_of(instance, limited.plan, "guaranteed") < before


def test_nothing_is_relaxed_once_the_gap_is_closed(monkeypatch, edge):
    instance, before = edge
    monkeypatch.delattr(module, "relax")
    outcome = lp_rounding(instance, "guaranteed", Control(gap=0.5))
    assert value_of(instance, outcome.plan, "guaranteed") == before


@pytest.mark.slow
@pytest.mark.parametrize("objective", cases(["nominal"], OBJECTIVES))
def test_roundings_find_a_plan_where_greedy_finds_none(monkeypatch, objective):
    instance = ro.generate("edge", devices=20, seed=4)
    bound = combinatorial_bound(instance, objective)
    monkeypatch.setattr(module, "greedy", lambda *_: Outcome(None, bound, reasons=("none",)))
    found = lp_rounding(instance, objective, Control())
    assert check(instance, found.plan) == ()
    assert found.reasons == ()
    monkeypatch.setattr(module, "pack", lambda *_: None)
    monkeypatch.setattr(module, "ROUNDINGS", 2)
    missed = lp_rounding(instance, objective, Control())
    assert (missed.plan, missed.infeasible, missed.reasons) == (None, False, ("none",))
    assert missed.lower_bound == found.lower_bound


def test_infeasible_by_the_relaxation():
    # Any two of three devices cover, the fourth helps nobody: one group and a half, in fractions, for two filters.
    students = [{"id": "s", "flops": 1.0, "memory_bytes": 1, "max_filters": 1}]
    knowledge = {"num_filters": 2, "bits_per_filter": 1.0}
    instance = devices_with_shares(0.7, 0.7, 0.7, 0.01, sizes=[9] * 4, students=students, knowledge=knowledge)
    assert combinatorial_bound(instance, "guaranteed") is not None
    outcome = lp_rounding(instance, "guaranteed", Control())
    assert (outcome.plan, outcome.infeasible) == (None, True)
    assert "no room" in outcome.reasons[0]
    assert oracle.best(instance, "guaranteed") is None


def test_an_instance_without_any_group_has_no_plan():
    instance = pairs(students=[{"id": "s", "flops": 1.0, "memory_bytes": 100, "max_filters": 5}])
    outcome = lp_rounding(instance, "guaranteed", Control())
    assert (outcome.plan, outcome.lower_bound) == (None, None)
    assert outcome.reasons


def test_the_expected_objective_is_refused():
    with pytest.raises(UnsupportedError, match="expected"):
        lp_rounding(pairs(), "expected", Control())
