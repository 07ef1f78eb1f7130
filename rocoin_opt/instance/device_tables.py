"""Devices from tables, one a row: CSV files, and data frames of any library that has the methods of Pandas."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from rocoin_opt.documents import MAX_PROBLEMS_SHOWN, problems_of, read_text, shown
from rocoin_opt.errors import InputError, Problem
from rocoin_opt.instance.catalogue.units import tell_units
from rocoin_opt.instance.entities import Device

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

TIMES = "compute_seconds."
"""What a column of measured seconds begins with, before the identifier of the student."""
TEXTS = frozenset({"channel", "failure_domain", "id", "source"})
LISTS = frozenset({"students"})
OBJECTS = frozenset({"compute_slowdown", "link_slowdown"})
SEPARATORS = (",", ";", "\t")
BLANK = "a blank cell"
COMMA, THOUSANDS = re.compile(r"[+-]?\d+,\d+(e[+-]?\d+)?", re.IGNORECASE), re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
"""Numbers with a comma, and those in which it may stand between thousands."""


def devices_from_csv(path: str | Path) -> tuple[Device, ...]:
    r"""Read devices from a CSV file, one per row.

    Columns are named after the fields of :class:`rocoin_opt.Device`, in any order. A blank cell leaves its field out.
    ``compute_seconds.STUDENT`` is a column of measured seconds with a student; ``students`` holds identifiers with
    spaces between them, ``compute_slowdown`` and ``link_slowdown`` hold JSON. Cells are separated by commas, semicolons
    or tabs.

    Parameters
    ----------
    path : str or Path
        The file, in UTF-8, with names of columns in its first row.

    Returns
    -------
    tuple of Device
        In the order of the rows.

    Raises
    ------
    InputError
        Naming row and column of every faulty cell, what was found and what is allowed. The names of columns are row 1.

    Warns
    -----
    UnitWarning
        If a value looks as if it were in another unit, such as megabytes for bytes.

    Examples
    --------
    >>> from pathlib import Path
    >>> _ = Path("fleet.csv").write_text(
    ...     "id,flops_per_second,memory_bytes,uplink_bits_per_second,failure_probability\n"
    ...     "cam,2e9,1000000,1e6,0.1\n"
    ... )
    >>> ro.devices_from_csv("fleet.csv")[0].memory_bytes
    1000000.0
    """
    source, text = os.fspath(path), read_text(path)
    separator = max(SEPARATORS, key=text.partition("\n")[0].count)
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True))
    if not rows:
        raise InputError(source, [Problem("", "an empty file", "names of columns, and a row for each device")])
    columns = [name.strip() for name in rows[0]]
    numbered = [(str(place), [cell.strip() for cell in row]) for place, row in enumerate(rows[1:], 2)]
    return _devices(columns, [(row, cells) for row, cells in numbered if any(cells)], source)


def devices_from_frame(frame: pd.DataFrame) -> tuple[Device, ...]:
    """Read devices from a data frame, one per row; see :func:`devices_from_csv`.

    Parameters
    ----------
    frame : pandas.DataFrame
        Its index is only used to name rows in errors. None, NaN and empty strings are blank.

    Returns
    -------
    tuple of Device
        In the order of the rows.

    Raises
    ------
    InputError
        Naming row and column of every faulty cell, what was found and what is allowed.

    Warns
    -----
    UnitWarning
        If a value looks as if it were in another unit, such as megabytes for bytes.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame([device.model_dump(exclude_none=True) for device in instance.devices])
    >>> ro.devices_from_frame(frame) == instance.devices
    True
    """
    columns = [str(name) for name in frame.columns]
    cells = frame.astype(object).where(frame.notna(), None).to_numpy().tolist()
    return _devices(columns, list(zip(map(str, frame.index), cells, strict=True)), "data frame")


def _devices(columns: Sequence[str], rows: Sequence[tuple[str, Sequence[Any]]], source: str) -> tuple[Device, ...]:
    _require_columns(columns, source)
    if not rows:
        raise InputError(source, [Problem("", "no rows", "a row for each device")])
    problems: list[Problem] = []
    devices: list[Device] = []
    documents: list[dict[str, Any]] = []
    first: dict[str, str] = {}
    for row, cells in rows:
        if len(problems) >= MAX_PROBLEMS_SHOWN:
            break
        if len(cells) != len(columns):
            problems.append(Problem(f"row {row}", f"{len(cells)} cells", f"{len(columns)}, one a column"))
            continue
        fields = _fields(columns, cells)
        name = fields.get("id")
        if isinstance(name, str) and name in first:
            allowed = f"an identifier that no other row has, and row {first[name]} has it"
            problems.append(Problem(f"row {row}, column id", shown(name), allowed))
        first.setdefault(str(name), row)
        try:
            devices.append(Device.model_validate(fields))
        except ValidationError as error:
            problems += _in_row(problems_of(error, fields, Device), row, dict(zip(columns, cells, strict=True)))
        documents.append(fields)
    if problems:
        raise InputError(source, problems)
    tell_units({"devices": documents}, source)
    return tuple(devices)


def _require_columns(columns: Sequence[str], source: str) -> None:
    """Refuse a table whose columns are no fields of devices, stand there twice or are missing for all rows."""
    problems = [
        Problem(f"column {name}", "a second one", "each column once")
        for place, name in enumerate(columns)
        if name in columns[:place]
    ]
    fields = {name: None for name in columns if not name.startswith(TIMES)}
    try:
        Device.model_validate(fields)
    except ValidationError as error:
        wanted = ("missing", "extra_forbidden")
        kinds = {str(detail["loc"][0]) for detail in error.errors() if detail["type"] in wanted}
        problems += [
            Problem(f"column {problem.field or BLANK}", problem.found.replace("field", "column"), problem.allowed)
            for problem in problems_of(error, fields, Device)
            if problem.field in kinds
        ]
    if problems:
        raise InputError(source, problems)


def _fields(columns: Sequence[str], cells: Iterable[Any]) -> dict[str, Any]:
    """The fields of a device that a row says something of."""
    fields: dict[str, Any] = {}
    for name, cell in zip(columns, cells, strict=True):
        if cell is None or cell == "":
            continue
        if name.startswith(TIMES):
            fields.setdefault("compute_seconds", {})[name.removeprefix(TIMES)] = _number(cell)
        else:
            fields[name] = _value(name, cell)
    return fields


def _value(name: str, cell: Any) -> Any:
    if name in TEXTS:
        # A spreadsheet takes names such as 7 for numbers.
        return str(cell)
    if name in LISTS and isinstance(cell, str):
        return cell.replace(",", " ").replace(";", " ").split()
    if name in OBJECTS and isinstance(cell, str):
        try:
            return json.loads(cell)
        except ValueError:
            return cell
    if name == "count":
        number = _number(cell)
        return int(number) if isinstance(number, float) and number.is_integer() else number
    return _number(cell)


def _number(cell: Any) -> Any:
    """The number that a cell holds, as one or as text; what is none stays as it is, to be told."""
    if not isinstance(cell, str):
        return cell
    try:
        return float(cell)
    except ValueError:
        return cell


def _in_row(problems: Iterable[Problem], row: str, cells: Mapping[str, Any]) -> list[Problem]:
    """Faults of a device as faults of the cells that it was read from."""
    found: list[Problem] = []
    times: set[str] = set()
    for problem in problems:
        field = problem.field
        if column := next((name for name in cells if name.startswith(TIMES) and field.startswith(f"{name}.")), None):
            # What stands there is no number, nor any other kind of measured time.
            if column in times:
                continue
            times.add(column)
            field = column
        # What a row does not say it left blank: all columns are there.
        told = BLANK if problem.found == "nothing" else problem.found
        # Cells have no quotes to leave out.
        allowed = problem.allowed.partition("; write ")[0] + _without_comma(field, cells.get(field))
        found.append(Problem(f"row {row}, column {field}" if field else f"row {row}", told, allowed))
    return found


def _without_comma(field: str, cell: Any) -> str:
    """How a number with a comma is to be written."""
    if not isinstance(cell, str) or not COMMA.fullmatch(cell) or field in TEXTS | LISTS | OBJECTS:
        return ""
    # Before three digits the comma is as likely to stand between thousands.
    whole = f", or {cell.replace(',', '')}" if THOUSANDS.fullmatch(cell) else ""
    return f" with a decimal point and no comma: {cell.replace(',', '.')}{whole}"
