"""The store of a run: one SQLite database, the truth, and plan files beside it, which it can write again.

A folder ``RUN`` holds ``run.sqlite``, ``plans/`` and, once a command has ended, the export ``results.csv``. One
process at a time writes; any number may read meanwhile.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import zlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from rocoin_opt.batch.database import (
    DATABASE,
    StoreError,
    locked,
    opened,
    require_version,
    told,
)
from rocoin_opt.batch.schema import COLUMNS, FIELDS, INSERT, checksum_of, result_of, row_of
from rocoin_opt.documents import write_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

    from rocoin_opt.batch.results import ItemResult

PLANS = "plans"

_ORDER = "instance, path, method, objective, seed, options, item"


class Store:
    """Results of a run; use as a context manager.

    Open one by :meth:`open` or :meth:`writer`.
    """

    def __init__(self, folder: Path, connection: sqlite3.Connection, lock: sqlite3.Connection | None) -> None:
        self.folder = folder
        self._connection = connection
        self._lock = lock

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """Open the store of a run for reading, while it is being written too.

        Parameters
        ----------
        folder : str or Path
            The folder of the run.

        Raises
        ------
        StoreError
            If there is no run, or one of another version, or it cannot be read.
        """
        path = Path(folder)
        if not (path / DATABASE).is_file():
            raise StoreError(f"{path}: no run, which has a file {DATABASE}")
        with told(path):
            connection = sqlite3.connect(f"{(path / DATABASE).absolute().as_uri()}?mode=ro", uri=True)
            require_version(path, connection)
        return cls(path, connection, None)

    @classmethod
    def writer(cls, folder: str | Path) -> Self:
        """Open the store of a run for writing, and make it where there is none.

        What can still be read of a damaged database is saved; the rest counts as not done.

        Raises
        ------
        StoreError
            If another process writes to it, it is of another version, or it cannot be written.
        """
        path = Path(folder)
        with told(path):
            (path / PLANS).mkdir(parents=True, exist_ok=True)
            lock = locked(path)
            try:
                connection = opened(path)
            except BaseException:
                lock.close()
                raise
        return cls(path, connection, lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the files go; what was not committed is lost."""
        self._connection.close()
        if self._lock is not None:
            self._lock.close()

    def rows(self, *, superseded: bool = False, damaged: bool = False) -> Iterator[ItemResult]:
        """Yield all results, ordered by instance, method, objective and seed.

        Parameters
        ----------
        superseded : bool
            Whether to yield too what a later command asked for anew, because the instance or an option had changed.
        damaged : bool
            Whether to pass over rows whose checksum fails, instead of refusing.

        Raises
        ------
        StoreError
            If a row is damaged.
        """
        where = "" if superseded else "WHERE superseded = 0 "
        with told(self.folder):
            for *row, checksum in self._connection.execute(
                f"SELECT {FIELDS}, checksum FROM items {where}ORDER BY {_ORDER}"
            ):
                if checksum_of(row) == checksum:
                    yield result_of(row)
                elif not damaged:
                    raise StoreError(f"{self.folder}: item {row[0]} is damaged; the batch command does it again")

    def result(self, item: str) -> ItemResult:
        """Return the result of an item that is done, with the text of its plan.

        Raises
        ------
        StoreError
            If it is damaged.
        """
        with told(self.folder):
            (row,) = self._connection.execute(f"SELECT {FIELDS} FROM items WHERE item = ?", (item,))
            return result_of(row, self.plan_text(item))

    def plan_text(self, item: str) -> str | None:
        """Content of an item's plan file as it was found; None where there is no such item or no plan.

        Raises
        ------
        StoreError
            If it is damaged.
        """
        with told(self.folder):
            query = "SELECT plan, plan_sha256 FROM items WHERE item = ?"
            packed, digest = self._connection.execute(query, (item,)).fetchone() or (None, None)
        if packed is None:
            return None
        content = _unpacked(packed, digest)
        if content is None:
            raise StoreError(f"{self.folder}: the plan of item {item} is damaged; the batch command finds it again")
        return content.decode()

    def add(self, results: Iterable[ItemResult]) -> None:
        """Write results and their plan files; they are safe once this returns.

        Raises
        ------
        StoreError
            If they cannot be written: none of them counts as done then.
        """
        with told(self.folder):
            rows = []
            for result in results:
                row = row_of(result)
                stamp, packed = None, None
                if result.plan_file is not None and result.plan_text is not None:
                    content = result.plan_text.encode()
                    stamp = self._write_plan(result.plan_file, content)
                    packed = zlib.compress(content, 1)
                rows.append((*row, checksum_of(row), 0, stamp, packed))
            # A transaction: all rows or none.
            with self._connection:
                self._connection.executemany(INSERT, rows)

    def finished(self) -> dict[str, str | None]:
        """Say which items are done, once all damage is mended: identity, and the failure of those that failed.

        A row whose checksum fails is dropped. A plan file that is missing or is not what was written is written
        again from the database.
        """
        done: dict[str, str | None] = {}
        damaged: list[tuple[str]] = []
        with told(self.folder):
            query = f"SELECT {FIELDS}, checksum, plan_stamp FROM items"
            where = {name: position for position, name in enumerate(COLUMNS)}
            suspect = []
            stamps = self._stamps()
            for *row, checksum, stamp in self._connection.execute(query):
                item, file = row[0], row[where["plan_file"]]
                if checksum_of(row) != checksum:
                    damaged.append((item,))
                    continue
                if file is not None and stamps.get(file) != stamp:
                    suspect.append((item, file))
                done[item] = row[where["failure"]]
            for item, file in suspect:
                if not self._mended(item, file):
                    damaged.append((item,))
                    del done[item]
            with self._connection:
                self._connection.executemany("DELETE FROM items WHERE item IS ?", damaged)
        return done

    def supersede(self, wanted: Iterable[tuple[str, str, str, str, str, int]]) -> None:
        """Mark what the present items replace: for the same method, objective and seed, and the same file or content.

        Results of a file that was moved are told to lie where it lies now.

        Parameters
        ----------
        wanted : iterable of (item, path, fingerprint, method, objective, seed)
            All present items. Those that are done count again, should they have been replaced before.
        """
        asked = list(wanted)
        paths = {item: path for item, path, *_ in asked}
        with told(self.folder), self._connection:
            rows = self._connection.execute("SELECT item, path, superseded FROM items").fetchall()
            self._move((item, paths[item]) for item, path, _ in rows if paths.get(item, path) != path)
            if all((item in paths) != superseded for item, _, superseded in rows):
                # Every row stands as it should, as it mostly does.
                return
            self._connection.execute(
                "CREATE TEMP TABLE wanted "
                "(item TEXT PRIMARY KEY, path TEXT, fingerprint TEXT, method TEXT, objective TEXT, seed INTEGER)"
            )
            self._connection.executemany("INSERT OR IGNORE INTO wanted VALUES (?, ?, ?, ?, ?, ?)", asked)
            # By content too: a file that was moved is still the same instance.
            for same in ("path", "fingerprint"):
                self._connection.execute(f"CREATE INDEX temp.by_{same} ON wanted ({same}, method, objective, seed)")
                self._connection.execute(
                    "UPDATE items SET superseded = 1 WHERE superseded = 0 AND item NOT IN (SELECT item FROM wanted) "
                    f"AND EXISTS (SELECT 1 FROM wanted AS w WHERE w.{same} = items.{same} "
                    "AND w.method = items.method AND w.objective = items.objective AND w.seed = items.seed)"
                )
            self._connection.execute(
                "UPDATE items SET superseded = 0 WHERE superseded = 1 AND item IN (SELECT item FROM wanted)"
            )
            self._connection.execute("DROP TABLE wanted")

    def _move(self, moved: Iterable[tuple[str, str]]) -> None:
        """Write where the files of items lie now."""
        where = list(COLUMNS).index("path")
        for item, path in moved:
            (row,) = self._connection.execute(f"SELECT {FIELDS} FROM items WHERE item = ?", (item,))
            anew = (*row[:where], path, *row[where + 1 :])
            self._connection.execute(
                "UPDATE items SET path = ?, checksum = ? WHERE item = ?", (path, checksum_of(anew), item)
            )

    def _write_plan(self, file: str, content: bytes) -> str:
        path = self.folder / file
        path.parent.mkdir(exist_ok=True)
        write_bytes(path, content)
        return _stamp(path.stat())

    def _stamps(self) -> dict[str, str]:
        """Size and time of every plan file: far sooner known than their contents."""
        found = {}
        for part in os.scandir(self.folder / PLANS):
            if part.is_dir(follow_symlinks=False):
                for entry in os.scandir(part):
                    if entry.name.startswith("."):
                        # Half of a plan file: its process was ended while it wrote.
                        Path(entry.path).unlink()
                        continue
                    found[f"{PLANS}/{part.name}/{entry.name}"] = _stamp(entry.stat(follow_symlinks=False))
        return found

    def _mended(self, item: str, file: str) -> bool:
        """Whether a plan file is what was written, or could be made so."""
        query = "SELECT plan, plan_sha256 FROM items WHERE item IS ?"
        packed, digest = self._connection.execute(query, (item,)).fetchone()
        path = self.folder / file
        stamp = None
        with suppress(OSError):
            if not path.is_symlink() and hashlib.sha256(path.read_bytes()).hexdigest() == digest:
                stamp = _stamp(path.stat())
        if stamp is None:
            content = _unpacked(packed, digest)
            if content is None:
                return False
            path.unlink(missing_ok=True)
            stamp = self._write_plan(file, content)
        with self._connection:
            self._connection.execute("UPDATE items SET plan_stamp = ? WHERE item IS ?", (stamp, item))
        return True


def _stamp(status: os.stat_result) -> str:
    return f"{status.st_size}:{status.st_mtime_ns}"


def _unpacked(packed: Any, digest: Any) -> bytes | None:
    try:
        content = zlib.decompress(packed)
    except (zlib.error, TypeError):
        return None
    return content if hashlib.sha256(content).hexdigest() == digest else None
