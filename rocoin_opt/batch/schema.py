"""Tables of a run's database, and how a result becomes a row and a row a result."""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from typing import TYPE_CHECKING, Any

from rocoin_opt.batch.results import ItemResult
from rocoin_opt.documents import MAX_DOCUMENT_BYTES, canonical_json

if TYPE_CHECKING:
    from collections.abc import Sequence

APPLICATION = 0x526F4261
"""SQLite's ``application_id`` of our databases."""
VERSION = 1
"""SQLite's ``user_version``: of these tables, not of the package."""

COLUMNS = {
    "item": "TEXT PRIMARY KEY",
    "instance": "TEXT NOT NULL",
    "path": "TEXT NOT NULL",
    "fingerprint": "TEXT NOT NULL",
    "method": "TEXT NOT NULL",
    "objective": "TEXT NOT NULL",
    "seed": "INTEGER NOT NULL",
    "options": "TEXT NOT NULL",
    "termination": "TEXT",
    "objective_value": "REAL",
    "lower_bound": "REAL",
    "gap": "REAL",
    "wall_seconds": "REAL NOT NULL",
    "reasons": "TEXT NOT NULL",
    "failure": "TEXT",
    "error": "TEXT",
    "attempts": "INTEGER NOT NULL",
    "versions": "TEXT NOT NULL",
    "cores": "INTEGER",
    "trace": "TEXT NOT NULL",
    "plan_file": "TEXT",
    "plan_sha256": "TEXT",
}
"""The fields of an :class:`ItemResult`, in order, and their types; those that are no plain values stand as JSON."""
FROM_JSON = ("options", "reasons", "versions", "trace")

HOUSEKEEPING = {
    "checksum": "TEXT NOT NULL",  # of the columns above
    "superseded": "INTEGER NOT NULL DEFAULT 0",  # a later command asked for the same with another input
    "plan_stamp": "TEXT",  # of no use any more, and never filled
    "plan": "BLOB",  # its content, compressed: last, because a scan that does not ask for it skips its pages
}

CREATE = (
    f"CREATE TABLE items ({', '.join(f'{name} {kind}' for name, kind in (COLUMNS | HOUSEKEEPING).items())})",
    "CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    f"PRAGMA application_id = {APPLICATION}",
    f"PRAGMA user_version = {VERSION}",
)
FIELDS = ", ".join(COLUMNS)
ALL_FIELDS = ", ".join(COLUMNS | HOUSEKEEPING)
INSERT = f"INSERT OR REPLACE INTO items ({ALL_FIELDS}) VALUES ({', '.join('?' * (len(COLUMNS) + len(HOUSEKEEPING)))})"
PLACE = {name: place for place, name in enumerate(COLUMNS | HOUSEKEEPING)}
"""Where a field stands in a row of all fields."""
PLAN_FILE = re.compile(r"plans/[0-9a-z]{2}/[0-9a-z]{1,64}\.plan\.json")
"""What the names of plan files are like: no row of a foreign store writes anywhere else."""


class DamagedError(Exception):
    """A row that is not as it was written."""


def row_of(result: ItemResult) -> tuple[Any, ...]:
    """Values of all fields, in order."""
    values = {name: getattr(result, name) for name in COLUMNS}
    for name in FROM_JSON:
        values[name] = canonical_json(values[name])
    row = tuple(values.values())
    text = result.plan_text if result.plan_file is not None else None
    return (*row, checksum_of(row), 0, None, None if text is None else zlib.compress(text.encode(), 1))


def result_of(row: Sequence[Any], plan_text: str | None = None) -> ItemResult:
    """Make the result of a row: its columns, and behind them the checksum at least.

    Raises
    ------
    DamagedError
        If the columns are not what was written.
    """
    columns = row[: len(COLUMNS)]
    if checksum_of(columns) != row[PLACE["checksum"]]:
        raise DamagedError
    values = dict(zip(COLUMNS, columns, strict=True))
    for name in FROM_JSON:
        values[name] = json.loads(values[name])
    values["reasons"] = tuple(values["reasons"])
    values["trace"] = tuple(tuple(point) for point in values["trace"])
    return ItemResult(**values, plan_text=plan_text)


def plan_of(row: Sequence[Any]) -> bytes | None:
    """Content of the plan file of a row of all fields; None where there is no plan.

    Raises
    ------
    DamagedError
        If anything in the row is not what was written.
    """
    if checksum_of(row[: len(COLUMNS)]) != row[PLACE["checksum"]] or row[PLACE["superseded"]] not in (0, 1):
        raise DamagedError
    packed, digest, file = (row[PLACE[name]] for name in ("plan", "plan_sha256", "plan_file"))
    if packed is None and digest is None:
        return None
    if not PLAN_FILE.fullmatch(str(file)):
        raise DamagedError
    return unpacked(packed, digest)


def unpacked(packed: Any, digest: Any) -> bytes:
    """Content of a plan file.

    Raises
    ------
    DamagedError
        If it is not what was written.
    """
    try:
        content = zlib.decompressobj().decompress(packed, MAX_DOCUMENT_BYTES)
    except (zlib.error, TypeError):
        raise DamagedError from None
    if hashlib.sha256(content).hexdigest() != digest:
        raise DamagedError
    return content


def checksum_of(row: Sequence[Any]) -> str:
    """Tell rows apart that differ in any value: what a flipped bit on the disk would change."""
    # Plain texts, because a hundred thousand rows are looked through before a run goes on.
    text = "\0".join(map(str, row))
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
