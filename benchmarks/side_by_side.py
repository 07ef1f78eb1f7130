"""``exact``, the joint Pyomo model ``milp`` and a monolithic CP-SAT model on the same instances, side by side.

``python benchmarks/side_by_side.py FILE ...``, or ``--family edge --devices 20,30 --seeds 0,1,2``, or
``--preset table``. Every run is a process of its own with the same limits, and one runs at a time. OR-Tools comes with
the extra ``bench``; ``--peer-python`` names an interpreter that has it and this package, where another one has not.

Whatever a method returns, its plan is checked by ``rocoin_opt.check`` and valued by ``rocoin_opt.evaluate``; the bound
is the method's own claim. The exit status is 1 where a bound and a valid plan contradict each other.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import os
import platform
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peers.cases import Case, Target, file_cases, generated_cases, preset_cases
from peers.measure import MONOLITHIC, PEERS, Limits, Measurement, measure, peer_version, terms
from peers.medians import Medians, Run, contradictions, medians
from peers.tables import figure, percent, show, spread_text

import rocoin_opt as ro
from rocoin_opt.documents import write_text

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT_METHODS = "exact,milp,cp-sat"
MAX_TERMS = {"milp": 200_000} | dict.fromkeys(PEERS, 2_000_000)
"""Devices x groups x students beyond which a monolithic model takes all of the memory, or minutes to build."""
RUN_HEADER = (
    "instance",
    "N",
    "method",
    "end",
    "value",
    "bound",
    "gap",
    "seconds",
    "seconds/ref",
    "value/ref",
    "checked",
)
MEDIAN_HEADER = ("family", "N", "method", "proven", "gap", "seconds", "seconds/ref", "value/ref", "target", "holds")
TEXT_COLUMNS = {"instance", "method", "end", "checked", "family", "target", "holds"}


def main() -> None:
    """Run, print and store."""
    options = _parser().parse_args()
    methods = options.methods.split(",")
    unknown = [name for name in methods if name not in (*ro.METHODS, *PEERS)]
    if unknown:
        sys.exit(f"unknown method {', '.join(unknown)}; there are {', '.join((*ro.METHODS, *PEERS))}")
    if not (options.files or options.preset or (options.family and options.devices)):
        sys.exit("name instance files, or --family and --devices, or --preset table")
    version = peer_version(options.peer_python) if set(methods) & set(PEERS) else None
    if version is None and set(methods) & set(PEERS):
        print(f"{options.peer_python} has no OR-Tools (extra bench): CP-SAT is not measured", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        cases = _cases(options, Path(folder))
        runs = _run(options, cases, methods, version)
    _print_tables(options, runs, methods[0])
    faults = contradictions(runs)
    for fault in faults:
        print(f"contradiction: {fault}", file=sys.stderr)
    sys.exit(1 if faults else 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="instance files")
    parser.add_argument("--preset", choices=["table"], help="families and sizes with targets and time limits")
    parser.add_argument("--family", type=_names, default=[], metavar="F,F,...")
    parser.add_argument("--devices", type=_numbers, default=[], metavar="N,N,...")
    parser.add_argument("--seeds", type=_numbers, default=[0, 1, 2], metavar="N,N,...", help="of the instances")
    parser.add_argument("--objective", choices=["guaranteed", "nominal", "worst"], default="guaranteed")
    parser.add_argument("--time-limit", type=float, metavar="S", help="60, or that of the preset's row")
    parser.add_argument(
        "--methods",
        default=DEFAULT_METHODS,
        metavar="M,M,...",
        help=f"the first one is what ratios refer to and targets are for; default {DEFAULT_METHODS}",
    )
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="of the package's solver; default 2")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="of CP-SAT; default 2")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the methods")
    parser.add_argument("--repeat", type=int, default=1, metavar="N")
    parser.add_argument("--peer-python", default=sys.executable, metavar="FILE")
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="write every run, after each of them")
    parser.add_argument("--markdown", action="store_true", help="print Markdown instead of tables for terminals")
    return parser


def _names(text: str) -> list[str]:
    return text.split(",")


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def _cases(options: argparse.Namespace, folder: Path) -> list[Case]:
    if options.files:
        return list(file_cases(options.files))
    if options.preset:
        return list(preset_cases(folder, options.family, options.devices, options.seeds))
    return list(generated_cases(folder, options.family, options.devices, options.seeds))


def _run(options: argparse.Namespace, cases: Sequence[Case], methods: Sequence[str], version: str | None) -> list[Run]:
    runs: list[Run] = []
    total = len(cases) * len(methods) * options.repeat
    for case in cases:
        instance = ro.read_instance(case.path)
        for repeat in range(options.repeat):
            reference: Measurement | None = None
            for method in methods:
                obstacle = _obstacle(instance, method, version)
                if obstacle:
                    result = Measurement(method, "not measured", note=obstacle)
                else:
                    result = _measured(options, case, method)
                reference = reference or result
                runs.append(Run(case, repeat, result, reference))
                print(f"[{len(runs)}/{total}] {case.name}: {_progress(result)}", file=sys.stderr, flush=True)
                if options.out is not None:
                    write_text(options.out, json.dumps(_document(options, runs, version), indent=1) + "\n")
    return runs


def _obstacle(instance: ro.Instance, method: str, version: str | None) -> str:
    if method in PEERS and version is None:
        return "no OR-Tools"
    size = terms(instance)
    if method in MONOLITHIC and size > MAX_TERMS[method]:
        return f"{size:,} devices x groups x students are too many"
    return ""


def _measured(options: argparse.Namespace, case: Case, method: str) -> Measurement:
    default = 60.0 if case.target is None else case.target.seconds
    seconds = default if options.time_limit is None else options.time_limit
    limits = Limits(seconds, options.threads, options.workers, options.seed)
    return measure(case.path, method, options.objective, limits, options.peer_python)


def _document(options: argparse.Namespace, runs: Sequence[Run], version: str | None) -> dict[str, Any]:
    """Everything that was measured, with what it was measured by."""
    return {
        "settings": {key: value for key, value in vars(options).items() if key not in ("files", "out", "peer_python")},
        "machine": {"platform": platform.platform(), "processors": os.cpu_count()},
        "versions": {**ro.versions(), "ortools": version},
        "runs": [
            {
                "instance": run.case.name,
                "family": run.case.family,
                "devices": run.case.devices,
                "repeat": run.repeat,
                **dataclasses.asdict(run.result),
                "gap": run.result.gap,
                "seconds_ratio": run.seconds_ratio,
                "value_ratio": run.value_ratio,
            }
            for run in runs
        ],
    }


def _progress(result: Measurement) -> str:
    spent = "" if result.seconds is None else f" in {result.seconds:.2f} s, value {figure(result.value)}"
    note = f" ({result.note})" if result.note else ""
    return f"{result.method} {result.termination}{spent}, gap {percent(result.gap)}{note}"


def _print_tables(options: argparse.Namespace, runs: Sequence[Run], reference: str) -> None:
    show("Runs", RUN_HEADER, [_run_row(run) for run in runs], TEXT_COLUMNS, markdown=options.markdown)
    targets = {(run.case.family, run.case.devices): run.case.target for run in runs}
    rows = [_median_row(row, targets[row.family, row.devices]) for row in medians(runs, reference)]
    title = "Medians over the instances (smallest..largest)"
    show(title, MEDIAN_HEADER, rows, TEXT_COLUMNS, markdown=options.markdown)
    print(
        f"ref is {reference}. Seconds are those of the search: of the package with the imports that it makes on its "
        "way (half a second for Pyomo and HiGHS), of the peer without any. After > it ended without a proof. Checked: "
        "the plan passed rocoin_opt.check, and the value is that of rocoin_opt.evaluate; the bound is a claim."
    )


def _run_row(run: Run) -> list[str]:
    result = run.result
    mark = ">" if result.termination == "feasible" else ""
    return [
        run.case.name,
        f"{run.case.devices:,}",
        result.method,
        f"{result.termination}: {result.note}" if result.note else result.termination,
        figure(result.value),
        figure(result.bound),
        percent(result.gap),
        _marked(mark, "-" if result.seconds is None else f"{result.seconds:.2f}"),
        _marked(mark, "-" if run.seconds_ratio is None else f"{run.seconds_ratio:.3g}"),
        "-" if run.value_ratio is None else f"{run.value_ratio:.5f}",
        "plan, value" if result.checked else "-",
    ]


def _median_row(row: Medians, target: Target | None) -> list[str]:
    verdict = {None: "-", True: "holds", False: "MISSED"}[row.holds]
    mark = ">" if row.proven < row.measured else ""
    return [
        row.family,
        f"{row.devices:,}",
        row.method,
        f"{row.proven} of {row.measured}" if row.measured else "not measured",
        spread_text(row.gap, lambda gap: "none" if math.isinf(gap) else percent(gap)),
        _marked(mark, spread_text(row.seconds, lambda seconds: f"{seconds:.2f}")),
        _marked(mark, spread_text(row.seconds_ratio, lambda ratio: f"{ratio:.3g}")),
        spread_text(row.value_ratio, lambda ratio: f"{ratio:.5f}"),
        "-" if target is None or row.holds is None else str(target),
        verdict,
    ]


def _marked(mark: str, text: str) -> str:
    return text if text == "-" else mark + text


if __name__ == "__main__":
    main()
