"""The database file of a run: locked, opened, checked, begun anew where it is damaged, and its errors translated."""

from __future__ import annotations

import errno
import sqlite3
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from rocoin_opt.batch.schema import ALL_FIELDS, APPLICATION, CREATE, VERSION, DamagedError
from rocoin_opt.errors import MendedWarning, RocoinError
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
def translated_errors(folder: Path) -> Iterator[None]:
    """Translate what the disk and SQLite say into one clear error."""
    try:
        yield
    except (sqlite3.ProgrammingError, sqlite3.InterfaceError):
        # A defect here, nothing that the disk did.
        raise
    except DamagedError as error:
        raise StoreError(f"{folder}: item {error} is damaged; the batch command does it again") from None
    # SQLite's own words are no text where they quote what is damaged.
    except (OSError, sqlite3.Error, UnicodeDecodeError) as error:
        if isinstance(error, sqlite3.Error):
            # SQLite says less than the system where a limit on file sizes ends a write.
            is_full = _code_of(error) in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
        else:
            is_full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        hint = "; what was written before is safe, and the same command continues the run" if is_full else ""
        raise StoreError(f"{folder}: {error}{hint}") from None


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
    connection.row_factory = sqlite3.Row
    connection.text_factory = lambda content: content.decode("utf-8", "surrogateescape")
    return connection


def opened(folder: Path) -> sqlite3.Connection:
    """Open a database for writing; one that is damaged is put aside, and a new one begun."""
    connection = connected(folder / DATABASE)
    try:
        if not _is_sound(folder, connection):
            connection.close()
            for suffix in ("", "-wal", "-shm"):
                (folder / f"{ASIDE}{suffix}").unlink(missing_ok=True)
                if (file := folder / f"{DATABASE}{suffix}").exists():
                    file.replace(folder / f"{ASIDE}{suffix}")
            message = f"{folder}: {DATABASE} was damaged, and lies aside as {ASIDE}; what is asked for is done again"
            warnings.warn(message, MendedWarning, stacklevel=2)
            connection = connected(folder / DATABASE)
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
                made_by = f"rocoin-opt {versions()['rocoin-opt']}"
                connection.execute("INSERT INTO facts VALUES ('made by', ?)", (made_by,))
    except BaseException:
        connection.close()
        raise
    return connection


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


def _code_of(error: sqlite3.Error) -> int:
    """Primary code of an error; 0 where it has none."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _is_new(connection: sqlite3.Connection) -> bool:
    return not any(connection.execute("SELECT count(*) FROM sqlite_schema").fetchone())


def _is_sound(folder: Path, connection: sqlite3.Connection) -> bool:
    """Whether the file is a database whose pages fit together, its indices too; one of another version is refused."""
    try:
        if not _is_new(connection):
            require_version(folder, connection)
            connection.execute(f"SELECT {ALL_FIELDS} FROM items LIMIT 0")
        (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    except UnicodeDecodeError:
        return False
    except sqlite3.DatabaseError as error:
        # The last stands for a format of files or a definition of a table that SQLite cannot understand.
        if _code_of(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR):
            return False
        raise
    return bool(verdict == "ok")


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
