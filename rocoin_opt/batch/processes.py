"""Processes that work on items and can be ended at any moment, and the crew that they make up.

A pool of processes of the standard library breaks when one of them dies, and none of the pools that survive this can
be used inside the processes of a cluster, which may not have children of :mod:`multiprocessing`. Nor does a
subprocess run the caller's main module anew, so that a script needs no guard around it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from typing import TYPE_CHECKING, Any

from rocoin_opt.batch.limits import Limits, Watch
from rocoin_opt.errors import RocoinError

if TYPE_CHECKING:
    from rocoin_opt.batch.limits import Breach

START_SECONDS = 120.0
"""A worker that is not ready by then never will be."""
TAIL_BYTES = 2000
"""How much of a dead worker's last words is kept."""
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
START = (
    "import sys; sys.path[:] = {path}; from rocoin_opt.batch.worker import main, own_signals; "
    "own_signals(); main({handle})"
)


class ExecutorError(RocoinError):
    """Items cannot be worked on: no worker starts, or the scheduler is gone."""


@dataclass(frozen=True)
class Task:
    """One item on its way to a worker.

    Attributes
    ----------
    work : str
        The function that does it, as ``module:name``.
    payload : dict
        Its argument, plain data.
    limits : Limits
        What it may take.
    threads : int
        Threads that libraries in its process may use.
    files : dict of str to bytes, optional
        Content of the instance for machines that do not have it; see
        :func:`~rocoin_opt.batch.items.instance_content`.
    """

    work: str
    payload: dict[str, Any]
    limits: Limits
    threads: int = 1
    files: dict[str, bytes] | None = None


@dataclass(frozen=True)
class Ended:
    """How the work on an item ended.

    Attributes
    ----------
    seconds : float
        Wall time of the item, without the start of a process.
    answer : dict, optional
        What the function returned.
    breach : str, optional
        The limit for which it was ended.
    exit_status : int, optional
        Of a process that died; negative for a signal.
    last_words : str
        What it wrote to standard error before.
    """

    seconds: float
    answer: dict[str, Any] | None = None
    breach: Breach | None = None
    exit_status: int | None = None
    last_words: str = ""


class Worker:
    """One process of :mod:`rocoin_opt.batch.worker`, which can be ended at any moment.

    Parameters
    ----------
    threads : int
        Threads that libraries in it may use.

    Raises
    ------
    ExecutorError
        If it does not start.
    """

    def __init__(self, threads: int) -> None:
        self.is_fresh = True
        self._connection, theirs = Pipe()
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the worker
        code = START.format(path=json.dumps(sys.path), handle=theirs.fileno())
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
        except OSError as error:
            self._connection.close()
            self._words.close()
            raise ExecutorError(f"no worker process starts: {error}") from None
        finally:
            theirs.close()

    def await_start(self) -> bool:
        """Wait until it is ready; False if it was killed before.

        Raises
        ------
        ExecutorError
            If it ended by itself, or takes too long.
        """
        ended = self._reply(Watch(Limits(seconds=START_SECONDS), self._process.pid))
        if ended is None:
            return True
        if ended.breach is None and (ended.exit_status or 0) < 0:
            return False
        raise ExecutorError(f"no worker process starts: {ended.last_words or 'it does not answer'}")

    def run(self, task: Task) -> Ended:
        """Work on a task; a worker that did not answer is dead afterwards."""
        self.is_fresh = False
        # What was said during an earlier task explains nothing about this one.
        self._words.seek(0)
        self._words.truncate()
        watch = Watch(task.limits, self._process.pid)
        message = json.dumps({"work": task.work, "payload": task.payload}).encode()
        # A worker that died just now shows when it is asked for its answer.
        with suppress(OSError):
            self._connection.send_bytes(message)
        ended = self._reply(watch)
        if ended is not None:
            return ended
        return Ended(watch.elapsed, answer=json.loads(self._content))

    @property
    def is_alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()

    def close(self) -> None:
        """End the process and let everything go."""
        self.kill()
        self._process.wait()
        self._connection.close()
        self._words.close()

    def _reply(self, watch: Watch) -> Ended | None:
        """Wait for a message, which is kept, and None; or else how the process ended."""
        breach = None
        try:
            while not self._connection.poll(watch.patience):
                breach = watch.breach()
                if breach is not None:
                    self.kill()
                    break
            else:
                self._content = self._connection.recv_bytes()
                return None
        except (EOFError, OSError):
            # It died, and its end of the socket with it.
            pass
        status = self._process.wait()
        return Ended(watch.elapsed, breach=breach, exit_status=status, last_words=self._last_words())

    def _last_words(self) -> str:
        size = self._words.seek(0, os.SEEK_END)
        self._words.seek(max(0, size - TAIL_BYTES))
        return self._words.read().decode(errors="replace").strip()


class Crew:
    """Workers of this process, used again for one task after another.

    Parameters
    ----------
    threads : int
        Threads that libraries in each may use.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._lock = threading.Lock()
        self._idle: list[Worker] = []
        self._all: set[Worker] = set()
        self._dismissed = False

    def run(self, task: Task) -> Ended:
        """Work on a task in a worker that has nothing else to do.

        Raises
        ------
        ExecutorError
            If no worker starts.
        """
        worker = self._take()
        used = worker is not None and not worker.is_fresh
        ended = self._run(worker, task)
        # What earlier tasks left behind in the process must not count against this one.
        return self._run(self._take(fresh=True), task) if used and ended.breach == "memory" else ended

    def _run(self, worker: Worker | None, task: Task) -> Ended:
        try:
            if worker is None:
                return Ended(0.0, exit_status=-1, last_words="it was ended while it started")
            ended = worker.run(task)
            if ended.answer is not None:
                with self._lock:
                    # One that answers while all are dismissed would stay for ever.
                    if not self._dismissed:
                        self._idle.append(worker)
                        worker = None
            return ended
        finally:
            if worker is not None:
                self._drop(worker)

    def dismiss(self) -> None:
        """End all workers, at work or not, and start no more."""
        with self._lock:
            self._dismissed = True
            for worker in self._all:
                worker.kill()
            idle, self._idle = self._idle, []
        for worker in idle:
            self._drop(worker)

    def _take(self, *, fresh: bool = False) -> Worker | None:
        """Return an idle worker or a new one; None if that was killed before it was ready."""
        while True:
            with self._lock:
                worker = self._idle.pop() if self._idle and not fresh else None
            if worker is None:
                break
            if worker.is_alive:
                return worker
            self._drop(worker)
        with self._lock:
            if self._dismissed:
                return None
            worker = Worker(self._threads)
            self._all.add(worker)
        try:
            if worker.await_start():
                return worker
        except BaseException:
            self._drop(worker)
            raise
        self._drop(worker)
        return None

    def _drop(self, worker: Worker) -> None:
        with self._lock:
            self._all.discard(worker)
        worker.close()
