from __future__ import annotations

import itertools
import math
import random
from typing import TYPE_CHECKING

import numpy as np
import pytest

from oracle_queues import QueueOracle
from queue_instances import random_queues
from rocoin_opt.errors import UnsupportedError
from rocoin_opt.failure.assessment import assess, losses, simulated
from rocoin_opt.failure.distribution.answer_time import latency_distribution
from rocoin_opt.failure.evaluation import evaluate, evaluate_known, has_exact_answer, is_untied, value_of
from rocoin_opt.failure.monte_carlo.arrivals import simulate_arrivals
from rocoin_opt.failure.monte_carlo.rare import failure_probability
from rocoin_opt.failure.queues import MOST_FALLIBLE, QueueAnswers
from rocoin_opt.failure.what_if.replica_value import replica_values
from rocoin_opt.failure.what_if.sensitivity import sensitivities
from rocoin_opt.instance.model import Instance
from rocoin_opt.instance.slowdown import LogNormal
from rocoin_opt.plan.latency import OBJECTIVES
from rocoin_opt.plan.model import Group, Plan
from samples import cases

if TYPE_CHECKING:
    from oracle import Block


def in_order(instance: Instance, plan: Plan, blocks: tuple[Block, ...]) -> tuple[Block, ...]:
    """Groups of the oracle in the order of the plan's."""
    place = {name: k for k, group in enumerate(plan.groups) for name in group.devices}
    return tuple(sorted(blocks, key=lambda block: place[instance.devices[block.devices[0]].id]))


def some_plans(seed: int, number: int, *, domains: bool) -> list[tuple[Instance, QueueOracle, Plan, tuple[Block, ...]]]:
    instance = random_queues(seed, domains=domains)
    oracle, rng = QueueOracle(instance), random.Random(seed)
    decisions = list(itertools.islice(oracle.decisions(), 2_000))
    chosen = rng.sample(decisions, min(len(decisions), number))
    plans = [oracle.plan(blocks) for blocks in chosen]
    return [(instance, oracle, plan, in_order(instance, plan, b)) for plan, b in zip(plans, chosen, strict=True)]


@pytest.mark.parametrize("seed", cases(range(12), range(80)))
def test_every_figure_is_that_of_all_crash_states(seed: int) -> None:
    for instance, oracle, plan, blocks in some_plans(seed, 2, domains=seed % 3 == 0):
        found = evaluate(instance, plan)
        wanted = oracle.figures(blocks)
        for objective in OBJECTIVES:
            value = wanted[objective] if objective in wanted else oracle.latency(blocks, objective)
            figure = found.value(objective)
            if value is None or value == math.inf:
                assert figure is None
                assert value_of(instance, plan, objective) == math.inf
            else:
                assert figure == pytest.approx(float(value), rel=1e-13, abs=0.0), objective
                assert value_of(instance, plan, objective) == figure


@pytest.mark.parametrize("seed", cases(range(0, 40, 8), range(0, 160, 4)))
def test_the_guarantee_holds_in_truth(seed: int) -> None:
    for instance, oracle, plan, blocks in some_plans(seed, 2, domains=seed % 3 == 0):
        guaranteed = evaluate(instance, plan).guaranteed_seconds
        states = oracle.answer_times(blocks)
        cancelled = oracle.answer_times(blocks, cancel=True)
        for (plain, _), (spared, _) in zip(states, cancelled, strict=True):
            # Whoever does not send delays nobody, and no group loses its answer.
            pairs = list(zip(plain, spared, strict=True))
            assert all(
                (one is None) == (other is None) and (one is None or (other is not None and other <= one))
                for one, other in pairs
            )
        for k in range(len(blocks) if guaranteed is not None else 0):
            late = [p for firsts, p in states if (t := firsts[k]) is None or float(t) > guaranteed]
            assert sum(late) <= oracle.limit


