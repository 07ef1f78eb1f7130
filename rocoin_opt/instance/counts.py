"""Alike devices: one entry of a file that stands for many, and the entries that devices in a row make up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rocoin_opt.documents import described_fault, fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rocoin_opt.instance.entities import Device

MAX_DEVICES = 250_000
"""Most devices of an instance: each takes up about a kilobyte."""


@dataclass(frozen=True)
class Alike:
    """Devices in a row that differ in nothing but their names ``id-1`` to ``id-count``, or a single one.

    Attributes
    ----------
    id : str
        What the names begin with; of a single device that is called otherwise, its name.
    devices : slice
        Where they stand.
    numbered : bool
        Whether the names are numbered.
    """

    id: str
    devices: slice
    numbered: bool

    @property
    def count(self) -> int:
        """How many there are."""
        return int(self.devices.stop - self.devices.start)


def expanded(devices: Sequence[Device]) -> tuple[Device, ...]:
    """Devices one by one: an entry with a ``count`` becomes ``id-1`` to ``id-count``.

    Raises
    ------
    PydanticCustomError
        If two devices have the same name, one has that of an entry with a count, or there are too many of them.
    """
    found: list[Device] = []
    seen: set[str] = set()
    for position, device in enumerate(devices):
        field = f"devices[{position}]"
        if device.count is not None and len(found) + device.count > MAX_DEVICES:
            raise described_fault(f"{field}.count", str(device.count), f"at most {MAX_DEVICES:,} devices in all")
        # The name of an entry stands for all of its devices, so no other device may have it.
        names = [device.id]
        if device.count is not None:
            names += [f"{device.id}-{number}" for number in range(1, device.count + 1)]
        for name in names:
            if name in seen:
                raise fault(f"{field}.id", name, "an identifier that no other one repeats")
        seen.update(names)
        if device.count is None:
            found.append(device)
        else:
            found += [device._replace({"id": name, "count": None}) for name in names[1:]]
    return tuple(found)


def alike(devices: Sequence[Device]) -> Iterator[Alike]:
    """Read devices as the entries of a file that holds as few of them as possible, in their order."""
    start = 0
    while start < len(devices):
        first, end = devices[start], start + 1
        base = first.id.removesuffix("-1")
        if base != first.id and base:
            same = _fields(first)
            while (
                end < len(devices) and devices[end].id == f"{base}-{end - start + 1}" and _fields(devices[end]) == same
            ):
                end += 1
            yield Alike(base, slice(start, end), True)
        else:
            yield Alike(first.id, slice(start, end), False)
        start = end


def _fields(device: Device) -> dict[str, Any]:
    return {name: value for name, value in device.__dict__.items() if name != "id"}
