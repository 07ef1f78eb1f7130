"""Families ``mcu`` and ``sbc``: boards of the catalogue, with measured rates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocoin_opt.instance import Device, catalogue
from rocoin_opt.instance.generate.draws import pick, rounded, uniform

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.random import Generator

    from rocoin_opt.instance import Student
    from rocoin_opt.instance.catalogue import CatalogueDevice, Link

MCU_TEACHER = "wrn-40-2"
SBC_TEACHER = "wrn-40-4"
MCU_LINKS = ("lora-sf7", "ieee802154", "ble-1m", "wifi-54")
SBC_LINKS = ("wifi-54", "ethernet-100")
SBC_BUDGETS = (8e6, 16e6, 32e6, 64e6)
"""Bytes that a single board leaves to inference: an assumption, since it has other work too."""


def mcu_students(rng: Generator, num_filters: int, max_groups: int) -> tuple[Student, ...]:  # noqa: ARG001
    """Return the WRN students of the teacher WRN-40-2 in int8.

    Parameters
    ----------
    rng : Generator
        Unused: nothing is drawn.
    num_filters : int
        Number M of filters.
    max_groups : int
        Unused: the ladder is the same for any number of groups.
    """
    return catalogue.students(MCU_TEACHER, "int8", num_filters=num_filters)


def mcu_devices(rng: Generator, count: int, students: tuple[Student, ...]) -> tuple[Device, ...]:  # noqa: ARG001
    """Draw microcontroller boards measured in int8; one without a known radio gets any.

    Parameters
    ----------
    rng : Generator
        Source of every draw.
    count : int
        Number N of devices.
    students : tuple of Student
        Unused: devices do not depend on them.
    """
    return tuple(device for device, _ in _drawn_mcus(rng, count, _mcus()))


def mcu_devices_with_energy(
    rng: Generator,
    count: int,
    students: tuple[Student, ...],  # noqa: ARG001
) -> tuple[Device, ...]:
    """Draw microcontroller boards whose energy was measured too, with their powers; that of a radio is assumed.

    Parameters
    ----------
    rng, count, students
        As for :func:`mcu_devices`.
    """
    boards = {board.id: board for board in _mcus() if board.compute_watts is not None}
    drawn = _drawn_mcus(rng, count, list(boards.values()))
    return tuple(
        device._replace(
            {
                "compute_watts": rounded(boards[device.id.rpartition("-")[0]].compute_watts or 0.0),
                "transmit_watts": link.assumed_transmit_watts,
                "source": f"{device.source}; power of computing: energy over latency as measured there; "
                "of sending assumed",
            }
        )
        for device, link in drawn
    )


def _mcus() -> list[CatalogueDevice]:
    return [d for d in catalogue.devices() if d.kind == "mcu" and d.precision == "int8" and d.memory_bytes]


def _drawn_mcus(rng: Generator, count: int, boards: list[CatalogueDevice]) -> list[tuple[Device, Link]]:
    drawn = []
    for n in range(count):
        board = pick(rng, boards)
        link = _link(rng, board.links or MCU_LINKS)
        memory, origin = board.memory_bytes or 0.0, "RAM as stated there"
        drawn.append((_device(rng, n, board, link, memory, origin, (0.03, 0.25)), link))
    return drawn


def sbc_students(rng: Generator, num_filters: int, max_groups: int) -> tuple[Student, ...]:  # noqa: ARG001
    """Return the WRN students of the teacher WRN-40-4 in float32.

    Parameters
    ----------
    rng : Generator
        Unused: nothing is drawn.
    num_filters : int
        Number M of filters.
    max_groups : int
        Unused: the ladder is the same for any number of groups.
    """
    return catalogue.students(SBC_TEACHER, "float32", num_filters=num_filters)


def sbc_devices(rng: Generator, count: int, students: tuple[Student, ...]) -> tuple[Device, ...]:  # noqa: ARG001
    """Draw single boards measured with Linpack, each with a drawn memory budget.

    Parameters
    ----------
    rng : Generator
        Source of every draw.
    count : int
        Number N of devices.
    students : tuple of Student
        Unused: devices do not depend on them.
    """
    boards = [d for d in catalogue.devices() if d.kind == "sbc" and d.benchmark == "hpl"]
    drawn = []
    for n in range(count):
        board = pick(rng, boards)
        link = _link(rng, SBC_LINKS)
        memory, origin = pick(rng, SBC_BUDGETS), "memory assumed: a budget for inference"
        drawn.append(_device(rng, n, board, link, memory, origin, (0.01, 0.15)))
    return tuple(drawn)


def _link(rng: Generator, allowed: Sequence[str]) -> Link:
    return {link.id: link for link in catalogue.links()}[pick(rng, allowed)]


def _device(
    rng: Generator,
    number: int,
    board: CatalogueDevice,
    link: Link,
    memory_bytes: float,
    memory_origin: str,
    failure: tuple[float, float],
) -> Device:
    source = (
        f"{board.name}: {board.source}; {memory_origin}; link {link.id}: {link.source}, "
        "efficiency and overhead assumed; failure probability drawn"
    )
    return Device(
        id=f"{board.id}-{number}",
        flops_per_second=rounded(board.flops_per_second),
        memory_bytes=memory_bytes,
        uplink_bits_per_second=rounded(link.bits_per_second),
        overhead_seconds=link.assumed_overhead_seconds,
        failure_probability=uniform(rng, *failure),
        source=source,
    )
