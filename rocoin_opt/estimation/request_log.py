"""Logs of real requests: a row for each request and device, in a CSV file, read strictly."""

from __future__ import annotations

import csv
import io
import math
import os
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.documents import MAX_PROBLEMS_SHOWN, read_text, shown
from rocoin_opt.errors import InputError, Problem
from rocoin_opt.wording import listed
from rocoin_opt.writing import write_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from rocoin_opt.instance import FloatArray, IntArray

REQUIRED = ("request", "device", "sent_seconds", "answered_seconds")
OPTIONAL = ("compute_seconds", "bytes")
ALLOWED_COLUMNS = f"the columns {', '.join(REQUIRED)}, and perhaps {' and '.join(OPTIONAL)}, each once"
MAX_LOG_BYTES = 2**28
"""Largest log that is read."""
MAX_ROWS = 4_000_000
"""Most rows: each takes up some 200 bytes while it is read."""
LARGEST_SECONDS = 1e15
"""Beyond, a clock has lost its seconds."""


@dataclass(frozen=True, eq=False)
class RequestLog:
    """What became of requests on devices; arrays are read-only, one entry a row of the file.

    Attributes
    ----------
    source : str
        File that it was read from, or what made it.
    requests, devices : tuple of str
        Identifiers, in the order in which they first appear.
    request, device : IntArray
        Places of the row's request and device in these.
    sent, answered : FloatArray
        Seconds by the clock of whoever sent the requests; NaN where no answer came.
    compute : FloatArray
        Seconds that the device computed; NaN where nobody measured it.
    num_bytes : FloatArray
        Bytes of the answer; NaN where nobody counted them.
    """

    source: str
    requests: tuple[str, ...]
    devices: tuple[str, ...]
    request: IntArray
    device: IntArray
    sent: FloatArray
    answered: FloatArray
    compute: FloatArray
    num_bytes: FloatArray

    def __post_init__(self) -> None:
        for values in (self.request, self.device, self.sent, self.answered, self.compute, self.num_bytes):
            values.flags.writeable = False

    @property
    def response(self) -> FloatArray:
        """Seconds from a request to its answer; NaN where none came."""
        return np.asarray(self.answered - self.sent)

    def rows_of(self) -> list[IntArray]:
        """Rows of each device, in the order of ``devices``, each in the order in which requests were sent."""
        order = np.lexsort((self.sent, self.device))
        ends = np.cumsum(np.bincount(self.device, minlength=len(self.devices)))
        return np.split(order, ends[:-1])


def read_request_log(path: str | Path, devices: Collection[str]) -> RequestLog:
    """Read a log of requests.

    Parameters
    ----------
    path : str or Path
        A CSV file with a header line. Columns, in any order: ``request`` and ``device``, names that together occur
        once; ``sent_seconds``, ``answered_seconds``, the latter empty where no answer came; if measured,
        ``compute_seconds`` on the device and ``bytes`` of the answer, of each device for all of its answers or for
        none.
    devices : collection of str
        Identifiers of the devices that there are.

    Raises
    ------
    InputError
        Naming line, column, what was found and what is allowed.
    """
    source = os.fspath(path)
    return _Reading(source, frozenset(devices)).log(read_text(path, MAX_LOG_BYTES))