def crowd(count: int, *, sure: int = 0) -> tuple[Instance, Plan]:
    """Devices on one channel in groups of two."""
    devices = [
        {
            "id": f"d{n:02}",
            "flops_per_second": 1.0 + n,
            "memory_bytes": 1,
            "uplink_bits_per_second": 4.0,
            "failure_probability": 0.0 if n < sure else 0.2,
            "channel": "air",
        }
        for n in range(count)
    ]
    instance = Instance.model_validate(
        {
            "name": "crowd",
            "devices": devices,
            "channels": [{"id": "air"}],
            "students": [{"id": "s", "flops": 1.0, "memory_bytes": 1, "max_filters": 9}],
            "knowledge": {"num_filters": (count + 1) // 2, "bits_per_filter": 1.0},
            "requirements": {"max_group_outage": 0.3, "deadline_seconds": 3.0, "success_level": 0.5},
        }
    )
    names = [device["id"] for device in devices]
    pairs = [tuple(map(str, names[n : n + 2])) for n in range(0, count, 2)]
    return instance, Plan.of(instance, [Group(devices=pair, student="s", num_filters=1) for pair in pairs])


def test_too_many_states_are_refused_by_name_and_simulated() -> None:
    instance, plan = crowd(MOST_FALLIBLE + 2)
    assert not is_untied(instance, plan)
    assert not has_exact_answer(instance, plan)
    with pytest.raises(UnsupportedError, match=f"18 devices that may fail are tied together, .* takes {MOST_FALLIBLE}"):
        evaluate(instance, plan)
    known = evaluate_known(instance, plan)
    assert known.guaranteed_seconds is not None
    assert known.failure_probability is None
    drawn = simulated(instance, plan, 4_000)
    assert drawn["guaranteed_seconds"] is not None


def test_devices_that_never_fail_have_one_state() -> None:
    instance, plan = crowd(MOST_FALLIBLE + 2, sure=4)
    assert is_untied(instance, plan)
    assert evaluate(instance, plan).failure_probability is not None


def test_simulated_and_exact_agree() -> None:
    instance, plan = crowd(7)
    exact, drawn = assess(instance, plan), simulated(instance, plan, 40_000, seed=3)
    for name in ("expected_seconds", "success_probability"):
        estimate = drawn[name]
        assert not isinstance(estimate, dict)
        assert estimate is not None
        assert estimate.low is not None
        assert estimate.high is not None
        assert estimate.low <= getattr(exact, name) <= estimate.high
    guarantee = drawn["guaranteed_seconds"]
    assert not isinstance(guarantee, dict)
    assert guarantee is not None
    assert guarantee.low is not None
    assert exact.guaranteed_seconds is not None
    assert guarantee.low <= exact.guaranteed_seconds


def test_a_law_beside_a_queue_is_refused_by_name() -> None:
    instance, plan = crowd(4)
    first = instance.devices[0].model_copy(update={"link_slowdown": LogNormal(sigma=0.5)})
    random_one = instance.model_copy(update={"devices": (first, *instance.devices[1:])})
    with pytest.raises(UnsupportedError, match="channel air, and d00 has a slowdown law"):
        evaluate(random_one, plan)
    assert not has_exact_answer(random_one, plan)
    assert simulated(random_one, plan, 2_000)["expected_seconds"] is not None


@pytest.mark.parametrize("seed", cases(range(4), range(40)))
def test_which_groups_have_answered_is_told_by_all_crash_states(seed: int) -> None:
    for instance, oracle, plan, blocks in some_plans(seed, 2, domains=seed % 2 == 0):
        states = oracle.answer_times(blocks)
        times = sorted({t for firsts, _ in states for t in firsts if t is not None})
        end = float(times[len(times) // 2])
        wanted = np.zeros((2,) * len(blocks))
        for firsts, probability in states:
            wanted[tuple(int(t is not None and t <= times[len(times) // 2]) for t in firsts)] += float(probability)
        found = QueueAnswers(instance, plan).patterns(end)
        assert found == pytest.approx(wanted, abs=1e-12)
        if end == 0.0:
            continue  # No deadline is that early.
        drawn = simulate_arrivals(instance, plan, 2_000, seed=seed, deadline=end)
        for arrived, count in drawn.counts.items():
            share = wanted[tuple(int(k in arrived) for k in range(len(blocks)))]
            assert abs(count / 2_000 - share) <= 5.0 * math.sqrt(share * max(1.0 - share, 0.0) / 2_000) + 1e-9


def test_what_cannot_honour_queues_says_so() -> None:
    instance, plan = crowd(4)
    for refused in (latency_distribution, sensitivities):
        with pytest.raises(UnsupportedError, match=f"channel air, and {refused.__name__} cannot honour"):
            refused(instance, plan)
    with pytest.raises(UnsupportedError, match="failure_probability by a deadline cannot honour"):
        failure_probability(instance, plan, deadline=2.0)
    ever = evaluate(instance.with_requirements(deadline_seconds=None), plan).failure_probability
    assert failure_probability(instance, plan).value == pytest.approx(ever)


def test_replicas_and_losses_are_computed_anew() -> None:
    instance, plan = crowd(5)
    for loss in losses(instance, plan):
        if loss.figures is not None:
            assert loss.figures.success_probability is not None
    values = replica_values(instance, plan)
    best = values[0]
    twin = instance.devices[instance.arrays.device_index[best.device]].model_copy(update={"id": "twin"})
    wider = instance.model_copy(update={"devices": (*instance.devices, twin)})
    groups = [
        group.model_copy(update={"devices": (*group.devices, "twin")}) if k == best.group else group
        for k, group in enumerate(plan.groups)
    ]
    anew = evaluate(wider, Plan.of(wider, groups))
    assert best.is_twin
    assert best.expected_seconds == anew.expected_seconds
    # One more transfer may delay others.
    before = evaluate(instance, plan).guaranteed_seconds
    assert before is not None
    assert any(value.guaranteed_seconds is not None and value.guaranteed_seconds > before for value in values)


def test_a_twin_of_a_lone_device_shares_its_channel() -> None:
    instance, plan = crowd(2)
    apart = tuple(
        device.model_copy(update={"channel": "air" if n == 0 else None}) for n, device in enumerate(instance.devices)
    )
    lone = instance.model_copy(update={"devices": apart})
    assert not lone.shared_channels
    value = next(v for v in replica_values(lone, plan) if v.device == "d00")
    twin = lone.devices[0].model_copy(update={"id": "d00+"})
    wider = lone.model_copy(update={"devices": (*lone.devices, twin)})
    group = plan.groups[0].model_copy(update={"devices": ("d00", "d00+", "d01")})
    assert value.expected_seconds == evaluate(wider, Plan.of(wider, [group])).expected_seconds
    assert np.isfinite(value.success_probability)
