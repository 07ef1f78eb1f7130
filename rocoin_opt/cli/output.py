"""What commands print with, the files that they write, and the exit status where there is no plan."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

import typer

from rocoin_opt.control import ended_by_termination
from rocoin_opt.errors import InputError, MendedWarning, Problem, RocoinError, UnitWarning
from rocoin_opt.wording import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from rich.console import Console

    from rocoin_opt.instance import Instance

INFEASIBLE, NO_PLAN = 3, 4
"""Exit status: proven infeasible, or a limit was reached without a plan."""


def console(width: int = 160) -> Console:
    """Standard output. A pipe or a file has no width: tables get the room that they need instead of 80 columns."""
    from rich.console import Console

    return Console(highlight=False, width=None if sys.stdout.isatty() else width)


def require_outputs(*files: Path | None, inputs: Sequence[Path | None] = ()) -> None:
    """Refuse files that could not be written, before the work for them begins; nothing that stands there is touched.

    Parameters
    ----------
    *files : Path, optional
        What the command is to write.
    inputs : sequence of Path, optional
        Files that it reads, and that nobody means to lose to a result.

    Raises
    ------
    InputError
        If one of them could not be written, two are the same, or one is an input.
    """
    from rocoin_opt.writing import require_writable

    asked = [file for file in files if file is not None]
    for file in asked:
        if _is_read(file, inputs):
            raise InputError(str(file), [Problem("", "a file that the command reads", "another file for the result")])
    for place, file in enumerate(asked):
        require_writable(file)
        if file.is_file() or not file.exists():
            same = [other for other in asked[:place] if other.resolve() == file.resolve()]
            if same:
                raise InputError(str(file), [Problem("", "two results for one file", "a file for each")])


def require_matrices(
    file: Path | None,
    instance: Instance | None = None,
    *,
    inputs: Sequence[Path | None] = (),
    results: Sequence[Path | None] = (),
) -> None:
    """Refuse an instance file to be written if the matrices beside it would replace what nobody means to lose.

    Parameters
    ----------
    file : Path, optional
        The instance file.
    instance : Instance, optional
        What is to be written, where it is known yet; else one whose matrices are named after the file.
    inputs, results : sequence of Path, optional
        Files that the command reads, and the others that it writes.

    Raises
    ------
    InputError
        If the matrices would go to one of these files, to one that holds anything but matrices, or, where they keep
        the name that they were read under, to one of other matrices; or if they could not be written.
    """
    from rocoin_opt.instance import companions, holds_matrices
    from rocoin_opt.writing import require_writable

    for beside in [] if file is None else companions(file, instance):
        named_after = beside.stem == file.stem if file is not None else False
        if _is_read(beside, inputs):
            where = "which the command reads"
        elif any(other is not None and other.resolve() == beside.resolve() for other in (file, *results)):
            where = "where another result goes"
        elif beside.is_file() and not (named_after and holds_matrices(beside)):
            where = "where something else stands"
        else:
            if beside.parent.exists():
                require_writable(beside)
            continue
        raise InputError(str(file), [Problem("", f"matrices that would go to {beside}, {where}", "another name")])


def _is_read(file: Path, inputs: Sequence[Path | None]) -> bool:
    # Devices and pipes, a terminal say, are read and written without a loss.
    return file.is_file() and any(read is not None and read.is_file() and file.samefile(read) for read in inputs)


@contextlib.contextmanager
def delivering() -> Iterator[Callable[..., bool]]:
    """Yield a function that calls another one, which writes a file, and says whether it could.

    A fault of writing is raised at the end of the block, so that the result is printed all the same.

    Raises
    ------
    RocoinError
        With the faults of all files.
    """
    faults = []

    def deliver(write: Callable[..., object], *arguments: Any) -> bool:
        try:
            write(*arguments)
        except (RocoinError, OSError) as fault:
            faults.append(str(fault))
            return False
        return True

    try:
        # No half of a file is left behind, and a second SIGTERM does not take the result of a search that one stopped.
        with ended_by_termination():
            yield deliver
    finally:
        # Whatever status the block ends with, this one is worse.
        if faults:
            raise RocoinError("\n".join(faults))


def print_json(document: object) -> None:
    """Print a document on standard output, for people and programs to read."""
    from rocoin_opt.documents import readable_json

    print(readable_json(document))


def complain(message: str) -> None:
    """Say on standard error what is wrong, each line with the name of the program before it."""
    for line in message.splitlines():
        print(f"rocoin-opt: {printable(line)}", file=sys.stderr)


def tell_estimated_classes(instance: Instance, criterion: str) -> None:
    """Say that a criterion rests on a guess, where nobody measured which filter speaks for which class."""
    knowledge = instance.knowledge
    if criterion == "resilient" and knowledge.graph is not None and knowledge.class_affinity is None:
        complain(f"{instance.name} has no knowledge.class_affinity: classes are estimated from the filter graph")


def tell_reasons(reasons: Iterable[str]) -> None:
    """Say on standard error why there is no plan, where standard output holds JSON."""
    for reason in reasons:
        print(printable(reason), file=sys.stderr)


def warning_line(message: Warning | str, category: type[Warning], *place: object, **_: object) -> str:
    """Say what was mended, or looks odd, without the line of our code that says so; others concern that line."""
    if issubclass(category, UnitWarning):
        where = "warning: "
    else:
        where = "" if issubclass(category, MendedWarning) else f"{place[0]}:{place[1]}: {category.__name__}: "
    return printable(f"rocoin-opt: {where}{message}") + "\n"


def exit_without_plan(*terminations: str) -> None:
    """End with the status that says why, unless one of the searches has something to show."""
    if all(termination in ("infeasible", "no_plan") for termination in terminations):
        raise typer.Exit(INFEASIBLE if "infeasible" in terminations else NO_PLAN)
