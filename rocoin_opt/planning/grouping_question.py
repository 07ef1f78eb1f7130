"""The question whether a fleet can form a number of groups, as an instance of its own.

Whoever asks how many groups there can be does not ask how large their parts are. So every student holds one filter, the
teacher has as many as groups are asked for, and all answers take the same second: a plan of this instance is a grouping
of the devices, and there is one exactly where there is a grouping: see ``docs/formulation/models.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.instance import Device, Instance, Knowledge, Requirements, Student

if TYPE_CHECKING:
    from rocoin_opt.instance import BoolArray

SECOND = 1.0
"""What every answer takes."""
TOO_SMALL = 0.5
"""Memory of a device that can hold no student, of which each takes 1."""


def grouping_question(instance: Instance, groups: int) -> Instance:
    """Make the instance whose plans are groupings of a fleet into a number of groups.

    Parameters
    ----------
    instance : Instance
        Who owns the devices. Its limit on outages, failure domains and rules are kept; memory, ``max_filters``,
        ``requests_per_second``, ``max_joules`` and the students that devices may run decide who can hold what. All else
        is set aside: latencies, deadline, filters and the limits on the number of groups.
    groups : int
        How many groups are asked for, 1 or more.

    Returns
    -------
    Instance
        Of the same devices in the same order; students that no device needs are left out.
    """
    able: BoolArray = instance.arrays.largest > 0
    kept = _needed(able)
    names = np.array([student.id for student in instance.students])
    devices = [
        Device(
            id=device.id,
            flops_per_second=1.0,
            memory_bytes=1.0 if own.any() else TOO_SMALL,
            uplink_bits_per_second=1.0,
            failure_probability=device.failure_probability,
            failure_domain=device.failure_domain,
            students=tuple(names[kept][own]) if own.any() and not own.all() else None,
        )
        for device, own in zip(instance.devices, able[:, kept], strict=True)
    ]
    return Instance(
        name=instance.name,
        devices=tuple(devices),
        failure_domains=instance.failure_domains,
        students=tuple(Student(id=name, flops=SECOND, memory_bytes=1.0, max_filters=1) for name in names[kept]),
        knowledge=Knowledge(num_filters=groups, bits_per_filter=0.0),
        requirements=Requirements(
            min_groups=groups, max_groups=groups, max_group_outage=instance.requirements.max_group_outage
        ),
        rules=instance.rules,
    )


def with_groups(question: Instance, groups: int) -> Instance:
    """The same question for another number of groups."""
    knowledge = question.knowledge._replace({"num_filters": groups})
    asked = question._replace({"knowledge": knowledge})
    return asked.with_requirements(min_groups=groups, max_groups=groups)


def _needed(able: BoolArray) -> list[int]:
    """Students of which no other one can be held by the same devices and more; of equals the first."""
    counts = able.sum(axis=0)
    kept: list[int] = []
    for j in np.argsort(-counts, kind="stable").tolist():
        if not any(bool((able[:, j] <= able[:, other]).all()) for other in kept):
            kept.append(j)
    return sorted(kept)
