"""``exact``, the joint Pyomo model ``milp`` and monolithic models of three other solvers on the same instances.

``python benchmarks/side_by_side.py FILE ...``, or ``--family edge --devices 20,30 --seeds 0,1,2``, or
``--preset table|fresh``. Every run is a process of its own with the same limits, and one runs at a time. The peers
come with the extra ``bench``: CP-SAT (``cp-sat``, by OR-Tools), SCIP (``scip``, by PySCIPOpt) and HiGHS (``linopy``).
One that is not installed is not measured; ``--peer-python`` names an interpreter that has them and this package.

Whatever a method returns, its plan is checked by ``rocoin_opt.check`` and valued by ``rocoin_opt.evaluate``; the bound
is the method's own claim. The exit status is 1 where a bound and a valid plan contradict each other.

In a preset, a method that proved nothing and left a median gap of 99 % or more, in 5 s or more, is not tried on the
family's larger sizes. The time to state the same big-M model in three modelling layers is measured beside.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import measurement
from peers.building_table import build_times, show_build_times
from peers.cases import PRESETS, Case, file_cases, generated_cases, preset_cases
from peers.measure import MONOLITHIC, PEERS, Limits, Measurement, measure, peer_version, terms
from peers.medians import Run, contradictions, hopeless
from peers.run_records import record, runs_of
from peers.run_tables import progress, show_by_method, show_runs
from script import SHARED, Document, Script, names, numbers, run, shared_options

import rocoin_opt as ro

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NAME = "side_by_side"
METHODS = ["exact", "milp", "cp-sat", "scip", "linopy"]
MAX_TERMS = {"milp": 200_000} | dict.fromkeys(PEERS, 1_000_000)
"""Devices x groups x students beyond which a monolithic model takes all of the memory, or minutes to build."""
SEEDS = [0, 1, 2]
START_SECONDS = 3.0
"""What a run takes beside its search: to start, to read the instance and to check the plan."""


class Plan(argparse.Action):
    """Prints the rows of the presets and the time that they may take."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Print and end."""
        for preset, rows in PRESETS.items():
            print(f"{preset}:")
            total = 0.0
            for row in rows:
                for size in row.sizes:
                    terms_of_one = terms(ro.generate(row.family, devices=size, seed=0))
                    methods = [name for name in METHODS if terms_of_one <= MAX_TERMS.get(name, float("inf"))]
                    asked = {name: len(row.seeds) for name in methods}
                    if row.monolithic is not None:
                        asked |= {name: row.monolithic for name in methods if name in MONOLITHIC}
                    seconds = sum(asked.values()) * (row.target.limit + START_SECONDS)
                    total += seconds
                    runs = ", ".join(f"{name} {number}" for name, number in asked.items())
                    print(f"  {row.family} {size:,}: {runs}; {row.target}; {seconds:,.0f} s")
            print(f"  at most {total / 60.0:.0f} minutes, if every run took all of its time and none was left out")
        parser.exit()


