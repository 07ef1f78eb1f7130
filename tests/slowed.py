"""Instances with random latencies: laws on generated instances, and laws that are constants in disguise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import rocoin_opt as ro
from fleets import LAWS
from rocoin_opt.plan.model import Group, Plan

if TYPE_CHECKING:
    from collections.abc import Sequence

DISGUISED = {"law": "empirical", "values": [1.0, 1.0]}


def slowed(instance: ro.Instance, *laws: dict[str, Any], link: Sequence[dict[str, Any]] = ()) -> ro.Instance:
    """The instance with these laws of compute, and of the link, dealt to its devices in turn."""
    devices = [device.model_dump(exclude_unset=True) for device in instance.devices]
    for n, device in enumerate(devices):
        device["compute_slowdown"] = laws[n % len(laws)]
        if link:
            device["link_slowdown"] = link[n % len(link)]
    # Only the devices pass through a document: matrices would not.
    return instance.model_copy(update={"devices": tuple(map(ro.Device.model_validate, devices))})


def mixed(devices: int, seed: int, family: str = "edge") -> ro.Instance:
    """A generated instance with every law on compute, two of three devices having one."""
    rng = np.random.default_rng(seed)
    fields = ro.generate(family, devices=devices, seed=seed).model_dump(exclude_unset=True)
    for device in fields["devices"]:
        if rng.random() < 2 / 3:
            device["compute_slowdown"] = LAWS[int(rng.integers(len(LAWS)))]
    return ro.Instance.model_validate(fields)


def plan_of(instance: ro.Instance, *groups: tuple[Sequence[int], int, int]) -> Plan:
    """The plan with these groups: device indices, student index, part size."""
    return Plan.of(
        instance,
        [
            Group(
                devices=tuple(instance.devices[n].id for n in members),
                student=instance.students[j].id,
                num_filters=size,
            )
            for members, j, size in groups
        ],
    )
