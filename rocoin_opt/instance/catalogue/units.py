"""Values that look as if they were in another unit: megabytes for bytes, say.

What is honest is far wider than what the catalogue holds, so each range has a wide margin. Only a value beyond it,
which a typical factor would bring near the catalogue's own range, draws a warning. It is never an error.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from rocoin_opt.errors import UnitWarning
from rocoin_opt.instance import catalogue

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Odd = dict[int, list[tuple[float, tuple[str, ...]]]]

WIDER = 10.0
"""How much wider than the catalogue's the range is that a likely unit has to bring a value into."""
MOST_GROWTH = 100.0
"""Cost of one filter over that of a student without filters, up to which both are taken to be in one unit."""
LEAST_BITS = 8.0
"""Bits of a filter, below which an instance is in units of its own."""
COUNTERPARTS = {
    ("devices", "flops_per_second"): "flops",
    ("students", "flops"): "flops_per_second",
    ("students", "memory_bytes"): "memory_bytes",
}
"""What each field is divided by, or compared with: of students for devices, and the other way round."""
LATE, PATIENT = 50.0, 99.0
"""Deadline over the latest answer of any device, and seconds, beyond both of which it is likely in milliseconds."""
FEW_PLACES = 4
"""Runs of places in a list that a warning names, at most."""


@dataclass(frozen=True)
class Scale:
    """What is usual of one field.

    Attributes
    ----------
    field, unit : str
        Name, and the unit that the format takes.
    low, high : float
        Range that a value in another unit has to be brought into: that of the catalogue, and ten times wider each way.
    least, most : float
        Range that draws no warning.
    factors : tuple of (float, str)
        What values in other units are to be multiplied by, and what these are called, ascending.
    """

    field: str
    unit: str
    low: float
    high: float
    least: float
    most: float
    factors: tuple[tuple[float, str], ...]

    def likely(self, value: float) -> tuple[str, ...]:
        """Units that a value is likely in; none where it is fine as it stands, or no unit makes it usual."""
        if value <= 0.0 or self.least <= value <= self.most:
            return ()
        return tuple(unit for factor, unit in self.factors if self.low <= factor * value <= self.high)


def tell_units(document: Mapping[str, Any], source: str) -> None:
    """Warn of values that look as if they were in another unit, once a field.

    Parameters
    ----------
    document : mapping
        Plain data of an instance or device file, found valid.
    source : str
        File that holds them, for the warning.

    Warns
    -----
    UnitWarning
        Naming the field, what was found and the likely unit.
    """
    for group, scales in (("devices", device_scales), ("boards", device_scales), ("students", student_scales)):
        items = document.get(group, ())
        for scale in scales() if items else ():
            odd = {place: found for place, item in enumerate(items) if (found := _odd(item, scale))}
            if odd and not _stands(document, group, scale, odd):
                warnings.warn(_told(f"{source}: {group}[{_places(list(odd))}]", scale, odd), UnitWarning, stacklevel=2)
    for told in _odd_requirements(document):
        warnings.warn(f"{source}: requirements.{told}", UnitWarning, stacklevel=2)


def _odd_requirements(document: Mapping[str, Any]) -> Iterator[str]:
    """Requirements that look as if they were in another unit, in words."""
    requirements = document.get("requirements") or {}
    deadline = requirements.get("deadline_seconds")
    latest = 0.0 if deadline is None else _latest(document)
    if deadline is not None and latest > 0.0 and max(LATE * latest, PATIENT) < deadline < WIDER * 1e3 * latest:
        yield (
            f"deadline_seconds: found {deadline:.6g}, read in seconds; likely in milliseconds: no device takes longer "
            f"than {latest:.3g} seconds"
        )


def _latest(document: Mapping[str, Any]) -> float:
    """Most seconds that a device takes for a student that it holds, one after another on channels; 0 where unknown."""
    students, devices = document.get("students") or (), document.get("devices") or ()
    if (
        not students
        or document.get("boards")
        or any(d.get("compute_slowdown") or d.get("link_slowdown") for d in devices)
    ):
        return 0.0
    knowledge = document.get("knowledge") or {}
    filters = knowledge.get("num_filters", 0)
    bits = filters * knowledge.get("bits_per_filter", 0.0)
    slowest, air = 0.0, 0.0
    for device in devices:
        table = (device.get("compute_seconds") or {}).values()
        measured = [
            entry["seconds"] + filters * entry.get("seconds_per_filter", 0.0) if isinstance(entry, dict) else entry
            for entry in table
        ]
        rate = device.get("flops_per_second")
        if rate is not None:
            held = [student for student in students if student["memory_bytes"] <= device["memory_bytes"]]
            measured += [(s["flops"] + s.get("flops_per_filter", 0.0) * s["max_filters"]) / rate for s in held]
        sent = bits / device["uplink_bits_per_second"]
        air += sent * (device.get("count") or 1)
        slowest = max(slowest, device.get("overhead_seconds", 0.0) + max(measured, default=0.0) + sent)
    return slowest + air if document.get("channels") else slowest


def _odd(item: Mapping[str, Any], scale: Scale) -> list[tuple[float, tuple[str, ...]]]:
    """Values of a field that are likely in other units, each with these."""
    per_filter = item.get(f"{scale.field}_per_filter", 0.0)
    found = []
    for value in _values(item, scale.field):
        # A small network may grow with its part; but where one filter costs far more than all else, units are mixed.
        grown = per_filter * item["max_filters"] if 0.0 < per_filter <= MOST_GROWTH * value else 0.0
        units = scale.likely(value + grown)
        if units:
            found.append((value, units))
    return found


