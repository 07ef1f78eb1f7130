"""Measured devices by enumeration from the definitions: latency tables, energies and rates of requests.

Independent of the package: the instances are plain data, and every plan of them is looked at.
"""

from __future__ import annotations

import itertools
import math
import random
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

ONE = 1.0 + 1e-12
"""Factor on a limit that figures keep."""
OBJECTIVES = ("guaranteed", "nominal", "worst", "expected", "failure", "missing", "quantile")


class Served(NamedTuple):
    """A group with a part: its size, when its replicas answer and how likely each fails, its energy, who they are."""

    size: int
    answers: list[tuple[float, float]]
    joules: float
    student: str
    members: frozenset[str]


def measured_instance(seed: int, *, limited: bool = False) -> dict[str, Any]:
    """Content of a small instance: tables for some students of some devices, ties, zeros; perhaps limited energies."""
    rng = random.Random(seed)
    devices, students, filters = rng.randint(2, 4), rng.randint(1, 3), rng.randint(2, 5)
    networks = [
        {
            "id": f"s{j}",
            "flops": float(rng.choice([0, 1, 2, 4, 8])),
            "flops_per_filter": float(rng.choice([0, 0, 1])),
            "memory_bytes": float(rng.choice([1, 2])),
            "memory_bytes_per_filter": float(rng.choice([0, 0, 1])),
            "max_filters": rng.randint(1, filters),
        }
        for j in range(students)
    ]
    requirements: dict[str, Any] = {
        "max_group_outage": rng.choice([0.01, 0.02, 0.05, 0.1, 0.2, 0.5]),
        "min_groups": rng.choice([1, 1, 2]),
        "deadline_seconds": rng.choice([1.0, 2.0, 3.0, 4.0, 5.0, 6.5]),
        "success_level": rng.choice([0.5, 0.8, 0.9, 0.99]),
    }
    if rng.random() < 0.4:
        requirements["max_groups"] = max(requirements["min_groups"], rng.randint(1, 3))
    if limited and rng.random() < 0.8:
        requirements["max_energy_joules"] = float(rng.choice([1, 3, 6, 8, 10, 14, 20, 30]))
    if limited and rng.random() < 0.3:
        requirements["requests_per_second"] = rng.choice([0.1, 0.2, 0.25, 0.5, 1.0])
    return {
        "name": f"measured-{seed}",
        "devices": [_device(rng, n, [network["id"] for network in networks], limited) for n in range(devices)],
        "students": networks,
        "knowledge": {"num_filters": filters, "bits_per_filter": float(rng.choice([0, 1, 1]))},
        "requirements": requirements,
    }


def _device(rng: random.Random, number: int, students: list[str], limited: bool) -> dict[str, Any]:
    device: dict[str, Any] = {
        "id": f"d{number}",
        "memory_bytes": float(rng.choice([2, 3, 6])),
        "uplink_bits_per_second": float(rng.choice([1, 2, 4])),
        "failure_probability": rng.choice([0.0, 0.1, 0.1, 0.2, 0.5]),
        "overhead_seconds": rng.choice([0.0, 0.0, 0.5]),
        "compute_watts": float(rng.choice([0, 1, 2, 5])),
        "transmit_watts": float(rng.choice([0, 1, 1, 3])),
    }
    if rng.random() < 0.7:
        timed = [name for name in students if rng.random() < 0.7] or students[:1]
        device["compute_seconds"] = {
            name: rng.choice([0.0, 0.5, 1.0, 2.0, 3.0])
            if rng.random() < 0.6
            else {"seconds": rng.choice([0.0, 1.0, 2.0]), "seconds_per_filter": rng.choice([0.0, 0.5, 1.0])}
            for name in timed
        }
    if "compute_seconds" not in device or rng.random() < 0.4:
        device["flops_per_second"] = float(rng.choice([1, 2, 4]))
    if limited and rng.random() < 0.2:
        device["max_joules"] = float(rng.choice([1, 3, 6, 10]))
    return device


def compute_seconds(device: dict[str, Any], student: dict[str, Any], size: int) -> float:
    """Seconds of computing; infinite where nobody knows them."""
    measured = device.get("compute_seconds", {}).get(student["id"])
    if isinstance(measured, dict):
        return float(measured["seconds"] + measured["seconds_per_filter"] * size)
    if measured is not None:
        return float(measured)
    rate = device.get("flops_per_second")
    return math.inf if rate is None else float((student["flops"] + student["flops_per_filter"] * size) / rate)


