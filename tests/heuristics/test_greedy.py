"""The greedy method: valid plans, close to the optimum, for every objective."""

from __future__ import annotations

import itertools
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracle
from packing_oracle import candidates
from rocoin_opt.control import Control
from rocoin_opt.failure.evaluation import evaluate, value_of
from rocoin_opt.failure.validity import check
from rocoin_opt.grouping.threshold_problem import ThresholdProblem
from rocoin_opt.heuristics.add_replicas import with_helpful_spares
from rocoin_opt.heuristics.construction import pack, varied_packings
from rocoin_opt.heuristics.greedy import greedy
from rocoin_opt.instance.generate import generate
from rocoin_opt.instance.model import Device, Instance, Knowledge, Requirements, Student
from rocoin_opt.plan.latency import ANSWER_OBJECTIVES, OBJECTIVES
from samples import cases, trials
from strategies import instances, valid_plans

TIMES = tuple(objective for objective in OBJECTIVES if objective not in ANSWER_OBJECTIVES)
"""Objectives that the counting bound says something of."""


@given(instances(max_devices=5, max_filters=5, deadline=True, level=True))
@trials(60, ways=2)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_plans_are_valid_and_bounds_hold(objective, instance):
    outcome, best = greedy(instance, objective, Control()), oracle.best(instance, objective)
    if outcome.plan is None:
        assert outcome.reasons
        return
    assert check(instance, outcome.plan) == ()
    value = evaluate(instance, outcome.plan).value(objective)
    assert best[0] <= (math.inf if value is None else value) * (1 + 1e-12)
    # The counting bound is one on times that every plan needs.
    if objective in ANSWER_OBJECTIVES:
        assert outcome.lower_bound is None
    else:
        assert outcome.lower_bound <= value * (1 + 1e-12)


FAMILIES = ["paper", "mcu", "sbc", "edge", "lossy"]


@pytest.mark.parametrize(
    ("family", "objective"),
    cases(zip(FAMILIES, itertools.cycle(TIMES), strict=False), itertools.product(FAMILIES, TIMES)),
)
def test_every_family_gets_a_plan_of_bounded_gap(family, objective):
    gaps = []
    for seed in range(3):
        instance = generate(family, seed=seed)
        outcome = greedy(instance, objective, Control())
        assert check(instance, outcome.plan) == ()
        value = evaluate(instance, outcome.plan).value(objective)
        gaps.append((value - outcome.lower_bound) / value)
    # The bound for expected latency knows little of failures; the others are close.
    assert sum(gaps) / len(gaps) < (0.75 if objective == "expected" else 0.2)


@pytest.mark.parametrize(
    ("family", "objective"),
    cases(
        [("lossy", "quantile")],
        zip(FAMILIES, itertools.cycle(ANSWER_OBJECTIVES), strict=False),
    ),
)
def test_the_whole_answer_gains_on_plans_for_the_guarantee(objective, family):
    ratios = []
    for seed in range(3):
        instance = generate(family, seed=seed).with_requirements(success_level=0.6)
        plan, other = (greedy(instance, figure, Control()).plan for figure in (objective, "guaranteed"))
        assert check(instance, plan) == ()
        ratios.append(value_of(instance, plan, objective) / value_of(instance, other, objective))
    assert max(ratios) <= 1 + 1e-12
    assert min(ratios) < 1


def test_an_exhausted_control_ends_with_a_reason():
    control = Control(deadline=-math.inf)
    outcome = greedy(generate("edge", devices=12), "guaranteed", control)
    assert outcome.plan is None
    assert "limit" in outcome.reasons[0]
    assert greedy(generate("edge", devices=12), "expected", control).plan is None


def test_reliability_that_greedy_cannot_pack_is_told():
    instance = generate("paper", seed=0).with_requirements(min_groups=4, max_group_outage=1e-4)
    outcome = greedy(instance, "guaranteed", Control())
    assert outcome.plan is None
    assert "greedy packing" in outcome.reasons[0]


