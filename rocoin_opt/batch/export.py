"""The results of a run for other programs: CSV, JSON and Parquet."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

from rocoin_opt.batch.schema import COLUMNS, FROM_JSON
from rocoin_opt.documents import canonical_json, readable_json
from rocoin_opt.errors import InputError, Problem, missing_extra
from rocoin_opt.writing import write_bytes, write_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rocoin_opt.batch.results import ItemResult
    from rocoin_opt.batch.store import Store

RESULTS = "results.csv"
CSV_COLUMNS = (
    *("instance", "method", "objective", "seed", "termination"),
    *("objective_value", "lower_bound", "gap", "wall_seconds", "error"),
)
FORMAT = "rocoin-opt/results"
VERSION = 1
_ARROW = {"TEXT": "string", "INTEGER": "int64", "REAL": "float64"}


def export(store: Store, path: Path) -> None:
    """Write the results of a run, sorted, in the format that the name of the file ends in.

    Parameters
    ----------
    store : Store
        The run.
    path : Path
        ``.csv`` (the columns of the contract), ``.json`` or ``.parquet`` (every field).

    Raises
    ------
    InputError
        If the file cannot be written, or has another ending.
    UnsupportedError
        If Parquet is asked for without the extra ``parquet``.
    """
    require_exportable(path)
    _WRITERS[path.suffix](store, path)


def require_exportable(path: Path) -> None:
    """Refuse what cannot be exported, before a run and not after it; see :func:`export`."""
    if path.suffix not in _WRITERS:
        raise InputError(str(path), [Problem("", repr(path.suffix), f"a name ending in {', '.join(_WRITERS)}")])
    if path.suffix == ".parquet":
        try:
            import pyarrow.parquet  # noqa: F401
        except ImportError:
            raise missing_extra("Parquet needs PyArrow", "parquet") from None


def fields_of(result: ItemResult) -> dict[str, Any]:
    """Every stored field of a result, as plain data."""
    return {name: getattr(result, name) for name in (*COLUMNS, "mended")}


def _write_csv(store: Store, path: Path) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for row in store.rows():
        writer.writerow([_cell(getattr(row, name)) for name in CSV_COLUMNS])
    write_text(path, text.getvalue())


def _cell(value: object) -> object:
    # One row an item, for readers too that go by lines.
    return " ".join(value.splitlines()) if isinstance(value, str) else value


def _write_json(store: Store, path: Path) -> None:
    rows = [json.loads(canonical_json(fields_of(row))) for row in store.rows()]
    write_text(path, readable_json({"format": FORMAT, "version": VERSION, "items": rows}) + "\n")


def _write_parquet(store: Store, path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, _ARROW[kind.split()[0]]) for name, kind in (COLUMNS | {"mended": "TEXT"}).items()])
    rows = [
        {
            name: canonical_json(value) if name in (*FROM_JSON, "mended") else value
            for name, value in fields_of(row).items()
        }
        for row in store.rows()
    ]
    content = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), content)
    write_bytes(path, content.getvalue())


_WRITERS: dict[str, Callable[[Store, Path], None]] = {
    ".csv": _write_csv,
    ".json": _write_json,
    ".parquet": _write_parquet,
}
