"""Exports of a run."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from rocoin_opt.batch.export import CSV_COLUMNS, RESULTS, export
from rocoin_opt.batch.store import Store
from rocoin_opt.errors import InputError, UnsupportedError
from runs import failed, row, stored

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A run of two items that did and one that failed."""
    rows = (
        replace(row("/edge-0.json", "greedy", 2.5, 2.0), seed=0, options={"gap": 0.0}),
        replace(failed("/edge-0.json", "greedy", "a defect of two lines"), seed=1),
        replace(row("/edge-0.json", "greedy", 0.1 + 0.2, 0.1 + 0.2), seed=2),
    )
    with Store.open(stored(tmp_path / "run", [replace(one, item=f"{n:032x}") for n, one in enumerate(rows)])) as store:
        yield store


def test_the_table_holds_what_a_reader_looks_at(store: Store) -> None:
    export(store, store.folder / RESULTS)
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