def write_request_log(path: str | Path, log: RequestLog) -> None:
    """Write a log as :func:`read_request_log` reads it; columns that nothing is known of are left out.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    known = [name for name, values in zip(OPTIONAL, (log.compute, log.num_bytes), strict=True) if _any(values)]
    columns = [log.sent, log.answered, *(log.compute if name == "compute_seconds" else log.num_bytes for name in known)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*REQUIRED, *known))
    numbers = zip(*(values.tolist() for values in columns), strict=True)
    for request, device, row in zip(log.request.tolist(), log.device.tolist(), numbers, strict=True):
        figures = ("" if math.isnan(value) else repr(value) for value in row)
        writer.writerow((log.requests[request], log.devices[device], *figures))
    write_text(path, text.getvalue())


class _Reading:
    """One reading of a log: the faults so far, and the rows."""

    def __init__(self, source: str, known: frozenset[str]) -> None:
        self._source, self._known = source, known
        self._problems: list[Problem] = []
        self._requests: dict[str, int] = {}
        self._devices: dict[str, int] = {}
        self._places = array("q")
        self._numbers = array("d")
        self._seen: set[tuple[int, int]] = set()
        # By device and optional column: whether it is filled in, and the line that said so.
        self._told: dict[tuple[int, str], tuple[bool, int]] = {}

    def log(self, text: str) -> RequestLog:
        reader = csv.reader(_lines(text), strict=True)
        try:
            columns = self._columns(next(reader, []))
            for cells in reader:
                # Editors leave an empty line at the end.
                if cells:
                    self._row(reader.line_num, cells, columns)
                if len(self._problems) >= MAX_PROBLEMS_SHOWN:
                    break
        except csv.Error as error:
            self._complain(f"line {reader.line_num}", str(error), "comma-separated values")
        if not self._places and not self._problems:
            self._complain("", "no rows", "a row for each request and device")
        if self._problems:
            raise InputError(self._source, self._problems)
        places = np.array(self._places, dtype=np.int64).reshape(-1, 2)
        numbers = np.array(self._numbers).reshape(-1, 4)
        return RequestLog(
            self._source, tuple(self._requests), tuple(self._devices), *places.T.copy(), *numbers.T.copy()
        )

    def _complain(self, field: str, found: str, allowed: str) -> None:
        self._problems.append(Problem(field, found, allowed))

    def _columns(self, header: list[str]) -> dict[str, int]:
        """Place of each column; a header that leaves any doubt ends the reading."""
        for place, name in enumerate(header):
            if name not in (*REQUIRED, *OPTIONAL) or name in header[:place]:
                self._complain(f"line 1, column {place + 1}", shown(name), ALLOWED_COLUMNS)
        if missing := [name for name in REQUIRED if name not in header]:
            self._complain("line 1", f"no {listed(missing)}", ALLOWED_COLUMNS)
        if self._problems:
            raise InputError(self._source, self._problems[:MAX_PROBLEMS_SHOWN])
        return {name: place for place, name in enumerate(header)}

    def _row(self, line: int, cells: list[str], columns: dict[str, int]) -> None:
        faults = len(self._problems)
        if len(self._places) // 2 >= MAX_ROWS:
            raise InputError(self._source, [Problem(f"line {line}", "one more row", f"at most {MAX_ROWS:,} rows")])
        if len(cells) != len(columns):
            self._complain(f"line {line}", f"{len(cells)} values", f"{len(columns)}, one for each column of the header")
            return
        row = {name: cells[place] for name, place in columns.items()}
        request, device = row["request"], row["device"]
        if not request:
            self._complain(f"line {line}, column request", shown(request), "a name of the request")
        if device not in self._known:
            self._complain(f"line {line}, column device", shown(device), "the id of a device of the device file")
        if len(self._problems) > faults:
            return
        n = self._devices.setdefault(device, len(self._devices))
        place = self._requests.setdefault(request, len(self._requests)), n
        if place in self._seen:
            self._complain(f"line {line}", f"request {shown(request)} once more", f"one row of it for device {device}")
        self._seen.add(place)
        sent = self._number(line, row, "sent_seconds", required=True)
        answered = self._number(line, row, "answered_seconds")
        compute, num_bytes = (self._number(line, row, name) for name in OPTIONAL)
        if len(self._problems) > faults:
            return
        if answered <= sent:
            allowed = f"a time after sent_seconds, {row['sent_seconds']}, or nothing where no answer came"
            self._complain(f"line {line}, column answered_seconds", row["answered_seconds"], allowed)
        elif compute > answered - sent:
            allowed = f"at most the {answered - sent:g} s from sent_seconds to answered_seconds"
            self._complain(f"line {line}, column compute_seconds", row["compute_seconds"], allowed)
        for name, value in zip(OPTIONAL, (compute, num_bytes), strict=True):
            self._optional(line, (n, name), row, value, not math.isnan(answered))
        self._places.extend(place)
        self._numbers.extend((sent, answered, compute, num_bytes))

    def _number(self, line: int, row: dict[str, str], name: str, *, required: bool = False) -> float:
        """A number of a row, NaN where there is none."""
        text = row.get(name, "")
        if not text and not required:
            return math.nan
        try:
            # Python reads 1_000 as a number; whoever wrote the log hardly did.
            value = math.nan if "_" in text else float(text)
        except ValueError:
            value = math.nan
        if not abs(value) <= LARGEST_SECONDS:
            what = "a finite number" if name == "bytes" else "a finite number of seconds"
            optional = "" if required else ", or nothing"
            self._complain(f"line {line}, column {name}", shown(text), f"{what}{optional}")
        return value

    def _optional(self, line: int, key: tuple[int, str], row: dict[str, str], value: float, came: bool) -> None:
        """Refuse what leaves open which answers were measured: the slow ones may be those that were not."""
        field, text = f"line {line}, column {key[1]}", row.get(key[1], "")
        if text and not came:
            self._complain(field, text, "nothing, as no answer came")
        elif value <= 0.0:
            self._complain(field, text, "a number above 0")
        elif came:
            told, first = self._told.setdefault(key, (bool(text), line))
            if told != bool(text):
                allowed = f"a value in all answers of a device or in none; line {first} has {'one' if told else 'none'}"
                self._complain(field, shown(text), allowed)


def _lines(text: str) -> Iterator[str]:
    """Lines with their ends; what Python calls a line besides, a form feed say, is none in a CSV file."""
    start = 0
    while start < len(text):
        end = text.find("\n", start) + 1 or len(text)
        yield text[start:end]
        start = end


def _any(values: FloatArray) -> bool:
    return not bool(np.isnan(values).all())
