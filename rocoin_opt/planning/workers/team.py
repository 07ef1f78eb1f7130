"""Searches in processes beside this one: how they are started, what they share, and that none is left behind."""

from __future__ import annotations

import math
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rocoin_opt.failure import value_of
from rocoin_opt.instance import write_instance
from rocoin_opt.plan import Outcome
from rocoin_opt.planning.workers.member import ENTRY, exchange_about
from rocoin_opt.planning.workers.peer_process import PeerProcess

if TYPE_CHECKING:
    from types import TracebackType

    from rocoin_opt.plan import Plan
    from rocoin_opt.planning.request import Request

START_SECONDS = 0.3
"""Seconds before others are started: most searches have ended by then."""
WAIT_SECONDS = 0.02
"""How often news is looked for where nothing else is left to do."""
MAX_JOINT = 1_000
"""Devices x groups up to which the joint model is worth a process."""


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
        self.peers = [
            PeerProcess(ENTRY, lambda rank=rank: self._task(rank), threads, begin)  # type: ignore[misc]
            for rank in range(1, request.workers)
        ]
        gap = request.control.gap
        self.exchange = exchange_about(request.instance, request.objective, self.peers, gap)
        self.control = replace(request.control, exchange=self.exchange)
        """The control of the search of this process: it ends where another one has settled the question."""
        if start is not None:
            self.exchange.offer(start, value_of(request.instance, start, request.objective))

    def __enter__(self) -> Team:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for peer in self.peers:
            peer.close()
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
        return any(peer.can_prove for peer in self.peers)

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