def _values(item: Mapping[str, Any], field: str) -> list[float]:
    """What a field holds: nothing, a number, or a table of seconds or of objects that name them."""
    found = item.get(field)
    if found is None:
        return []
    table = found.values() if isinstance(found, dict) else [found]
    return [entry["seconds"] if isinstance(entry, dict) else entry for entry in table]


def _stands(document: Mapping[str, Any], group: str, scale: Scale, odd: Odd) -> bool:
    """Whether odd values are fine beside the rest of the document.

    Where all that a field is divided by or compared with is in another unit as well, their ratio is right, and where a
    device holds a student, its memory is that of a small device.
    """
    field, students = scale.field, document.get("students", ())
    if field == "uplink_bits_per_second":
        return bool(0.0 < document.get("knowledge", {}).get("bits_per_filter", 0.0) < LEAST_BITS)
    if field == "memory_bytes" and group != "students" and students:
        needed = min(student[field] + student.get("memory_bytes_per_filter", 0.0) for student in students)
        return all(value >= needed for found in odd.values() for value, _ in found)
    others, scales = (document["devices"], device_scales()) if group == "students" else (students, student_scales())
    counterpart = next((other for other in scales if other.field == COUNTERPARTS.get((group, field))), None)
    if counterpart is None:
        return False
    given = [other for other in others if any(value > 0.0 for value in _values(other, counterpart.field))]
    return bool(given) and all(_odd(other, counterpart) for other in given)


def _told(where: str, scale: Scale, odd: Odd) -> str:
    told = sorted(pair for found in odd.values() for pair in found)
    smallest, largest = f"{told[0][0]:.6g}", f"{told[-1][0]:.6g}"
    found_text = smallest if smallest == largest else f"{smallest} to {largest}"
    # Of units that fit one value only those are likely that fit all of them, where there are such.
    some = [unit for _, unit in scale.factors if any(unit in units for _, units in told)]
    units = [unit for unit in some if all(unit in units for _, units in told)] or some
    likely = units[0] if len(units) == 1 else f"{', '.join(units[:-1])} or {units[-1]}"
    return f"{where}.{scale.field}: found {found_text}, read in {scale.unit}; likely in {likely}"


def _places(places: list[int]) -> str:
    """Places in a list, runs of them folded: 0..3, 7."""
    runs: list[list[int]] = []
    for place in places:
        if runs and place == runs[-1][1] + 1:
            runs[-1][1] = place
        else:
            runs.append([place, place])
    told = [str(first) if first == last else f"{first}..{last}" for first, last in runs[:FEW_PLACES]]
    return ", ".join([*told, "..."] if len(runs) > FEW_PLACES else told)


@cache
def device_scales() -> tuple[Scale, ...]:
    """What is usual of devices, by the measured ones and the links of the catalogue."""
    boards, devices, links = catalogue.boards(), catalogue.devices(), catalogue.links()
    rates = [device.flops_per_second for device in devices] + [board.flops_per_second for board in boards]
    memory = [device.memory_bytes for device in devices if device.memory_bytes is not None]
    uplinks = [link.bits_per_second for link in links]
    overheads = [link.assumed_overhead_seconds for link in links]
    tables = [seconds for board in boards for seconds in board.compute_seconds.values()]
    milliseconds = ((1e-3, "milliseconds"),)
    return (
        _from_below("flops_per_second", "FLOP/s", rates, 100.0, _operations("/s")),
        _from_below("memory_bytes", "bytes", memory, 50.0, BYTES),
        _from_below("uplink_bits_per_second", "bit/s", uplinks, 20.0, ((1e3, "kbit/s"), (1e6, "Mbit/s"))),
        _from_above("overhead_seconds", "seconds", overheads, 10.0, milliseconds),
        _from_above("compute_seconds", "seconds", tables, 25.0, milliseconds),
    )


@cache
def student_scales() -> tuple[Scale, ...]:
    """What is usual of students, by the counted networks of the catalogue."""
    networks = (*catalogue.networks(), *catalogue.backbones())
    flops = [2.0 * network.macs for network in networks]
    # From the smallest in int8 to the largest in float32.
    held = [float(network.parameters + network.peak_activations) for network in networks]
    return (
        _from_below("flops", "FLOP", flops, 1000.0, _operations("")),
        _from_below("memory_bytes", "bytes", [min(held), 4.0 * max(held)], 500.0, BYTES),
    )


BYTES = ((1e3, "kB"), (1e6, "MB"), (1e9, "GB"))


def _operations(suffix: str) -> tuple[tuple[float, str], ...]:
    # A multiply-accumulate is two FLOP: the number alone does not tell which.
    ladder = ((1e6, "M"), (1e9, "G"))
    return tuple((factor, f"{unit}{what}{suffix}") for factor, unit in ladder for what in ("FLOP", "MAC"))


def _from_below(
    field: str, unit: str, values: list[float], margin: float, factors: tuple[tuple[float, str], ...]
) -> Scale:
    """Scale of a field whose values may be too small."""
    low, high = min(values), max(values)
    return Scale(field, unit, low / WIDER, high * WIDER, low / margin, float("inf"), factors)


def _from_above(
    field: str, unit: str, values: list[float], margin: float, factors: tuple[tuple[float, str], ...]
) -> Scale:
    """Scale of a field whose values may be too large."""
    low, high = min(values), max(values)
    return Scale(field, unit, low / WIDER, high * WIDER, 0.0, high * margin, factors)
