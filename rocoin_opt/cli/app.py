"""The program ``rocoin-opt``: its commands, and the exit status that each run of one ends with.

Results go to standard output, progress and faults to standard error. Exit status: 0 done, 1 violations found or
items of a batch failed, 2 bad input or usage, or a file or the output cannot be written, 3 proven infeasible, 4 a
limit was reached without a plan; 70 a defect of the package, 130 interrupted outside of a search, 141 the reader of the
output has gone, 143 ended by SIGTERM outside of a search.
"""

from __future__ import annotations

import sys
import traceback
import warnings
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from rocoin_opt.cli.output import complain, warning_line
from rocoin_opt.cli.streams import OutputError, ReaderGoneError, abandon_output, prepare_streams
from rocoin_opt.cli.verbosity import with_verbosity
from rocoin_opt.errors import CertificateError, RocoinError, SolverError
from rocoin_opt.provenance import versions

BAD_INPUT, DEFECT, INTERRUPTED, UNREAD = 2, 70, 130, 141


MEANT = {
    "draw": "'report'",
    "optimise": "'solve'",
    "optimize": "'solve'",
    "plan": "'solve', or 'replan' after a failure",
    "simulate": "'evaluate'",
    "verify": "'check'",
}
"""What names that are no command, and that people try, stand for."""


class _Commands(TyperGroup):
    """The commands. Typer would take a broken pipe or the early end of a file, whichever it is, for the user's wish."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (OSError, EOFError) as fault:
            raise SystemExit(_report_fault(fault)) from None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] in MEANT:
            # Typer would suggest what is spelt alike.
            ctx.fail(f"No such command {args[0]!r}. Did you mean {MEANT[args[0]]}?")
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    help="Plan robust cooperative inference on unreliable devices, and prove how good the plan is.",
)

COMMANDS = {
    "solve": "plans",
    "check": "judging",
    "evaluate": "judging",
    "compare": "plans",
    "frontier": "plans",
    "groups": "plans",
    "batch": "plans",
    "replan": "plans",
    "demo": "networks",
    "train": "networks",
    "profile": "networks",
    "distil": "networks",
    "accuracy": "networks",
    "report": "judging",
    "run": "networks",
    "export": "networks",
    "estimate": "instances",
    "generate": "instances",
    "methods": "about",
    "schema": "about",
    "versions": "about",
}
"""In the order that --help lists them in, each with the folder of its module. Each is a function of its own name."""

for _name, _folder in COMMANDS.items():
    app.command(_name)(with_verbosity(getattr(import_module(f"rocoin_opt.cli.commands.{_folder}.{_name}"), _name)))


def _tell_version(is_asked: bool) -> None:
    if is_asked:
        print(f"rocoin-opt {versions()['rocoin-opt']}")
        raise typer.Exit


@app.callback()
def _common(
    asked: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_tell_version, is_eager=True)
    ] = False,
) -> None:
    pass


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
        complain(f"{fault}\nThis is a defect of rocoin-opt; please report it with the files that show it.")
        return DEFECT
    if isinstance(fault, RocoinError | OSError):
        complain(str(fault))
        return BAD_INPUT
    if isinstance(fault, KeyboardInterrupt):
        complain("interrupted")
        return INTERRUPTED
    traceback.print_exception(fault)
    complain("This is a defect of rocoin-opt; please report it with the files that show it.")
    return DEFECT
