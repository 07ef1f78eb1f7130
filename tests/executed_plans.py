"""Instances to run for real: small, with latencies that a test can wait for, and helpers around processes."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import rocoin_opt as ro

TRANSFER = 0.02
"""Seconds that an answer of one filter is on the link."""


def fleet(seconds: list[list[float]], size: int = 2, **device: Any) -> tuple[ro.Instance, ro.Plan]:
    """An instance whose devices need so many seconds, one list a group, and the plan with these groups.

    Without crashes unless ``failure_probability`` is given; parts of ``size`` filters in order.
    """
    flat = [(k, r, t) for k, group in enumerate(seconds) for r, t in enumerate(group)]
    devices = [
        {
            "id": f"g{k}r{r}",
            "flops_per_second": 1.0 / (t - size * TRANSFER),
            "memory_bytes": 1,
            "uplink_bits_per_second": 1.0 / TRANSFER,
            "failure_probability": 0.0,
            **device,
        }
        for k, r, t in flat
    ]
    filters = len(seconds) * size
    instance = ro.Instance.model_validate(
        {
            "name": "run",
            "devices": devices,
            "students": [{"id": "s", "flops": 1.0, "memory_bytes": 1, "max_filters": filters}],
            "knowledge": {"num_filters": filters, "bits_per_filter": 1.0},
            "requirements": {"max_group_outage": 1.0, "deadline_seconds": 30.0},
        }
    )
    groups = [
        ro.Group(
            devices=tuple(f"g{k}r{r}" for r in range(len(group))),
            student="s",
            num_filters=size,
            filters=tuple(range(k * size, (k + 1) * size)),
        )
        for k, group in enumerate(seconds)
    ]
    return instance, ro.Plan.of(instance, groups)


def is_running(pid: int) -> bool:
    """Whether a process is there and has not ended; one that nobody waited for has."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def ended(pids: list[int], patience: float = 300.0) -> bool:
    """Whether all of some processes end within so many seconds."""
    end = time.monotonic() + patience
    while any(map(is_running, pids)):
        if time.monotonic() > end:
            for pid in filter(is_running, pids):
                os.kill(pid, 9)
            return False
        time.sleep(0.02)
    return True