def least_values(content: dict[str, Any]) -> dict[str, float]:
    """The least value of every objective over all plans; infinite where there is none."""
    least = dict.fromkeys(OBJECTIVES, math.inf)
    for groups in plans_of(content):
        for objective, value in values_of(content, groups).items():
            least[objective] = min(least[objective], value)
    return least


def _served(content: dict[str, Any], members: list[dict[str, Any]]) -> Iterator[Served]:
    """All parts that devices can serve together."""
    knowledge, requirements = content["knowledge"], content["requirements"]
    if math.prod(device["failure_probability"] for device in members) > requirements["max_group_outage"] * ONE:
        return
    longest = ONE / requirements.get("requests_per_second", 1e-300)
    for student in content["students"]:
        for size in range(1, min(knowledge["num_filters"], student["max_filters"]) + 1):
            needed = student["memory_bytes"] + student["memory_bytes_per_filter"] * size
            answers, joules = [], 0.0
            for device in members:
                compute = compute_seconds(device, student, size)
                transfer = knowledge["bits_per_filter"] * size / device["uplink_bits_per_second"]
                spent = device["compute_watts"] * compute + device["transmit_watts"] * transfer
                if compute == math.inf or needed > device["memory_bytes"] * ONE or compute + transfer > longest:
                    break
                if spent > device.get("max_joules", math.inf) * ONE:
                    break
                answers.append((device["overhead_seconds"] + compute + transfer, device["failure_probability"]))
                joules += spent
            else:
                names = frozenset(device["id"] for device in members)
                yield Served(size, sorted(answers), joules, student["id"], names)


def plans_of(content: dict[str, Any]) -> Iterator[list[Served]]:
    """All plans, each by what its groups serve."""
    devices, requirements = content["devices"], content["requirements"]
    options = {
        mask: list(_served(content, [device for n, device in enumerate(devices) if mask >> n & 1]))
        for mask in range(1, 1 << len(devices))
    }
    most = requirements.get("max_groups", len(devices))
    energy = requirements.get("max_energy_joules", math.inf)

    def extend(first: int, used: int, left: int, groups: list[Served]) -> Iterator[list[Served]]:
        if left == 0:
            if len(groups) >= requirements["min_groups"] and sum(group.joules for group in groups) <= energy * ONE:
                yield groups
            return
        if len(groups) == most:
            return
        for mask, parts in options.items():
            lowest = mask & -mask
            if not mask & used and lowest >= first:
                for part in parts:
                    if part.size <= left:
                        yield from extend(lowest << 1, used | mask, left - part.size, [*groups, part])

    return extend(1, 0, content["knowledge"]["num_filters"], [])


def values_of(content: dict[str, Any], groups: list[Served]) -> dict[str, float]:
    """The value of a plan in every objective."""
    requirements = content["requirements"]
    limit, deadline = requirements["max_group_outage"], requirements["deadline_seconds"]

    def outage(group: Served, time: float) -> float:
        return math.prod(failure for seconds, failure in group.answers if seconds <= time * ONE)

    def answered(time: float) -> float:
        return math.prod(1.0 - outage(group, time) for group in groups)

    times = sorted({seconds for group in groups for seconds, _ in group.answers})
    ends = [0.0, *(time for time in times if time < deadline), deadline]
    kept = [next(time for time, _ in group.answers if outage(group, time) <= limit * ONE) for group in groups]
    missed = (1.0 - requirements["success_level"]) * (1.0 + 1e-11)
    return {
        "guaranteed": max(kept),
        "nominal": max(group.answers[0][0] for group in groups),
        "worst": max(group.answers[-1][0] for group in groups),
        "expected": sum((b - a) * (1.0 - answered(a)) for a, b in itertools.pairwise(ends)),
        "failure": 1.0 - answered(deadline),
        "missing": sum(group.size * outage(group, deadline) for group in groups) / content["knowledge"]["num_filters"],
        "quantile": next((time for time in times if 1.0 - answered(time) <= missed), math.inf),
    }
