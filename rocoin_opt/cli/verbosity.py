"""How much a command says on standard error: its progress unless it is quiet, what the package logs where it is asked.

Every command has the options ``--quiet`` and ``--verbose``.
"""

from __future__ import annotations

import functools
import inspect
import logging
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rocoin_opt.control import LOGGER
from rocoin_opt.errors import InputError, Problem
from rocoin_opt.wording import printable

if TYPE_CHECKING:
    from collections.abc import Callable

_OPTIONS = {
    "quiet": Annotated[bool, typer.Option("--quiet", help="Show no progress.")],
    "verbose": Annotated[
        bool, typer.Option("--verbose", help="Report on standard error what the search does, and when.")
    ],
}
_state = {"quiet": False}


def is_quiet() -> bool:
    """Whether the command was told to say nothing of its progress."""
    return _state["quiet"]


def with_verbosity(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options ``--quiet`` and ``--verbose``; it takes ``quiet`` itself where it has use for it."""
    signature = inspect.signature(command, eval_str=True)
    own = signature.parameters
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=annotation)
        for name, annotation in _OPTIONS.items()
        if name not in own
    ]

    @functools.wraps(command)
    def told(**arguments: Any) -> Any:
        quiet = arguments["quiet"] if "quiet" in own else arguments.pop("quiet")
        verbose = arguments.pop("verbose")
        if quiet and verbose:
            raise InputError("options", [Problem("--quiet", "--verbose", "one of the two")])
        _state["quiet"] = quiet
        with _Told(verbose):
            return command(**arguments)

    told.__signature__ = signature.replace(parameters=[*own.values(), *added])  # type: ignore[attr-defined]
    told.__annotations__ = {name: parameter.annotation for name, parameter in told.__signature__.parameters.items()}  # type: ignore[attr-defined]
    return told


class _Told(logging.Handler):
    """What the package logs, on standard error, while a command runs."""

    def __init__(self, is_wanted: bool) -> None:
        super().__init__()
        self.is_wanted, self.level_before = is_wanted, LOGGER.level

    def __enter__(self) -> None:
        if self.is_wanted:
            LOGGER.addHandler(self)
            LOGGER.setLevel(logging.DEBUG)

    def __exit__(self, *_: object) -> None:
        if self.is_wanted:
            LOGGER.removeHandler(self)
            LOGGER.setLevel(self.level_before)

    def emit(self, record: logging.LogRecord) -> None:
        # A live line takes the place of standard error while it is shown.
        print(f"rocoin-opt: {printable(record.getMessage())}", file=sys.stderr)
