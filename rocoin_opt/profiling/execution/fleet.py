"""The replicas' processes: started together, connected to the source, and gone when the run ends, however it ends."""

from __future__ import annotations

import contextlib
import os
import secrets
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from typing import IO, TYPE_CHECKING, Self

from rocoin_opt.errors import RocoinError, UnsupportedError
from rocoin_opt.profiling.execution.replica import FAULT, HELLO, HOST

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rocoin_opt.profiling.execution.replica import Task

MAX_REPLICAS = 64
"""Most processes: more of them would measure this host."""
START_SECONDS = 180.0
"""Time for all replicas to load and connect."""
HELLO_SECONDS = 5.0
"""Time for a connection to say whose it is."""
MAX_STRANGERS = 128
"""Most connections that have not said so yet: whoever opens more of them loses the oldest."""
POLL_SECONDS = 0.2
GRACE_SECONDS = 1.0
"""Time for replicas to end once the source is gone; then they are killed."""
TOKEN_BYTES = 16
REPLICA = "rocoin_opt.profiling.execution.replica"


class StartError(RocoinError):
    """A replica did not start."""


class ReplicaError(RocoinError):
    """The student of a replica failed on a request."""


@dataclass(frozen=True, eq=False)
class Fleet:
    """Running replicas.

    Attributes
    ----------
    connections : tuple of socket, R
        One to each replica, in the order of the tasks.
    pids : tuple of int, R
        Their processes.
    words : tuple of file, R
        What each says on standard error.
    """

    connections: tuple[socket.socket, ...]
    pids: tuple[int, ...]
    words: tuple[IO[bytes], ...]

    def fault(self, place: int) -> str | None:
        """Return what was wrong with the student of a replica whose connection has ended; None where nothing was."""
        told = _lines(self.words[place])
        return next((line.removeprefix(FAULT) for line in reversed(told) if line.startswith(FAULT)), None)


@contextlib.contextmanager
def running(tasks: Sequence[Task]) -> Iterator[Fleet]:
    """Start a process for each task, and end all of them with the block.

    The replicas end when their connection does, so not even a killed source leaves one behind. Task and last words of
    a replica are in files without a name, so nor does it leave the token.

    Parameters
    ----------
    tasks : sequence of Task, R
        Port and token are filled in here.

    Raises
    ------
    StartError
        If a replica ends before it is connected, saying why, or takes longer than :data:`START_SECONDS`.
    UnsupportedError
        If there are more than :data:`MAX_REPLICAS`.
    """
    if len(tasks) > MAX_REPLICAS:
        raise UnsupportedError(f"{len(tasks)} replicas are too many for one host; {MAX_REPLICAS} at most")
    token = secrets.token_bytes(TOKEN_BYTES)
    with contextlib.ExitStack() as stack:
        processes: list[subprocess.Popen[bytes]] = []
        connections: dict[int, socket.socket] = {}
        stack.callback(_stop, processes, connections)
        listener = stack.enter_context(socket.create_server((HOST, 0)))
        words = [stack.enter_context(tempfile.TemporaryFile()) for _ in tasks]
        for place, task in enumerate(tasks):
            given = replace(task, port=listener.getsockname()[1], token=token.hex(), place=place)
            processes.append(_started(given, words[place]))
        patience = time.monotonic() + START_SECONDS
        with _Reception(listener, token, len(tasks)) as reception:
            while len(connections) < len(tasks):
                connections.update(reception.identified(POLL_SECONDS))
                _require_alive(processes, words)
                if time.monotonic() > patience:
                    raise StartError(f"replicas did not start within {START_SECONDS:g} s")
        # Nobody else is to come.
        listener.close()
        places = range(len(tasks))
        yield Fleet(
            tuple(connections[place] for place in places), tuple(process.pid for process in processes), tuple(words)
        )


