"""Files of measured times: how long students took on devices, for the ``compute_seconds`` of an instance."""

from __future__ import annotations

import csv
import io
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

from pydantic import Field

from rocoin_opt.documents import MAX_PROBLEMS_SHOWN, Model, parse_document, read_text, shown, validate
from rocoin_opt.errors import InputError, Problem
from rocoin_opt.instance.entities import ComputeTime
from rocoin_opt.instance.fields import Identifier, NonNegative

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rocoin_opt.instance.entities import Device

FORMAT = "rocoin-opt/measured"
VERSION = 1
COLUMNS = ("device", "student", "seconds")
OPTIONAL = "seconds_per_filter"

TimesOfDevice: TypeAlias = "dict[str, float | ComputeTime]"


class MeasuredTimes(Model):
    """Content of a file of measured times."""

    compute_seconds: Annotated[
        dict[Identifier, Annotated[dict[Identifier, NonNegative | ComputeTime], Field(min_length=1)]],
        Field(min_length=1),
    ]
    """By device and student: seconds of one inference, or an object of ``seconds`` and ``seconds_per_filter``."""


def read_measured_times(path: str | Path) -> dict[str, TimesOfDevice]:
    """Read measured times by device and student.

    Parameters
    ----------
    path : str or Path
        A ``.json`` file of format ``rocoin-opt/measured``, version 1, or a ``.csv`` file with the columns ``device``,
        ``student``, ``seconds`` and, if wanted, ``seconds_per_filter``.

    Raises
    ------
    InputError
        Naming every faulty field or line, what was found and what is allowed.
    """
    source, ending = os.fspath(path), Path(path).suffix
    if ending not in (".json", ".csv"):
        raise InputError(source, [Problem("", f"the ending {ending!r}", ".json or .csv")])
    text = read_text(path)
    data = {"compute_seconds": _parsed(text, source)} if ending == ".csv" else parse_document(text, source, FORMAT, 1)
    return validate(MeasuredTimes, data, source).compute_seconds


def with_times(
    devices: Iterable[Device], times: Mapping[str, Mapping[str, float | ComputeTime]], *, source: str, origin: str
) -> tuple[Device, ...]:
    """Enter measured times into the ``compute_seconds`` of devices; what they hold of other students stays.

    Parameters
    ----------
    devices : iterable of Device
        Devices, and entries with a count.
    times : mapping
        By device and student. A name that no device has stands for all that are called so with a number behind it:
        ``pi`` for ``pi-0`` and ``pi-1``.
    source : str
        What faults call the times.
    origin : str
        What the ``source`` of a device says of them.

    Raises
    ------
    InputError
        If a name is no device's, or stands for one that has times of its own.
    """
    given = list(devices)
    names = [device.id for device in given]
    meant: dict[str, str] = {}
    problems = []
    for name in times:
        found = (
            [name] if name in names else [other for other in names if re.fullmatch(rf"{re.escape(name)}-\d+", other)]
        )
        if not found:
            problems.append(Problem(f"compute_seconds.{name}", "no such device", f"one of {', '.join(names)}"))
        for other in found:
            if other in meant:
                allowed = f"each device once; {meant[other]} means it too"
                problems.append(Problem(f"compute_seconds.{name}", other, allowed))
            meant[other] = name
    if problems:
        raise InputError(source, problems[:MAX_PROBLEMS_SHOWN])
    return tuple(_timed(device, times[meant[device.id]], origin) if device.id in meant else device for device in given)


def _timed(device: Device, times: Mapping[str, float | ComputeTime], origin: str) -> Device:
    table = {**(device.compute_seconds or {}), **times}
    said = f"{device.source}; " if device.source else ""
    source = f"{said}compute_seconds of {', '.join(times)}: {origin}"
    return device._replace({"compute_seconds": table, "source": source})


def _parsed(text: str, source: str) -> dict[str, dict[str, float | dict[str, float]]]:
    reader = csv.DictReader(io.StringIO(text), strict=True, skipinitialspace=True)
    found: dict[str, dict[str, float | dict[str, float]]] = {}
    problems = []
    try:
        header = list(reader.fieldnames or ())
        if sorted(set(header) - {OPTIONAL}) != sorted(COLUMNS) or len(set(header)) < len(header):
            allowed = f"{', '.join(COLUMNS)} and, if wanted, {OPTIONAL}"
            raise InputError(source, [Problem("line 1", ", ".join(header) or "nothing", allowed)])
        for row in reader:
            where = f"line {reader.line_num}"
            if None in row or None in row.values():
                problems.append(Problem(where, "another number of fields", f"as many as in line 1: {len(header)}"))
                continue
            numbers = {name: _number(row[name]) for name in (COLUMNS[-1], OPTIONAL) if row.get(name)}
            if None in numbers.values() or COLUMNS[-1] not in numbers:
                wrong = next((name for name, value in numbers.items() if value is None), COLUMNS[-1])
                problems.append(Problem(f"{where}, {wrong}", shown(row[wrong]), "a number of at least 0"))
                continue
            table = found.setdefault(row["device"], {})
            if row["student"] in table:
                problems.append(Problem(where, f"{row['device']}, {row['student']}", "each device and student once"))
            told = {name: value for name, value in numbers.items() if value is not None}
            # A number is short for an object.
            table[row["student"]] = told if OPTIONAL in told else told[COLUMNS[-1]]
    except csv.Error as error:
        problems.append(Problem(f"line {reader.line_num}", str(error), "comma-separated values"))
    if problems:
        raise InputError(source, problems[:MAX_PROBLEMS_SHOWN])
    return found


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0.0 <= value < float("inf") else None
