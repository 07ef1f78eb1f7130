"""What a batch run costs beyond its solvers, and how long a large store takes to look through.

``python benchmarks/batch.py [--items N] [--rows N] [--repeats N]``. Every repeat makes its own small instances, runs
them in two processes, asks for the same run again, and fills a store with rows of no use but for their number.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from peers.medians import spread
from peers.tables import show, spread_text
from script import Document, Script, run, shared_options

import rocoin_opt as ro
from rocoin_opt.batch.request import BatchRequest, Options
from rocoin_opt.batch.solving import run_batch
from rocoin_opt.batch.store import Store

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from rocoin_opt.batch.results import ItemResult

METHODS = ("greedy", "exact", "rocoin", "local-search")
JOBS = 2
LOOKS = 8
"""How often the memory of the main process is looked at in a run."""


def write_instances(folder: Path, count: int) -> list[Path]:
    """Write small instances: 8 to 12 devices."""
    folder.mkdir()
    files = []
    for number in range(count):
        files.append(folder / f"edge-{number}.json")
        ro.write_instance(files[-1], ro.generate("edge", devices=8 + number % 5, seed=number))
    return files


def measured_run(folder: Path, items: int) -> dict[str, Any]:
    """Time and memory of a run, beside the time of its solvers."""
    files = write_instances(folder / "instances", max(1, items // len(METHODS)))
    request = BatchRequest(Options(time_limit=10.0), METHODS, ("guaranteed",), jobs=JOBS)
    process = psutil.Process()
    resident, solver, count = [], 0.0, 0
    started, busy = time.perf_counter(), time.process_time()
    first = None
    for result in run_batch(request, files, folder / "run"):
        first = first or time.perf_counter()
        solver += result.wall_seconds
        count += 1
        if count % max(1, items // LOOKS) == 0:
            resident.append(process.memory_info().rss)
    wall = time.perf_counter() - started
    busy = time.process_time() - busy
    started = time.perf_counter()
    again = sum(1 for _ in run_batch(request, files, folder / "run"))
    return {
        "items": count,
        "jobs": JOBS,
        "wall_seconds": wall,
        "first_result_seconds": (first or started) - (started - wall),
        "solver_seconds": solver,
        "main_process_seconds": busy,
        "resident_bytes": resident,
        "items_again": again,
        "again_seconds": time.perf_counter() - started,
    }


def measured_store(folder: Path, rows: int) -> dict[str, Any]:
    """How long it takes to see what a run of so many rows has done."""
    with Store.writer(folder / "run") as store:
        known = next(row for row in store.rows() if row.plan_file is not None)
        text = store.plan_text(known.item)
    with Store.writer(folder / "large") as store:
        for start in range(0, rows, 5000):
            store.add(_row(known, text, number) for number in range(start, min(start + 5000, rows)))
    seconds = {}
    started = time.perf_counter()
    with Store.writer(folder / "large") as store:
        seconds["open"] = time.perf_counter() - started
        seconds["resume"] = _timed(store.finished) + seconds["open"]
        for word, first in (("same", 0), ("other", 1)):
            asked = (_row(known, text, n) for n in range(rows))
            wanted = (
                (_identity(n + first), row.path, row.fingerprint, row.method, row.objective, row.seed)
                for n, row in enumerate(asked)
            )
            seconds[f"compare_{word}"] = _timed(lambda: store.supersede(wanted))  # noqa: B023 - called at once
        seconds["read"] = _timed(lambda: sum(1 for _ in store.rows(superseded=True)))
    program = "from rocoin_opt.cli import main; main()"
    command = [sys.executable, "-c", program, "report", str(folder / "large"), "--out", str(folder / "large.html")]
    seconds["report"] = _timed(lambda: subprocess.run(command, check=True, capture_output=True))
    return {"rows": rows, "seconds": seconds}


def _row(known: ItemResult, text: str | None, number: int) -> ItemResult:
    """A result like a known one, by one of the methods and with a seed of its own for every few of them."""
    item, (seed, method) = _identity(number), divmod(number, len(METHODS))
    file = f"plans/{item[:2]}/{item}.plan.json"
    return replace(known, item=item, method=METHODS[method], seed=seed, plan_file=file, plan_text=text)


def _identity(number: int) -> str:
    return f"{number:032x}"[::-1]


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def measure(options: argparse.Namespace) -> list[dict[str, Any]]:
    """A run and a store, as often as asked for."""
    found = []
    for _ in range(options.repeats):
        with tempfile.TemporaryDirectory() as folder:
            run_found = measured_run(Path(folder), options.items)
            found.append({"run": run_found, "store": measured_store(Path(folder), options.rows)})
    return found


def show_tables(found: Document, *, markdown: bool) -> None:
    """Two tables: the run, the store."""
    runs = [repeat["run"] for repeat in found["results"]]
    stores = [repeat["store"]["seconds"] for repeat in found["results"]]
    items, rows = runs[0]["items"], found["results"][0]["store"]["rows"]

    def line(name: str, value: Callable[[dict[str, Any]], float], shown: str) -> list[str]:
        return [name, spread_text(spread(map(value, runs)), shown.format)]

    table = [
        line("wall time", lambda r: r["wall_seconds"], "{:.1f} s"),
        line("until the first result", lambda r: r["first_result_seconds"], "{:.1f} s"),
        line("in the solvers, all processes together", lambda r: r["solver_seconds"], "{:.1f} s"),
        line("beyond the solvers, an item", lambda r: 1e3 * _beyond(r) / r["items"], "{:.2f} ms"),
        line("beyond the solvers, share of their time", lambda r: 100 * _beyond(r) / r["solver_seconds"], "{:.1f} %"),
        line("processor time of the main process, an item", _main_milliseconds, "{:.2f} ms"),
        line("memory of the main process, first look", lambda r: r["resident_bytes"][0] / 1e6, "{:.0f} MB"),
        line("memory of the main process, last look", lambda r: r["resident_bytes"][-1] / 1e6, "{:.0f} MB"),
        line(f"the same command again, {runs[0]['items_again']} items to do", lambda r: r["again_seconds"], "{:.2f} s"),
    ]
    title = f"A run of {items:,} items on {runs[0]['jobs']} processes"
    show(title, ("what", _heading(runs)), table, {"what"}, markdown=markdown)
    labels = {
        "open": "open it",
        "resume": "see what is done, opening included",
        "compare_same": f"compare with {rows:,} items asked for, the same ones",
        "compare_other": f"compare with {rows:,} items asked for, other ones",
        "read": "read all rows",
        "report": "`rocoin-opt report`, a process of its own",
    }
    table = [
        [label, spread_text(spread(seconds[key] for seconds in stores), "{:.2f} s".format)]
        for key, label in labels.items()
    ]
    show(f"A store of {rows:,} rows", ("what", _heading(stores)), table, {"what"}, markdown=markdown)


def _heading(repeats: list[Any]) -> str:
    return "once" if len(repeats) == 1 else f"median of {len(repeats)} repeats (smallest..largest)"


def _beyond(found: dict[str, Any]) -> float:
    """Seconds of all processes that no solver used."""
    return float(found["wall_seconds"] * found["jobs"] - found["solver_seconds"])


def _main_milliseconds(found: dict[str, Any]) -> float:
    return float(1e3 * found["main_process_seconds"] / found["items"])


SCRIPT = Script("batch", measure, show_tables, quick={"items": 24, "rows": 2000, "repeats": 1})


def main() -> None:
    """Measure or show."""
    parser = shared_options(__doc__)
    parser.add_argument("--items", type=int, default=200, help="of a run; a quarter as many instances")
    parser.add_argument("--rows", type=int, default=10_000, help="of a large store")
    parser.add_argument("--repeats", type=int, default=3, metavar="N", help="default 3")
    run(SCRIPT, parser)


if __name__ == "__main__":
    main()
