"""The source: sends a request to all replicas, takes each group's first answer, and stops at the deadline."""

from __future__ import annotations

import math
import selectors
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from rocoin_opt.profiling.execution.messages import NOTHING, Inbox, Message, encoded
from rocoin_opt.profiling.execution.throttle import LONGEST_WAIT

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable, Iterator, Sequence
    from types import TracebackType

    from rocoin_opt.profiling.execution.medium import Grant, Medium
    from rocoin_opt.profiling.execution.messages import ValueArray

RECEIVED_BYTES = 1 << 16


@dataclass(eq=False)
class Replica:
    """The source's end of one replica.

    Attributes
    ----------
    place : int
        Its place among all.
    group : int
        Group that it belongs to.
    connection : socket
        To the process.
    inbox : Inbox
        What it said and is not complete.
    unsent : bytes
        What it was told and has not yet taken.
    """

    place: int
    group: int
    connection: socket.socket
    inbox: Inbox = field(default_factory=Inbox)
    unsent: bytes = b""


@dataclass(frozen=True, eq=False)
class Answers:
    """What came of one request.

    Attributes
    ----------
    seconds : tuple of float, K
        Host seconds from dispatch to each group's first answer; infinite where none came in time.
    values : tuple of ValueArray or None, K
        Its features.
    late_by : tuple of float, K
        By how many host seconds the student that answered was slower than its instance has it; 0 where it was not.
    sent : float
        When it was sent, by the monotonic clock.
    replicas : dict of int to tuple of float
        By place, of each replica that was heard in time: its own seconds, and by how many its student was slower.
    """

    seconds: tuple[float, ...]
    values: tuple[ValueArray | None, ...]
    late_by: tuple[float, ...]
    sent: float
    replicas: dict[int, tuple[float, float]]


class Source:
    """Asks replicas; a replica that ends, hangs or talks nonsense costs nothing but its answers.

    Parameters
    ----------
    connections : sequence of socket, R
        To the replicas.
    group_of : sequence of int, R
        Group of each; all from 0 on occur.
    sizes : sequence of int, K
        Filters of each group's part.
    medium : Medium, optional
        Channels that replicas share; every link is one of its own where left out.
    """

    def __init__(
        self,
        connections: Sequence[socket.socket],
        group_of: Sequence[int],
        sizes: Sequence[int],
        medium: Medium | None = None,
    ) -> None:
        self.sizes = tuple(sizes)
        self.medium = medium
        self.lost: list[int] = []
        """Places of the replicas whose connection has ended."""
        self._open: list[Replica] = []
        self._selector = selectors.DefaultSelector()
        for place, (connection, group) in enumerate(zip(connections, group_of, strict=True)):
            connection.setblocking(False)
            replica = Replica(place, group, connection)
            self._selector.register(connection, selectors.EVENT_READ, replica)
            self._open.append(replica)

    def __enter__(self) -> Self:
        """Use the source for a block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Forget the connections; whoever made them closes them."""
        self._selector.close()

    def ask(self, number: int, values: ValueArray, patience: float, *, every_replica: bool = False) -> Answers:
        """Send a request to all replicas and collect the first answer of each group.

        Parameters
        ----------
        number : int
            Number of the request; every request has a larger one.
        values : ValueArray
            The image.
        patience : float
            Host seconds after which the source takes what it has.
        every_replica : bool
            Whether to wait for all replicas, also those of groups that have answered.

        Returns
        -------
        Answers
            Sooner than the deadline where all that is waited for has answered, or is lost.
        """
        found: dict[int, tuple[float, Message]] = {}
        heard: dict[int, tuple[float, float]] = {}
        medium = self.medium
        if medium is not None:
            medium.begin(number)
        begin = time.monotonic()
        frame = encoded(Message(number, begin, values))
        for replica in tuple(self._open):
            # What a hanging replica cannot take is not kept for it.
            if not replica.unsent:
                replica.unsent = frame
                self._send(replica)
        while any(
            replica.place not in heard if every_replica else replica.group not in found for replica in self._open
        ):
            left = begin + patience - time.monotonic()
            if left <= 0.0:
                break
            if medium is not None:
                now = time.monotonic()
                self._let_send(number, medium.decided(now, found))
                left = min(left, max(medium.next_decision - now, 0.0))
            for key, events in self._selector.select(min(left, LONGEST_WAIT)):
                if events & selectors.EVENT_READ:
                    for seconds, answer in self._received(key.data, number, begin):
                        # Later answers of the group do not count.
                        found.setdefault(key.data.group, (seconds, answer))
                        heard.setdefault(key.data.place, (seconds, answer.seconds))
                if events & selectors.EVENT_WRITE and key.data in self._open:
                    self._send(key.data)
        kept = [found.get(k) if k in found and found[k][0] <= patience else None for k in range(len(self.sizes))]
        return Answers(
            tuple(math.inf if answer is None else answer[0] for answer in kept),
            tuple(None if answer is None else answer[1].values for answer in kept),
            tuple(0.0 if answer is None else answer[1].seconds for answer in kept),
            begin,
            {place: times for place, times in heard.items() if times[0] <= patience},
        )

    def _received(self, replica: Replica, number: int, begin: float) -> Iterator[tuple[float, Message]]:
        """Yield a replica's answers to this request, with the seconds after which they were there."""
        try:
            received = replica.connection.recv(RECEIVED_BYTES)
            seconds = time.monotonic() - begin
            for answer in replica.inbox.messages(received):
                if self.medium is not None and not answer.values.size:
                    if answer.number == number:
                        self.medium.claim(replica.place, answer.seconds)
                    continue
                if answer.values.shape != (self.sizes[replica.group],):
                    raise ValueError(f"an answer of shape {answer.values.shape}")
                # Answers to older requests are dropped.
                if answer.number == number:
                    yield seconds, answer
        except BlockingIOError:
            return
        except (OSError, ValueError):
            received = b""
        if not received:
            self._lose(replica)

    def _let_send(self, number: int, grants: Iterable[Grant]) -> None:
        """Tell replicas from when on they may send; one that is gone has its time on the channel all the same.

        Parameters
        ----------
        number : int
            Number of the request.
        grants : iterable of Grant
            Who, and from when on.
        """
        for grant in grants:
            for replica in [replica for replica in self._open if replica.place == grant.place]:
                replica.unsent += encoded(Message(number, grant.begin, NOTHING))
                self._send(replica)

    def _send(self, replica: Replica) -> None:
        try:
            sent = replica.connection.send(replica.unsent)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._lose(replica)
            return
        replica.unsent = replica.unsent[sent:]
        writing = selectors.EVENT_WRITE if replica.unsent else 0
        self._selector.modify(replica.connection, selectors.EVENT_READ | writing, replica)

    def _lose(self, replica: Replica) -> None:
        self._selector.unregister(replica.connection)
        self._open.remove(replica)
        self.lost.append(replica.place)
