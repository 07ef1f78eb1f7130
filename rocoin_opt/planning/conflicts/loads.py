"""Limits on energy and on the rate of requests as what can be taken away from an instance without a plan."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from rocoin_opt.instance import SMALLEST
from rocoin_opt.plan import energy_joules, indexed_groups
from rocoin_opt.planning.conflicts.scales import Scale, number_at, place_above, place_below

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Plan

DIGITS = 8
"""Significant digits of numbers in sentences."""


@dataclass(frozen=True)
class Load:
    """A limit that can be taken away; the fields are those of a member of a conflict.

    Attributes
    ----------
    path, kind, description : str
        Where it stands, what it is, and the same in words.
    found : float
        The limit.
    without : callable
        ``without(instance)``: the instance without it.
    scale : Scale
        Other values that it may have.
    """

    path: str
    kind: str
    found: float
    description: str
    without: Callable[[Instance], Instance]
    scale: Scale


def loads_of(instance: Instance) -> Iterator[Load]:
    """List the limits on energy and on the rate of requests, those of devices first."""
    for n, device in enumerate(instance.devices):
        if device.max_joules is not None:
            yield _device_energy(instance, n, device.max_joules)
    if instance.requirements.max_energy_joules is not None:
        yield _energy(instance, instance.requirements.max_energy_joules)
    if instance.requirements.requests_per_second is not None:
        yield _requests(instance, instance.requirements.requests_per_second)


def _strict(limit: float) -> int:
    """Place of a limit; below the smallest that a file may have, where it is 0."""
    return place_below(limit) if limit > 0.0 else place_above(SMALLEST) - 1


def _place(joules: float) -> int:
    return place_above(max(joules, SMALLEST))


def _most_joules(instance: Instance, n: int) -> float:
    """Energy that a device can spend on a request, at most."""
    filters = instance.knowledge.num_filters
    return float(instance.arrays.joules(n, slice(None), filters).max())


def _energy(instance: Instance, found: float) -> Load:
    most = sum(_most_joules(instance, n) for n in range(len(instance.devices)))
    name = "max_energy_joules"
    return Load(
        f"requirements.{name}",
        "requirement",
        found,
        f"{name} {found:.{DIGITS}g}",
        lambda instance: instance.with_requirements(**{name: None}),
        Scale(
            _strict(found),
            max(_place(most), _strict(found) + 1),
            lambda instance, place: instance.with_requirements(**{name: float(number_at(place))}),
            lambda instance, plan: _place(energy_joules(instance, plan)),
            lambda place: float(number_at(place)),
            lambda place: f"with {name} {float(number_at(place)):g} instead of {found:.{DIGITS}g}",
        ),
    )


def _requests(instance: Instance, found: float) -> Load:
    name = "requests_per_second"

    def longest(instance: Instance, plan: Plan) -> float:
        groups = indexed_groups(instance, plan)
        return max(instance.latency_terms(n, j, size).busy for members, j, size in groups for n in members)

    def place_of(instance: Instance, plan: Plan) -> int:
        busy = longest(instance, plan)
        # From many requests a second to few.
        return -place_below(1.0 / busy) if busy > 0.0 else -place_above(found)

    slow = max(
        (
            instance.latency_terms(n, j, instance.knowledge.num_filters).busy
            for n, device in enumerate(instance.devices)
            for j, student in enumerate(instance.students)
            if device.runs(student.id)
        ),
        default=0.0,
    )
    least = min(1.0 / max(slow, SMALLEST), found)
    return Load(
        f"requirements.{name}",
        "requirement",
        found,
        f"{name} {found:.{DIGITS}g}",
        lambda instance: instance.with_requirements(**{name: None}),
        Scale(
            -place_above(found),
            max(-place_below(least), -place_above(found) + 1),
            lambda instance, place: instance.with_requirements(**{name: float(number_at(-place))}),
            place_of,
            lambda place: float(number_at(-place)),
            lambda place: f"with {name} {float(number_at(-place)):g} instead of {found:.{DIGITS}g}",
        ),
    )


def _device_energy(instance: Instance, n: int, found: float) -> Load:
    name = instance.devices[n].id

    def changed(instance: Instance, limit: float | None) -> Instance:
        devices = list(instance.devices)
        devices[n] = devices[n]._replace({"max_joules": limit})
        return instance._replace({"devices": tuple(devices)})

    def place_of(instance: Instance, plan: Plan) -> int:
        own = [(j, size) for members, j, size in indexed_groups(instance, plan) if n in members]
        return max((_place(float(instance.arrays.joules(n, j, size))) for j, size in own), default=_strict(found))

    return Load(
        f"devices[{n}].max_joules",
        "fact",
        found,
        f"max_joules {found:.{DIGITS}g} of {name}",
        partial(changed, limit=None),
        Scale(
            _strict(found),
            max(_place(_most_joules(instance, n)), _strict(found) + 1),
            lambda instance, place: changed(instance, float(number_at(place))),
            place_of,
            lambda place: float(number_at(place)),
            lambda place: f"with max_joules {float(number_at(place)):g} instead of {found:.{DIGITS}g} for {name}",
        ),
    )
