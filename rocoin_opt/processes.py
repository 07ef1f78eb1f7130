"""Processes of this package's own, which can be ended at any moment and end by themselves where their parent is gone.

They are subprocesses that run one function, with a socket to talk over. A process of :mod:`multiprocessing` would run
the caller's main module anew, so that scripts needed a guard around theirs, and cannot be started inside the processes
of a cluster.
"""

from __future__ import annotations

import faulthandler
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from importlib import import_module
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

FORSAKEN = 3
"""Exit status of a process whose parent is gone."""
TAIL_BYTES = 2000
"""How much of a dead process's last words is kept."""
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
START = (
    "import sys; sys.path[:] = {path}; from rocoin_opt.processes import own_signals, run_entry; "
    "own_signals(); run_entry({entry!r}, {handle})"
)


class Subprocess:
    """One process that runs a function of the package.

    Parameters
    ----------
    entry : str
        The function, as ``module:name``; it is given the number of its end of the socket.
    threads : int
        Threads that libraries in it may use.

    Raises
    ------
    OSError
        If it does not start.
    """

    def __init__(self, entry: str, threads: int) -> None:
        self.connection, theirs = Pipe()
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        code = START.format(path=json.dumps(sys.path), entry=entry, handle=theirs.fileno())
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", code],
                stdin=subprocess.DEVNULL,
                stdout=self._words,
                stderr=self._words,
                pass_fds=(theirs.fileno(),),
                env={**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(threads))},
                # Ctrl-C on the terminal is the parent's to handle.
                start_new_session=True,
            )
        except BaseException:
            self.connection.close()
            self._words.close()
            raise
        finally:
            theirs.close()

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def wait(self) -> int:
        """Wait for its end; its exit status, negative for a signal."""
        return self._process.wait()

    def kill(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()

    def close(self) -> None:
        """End the process and let everything go."""
        self.kill()
        self.wait()
        self.connection.close()
        self._words.close()

    def forget_words(self) -> None:
        """Drop what it wrote so far: it explains nothing that comes."""
        self._words.seek(0)
        self._words.truncate()

    def last_words(self) -> str:
        """The end of what it wrote to its standard streams."""
        size = self._words.seek(0, os.SEEK_END)
        self._words.seek(max(0, size - TAIL_BYTES))
        return self._words.read().decode(errors="replace").strip()


class Line:
    """The child's end of the socket, heard by a thread, so that the end of the parent ends any work at once.

    Parameters
    ----------
    handle : int
        File descriptor of the socket.
    """

    def __init__(self, handle: int) -> None:
        self._connection = Connection(handle)
        self._messages: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    def send(self, message: Any) -> None:
        """Send plain data to the parent."""
        self._connection.send_bytes(json.dumps(message, allow_nan=False).encode())

    def next(self, timeout: float | None = None) -> Any:
        """Wait for a message of the parent.

        Raises
        ------
        queue.Empty
            If none comes within so many seconds.
        """
        return json.loads(self._messages.get(timeout=timeout))

    def received(self) -> list[Any]:
        """What has come in and was not read yet."""
        return [json.loads(self._messages.get()) for _ in range(self._messages.qsize())]

    def _listen(self) -> None:
        try:
            while True:
                self._messages.put(self._connection.recv_bytes())
        except (EOFError, OSError):
            os._exit(FORSAKEN)


def own_signals() -> None:
    """Let no signal stop a search gently here: what it cut short would pass for a result.

    SIGTERM, sent to all processes of a job say, ends the process; Ctrl-C is for the parent alone.
    """
    signal.signal(signal.SIGTERM, _end)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def run_entry(entry: str, handle: int) -> None:
    """Run the function that a process is for; what it raises ends the process, its traceback on standard error.

    Parameters
    ----------
    entry : str
        The function, as ``module:name``.
    handle : int
        File descriptor of the socket to its parent.
    """
    faulthandler.enable()
    function_named(entry)(handle)


def function_named(name: str) -> Any:
    """The function that ``module:name`` stands for."""
    module, _, function = name.partition(":")
    return getattr(import_module(module), function)


def _end(number: int, frame: Any) -> None:  # noqa: ARG001 - the signature of a handler
    """End by the signal itself, so that the work counts as lost with its process."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
