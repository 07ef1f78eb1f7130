"""The command ``replan``: mends a plan after devices failed or joined."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rocoin_opt.cli.options import (
    AsJson,
    PlanOut,
    ReplanObjectiveName,
    Seed,
    Threads,
    TimeLimit,
    objective_named,
    required,
)
from rocoin_opt.cli.output import (
    console,
    delivering,
    exit_without_plan,
    print_json,
    require_matrices,
    require_outputs,
    tell_reasons,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Plan


def replan(
    instance: Annotated[
        Path, typer.Argument(metavar="INSTANCE", help="Instance file that includes lost and joined devices.")
    ],
    plan: Annotated[Path, typer.Argument(metavar="PLAN", help="Plan file to repair (*.plan.json).")],
    lost: Annotated[
        list[str] | None, typer.Option("--lost", metavar="ID,...", help="Devices that were lost; repeatable.")
    ] = None,
    joined: Annotated[
        list[str] | None,
        typer.Option("--joined", metavar="ID,...", help="Devices that joined after the plan was made; repeatable."),
    ] = None,
    max_loads: Annotated[
        int | None,
        typer.Option("--max-loads", metavar="N", help="Largest number of devices that may be sent a student."),
    ] = None,
    objective: ReplanObjectiveName = "guaranteed",
    time_limit: TimeLimit = None,
    seed: Seed = 0,
    threads: Threads = 1,
    out: PlanOut = None,
    left: Annotated[
        Path | None, typer.Option("--left", metavar="FILE", help="Write the remaining instance, which the plan is for.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Repair PLAN with few changes after devices of INSTANCE failed or joined."""
    from rocoin_opt.cli.progress import showing_progress
    from rocoin_opt.documents import readable_json
    from rocoin_opt.instance import matrix_files, read_instance, write_instance
    from rocoin_opt.planning.replan import replan as mend_plan
    from rocoin_opt.report import print_replan, replan_document
    from rocoin_opt.writing import write_text

    wanted = objective_named(objective)
    require_outputs(out, left, inputs=[instance, plan])
    given = read_instance(instance)
    require_outputs(out, left, inputs=matrix_files(given, instance))
    require_matrices(left, given, inputs=[instance, plan], results=[out])
    names = given.devices_by_name
    gone, new = (
        given.meant_by(required(option, values, names)) for option, values in (("--lost", lost), ("--joined", joined))
    )
    known = _plan_before(plan, given, new)
    with showing_progress(f"{given.name}, replan", wanted) as report:
        found = mend_plan(
            given,
            known,
            gone,
            new,
            max_loads=max_loads,
            objective=wanted,
            time_limit=time_limit,
            seed=seed,
            threads=threads,
            report=report,
        )
    document = replan_document(found)
    with delivering() as deliver:
        is_kept = True
        if found.plan is not None and out is not None:
            is_kept = deliver(write_text, out, readable_json(document["plan"]) + "\n")
        if left is not None:
            deliver(write_instance, left, found.instance)
        if not as_json:
            print_replan(found, console())
        if as_json or not is_kept:
            print_json(document)
        if as_json:
            tell_reasons(found.reasons)
    exit_without_plan(found.termination)


def _plan_before(path: Path, given: Instance, joined: Sequence[str]) -> Plan:
    """Read the plan so far, which is one for the instance, or for the instance before devices joined."""
    from rocoin_opt.plan import read_plan, read_plan_document
    from rocoin_opt.planning.replan import without_devices

    document = read_plan_document(path)
    if document.instance.sha256 == without_devices(given, joined).sha256:
        return document.plan
    return read_plan(path, given)
