"""Commands of ``rocoin-opt``. Everything heavy is imported inside the command that needs it.

Results go to standard output, progress and faults to standard error. Exit status: 0 done, 1 violations found or
items of a batch failed, 2 bad input or usage, or a file or the output cannot be written, 3 proven infeasible, 4 a
limit was reached without a plan; 70 a defect of the package, 130 interrupted outside of a search, 141 the reader of the
output has gone, 143 ended by SIGTERM outside of a search.
"""

from __future__ import annotations

import sys
import traceback
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from rocoin_opt.cli.batch import batch
from rocoin_opt.cli.compare import compare
from rocoin_opt.cli.demo import demo
from rocoin_opt.cli.evaluate import evaluate
from rocoin_opt.cli.output import (
    console,
    delivering,
    exit_without_plan,
    require_outputs,
    tell_reasons,
    warning_line,
)
from rocoin_opt.cli.profile import profile
from rocoin_opt.cli.replan import replan
from rocoin_opt.cli.report import report
from rocoin_opt.cli.run import run_plan
from rocoin_opt.cli.streams import OutputError, ReaderGoneError, abandon_output, prepare_streams
from rocoin_opt.control import ended_by_termination
from rocoin_opt.errors import CertificateError, InputError, Problem, RocoinError, SolverError
from rocoin_opt.wording import printable

if TYPE_CHECKING:
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Objective

VIOLATIONS, BAD_INPUT, DEFECT, INTERRUPTED, UNREAD = 1, 2, 70, 130, 141


