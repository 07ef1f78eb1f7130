"""Device files: the half of an instance that is not known from a network. Devices, and what plans must keep."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Self

from pydantic import Field, ValidationInfo, model_validator

from rocoin_opt.documents import (
    MAX_DOCUMENT_BYTES,
    MAX_PROBLEMS_SHOWN,
    Items,
    Model,
    document_schema,
    read_document,
    readable_json,
    shown,
    validate,
)
from rocoin_opt.errors import InputError, Problem
from rocoin_opt.instance import catalogue
from rocoin_opt.instance.catalogue.units import tell_units
from rocoin_opt.instance.entities import Channel, Device, FailureDomain, Requirements
from rocoin_opt.instance.fields import Count, CrashProbability, Identifier, Positive
from rocoin_opt.instance.rules import Rule, resolved
from rocoin_opt.writing import write_text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from rocoin_opt.instance.catalogue import CatalogueDevice, Link

FORMAT = "rocoin-opt/devices"
VERSION = 1

MEANT = "devices by the names that rules may take"

PLANNED_BITS = {"int8": 8, "float32": 32, "float64": 32}
"""Bits of the networks that a measured rate is planned for, by the precision of the measured run."""


class Boards(Model):
    """Equal devices from the catalogue."""

    id: Identifier
    """Name; with ``count`` the devices are called ``id-0``, ``id-1`` and so on."""
    board: Identifier
    """Identifier in the catalogue's devices: says the rate, and the memory where its source does."""
    link: Identifier
    """Identifier in the catalogue's links: says rate and overhead."""
    failure_probability: CrashProbability
    """Probability that a device never answers."""
    memory_bytes: Positive | None = None
    """Memory for the student; the board's where absent."""
    failure_domain: Identifier | None = None
    """Failure domain of all of them."""
    channel: Identifier | None = None
    """Channel that all of them send on; links of their own where absent."""
    count: Count | None = None
    """Number of devices; one that is called ``id`` where absent."""


class DeviceFile(Model):
    """Content of a device file."""

    devices: Items[Device] = ()
    """Devices with all of their numbers, as in an instance."""
    boards: Items[Boards] = ()
    """Devices whose numbers the catalogue knows."""
    failure_domains: Items[FailureDomain] = ()
    """What devices share and fail with."""
    channels: Items[Channel] = ()
    """What devices share and send on."""
    rules: Items[Rule] = ()
    """Which devices may serve, and with whom."""
    requirements: Requirements
    """What every plan must keep."""


class Fleet(Model):
    """Devices, what they share, and what plans must keep."""

    devices: Annotated[Items[Device], Field(min_length=1)]
    """All devices, those of the catalogue last."""
    failure_domains: Items[FailureDomain] = ()
    """What devices share and fail with."""
    channels: Items[Channel] = ()
    """What devices share and send on."""
    rules: Items[Rule] = ()
    """Which devices may serve, and with whom."""
    requirements: Requirements
    """What every plan must keep."""

    @model_validator(mode="after")
    def _rules_resolve(self, info: ValidationInfo) -> Self:
        if self.rules:
            self.__dict__["rules"] = resolved(self.rules, (info.context or {}).get(MEANT) or _meant(self.devices))
        return self


class _Catalogued(NamedTuple):
    """The catalogue by identifier."""

    boards: dict[str, CatalogueDevice]
    links: dict[str, Link]


