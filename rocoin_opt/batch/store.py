"""The store of a run: one SQLite database, the truth, and plan files beside it, which it can write again.

A folder ``RUN`` holds ``run.sqlite``, ``plans/`` and, once a command has ended, the export ``results.csv``. One
process at a time writes; any number may read meanwhile.
"""

from __future__ import annotations

import stat
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
    translated_errors,
)
from rocoin_opt.batch.schema import (
    ALL_FIELDS,
    COLUMNS,
    FIELDS,
    INSERT,
    DamagedError,
    checksum_of,
    plan_of,
    result_of,
    row_of,
)
from rocoin_opt.errors import MendedWarning
from rocoin_opt.wording import counted

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

        Raises
        ------
        StoreError
            If there is no run, or one of another version, or it cannot be read.
        """
        path = Path(folder)
        if not (path / DATABASE).is_file():
            raise StoreError(f"{path}: no run, which has a file {DATABASE}")
        with translated_errors(path):
            connection = connected(f"{(path / DATABASE).absolute().as_uri()}?mode=ro", uri=True)
            require_version(path, connection)
        return cls(path, connection, None)

    @classmethod
    def writer(cls, folder: str | Path) -> Self:
        """Open the store of a run for writing, and create it if there is none.

        A damaged database is put aside, and a new one begun, in which nothing is done.

        Raises
        ------
        StoreError
            If another process writes to it, it is of another version, or it cannot be written.
        """
        path = Path(folder)
        with translated_errors(path):
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
        """Close the files; what was not committed is lost."""
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
        with translated_errors(self.folder):
            yield from map(result_of, self._connection.execute(f"SELECT {FIELDS} FROM items {where}ORDER BY {_ORDER}"))

    def result(self, item: str) -> ItemResult:
        """Return the result of an item that is done, with the text of its plan; see :meth:`plan_text`."""
        with translated_errors(self.folder):
            (row,) = self._rows_of(item)
            plan = plan_of(row)
            return result_of(row, None if plan is None else plan.decode())

    def plan_text(self, item: str) -> str | None:
        """Content of an item's plan file; None if there is no such item or no plan.

        Raises
        ------
        StoreError
            If it is damaged.
        """
        with translated_errors(self.folder):
            plan = next(map(plan_of, self._rows_of(item)), None)
            return None if plan is None else plan.decode()

    def add(self, results: Iterable[ItemResult]) -> None:
        """Write results and their plan files; they are safe once this returns.

        Raises
        ------
        StoreError
            If they cannot be written: none of them counts as done then.
        """
        with translated_errors(self.folder):
            rows = []
            for result in results:
                if result.plan_file is not None and result.plan_text is not None:
                    self._write_plan(result.plan_file, result.plan_text.encode())
                rows.append(row_of(result))
            # A transaction: all rows or none.
            with self._connection:
                self._connection.executemany(INSERT, rows)

    def finished(self) -> dict[str, str | None]:
        """Return which items are done, after repairing damage: identity, and the failure of those that failed.

        A row that is not what was written, its plan included, is dropped. A plan file that is missing or of another
        size is written again.
        """
        done: dict[str, str | None] = {}
        damaged: list[tuple[int]] = []
        with translated_errors(self.folder):
            for row in self._connection.execute(f"SELECT {ALL_FIELDS}, rowid FROM items"):
                try:
                    plan = plan_of(row)
                except DamagedError:
                    damaged.append((row["rowid"],))
                    continue
                done[row["item"]] = row["failure"]
                if plan is not None and not _is_file(self.folder / row["plan_file"], len(plan)):
                    self._write_plan(row["plan_file"], plan)
            with self._connection:
                self._connection.executemany("DELETE FROM items WHERE rowid = ?", damaged)
        if damaged:
            message = f"{self.folder}: {counted(len(damaged), 'row')} did not hold; what is asked for is done again"
            warnings.warn(message, MendedWarning, stacklevel=2)
        return done

    def supersede(self, wanted: Iterable[tuple[str, str, str, str, str, int]]) -> None:
        """Mark the results that the present items replace: same method, objective and seed, and same file or content.

        Results of a file that was moved are told to lie where it lies now.

        Parameters
        ----------
        wanted : iterable of (item, path, fingerprint, method, objective, seed)
            All present items. Those that are done count again, should they have been replaced before.
        """
        paths: dict[str, str] = {}
        same: set[str] = set()
        asked = set()
        for item, path, fingerprint, *combination in wanted:
            paths[item] = path
            # By content too: a file that was moved is still the same instance.
            same.update((path, fingerprint))
            asked.add(tuple(combination))
        with translated_errors(self.folder), self._connection:
            for item, path, superseded in self._connection.execute(
                "SELECT item, path, superseded FROM items"
            ).fetchall():
                state = int(item not in paths and (superseded or self._is_replaced(item, same, asked)))
                if state != superseded:
                    self._connection.execute("UPDATE items SET superseded = ? WHERE item = ?", (state, item))
                if (now := paths.get(item, path)) != path:
                    (row,) = self._rows_of(item)
                    columns = [now if name == "path" else row[name] for name in COLUMNS]
                    checksum = checksum_of(columns, row["plan_stamp"])
                    statement = "UPDATE items SET path = ?, checksum = ? WHERE item = ?"
                    self._connection.execute(statement, (now, checksum, item))

    def _is_replaced(self, item: str, same: set[str], asked: set[tuple[object, ...]]) -> bool:
        query = "SELECT path, fingerprint, method, objective, seed FROM items WHERE item = ?"
        path, fingerprint, *combination = self._connection.execute(query, (item,)).fetchone()
        return tuple(combination) in asked and not same.isdisjoint((path, fingerprint))

    def _rows_of(self, item: str) -> list[sqlite3.Row]:
        return self._connection.execute(f"SELECT {ALL_FIELDS} FROM items WHERE item = ?", (item,)).fetchall()

    def _write_plan(self, file: str, content: bytes) -> None:
        path = self.folder / file
        path.parent.mkdir(exist_ok=True)
        # What stands there is replaced, never written into: it may be a link. Half a file is written again.
        path.unlink(missing_ok=True)
        path.write_bytes(content)


def _is_file(path: Path, size: int) -> bool:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size == size