class _Commands(TyperGroup):
    """The commands. Typer would take a broken pipe or the early end of a file, whichever it is, for the user's wish."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (OSError, EOFError) as fault:
            raise SystemExit(_report_fault(fault)) from None


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Plan robust cooperative inference on unreliable devices, and prove how good the plan is.",
)

OBJECTIVE_HELP = (
    "What to make early: guaranteed (each group within its outage limit), expected (the mean answer), "
    "nominal (the answer if nobody fails) or worst (the slowest device)."
)
InstanceFile = Annotated[Path, typer.Argument(metavar="INSTANCE", help="Instance file (*.json).")]
PlanFile = Annotated[Path, typer.Argument(metavar="PLAN", help="Plan file (*.plan.json).")]
ObjectiveName = Annotated[str, typer.Option("--objective", metavar="O", help=OBJECTIVE_HELP)]
TimeLimit = Annotated[
    float | None, typer.Option("--time-limit", metavar="S", help="Seconds after which the best plan so far is taken.")
]
Seed = Annotated[int, typer.Option("--seed", metavar="N", help="Seed of every random choice.")]
Threads = Annotated[int, typer.Option("--threads", metavar="N", help="Threads of the solver.")]
CriterionName = Annotated[
    str, typer.Option("--criterion", metavar="C", help="What partitions are judged by: ncut, cut or resilient.")
]


@app.command()
def solve(
    instance: InstanceFile,
    method: Annotated[str, typer.Option("--method", metavar="M", help="See the command methods.")] = "auto",
    objective: ObjectiveName = "guaranteed",
    time_limit: TimeLimit = None,
    gap: Annotated[float, typer.Option("--gap", metavar="G", help="Relative gap at which the search may stop.")] = 0.0,
    seed: Seed = 0,
    threads: Threads = 1,
    start: Annotated[
        Path | None, typer.Option("--start", metavar="PLAN", help="Plan file to improve on; the result is never worse.")
    ] = None,
    latency_only: Annotated[
        bool,
        typer.Option("--latency-only", help="Stop after latency: no better partition, work or reliability behind it."),
    ] = False,
    filters: Annotated[
        bool, typer.Option("--filters", help="Name the filters of each part even where there is no graph.")
    ] = False,
    criterion: CriterionName = "ncut",
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the plan file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the plan as JSON instead of a summary.")] = False,
) -> None:
    """Find a plan for INSTANCE, prove what can be proved, and show it."""
    from rocoin_opt.cli.progress import showing_progress
    from rocoin_opt.documents import readable_json
    from rocoin_opt.instance import matrix_files, read_instance
    from rocoin_opt.plan import print_summary, read_plan, require_valid, result_document, write_plan
    from rocoin_opt.planning.solve import solve as find_plan

    # A plan that is improved on may give way: the new one is never worse.
    require_outputs(out, inputs=[instance])
    given = read_instance(instance)
    require_outputs(out, inputs=matrix_files(given, instance))
    known = None if start is None else read_plan(start, given)
    if known is not None:
        require_valid(given, known, str(start))
    _tell_estimated_classes(given, criterion)
    with showing_progress(f"{given.name}, {method}") as report:
        result = find_plan(
            given,
            method,
            _objective(objective),
            time_limit=time_limit,
            gap=gap,
            seed=seed,
            threads=threads,
            start=known,
            latency_only=latency_only,
            explicit_filters=filters,
            criterion=criterion,
            report=report,
        )
    with delivering() as deliver:
        is_kept = result.plan is None or out is None or deliver(write_plan, out, given, result)
        if not as_json:
            print_summary(result, console())
        if as_json or not is_kept:
            print(readable_json(result_document(given, result)))
        if as_json:
            tell_reasons(result.reasons)
    if result.plan is None and out is not None:
        # A file of an earlier search may stand there.
        _complain(f"{out} is not written: there is no plan to write")
    exit_without_plan(result.termination)


@app.command()
def check(instance: InstanceFile, plan: PlanFile) -> None:
    """Check PLAN against INSTANCE: every violation, one a line."""
    from rocoin_opt.failure import check_claims
    from rocoin_opt.instance import read_instance
    from rocoin_opt.plan import check as find_violations
    from rocoin_opt.plan import read_plan_document

    given, document = read_instance(instance), read_plan_document(plan)
    # What a broken plan claims of itself cannot be computed anew.
    violations = find_violations(given, document.plan) or check_claims(given, document)
    for violation in violations:
        print(violation)
    if violations:
        raise typer.Exit(VIOLATIONS)
    claims = document.metrics is not None or document.solve is not None
    figures = "every figure in it agrees with the evaluator" if claims else "it states no figures"
    if document.metrics is not None and document.metrics.expected_accuracy is not None:
        figures += "; expected_accuracy was measured, and is not checked"
    print(printable(f"{plan}: a valid plan for {given.name}; {figures}"))


app.command()(evaluate)


app.command()(compare)


@app.command()
def frontier(
    instance: InstanceFile,
    objective: ObjectiveName = "guaranteed",
    criterion: CriterionName = "ncut",
    points: Annotated[int, typer.Option("--points", metavar="N", help="Number of points at most, 2 or more.")] = 10,
    time_limit: TimeLimit = None,
    seed: Seed = 0,
    threads: Threads = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print the plans as JSON instead of a table.")] = False,
) -> None:
    """Show what a better partition of the knowledge of INSTANCE costs in latency."""
    from rocoin_opt.cli.progress import showing_progress
    from rocoin_opt.documents import readable_json
    from rocoin_opt.instance import read_instance
    from rocoin_opt.planning.frontier import frontier as find_frontier
    from rocoin_opt.report import frontier_document, print_frontier

    given = read_instance(instance)
    _tell_estimated_classes(given, criterion)
    with showing_progress(f"{given.name}, frontier") as report:
        found = find_frontier(
            given,
            _objective(objective),
            criterion=criterion,
            points=points,
            time_limit=time_limit,
            seed=seed,
            threads=threads,
            report=report,
        )
    with delivering():
        if as_json:
            print(readable_json(frontier_document(found)))
            tell_reasons(found.reasons)
        else:
            print_frontier(found, console())
    exit_without_plan(found.termination)


app.command()(batch)
app.command()(replan)

app.command()(demo)
app.command()(profile)
app.command()(report)
app.command("run")(run_plan)


@app.command()
def generate(
    family: Annotated[
        str,
        typer.Argument(
            metavar="FAMILY",
            help=(
                "paper (rates of the RoCoIn paper), mcu (microcontrollers), sbc (single-board computers), "
                "edge or lossy (synthetic; lossy devices fail often)."
            ),
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The instance file to write.")],
    devices: Annotated[int | None, typer.Option("--devices", metavar="N", help="Number of devices.")] = None,
    seed: Seed = 0,
    filters: Annotated[int | None, typer.Option("--filters", metavar="M", help="Number of filters.")] = None,
    max_groups: Annotated[int | None, typer.Option("--max-groups", metavar="K", help="Most groups.")] = None,
    max_group_outage: Annotated[
        float | None, typer.Option("--max-group-outage", metavar="EPS", help="Outage limit of a group.")
    ] = None,
    deadline: Annotated[float | None, typer.Option("--deadline", metavar="S", help="Deadline in seconds.")] = None,
    graph: Annotated[bool, typer.Option("--graph", help="Attach a synthetic filter graph and class affinity.")] = False,
    classes: Annotated[int | None, typer.Option("--classes", metavar="C", help="Classes behind the graph.")] = None,
    slowdowns: Annotated[bool, typer.Option("--slowdowns", help="Give the devices slowdown laws.")] = False,
) -> None:
    """Make a seeded instance of a shipped FAMILY."""
    from rocoin_opt.instance import write_instance
    from rocoin_opt.instance.generate import generate as make

    require_outputs(out)
    instance = make(
        family,
        devices=devices,
        seed=seed,
        filters=filters,
        max_groups=max_groups,
        max_group_outage=max_group_outage,
        deadline=deadline,
        graph=graph,
        classes=classes,
        slowdowns=slowdowns,
    )
    with ended_by_termination():
        write_instance(out, instance)
    print(
        f"{out}: {printable(instance.name)}, {len(instance.devices)} devices, {instance.knowledge.num_filters} filters"
    )


@app.command()
def methods() -> None:
    """List the methods and the objectives that each minimises."""
    from rocoin_opt.plan import plain_table
    from rocoin_opt.planning.methods import METHODS

    table = plain_table("method", "objectives", "what it does")
    for method in METHODS.values():
        table.add_row(method.name, ", ".join(method.objectives), method.summary)
    console().print(table)


@app.command()
def schema(
    document: Annotated[str, typer.Argument(metavar="DOCUMENT", help="instance, plan or devices.")] = "instance",
) -> None:
    """Print the JSON Schema of instance files, of plan files or of device files."""
    import json

    from rocoin_opt.instance import device_file_schema, instance_schema
    from rocoin_opt.plan import plan_schema

    schemas = {"instance": instance_schema, "plan": plan_schema, "devices": device_file_schema}
    if document not in schemas:
        raise InputError("options", [Problem("DOCUMENT", repr(document), f"one of {', '.join(schemas)}")])
    print(json.dumps(schemas[document](), indent=2))


@app.command()
def versions() -> None:
    """Print the versions of the package and of what it computes with, for bug reports."""
    from rocoin_opt.provenance import versions as installed

    for name, version in installed().items():
        print(f"{name} {version}")


def run() -> None:
    """Run the command line; a fault of input, usage or output becomes one clear message, never a traceback."""
    prepare_streams()
    warnings.formatwarning = warning_line
    try:
        sys.exit(_status())
    except (Exception, KeyboardInterrupt) as fault:
        sys.exit(_report_fault(fault))


def _status() -> int | str | None:
    """Exit status of the command, once all that it printed has left the program."""
    status: int | str | None = 0
    try:
        app()
    except SystemExit as ended:
        status = ended.code
    sys.stdout.flush()
    return status


def _report_fault(fault: BaseException) -> int:
    """Tell what ended the command; return the exit status. A fault of the output shows where it arose, by its type."""
    if isinstance(fault, OutputError):
        abandon_output()
        if isinstance(fault, ReaderGoneError):
            # As for other tools: without a word.
            return UNREAD
    if isinstance(fault, CertificateError | SolverError):
        _complain(f"{fault}\nThis is a defect of rocoin-opt; please report it with the files that show it.")
        return DEFECT
    if isinstance(fault, RocoinError | OSError):
        _complain(str(fault))
        return BAD_INPUT
    if isinstance(fault, KeyboardInterrupt):
        _complain("interrupted")
        return INTERRUPTED
    traceback.print_exception(fault)
    _complain("This is a defect of rocoin-opt; please report it with the files that show it.")
    return DEFECT


def _complain(message: str) -> None:
    for line in message.splitlines():
        print(f"rocoin-opt: {printable(line)}", file=sys.stderr)


def _tell_estimated_classes(instance: Instance, criterion: str) -> None:
    """Say that a criterion rests on a guess, where nobody measured which filter speaks for which class."""
    knowledge = instance.knowledge
    if criterion == "resilient" and knowledge.graph is not None and knowledge.class_affinity is None:
        _complain(f"{instance.name} has no knowledge.class_affinity: classes are estimated from the filter graph")


def _objective(name: str) -> Objective:
    from rocoin_opt.plan import OBJECTIVES

    for objective in OBJECTIVES:
        if name == objective:
            return objective
    raise InputError("options", [Problem("--objective", repr(name), f"one of {', '.join(OBJECTIVES)}")])
