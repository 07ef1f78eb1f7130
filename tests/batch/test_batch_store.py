"""The store: what is written comes back, damage is found and mended, and one process writes at a time."""

from __future__ import annotations

import errno
import sqlite3
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

import rocoin_opt as ro
from rocoin_opt.batch.database import DATABASE, StoreError
from rocoin_opt.batch.results import ItemResult
from rocoin_opt.batch.schema import row_of
from rocoin_opt.batch.store import Store

TEXT = "the plan\n"
mended = pytest.mark.filterwarnings("ignore::rocoin_opt.MendedWarning")


def result(number: int, *, plan: bool = True, **changes: object) -> ItemResult:
    import hashlib

    item = f"{number:032x}"
    made = ItemResult(
        item=item,
        instance=f"instance-{number % 3}",
        path=f"/somewhere/{number}.json",
        fingerprint="f" * 64,
        method="greedy",
        objective="guaranteed",
        seed=number,
        options={"gap": 0.0, "time_limit": None},
        termination="feasible",
        objective_value=0.1 * number,
        lower_bound=None,
        gap=None,
        wall_seconds=1.0,
        reasons=("one", "zwei ü"),
        failure=None,
        error=None,
        attempts=1,
        versions={"rocoin-opt": "0.1.0"},
        cores=2,
        trace=((0.0, None, None), (1.0, 0.5, 0.25)),
        plan_file=f"plans/{item[:2]}/{item}.plan.json" if plan else None,
        plan_sha256=hashlib.sha256(TEXT.encode()).hexdigest() if plan else None,
        plan_text=TEXT if plan else None,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run of four items, the last of which failed."""
    with Store.writer(tmp_path / "run") as store:
        store.add([result(number) for number in range(3)])
        store.add([result(3, plan=False, termination=None, failure="time", error="too long", cores=None)])
    return tmp_path / "run"


def item_of(stored: ItemResult) -> tuple[str, str, str, str, str, int]:
    return stored.item, stored.path, stored.fingerprint, stored.method, stored.objective, stored.seed


def execute(folder: Path, statement: str, *values: object) -> None:
    connection = sqlite3.connect(folder / DATABASE)
    with connection:
        connection.execute(statement, values)
    connection.close()


def test_what_was_added_comes_back_in_order(folder: Path) -> None:
    with Store.open(folder) as store:
        rows = list(store.rows())
        assert [row.seed for row in rows] == [0, 3, 1, 2]
        assert rows[0] == result(0)
        assert rows[1].failure == "time"
        assert store.plan_text(rows[0].item) == TEXT
        assert store.plan_text(rows[1].item) is None
        assert store.plan_text("nothing") is None
        assert store.result(rows[0].item).plan_text == TEXT
    assert (folder / rows[0].plan_file).read_text() == TEXT  # type: ignore[operator]


def test_a_run_is_read_while_it_is_written(folder: Path) -> None:
    with Store.writer(folder) as writer, Store.open(folder) as reader:
        writer.add([result(9)])
        assert len(list(reader.rows())) == 5


def test_finished_names_failures(folder: Path) -> None:
    with Store.writer(folder) as store:
        assert store.finished() == {result(n).item: "time" if n == 3 else None for n in range(4)}


NO_TEXT = "CAST(x'66ff6f' AS TEXT)"
DAMAGED = [
    *((column, "12") for column in ("objective_value", "options", "trace", "checksum", "plan_sha256", "plan_stamp")),
    *((column, NO_TEXT) for column in ("instance", "plan_sha256", "method", "item", "options", "plan_stamp")),
    # What would hide the row.
    ("superseded", "5"),
    *(("plan", value) for value in ("x'00'", "NULL", "12", "'text'", "zeroblob(9)")),
]


@pytest.mark.parametrize(("column", "value"), DAMAGED)
def test_a_damaged_row_is_refused_and_then_done_again(folder: Path, column: str, value: str) -> None:
    execute(folder, f"UPDATE items SET {column} = {value} WHERE seed = 1")
    with Store.open(folder) as store, pytest.raises(StoreError, match="is damaged; the batch command does it again"):
        # The last reads its plan.
        assert [*store.rows(superseded=True), store.result(result(1).item)]
    with Store.writer(folder) as store:
        with pytest.warns(ro.MendedWarning, match="1 row did not hold"):
            assert result(1).item not in store.finished()
        assert len(list(store.rows())) == 3
        store.add([result(1)])
        assert store.result(result(1).item) == result(1)
        assert store.plan_text(result(1).item) == TEXT


@pytest.mark.parametrize("harm", ["missing", "longer", "linked", "truncated"])
def test_a_damaged_plan_file_is_written_again(folder: Path, harm: str, tmp_path: Path) -> None:
    file = folder / str(result(1).plan_file)
    if harm == "missing":
        file.unlink()
    elif harm == "linked":
        (tmp_path / "other").write_text(TEXT)
        file.unlink()
        file.symlink_to(tmp_path / "other")
    else:
        file.write_text(2 * TEXT if harm == "longer" else "")
    for _ in range(2):
        with Store.writer(folder) as store:
            assert len(store.finished()) == 4
        assert file.read_text() == TEXT
        assert not file.is_symlink()


@mended
def test_no_row_of_a_foreign_store_writes_elsewhere(folder: Path, tmp_path: Path) -> None:
    harmful = "plans/../../owned.plan.json"
    row = row_of(replace(result(7), plan_file=harmful))
    execute(folder, f"INSERT INTO items VALUES ({', '.join('?' * len(row))})", *row)
    with Store.writer(folder) as store:
        assert result(7).item not in store.finished()
    assert not list(tmp_path.rglob("owned*"))


@pytest.fixture
def long(tmp_path: Path) -> Path:
    """A run of 300 items."""
    with Store.writer(tmp_path / "long") as store:
        store.add([result(number) for number in range(300)])
    return tmp_path / "long"


@pytest.mark.parametrize("harm", ["index", "page", "header", "everything"])
def test_a_damaged_database_is_put_aside_and_begun_anew(long: Path, harm: str) -> None:
    connection = sqlite3.connect(long / DATABASE)
    query = "SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_autoindex_items_1'"
    (root,) = connection.execute(query).fetchone()
    connection.close()
    content = (long / DATABASE).read_bytes()
    middle = len(content) // 2 // 4096 * 4096
    start, end = {
        "index": ((root - 1) * 4096 + 8, (root - 1) * 4096 + 12),
        "page": (middle, middle + 4096),
        "header": (0, 16),
        "everything": (0, len(content)),
    }[harm]
    harmed = content[:start] + bytes(255 - byte for byte in content[start:end]) + content[end:]
    (long / DATABASE).write_bytes(harmed)
    if harm != "index":
        with pytest.raises(StoreError), Store.open(long) as store:
            list(store.rows())
    with pytest.warns(ro.MendedWarning, match=f"lies aside as damaged-{DATABASE}; what is asked for is done again"):
        store = Store.writer(long)
    with store:
        assert store.finished() == {}
        store.add([result(1)])
    assert (long / f"damaged-{DATABASE}").read_bytes() == harmed
    with Store.writer(long) as store:
        assert list(store.finished()) == [result(1).item]


@mended
def test_a_table_under_another_name_is_begun_anew(folder: Path) -> None:
    execute(folder, "ALTER TABLE items RENAME TO itemt")
    with Store.writer(folder) as store:
        assert store.finished() == {}


@mended
def test_words_of_sqlite_that_are_no_text_are_told_all_the_same(folder: Path) -> None:
    content = (folder / DATABASE).read_bytes()
    (folder / DATABASE).write_bytes(content.replace(b"sqlite_autoindex_items_1", b"sqlite_autoindex_item\xf3_1"))
    with Store.open(folder) as store, pytest.raises(StoreError):
        list(store.rows())
    with Store.writer(folder) as store:
        assert store.finished() == {}


@pytest.mark.parametrize(("kind", "mode"), [("nfs4", "delete"), ("fuse.sshfs", "delete"), ("ext4", "wal")])
def test_no_log_is_shared_over_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, mode: str) -> None:
    run = tmp_path / "run"
    mounts = [SimpleNamespace(mountpoint="/", fstype="ext4"), SimpleNamespace(mountpoint=str(tmp_path), fstype=kind)]
    for _ in range(2):
        with Store.writer(run) as store:
            store.add([result(1)])
        # Begun on a local disk, and continued in a folder of this kind.
        monkeypatch.setattr(psutil, "disk_partitions", lambda **_: mounts)
    with Store.writer(run) as store, Store.open(run) as reader:
        assert len(list(reader.rows())) == len(store.finished()) == 1
    connection = sqlite3.connect(run / DATABASE)
    assert connection.execute("PRAGMA journal_mode").fetchone() == (mode,)
    connection.close()


def test_where_the_file_systems_are_unknown_the_disk_counts_as_local(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(**_: bool) -> None:
        raise PermissionError

    monkeypatch.setattr(psutil, "disk_partitions", unknown)
    Store.writer(tmp_path / "run").close()


def test_two_processes_do_not_share_a_run(folder: Path) -> None:
    with Store.writer(folder), pytest.raises(StoreError, match="another process"):
        Store.writer(folder)
    Store.writer(folder).close()


def test_other_versions_and_other_files_are_refused_with_the_reason(folder: Path, tmp_path: Path) -> None:
    execute(folder, "PRAGMA user_version = 99")
    for opened in (Store.open, Store.writer):
        with pytest.raises(StoreError, match="a run of format 99, and this version of rocoin-opt reads format 1"):
            opened(folder)
    execute(folder, "PRAGMA application_id = 7")
    with pytest.raises(StoreError, match="no database of a run"):
        Store.open(folder)
    with pytest.raises(StoreError, match="no run"):
        Store.open(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="Not a directory") as refused:
        Store.writer(tmp_path / "file")
    assert "the same command continues" not in str(refused.value)


def test_what_is_asked_anew_replaces_and_can_come_back(folder: Path) -> None:
    old = result(1)
    new = replace(old, item="e" * 32, plan_file=None, plan_sha256=None, plan_text=None)
    with Store.writer(folder) as store:
        store.supersede([item_of(new)])
        store.add([new])
        assert {row.item for row in store.rows() if row.seed == 1} == {new.item}
        assert {row.item for row in store.rows(superseded=True) if row.seed == 1} == {new.item, old.item}
        store.supersede([item_of(old)])
        assert {row.item for row in store.rows() if row.seed == 1} == {old.item}


def test_all_of_an_addition_is_written_or_nothing(folder: Path) -> None:
    with Store.writer(folder) as store:
        with pytest.raises(StoreError):
            store.add([result(10), replace(result(11), method=None)])  # type: ignore[arg-type]
        assert len(store.finished()) == 4


def test_a_moved_file_takes_its_results_with_it(folder: Path) -> None:
    moved = replace(result(1), path="/elsewhere/1.json")
    with Store.writer(folder) as store:
        store.supersede([item_of(moved)])
        assert {row.path for row in store.rows() if row.item == moved.item} == {moved.path}
        assert moved.item in store.finished()
        assert store.result(moved.item) == moved


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_told_as_such_whatever_is_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def full(*_: object) -> None:
        raise OSError(number, "no room")

    with Store.writer(folder) as store:
        monkeypatch.setattr(Path, "write_bytes", full)
        with pytest.raises(StoreError, match=r"no room.*; what was written before is safe"):
            store.add([result(10)])


def test_a_defect_is_not_told_as_a_fault_of_the_disk(folder: Path) -> None:
    store = Store.writer(folder)
    store.close()
    with pytest.raises(sqlite3.ProgrammingError):
        store.finished()


@pytest.mark.parametrize("file", ["lock.sqlite", DATABASE])
def test_files_that_sqlite_cannot_open_are_told(tmp_path: Path, file: str) -> None:
    (tmp_path / file).mkdir()
    with pytest.raises(StoreError, match="unable to open database file"):
        Store.writer(tmp_path)


def test_a_lock_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "lock.sqlite").write_text("no database at all" * 100)
    with pytest.raises(StoreError, match="not a database"):
        Store.writer(tmp_path)


def test_a_database_that_is_busy_is_not_taken_for_damaged(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda path, timeout=0.0, **o: connect(path, timeout=0.0, **o))
    connection = connect(folder / DATABASE)
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreError, match="locked"):
        Store.writer(folder)
    connection.close()
    with Store.writer(folder) as store:
        assert len(store.finished()) == 4
