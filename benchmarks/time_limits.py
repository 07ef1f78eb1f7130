"""Time limits: by how much every method ends late, on fleets of all kinds and sizes.

``python benchmarks/time_limits.py [--cases C,C] [--methods M,M] [--objectives O,O] [--limits S,S] [--sample SHARE]``.
A case is a family, a number of devices, and what the instance has besides: ``edge-200``, ``edge-200-graph``,
``lossy-50-laws``, ``edge-1000-d50`` with so many failure domains, ``edge-10000-k20`` with so many kinds of devices,
``mcu-200-energy`` with a limit on energy, ``edge-300-rules``, ``mcu-12-f1000000`` for so many filters. Beside the
methods of ``solve`` stand ``frontier``, ``replan``, ``why_not``, ``max_groups`` and ``compare``, whose limit is one for
each method.

Every search has a process of its own; what counts is from the call to its return, so that packages which a search
imports late count, and the start of the process and the reading do not. On a busy machine a process waits for its
turn: its own seconds of CPU beyond the limit tell that apart, and a search ends too late where both do.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import psutil
from peers.tables import show
from script import Document, Script, names, run, shared_options

import rocoin_opt as ro
from rocoin_opt.instance.files import write_instance
from rocoin_opt.planning.replan import replan
from rocoin_opt.planning.solve import solve

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

CASES = [
    "paper-8-graph",
    *(f"{family}-200" for family in ("edge", "mcu", "lossy")),
    "edge-200-graph",
    "edge-200-laws",
    "lossy-200-laws",
    "edge-1000-graph",
    "edge-1000-laws",
    "lossy-10",
    "lossy-30",
    "boards-60",
    "boards-1000",
    "mcu-200-energy",
    "edge-300-rules",
    "edge-1000-d50",
    "paper-1000",
    "lossy-2000",
    "edge-2000-laws",
    "mcu-12-f1000000",
    "edge-10000",
    "edge-10000-d200",
    "edge-10000-k20",
    "edge-10000-laws",
    "edge-10000-rules",
    "lossy-10000",
]
METHODS = [*ro.METHODS, "frontier", "replan", "why_not", "max_groups", "compare"]
COMPARED = ("exact", "greedy")
"""Methods that ``compare`` is asked for: both honour every kind of instance, and neither is solved twice."""
OBJECTIVES = ["guaranteed", "expected", "nominal", "worst", "failure", "missing", "quantile"]
LATENCIES = ["guaranteed", "nominal", "worst"]
"""Objectives of frontiers and of replanning."""
LEVEL = 0.9
"""Success level that ``quantile`` asks for."""
LIMITS = [1.0, 2.0, 5.0]
ALLOWED, ALLOWED_SHARE = 0.5, 0.05
"""Seconds, and share of the limit, by which a search may end late."""
LOST = 2
"""Devices that are lost before a plan is mended."""
PATIENCE = 600.0
"""Seconds after which a search is ended from outside."""
MOST_JOULES = 1e9
"""A limit on energy that is never reached, so that plans exist with it and the searches under it run."""
SEED = 0
"""Of the sample."""


def measure(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Every search on every case, each limit in turn."""
    found, random = [], Random(SEED)
    with tempfile.TemporaryDirectory(prefix="limits-") as folder:
        for case in options.cases:
            path = Path(folder) / f"{case}.json"
            write_instance(path, instance_of(case))
            instance = ro.read_instance(path)
            for method, objective in searches(instance, options.methods, options.objectives):
                for limit in map(float, options.limits):
                    if random.random() >= float(options.sample):
                        continue
                    row = timed(path, method, objective, limit)
                    found.append({"case": case, "method": method, "objective": objective, "limit": limit, **row})
                    told = f"{case} {method} {objective} {limit:g} s: {row['seconds']:.2f} s, {row['ended']}"
                    print(told, file=sys.stderr, flush=True)
    return found


