"""Families ``edge`` and ``lossy``: synthetic devices and students for any number of devices."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rocoin_opt.instance import Device, Student, catalogue
from rocoin_opt.instance.generate.draws import log_uniform, pick, rounded, uniform

if TYPE_CHECKING:
    from numpy.random import Generator

FILTERS_UP_TO = ((20, 128), (50, 256), (100, 512), (200, 1024))
FILTERS_BEYOND = 2048
SMALLEST_EVEN_PART = 8
"""Filters per group, below which more groups would only leave parts of next to nothing."""
CAPACITIES = (0.4, 0.63, 1.0, 1.6, 2.5, 4.0)
"""Capacities of the six students, as multiples of the even part M / K."""
LINKS = ("lora-sf7", "ieee802154", "ble-1m")
SLOWEST, FASTEST = 3e7, 3e8
FEW_DEVICES = 8
"""Devices, up to which all of them may have to form one group, and so all can hold the largest student."""
SPREAD = 0.15
"""Relative spread of a student's cost around the law of the WRN ladder."""
PER_FILTER_SHARE = 0.25
"""Share of a student's cost at its largest part that grows with the part."""


def num_filters(devices: int) -> int:
    """Number of filters M for N devices: large teachers for large networks."""
    return next((filters for limit, filters in FILTERS_UP_TO if devices <= limit), FILTERS_BEYOND)


def max_groups(devices: int, filters: int, replicas: int) -> int:
    """Largest number of groups K: one for every so many devices, at least 2, and an even part of 8 filters.

    Parameters
    ----------
    devices, filters : int
        Numbers N of devices and M of filters.
    replicas : int
        Devices that a group should have on average.
    """
    return max(2, min(round(devices / replicas), filters // SMALLEST_EVEN_PART))


def students(rng: Generator, num_filters: int, max_groups: int) -> tuple[Student, ...]:
    """Draw a ladder of students around the even part M / K.

    Compute and memory follow the WRN ladder: FLOP grow with the power 1.8 of the capacity, parameters with its
    square. A quarter of both, at the student's largest part, grows with the part.

    Parameters
    ----------
    rng : Generator
        Source of the costs.
    num_filters, max_groups : int
        Numbers M of filters and K of groups.

    Returns
    -------
    tuple of Student
        Up to six, of rising capacity.
    """
    ladder: list[Student] = []
    for ratio in CAPACITIES:
        capacity = min(num_filters, max(1, round(ratio * num_filters / max_groups)))
        if ladder and capacity <= ladder[-1].max_filters:
            continue
        flops = 25e6 * (capacity / 24) ** 1.8 * uniform(rng, 1 - SPREAD, 1 + SPREAD)
        memory = 500e3 * (capacity / 24) ** 2 * uniform(rng, 1 - SPREAD, 1 + SPREAD)
        ladder.append(
            Student(
                id=f"student-{capacity}",
                flops=rounded((1 - PER_FILTER_SHARE) * flops),
                flops_per_filter=rounded(PER_FILTER_SHARE * flops / capacity),
                memory_bytes=rounded((1 - PER_FILTER_SHARE) * memory),
                memory_bytes_per_filter=rounded(PER_FILTER_SHARE * memory / capacity),
                max_filters=capacity,
                source="synthetic: drawn around the costs of the WRN ladder; the capacity is an assumption",
            )
        )
    return tuple(ladder)


def devices(
    rng: Generator, count: int, students: tuple[Student, ...], least_failure: float, most_failure: float
) -> tuple[Device, ...]:
    """Draw devices: rates over one decade, three kinds of links, memory from the second student to the largest.

    Parameters
    ----------
    rng : Generator
        Source of every draw.
    count : int
        Number N of devices.
    students : tuple of Student
        What they should hold, of rising capacity.
    least_failure, most_failure : float
        Range of the crash probabilities.
    """
    links = {link.id: link for link in catalogue.links()}
    full = [student.memory_bytes + student.memory_bytes_per_filter * student.max_filters for student in students]
    roomy = full[-1] if count <= FEW_DEVICES else full[min(1, len(full) - 1)]
    digits = max(1, math.ceil(math.log10(count)))
    drawn = []
    for n in range(count):
        link = links[pick(rng, LINKS)]
        drawn.append(
            Device(
                id=f"device-{n:0{digits}d}",
                flops_per_second=log_uniform(rng, SLOWEST, FASTEST),
                memory_bytes=log_uniform(rng, 1.1 * roomy, 1.5 * full[-1]),
                uplink_bits_per_second=rounded(link.bits_per_second * uniform(rng, 0.5, 1.5)),
                overhead_seconds=link.assumed_overhead_seconds,
                failure_probability=uniform(rng, least_failure, most_failure),
                source=f"synthetic, link like {link.id}",
            )
        )
    return tuple(drawn)
