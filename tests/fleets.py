"""Small fleets and plans for the simulations, some of whose answers can be worked out by hand."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

import rocoin_opt as ro
from rocoin_opt.plan.model import Group, Plan

if TYPE_CHECKING:
    from rocoin_opt.failure.monte_carlo.simulation import Simulation

LAWS: tuple[dict[str, Any], ...] = (
    {"law": "shifted_exponential", "rate": 4.0},
    {"law": "lognormal", "sigma": 0.25},
    {"law": "gamma", "shape": 3.0},
    {"law": "weibull", "shape": 1.5},
    {"law": "pareto", "alpha": 2.5},
    {"law": "empirical", "values": [1.0, 1.25, 4.0]},
    {"law": "constant"},
)


def fleet(
    failures: list[float],
    *,
    groups: int,
    domains: dict[str, float] | None = None,
    member: dict[int, str] | None = None,
    laws: bool = False,
    deadline: float | None = 12.0,
) -> tuple[ro.Instance, Plan]:
    """Devices of growing speed, dealt to the groups in turn.

    ``member`` says which devices stand in which domain; with ``laws`` every device has two random factors.
    """
    devices = []
    for n, failure in enumerate(failures):
        device: dict[str, Any] = {
            "id": f"d{n}",
            "flops_per_second": 1.0 + n,
            "memory_bytes": 9,
            "uplink_bits_per_second": 2.0,
            "overhead_seconds": 0.25,
            "failure_probability": failure,
        }
        if member and n in member:
            device["failure_domain"] = member[n]
        if laws:
            device["compute_slowdown"] = LAWS[n % len(LAWS)]
            device["link_slowdown"] = LAWS[(n + 2) % len(LAWS)]
        devices.append(device)
    instance = ro.Instance.model_validate(
        {
            "name": "fleet",
            "devices": devices,
            "failure_domains": [{"id": name, "failure_probability": p} for name, p in (domains or {}).items()],
            "students": [{"id": "s", "flops": 6.0, "memory_bytes": 1, "max_filters": 9}],
            "knowledge": {"num_filters": groups, "bits_per_filter": 1.0},
            "requirements": {"max_group_outage": 1.0, "deadline_seconds": deadline},
        }
    )
    ids = [device["id"] for device in devices]
    dealt = [Group(devices=tuple(ids[k::groups]), student="s", num_filters=1) for k in range(groups)]
    return instance, Plan.of(instance, dealt)


def bits(result: Simulation) -> tuple[bytes, bytes, int]:
    """All that a simulation has counted, to the last bit."""
    return result.sample.seconds.tobytes(), np.ascontiguousarray(result.sample.counts).tobytes(), result.sample.never


def failure_by_enumeration(instance: ro.Instance, plan: Plan) -> float:
    """Probability that a group never answers, summed over all states of the domains without cancellation."""
    devices = {device.id: device for device in instance.devices}
    total = []
    for states in itertools.product((True, False), repeat=len(instance.failure_domains)):
        down = {domain.id for domain, is_down in zip(instance.failure_domains, states, strict=True) if is_down}
        weight, answered = 1.0, 0.0
        for domain in instance.failure_domains:
            p = domain.failure_probability
            weight *= p if domain.id in down else 1.0 - p
        for group in plan.groups:
            outage = math.prod(
                1.0 if devices[name].failure_domain in down else devices[name].failure_probability
                for name in group.devices
            )
            answered += math.log1p(-outage) if outage < 1.0 else -math.inf
        total.append(weight * -math.expm1(answered))
    return math.fsum(total)
