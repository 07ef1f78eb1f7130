"""What a batch run costs beyond its solvers, and how long a large store takes to look through.

python benchmarks/batch.py                      # 200 items, 10,000 rows
python benchmarks/batch.py --items 4000 --rows 100000
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import psutil

import rocoin_opt as ro
from rocoin_opt.batch.items import Options
from rocoin_opt.batch.solving import Asked, run_batch
from rocoin_opt.batch.store import Store

METHODS = ("greedy", "exact", "rocoin", "local-search")
JOBS = 2


def write_instances(folder: Path, count: int) -> list[Path]:
    """Write small instances: 8 to 12 devices."""
    folder.mkdir()
    files = []
    for number in range(count):
        files.append(folder / f"edge-{number}.json")
        ro.write_instance(files[-1], ro.generate("edge", devices=8 + number % 5, seed=number))
    return files


def measure_run(folder: Path, items: int) -> None:
    """Print time and memory of a run, beside the time of its solvers."""
    files = write_instances(folder / "instances", max(1, items // len(METHODS)))
    asked = Asked(Options(time_limit=10.0), METHODS, ("guaranteed",), jobs=JOBS)
    process = psutil.Process()
    resident, solver, count = [], 0.0, 0
    started, busy = time.perf_counter(), time.process_time()
    first = None
    for result in run_batch(asked, files, folder / "run"):
        first = first or time.perf_counter()
        solver += result.wall_seconds
        count += 1
        if count % max(1, items // 8) == 0:
            resident.append(process.memory_info().rss / 1e6)
    wall = time.perf_counter() - started
    overhead = wall * JOBS - solver
    print(f"{count} items on {JOBS} processes: {wall:.1f} s, of which {first - started:.1f} s before the first result")
    print(f"solvers {solver:.1f} s; beyond them {1e3 * overhead / count:.2f} ms an item, {overhead / solver:.1%}")
    print(f"processor time of the main process: {1e3 * (time.process_time() - busy) / count:.2f} ms an item")
    print(f"memory of the main process over the run, MB: {', '.join(f'{size:.0f}' for size in resident)}")
    started = time.perf_counter()
    again = sum(1 for _ in run_batch(asked, files, folder / "run"))
    print(f"the same command again: {again} items, {time.perf_counter() - started:.2f} s")


def measure_store(folder: Path, rows: int) -> None:
    """Print how long it takes to see what a run of so many rows has done."""
    with Store.writer(folder / "run") as store:
        known = next(row for row in store.rows() if row.plan_file is not None)
        text = store.plan_text(known.item)
    with Store.writer(folder / "large") as store:
        for start in range(0, rows, 5000):
            identities = [f"{number:032x}"[::-1] for number in range(start, min(start + 5000, rows))]
            store.add(
                replace(known, item=i, plan_file=f"plans/{i[:2]}/{i}.plan.json", plan_text=text) for i in identities
            )
    started = time.perf_counter()
    with Store.writer(folder / "large") as store:
        opened = time.perf_counter() - started
        found = len(store.finished())
        print(f"{found} rows: {time.perf_counter() - started:.2f} s to resume, {opened:.2f} s of it to open")
        for word, seed in (("the same items", 0), ("other items", 1)):
            started = time.perf_counter()
            identities = (f"{n + seed:032x}"[::-1] for n in range(rows))
            store.supersede(
                (item, known.path, known.fingerprint, known.method, known.objective, known.seed) for item in identities
            )
            print(f"{rows} items asked for, {word}: {time.perf_counter() - started:.2f} s to compare")
        started = time.perf_counter()
        print(f"{sum(1 for _ in store.rows(superseded=True))} rows read: {time.perf_counter() - started:.2f} s")


def main() -> None:
    """Measure a run, then a store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=200, help="items of the run; a quarter as many instances")
    parser.add_argument("--rows", type=int, default=10_000, help="rows of the large store")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure_run(Path(folder), options.items)
        measure_store(Path(folder), options.rows)


if __name__ == "__main__":
    main()
