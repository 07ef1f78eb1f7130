"""Branch and bound for the expected answer time: equal to enumeration, valid wherever it stops."""

from __future__ import annotations

import itertools
import math
from functools import cache

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import oracle
import rocoin_opt as ro
from examples import pairs
from oracle_restricted import RestrictedOracle
from restricted_solves import drawn
from rocoin_opt.control import Control
from rocoin_opt.exact.expected import branch_and_bound as expected_tree
from rocoin_opt.exact.expected import nodes as expected_nodes
from rocoin_opt.exact.expected.branch_and_bound import prove_expected
from rocoin_opt.failure.evaluation import value_of
from rocoin_opt.failure.validity import check
from rocoin_opt.grouping.expected_model import ExpectedModel
from samples import cases, trials
from strategies import instances

DEADLINES = st.sampled_from([None, None, 1e-3, 1e12])
LIMITS = st.sampled_from([None, None, 0.0, 1.0 - 1e-9, 1.0])


def proven(instance, start=None, **options):
    return prove_expected(ExpectedModel(instance), Control(**options), start)


@cache
def proven_paper():
    """An instance of five devices, and what is proven of it."""
    instance = ro.generate("paper", devices=5, seed=3)
    return instance, proven(instance)


def assert_optimal(instance, outcome):
    best = oracle.best(instance, "expected")
    if best is None:
        assert outcome.plan is None
        assert outcome.infeasible
        return
    assert not outcome.infeasible
    assert check(instance, outcome.plan) == ()
    assert value_of(instance, outcome.plan, "expected") == pytest.approx(best[0], rel=1e-9, abs=1e-300)
    assert best[0] * (1.0 - 1e-9) <= outcome.lower_bound <= best[0] * (1.0 + 1e-12)


@given(instances(max_devices=5, max_filters=5, deadline=True), DEADLINES, LIMITS, st.integers(1, 3))
@trials(60)
def test_equal_to_brute_force(instance, deadline, limit, fewest):
    changed = {"deadline_seconds": deadline, "max_group_outage": limit}
    changed = {name: value for name, value in changed.items() if value is not None}
    if fewest <= instance.max_groups:
        changed["min_groups"] = fewest
    instance = instance.with_requirements(**changed)
    assert_optimal(instance, proven(instance))


@given(instances(max_devices=4, max_filters=4, deadline=True), st.data())
@trials(30)
def test_any_start_is_improved_on(instance, data):
    plans = list(oracle.feasible_plans(instance))
    assume(plans)
    assert_optimal(instance, proven(instance, data.draw(st.sampled_from(plans))))


def test_latencies_of_zero_are_proven_without_a_start():
    free = [student.model_copy(update={"flops": 0.0}) for student in pairs().students]
    instance = pairs(
        students=free, knowledge={"num_filters": 5, "bits_per_filter": 0.0}, requirements={"deadline_seconds": 1e12}
    )
    assert_optimal(instance, proven(instance))


def test_a_device_too_small_for_the_light_student_is_better_spare():
    device = {"uplink_bits_per_second": 1e3, "failure_probability": 0.01, "flops_per_second": 10.0}
    fields = {
        "name": "a small one",
        "devices": [{"id": f"d{n}", "memory_bytes": 9, **device} for n in range(2)]
        + [{"id": "small", "memory_bytes": 1, **device}],
        "students": [
            {"id": "light", "flops": 10.0, "memory_bytes": 9, "max_filters": 4},
            {"id": "heavy", "flops": 100.0, "memory_bytes": 1, "max_filters": 4},
        ],
        "knowledge": {"num_filters": 4, "bits_per_filter": 1.0},
        "requirements": {"max_group_outage": 0.5, "max_groups": 1, "deadline_seconds": 20.0},
    }
    instance = ro.Instance.model_validate(fields)
    outcome = proven(instance)
    assert_optimal(instance, outcome)
    assert outcome.plan.spares == ("small",)


