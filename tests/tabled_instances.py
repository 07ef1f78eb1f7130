"""Latency tables for the random instances of :mod:`restricted_instances`: full, partial, and with or without a rate."""

from __future__ import annotations

import random
from typing import Any

import restricted_instances
from rocoin_opt.instance.model import Instance

SECONDS = (0.0, 0.5, 0.5, 1.0, 1.0, 2.0, 3.0, 0.1, 7.0)
SLOPES = (0.0, 0.5, 1.0, 0.1, 0.25)


def tabled(seed: int, *, rules: bool = True) -> Instance:
    """A random instance of two to four students, some of its devices measured; zeros, ties and slopes among the times.

    Parameters
    ----------
    seed : int
        Of all random choices.
    rules : bool
        Whether there are failure domains and rules.
    """
    rng = random.Random(f"tables-{seed}")
    fields, drawn, may_run = restricted_instances.random_restricted(seed)
    students = fields["students"]
    while len(students) < 2 or (len(students) < 4 and rng.random() < 0.4):
        students.append({**rng.choice(students), "id": f"s{len(students)}", "flops": rng.choice((0.0, 2.0, 5.0))})
    names = [student["id"] for student in students]
    for device in fields["devices"]:
        way = rng.choice(("full", "full", "few", "few", "partial", "rate"))
        if way != "rate":
            listed = names if way == "full" else rng.sample(names, rng.randint(1, len(names) - 1))
            device["compute_seconds"] = {name: _time(rng) for name in listed}
        if way == "few" or (way == "full" and rng.random() < 0.7):
            del device["flops_per_second"]
        if not rules:
            device.pop("failure_domain", None)
    if not rules:
        fields.pop("failure_domains", None)
    return Instance.model_validate(restricted_instances.merged(fields, drawn if rules else [], may_run))


def _time(rng: random.Random) -> Any:
    seconds = rng.choice(SECONDS)
    return seconds if rng.random() < 0.5 else {"seconds": seconds, "seconds_per_filter": rng.choice(SLOPES)}