def test_a_tight_fleet_has_the_plan_of_bin_covering(monkeypatch):
    rng = random.Random(17)
    covers = [rng.randint(20, 200) / 1000 for _ in range(60)]
    number = int(sum(covers))
    instance = Instance(
        name="tight",
        devices=[
            Device(
                id=f"d{n}",
                flops_per_second=1e6 * rng.choice([1, 2, 4]),
                memory_bytes=1e9,
                uplink_bits_per_second=1e6,
                failure_probability=0.01**cover,
            )
            for n, cover in enumerate(covers)
        ],
        students=[Student(id="s", flops=1e5, memory_bytes=1e3, max_filters=1)],
        knowledge=Knowledge(num_filters=number, bits_per_filter=32),
        requirements=Requirements(min_groups=number, max_groups=number, max_group_outage=0.01),
    )
    found = greedy(instance, "guaranteed", Control()).plan
    assert found is not None
    assert check(instance, found) == ()
    # The packing by part sizes has none.
    monkeypatch.setattr("rocoin_opt.heuristics.greedy.cover_bins", lambda _instance: [])
    assert greedy(instance, "guaranteed", Control()).plan is None


def test_packing_needs_as_many_groups_as_required():
    instance = generate("edge", devices=20, seed=1).with_requirements(min_groups=4)
    longest = float((instance.arrays.base + instance.arrays.slope * instance.arrays.largest).max())
    for objective in ("guaranteed", "nominal"):
        assert len(pack(instance, longest, objective, 0.5)) >= 4
        assert pack(instance, 0.0, objective, 0.5) is None


@pytest.mark.parametrize("objective", ["guaranteed", "nominal"])
@given(instance=instances(max_devices=6, max_filters=5), place=st.floats(0.0, 1.0))
def test_varied_packings_are_disjoint_groups_that_answer_in_time(objective, instance, place):
    within = candidates(instance) or [1.0]
    threshold = within[round(place * (len(within) - 1))]
    problem = ThresholdProblem(instance, objective, threshold)
    packings = varied_packings(instance, threshold, objective, 1, lambda: False)
    assert len(packings) == 16
    assert packings == varied_packings(instance, threshold, objective, 1, lambda: False)
    for groups in packings:
        assert len({n for group in groups for n in group}) == sum(map(len, groups))
        assert len(groups) <= instance.max_groups
        assert all(problem.covering(groups)) if groups else True
        assert all(problem.capacities(groups) > 0)
    # Where one holds all filters, those of its price that pass nobody over do as well.
    for price in (0.0, 0.5, 1.0):
        whole = pack(instance, threshold, objective, price)
        if whole is not None and instance.requirements.min_groups == 1:
            assert sum(problem.capacities(whole)) >= instance.knowledge.num_filters
            assert sorted(whole) in [sorted(groups) for groups in packings[:3]]


def test_varied_packings_differ_and_stop():
    instance = generate("edge", devices=60, seed=1)
    longest = float((instance.arrays.base + instance.arrays.slope * instance.arrays.largest).max()) / 40
    packings = varied_packings(instance, longest, "guaranteed", 0, lambda: False)
    assert len({str(sorted(groups)) for groups in packings}) > 8
    assert varied_packings(instance, longest, "guaranteed", 0, lambda: True) == []


@given(instances(max_devices=5, max_filters=3, deadline=True).flatmap(lambda i: valid_plans(i).map(lambda p: (i, p))))
def test_helpful_spares_help_as_the_evaluator_says(pair):
    instance, plan = pair
    completed = with_helpful_spares(instance, plan, Control())
    before, after = evaluate(instance, plan).expected_seconds, evaluate(instance, completed).expected_seconds
    assert check(instance, completed) == ()
    assert set(completed.spares) <= set(plan.spares)
    assert after <= before * (1 + 1e-12)
    for spare in completed.spares:
        for k, group in enumerate(plan.groups):
            larger = group.model_copy(update={"devices": (*group.devices, spare)})
            candidate = type(plan).of(instance, (*plan.groups[:k], larger, *plan.groups[k + 1 :]))
            # A spare that was left out would not have helped the first plan beyond rounding, if nothing else joined.
            if completed.spares == plan.spares and check(instance, candidate) == ():
                assert evaluate(instance, candidate).expected_seconds >= before * (1 - 1e-9)


def test_spares_without_a_deadline_are_refused():
    instance = generate("paper", seed=0)
    plan = greedy(instance, "guaranteed", Control()).plan
    endless = instance.with_requirements(deadline_seconds=None)
    with pytest.raises(ValueError, match="deadline"):
        with_helpful_spares(endless, plan, Control())
    assert with_helpful_spares(instance, plan, Control(deadline=-math.inf)) == plan