def instance_of(case: str) -> ro.Instance:
    """The instance that a case names; seed 0."""
    family, devices, *kinds = case.split("-")
    numbers = {kind[0]: int(kind[1:]) for kind in kinds if kind[1:].isdigit()}
    has_energy = "energy" in kinds
    made = ro.generate(
        family,
        devices=int(devices),
        filters=numbers.get("f"),
        graph="graph" in kinds,
        slowdowns="laws" in kinds,
        domains=numbers.get("d"),
        kinds=numbers.get("k"),
        energy=has_energy,
    )
    if "rules" in kinds:
        names = [device.id for device in made.devices]
        made = made.with_rules(
            ro.Rule(apart=names[:2]), ro.Rule(apart=names[2:4]), ro.Rule(use=names[4:5]), ro.Rule(spare=names[5:6])
        )
    return made.with_requirements(success_level=LEVEL, max_energy_joules=MOST_JOULES if has_energy else None)


def searches(instance: ro.Instance, methods: list[str], objectives: list[str]) -> Iterator[tuple[str, str]]:
    """Methods and objectives that have a meaning for an instance."""
    for method in methods:
        for objective in objectives:
            is_random = instance.has_random_latencies
            if method in ro.METHODS:
                known = ro.METHODS[method]
                able = objective in known.objectives and not (is_random and known.run_random is None)
                able &= not instance.is_restricted or known.run_restricted is not None
            elif method in ("why_not", "compare"):
                able = True
            elif method == "max_groups":
                able = objective == LATENCIES[0]
            else:
                able = objective in LATENCIES and not is_random
                able &= method != "frontier" or (instance.knowledge.graph is not None and not instance.is_restricted)
                able &= method != "replan" or not instance.limits_energy
            if able and not (is_random and objective in ("nominal", "worst")):
                yield method, objective


