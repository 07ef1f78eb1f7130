"""A process that works on one item after another, until its parent is gone or ends it.

It talks JSON over a socket whose number it is given. What it prints, or a solver in it, goes to standard error.
"""

from __future__ import annotations

import queue
from importlib import import_module

from rocoin_opt.processes import Line, function_named

IDLE_SECONDS = 60.0
"""A worker without work for so long ends: on a cluster nobody else would end it."""
WORK = "rocoin_opt.batch.work"
"""Module of the work that most workers are for."""


def main(handle: int) -> None:
    """Work on what comes over a socket.

    Parameters
    ----------
    handle : int
        File descriptor of the socket. A message is ``{"work": "module:function", "payload": {...}}``; the function's
        result goes back. What it raises ends the process, with the traceback on standard error.
    """
    line = Line(handle)
    # Before any clock runs: to import it takes longer than many an item.
    import_module(WORK)
    line.send("ready")
    while True:
        try:
            message = line.next(IDLE_SECONDS)
        except queue.Empty:
            return
        line.send(function_named(message["work"])(message["payload"]))
