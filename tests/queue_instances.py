"""Random tiny instances whose devices share channels, nasty on purpose: ties, no airtime, limits met exactly.

Numbers are sums of powers of two, so that what is equal in decimals is equal in doubles, and ties are ties.
"""

from __future__ import annotations

import random
from typing import Any

from rocoin_opt.instance.model import Instance

IDENTIFIERS = ("b", "a", "B", "10", "9", "é", "a-", "Z", "z0", "~")
"""Names whose order by code points is not that of a dictionary."""
POWERS = (1.0, 1.0, 2.0, 4.0, 8.0)


def random_queues(
    seed: int,
    devices: int | None = None,
    *,
    filters: int | None = None,
    domains: bool = False,
    rate: bool = False,
    channels: int | None = None,
) -> Instance:
    """An instance of 2 to 5 devices on 1 to 2 channels; some have links of their own where no number is given."""
    rng = random.Random(seed)
    count = rng.randint(2, 5) if devices is None else devices
    number = rng.randint(1, 2) if channels is None else channels
    total = rng.randint(1, 6) if filters is None else filters
    names = rng.sample(IDENTIFIERS, count) if count <= len(IDENTIFIERS) else [f"d{n}" for n in range(count)]
    are_alike = rng.random() < 0.25
    first = _device(rng)
    listed: list[dict[str, Any]] = []
    for name in names:
        device = {"id": name, **(first if are_alike else _device(rng))}
        if channels is not None or rng.random() < 0.85:
            device["channel"] = f"c{rng.randrange(number)}"
        if domains and rng.random() < 0.6:
            device["failure_domain"] = f"ap{rng.randrange(2)}"
        listed.append(device)
    students = [
        {
            "id": f"s{j}",
            "flops": rng.choice((0.0, 1.0, 4.0, 6.5)),
            "flops_per_filter": rng.choice((0.0, 0.0, 0.5, 2.0)),
            "memory_bytes": rng.choice((0, 1, 4)),
            "memory_bytes_per_filter": rng.choice((0, 0, 0.5)),
            "max_filters": rng.choice((total, total, rng.randint(1, total))),
        }
        for j in range(rng.randint(1, 2))
    ]
    requirements: dict[str, Any] = {
        "max_group_outage": rng.choice((0.5, 0.25, 0.25, 0.125, 0.0625, 0.3, 1.0)),
        "deadline_seconds": rng.choice((2.0, 4.0, 7.5, 16.0, 1000.0)),
        "success_level": rng.choice((0.5, 0.75, 0.9, 0.25)),
    }
    if rng.random() < 0.5:
        requirements["max_groups"] = rng.randint(1, count)
    if rate:
        requirements["requests_per_second"] = rng.choice((0.0625, 0.125, 0.25, 0.5))
    return Instance.model_validate(
        {
            "name": f"queues-{seed}",
            "devices": listed,
            "students": students,
            "channels": [{"id": f"c{c}"} for c in range(number)],
            "failure_domains": [
                {"id": f"ap{d}", "failure_probability": rng.choice((0.0, 0.125, 0.5))} for d in range(2)
            ]
            if domains
            else [],
            "knowledge": {"num_filters": total, "bits_per_filter": rng.choice((0.0, 1.0, 2.0, 2.0, 7.5))},
            "requirements": requirements,
        }
    )


def _device(rng: random.Random) -> dict[str, Any]:
    return {
        "flops_per_second": rng.choice(POWERS),
        "memory_bytes": rng.choice((20, 20, 20, 6)),
        "uplink_bits_per_second": rng.choice(POWERS),
        "overhead_seconds": rng.choice((0.0, 0.0, 0.25, 1.0)),
        "failure_probability": rng.choice((0.0, 0.125, 0.25, 0.25, 0.5, 0.5, 0.75, 0.1)),
    }
