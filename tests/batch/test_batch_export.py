"""Exports of a run."""

from __future__ import annotations

import csv
import json
import shutil
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from batch_work import asked, small_instances
from rocoin_opt.batch.export import CSV_COLUMNS, RESULTS, export
from rocoin_opt.batch.solving import run_batch
from rocoin_opt.batch.store import Store
from rocoin_opt.errors import InputError, UnsupportedError
from runs import row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two items that did and one that failed."""
    folder = tmp_path_factory.mktemp("done")
    list(run_batch(asked("raising", jobs=1), small_instances(folder)[:1], folder / "run"))
    return folder / "run"


@pytest.fixture
def store(done: Path, tmp_path: Path) -> Iterator[Store]:
    """The run, to be written into."""
    shutil.copytree(done, tmp_path / "run")
    with Store.open(tmp_path / "run") as store:
        yield store


def test_a_run_ends_by_writing_its_table(store: Store) -> None:
    with (store.folder / RESULTS).open(newline="") as stream:
        header, *rows = csv.reader(stream)
    assert header == [
        *("instance", "method", "objective", "seed", "termination"),
        *("objective_value", "lower_bound", "gap", "wall_seconds", "error"),
    ]
    for line, result in zip(rows, store.rows(), strict=True):
        cells = dict(zip(CSV_COLUMNS, line, strict=True))
        assert (cells["instance"], cells["seed"]) == (result.instance, str(result.seed))
        assert cells["termination"] == (result.termination or "")
        assert cells["error"] == (result.error or "")
        value = result.objective_value
        assert (float(cells["objective_value"]) if cells["objective_value"] else None) == value
    assert [row[3] for row in rows] == ["0", "1", "2"]


def test_json_holds_every_field(store: Store, tmp_path: Path) -> None:
    export(store, tmp_path / "out.json")
    data = json.loads((tmp_path / "out.json").read_text())
    assert (data["format"], data["version"]) == ("rocoin-opt/results", 1)
    for found, result in zip(data["items"], store.rows(), strict=True):
        assert found["options"] == dict(result.options)
        assert found["trace"] == [list(point) for point in result.trace]
        assert found["objective_value"] == result.objective_value
        assert found["failure"] == result.failure


def test_parquet_holds_every_field(store: Store, tmp_path: Path) -> None:
    export(store, tmp_path / "out.parquet")
    rows = pq.read_table(tmp_path / "out.parquet").to_pylist()
    for found, result in zip(rows, store.rows(), strict=True):
        assert json.loads(found["options"]) == dict(result.options)
        assert (found["seed"], found["objective_value"]) == (result.seed, result.objective_value)
        assert found["error"] == result.error


def test_what_cannot_be_exported_is_refused(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="a name ending in"):
        export(store, tmp_path / "out.xlsx")
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(UnsupportedError, match="extra parquet"):
        export(store, tmp_path / "out.parquet")


def test_a_row_is_one_line_whatever_a_name_holds(tmp_path: Path) -> None:
    with Store.writer(tmp_path) as store:
        store.add([replace(row("/one.json", "a", 1.0), instance="a\r\nb\rc\u2028d")])
        export(store, tmp_path / RESULTS)
    assert (tmp_path / RESULTS).read_bytes().decode().splitlines()[1].startswith("a b c d,a,")