def _started(task: Task, words: IO[bytes]) -> subprocess.Popen[bytes]:
    with tempfile.TemporaryFile() as given:
        given.write(task.text().encode())
        given.seek(0)
        return subprocess.Popen(
            # Without the working folder on its path: nothing there is to be imported by chance.
            [sys.executable, "-P", "-m", REPLICA],
            stdin=given,
            stdout=subprocess.DEVNULL,
            stderr=words,
            # Ctrl-C reaches the source alone; when it ends, so do the connections, and with them the replicas.
            process_group=0,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )


class _Reception:
    """Takes connections in beside each other, and turns away whoever cannot say the token at once or says another."""

    def __init__(self, listener: socket.socket, token: bytes, count: int) -> None:
        self._token, self._count = token, count
        self._selector = selectors.DefaultSelector()
        self._listener = listener
        self._strangers: dict[socket.socket, tuple[float, bytes]] = {}
        """Until when each may speak, and what it has said, the first to come first."""
        self._places: set[int] = set()

    def __enter__(self) -> Self:
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ)
        return self

    def __exit__(self, *_: object) -> None:
        for stranger in tuple(self._strangers):
            self._dismiss(stranger)
        self._selector.close()

    def identified(self, patience: float) -> dict[int, socket.socket]:
        """Wait for a while; return the replicas that have said who they are meanwhile, by their places."""
        found: dict[int, socket.socket] = {}
        for key, _ in self._selector.select(patience):
            if key.fileobj is self._listener:
                self._accept()
            elif key.fileobj in self._strangers:
                self._hear(key.fileobj, found)
        now = time.monotonic()
        for stranger in [known for known, (end, _) in self._strangers.items() if now > end]:
            self._dismiss(stranger)
        return found

    def _accept(self) -> None:
        try:
            stranger, _ = self._listener.accept()
        except OSError:
            # It has gone again.
            return
        if len(self._strangers) == MAX_STRANGERS:
            self._dismiss(next(iter(self._strangers)))
        stranger.setblocking(False)
        self._strangers[stranger] = time.monotonic() + HELLO_SECONDS, b""
        self._selector.register(stranger, selectors.EVENT_READ)

    def _hear(self, stranger: socket.socket, found: dict[int, socket.socket]) -> None:
        end, said = self._strangers[stranger]
        try:
            received = stranger.recv(HELLO.size - len(said))
        except OSError:
            received = b""
        said += received
        if not received or not secrets.compare_digest(said[:TOKEN_BYTES], self._token[: len(said)]):
            self._dismiss(stranger)
        elif len(said) < HELLO.size:
            self._strangers[stranger] = end, said
        else:
            _, place = HELLO.unpack(said)
            if place >= self._count or place in self._places:
                self._dismiss(stranger)
                return
            self._places.add(place)
            self._forget(stranger)
            found[place] = stranger

    def _forget(self, stranger: socket.socket) -> None:
        del self._strangers[stranger]
        self._selector.unregister(stranger)

    def _dismiss(self, stranger: socket.socket) -> None:
        self._forget(stranger)
        stranger.close()


def _require_alive(processes: Sequence[subprocess.Popen[bytes]], words: Sequence[IO[bytes]]) -> None:
    for place, process in enumerate(processes):
        if process.poll() is not None:
            told = _lines(words[place])
            raise StartError(f"replica {place} did not start: {told[-1] if told else f'status {process.returncode}'}")


def _lines(words: IO[bytes]) -> list[str]:
    words.seek(0)
    return words.read().decode(errors="replace").strip().splitlines()


def _stop(processes: Sequence[subprocess.Popen[bytes]], connections: dict[int, socket.socket]) -> None:
    for connection in connections.values():
        connection.close()
    patience = time.monotonic() + (GRACE_SECONDS if len(connections) == len(processes) else 0.0)
    try:
        for process in processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(patience - time.monotonic(), 0.0))
    finally:
        # A stopped process, too, and one that is still loading.
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()
