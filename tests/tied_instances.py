"""Small instances of few different numbers, so that many plans are equally early or fail equally often."""

from __future__ import annotations

import random

import rocoin_opt as ro


def tied_instance(seed):
    """One of up to five devices; some never fail, some miss every deadline, some limits are met exactly."""
    draw = random.Random(seed)
    filters = draw.choice([1, 2, 3, 4])
    devices = [
        {
            "id": f"d{n}",
            "flops_per_second": draw.choice([1.0, 2.0, 4.0, 10.0]),
            "memory_bytes": draw.choice([1, 2, 3, 4, 6]),
            "uplink_bits_per_second": draw.choice([1.0, 2.0, 10.0]),
            "overhead_seconds": draw.choice([0.0, 0.0, 0.1, 0.2]),
            "failure_probability": draw.choice([0.0, 0.1, 0.1, 0.2, 0.3, 0.01, 0.5]),
        }
        for n in range(draw.choice([2, 3, 4, 5, 5]))
    ]
    students = [
        {
            "id": f"s{j}",
            "flops": draw.choice([0.0, 1.0, 2.0]),
            "flops_per_filter": draw.choice([0.0, 0.1, 1.0]),
            "memory_bytes": draw.choice([0, 1]),
            "memory_bytes_per_filter": draw.choice([0, 0.5, 1]),
            "max_filters": draw.choice([1, 2, 3, 6]),
        }
        for j in range(draw.choice([1, 1, 2]))
    ]
    requirements = {"max_group_outage": draw.choice([0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0])}
    if draw.random() < 0.7:
        requirements["deadline_seconds"] = draw.choice([0.05, 0.3, 0.5, 1.0, 1.1, 1.5, 2.0, 3.0, 5.0, 20.0])
    if draw.random() < 0.3:
        requirements["max_groups"] = draw.choice([1, 2, 3])
    return ro.Instance.model_validate(
        {
            "name": f"random {seed}",
            "devices": devices,
            "students": students,
            "knowledge": {"num_filters": filters, "bits_per_filter": draw.choice([0.0, 0.1, 1.0])},
            "requirements": requirements,
        }
    )
