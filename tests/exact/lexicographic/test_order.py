"""The order behind latency: proven against brute force, never worse, and the same every time."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import oracle
import partition_oracle
import rocoin_opt as ro
from early_plans import early_plans
from examples import pairs, two_pairs
from rocoin_opt.control import Control
from rocoin_opt.exact.lexicographic import least_work
from rocoin_opt.exact.lexicographic.order import least_busy, lexicographic_key
from rocoin_opt.exact.lexicographic.part_search import PartSearch
from rocoin_opt.failure.evaluation import evaluate
from rocoin_opt.failure.validity import check
from rocoin_opt.grouping.columns import free_choices, minimal_covers, minimal_groups
from rocoin_opt.grouping.threshold_problem import ThresholdProblem
from rocoin_opt.heuristics.work_descent import cheapest_sizes
from rocoin_opt.plan.filters import labels_of, without_filters
from samples import cases, trials
from strategies import instances, valid_plans

OBJECTIVES = ("guaranteed", "nominal", "worst")


def break_ties(*arguments):
    return least_busy(*arguments).plan


def order_of(instance, plan, criterion="ncut"):
    parts = None if instance.knowledge.graph is None else PartSearch(instance, criterion, Control())
    return lexicographic_key(instance, plan, parts, "work")


def assert_kept(instance, objective, before, after):
    """The promise: valid, as early, and not worse behind latency."""
    assert check(instance, after) == ()
    assert evaluate(instance, after).value(objective) <= evaluate(instance, before).value(objective)
    assert order_of(instance, after) <= order_of(instance, before)


def best_by_brute_force(instance, objective, threshold):
    """Least work of all plans within a threshold, and by it the most spare reliability."""
    shares = instance.arrays.cover_share
    return min(
        (plan.work, -float(shares[list(plan.spares)].sum())) for plan in early_plans(instance, objective, threshold)
    )


@pytest.mark.parametrize("objective", OBJECTIVES)
@given(data=st.data(), instance=instances(max_devices=4, max_students=2, max_filters=4))
@trials(60)
def test_nothing_is_better_on_tiny_instances(objective, data, instance):
    plan = data.draw(valid_plans(instance))
    found = break_ties(instance, objective, plan, Control())
    assert_kept(instance, objective, plan, found)
    work, spare = best_by_brute_force(instance, objective, evaluate(instance, plan).value(objective))
    order = order_of(instance, found)
    assert order.cut == 0.0
    assert order.work == pytest.approx(work, rel=1e-8, abs=1e-12)
    assert order.spare == pytest.approx(spare, abs=1e-6)


@pytest.mark.parametrize("objective", OBJECTIVES)
@given(instance=instances(max_devices=5, max_students=2, max_filters=4))
@trials(25)
def test_nothing_is_better_than_the_best_of_the_earliest_plans(objective, instance):
    earliest = oracle.best(instance, objective)
    assume(earliest is not None)
    found = break_ties(instance, objective, earliest[1], Control())
    assert_kept(instance, objective, earliest[1], found)
    work, spare = best_by_brute_force(instance, objective, evaluate(instance, earliest[1]).value(objective))
    assert order_of(instance, found)[2:] == (pytest.approx(work, rel=1e-8, abs=1e-12), pytest.approx(spare, abs=1e-6))


@pytest.mark.parametrize("objective", OBJECTIVES)
@given(data=st.data(), instance=instances(max_devices=5, max_students=3, max_filters=5))
@trials(25)
def test_the_neighbourhood_alone_is_never_worse(objective, data, instance):
    plan = data.draw(valid_plans(instance))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(least_work, "MAX_GROUPS", 0)
        assert_kept(instance, objective, plan, break_ties(instance, objective, plan, Control()))


@pytest.mark.parametrize(
    ("criterion", "objective"),
    cases(
        [("ncut", "guaranteed"), ("cut", "worst"), ("resilient", "nominal")],
        [("ncut", "nominal"), ("resilient", "worst"), ("cut", "guaranteed")],
    ),
)
@given(instance=instances(max_devices=4, max_students=2, max_filters=5, graph=True))
@trials(15)
def test_the_partition_is_the_best_of_all_earliest_plans(objective, criterion, instance):
    earliest = oracle.best(instance, objective)
    assume(earliest is not None)
    found = break_ties(instance, objective, earliest[1], Control(), criterion)
    assert check(instance, found) == ()
    value = evaluate(instance, earliest[1]).value(objective)
    assert evaluate(instance, found).value(objective) <= value
    best = partition_oracle.best_within(partition_oracle.outcomes(instance, objective, criterion), value)
    parts = PartSearch(instance, criterion, Control())
    assert parts.value(labels_of(instance, found)) == pytest.approx(best, rel=1e-8, abs=1e-8 * parts.unit)
    assert order_of(instance, found, criterion)[0] == parts.rank(best)


def test_plans_without_filters_come_last():
    instance = ro.generate("sbc", devices=8, seed=1, filters=12, max_groups=3, graph=True)
    plan = ro.solve(instance).plan
    assert order_of(instance, without_filters(plan))[0] == math.inf
    assert order_of(instance, plan)[0] == pytest.approx(evaluate(instance, plan).ncut, abs=1e-9)
    assert order_of(instance, plan, "cut")[0] < 1.0


def test_the_order_is_worked_out_by_hand():
    instance = pairs()
    plan = ro.Plan.of(
        instance,
        [
            ro.Group(devices=("d0", "d1"), student="s1", num_filters=2),
            ro.Group(devices=("d2",), student="s3", num_filters=3),
        ],
    )
    # d0 and d1: 2 FLOP and 2 bits; d2: 6 FLOP at 2 FLOP/s and 3 bits, all links 2 bit/s.
    share = math.log(0.1) / math.log(0.02)
    assert order_of(instance, plan) == (0.0, 0.0, 10.5, pytest.approx(-share))


def test_more_spare_reliability_decides_between_equal_work():
    device = {"flops_per_second": 1.0, "memory_bytes": 9, "uplink_bits_per_second": 1.0}
    instance = ro.Instance.model_validate(
        {
            "name": "choice",
            "devices": [
                {"id": f"d{n}", **device, "failure_probability": p} for n, p in enumerate((0.1, 0.1, 0.04, 0.3))
            ],
            "students": [{"id": "s", "flops": 3.0, "memory_bytes": 1, "max_filters": 9}],
            "knowledge": {"num_filters": 2, "bits_per_filter": 1.0},
            "requirements": {"max_group_outage": 0.01},
        }
    )
    plan = ro.Plan.of(instance, [ro.Group(devices=("d0", "d2"), student="s", num_filters=2)])
    (group,) = break_ties(instance, "guaranteed", plan, Control()).groups
    assert group.devices == ("d0", "d1")


def test_superfluous_replicas_become_spares_and_filters_are_dropped_with_the_change():
    instance = two_pairs()
    everybody = ro.Group(devices=("d0", "d1", "d2", "d3"), student="s", num_filters=4, filters=(0, 1, 2, 3))
    found = break_ties(instance, "guaranteed", ro.Plan.of(instance, [everybody]), Control())
    assert (len(found.spares), found.groups[0].filters) == (2, None)


def test_a_plan_that_is_best_is_returned_as_it_is():
    instance = two_pairs()
    first = break_ties(instance, "guaranteed", ro.solve(instance, "greedy").plan, Control())
    assert break_ties(instance, "guaranteed", first, Control()) == first


def test_no_work_at_all_is_no_obstacle():
    device = {"flops_per_second": 1.0, "memory_bytes": 9, "uplink_bits_per_second": 1.0, "failure_probability": 0.1}
    instance = ro.Instance.model_validate(
        {
            "name": "idle",
            "devices": [{"id": f"d{n}", **device} for n in range(3)],
            "students": [{"id": "s", "flops": 0.0, "memory_bytes": 1, "max_filters": 2}],
            "knowledge": {"num_filters": 2, "bits_per_filter": 0.0},
            "requirements": {"max_group_outage": 0.1},
        }
    )
    groups = [ro.Group(devices=(f"d{n}",), student="s", num_filters=1) for n in range(2)]
    found = break_ties(instance, "guaranteed", ro.Plan.of(instance, groups), Control())
    assert order_of(instance, found) == (0.0, 0.0, 0.0, pytest.approx(-2.0))


@pytest.mark.parametrize(
    ("family", "devices", "objective"),
    cases(
        [("mcu", 12, "nominal"), ("edge", 30, "guaranteed"), ("lossy", 16, "worst")],
        [("mcu", 12, "worst"), ("edge", 20, "nominal"), ("lossy", 16, "guaranteed")],
    ),
)
def test_generated_instances_do_with_less_work(family, devices, objective):
    instance = ro.generate(family, devices=devices, seed=4)
    plan = ro.solve(instance, "greedy", objective).plan
    found = break_ties(instance, objective, plan, Control())
    assert_kept(instance, objective, plan, found)
    assert order_of(instance, found).work < order_of(instance, plan).work or objective != "nominal"
    # What comes from all minimal groups is no worse than what their neighbourhood gives.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(least_work, "MAX_GROUPS", 0)
        assert (
            order_of(instance, found).work <= order_of(instance, break_ties(instance, objective, plan, Control())).work
        )


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_and_gap_change_nothing(threads):
    instance = ro.generate("edge", devices=20, seed=5)
    plan = ro.solve(instance, "greedy").plan
    expected = break_ties(instance, "guaranteed", plan, Control(seed=3))
    assert break_ties(instance, "guaranteed", plan, Control(seed=3, threads=threads, gap=0.5)) == expected


@pytest.mark.slow
def test_hundreds_of_devices_get_by_with_the_neighbourhood():
    instance = ro.generate("edge", devices=120, seed=1)
    plan = ro.solve(instance, "greedy").plan
    assert minimal_groups(ThresholdProblem(instance, "guaranteed", 1e9), least_work.MAX_GROUPS) is None
    found = break_ties(instance, "guaranteed", plan, Control())
    assert_kept(instance, "guaranteed", plan, found)
    assert order_of(instance, found).work < order_of(instance, plan).work


def test_too_many_leaders_are_refused_like_too_many_covers():
    instance = ro.generate("edge", devices=20, seed=5)
    threshold = evaluate(instance, ro.solve(instance, "greedy", "nominal").plan).nominal_seconds
    problem = ThresholdProblem(instance, "nominal", threshold)
    every = minimal_groups(problem, 10**6)
    assert minimal_groups(problem, len(every)) is not None
    assert minimal_groups(problem, len(every) - 1) is None
    covers = minimal_covers(ThresholdProblem(instance, "nominal", threshold), np.arange(20), 10**6, Control())
    assert len(covers) < len(every)


def test_no_listed_choice_is_dominated():
    instance = ro.generate("mcu", devices=12, seed=2)
    problem = ThresholdProblem(instance, "worst", evaluate(instance, ro.solve(instance, "greedy").plan).worst_seconds)
    choices = free_choices(problem, minimal_groups(problem, 10**5))
    rows = {}
    for k in range(len(choices)):
        rows.setdefault(tuple(choices.members[k].tolist()), []).append(k)
    assert any(len(same) > 1 for same in rows.values())
    for same in rows.values():
        for i in same:
            for k in same:
                reaches = choices.most[i] >= choices.most[k]
                sizes = np.array([1, choices.most[k]])
                cheap = choices.base[i] + choices.slope[i] * sizes <= choices.base[k] + choices.slope[k] * sizes
                assert i == k or not (reaches and cheap.all())


def test_filters_go_to_the_cheapest_groups_first():
    assert cheapest_sizes([1, 1, 1], [4, 5, 3], [2.0, 1.0, 1.0], 9) == [1, 5, 3]


@dataclasses.dataclass(frozen=True)
class StopsAfter(Control):
    """A control whose limit is reached at its n-th look at the clock, by its copies too."""

    after: int = 0
    looks: list[None] = dataclasses.field(default_factory=list)

    @property
    def exhausted(self):
        self.looks.append(None)
        return len(self.looks) > self.after


@pytest.mark.parametrize(
    ("after", "graph"),
    cases([(0, True), (2, True), (4, False), (11, False)], [(1, False), (7, True), (15, True)]),
)
def test_a_limit_anywhere_leaves_a_valid_plan(after, graph):
    instance = ro.generate("mcu", devices=12, seed=3, graph=graph)
    plan = ro.solve(instance, "random", "nominal", seed=1).plan
    found = break_ties(instance, "nominal", plan, StopsAfter(after=after))
    assert_kept(instance, "nominal", plan, found)
    if after == 0:
        assert found is plan


def test_no_time_at_all_gives_the_plan_back():
    instance = two_pairs()
    plan = ro.solve(instance, "greedy").plan
    assert break_ties(instance, "guaranteed", plan, Control.starting_now(time_limit=0)) is plan
    stopped = Control()
    stopped.stop.set()
    assert break_ties(instance, "guaranteed", plan, dataclasses.replace(stopped)) is plan
