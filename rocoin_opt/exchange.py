"""What several searches for the same plan know together: the best plan, its value, the best bound.

Each process of a portfolio has one, which passes on what is new to it, so that all of them hold the same in the end.
Plans are checked and valued where they arrive, never believed, and a bound above a value is a defect.
"""

from __future__ import annotations

import math
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from rocoin_opt.errors import CertificateError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

LOOK_SECONDS = 0.01
"""How often news is looked for, at most."""
CLOSED = 1e-9
"""Relative gap that counts as none: value and bound differ by rounding."""


class Peer(Protocol):
    """Another search, reached over a socket or in any other way."""

    def receive(self) -> list[dict[str, Any]]:
        """What it has sent since it was last asked, at once."""

    def send(self, message: dict[str, Any]) -> None:
        """Send it plain data; nothing happens where it is gone."""


class Exchange:
    """The best that is known of one instance and objective.

    Parameters
    ----------
    instance : object
        What is searched for plans, for :meth:`is_about`.
    objective : str
        What is minimised.
    read : callable
        ``read(document) -> (plan, value)``: makes a plan of plain data, checks it and values it; raises
        :class:`~rocoin_opt.errors.CertificateError` where it is not valid.
    write : callable
        ``write(plan) -> document``: the plain data of a plan.
    peers : sequence of Peer
        With whom news is shared.
    gap : float
        Relative gap at which all may stop.
    """

    def __init__(
        self,
        instance: object,
        objective: str,
        read: Callable[[Any], tuple[Any, float]],
        write: Callable[[Any], Any],
        peers: Sequence[Peer] = (),
        gap: float = 0.0,
    ) -> None:
        self._topic = (instance, objective)
        self._read, self._write = read, write
        self._peers, self._gap = tuple(peers), gap
        self._next_look = -math.inf
        self._asked: float | None = None
        self.plan: Any | None = None
        """The best plan."""
        self.value = math.inf
        """Its value."""
        self.bound = -math.inf
        """No plan has a smaller value."""
        self.reasons: tuple[str, ...] | None = None
        """Why there is no plan, where that is proven."""

    def is_about(self, instance: object, objective: str) -> bool:
        """Whether plans and bounds are for this very question."""
        return self._topic[0] is instance and self._topic[1] == objective

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to find out: proven, or proven to have no plan."""
        if self.reasons is not None:
            return True
        return self.value < math.inf and self.value - self.bound <= max(self._gap, CLOSED) * abs(self.value)

    @property
    def is_over(self) -> bool:
        """Whether the present work is of no use any more: all is settled, or the question at hand is answered."""
        self.look()
        if self.is_settled:
            return True
        return self._asked is not None and (self.value <= self._asked or self.bound > self._asked)

    @contextmanager
    def asking(self, threshold: float) -> Iterator[None]:
        """While the question is whether a plan has a value of at most a threshold: :attr:`is_over` once it is known."""
        self._asked = threshold
        try:
            yield
        finally:
            self._asked = None

    def look(self) -> None:
        """Take in what others found, if it is time to look.

        Raises
        ------
        CertificateError
            If a plan is not valid, or a bound is above the value of a plan: a defect, which never passes silently.
        """
        now = time.perf_counter()
        if now < self._next_look:
            return
        self._next_look = now + LOOK_SECONDS
        for peer in self._peers:
            for message in peer.receive():
                self._take(message, peer)

    def offer(self, plan: Any, value: float) -> None:
        """Tell the others of a valid plan, if it is better than all that are known.

        Parameters
        ----------
        plan : object
            A valid plan.
        value : float
            Its value.
        """
        if value < self.value:
            self.plan, self.value = plan, value
            self._tell({"plan": self._write(plan)})

    def lift(self, bound: float) -> None:
        """Tell the others of a valid lower bound, if it is better than all that are known."""
        if self.bound < bound < math.inf:
            self.bound = bound
            self._tell({"bound": bound})

    def refuse(self, reasons: Sequence[str]) -> None:
        """Tell the others that there is no plan, and why."""
        if self.reasons is None:
            self.reasons = tuple(reasons)
            self._tell({"reasons": list(reasons)})

    def known(self) -> list[dict[str, Any]]:
        """All that is known, as messages for one who joins."""
        messages: list[dict[str, Any]] = [] if self.plan is None else [{"plan": self._write(self.plan)}]
        return messages if self.bound == -math.inf else [*messages, {"bound": self.bound}]

    def _take(self, message: dict[str, Any], sender: Peer) -> None:
        if "plan" in message:
            plan, value = self._read(message["plan"])
            if value < self.value:
                self.plan, self.value = plan, value
                self._tell(message, sender)
        elif "bound" in message and message["bound"] > self.bound:
            self.bound = message["bound"]
            self._tell(message, sender)
        elif "reasons" in message and self.reasons is None:
            self.reasons = tuple(message["reasons"])
            self._tell(message, sender)

    def _tell(self, message: dict[str, Any], sender: Peer | None = None) -> None:
        self._require_consistent()
        for peer in self._peers:
            if peer is not sender:
                peer.send(message)

    def _require_consistent(self) -> None:
        if self.value < math.inf and self.reasons is not None:
            raise CertificateError("one search proved that there is no plan, and another one found one")
        if self.bound > self.value + CLOSED * abs(self.value):
            raise CertificateError(f"one search proved the bound {self.bound!r}, and another found {self.value!r}")
