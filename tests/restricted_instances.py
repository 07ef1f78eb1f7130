"""Random tiny instances with failure domains and rules, nasty on purpose: ends of ranges, ties, limits met exactly."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from oracle import exact, latency
from oracle_rules import mask_of
from oracle_states import States
from rocoin_opt.instance.model import Instance

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CRASHES = (0.1, 0.1, 0.2, 0.3, 0.3, 0.5, 0.05, 0.25, 0.0, 0.9, 0.999999, 1 - 2**-50)
FALLS = (0.1, 0.1, 0.05, 0.02, 0.2, 0.5, 0.0, 0.999999, 1 - 2**-50)
LIMITS = (0.3, 0.5, 0.5, 0.1, 0.05, 0.2, 0.75, 1.0, 1.0, 0.0)
RATES = (1.0, 1.0, 2.0, 3.0, 5.0, 8.0, 20.0)
CLOSE = 1e-3
"""Smallest failure that a wish for success is set to exactly: of a smaller one, 1 less it has lost too many digits."""


def random_restricted(
    seed: int, devices: int | None = None, *, rules: bool = True
) -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, list[str]]]:
    """Fields of an instance below the header of its file, rules, and the students that some devices may run.

    There are 1 to 6 devices where no number is given. Every third seed has no domain where it has rules. There is
    always a deadline and a level; rules may contradict each other.
    """
    rng = random.Random(seed)
    count = rng.randint(1, 6) if devices is None else devices
    fields = _instance(rng, count, has_domains=not rules or seed % 3 > 0)
    _set_limits(rng, fields)
    if not rules:
        return fields, [], {}
    ids = [device["id"] for device in fields["devices"]]
    drawn = _rules(rng, ids)
    students = [student["id"] for student in fields["students"]]
    may_run = {name: rng.sample(students, rng.randint(1, len(students))) for name in ids if rng.random() < 0.2}
    return fields, drawn, may_run


def merged(
    fields: dict[str, Any], rules: Sequence[dict[str, Any]], may_run: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    """Fields of the instance with rules and students in their places; without any, the fields as they are."""
    devices = [
        {**device, "students": list(may_run[device["id"]])} if device["id"] in may_run else device
        for device in fields["devices"]
    ]
    return {**fields, "devices": devices, **({"rules": list(rules)} if rules else {})}


def _instance(rng: random.Random, count: int, *, has_domains: bool) -> dict[str, Any]:
    filters = rng.randint(1, 6)
    are_alike = rng.random() < 0.2
    first = _device(rng)
    devices = [{"id": f"d{n}", **(first if are_alike else _device(rng))} for n in range(count)]
    students = [
        {
            "id": f"s{j}",
            "flops": rng.choice((0.0, 1.0, 4.0, 6.5)),
            "flops_per_filter": rng.choice((0.0, 0.5, 3.0)),
            "memory_bytes": rng.choice((0, 1, 4, 8)),
            "memory_bytes_per_filter": rng.choice((0, 0, 0.5, 2)),
            "max_filters": rng.choice((filters, filters + 1, rng.randint(1, filters))),
        }
        for j in range(rng.randint(1, 3))
    ]
    fields: dict[str, Any] = {
        "name": "tiny",
        "devices": devices,
        "students": students,
        "knowledge": {"num_filters": filters, "bits_per_filter": rng.choice((0.0, 1.0, 2.0, 7.5))},
    }
    if has_domains:
        _set_domains(rng, fields)
    return fields


def _device(rng: random.Random) -> dict[str, Any]:
    return {
        "flops_per_second": rng.choice(RATES),
        "memory_bytes": rng.choice((20, 20, 20, 10, 6, 2)),
        "uplink_bits_per_second": rng.choice(RATES),
        "overhead_seconds": rng.choice((0.0, 0.0, 0.25, 1.0)),
        "failure_probability": rng.choice(CRASHES),
    }


def _set_domains(rng: random.Random, fields: dict[str, Any]) -> None:
    """All devices in one domain, each in one of its own, or dealt by chance with some in none."""
    devices = fields["devices"]
    way = rng.choice(("one", "each", "chance", "chance", "chance"))
    number = {"one": 1, "each": len(devices), "chance": rng.randint(1, 3)}[way]
    fields["failure_domains"] = [{"id": f"ap{d}", "failure_probability": rng.choice(FALLS)} for d in range(number)]
    for n, device in enumerate(devices):
        if way != "chance" or rng.random() < 0.75:
            device["failure_domain"] = f"ap{n if way == 'each' else rng.randrange(number)}"


def _set_limits(rng: random.Random, fields: dict[str, Any]) -> None:
    """Limits, some of which a group, a latency or a pair of groups meets exactly."""
    count, filters = len(fields["devices"]), fields["knowledge"]["num_filters"]
    fields["requirements"] = requirements = {"max_group_outage": rng.choice(LIMITS)}
    instance = Instance.model_validate(fields)
    states = States(instance)
    groups = [mask_of(rng.sample(range(count), rng.randint(1, (count + 1) // 2))) for _ in range(2)]
    if rng.random() < 0.4:
        requirements["max_group_outage"] = states.outage[groups[0]] / states.unit
    requirements["min_groups"] = rng.choice((1, 1, 1, 2))
    if rng.random() < 0.5:
        requirements["max_groups"] = rng.randint(requirements["min_groups"], max(count, 2))
    n, j, size = rng.randrange(count), rng.randrange(len(fields["students"])), rng.randint(1, filters)
    atom = float(latency(instance, n, j, size))
    requirements["deadline_seconds"] = rng.choice((atom, atom * (1 - 1e-9), 2.0, 7.0, 1000.0)) or 0.5
    requirements["success_level"] = rng.choice((0.9, 0.81, 0.5, 0.95, 1e-6, 0.25))
    failure = states.missed(states.answering[groups[0]] & states.answering[groups[1]]) / states.unit
    if rng.random() < 0.3:
        requirements["min_success"] = rng.choice((0.9, 0.81, 0.5, 0.25, 0.25, 0.0, 1.0))
    elif rng.random() < 0.3 and failure >= CLOSE:
        requirements["min_success"] = float(1 - exact(failure))


def _rules(rng: random.Random, ids: list[str]) -> list[dict[str, Any]]:
    """No rule to four, of every kind, which may contradict each other but for ``use`` and ``spare``."""
    kinds = rng.choices(("apart", "together", "use", "spare", "spread"), k=rng.choice((0, 1, 1, 1, 2, 2, 3, 4)))
    rules: list[dict[str, Any]] = []
    # A device in both is refused when the file is read.
    to_use = set(rng.sample(ids, len(ids) // 2))
    for kind in kinds:
        if kind == "spread":
            rules.append({"spread": rng.choice((1, 2, 2, 3))})
            continue
        among = [name for name in ids if kind in ("apart", "together") or (name in to_use) == (kind == "use")]
        most = {"apart": len(among), "together": 3, "use": 2, "spare": 2}[kind]
        if among:
            rules.append({kind: rng.sample(among, rng.randint(1, min(most, len(among))))})
    return rules
