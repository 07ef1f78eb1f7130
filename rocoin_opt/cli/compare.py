"""The command ``compare``: several methods side by side, on one instance or over a whole run."""

from __future__ import annotations

import sys
from pathlib import Path  # noqa: TC003 - typer reads the annotations when it runs
from typing import TYPE_CHECKING, Annotated

import typer

from rocoin_opt.cli.names import listed
from rocoin_opt.cli.output import console, delivering, exit_without_plan
from rocoin_opt.errors import InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping


def compare(
    source: Annotated[
        Path, typer.Argument(metavar="INSTANCE_or_RUN", help="Instance file (*.json), or the folder of a batch run.")
    ],
    methods: Annotated[
        list[str] | None,
        typer.Option("--methods", metavar="M,M,...", help="Methods of an instance, separated by commas; repeatable."),
    ] = None,
    objective: Annotated[
        str | None,
        typer.Option("--objective", metavar="O", help="Objective of an instance: guaranteed where none is given."),
    ] = None,
    time_limit: Annotated[
        float | None, typer.Option("--time-limit", metavar="S", help="Seconds for each method on an instance.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", help="Seed of every search: 0 where none.")] = None,
    threads: Annotated[
        int | None, typer.Option("--threads", metavar="N", help="Threads of the solver: 1 where none is given.")
    ] = None,
    shift: Annotated[
        float | None,
        typer.Option("--shift", metavar="S", help="Of a run: seconds that shift the geometric mean of times, 1."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Show methods side by side: solve INSTANCE by each of them, or sum up a finished RUN by family and method."""
    searching = {
        "--methods": ",".join(methods) if methods else None,
        "--objective": objective,
        "--time-limit": time_limit,
        "--seed": seed,
        "--threads": threads,
    }
    if source.is_dir():
        _refuse(searching, "an instance file: a run was asked its questions when it was made")
        _compare_run(source, shift, as_json)
        return
    if not source.exists():
        raise InputError(
            str(source), [Problem("", "no such file or folder", "an instance file, or the folder of a run")]
        )
    _refuse({"--shift": shift}, "the folder of a run")
    if not methods:
        raise InputError("options", [Problem("--methods", "nothing", "methods for an instance, as auto,rocoin")])
    _compare_methods(
        source,
        methods,
        "guaranteed" if objective is None else objective,
        time_limit,
        seed or 0,
        1 if threads is None else threads,
        as_json,
    )


def _compare_run(folder: Path, shift: float | None, as_json: bool) -> None:
    from rocoin_opt.batch import Store
    from rocoin_opt.documents import readable_json
    from rocoin_opt.report import SHIFT, RunItems, print_run_comparison, run_comparison_document

    with Store.open(folder) as store:
        run = RunItems.of(store.rows(), str(folder))
    used = SHIFT if shift is None else shift
    if as_json:
        print(readable_json(run_comparison_document(run, used)))
    else:
        print_run_comparison(run, console(), used)


def _compare_methods(
    path: Path, methods: list[str], objective: str, time_limit: float | None, seed: int, threads: int, as_json: bool
) -> None:
    from rocoin_opt.cli.progress import showing_progress
    from rocoin_opt.control import terminated
    from rocoin_opt.documents import readable_json
    from rocoin_opt.instance import read_instance
    from rocoin_opt.plan import OBJECTIVES, result_document
    from rocoin_opt.planning.compare import compare as solve_by_all
    from rocoin_opt.report import print_comparison

    if objective not in OBJECTIVES:
        raise InputError("options", [Problem("--objective", repr(objective), f"one of {', '.join(OBJECTIVES)}")])
    given = read_instance(path)
    names = listed(methods)
    with showing_progress(given.name) as report:
        results = solve_by_all(
            given,
            names,
            next(name for name in OBJECTIVES if name == objective),
            time_limit=time_limit,
            seed=seed,
            threads=threads,
            report=report,
        )
    with delivering():
        if as_json:
            print(readable_json([result_document(result.instance, result) for result in results]))
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
