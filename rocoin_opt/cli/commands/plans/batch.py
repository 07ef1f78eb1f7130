"""The command ``batch``: every instance by every method, kept safe in the folder of a run."""

from __future__ import annotations

import contextlib
import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rocoin_opt.cli.options import (
    CriterionName,
    Gap,
    LatencyOnly,
    MethodNames,
    Preferred,
    Threads,
    TimeLimit,
    UnboundPolish,
    listed,
    refuse,
)
from rocoin_opt.cli.output import delivering, require_outputs
from rocoin_opt.wording import counted, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rocoin_opt.batch import State

FAILED, INTERRUPTED = 1, 130
MEGABYTE = 10**6


def batch(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="Instance files, and folders to search for them.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="RUN", help="Folder of the run; an earlier one is continued.")],
    methods: MethodNames = None,
    objectives: Annotated[
        list[str] | None,
        typer.Option(
            "--objectives",
            metavar="O,O,...",
            help="guaranteed, expected, nominal, worst, failure, missing or quantile; repeatable.",
            show_default="guaranteed",
        ),
    ] = None,
    seeds: Annotated[
        list[str] | None,
        typer.Option(
            "--seeds", metavar="N,N,...", help="Seeds; everything is repeated with each. Repeatable.", show_default="0"
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", metavar="N", help="Items at the same time; by default as many as the cores allow."),
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option("--scheduler", metavar="ADDRESS", help="Run on a Dask cluster (extra dask).")
    ] = None,
    time_limit: TimeLimit = None,
    grace: Annotated[
        float, typer.Option("--grace", metavar="S", help="Seconds beyond the time limit after which an item is ended.")
    ] = 10.0,
    memory_limit: Annotated[
        float | None,
        typer.Option("--memory-limit", metavar="MB", help="Megabytes beyond which the process of an item is ended."),
    ] = None,
    gap: Gap = 0.0,
    threads: Threads = 1,
    latency_only: LatencyOnly = False,
    criterion: CriterionName = "ncut",
    prefer: Preferred = "reliability",
    polish: UnboundPolish = None,
    force: Annotated[bool, typer.Option("--force", help="Repeat items that are done.")] = False,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Repeat items that failed.")] = False,
    exports: Annotated[
        list[Path] | None,
        typer.Option("--export", metavar="FILE", help="Write the results as .json, .parquet or .csv; repeatable."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
    json_lines: Annotated[
        bool, typer.Option("--json-lines", help="Print each result as a line of JSON as it finishes.")
    ] = False,
) -> None:
    """Solve every instance by every method, auto by default, for every objective; the same command continues a run."""
    from rocoin_opt.batch import (
        RESULTS,
        BatchRequest,
        Options,
        Store,
        fields_of,
        find_instances,
        require_exportable,
        run_batch,
    )
    from rocoin_opt.batch.export import export
    from rocoin_opt.cli.batch_progress import showing_batch
    from rocoin_opt.control import TERMINATED, ended_by_termination
    from rocoin_opt.writing import require_folder

    if memory_limit is not None and not 0 < memory_limit < float("inf"):
        refuse("--memory-limit", repr(memory_limit), "a positive, finite number")
    memory = None if memory_limit is None else int(memory_limit * MEGABYTE)
    request = BatchRequest(
        Options(time_limit, grace, memory, gap, threads, latency_only, criterion, prefer, polish),
        tuple(listed(methods or ["auto"])),
        tuple(listed(objectives or ["guaranteed"])),
        _numbers(seeds or ["0"]),
        jobs=jobs,
        scheduler=scheduler,
        force=force,
        retry_failed=retry_failed,
    )
    for file in exports or ():
        require_exportable(file)
    # Before the work, not after it.
    require_folder(out)
    require_outputs(*exports or (), out / RESULTS if out.exists() else None)
    files, passed = find_instances(paths, leave_out=out)
    require_outputs(*exports or (), inputs=files)
    if not quiet:
        for line in passed:
            print(printable(f"passed over {line}"), file=sys.stderr)
    last: State | None = None

    def observe(state: State) -> None:
        nonlocal last
        last = state
        show(state)

    try:
        with _quiet_cluster(scheduler), ended_by_termination(), showing_batch(quiet) as show:
            for result in run_batch(request, files, out, observe):
                if json_lines:
                    print(json.dumps(fields_of(result)), flush=True)
    except (KeyboardInterrupt, SystemExit) as end:
        how, status = ("terminated", TERMINATED) if isinstance(end, SystemExit) else ("interrupted", INTERRUPTED)
        done = "" if last is None else f" after {last.done} of {last.total} items"
        print(f"rocoin-opt: {how}{done}; the same command continues the run", file=sys.stderr)
        raise typer.Exit(status) from None
    with delivering() as deliver:
        with Store.open(out) as store:
            for file in exports or ():
                deliver(export, store, file)
        if last is not None and not json_lines:
            print(printable(f"{out / RESULTS}: {counted(last.done, 'item')}, {last.failed} failed"))
    if last is not None and last.failed:
        raise typer.Exit(FAILED)


@contextlib.contextmanager
def _quiet_cluster(scheduler: str | None) -> Iterator[None]:
    """Keep the log of Dask off the terminal: what ends a run there, a scheduler that is gone say, is told in a line."""
    before = logging.root.manager.disable
    if scheduler is not None:
        # It has loggers and handlers of its own, set up when it is imported.
        logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def _numbers(given: list[str]) -> tuple[int, ...]:
    try:
        return tuple(int(number) for number in listed(given))
    except ValueError:
        refuse("--seeds", repr(",".join(given)), "whole numbers, separated by commas")
