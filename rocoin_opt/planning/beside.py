"""Searches in processes beside this one: how they are started, what they share, and that none is left behind."""

from __future__ import annotations

import json
import math
import tempfile
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rocoin_opt.errors import MendedWarning
from rocoin_opt.failure import value_of
from rocoin_opt.instance import write_instance
from rocoin_opt.plan import Outcome
from rocoin_opt.planning.member import ENTRY, exchange_about
from rocoin_opt.processes import Subprocess

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from rocoin_opt.plan import Plan
    from rocoin_opt.planning.request import Request

START_SECONDS = 0.3
"""Seconds before others are started: most searches have ended by then."""
WAIT_SECONDS = 0.02
"""How often news is looked for where nothing else is left to do."""
MAX_JOINT = 1_000
"""Devices x groups up to which the joint model is worth a process."""


class Helper:
    """One other process as a peer of the exchange, started when it is first asked after a while.

    Parameters
    ----------
    entry : str
        The function that it runs, as ``module:name``.
    task : callable
        Makes the messages that it begins with; the first one is what it is to do.
    threads : int
        Threads that libraries in it may use.
    begin : float
        Moment of :func:`time.perf_counter` from which on it is started.
    """

    def __init__(self, entry: str, task: Callable[[], list[dict[str, Any]]], threads: int, begin: float) -> None:
        self._entry, self._task, self._threads, self._begin = entry, task, threads, begin
        self._process: Subprocess | None = None
        self._is_gone = False
        self.can_prove = True
        """Whether it may still prove something."""

    def receive(self) -> list[dict[str, Any]]:
        """What it has sent since it was last asked; nothing where it is gone."""
        if self._process is None:
            self._start()
        messages = []
        try:
            while self._process is not None and not self._is_gone and self._process.connection.poll():
                messages.append(json.loads(self._process.connection.recv_bytes()))
        except (EOFError, OSError):
            self._lose()
        self.can_prove = self.can_prove and not any("ended" in message for message in messages)
        return messages

    def send(self, message: dict[str, Any]) -> None:
        """Send it plain data, if it is there."""
        if self._process is None or self._is_gone:
            return
        try:
            self._process.connection.send_bytes(json.dumps(message, allow_nan=False).encode())
        except OSError:
            self._lose()

    def close(self) -> None:
        """End the process, and leave nothing of it."""
        self._is_gone, self.can_prove = True, False
        if self._process is not None:
            self._process.close()

    def _start(self) -> None:
        if self._is_gone or time.perf_counter() < self._begin:
            return
        messages = self._task()
        try:
            self._process = Subprocess(self._entry, self._threads)
        except OSError as error:
            self._is_gone, self.can_prove = True, False
            _warn(f"does not start: {error}")
            return
        for message in messages:
            self.send(message)

    def _lose(self) -> None:
        """Take down that it has ended, and say why where it was no end of its own."""
        self._is_gone, self.can_prove = True, False
        status = 0 if self._process is None else self._process.wait()
        if self._process is not None and status != 0:
            words = self._process.last_words().splitlines()
            _warn(f"ended with status {status}{f': {words[-1]}' if words else ''}")


class Team:
    """The processes of one search. As a context manager it ends them all, however the search ends.

    Parameters
    ----------
    request : Request
        What is asked for, with more than one worker.
    start : Plan or None
        A valid plan to begin with.
    """

    def __init__(self, request: Request, start: Plan | None) -> None:
        self._request = request
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        begin = time.perf_counter() + START_SECONDS
        threads = request.control.threads
        self.helpers = [
            Helper(ENTRY, lambda rank=rank: self._task(rank), threads, begin)  # type: ignore[misc]
            for rank in range(1, request.workers)
        ]
        gap = request.control.gap
        self.exchange = exchange_about(request.instance, request.objective, self.helpers, gap)
        self.control = replace(request.control, exchange=self.exchange)
        """The control of the search of this process: it ends where another one has settled the question."""
        if start is not None:
            self.exchange.offer(start, value_of(request.instance, start, request.objective))

    def __enter__(self) -> Team:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for helper in self.helpers:
            helper.close()
        if self._folder is not None:
            self._folder.cleanup()

    def joined(self, outcome: Outcome) -> Outcome:
        """What all processes know together once the search of this one has ended.

        Parameters
        ----------
        outcome : Outcome
            What the search of this process returned.

        Raises
        ------
        CertificateError
            If what they found does not fit together: a defect, which never passes silently.
        """
        exchange, instance, objective = self.exchange, self._request.instance, self._request.objective
        if outcome.infeasible:
            exchange.refuse(outcome.reasons)
            return outcome
        if outcome.plan is not None:
            exchange.offer(outcome.plan, value_of(instance, outcome.plan, objective))
        if outcome.lower_bound is not None:
            exchange.lift(outcome.lower_bound)
        # Where effort is the limit this one's is the measure.
        while self.control.is_timed and self._may_be_settled() and not self.control.exhausted:
            time.sleep(WAIT_SECONDS)
        if exchange.reasons is not None:
            return Outcome(None, infeasible=True, reasons=exchange.reasons)
        if exchange.plan is None:
            return outcome
        bound = exchange.bound if exchange.bound > -math.inf else None
        return replace(outcome, plan=exchange.plan, lower_bound=bound, reasons=())

    def _may_be_settled(self) -> bool:
        return any(helper.can_prove for helper in self.helpers)

    def _task(self, rank: int) -> list[dict[str, Any]]:
        """What a process is to do, and what is known when it begins."""
        request, control = self._request, self.control
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="rocoin-opt-")
            write_instance(Path(self._folder.name) / "instance.json", request.instance)
        task = {
            "file": str(Path(self._folder.name) / "instance.json"),
            "sha256": request.instance.sha256,
            "objective": request.objective,
            "members": self.members(rank),
            "time_limit": control.remaining if control.is_timed else None,
            "gap": control.gap,
            # Far from the seeds of the other processes.
            "seed": (control.seed + rank * 100_003) % 2**31,
            "threads": control.threads,
        }
        return [task, *self.exchange.known()]

    def members(self, rank: int) -> list[str]:
        """Names of what a process searches by, in order.

        Parameters
        ----------
        rank : int
            Its number from 1 on.
        """
        instance = self._request.instance
        is_small = len(instance.devices) * instance.max_groups <= MAX_JOINT
        proof = "joint model" if is_small else "packings"
        if rank == 1 and self._request.workers > 2:
            return ["searches"]
        if rank == 1:
            return ["some searches", proof, "searches"]
        if rank == 2:
            return [proof, "searches"]
        return ["packings", "searches"] if rank == 3 else ["searches"]


def _warn(what: str) -> None:
    warnings.warn(f"a process that searched beside {what}; the search goes on without it", MendedWarning, stacklevel=2)
