"""The command ``compare``: several methods side by side, on one instance or over a whole run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rocoin_opt.cli.options import (
    POLISH_SECONDS,
    AsJson,
    GivenObjective,
    GivenPolish,
    GivenSeed,
    GivenThreads,
    MethodNames,
    TimeLimit,
    listed,
    objective_named,
    refuse,
)
from rocoin_opt.cli.output import console, delivering, exit_without_plan, print_json
from rocoin_opt.errors import InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping


def compare(
    source: Annotated[
        Path, typer.Argument(metavar="INSTANCE_or_RUN", help="Instance file (*.json), or the folder of a batch run.")
    ],
    methods: MethodNames = None,
    objective: GivenObjective = None,
    time_limit: TimeLimit = None,
    seed: GivenSeed = None,
    threads: GivenThreads = None,
    polish: GivenPolish = None,
    shift: Annotated[
        float | None,
        typer.Option(
            "--shift", metavar="S", help="For a run: shift of the geometric mean of times, in seconds; 1 by default."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare methods: solve INSTANCE by each of them, or summarise a RUN by family and method.

    Defaults of a search are those of solve; a RUN takes no options of a search.
    """
    searching = {
        "--methods": ",".join(methods) if methods else None,
        "--objective": objective,
        "--time-limit": time_limit,
        "--seed": seed,
        "--threads": threads,
        "--polish": polish,
    }
    if source.is_dir():
        _refuse(searching, "an instance file: the options of a run were set when it was made")
        _compare_run(source, shift, as_json)
        return
    if not source.exists():
        raise InputError(
            str(source), [Problem("", "no such file or folder", "an instance file, or the folder of a run")]
        )
    _refuse({"--shift": shift}, "the folder of a run")
    if not methods:
        refuse("--methods", "nothing", "methods for an instance, as auto,rocoin")
    _compare_methods(
        source,
        methods,
        "guaranteed" if objective is None else objective,
        time_limit,
        seed or 0,
        1 if threads is None else threads,
        POLISH_SECONDS if polish is None else polish,
        as_json,
    )


def _compare_run(folder: Path, shift: float | None, as_json: bool) -> None:
    from rocoin_opt.batch import Store
    from rocoin_opt.report import SHIFT, RunItems, print_run_comparison, run_comparison_document

    with Store.open(folder) as store:
        run = RunItems.of(store.rows(), str(folder))
    used = SHIFT if shift is None else shift
    if as_json:
        print_json(run_comparison_document(run, used))
    else:
        print_run_comparison(run, console(), used)


def _compare_methods(
    path: Path,
    methods: list[str],
    objective: str,
    time_limit: float | None,
    seed: int,
    threads: int,
    polish: float,
    as_json: bool,
) -> None:
    from rocoin_opt.cli.progress import showing_progress
    from rocoin_opt.control import terminated
    from rocoin_opt.instance import read_instance
    from rocoin_opt.plan import result_document
    from rocoin_opt.planning.compare import compare as solve_by_all
    from rocoin_opt.report import print_comparison

    wanted = objective_named(objective)
    given = read_instance(path)
    names = listed(methods)
    with showing_progress(given.name, wanted) as report:
        results = solve_by_all(
            given,
            names,
            wanted,
            time_limit=time_limit,
            seed=seed,
            threads=threads,
            polish=polish,
            report=report,
        )
    with delivering():
        if as_json:
            print_json([result_document(result.instance, result) for result in results])
        else:
            print_comparison(given, results, console())
    left_out = names[len({result.method for result in results}) :] if terminated() else []
    if left_out:
        print(f"ended by SIGTERM before {', '.join(left_out)}", file=sys.stderr)
    exit_without_plan(*(result.termination for result in results))


def _refuse(options: Mapping[str, object], allowed: str) -> None:
    """Refuse options that would have no effect here."""
    problems = [
        Problem(name, repr(value), f"only with {allowed}") for name, value in options.items() if value is not None
    ]
    if problems:
        raise InputError("options", problems)
