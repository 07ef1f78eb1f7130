"""Large fleets: seconds and peak of memory of what is done with 100,000 devices, in single entries and by kinds.

``python benchmarks/large_fleets.py [--devices N,N] [--kinds K]``. Fleets of the family ``edge``, written to files; each
step, from reading to valuing the greedy plan, runs in a process of its own, whose peak counts the interpreter, the
package and the instance.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peers.tables import show
from script import Document, Script, numbers, run, shared_options

import rocoin_opt as ro

if TYPE_CHECKING:
    import argparse

STEPS = ("read", "greedy", "check", "evaluate")
"""In this order: the plan of ``greedy`` is what is checked and valued."""
MOST_SECONDS, MOST_GIB = 60.0, 4.0
"""What each step may take, reading included."""


def measure(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Every step on every fleet."""
    found = []
    with tempfile.TemporaryDirectory(prefix="fleets-") as folder:
        for devices in options.devices:
            for kinds in (None, options.kinds):
                path = Path(folder) / f"edge-{devices}-{kinds or 0}.json"
                # A process begins with the peak of the one that started it: this one stays small.
                subprocess.run([sys.executable, __file__, "--write", str(path)], check=True)
                for step in STEPS:
                    row = taken(path, step)
                    found.append({"devices": devices, "kinds": kinds, "step": step, **row})
                    print(json.dumps(found[-1]), file=sys.stderr, flush=True)
    return found


def taken(path: Path, step: str) -> dict[str, Any]:
    """Seconds, seconds of CPU and peak of memory of a process that reads a fleet and does one step."""
    command = [sys.executable, __file__, "--step", step, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"failed": done.stderr.strip().splitlines()[-1]}
    row: dict[str, Any] = json.loads(done.stdout)
    return row


def make(path: Path) -> None:
    """Write the fleet that the name of a file tells."""
    family, devices, kinds = path.stem.split("-")
    ro.write_instance(path, ro.generate(family, devices=int(devices), kinds=int(kinds) or None))


def do(step: str, path: Path) -> None:
    """Read and do one step in this process; tell what it took."""
    # Not on every system, and so imported where it is needed.
    import resource

    file, began, spent = path.with_suffix(".plan.json"), time.perf_counter(), time.process_time()
    instance = ro.read_instance(path)
    found: dict[str, Any] = {}
    if step == "greedy":
        result = ro.solve(instance, "greedy")
        found = {"value": result.objective_value, "bound": result.lower_bound}
        ro.write_plan(file, instance, result)
    elif step != "read":
        plan = ro.read_plan(file, instance)
        if step == "check":
            found = {"violations": len(ro.check(instance, plan))}
        else:
            found = {"value": ro.evaluate(instance, plan).value("guaranteed")}
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    seconds, cpu = time.perf_counter() - began, time.process_time() - spent
    print(json.dumps({"seconds": round(seconds, 2), "cpu": round(cpu, 2), "peak_mib": peak >> 20, **found}))


def show_tables(found: Document, *, markdown: bool) -> None:
    """A row a fleet and step."""
    show(
        f"Time and peak memory of each process, reading included; the target is {MOST_SECONDS:g} s and "
        f"{MOST_GIB:g} GiB at most",
        ("devices", "entries", "step", "time", "of CPU", "peak"),
        [
            [
                f"{row['devices']:,}",
                "single" if row["kinds"] is None else f"{row['kinds']} kinds",
                row["step"],
                *(
                    [row["failed"], "-", "-"]
                    if "failed" in row
                    else [f"{row['seconds']:.1f} s", f"{row['cpu']:.1f} s", f"{row['peak_mib']} MiB"]
                ),
            ]
            for row in found["results"]
        ],
        {"entries", "step"},
        markdown=markdown,
    )


def faults(found: Document) -> list[str]:
    """Steps that failed or took too much, plans that are not valid or whose value changed on the way through a file."""
    told, values = [], {}
    for row in found["results"]:
        name = f"{row['devices']} devices, {row['kinds']} kinds, {row['step']}"
        if "failed" in row:
            told.append(f"{name}: {row['failed']}")
            continue
        if row["cpu"] > MOST_SECONDS or row["peak_mib"] > MOST_GIB * 1024:
            told.append(f"{name}: {row['cpu']} s, {row['peak_mib']} MiB")
        if row.get("violations"):
            told.append(f"{name}: {row['violations']} violations")
        if "value" in row and values.setdefault((row["devices"], row["kinds"]), row["value"]) != row["value"]:
            told.append(f"{name}: another value")
    return told


SCRIPT = Script("large_fleets", measure, show_tables, faults, quick={"devices": [100], "kinds": 5})


def main() -> None:
    """Measure or show; ``--write`` and ``--step`` are what the processes are called with."""
    if sys.argv[1:2] == ["--write"]:
        make(Path(sys.argv[2]))
        return
    if sys.argv[1:2] == ["--step"]:
        do(sys.argv[2], Path(sys.argv[3]))
        return
    parser = shared_options(__doc__)
    parser.add_argument("--devices", type=numbers, default=[10_000, 100_000], metavar="N,N,...")
    parser.add_argument("--kinds", type=int, default=50, metavar="K", help="kinds of the fleets of alike devices")
    run(SCRIPT, parser)


if __name__ == "__main__":
    main()
