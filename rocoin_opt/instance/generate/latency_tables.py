"""Family ``boards``: boards of few kinds, each with the times that were measured on it, network by network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocoin_opt.instance import Device, LogNormal, catalogue
from rocoin_opt.instance.generate.draws import pick, rounded, uniform

if TYPE_CHECKING:
    from numpy.random import Generator

    from rocoin_opt.instance import Student
    from rocoin_opt.instance.catalogue import MeasuredBoard

LINKS = ("wifi-54", "ethernet-100")
BUDGETS = (16e6, 32e6, 64e6, 128e6)
"""Bytes that a board leaves to inference: an assumption, since it has other work too."""
DEVICES_A_KIND = 3
"""Devices for each kind of board; no more kinds than the catalogue has."""
FEWEST_KINDS = 2
MOST_GROUPS = 4
"""Parts that a teacher is cut into at most: the networks are large, and learn large parts."""


def students(rng: Generator, num_filters: int, max_groups: int) -> tuple[Student, ...]:  # noqa: ARG001
    """Return the compact networks that boards were measured with, of the teacher ResNet-18.

    Parameters
    ----------
    rng : Generator
        Unused: nothing is drawn.
    num_filters : int
        Number M of filters.
    max_groups : int
        Unused: the networks are the same for any number of groups.
    """
    return catalogue.backbone_students(num_filters)


def devices(rng: Generator, count: int, students: tuple[Student, ...]) -> tuple[Device, ...]:  # noqa: ARG001
    """Draw kinds of boards, and devices of them: alike ones are called ``BOARD-1``, ``BOARD-2`` and so on.

    Parameters
    ----------
    rng : Generator
        Source of every draw.
    count : int
        Number N of devices.
    students : tuple of Student
        Unused: every table names all of the networks that its board was measured with.
    """
    left = list(catalogue.boards())
    wanted = max(FEWEST_KINDS, round(count / DEVICES_A_KIND))
    kinds = [left.pop(int(rng.random() * len(left))) for _ in range(min(wanted, count, len(left)))]
    numbers = [1] * len(kinds)
    for _ in range(count - len(kinds)):
        numbers[int(rng.random() * len(kinds))] += 1
    drawn = []
    for board, number in zip(kinds, numbers, strict=True):
        kind = _kind(rng, board)
        drawn += [kind._replace({"id": f"{board.id}-{place}"}) for place in range(1, number + 1)]
    return tuple(drawn)


def with_measured_spread(rng: Generator, devices: tuple[Device, ...]) -> tuple[Device, ...]:  # noqa: ARG001
    """Give every device a lognormal law of compute as wide as its board's times were over loops.

    Parameters
    ----------
    rng : Generator
        Unused: nothing is drawn.
    devices : tuple of Device
        Devices of this family.
    """
    boards = {board.id: board for board in catalogue.boards()}
    return tuple(
        device._replace(
            {
                "compute_slowdown": LogNormal(sigma=rounded(boards[device.id.rpartition("-")[0]].sigma)),
                "source": f"{device.source}; slowdown law: spread over the loops of the run",
            }
        )
        for device in devices
    )


def _kind(rng: Generator, board: MeasuredBoard) -> Device:
    link = {link.id: link for link in catalogue.links()}[pick(rng, LINKS)]
    return Device(
        id=board.id,
        compute_seconds=board.compute_seconds,
        memory_bytes=pick(rng, BUDGETS),
        uplink_bits_per_second=rounded(link.bits_per_second),
        overhead_seconds=link.assumed_overhead_seconds,
        failure_probability=uniform(rng, 0.01, 0.15),
        source=f"{board.name}: {board.source}; memory assumed: a budget for inference; link {link.id}: {link.source}, "
        "efficiency and overhead assumed; failure probability drawn",
    )
