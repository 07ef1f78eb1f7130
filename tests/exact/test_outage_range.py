"""Crash probabilities and outage limits over the whole range of numbers: check, methods and fractions agree."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

import oracle
import rocoin_opt as ro
from rocoin_opt.instance.fields import SMALLEST_OUTAGE_LIMIT
from samples import cases

SLACKS = (1.0, 1.0, 1.0 - 1e-13, 1.0 + 1e-13, 1.0 - 1e-11, 1.0 + 1e-11, 1.0 - 1e-9)


def probability(draw: random.Random) -> float:
    """Any probability below 1: denormal, tiny, ordinary, or as close to 1 as can be."""
    return draw.choice(
        [
            0.0,
            draw.choice([1.0 - 2.0**-53, 1.0 - 1e-12, 1.0 - 1e-7]),
            10.0 ** draw.uniform(-323.0, -290.0),
            10.0 ** draw.randint(-320, -1),
            draw.choice([0.1, 0.2, 0.3, 0.5, 0.9]),
        ]
    )


def extreme(seed: int) -> ro.Instance:
    """A tiny instance whose limit is met exactly, nearly, or not at all."""
    draw = random.Random(seed)
    failures = [probability(draw) for _ in range(draw.randint(1, 4))]
    limit = math.prod(draw.sample(failures, draw.randint(1, len(failures)))) * draw.choice(SLACKS)
    if draw.random() < 0.3:
        limit = draw.choice([0.0, 1.0, 1.0 - 1e-12, probability(draw)])
    if 0.0 < limit < SMALLEST_OUTAGE_LIMIT:
        limit = SMALLEST_OUTAGE_LIMIT
    filters = draw.randint(1, 3)
    fields: dict[str, Any] = {
        "name": "extreme",
        "devices": [
            {
                "id": f"d{n}",
                "flops_per_second": draw.choice([1.0, 2.0]),
                "memory_bytes": draw.choice([9, 9, 2]),
                "uplink_bits_per_second": draw.choice([1.0, 3.0]),
                "failure_probability": failure,
            }
            for n, failure in enumerate(failures)
        ],
        "students": [
            {"id": "s0", "flops": 1.0, "memory_bytes": 1, "max_filters": draw.randint(1, 3)},
            {"id": "s1", "flops": 2.0, "memory_bytes": 5, "max_filters": 3},
        ],
        "knowledge": {"num_filters": filters, "bits_per_filter": 1.0},
        "requirements": {"max_group_outage": min(limit, 1.0), "min_groups": draw.choice([1, 1, 2])},
    }
    return ro.Instance.model_validate(fields)


@pytest.mark.parametrize("seed", cases([3, 12, 17], [0, 1, 2, 5, *range(4, 28, 6), 28, 33]))
def test_check_and_every_method_agree_with_fractions(seed: int) -> None:
    instance = extreme(seed)
    known = oracle.oracle_of(instance)
    for decision in known.decisions():
        assert known.is_feasible(decision) == (ro.check(instance, known.plan(decision)) == ())
    best = oracle.best(instance, "guaranteed")
    for method in ("auto", "exact", "milp", "greedy"):
        result = ro.solve(instance, method, "guaranteed")
        if best is None:
            assert result.plan is None
            assert method == "greedy" or result.termination == "infeasible"
        elif method == "greedy":
            assert result.termination != "infeasible"
        else:
            assert result.termination == "optimal"
            assert result.objective_value == pytest.approx(best[0], rel=1e-9)


def test_a_product_too_small_for_a_number_keeps_the_smallest_limit() -> None:
    devices = [
        {
            "id": f"d{n}",
            "flops_per_second": 1.0,
            "memory_bytes": 9,
            "uplink_bits_per_second": 1.0,
            "failure_probability": failure,
        }
        for n, failure in enumerate((1e-299, 1e-200, 0.5))
    ]
    instance = ro.Instance.model_validate(
        {
            "name": "small",
            "devices": devices,
            "students": [{"id": "s", "flops": 1.0, "memory_bytes": 1, "max_filters": 1}],
            "knowledge": {"num_filters": 1, "bits_per_filter": 1.0},
            "requirements": {"max_group_outage": SMALLEST_OUTAGE_LIMIT, "deadline_seconds": 9.0},
        }
    )
    for objective in ("worst", "guaranteed", "expected"):
        for method in ("auto", "exact", "greedy"):
            plan = ro.solve(instance, method, objective).plan
            assert plan is not None
            assert {"d0", "d1"} <= set(plan.groups[0].devices)
