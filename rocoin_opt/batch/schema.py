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
    from sqlite3 import Row

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
    "plan_stamp": "TEXT",  # what was mended in the instance, as JSON; the name is that of the first stores
    "plan": "BLOB",  # its content, compressed: last, because a scan that does not ask for it skips its pages
}

CREATE = (
    f"CREATE TABLE items ({', '.join(f'{name} {kind}' for name, kind in (COLUMNS | HOUSEKEEPING).items())})",
    "CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    f"PRAGMA application_id = {APPLICATION}",
    f"PRAGMA user_version = {VERSION}",
)
ALL_FIELDS = ", ".join(COLUMNS | HOUSEKEEPING)
FIELDS = ALL_FIELDS.removesuffix(", plan")
INSERT = f"INSERT OR REPLACE INTO items ({ALL_FIELDS}) VALUES ({', '.join('?' * (len(COLUMNS) + len(HOUSEKEEPING)))})"
PLAN_FILE = re.compile(r"plans/[0-9a-z]{2}/[0-9a-z]{1,64}\.plan\.json")
"""What the names of plan files are like: no row of a foreign store writes anywhere else."""


class DamagedError(Exception):
    """A row that is not as it was written; its argument is the item."""


def row_of(result: ItemResult) -> tuple[Any, ...]:
    """Values of all fields, in order."""
    values = {name: getattr(result, name) for name in COLUMNS}
    columns = [canonical_json(value) if name in FROM_JSON else value for name, value in values.items()]
    mended = canonical_json(result.mended) if result.mended else None
    text = result.plan_text if result.plan_file is not None else None
    plan = None if text is None else zlib.compress(text.encode(), 1)
    return (*columns, checksum_of(columns, mended), 0, mended, plan)


def result_of(row: Row, plan_text: str | None = None) -> ItemResult:
    """Make the result of a row, whether or not it has its plan; DamagedError where it is not what was written."""
    _require_sound(row)
    values = {name: json.loads(row[name]) if name in FROM_JSON else row[name] for name in COLUMNS}
    values["reasons"] = tuple(values["reasons"])
    values["trace"] = tuple(tuple(point) for point in values["trace"])
    return ItemResult(**values, mended=tuple(json.loads(row["plan_stamp"] or "[]")), plan_text=plan_text)


def plan_of(row: Row) -> bytes | None:
    """Content of a row's plan file, None where there is none; DamagedError where it is not what was written."""
    _require_sound(row)
    packed, digest = row["plan"], row["plan_sha256"]
    if packed is None and digest is None:
        return None
    try:
        content = zlib.decompressobj().decompress(packed, MAX_DOCUMENT_BYTES)
    except (zlib.error, TypeError):
        raise DamagedError(row["item"]) from None
    if hashlib.sha256(content).hexdigest() != digest or not PLAN_FILE.fullmatch(str(row["plan_file"])):
        raise DamagedError(row["item"])
    return content


def _require_sound(row: Row) -> None:
    expected = checksum_of(list(row[: len(COLUMNS)]), row["plan_stamp"])
    if row["checksum"] != expected or row["superseded"] not in (0, 1):
        raise DamagedError(row["item"])


def checksum_of(columns: list[Any], mended: str | None) -> str:
    """Tell rows apart that differ in any value: what a flipped bit on the disk would change."""
    # Plain texts, because a hundred thousand rows are looked through before a run goes on.
    text = "\0".join(map(str, columns if mended is None else [*columns, mended]))
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