def measured(options: argparse.Namespace) -> dict[str, Any]:
    """Run everything that was asked for."""
    unknown = [name for name in options.methods if name not in (*ro.METHODS, *PEERS)]
    if unknown:
        sys.exit(f"unknown method {', '.join(unknown)}; there are {', '.join((*ro.METHODS, *PEERS))}")
    if not (options.files or options.preset or (options.family and options.devices)):
        sys.exit("name instance files, or --family and --devices, or --preset table")
    packages = sorted({PEERS[name].package for name in options.methods if name in PEERS})
    python = options.peer_python or sys.executable
    versions = {package: peer_version(python, package) for package in packages}
    for package in (package for package, version in versions.items() if version is None):
        print(f"{python} has no {package} (extra bench): it is not measured", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        cases = _cases(options, Path(folder))
        runs = _run(options, cases, versions)
        building = build_times(cases, versions, python) if options.build_times or options.preset == "table" else []
    return _results(runs, building, versions)


def _cases(options: argparse.Namespace, folder: Path) -> list[Case]:
    if options.files:
        return list(file_cases(map(Path, options.files)))
    if options.preset:
        return list(preset_cases(folder, options.preset, options.family, options.devices, options.seeds))
    return list(generated_cases(folder, options.family, options.devices, options.seeds or SEEDS))


def _run(options: argparse.Namespace, cases: Sequence[Case], versions: Mapping[str, str | None]) -> list[Run]:
    known = _stored(options)
    runs: list[Run] = []
    total = len(cases) * len(options.methods) * options.repeat
    for case in cases:
        for repeat in range(options.repeat):
            reference: Measurement | None = None
            for method in options.methods:
                earlier = known.pop((case.name, repeat, method), None)
                result = _measurement(options, case, method, runs, versions) if earlier is None else earlier.result
                reference = reference or result
                runs.append(Run(case, repeat, result, reference))
                print(f"[{len(runs)}/{total}] {case.name}: {progress(result)}", file=sys.stderr, flush=True)
                if options.out is not None:
                    # Those that come later were measured already, and must not be lost by another interruption.
                    results = _results([*runs, *known.values()], [], versions)
                    settings = measurement.settings_of(vars(options), SHARED)
                    made = measurement.document(NAME, settings, results, earlier_seconds=options.earlier_seconds)
                    measurement.write(options.out, made)
    return runs


def _measurement(
    options: argparse.Namespace, case: Case, method: str, runs: Sequence[Run], versions: Mapping[str, str | None]
) -> Measurement:
    obstacle = _obstacle(case, method, versions)
    if options.preset and method in MONOLITHIC:
        obstacle = obstacle or hopeless(runs, case, method)
    if obstacle:
        return Measurement(method, "not measured", note=obstacle)
    default = 60.0 if case.target is None else case.target.limit
    seconds = default if options.time_limit is None else options.time_limit
    limits = Limits(seconds, options.threads, options.workers, options.seed)
    return measure(case.path, method, options.objective, limits, options.peer_python or sys.executable)


def _obstacle(case: Case, method: str, versions: Mapping[str, str | None]) -> str:
    if method in PEERS and versions[PEERS[method].package] is None:
        return f"no {PEERS[method].package}"
    if method in MONOLITHIC and not case.is_monolithic:
        return "not asked on every seed"
    size = terms(ro.read_instance(case.path)) if method in MONOLITHIC else 0
    return f"{size:,} devices x groups x students" if size > MAX_TERMS.get(method, size) else ""


def _results(
    runs: Sequence[Run], building: Sequence[Mapping[str, Any]], versions: Mapping[str, str | None]
) -> dict[str, Any]:
    return {"runs": [record(run) for run in runs], "building": list(building), "peers": dict(versions)}


def _stored(options: argparse.Namespace) -> dict[tuple[str, int, str], Run]:
    """Runs of an earlier measurement that broke off."""
    if not (options.resume and options.out is not None and options.out.exists()):
        return {}
    found = measurement.read(options.out, NAME)
    wanted = measurement.settings_of(vars(options), SHARED)
    if found["settings"] | {"resume": True} != wanted:
        sys.exit(f"{options.out}: was measured with other settings")
    options.earlier_seconds = found["duration_seconds"]
    return {(run.case.name, run.repeat, run.result.method): run for run in runs_of(found["results"]["runs"])}


def show(found: Document, *, markdown: bool) -> None:
    """Print the tables."""
    runs = runs_of(found["results"]["runs"])
    if markdown:
        show_by_method(runs)
    else:
        show_runs(runs, found["settings"]["methods"][0])
    show_build_times(found["results"]["building"], markdown=markdown)
    peers = [f"{package} {version}" for package, version in found["results"]["peers"].items() if version]
    if peers:
        print(f"Peers: {', '.join(peers)}.")


def main() -> None:
    """Measure or read, print."""
    parser = shared_options(__doc__)
    parser.add_argument("files", nargs="*", metavar="FILE", help="instance files")
    parser.add_argument("--preset", choices=list(PRESETS), help="families and sizes with targets and time limits")
    parser.add_argument("--list", action=Plan, nargs=0, help="print the presets' rows and the time that they may take")
    parser.add_argument("--family", type=names, default=[], metavar="F,F,...")
    parser.add_argument("--devices", type=numbers, default=[], metavar="N,N,...")
    parser.add_argument("--seeds", type=numbers, metavar="N,N,...", help="of the instances; 0,1,2, or the preset's")
    parser.add_argument("--objective", choices=["guaranteed", "nominal", "worst"], default="guaranteed")
    parser.add_argument("--time-limit", type=float, metavar="S", help="60, or that of the preset's row")
    parser.add_argument(
        "--methods",
        type=names,
        default=METHODS,
        metavar="M,M,...",
        help=f"the first one is what ratios refer to and targets are for; default {','.join(METHODS)}",
    )
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="of the package's solver; default 2")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="of CP-SAT and linopy's HiGHS; default 2")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the methods")
    parser.add_argument("--repeat", type=int, default=1, metavar="N")
    parser.add_argument("--peer-python", metavar="FILE", help="default: the one that runs this")
    parser.add_argument("--build-times", action="store_true", help="measure modelling layers too; done for the preset")
    parser.add_argument("--resume", action="store_true", help="keep the runs that OUT holds, and add what is missing")
    quick = {"family": ["edge"], "devices": [8], "seeds": [0], "time_limit": 10.0, "build_times": True}
    run(Script(NAME, measured, show, lambda found: contradictions(runs_of(found["results"]["runs"])), quick), parser)


if __name__ == "__main__":
    main()
