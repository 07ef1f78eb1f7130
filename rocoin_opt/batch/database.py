"""The database file of a run: locked, opened, checked, rescued, and its faults told in one way."""

from __future__ import annotations

import errno
import sqlite3
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from rocoin_opt.batch.schema import APPLICATION, COLUMNS, CREATE, FIELDS, HOUSEKEEPING, INSERT, VERSION, checksum_of
from rocoin_opt.errors import InputError, RocoinError
from rocoin_opt.provenance import versions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DATABASE = "run.sqlite"
LOCK = "lock.sqlite"


class StoreError(RocoinError):
    """The folder of a run cannot be used: another process has it, it is of another version, damaged, or full."""


@contextmanager
def told(folder: Path) -> Iterator[None]:
    """Translate what the disk and SQLite say into one clear error."""
    try:
        yield
    except (sqlite3.ProgrammingError, sqlite3.InterfaceError):
        # A defect here, nothing that the disk did.
        raise
    except (OSError, sqlite3.Error, InputError) as error:
        hint = "; what was written before is safe, and the same command continues the run" if _is_full(error) else ""
        raise StoreError(f"{folder}: {error}{hint}") from None


def _is_full(error: BaseException) -> bool:
    """Whether there is no room left, so that the run can go on once there is."""
    if isinstance(error, sqlite3.Error):
        # SQLite says less than the system where a limit on file sizes ends a write.
        return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
    if isinstance(error, InputError) and error.__context__ is not None:
        # A plan file that could not be written.
        return _is_full(error.__context__)
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def locked(folder: Path) -> sqlite3.Connection:
    """Keep other writers out for as long as the connection, or this process, lives."""
    lock = sqlite3.connect(folder / LOCK, timeout=0.0, isolation_level=None)
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        lock.close()
        if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            raise StoreError(f"{folder}: another process is at work on this run") from None
        raise
    return lock


def opened(folder: Path) -> sqlite3.Connection:
    """Open a database for writing, and make it anew of what can be read where it is damaged."""
    connection = sqlite3.connect(folder / DATABASE)
    try:
        if not _is_sound(connection):
            connection = _rescued(folder, connection)
        _prepare(folder, connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _is_sound(connection: sqlite3.Connection) -> bool:
    """Whether the file is a database whose pages fit together."""
    try:
        return bool(connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return False
        raise


def _rescued(folder: Path, damaged: sqlite3.Connection) -> sqlite3.Connection:
    """Put a damaged database aside, and make a new one of the rows that can still be read."""
    rows: dict[Any, Any] = {}
    names = f"{FIELDS}, {', '.join(HOUSEKEEPING)}"
    # From both ends: a damaged page stops a scan, and rarely is there more than one.
    for direction in ("ASC", "DESC"):
        with suppress(sqlite3.DatabaseError):
            for row in damaged.execute(f"SELECT {names} FROM items ORDER BY rowid {direction}"):
                if checksum_of(row[: len(COLUMNS)]) == row[len(COLUMNS)]:
                    rows[row[0]] = row
    damaged.close()
    for suffix in ("", "-wal", "-shm"):
        source = folder / (DATABASE + suffix)
        if source.exists():
            source.replace(folder / f"damaged-{DATABASE}{suffix}")
    connection = sqlite3.connect(folder / DATABASE)
    _prepare(folder, connection)
    with connection:
        connection.executemany(INSERT, rows.values())
    return connection


def _prepare(folder: Path, connection: sqlite3.Connection) -> None:
    """Make the tables of a new database, and refuse one of another version."""
    is_new = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,)
    if not is_new:
        require_version(folder, connection)
    connection.execute("PRAGMA journal_mode = WAL")
    # Grouped commits make this cheap, and what was told as done survives a power cut.
    connection.execute("PRAGMA synchronous = FULL")
    if is_new:
        with connection:
            connection.execute("BEGIN")
            for statement in CREATE:
                connection.execute(statement)
            connection.execute("INSERT INTO facts VALUES ('made by', ?)", (f"rocoin-opt {versions()['rocoin-opt']}",))


def require_version(folder: Path, connection: sqlite3.Connection) -> None:
    """Refuse a database that is not one of a run, or of another version of its tables."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION:
        raise StoreError(f"{folder}: {DATABASE} is no database of a run")
    if version != VERSION:
        raise StoreError(
            f"{folder}: a run of format {version}, and this version of rocoin-opt reads format {VERSION}; "
            "take another folder, or the version that made it"
        )
