"""Workers: what searches in processes beside each other are worth to ``exact``, by time and by what is proven.

``python benchmarks/workers.py [--fleets F-N,F-N] [--seeds N,N] [--workers N,N] [--time-limit S]``. A fleet is a family
and a number of devices, ``lossy-60``. Every search has a process of its own, whose start and whose reading do not
count; its seconds of CPU stand beside those of the processes that it started. On a machine with fewer free cores than
workers these wait for each other, which the seconds of CPU tell apart.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from peers.tables import show
from script import Document, Script, names, numbers, run, shared_options

import rocoin_opt as ro

if TYPE_CHECKING:
    import argparse

FLEETS = ["lossy-24", "lossy-40", "lossy-60", "lossy-100", "edge-50", "edge-100"]
ROUNDING = 1e-9
"""Relative distance up to which proven values are the same."""


def measure(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Every fleet with every number of workers, one after another on the same fleet."""
    found = []
    for fleet in options.fleets:
        for seed in options.seeds:
            for workers in options.workers:
                asked = [fleet, str(seed), str(workers), str(options.time_limit)]
                done = subprocess.run(
                    [sys.executable, __file__, "--solve", *asked], capture_output=True, text=True, check=False
                )
                row = {"failed": done.stderr.strip().splitlines()[-1]} if done.returncode else json.loads(done.stdout)
                found.append({"fleet": fleet, "seed": seed, "workers": workers, **row})
                print(json.dumps(found[-1]), file=sys.stderr, flush=True)
    return found


def solve(fleet: str, seed: str, workers: str, limit: str) -> None:
    """Solve in this process; tell what was found, and what it took here and beside."""
    # Not on every system, and so imported where it is needed.
    import resource

    family, devices = fleet.split("-")
    instance = ro.generate(family, devices=int(devices), seed=int(seed))
    began, spent = time.perf_counter(), time.process_time()
    result = ro.solve(instance, "exact", time_limit=float(limit), latency_only=True, workers=int(workers))
    seconds, here = time.perf_counter() - began, time.process_time() - spent
    others = resource.getrusage(resource.RUSAGE_CHILDREN)
    row = {
        "termination": result.termination,
        "value": result.objective_value,
        "bound": result.lower_bound,
        "seconds": round(seconds, 2),
        "cpu": round(here, 2),
        "cpu_beside": round(others.ru_utime + others.ru_stime, 2),
    }
    print(json.dumps(row))


def show_tables(found: Document, *, markdown: bool) -> None:
    """A row a fleet and number of workers, over its seeds."""
    rows: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for row in found["results"]:
        rows.setdefault((row["fleet"], row["workers"]), []).append(row)
    show(
        f"exact within {found['settings']['time_limit']:g} s, over the seeds of each fleet",
        ("fleet", "workers", "proven", "median time", "longest", "CPU here", "CPU beside", "largest gap"),
        [[fleet, str(workers), *_cells(own)] for (fleet, workers), own in rows.items()],
        {"fleet"},
        markdown=markdown,
    )


def _cells(rows: list[dict[str, Any]]) -> list[str]:
    kept = [row for row in rows if "failed" not in row]
    if not kept:
        return [rows[0]["failed"], *["-"] * 5]
    proven = sum(row["termination"] == "optimal" for row in kept)
    gaps = [1.0 - (row["bound"] or 0.0) / row["value"] for row in kept if row["value"]]
    return [
        f"{proven} of {len(rows)}",
        f"{statistics.median(row['seconds'] for row in kept):.1f} s",
        f"{max(row['seconds'] for row in kept):.1f} s",
        f"{sum(row['cpu'] for row in kept):.1f} s",
        f"{sum(row['cpu_beside'] for row in kept):.1f} s",
        f"{100 * max(gaps, default=1.0):.2f} %",
    ]


def faults(found: Document) -> list[str]:
    """Searches that failed, and fleets whose proven value depends on the number of workers."""
    told, values = [], dict[tuple[str, int], float]()
    for row in found["results"]:
        name = f"{row['fleet']}, seed {row['seed']}, {row['workers']} workers"
        if "failed" in row:
            told.append(f"{name}: {row['failed']}")
        elif row["termination"] == "optimal":
            value = values.setdefault((row["fleet"], row["seed"]), row["value"])
            if abs(value - row["value"]) > ROUNDING * value:
                told.append(f"{name}: {row['value']!r} is proven, and {value!r}")
    return told


SCRIPT = Script(
    "workers", measure, show_tables, faults, quick={"fleets": ["lossy-12"], "seeds": [0], "time_limit": 3600.0}
)


def main() -> None:
    """Measure or show; ``--solve`` is what the processes are called with."""
    if sys.argv[1:2] == ["--solve"]:
        solve(*sys.argv[2:6])
        return
    parser = shared_options(__doc__)
    parser.add_argument("--fleets", type=names, default=FLEETS, metavar="F-N,F-N,...")
    parser.add_argument("--seeds", type=numbers, default=[0, 1, 2, 3, 4], metavar="N,N,...")
    parser.add_argument("--workers", type=numbers, default=[1, 2], metavar="N,N,...")
    parser.add_argument("--time-limit", type=float, default=60.0, metavar="S")
    run(SCRIPT, parser)


if __name__ == "__main__":
    main()
