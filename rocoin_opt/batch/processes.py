"""Processes that work on items and can be ended at any moment, and the pool that they make up.

A pool of processes of the standard library breaks when one of them dies, and none of the pools that survive this can
be used inside the processes of a cluster, which may not have children of :mod:`multiprocessing`: these are
subprocesses of :mod:`rocoin_opt.processes`.
"""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rocoin_opt.batch.limits import Limits, ResourceMonitor
from rocoin_opt.errors import RocoinError
from rocoin_opt.processes import Subprocess

if TYPE_CHECKING:
    from rocoin_opt.batch.limits import Breach

START_SECONDS = 120.0
"""A worker that is not ready by then never will be."""
ENTRY = "rocoin_opt.batch.worker:main"
"""What a worker runs."""


class ExecutorError(RocoinError):
    """Items cannot be worked on: no worker starts, or the scheduler is gone."""


@dataclass(frozen=True)
class Task:
    """One item on its way to a worker."""

    work: str
    """The function that does it, as ``module:name``."""
    payload: dict[str, Any]
    """Its argument, plain data."""
    limits: Limits
    """What it may take."""
    threads: int = 1
    """Threads that libraries in its process may use."""
    files: dict[str, bytes] | None = None
    """Content of the instance for machines that do not have it; see
    :func:`~rocoin_opt.batch.items.instance_content`."""


@dataclass(frozen=True)
class TaskOutcome:
    """How the work on an item ended."""

    seconds: float
    """Wall time of the item, without the start of a process."""
    answer: dict[str, Any] | None = None
    """What the function returned."""
    breach: Breach | None = None
    """The limit for which it was ended."""
    exit_status: int | None = None
    """Of a process that died; negative for a signal."""
    last_words: str = ""
    """What it wrote to standard error before."""


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
        try:
            self._process = Subprocess(ENTRY, threads)
        except OSError as error:
            raise ExecutorError(f"no worker process starts: {error}") from None

    def await_start(self) -> bool:
        """Wait until it is ready; False if it was killed before.

        Raises
        ------
        ExecutorError
            If it ended by itself, or takes too long.
        """
        outcome = self._reply(ResourceMonitor(Limits(seconds=START_SECONDS), self._process.pid))
        if outcome.answer is None and (outcome.breach is not None or (outcome.exit_status or 0) >= 0):
            raise ExecutorError(f"no worker process starts: {outcome.last_words or 'it does not answer'}")
        return outcome.answer is not None

    def run(self, task: Task) -> TaskOutcome:
        """Work on a task; a worker that did not answer is dead afterwards."""
        # What was said during an earlier task explains nothing about this one.
        self._process.forget_words()
        monitor = ResourceMonitor(task.limits, self._process.pid)
        message = json.dumps({"work": task.work, "payload": task.payload}).encode()
        # A worker that died just now shows when it is asked for its answer.
        with suppress(OSError):
            self._process.connection.send_bytes(message)
        return self._reply(monitor)

    @property
    def is_alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.is_alive

    def kill(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()

    def close(self) -> None:
        """End the process and let everything go."""
        self._process.close()

    def _reply(self, monitor: ResourceMonitor) -> TaskOutcome:
        """Wait for a message, or for the end of the process."""
        breach = None
        try:
            while not self._process.connection.poll(monitor.patience):
                breach = monitor.breach()
                if breach is not None:
                    self.kill()
                    break
            else:
                answer = json.loads(self._process.connection.recv_bytes())
                return TaskOutcome(monitor.elapsed, answer)
        except (EOFError, OSError):
            # It died, and its end of the socket with it.
            pass
        status = self._process.wait()
        return TaskOutcome(monitor.elapsed, breach=breach, exit_status=status, last_words=self._process.last_words())


class WorkerPool:
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
        self._is_shut_down = False

    def run(self, task: Task) -> TaskOutcome:
        """Work on a task in a worker that has nothing else to do.

        Raises
        ------
        ExecutorError
            If no worker starts.
        """
        while (worker := self._idle_worker()) is not None:
            if not worker.is_alive:
                self._drop(worker)
                continue
            outcome = self._run(worker, task)
            if outcome.breach != "memory":
                return outcome
            # What earlier tasks left behind in the process must not count against this one.
            break
        worker = self._new_worker()
        if worker is None:
            return TaskOutcome(0.0, exit_status=-1, last_words="it was ended while it started")
        return self._run(worker, task)

    def shut_down(self) -> None:
        """End all workers, at work or not, and start no more."""
        with self._lock:
            self._is_shut_down = True
            for worker in self._all:
                worker.kill()
            idle, self._idle = self._idle, []
        for worker in idle:
            self._drop(worker)

    def _idle_worker(self) -> Worker | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _new_worker(self) -> Worker | None:
        """Start a worker; None if it was killed before it was ready."""
        with self._lock:
            if self._is_shut_down:
                return None
            worker = Worker(self._threads)
            self._all.add(worker)
        is_ready = False
        try:
            is_ready = worker.await_start()
        finally:
            if not is_ready:
                self._drop(worker)
        return worker if is_ready else None

    def _run(self, worker: Worker, task: Task) -> TaskOutcome:
        is_kept = False
        try:
            outcome = worker.run(task)
            with self._lock:
                # One that answers while all are shut down would stay for ever.
                is_kept = outcome.answer is not None and not self._is_shut_down
                if is_kept:
                    self._idle.append(worker)
            return outcome
        finally:
            if not is_kept:
                self._drop(worker)

    def _drop(self, worker: Worker) -> None:
        with self._lock:
            self._all.discard(worker)
        worker.close()
