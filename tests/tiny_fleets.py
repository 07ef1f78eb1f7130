"""Tiny fleets with all that ties devices together: tables, counts, scarce energy, rates, ties, certainty, exact limits.

Independent of the package: an instance is plain data, and its alike devices are written out for the enumeration.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, NamedTuple

from oracle_measured import OBJECTIVES, ONE, measured_instance, plans_of, values_of

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_PLANS = 4_000
"""Plans without a limit on energy beyond which a draw is left out."""


class TinyFleet(NamedTuple):
    """An instance's content, with counts, and the least value of every objective; infinite without a plan."""

    content: dict[str, Any]
    least: dict[str, float]
    plans: int


def written_out(content: dict[str, Any]) -> dict[str, Any]:
    """The same with every device an entry of its own."""
    devices = []
    for device in content["devices"]:
        single = {name: value for name, value in device.items() if name != "count"}
        count = device.get("count")
        names = [device["id"]] if count is None else [f"{device['id']}-{n}" for n in range(1, count + 1)]
        devices += [{**single, "id": name} for name in names]
    return {**content, "devices": devices}


def drawn(seed: int) -> dict[str, Any]:
    """Content of an instance of up to five devices, without a limit on all energy."""
    rng, content = random.Random(f"fleet-{seed}"), measured_instance(seed, limited=True)
    requirements, content["devices"] = content["requirements"], content["devices"][: rng.randint(2, 3)]
    requirements.pop("max_energy_joules", None)
    left = 5 - len(content["devices"])
    for device in content["devices"]:
        device["failure_probability"] = rng.choice([0.0, 0.1, 0.1, 0.2, 0.25, 0.5])
        if rng.random() < 0.7:
            more = rng.randint(0, min(left, 3))
            left -= more
            device["count"] = 1 + more
        if rng.random() < 0.25:
            device["max_joules"] = float(rng.choice([1, 3, 6, 10]))
    if rng.random() < 0.5:
        # The last digit of a product decides.
        chances = [device["failure_probability"] for device in content["devices"]] * 2
        product = 1.0
        for chance in rng.sample(chances, rng.randint(1, 2)):
            product *= chance
        requirements["max_group_outage"] = product
    if rng.random() < 0.3:
        requirements["requests_per_second"] = rng.choice([0.1, 0.2, 0.25, 0.5])
    return content


def tiny_fleets(seeds: range) -> Iterator[TinyFleet]:
    """Fleets with their least values; of those that have plans all but some with energy for about half of them only."""
    for seed in seeds:
        rng, content = random.Random(f"energy-{seed}"), drawn(seed)
        single = written_out(content)
        plans = []
        for plan in plans_of(single):
            plans.append((sum(group.joules for group in plan), plan))
            if len(plans) > MOST_PLANS:
                break
        # Too many to look at; or none, which a few draws are enough for.
        if len(plans) > MOST_PLANS or (not plans and rng.random() < 0.9):
            continue
        most = float("inf")
        if plans and rng.random() < 0.8:
            energies = sorted({joules for joules, _ in plans})
            most = rng.choice(energies[: (len(energies) + 1) // 2]) * rng.choice([1.0, 1.0, 1.0, 0.99])
            content["requirements"]["max_energy_joules"] = most
        kept = [values_of(single, plan) for joules, plan in plans if joules <= most * ONE]
        least = {name: min((values[name] for values in kept), default=float("inf")) for name in OBJECTIVES}
        yield TinyFleet(content, least, len(plans))
