"""The command ``report``: a plan or a run as one page for people."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from rocoin_opt.cli.options import TimeLimit, refuse, required
from rocoin_opt.cli.output import delivering, require_outputs
from rocoin_opt.errors import InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from rocoin_opt.instance import Instance
    from rocoin_opt.planning.frontier import Frontier

PATIENCE = 10.0
"""Seconds for the frontier of an instance where nobody says otherwise."""


def report(
    source: Annotated[
        Path, typer.Argument(metavar="RUN_or_PLAN", help="Folder of a batch run, or a plan file (*.plan.json).")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE.html", help="The page to write.")],
    instance: Annotated[
        Path | None,
        typer.Option("--instance", metavar="INSTANCE", help="Instance file of the plan; required for a plan."),
    ] = None,
    show: Annotated[
        list[str] | None,
        typer.Option(
            "--show", metavar="NAME,...", help="Instances of a run to show in detail; a few by default. Repeatable."
        ),
    ] = None,
    frontier: Annotated[
        bool,
        typer.Option(
            "--frontier",
            help=f"Compute and draw latency against partition, where there is a graph; {PATIENCE:g} s each by default.",
        ),
    ] = False,
    time_limit: TimeLimit = None,
) -> None:
    """Write a page about a RUN or a PLAN: tables and pictures in one file, to be opened in any browser."""
    from rocoin_opt.batch import DATABASE
    from rocoin_opt.report.page import require_report
    from rocoin_opt.writing import write_text

    if time_limit is not None and not frontier:
        refuse("--time-limit", time_limit, "only with --frontier")
    # Before the work, not after it.
    require_report()
    require_outputs(out, inputs=[source, source / DATABASE, instance])
    search = _frontier_search(PATIENCE if time_limit is None else time_limit) if frontier else None
    if source.is_dir():
        if instance is not None:
            refuse("--instance", instance, "only with a plan: a run knows its instances")
        text = _run_page(source, show, search)
    else:
        if not source.exists():
            _missing(source)
        if show:
            refuse("--show", ",".join(show), "only with the folder of a run")
        text = _plan_page(source, instance, out, search)
    with delivering() as deliver:
        if deliver(write_text, out, text):
            print(f"{out}: {len(text.encode()) / 1e3:.0f} kB")
        elif not sys.stdout.isatty():
            # Frontiers took time. On a terminal a page would only push the message away.
            print(text)


def _run_page(folder: Path, show: list[str] | None, search: Callable[[Instance, str], Frontier] | None) -> str:
    from rocoin_opt.batch import Store
    from rocoin_opt.report.page import run_report

    with Store.open(folder) as store:
        names = required("--show", show, {row.instance for row in store.rows()}) if show else None
        return run_report(store, shown=names, frontier_of=search)


def _plan_page(path: Path, instance: Path | None, out: Path, search: Callable[[Instance, str], Frontier] | None) -> str:
    from rocoin_opt.instance import matrix_files, read_instance
    from rocoin_opt.plan import read_plan, read_plan_document
    from rocoin_opt.report.page import plan_report

    # Whoever gives an instance in place of a plan is not asked for another one.
    document = read_plan_document(path)
    if instance is None:
        refuse("--instance", "nothing", "the instance file of the plan")
    given = read_instance(instance)
    require_outputs(out, inputs=matrix_files(given, instance))
    decided = read_plan(path, given)
    objective = "guaranteed" if document.solve is None else document.solve.objective
    return plan_report(given, decided, document, None if search is None else search(given, objective))


def _frontier_search(time_limit: float) -> Callable[[Instance, str], Frontier]:
    def search(given: Instance, objective: str) -> Frontier:
        from rocoin_opt.cli.progress import showing_progress
        from rocoin_opt.plan import THRESHOLD_OBJECTIVES, Objective
        from rocoin_opt.planning.frontier import frontier

        # A frontier is one of the latency of some replica, and the other objectives have none.
        wanted: Objective = next((name for name in THRESHOLD_OBJECTIVES if name == objective), "guaranteed")
        with showing_progress(f"{given.name}, frontier") as tell:
            return frontier(given, wanted, time_limit=time_limit, report=tell)

    return search


def _missing(source: Path) -> NoReturn:
    raise InputError(str(source), [Problem("", "no such file or folder", "the folder of a run, or a plan file")])
