"""The command ``replan``: mends a plan after devices failed or joined."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations when it runs
from typing import TYPE_CHECKING, Annotated

import typer

from rocoin_opt.cli.names import required
from rocoin_opt.cli.output import console, delivering, exit_without_plan, require_outputs, tell_reasons
from rocoin_opt.errors import InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Plan


def replan(
    instance: Annotated[Path, typer.Argument(metavar="INSTANCE", help="Instance file, lost and joined devices in it.")],
    plan: Annotated[Path, typer.Argument(metavar="PLAN", help="The plan file so far (*.plan.json).")],
    lost: Annotated[
        list[str] | None, typer.Option("--lost", metavar="ID,...", help="Devices that are gone; repeatable.")
    ] = None,
    joined: Annotated[
        list[str] | None,
        typer.Option("--joined", metavar="ID,...", help="Devices that came after the plan; repeatable."),
    ] = None,
    max_loads: Annotated[
        int | None, typer.Option("--max-loads", metavar="N", help="Devices that may be sent a student, at most.")
    ] = None,
    objective: Annotated[
        str, typer.Option("--objective", metavar="O", help="guaranteed, nominal or worst.")
    ] = "guaranteed",
    time_limit: Annotated[
        float | None, typer.Option("--time-limit", metavar="S", help="Seconds after which the best plan is taken.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Seed of every random choice.")] = 0,
    threads: Annotated[int, typer.Option("--threads", metavar="N", help="Threads of the solver.")] = 1,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the new plan file.")] = None,
    left: Annotated[
        Path | None, typer.Option("--left", metavar="FILE", help="Write the instance that is left; the plan is for it.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Mend PLAN with few changes after devices of INSTANCE failed or joined."""
    from rocoin_opt.cli.progress import showing_progress
    from rocoin_opt.documents import readable_json
    from rocoin_opt.instance import matrix_files, read_instance, write_instance
    from rocoin_opt.plan import OBJECTIVES
    from rocoin_opt.planning.replan import replan as mend_plan
    from rocoin_opt.report import print_replan, replan_document
    from rocoin_opt.writing import write_text

    if objective not in OBJECTIVES:
        raise InputError("options", [Problem("--objective", repr(objective), f"one of {', '.join(OBJECTIVES)}")])
    require_outputs(out, left, inputs=[instance, plan])
    given = read_instance(instance)
    require_outputs(out, left, inputs=matrix_files(given, instance))
    names = given.arrays.device_index
    gone, new = required("--lost", lost, names), required("--joined", joined, names)
    known = _plan_before(plan, given, new)
    with showing_progress(f"{given.name}, replan") as report:
        found = mend_plan(
            given,
            known,
            gone,
            new,
            max_loads=max_loads,
            objective=next(name for name in OBJECTIVES if name == objective),
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
            print(readable_json(document))
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
