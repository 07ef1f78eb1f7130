"""The least failure within a threshold, and then the least work: proven against all plans of tiny instances."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import oracle
import rocoin_opt as ro
from early_plans import early_plans, least_of
from examples import pairs, two_pairs
from rocoin_opt.control import Control
from rocoin_opt.exact.lexicographic.least_failure import least_failure, work_of
from rocoin_opt.exact.lexicographic.order import most_reliable
from rocoin_opt.failure.evaluation import value_of
from rocoin_opt.failure.validity import check
from rocoin_opt.grouping.threshold_problem import ThresholdProblem
from rocoin_opt.plan.phases import Phase
from samples import cases, trials
from strategies import instances, valid_plans
from tied_instances import tied_instance

OBJECTIVES = ("guaranteed", "nominal", "worst")
FEW, MANY = 20, 60
"""Random instances of a fixed seed each, beside those of Hypothesis: these have more ties."""


def assert_least(instance, objective, before, outcome):
    """Compare with all plans as early as a given one: the least failure, proven, and the least work for it."""
    plan, threshold = outcome.plan, value_of(instance, before, objective)
    failure, work = least_of(early_plans(instance, objective, threshold))
    assert check(instance, plan) == ()
    assert value_of(instance, plan, objective) <= threshold
    found = value_of(instance, plan, "failure")
    # Values near 0 keep their digits, and so does the bound.
    assert found == pytest.approx(failure, rel=1e-11, abs=1e-300)
    assert outcome.lower_bound <= found
    assert outcome.lower_bound == pytest.approx(failure, rel=1e-9, abs=1e-300)
    assert work_of(instance, plan) == pytest.approx(work, rel=1e-8, abs=1e-12)


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.slow
def test_random_instances_get_the_least_failure_and_then_the_least_work(objective):
    compare_with_all_plans(objective, range(FEW))


@pytest.mark.slow
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_many_random_instances_get_the_least_failure_and_then_the_least_work(objective):
    compare_with_all_plans(objective, range(FEW, MANY))


def compare_with_all_plans(objective, seeds):
    """Solve random instances for one latency, and compare with all plans as early."""
    compared = 0
    for seed in seeds:
        instance = tied_instance(seed)
        result = ro.solve(instance, "exact", objective)
        if result.plan is None:
            continue
        assert result.termination == "optimal"
        outcome = ro.Outcome(result.plan, result.reinforcement.lower_bound)
        assert_least(instance, objective, result.plan, outcome)
        assert result.phases == (Phase("reliability", is_proven=True), Phase("work", is_proven=True))
        compared += 1
    assert compared > len(seeds) // 2


def test_answers_as_good_as_never_in_time_are_tied_and_work_decides():
    kept = {"flops_per_second": 0.5, "memory_bytes": 20.0}
    devices = [
        {"id": f"d{n}", "uplink_bits_per_second": rate, "failure_probability": failure, **kept}
        for n, (rate, failure) in enumerate([(0.5, 0.3), (2.0, 0.9999999999999991), (0.5, 0.3)])
    ]
    instance = ro.Instance.model_validate(
        {
            "name": "hopeless",
            "devices": devices,
            "students": [{"id": "s", "flops": 0.0, "memory_bytes": 1.0, "max_filters": 1}],
            "knowledge": {"num_filters": 1, "bits_per_filter": 1.0},
            "requirements": {"max_group_outage": 0.3, "deadline_seconds": 0.5},
        }
    )
    plan = ro.Plan.of(instance, [ro.Group(devices=("d1", "d2"), student="s", num_filters=1)])
    for objective in OBJECTIVES:
        assert_least(instance, objective, plan, most_reliable(instance, objective, plan, Control()))


@pytest.mark.parametrize("memory", [1, 2])
def test_a_group_that_never_fails_may_take_filters_that_are_work_elsewhere(memory):
    kept = {"uplink_bits_per_second": 1.0, "overhead_seconds": 0.5}
    devices = [
        {"id": "slow", "flops_per_second": 0.1, "memory_bytes": 2, "failure_probability": 0.1, **kept},
        {"id": "sure", "flops_per_second": 1.0, "memory_bytes": memory, "failure_probability": 0.0, **kept},
    ]
    student = {"id": "s", "flops": 0.0, "flops_per_filter": 1.0, "memory_bytes": 0, "max_filters": 2}
    student["memory_bytes_per_filter"] = 1
    instance = ro.Instance.model_validate(
        {
            "name": "sure",
            "devices": devices,
            "students": [student],
            "knowledge": {"num_filters": 2, "bits_per_filter": 0.0},
            "requirements": {"max_group_outage": 0.2},
        }
    )
    plan = ro.Plan.of(instance, [ro.Group(devices=("slow",), student="s", num_filters=2)])
    outcome = most_reliable(instance, "worst", plan, Control())
    assert_least(instance, "worst", plan, outcome)
    assert all(phase.is_proven for phase in outcome.phases)
    assert len(outcome.plan.groups) == (2 if memory == 1 else 1)


def test_what_is_cut_short_is_not_proven(monkeypatch):
    fleet, rates = pairs(), (2.0, 2.1, 2.2, 2.3, 2.4, 2.5)
    # No two are alike, and all fail as often: any two serve as surely as any others.
    devices = [fleet.devices[0].model_copy(update={"id": f"{r}", "flops_per_second": r}) for r in rates]
    fleet = fleet.with_devices(devices).with_requirements(max_groups=2)
    phases = ro.solve(fleet, "exact").phases
    assert phases == (Phase("reliability", is_proven=True), Phase("work", is_proven=True))
    # Two tied packings are all that is looked for: there are others.
    monkeypatch.setattr("rocoin_opt.exact.lexicographic.least_failure.TIED_PACKINGS", 2)
    assert ro.solve(fleet, "exact").phases == (Phase("reliability", is_proven=True), Phase("work", is_proven=False))


def test_a_packing_that_refutes_nothing_leaves_the_bound_on_all_plans(monkeypatch):
    module = "rocoin_opt.exact.lexicographic.least_failure"
    instance, control = ro.generate("edge", devices=8, seed=0), Control()
    result = ro.solve(instance, "exact", latency_only=True)
    problem = ThresholdProblem(instance, "guaranteed", result.objective_value)

    def packs_nothing(_instance, _objective, _problem_of, best, control):
        control.stop.set()
        return ro.Outcome(best, 0.0), None

    monkeypatch.setattr(f"{module}.SOON_PROVEN", 7)
    proven = least_failure(problem, result.plan, (), Control())
    monkeypatch.setattr(f"{module}.cheapest_plan", packs_nothing)
    stopped = least_failure(problem, result.plan, (), control)
    assert 0.0 < stopped.lower_bound < proven.lower_bound <= value_of(instance, stopped.plan, "failure")


@pytest.mark.parametrize("objective", OBJECTIVES)
@given(data=st.data(), instance=instances(max_devices=4, max_students=2, max_filters=4))
@trials(30, ways=2)
def test_nothing_is_better_on_tiny_instances(objective, data, instance):
    plan = data.draw(valid_plans(instance))
    assert_least(instance, objective, plan, most_reliable(instance, objective, plan, Control()))


@pytest.mark.parametrize("objective", OBJECTIVES)
@given(instance=instances(max_devices=5, max_students=2, max_filters=3))
@trials(20, ways=2)
def test_nothing_is_better_than_the_best_of_the_earliest_plans(objective, instance):
    earliest = oracle.best(instance, objective)
    assume(earliest is not None)
    assert_least(instance, objective, earliest[1], most_reliable(instance, objective, earliest[1], Control()))


@pytest.mark.parametrize("objective", OBJECTIVES)
@given(data=st.data(), instance=instances(max_devices=5, max_students=2, max_filters=4))
@trials(25, ways=2)
def test_given_part_sizes_stay_and_nothing_of_these_sizes_fails_less(objective, data, instance):
    plan = data.draw(valid_plans(instance))
    threshold = value_of(instance, plan, objective)
    outcome = least_failure(ThresholdProblem(instance, objective, threshold), plan, plan.sizes, Control())
    failure, work = least_of([p for p in early_plans(instance, objective, threshold) if p.sizes == plan.sizes])
    assert outcome.plan.sizes == plan.sizes
    assert value_of(instance, outcome.plan, "failure") == pytest.approx(failure, rel=1e-11, abs=1e-300)
    assert outcome.lower_bound == pytest.approx(failure, rel=1e-9, abs=1e-300)
    assert work_of(instance, outcome.plan) == pytest.approx(work, rel=1e-8, abs=1e-12)


def equal_devices(failure, outage, deadline=None):
    """Five equal devices, two filters in two groups."""
    device = {"flops_per_second": 1.0, "memory_bytes": 9, "uplink_bits_per_second": 1.0, "failure_probability": failure}
    return ro.Instance.model_validate(
        {
            "name": "equal",
            "devices": [{"id": f"d{n}", **device} for n in range(5)],
            "students": [{"id": "s", "flops": 3.0, "memory_bytes": 1, "max_filters": 1}],
            "knowledge": {"num_filters": 2, "bits_per_filter": 1.0},
            "requirements": {"max_group_outage": outage, "deadline_seconds": deadline},
        }
    )


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize(
    ("failure", "outage"), cases([(0.0, 1.0), (0.1, 0.01), (0.999999, 1.0)], [(0.0, 0.0), (0.1, 0.1), (0.1, 1.0)])
)
def test_ties_and_limits_at_their_ends(failure, outage, number):
    deadline, objective = (None, 0.5, 4.0)[number], OBJECTIVES[(number + (outage == 1.0)) % 3]
    instance = equal_devices(failure, outage, deadline)
    plan = ro.solve(instance, "greedy", objective).plan
    assert_least(instance, objective, plan, most_reliable(instance, objective, plan, Control()))


def test_devices_that_never_fail_make_all_others_idle():
    result = ro.solve(equal_devices(0.0, 0.1))
    assert [len(group.devices) for group in result.plan.groups] == [1, 1]
    assert result.metrics.failure_probability == result.reinforcement.lower_bound == 0.0


def test_where_nobody_answers_in_time_work_alone_decides():
    result = ro.solve(equal_devices(0.1, 0.1, deadline=0.5))
    assert [len(group.devices) for group in result.plan.groups] == [1, 1]
    assert result.metrics.failure_probability == 1.0
    assert result.reinforcement.lower_bound == pytest.approx(1.0, rel=1e-11)


def test_an_idle_device_joins_by_hand():
    # 1 - (1 - 0.1^3)(1 - 0.1^2) of five devices, two of which each group needs.
    result = ro.solve(equal_devices(0.1, 0.01))
    assert [len(group.devices) for group in result.plan.groups] == [3, 2]
    assert result.metrics.failure_probability == pytest.approx(1 - 0.999 * 0.99, rel=1e-12)
    assert (result.reinforcement.devices, result.objective_value) == (1, 4.0)
    assert result.reinforcement.failure_without == pytest.approx(1 - 0.99**2, rel=1e-12)


@pytest.mark.parametrize("objective", cases(["nominal"], OBJECTIVES))
def test_threads_gap_and_the_plan_to_begin_with_change_nothing(objective):
    instance = ro.generate("edge", devices=12, seed=5)
    plan = ro.solve(instance, "exact", objective, latency_only=True).plan
    expected = most_reliable(instance, objective, plan, Control(seed=3))
    assert most_reliable(instance, objective, plan, Control(seed=3, threads=2, gap=0.5)) == expected
    assert expected.lower_bound == pytest.approx(value_of(instance, expected.plan, "failure"), rel=1e-9)
    again = most_reliable(instance, objective, expected.plan, Control())
    assert value_of(instance, again.plan, "failure") == pytest.approx(expected.lower_bound, rel=1e-9)


@pytest.mark.parametrize("example", [pairs, two_pairs])
def test_no_time_at_all_gives_the_plan_back(example):
    instance = example()
    plan = ro.solve(instance, "greedy").plan
    stopped = Control()
    stopped.stop.set()
    for control in (Control.starting_now(time_limit=0), stopped):
        found = most_reliable(instance, "guaranteed", plan, control)
        assert found == ro.Outcome(plan, phases=(Phase("reliability", is_proven=False, was_cut=True),))


@dataclass(frozen=True)
class StopsAfter(Control):
    """A control whose limit is reached at its n-th look at the clock, by its copies too."""

    after: int = 0
    looks: list[None] = field(default_factory=list)

    @property
    def exhausted(self):
        self.looks.append(None)
        return len(self.looks) > self.after


@pytest.mark.parametrize("after", cases([3, 21], [1, 8, 55]))
def test_a_limit_anywhere_leaves_a_valid_plan_and_a_valid_bound(after):
    instance = ro.generate("mcu", devices=10, seed=3)
    plan = ro.solve(instance, "random", "nominal", seed=1).plan
    proven = most_reliable(instance, "nominal", plan, Control())
    outcome = most_reliable(instance, "nominal", plan, StopsAfter(after=after))
    assert check(instance, outcome.plan) == ()
    assert value_of(instance, outcome.plan, "nominal") <= value_of(instance, plan, "nominal")
    failure = value_of(instance, outcome.plan, "failure")
    assert failure <= value_of(instance, plan, "failure")
    least = value_of(instance, proven.plan, "failure")
    assert (outcome.lower_bound or 0.0) <= least <= failure * (1 + 1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_more_devices_descend_below_what_they_began_with_and_are_bounded(objective):
    instance = ro.generate("edge", devices=30, seed=4)
    plan = ro.solve(instance, "greedy", objective).plan
    outcome = most_reliable(instance, objective, plan, Control())
    assert check(instance, outcome.plan) == ()
    assert value_of(instance, outcome.plan, objective) <= value_of(instance, plan, objective)
    failure = value_of(instance, outcome.plan, "failure")
    assert 0.0 <= outcome.lower_bound <= failure < value_of(instance, plan, "failure")


def test_idle_devices_join_although_the_time_went_into_the_latency():
    instance = ro.generate("lossy", devices=24, seed=0)
    lean = ro.solve(instance, "greedy").plan
    found = most_reliable(instance, "guaranteed", lean, Control.starting_now(time_limit=0)).plan
    assert check(instance, found) == ()
    assert value_of(instance, found, "guaranteed") <= value_of(instance, lean, "guaranteed")
    assert value_of(instance, found, "failure") < 0.9 * value_of(instance, lean, "failure")