def enumerated(instance, most):
    """Least E[min(X, D)] with at most so many groups, over every way to put every device into a group or none.

    All assignments are valued at once, on the grid of all latencies; students are enumerated too.
    """
    arrays, wanted, deadline = instance.arrays, instance.knowledge.num_filters, instance.requirements.deadline_seconds
    devices, students = arrays.base.shape
    masks = (np.arange(1 << devices)[:, None] >> np.arange(devices)) & 1 == 1
    failure = np.array([device.failure_probability for device in instance.devices])
    latency = {
        (j, s): np.array([float(oracle.latency(instance, n, j, s)) for n in range(devices)])
        for j in range(students)
        for s in range(1, wanted + 1)
    }
    times = np.unique(np.minimum(np.concatenate([[0.0], *latency.values()]), deadline))
    lengths = np.diff(np.append(times, deadline))
    outage, valid = {}, {}
    limit = instance.requirements.max_group_outage * (1 + 1e-12)
    for (j, s), seconds in latency.items():
        here = masks[:, :, None] & (seconds[:, None] <= times)[None]
        outage[j, s] = np.where(here, failure[None, :, None], 1.0).prod(axis=1)
        fits = np.array([oracle.fits(instance, n, j, s) for n in range(devices)]) & (
            s <= instance.students[j].max_filters
        )
        valid[j, s] = ~(masks & ~fits).any(axis=1) & (np.where(masks, failure, 1.0).prod(axis=1) <= limit)
    least = math.inf
    for groups in range(instance.requirements.min_groups, most + 1):
        digits = np.arange((groups + 1) ** devices)[:, None] // (groups + 1) ** np.arange(devices) % (groups + 1)
        sets = [((digits == k + 1) << np.arange(devices)).sum(axis=1) for k in range(groups)]
        for sizes in itertools.combinations_with_replacement(range(1, wanted + 1), groups):
            if sum(sizes) != wanted:
                continue
            for runs in itertools.product(range(students), repeat=groups):
                parts = list(zip(runs, sizes, strict=True))
                possible = np.logical_and.reduce([valid[part][of] for part, of in zip(parts, sets, strict=True)])
                if possible.any():
                    answered = np.prod([1 - outage[p][of[possible]] for p, of in zip(parts, sets, strict=True)], axis=0)
                    least = min(least, float(((1 - answered) @ lengths).min()))
    return least


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 2, 3])
def test_equal_to_enumeration_at_eight_devices(seed):
    random = np.random.default_rng(seed)
    fields = {
        "name": "eight",
        "devices": [
            {
                "id": f"d{n}",
                "flops_per_second": random.uniform(1.0, 8.0),
                "memory_bytes": int(random.integers(2, 9)),
                "uplink_bits_per_second": random.uniform(0.5, 4.0),
                "overhead_seconds": random.uniform(0.0, 0.5),
                "failure_probability": random.uniform(0.02, 0.4),
            }
            for n in range(8)
        ],
        "students": [
            {"id": "small", "flops": 4.0, "flops_per_filter": 3.0, "memory_bytes": 2, "max_filters": 3},
            {"id": "large", "flops": 6.0, "memory_bytes": 1, "memory_bytes_per_filter": 1.0, "max_filters": 4},
        ],
        "knowledge": {"num_filters": 4 + seed % 2, "bits_per_filter": 1.0},
        "requirements": {"max_group_outage": 0.1, "min_groups": 1 + seed % 2, "max_groups": 3, "deadline_seconds": 9.0},
    }
    instance = ro.Instance.model_validate(fields)
    outcome = proven(instance)
    assert value_of(instance, outcome.plan, "expected") == pytest.approx(enumerated(instance, 3), rel=1e-9)
    assert outcome.lower_bound == pytest.approx(enumerated(instance, 3), rel=1e-9)


