"""The store of a run: one SQLite database, the truth, and plan files beside it, which it can write again.

A folder ``RUN`` holds ``run.sqlite``, ``plans/`` and, once a command has ended, the export ``results.csv``. One
process at a time writes; any number may read meanwhile.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Self

from rocoin_opt.batch.database import (
    DATABASE,
    StoreError,
    connected,
    locked,
    opened,
    require_version,
    told,
)
from rocoin_opt.batch.schema import (
    ALL_FIELDS,
    COLUMNS,
    FIELDS,
    INSERT,
    PLACE,
    DamagedError,
    checksum_of,
    plan_of,
    result_of,
    row_of,
    unpacked,
)
from rocoin_opt.errors import MendedWarning, counted
from rocoin_opt.writing import write_bytes

if TYPE_CHECKING:
    import sqlite3
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
            connection = connected(f"{(path / DATABASE).absolute().as_uri()}?mode=ro", uri=True)
            require_version(path, connection)
        return cls(path, connection, None)

    @classmethod
    def writer(cls, folder: str | Path) -> Self:
        """Open the store of a run for writing, and make it where there is none.

        A damaged database is put aside, and begun anew with the rows in front of the damage; the others are not done.

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

    def rows(self, *, superseded: bool = False) -> Iterator[ItemResult]:
        """Yield all results, ordered by instance, method, objective and seed.

        Parameters
        ----------
        superseded : bool
            Whether to yield too what a later command asked for anew, because the instance or an option had changed.

        Raises
        ------
        StoreError
            If a row is damaged.
        """
        where = "" if superseded else "WHERE superseded = 0 "
        with told(self.folder):
            for row in self._connection.execute(f"SELECT {FIELDS}, checksum FROM items {where}ORDER BY {_ORDER}"):
                try:
                    yield result_of(row)
                except DamagedError:
                    raise self._damage(f"item {row[0]}") from None

    def result(self, item: str) -> ItemResult:
        """Return the result of an item that is done, with the text of its plan.

        Raises
        ------
        StoreError
            If it is damaged.
        """
        with told(self.folder):
            (row,) = self._connection.execute(f"SELECT {FIELDS}, checksum FROM items WHERE item = ?", (item,))
            try:
                return result_of(row, self.plan_text(item))
            except DamagedError:
                raise self._damage(f"item {item}") from None

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
        if packed is None and digest is None:
            return None
        try:
            return unpacked(packed, digest).decode()
        except DamagedError:
            raise self._damage(f"the plan of item {item}") from None

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
                if result.plan_file is not None and result.plan_text is not None:
                    self._write_plan(result.plan_file, result.plan_text.encode())
                rows.append(row_of(result))
            # A transaction: all rows or none.
            with self._connection:
                self._connection.executemany(INSERT, rows)

    def finished(self) -> dict[str, str | None]:
        """Say which items are done, once all damage is mended: identity, and the failure of those that failed.

        A row that is not what was written, its plan included, is dropped. A plan file that is missing or of another
        size is written again.
        """
        done: dict[str, str | None] = {}
        damaged: list[tuple[int]] = []
        with told(self.folder):
            sizes = self._plan_sizes()
            for number, *row in self._connection.execute(f"SELECT rowid, {ALL_FIELDS} FROM items"):
                try:
                    plan = plan_of(row)
                except DamagedError:
                    damaged.append((number,))
                    continue
                done[row[PLACE["item"]]] = row[PLACE["failure"]]
                file = row[PLACE["plan_file"]]
                if plan is not None and sizes.get(file) != len(plan):
                    (self.folder / file).unlink(missing_ok=True)
                    self._write_plan(file, plan)
            with self._connection:
                self._connection.executemany("DELETE FROM items WHERE rowid = ?", damaged)
        if damaged:
            message = f"{self.folder}: {counted(len(damaged), 'row')} did not hold; what is asked for is done again"
            warnings.warn(message, MendedWarning, stacklevel=2)
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

    def _write_plan(self, file: str, content: bytes) -> None:
        path = self.folder / file
        path.parent.mkdir(exist_ok=True)
        write_bytes(path, content)

    def _plan_sizes(self) -> dict[str, int]:
        """Size of every plan file: far sooner known than their contents."""
        found = {}
        for part in os.scandir(self.folder / PLANS):
            if part.is_dir(follow_symlinks=False):
                for entry in os.scandir(part):
                    if entry.name.startswith("."):
                        # Half of a plan file: its process was ended while it wrote.
                        Path(entry.path).unlink()
                    elif entry.is_file(follow_symlinks=False):
                        found[f"{PLANS}/{part.name}/{entry.name}"] = entry.stat(follow_symlinks=False).st_size
        return found

    def _damage(self, what: str) -> StoreError:
        return StoreError(f"{self.folder}: {what} is damaged; the batch command does it again")
