"""A replica: the process that plays one device, runs its student on every request, and answers as late as the device.

Started as a program, it reads its task from standard input, connects to the source, and ends when the source is gone.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from rocoin_opt.errors import RocoinError
from rocoin_opt.profiling.execution.messages import NOTHING, Inbox, Message, encoded
from rocoin_opt.profiling.execution.students import idle_student, load_student
from rocoin_opt.profiling.execution.throttle import send_paced, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rocoin_opt.profiling.execution.students import Student

HOST = "127.0.0.1"
HELLO = struct.Struct("<16sI")
"""The first bytes of a replica: the token of the run, and its place."""
FAULT = "fault: "
"""What a replica's last words begin with where its student failed."""
RECEIVED_BYTES = 1 << 16


@dataclass(frozen=True)
class Task:
    """What a replica has to know.

    Attributes
    ----------
    port : int
        Port of the source on this host.
    token : str
        What proves that the replica belongs to the run, 32 hexadecimal digits.
    place : int
        Place of the replica among all.
    size : int
        Filters of the part.
    time_scale : float
        Seconds here for each second of the instance.
    ready : list of float or None
        For each request, seconds of the instance from dispatch to the end of the computation; None where it crashes.
    transfer : list of float
        For each request, seconds of the instance that the answer is on the link.
    students : str or None
        Folder of the saved ensemble; None where nothing is computed.
    part : int
        Number of the part.
    shape : list of int
        Shape of an image.
    own : list of str
        Networks of the user, ``module:callable``, that the source has loaded as well.
    is_queued : bool
        Whether it claims a shared channel before it sends, and waits until the source lets it.
    """

    port: int
    token: str
    place: int
    size: int
    time_scale: float
    ready: list[float | None]
    transfer: list[float]
    students: str | None
    part: int
    shape: list[int]
    own: list[str] = field(default_factory=list)
    is_queued: bool = False

    def text(self) -> str:
        """Return the task as JSON."""
        return json.dumps(asdict(self))

    def student(self) -> Student:
        """Load the student."""
        if self.students is None:
            return idle_student(self.size)
        return load_student(self.students, self.part, self.shape, self.own)


def serve(connection: socket.socket, task: Task, student: Student) -> None:
    """Answer requests until the source is gone.

    A newer request ends the work on an older one: the source has given that up. So no request waits for another, as in
    the model. On a shared channel an empty message says since when the replica is ready, and one from the source from
    when on it may send.

    Parameters
    ----------
    connection : socket
        To the source.
    task : Task
        What this replica is, and how it fails.
    student : Student
        What it computes.
    """
    waiting: Message | None = None
    for heard in _newest(connection):
        if not heard.values.size:
            if waiting is not None and waiting.number == heard.number:
                send_paced(connection, encoded(waiting), heard.seconds, task.transfer[heard.number] * task.time_scale)
            waiting = None
            continue
        waiting = None
        ready, transfer = task.ready[heard.number], task.transfer[heard.number]
        if ready is None:
            continue
        values = student(heard.values)
        due = heard.seconds + ready * task.time_scale
        done = time.monotonic()
        answer = Message(heard.number, max(done - due, 0.0), values)
        if not wait_until(connection, due):
            continue
        if task.is_queued:
            waiting = answer
            connection.sendall(encoded(Message(heard.number, max(done, due), NOTHING)))
        else:
            send_paced(connection, encoded(answer), max(done, due), transfer * task.time_scale)


def main() -> int:
    """Play the device of the task on standard input; return the exit status."""
    task = Task(**json.loads(sys.stdin.read()))
    try:
        student = task.student()
        with socket.create_connection((HOST, task.port)) as connection:
            # Small pieces leave when they are due, not when there are enough of them.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.sendall(HELLO.pack(bytes.fromhex(task.token), task.place))
            try:
                serve(connection, task, student)
            except RocoinError as error:
                # Before the connection ends: the source then asks for these words.
                print(f"{FAULT}{error}", file=sys.stderr, flush=True)
                return 1
    except RocoinError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError:
        return 0
    return 0


def _newest(connection: socket.socket) -> Iterator[Message]:
    """Yield what the source says, always the newest message that is there, until the connection ends."""
    inbox = Inbox()
    while received := connection.recv(RECEIVED_BYTES):
        if messages := list(inbox.messages(received)):
            yield messages[-1]


if __name__ == "__main__":
    sys.exit(main())
