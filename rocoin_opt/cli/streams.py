"""The standard streams of the command line: always there, in UTF-8, and with faults that no other file can have."""

from __future__ import annotations

import contextlib
import io
import os
import select
import sys
from typing import Any

from rocoin_opt.errors import RocoinError

STDOUT, STDERR = 1, 2


class OutputError(RocoinError):
    """What a command prints cannot go where it is to go."""


class ReaderGoneError(OutputError):
    """Whoever read the output has had enough, as ``head`` has."""


def reserve_streams() -> None:
    """Open what the caller closed, before a file of the program takes its number and with it what others print."""
    for number in (0, STDOUT, STDERR):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free is this one. Children inherit it as they would have.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def prepare_streams() -> None:
    """Make printing work wherever it goes: nowhere, into a pipe that closes early, or in an old encoding.

    A fault of standard output is an :class:`OutputError`, whoever prints. One of standard error is nobody's business:
    there is no place left to tell it, and no result is lost.
    """
    # Streams that somebody else has put there, a test say, are theirs.
    if sys.stdout is sys.__stdout__:
        sys.stdout = _prepared(_StandardOutput(STDOUT, "w", closefd=False), sys.__stdout__)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _prepared(_StandardError(STDERR, "w", closefd=False), sys.__stderr__)


def abandon_output() -> None:
    """Let what is still to be printed go nowhere, so that it does not fail once more when the program ends."""
    if isinstance(sys.stdout, _Prepared):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, STDOUT)
        os.close(nowhere)


class _StandardOutput(io.FileIO):
    def write(self, data: Any) -> int:
        left = memoryview(data).cast("B")
        size = len(left)
        try:
            while left:
                written = super().write(left)
                if written is None:
                    # Whoever shares it has it not wait.
                    select.select((), (self,), ())
                left = left[written or 0 :]
        except BrokenPipeError:
            raise ReaderGoneError("the reader of the output has gone") from None
        except OSError as error:
            raise OutputError(f"cannot write the output: {error}") from None
        return size


class _StandardError(io.FileIO):
    def write(self, data: Any) -> int:
        # What does not fit into a pipe that nobody empties is dropped rather than waited for.
        with contextlib.suppress(OSError):
            super().write(data)
        return len(memoryview(data).cast("B"))


class _Prepared(io.TextIOWrapper):
    """A stream of :func:`prepare_streams`."""


def _prepared(raw: io.FileIO, before: Any) -> _Prepared:
    # JSON is UTF-8 by definition, and a name of any alphabet must not end the program.
    is_unbuffered = getattr(before, "write_through", False)
    return _Prepared(
        raw if is_unbuffered else io.BufferedWriter(raw),
        encoding="utf-8",
        errors=getattr(before, "errors", None),
        line_buffering=getattr(before, "line_buffering", True),
        write_through=is_unbuffered,
    )
