"""A process that works on one item after another, until its parent is gone or ends it.

It talks JSON over a socket whose number it is given. What it prints, or a solver in it, goes to standard error.
"""

from __future__ import annotations

import faulthandler
import json
import os
import queue
import signal
import threading
from importlib import import_module
from multiprocessing.connection import Connection
from typing import Any

IDLE_SECONDS = 60.0
"""A worker without work for so long ends: on a cluster nobody else would end it."""
WORK = "rocoin_opt.batch.work"
"""Module of the work that most workers are for."""
FORSAKEN = 3
"""Exit status of a worker whose parent is gone."""


def own_signals() -> None:
    """Let no signal stop a search gently here: what it cut short would pass for the result of the item.

    SIGTERM, sent to all processes of a job say, ends the process; Ctrl-C is for the parent alone.
    """
    signal.signal(signal.SIGTERM, _end)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def main(handle: int) -> None:
    """Work on what comes over a socket.

    Parameters
    ----------
    handle : int
        File descriptor of the socket. A message is ``{"work": "module:function", "payload": {...}}``; the function's
        result goes back. What it raises ends the process, with the traceback on standard error.
    """
    faulthandler.enable()
    connection = Connection(handle)
    messages: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(connection, messages), daemon=True).start()
    # Before any clock runs: to import it takes longer than many an item.
    import_module(WORK)
    connection.send_bytes(json.dumps("ready").encode())
    while True:
        try:
            message = json.loads(messages.get(timeout=IDLE_SECONDS))
        except queue.Empty:
            return
        module, _, name = message["work"].partition(":")
        answer = getattr(import_module(module), name)(message["payload"])
        connection.send_bytes(json.dumps(answer, allow_nan=False).encode())


def _end(number: int, frame: Any) -> None:  # noqa: ARG001 - the signature of a handler
    """End by the signal itself, so that the item counts as lost with its worker, and is begun again."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _listen(connection: Connection, messages: queue.SimpleQueue[bytes]) -> None:
    """Receive aside of the work, so that the end of the parent ends a long search too."""
    try:
        while True:
            messages.put(connection.recv_bytes())
    except (EOFError, OSError):
        os._exit(FORSAKEN)
