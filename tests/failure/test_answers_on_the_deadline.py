"""Answers that come at the deadline exactly, in decimals whose sums round: in time, whoever computes it."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

import numpy as np
import pytest

import oracle
import rocoin_opt as ro
from rocoin_opt.failure.evaluation import evaluate
from rocoin_opt.failure.monte_carlo.arrivals import simulate_arrivals
from rocoin_opt.failure.monte_carlo.traces import Traces
from rocoin_opt.failure.partial_answers import parts_arrived
from rocoin_opt.instance.model import Instance
from samples import cases

DECIMALS = (0.1, 0.2, 0.3, 0.7, 1.1, 0.07, 2.3)
RATES = (1.0, 0.1, 10.0, 0.5, 0.2)


def decimal_instance(rng: random.Random) -> Instance:
    """Overhead, compute time and transfer time in terminating decimals."""
    devices = [
        {
            "id": f"d{n}",
            "flops_per_second": rng.choice(RATES),
            "memory_bytes": 9,
            "uplink_bits_per_second": rng.choice(RATES),
            "overhead_seconds": rng.choice((0.0, *DECIMALS)),
            "failure_probability": rng.choice((0.0, 0.1, 0.25, 0.3)),
        }
        for n in range(rng.randint(1, 4))
    ]
    fields: dict[str, Any] = {
        "name": "decimals",
        "devices": devices,
        "students": [{"id": "s", "flops": rng.choice(DECIMALS), "memory_bytes": 1, "max_filters": 3}],
        "knowledge": {"num_filters": rng.randint(1, 3), "bits_per_filter": rng.choice(DECIMALS)},
        "requirements": {"max_group_outage": 1.0},
    }
    return Instance.model_validate(fields)


def rounds(instance: Instance, plan: ro.Plan) -> bool:
    """Whether a replica answers later than the deadline by rounding alone."""
    index, deadline = instance.arrays.device_index, instance.requirements.deadline_seconds
    assert deadline is not None
    late = [
        float(instance.arrays.latency(index[name], 0, group.num_filters))
        for group in plan.groups
        for name in group.devices
    ]
    return any(deadline < seconds < deadline * (1 + 1e-12) for seconds in late)


def with_crash(instance: Instance, name: str, probability: float) -> Instance:
    """The instance with another crash probability of a device."""
    changed = {"failure_probability": probability}
    return instance.with_devices(
        device.model_copy(update=changed) if device.id == name else device for device in instance.devices
    )


@cache
def drawn_cases() -> list[tuple[Instance, ro.Plan]]:
    """Plans with the deadline on the decimal at which one of their replicas answers; two of three round."""
    rng = random.Random(3)
    rounded, others = [], []
    while len(rounded) < 16:
        instance = decimal_instance(rng)
        plan = rng.choice(list(oracle.all_plans(instance)))
        group = rng.choice(plan.groups)
        n = instance.arrays.device_index[rng.choice(group.devices)]
        deadline = float(oracle.latency(instance, n, 0, group.num_filters))
        case = instance.with_requirements(deadline_seconds=deadline), plan
        (rounded if rounds(*case) else others).append(case)
    return rounded + others[:8]


@pytest.mark.parametrize("number", cases(range(8), range(24)))
def test_every_evaluator_says_what_the_decimals_say(number: int) -> None:
    instance, plan = drawn_cases()[number]
    right = oracle.success_probability(instance, plan)
    law = ro.latency_distribution(instance, plan)
    deadline = instance.requirements.deadline_seconds
    assert evaluate(instance, plan).success_probability == pytest.approx(right, abs=1e-12)
    assert ro.assess(instance, plan).success_probability == pytest.approx(right, abs=1e-12)
    assert law.success_probability(deadline) == pytest.approx(right, abs=1e-12)
    assert law.failure_probability(deadline) == pytest.approx(1.0 - right, abs=1e-12)
    assert parts_arrived(law, deadline)[-1] == pytest.approx(right, abs=1e-12)
    rare = ro.failure_probability(instance, plan, trials=4096, deadline=deadline)
    assert rare.value == pytest.approx(1.0 - right, abs=0.05)
    simulated = [
        ro.simulate(instance, plan, 4096, seed=1).success_probability,
        simulate_arrivals(instance, plan, 4096, seed=1).parts_arrived(len(plan.groups)),
    ]
    assert all(abs(estimate.value - right) < 0.05 for estimate in simulated)
    for value in ro.replica_values(instance, plan):
        if not value.is_twin:
            joined = [*plan.groups]
            grown = (*joined[value.group].devices, value.device)
            joined[value.group] = joined[value.group].model_copy(update={"devices": grown})
            now = oracle.success_probability(instance, ro.Plan.of(instance, joined))
            assert value.success_probability == pytest.approx(now, abs=1e-12)
    for slope in ro.sensitivities(instance, plan):
        if slope.parameter == "failure_probability":
            gone, sure = (with_crash(instance, slope.device, p) for p in (0.5, 0.0))
            fall = oracle.success_probability(sure, plan) - oracle.success_probability(gone, plan)
            assert slope.failure is not None
            assert slope.failure.left == slope.failure.right == pytest.approx(2.0 * fall, abs=1e-12)
    instant = ro.Plan.of(instance, [plan.groups[0]])
    difference = ro.simulate_difference(instance, plan, instant, 4096).success_probability
    assert difference.value == pytest.approx(right - evaluate(instance, instant).success_probability, abs=0.05)


def test_a_replayed_request_at_the_deadline_is_in_time() -> None:
    # Measured factors of 1: the terms are added one by one, and their sum is above 0.3.
    instance = Instance.model_validate(
        {
            "name": "replay",
            "devices": [
                {
                    "id": "a",
                    "flops_per_second": 10.0,
                    "memory_bytes": 9,
                    "uplink_bits_per_second": 10.0,
                    "overhead_seconds": 0.1,
                    "failure_probability": 0.0,
                }
            ],
            "students": [{"id": "s", "flops": 1.0, "memory_bytes": 1, "max_filters": 1}],
            "knowledge": {"num_filters": 1, "bits_per_filter": 1.0},
            "requirements": {"max_group_outage": 1.0, "deadline_seconds": 0.3},
        }
    )
    plan = ro.Plan.of(instance, [ro.Group(devices=("a",), student="s", num_filters=1)])
    traces = Traces(("a",), compute=np.ones((2, 1)), link=np.ones((2, 1)))
    assert 0.1 + 0.1 + 0.1 > 0.3
    assert ro.simulate(instance, plan, 64, traces=traces).success_probability.value == 1.0


def test_a_level_that_the_decimals_reach_is_reached() -> None:
    # 1 - 0.1 * 0.1 * 0.1 = 0.999, but for rounding.
    for p, count, level in ((0.1, 1, 0.9), (0.1, 2, 0.99), (0.1, 3, 0.999), (0.3, 1, 0.7), (0.001, 3, 0.999999999)):
        names = [f"d{n}" for n in range(count)]
        device = {"flops_per_second": 1.0, "memory_bytes": 1, "uplink_bits_per_second": 1.0, "failure_probability": p}
        instance = Instance.model_validate(
            {
                "name": "levels",
                "devices": [{"id": name, **device} for name in names],
                "students": [{"id": "s", "flops": 1.0, "memory_bytes": 1, "max_filters": 1}],
                "knowledge": {"num_filters": 1, "bits_per_filter": 0.0},
                "requirements": {"max_group_outage": 1.0},
            }
        )
        plan = ro.Plan.of(instance, [ro.Group(devices=tuple(names), student="s", num_filters=1)])
        assert ro.latency_distribution(instance, plan).quantile(level) == 1.0


def test_memory_that_the_decimals_fill_is_enough() -> None:
    # 0.1 + 0.1 * 2 bytes in 0.3 bytes.
    device = {"flops_per_second": 1.0, "uplink_bits_per_second": 1.0, "failure_probability": 0.1}
    instance = Instance.model_validate(
        {
            "name": "bytes",
            "devices": [{"id": "a", "memory_bytes": 0.3, **device}],
            "students": [
                {"id": "s", "flops": 1.0, "memory_bytes": 0.1, "memory_bytes_per_filter": 0.1, "max_filters": 2}
            ],
            "knowledge": {"num_filters": 2, "bits_per_filter": 0.0},
            "requirements": {"max_group_outage": 1.0},
        }
    )
    assert 0.1 + 0.1 * 2 > 0.3
    for method in ("auto", "exact", "milp", "greedy", "rocoin", "nonn", "random"):
        assert ro.solve(instance, method).plan is not None, method
