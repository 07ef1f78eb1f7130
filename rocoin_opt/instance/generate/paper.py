"""Family ``paper``: the setting of RoCoIn's simulation, as far as it is known.

References
----------
.. [1] RoCoIn, arXiv 2406.14185: 8 devices, 5 to 30 MFLOP/s, 0.5 to 1 kbit/s, WRN students.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocoin_opt.instance import Device, catalogue
from rocoin_opt.instance.generate.draws import log_uniform, uniform

if TYPE_CHECKING:
    from numpy.random import Generator

    from rocoin_opt.instance import Student

TEACHER = "wrn-40-2"
SOURCE = "drawn: rates in the ranges of arXiv 2406.14185; memory and failure probability are assumptions"


def students(rng: Generator, num_filters: int, max_groups: int) -> tuple[Student, ...]:  # noqa: ARG001
    """Return the WRN students of the teacher WRN-40-2 in float32.

    Parameters
    ----------
    rng : Generator
        Unused: nothing is drawn.
    num_filters : int
        Number M of filters.
    max_groups : int
        Unused: the ladder is the same for any number of groups.
    """
    return catalogue.students(TEACHER, "float32", num_filters=num_filters)


def devices(rng: Generator, count: int, students: tuple[Student, ...]) -> tuple[Device, ...]:  # noqa: ARG001
    """Draw devices of 5 to 30 MFLOP/s and 0.5 to 1 kbit/s; the small ones cannot hold the large students.

    Parameters
    ----------
    rng : Generator
        Source of every draw.
    count : int
        Number N of devices.
    students : tuple of Student
        Unused: devices do not depend on them.
    """
    return tuple(
        Device(
            id=f"device-{n}",
            flops_per_second=uniform(rng, 5e6, 30e6),
            memory_bytes=log_uniform(rng, 2e6, 16e6),
            uplink_bits_per_second=uniform(rng, 500.0, 1000.0),
            failure_probability=uniform(rng, 0.05, 0.3),
            source=SOURCE,
        )
        for n in range(count)
    )
