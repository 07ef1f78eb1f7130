"""The database file of a run: locked, opened, checked, begun anew, and its faults told in one way."""

from __future__ import annotations

import errno
import sqlite3
import warnings
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from rocoin_opt.batch.schema import (
    ALL_FIELDS,
    APPLICATION,
    CREATE,
    INSERT,
    PLACE,
    VERSION,
    DamagedError,
    plan_of,
)
from rocoin_opt.errors import InputError, MendedWarning, RocoinError, counted
from rocoin_opt.provenance import versions

if TYPE_CHECKING:
    from collections.abc import Iterator

DATABASE = "run.sqlite"
LOCK = "lock.sqlite"
ASIDE = f"damaged-{DATABASE}"
NETWORK = ("nfs", "cifs", "smb", "9p", "afs", "ceph", "lustre", "gpfs", "beegfs", "gluster", "fuse.")
"""How the names of file systems begin that other computers may see, or that cannot share memory."""


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
    # SQLite's own words are no text where they quote what is damaged.
    except (OSError, sqlite3.Error, InputError, UnicodeDecodeError) as error:
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


def connected(database: str | Path, **options: Any) -> sqlite3.Connection:
    """Open a database whose texts can be looked at even where they are damaged."""
    connection: sqlite3.Connection = sqlite3.connect(database, **options)
    connection.text_factory = _text
    return connection


def opened(folder: Path) -> sqlite3.Connection:
    """Open a database for writing; where it is damaged, begin a new one with the rows that can still be read."""
    connection = connected(folder / DATABASE)
    try:
        if not _is_sound(folder, connection):
            connection.close()
            connection = _begun_anew(folder)
        _prepare(folder, connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _text(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")


def _is_sound(folder: Path, connection: sqlite3.Connection) -> bool:
    """Whether the file is a database whose pages fit together, its indices too; one of another version is refused."""
    try:
        if not _is_new(connection):
            require_version(folder, connection)
            if [name for _, name, *_ in connection.execute("PRAGMA table_info(items)")] != list(PLACE):
                return False
        return bool(connection.execute("PRAGMA integrity_check(1)").fetchone() == ("ok",))
    except UnicodeDecodeError:
        return False
    except sqlite3.DatabaseError as error:
        # The last stands for a format of files or a definition of a table that SQLite cannot understand.
        if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR):
            return False
        raise


def _begun_anew(folder: Path) -> sqlite3.Connection:
    """Put a damaged database aside, and make a new one of the rows that can still be read."""
    for suffix in ("", "-wal", "-shm"):
        source, aside = folder / (DATABASE + suffix), folder / f"{ASIDE}{suffix}"
        aside.unlink(missing_ok=True)
        if source.exists():
            source.replace(aside)
    connection = connected(folder / DATABASE)
    _prepare(folder, connection)
    with closing(connected(folder / ASIDE)) as damaged, connection:
        kept = connection.executemany(INSERT, _readable(damaged)).rowcount
    message = f"{folder}: {DATABASE} was damaged, and lies aside as {ASIDE}; {counted(max(kept, 0), 'row')} of it go on"
    warnings.warn(message, MendedWarning, stacklevel=2)
    return connection


def _readable(damaged: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """Yield the sound rows in front of the first damaged page; what lies behind it is done again."""
    with suppress(sqlite3.DatabaseError, UnicodeDecodeError):
        for row in damaged.execute(f"SELECT {ALL_FIELDS} FROM items NOT INDEXED"):
            with suppress(DamagedError):
                plan_of(row)
                yield row


def _is_new(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,))


def _prepare(folder: Path, connection: sqlite3.Connection) -> None:
    """Choose how to write, and make the tables of a new database."""
    # The log that lets others read meanwhile is shared through memory, which computers do not share. Where SQLite
    # itself finds that it cannot have one, it stays with the other mode.
    connection.execute(f"PRAGMA journal_mode = {'DELETE' if _is_on_network(folder) else 'WAL'}")
    # Grouped commits make this cheap, and what was told as done survives a power cut.
    connection.execute("PRAGMA synchronous = FULL")
    if _is_new(connection):
        with connection:
            connection.execute("BEGIN")
            for statement in CREATE:
                connection.execute(statement)
            connection.execute("INSERT INTO facts VALUES ('made by', ?)", (f"rocoin-opt {versions()['rocoin-opt']}",))


def _is_on_network(folder: Path) -> bool:
    """Whether the file system of a folder says that it is one of other computers, as far as the system tells."""
    path = folder.resolve()
    try:
        mounts = psutil.disk_partitions(all=True)
    except OSError:
        return False
    above = [mount for mount in mounts if path.is_relative_to(mount.mountpoint)]
    kind = max(above, key=lambda mount: len(Path(mount.mountpoint).parts)).fstype if above else ""
    return kind.startswith(NETWORK)


def require_version(folder: Path, connection: sqlite3.Connection) -> None:
    """Refuse a database that is not one of a run, or of another version of its tables."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION:
        raise StoreError(f"{folder}: {DATABASE} is no database of a run; where it was one, move it away to begin anew")
    if version != VERSION:
        raise StoreError(
            f"{folder}: a run of format {version}, and this version of rocoin-opt reads format {VERSION}; "
            "take another folder, or the version that made it"
        )