def read_device_file(path: str | Path, *, precision_bits: int | None = 32) -> Fleet:
    """Read a device file.

    Parameters
    ----------
    path : str or Path
        A ``.json`` file of format ``rocoin-opt/devices``, version 1.
    precision_bits : int or None
        Bits of a weight and of an activation of the networks that are to run. A board measured in another precision
        is refused, as its rate would differ. None checks nothing.

    Raises
    ------
    InputError
        Naming every faulty field, what was found and what is allowed.

    Warns
    -----
    UnitWarning
        If a value looks as if it were in another unit, such as megabytes for bytes.
    """
    source = os.fspath(path)
    document = read_document(path, FORMAT, VERSION)
    content = validate(DeviceFile, document, source)
    if not content.devices and not content.boards:
        raise InputError(source, [Problem("", "no devices", "at least one in devices or boards")])
    problems: list[Problem] = []
    devices, meant = list(content.devices), _meant(content.devices)
    catalogued = _Catalogued(
        {board.id: board for board in catalogue.devices()}, {link.id: link for link in catalogue.links()}
    )
    room = MAX_DOCUMENT_BYTES
    for position, boards in enumerate(content.boards):
        field = f"boards[{position}]"
        device = _device(boards, catalogued, field, precision_bits, problems)
        if device is None:
            if len(problems) >= MAX_PROBLEMS_SHOWN:
                break
            continue
        # A count is short, and what it stands for is not.
        room -= (boards.count or 1) * len(device.model_dump_json(exclude_none=True))
        if room < 0:
            problems.append(Problem(f"{field}.count", str(boards.count), "devices that fit into an instance file"))
            break
        if boards.count is None:
            alike = [device]
        else:
            alike = [device._replace({"id": f"{boards.id}-{n}"}) for n in range(boards.count)]
        devices += alike
        meant |= {boards.id: tuple(one.id for one in alike), **{one.id: (one.id,) for one in alike}}
    if problems:
        raise InputError(source, problems)
    tell_units(document, source)
    # What is not said is not written either.
    given = {field: value for field in ("channels", "rules") if (value := getattr(content, field))}
    given |= {"failure_domains": content.failure_domains, "requirements": content.requirements}
    return validate(Fleet, {"devices": tuple(devices), **given}, source, {MEANT: meant})


def write_device_file(path: str | Path, fleet: Fleet) -> None:
    """Write a device file; boards of the catalogue stand in it as devices with all of their numbers.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    fields = fleet.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    write_text(path, readable_json({"format": FORMAT, "version": VERSION, **fields}) + "\n")


def device_file_schema() -> dict[str, Any]:
    """JSON Schema of device files."""
    return document_schema(DeviceFile, FORMAT, VERSION)


def _meant(devices: Iterable[Device]) -> dict[str, tuple[str, ...]]:
    """Devices by the names that rules may take: of an entry with a count, all."""
    found: dict[str, tuple[str, ...]] = {}
    for device in devices:
        numbered = tuple(f"{device.id}-{n}" for n in range(1, (device.count or 0) + 1))
        found |= {device.id: numbered or (device.id,), **{name: (name,) for name in numbered}}
    return found


def _device(
    boards: Boards, catalogued: _Catalogued, field: str, precision_bits: int | None, problems: list[Problem]
) -> Device | None:
    """One device of an entry, by the name of the entry; None, and problems, where the catalogue knows too little."""
    board, link = catalogued.boards.get(boards.board), catalogued.links.get(boards.link)
    if board is None:
        problems.append(Problem(f"{field}.board", shown(boards.board), f"one of {', '.join(catalogued.boards)}"))
    if link is None:
        problems.append(Problem(f"{field}.link", shown(boards.link), f"one of {', '.join(catalogued.links)}"))
    if board is None or link is None:
        return None
    memory = boards.memory_bytes or board.memory_bytes
    if memory is None:
        problems.append(Problem(f"{field}.memory_bytes", "nothing", f"a number: no source says it for {board.id}"))
    fits = precision_bits in (None, PLANNED_BITS[board.precision])
    if not fits:
        problems.append(Problem(f"{field}.board", _measured(board, precision_bits), "a board measured with such"))
    if memory is None or not fits:
        return None
    origin = "memory as given" if boards.memory_bytes else "RAM as stated there"
    return Device(
        id=boards.id,
        flops_per_second=board.flops_per_second,
        memory_bytes=memory,
        uplink_bits_per_second=link.bits_per_second,
        overhead_seconds=link.assumed_overhead_seconds,
        failure_probability=boards.failure_probability,
        failure_domain=boards.failure_domain,
        channel=boards.channel,
        source=f"{board.name}: {board.source}; {origin}; link {link.id}: {link.source}, "
        "efficiency and overhead assumed",
    )


def _measured(board: CatalogueDevice, precision_bits: int | None) -> str:
    return f"{board.id}, measured in {board.precision}, for networks of {precision_bits} bits"