def timed(path: Path, method: str, objective: str, limit: float) -> dict[str, Any]:
    """Seconds that a search took in a process of its own, seconds of CPU beyond its limit, and how it ended."""
    command = [sys.executable, __file__, "--search", str(path), method, objective, repr(limit)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as child:
        assert child.stdout is not None
        child.stdout.readline()
        process, began = psutil.Process(child.pid), time.perf_counter()
        try:
            child.wait(limit * searches_of(method))
            spent = None
        except subprocess.TimeoutExpired:
            spent = _cpu(process)
        try:
            child.wait(max(0.0, PATIENCE - (time.perf_counter() - began)))
        except subprocess.TimeoutExpired:
            child.kill()
            return {"seconds": PATIENCE, "late": PATIENCE, "cpu_late": PATIENCE, "ended": "killed"}
        text = child.stdout.read()
    if child.returncode:
        return {"seconds": 0.0, "late": 0.0, "cpu_late": 0.0, "ended": f"status {child.returncode}"}
    row: dict[str, Any] = json.loads(text)
    late = 0.0 if spent is None else max(0.0, row.pop("cpu") - spent)
    row.pop("cpu", None)
    end = limit * searches_of(method)
    return {**row, "late": round(max(0.0, row["seconds"] - end), 3), "cpu_late": round(min(late, row["seconds"]), 3)}


def searches_of(method: str) -> int:
    """How many searches in a row have the limit."""
    return len(COMPARED) if method == "compare" else 1


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def search(path: str, method: str, objective: Any, limit: float) -> None:
    """Search in this process; tell the beginning and the end."""
    instance = ro.read_instance(path)
    plan = ro.solve(instance, "random", latency_only=True).plan if method == "replan" else None
    print("begins", flush=True)
    began = time.perf_counter()
    try:
        ended = _ended(instance, plan, method, objective, limit)
    except ro.UnsupportedError:
        ended = "refused"
    seconds = time.perf_counter() - began
    print(json.dumps({"seconds": round(seconds, 3), "cpu": time.process_time(), "ended": ended}))


def _ended(instance: ro.Instance, plan: ro.Plan | None, method: str, objective: Any, limit: float) -> str:
    """Search, and say how it ended."""
    if method == "frontier":
        return ro.frontier(instance, objective, time_limit=limit).termination
    if plan is not None:
        lost = [device for group in plan.groups for device in group.devices][:LOST]
        return replan(instance, plan, lost, objective=objective, time_limit=limit).termination
    if method == "replan":
        return "no plan to begin with"
    if method == "why_not":
        return "a plan" if ro.why_not(instance, objective, time_limit=limit) is None else "no plan"
    if method == "max_groups":
        return ro.max_groups(instance, time_limit=limit).termination
    if method == "compare":
        return f"{len(ro.compare(instance, COMPARED, objective, time_limit=limit))} compared"
    return solve(instance, method, objective, time_limit=limit).termination


def show_tables(found: Document, *, markdown: bool) -> None:
    """By method and limit; then the latest."""
    rows = found["results"]
    limits = sorted({row["limit"] for row in rows})
    by_method: dict[str, dict[float, list[dict[str, Any]]]] = {}
    for row in rows:
        by_method.setdefault(row["method"], {}).setdefault(row["limit"], []).append(row)
    table = [
        [
            method,
            str(sum(map(len, chosen.values()))),
            *(f"{max(map(_late, chosen[limit])):.2f}" if limit in chosen else "-" for limit in limits),
            f"{max(row['cpu_late'] for group in chosen.values() for row in group):.2f}",
            str(sum(_is_too_late(row) for group in chosen.values() for row in group)),
        ]
        for method, chosen in by_method.items()
    ]
    show(
        f"Seconds beyond the limit, the largest over all cases and objectives; allowed are {ALLOWED:g} s plus "
        f"{100.0 * ALLOWED_SHARE:g} % of the limit",
        ("method", "searches", *(f"{limit:g} s" for limit in limits), "of CPU", "later than allowed"),
        table,
        {"method"},
        markdown=markdown,
    )
    latest = sorted(rows, key=_late, reverse=True)[:10]
    show(
        "The latest searches",
        ("case", "method", "objective", "limit", "late", "of CPU", "ended"),
        [
            [
                row["case"],
                row["method"],
                row["objective"],
                f"{row['limit']:g} s",
                f"{_late(row):.2f} s",
                f"{row['cpu_late']:.2f} s",
                row["ended"],
            ]
            for row in latest
        ],
        {"case", "method", "objective", "ended"},
        markdown=markdown,
    )


def _late(row: dict[str, Any]) -> float:
    return float(row["late"])


def _is_too_late(row: dict[str, Any]) -> bool:
    allowed = ALLOWED * searches_of(row["method"]) + ALLOWED_SHARE * row["limit"] * searches_of(row["method"])
    return min(_late(row), float(row["cpu_late"])) > allowed


def faults(found: Document) -> list[str]:
    """Searches that broke off."""
    return [
        f"{row['case']}, {row['method']}, {row['objective']}: {row['ended']}"
        for row in found["results"]
        if row["ended"].startswith("status")
    ]


QUICK = {
    "cases": ["paper-8", "edge-12-f1000000"],
    "methods": ["auto", "greedy", "why_not"],
    "objectives": ["guaranteed", "expected", "quantile"],
    "limits": ["0.2"],
}
SCRIPT = Script("time_limits", measure, show_tables, faults, quick=QUICK)


def main() -> None:
    """Measure or show; ``--search`` is what the processes of a search are called with."""
    if sys.argv[1:2] == ["--search"]:
        path, method, objective, limit = sys.argv[2:]
        search(path, method, objective, float(limit))
        return
    parser = shared_options(__doc__)
    parser.add_argument("--cases", type=names, default=CASES, metavar="C,C,...", help="see above; default: many")
    parser.add_argument("--methods", type=names, default=METHODS, metavar="M,M,...")
    parser.add_argument("--objectives", type=names, default=OBJECTIVES, metavar="O,O,...")
    parser.add_argument("--limits", type=names, default=[f"{limit:g}" for limit in LIMITS], metavar="S,S,...")
    parser.add_argument("--sample", default="1", metavar="SHARE", help="share of all searches, drawn at random")
    run(SCRIPT, parser)


if __name__ == "__main__":
    main()
