"""Peers in processes of their own, which may crash or exceed their time without harm."""

from __future__ import annotations

import multiprocessing
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

METHOD = "forkserver"
"""The processes are copies of one that has imported the peers, and of nothing else."""


def preload(modules: Sequence[str]) -> None:
    """Say what the processes import before they are copied; later ones than the first call do not count."""
    multiprocessing.get_context(METHOD).set_forkserver_preload(list(modules))


def isolated(function: Callable[..., Any], limit: float, *arguments: Any) -> Any:
    """What a function returns in a process of its own; a text that says how the process ended if it returns nothing."""
    context = multiprocessing.get_context(METHOD)
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(sending, function, arguments), daemon=True)
    process.start()
    sending.close()
    try:
        if not receiving.poll(limit):
            return f"no answer within {limit:g} s"
        return receiving.recv()
    except EOFError:
        process.join()
        return f"ended with status {process.exitcode}"
    finally:
        process.kill()
        process.join()
        receiving.close()


def _send(sending: Any, function: Callable[..., Any], arguments: Sequence[Any]) -> None:
    # The peers complain on the standard output, which is for the tables.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        said = function(*arguments)
    except (ValueError, RuntimeError, TypeError, MemoryError) as error:
        said = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
    sending.send(said)
