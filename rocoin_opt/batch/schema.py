"""Tables of a run's database, and how a result becomes a row and a row a result."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from rocoin_opt.batch.results import ItemResult
from rocoin_opt.documents import canonical_json

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
    "plan_stamp": "TEXT",  # size and time of the plan file as it was written
    "plan": "BLOB",  # its content, compressed: last, because a scan that does not ask for it skips its pages
}

CREATE = (
    f"CREATE TABLE items ({', '.join(f'{name} {kind}' for name, kind in (COLUMNS | HOUSEKEEPING).items())})",
    "CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    f"PRAGMA application_id = {APPLICATION}",
    f"PRAGMA user_version = {VERSION}",
)
FIELDS = ", ".join(COLUMNS)
INSERT = (
    f"INSERT OR REPLACE INTO items ({FIELDS}, {', '.join(HOUSEKEEPING)}) "
    f"VALUES ({', '.join('?' * (len(COLUMNS) + len(HOUSEKEEPING)))})"
)


def row_of(result: ItemResult) -> tuple[Any, ...]:
    """Values of the columns, in order."""
    values = {name: getattr(result, name) for name in COLUMNS}
    for name in FROM_JSON:
        values[name] = canonical_json(values[name])
    return tuple(values.values())


def result_of(row: Sequence[Any], plan_text: str | None = None) -> ItemResult:
    """Make the result of a row whose checksum holds."""
    values = dict(zip(COLUMNS, row, strict=True))
    for name in FROM_JSON:
        values[name] = json.loads(values[name])
    values["reasons"] = tuple(values["reasons"])
    values["trace"] = tuple(tuple(point) for point in values["trace"])
    return ItemResult(**values, plan_text=plan_text)


def checksum_of(row: Sequence[Any]) -> str:
    """Tell rows apart that differ in any value: what a flipped bit on the disk would change."""
    # Plain texts, because a hundred thousand rows are looked through before a run goes on.
    return hashlib.blake2b("\0".join(map(str, row)).encode(), digest_size=16).hexdigest()
