"""The command ``solve``: one plan of one instance, by one method."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rocoin_opt.cli.options import (
    POLISH_SECONDS,
    AsJson,
    CriterionName,
    Gap,
    InstanceFile,
    LatencyOnly,
    ObjectiveName,
    PlanOut,
    Polish,
    Preferred,
    Seed,
    Threads,
    TimeLimit,
    objective_named,
)
from rocoin_opt.cli.output import (
    complain,
    console,
    delivering,
    exit_without_plan,
    print_json,
    require_matrices,
    require_outputs,
    tell_estimated_classes,
    tell_reasons,
)

if TYPE_CHECKING:
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Plan


def solve(
    instance: InstanceFile,
    method: Annotated[str, typer.Option("--method", metavar="M", help="See the command methods.")] = "auto",
    objective: ObjectiveName = "guaranteed",
    time_limit: TimeLimit = None,
    gap: Gap = 0.0,
    seed: Seed = 0,
    threads: Threads = 1,
    workers: Annotated[
        int,
        typer.Option(
            "--workers", metavar="N", help="Processes that search for the least latency at once; exact and auto."
        ),
    ] = 1,
    start: Annotated[
        Path | None,
        typer.Option(
            "--start",
            metavar="PLAN",
            help="Plan file to improve on; the result is never worse. One that breaks rules is repaired first.",
        ),
    ] = None,
    spare: Annotated[
        list[str] | None, typer.Option("--spare", metavar="ID,...", help="Devices to keep out of all groups.")
    ] = None,
    use: Annotated[list[str] | None, typer.Option("--use", metavar="ID,...", help="Devices that must serve.")] = None,
    apart: Annotated[
        list[str] | None,
        typer.Option("--apart", metavar="ID,ID,...", help="Devices no two of which share a group; repeatable."),
    ] = None,
    together: Annotated[
        list[str] | None,
        typer.Option("--together", metavar="ID,ID,...", help="Devices in one group, or all spare; repeatable."),
    ] = None,
    spread: Annotated[
        int | None, typer.Option("--spread", metavar="N", help="Least number of failure domains of each group.")
    ] = None,
    latency_only: LatencyOnly = False,
    filters: Annotated[
        bool, typer.Option("--filters", help="Name the filters of each part even without a graph.")
    ] = False,
    criterion: CriterionName = "ncut",
    prefer: Preferred = "reliability",
    polish: Polish = POLISH_SECONDS,
    out: PlanOut = None,
    left: Annotated[
        Path | None,
        typer.Option(
            "--left", metavar="FILE", help="Write the instance with the rules of the options; the plan is for it."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find a plan for INSTANCE, with a proof or a bound, and show it.

    The options --spare, --use, --apart, --together and --spread add rules for this search alone.
    """
    from rocoin_opt.cli.options import with_rules_of
    from rocoin_opt.cli.progress import showing_progress
    from rocoin_opt.instance import matrix_files, read_instance, write_instance
    from rocoin_opt.plan import print_summary, result_document, write_plan_document
    from rocoin_opt.planning.request import require_startable
    from rocoin_opt.planning.solve import solve as find_plan

    # A plan that is improved on may give way: the new one is never worse.
    require_outputs(out, left, inputs=[instance])
    given = read_instance(instance)
    require_outputs(out, left, inputs=matrix_files(given, instance))
    require_outputs(left, inputs=[start])
    require_matrices(left, given, inputs=[instance, start], results=[out])
    asked = with_rules_of(given, spare=spare, use=use, apart=apart, together=together, spread=spread)
    known = None if start is None else _plan_to_start_from(start, given, asked)
    if known is not None:
        require_startable(given, known, str(start))
    tell_estimated_classes(given, criterion)
    wanted = objective_named(objective)
    with showing_progress(f"{given.name}, {method}", wanted) as report:
        result = find_plan(
            asked,
            method,
            wanted,
            time_limit=time_limit,
            gap=gap,
            seed=seed,
            threads=threads,
            workers=workers,
            start=known,
            latency_only=latency_only,
            explicit_filters=filters,
            criterion=criterion,
            prefer=prefer,
            polish=polish,
            report=report,
        )
    with delivering() as deliver:
        if left is not None:
            deliver(write_instance, left, asked)
        is_kept = (
            result.plan is None or out is None or deliver(write_plan_document, out, result_document(asked, result))
        )
        if not as_json:
            print_summary(result, console())
        if as_json or not is_kept:
            print_json(result_document(asked, result))
        if as_json:
            tell_reasons(result.reasons)
    if result.plan is not None and out is not None and asked is not given and left is None:
        complain(
            f"{out} is for {given.name} with the rules of the command line: check, report and others need them in the "
            "instance file, and --left FILE writes it"
        )
    if result.plan is None and out is not None:
        # A file of an earlier search may stand there.
        complain(f"{out} is not written: there is no plan to write")
    exit_without_plan(result.termination)


def _plan_to_start_from(path: Path, *instances: Instance) -> Plan:
    """Read a plan for one of the instances, or for an earlier state of them, from which a search may still begin."""
    from rocoin_opt.plan import read_plan, read_plan_document

    made_for = read_plan_document(path).instance
    is_older = made_for.sha256 not in {instance.sha256 for instance in instances}
    if not is_older or made_for.name not in {instance.name for instance in instances}:
        return read_plan(path, *instances)
    complain(f"{path}: {made_for.name} has changed since this plan was made; the search starts from its groups")
    return read_plan_document(path).plan