@pytest.mark.slow
def test_every_end_has_a_valid_bound():
    instance = ro.generate("paper", devices=6, seed=3)
    model = ExpectedModel(instance)
    start = ro.solve(instance, "greedy", "expected").plan
    best = value_of(instance, proven(instance, start).plan, "expected")
    bounds = []
    for nodes in (0, 50, 500):
        for begin in (None, start):
            outcome = prove_expected(model, Control(), begin, nodes=nodes)
            assert outcome.lower_bound <= best * (1.0 + 1e-12)
            assert outcome.plan is not None or (begin is None and outcome.reasons)
            assert not outcome.infeasible
        bounds.append(outcome.lower_bound)
    assert bounds == sorted(bounds)
    assert bounds[0] < bounds[-1]
    assert prove_expected(model, Control(deadline=-math.inf), start).lower_bound is None


@pytest.mark.parametrize(("gap", "begins"), cases([(0.2, False)], [(0.2, True), (0.02, True), (7.0, False)]))
def test_a_gap_ends_the_search_early(gap, begins):
    instance, best = proven_paper()
    start = ro.solve(instance, "greedy", "expected").plan if begins else None
    best = value_of(instance, best.plan, "expected")
    outcome = proven(instance, start, gap=gap)
    value = value_of(instance, outcome.plan, "expected")
    assert not outcome.infeasible
    assert best * (1 - 1e-9) <= value
    assert outcome.lower_bound <= best * (1.0 + 1e-12)
    assert value - outcome.lower_bound <= gap * value * (1.0 + 1e-9)
    if begins and gap >= 0.2:
        assert outcome.plan == start


@pytest.mark.slow
def test_memory_stays_bounded_without_a_change_of_the_result(monkeypatch):
    instance, free = proven_paper()
    monkeypatch.setattr(expected_tree, "MOST_OPEN", 50)
    monkeypatch.setattr(expected_tree, "BATCH", 16)
    told = []
    bounded = proven(instance, report=told.append)
    assert value_of(instance, bounded.plan, "expected") == pytest.approx(value_of(instance, free.plan, "expected"))
    assert bounded.lower_bound == pytest.approx(free.lower_bound, rel=1e-9)
    assert max(p.bound for p in told if p.bound is not None) <= free.lower_bound * (1 + 1e-9)


def assert_proven_under_rules(seed: int) -> None:
    """The least of all plans under domains and rules, and under ``min_success`` from a plan that keeps it."""
    instance = drawn(seed, 4)
    every = RestrictedOracle(instance)
    answer = every.optimum("expected")
    surest = None if instance.requirements.min_success is None else every.search(every.failing(every.last_in_time))
    start = None if surest is None or not every.is_feasible(surest) else every.plan(surest)
    if start is None and instance.requirements.min_success is not None:
        return
    found = prove_expected(ExpectedModel(instance), Control(), start)
    if answer is None:
        assert found.infeasible
        return
    assert found.plan is not None
    assert ro.check(instance, found.plan) == ()
    assert ro.evaluate(instance, found.plan).expected_seconds == pytest.approx(float(answer[0]), rel=1e-9)
    assert found.lower_bound == pytest.approx(float(answer[0]), rel=1e-8)
    assert found.lower_bound <= float(answer[0]) * (1 + 1e-9)


@pytest.mark.parametrize("seed", cases(range(8), range(24)))
def test_failure_domains_and_rules_are_proven(seed: int) -> None:
    assert_proven_under_rules(seed)


@pytest.mark.slow
def test_hundreds_of_domains_and_rules_are_proven() -> None:
    for seed in range(3000, 3100):
        assert_proven_under_rules(seed)


def test_many_domains_are_bounded_by_their_likeliest_states(monkeypatch: pytest.MonkeyPatch) -> None:
    instance = ro.generate("edge", devices=6, seed=2, domains=2)
    exactly = prove_expected(ExpectedModel(instance), Control(), None)
    monkeypatch.setattr(expected_nodes, "MOST_STATES", 1)
    roughly = prove_expected(ExpectedModel(instance), Control(), exactly.plan, nodes=5_000)
    assert roughly.lower_bound <= ro.evaluate(instance, exactly.plan).expected_seconds * (1 + 1e-9)
