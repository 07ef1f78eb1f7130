"""The replicas' processes: started together, connected to the source, and gone when the run ends, however it ends."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rocoin_opt.errors import RocoinError, UnsupportedError
from rocoin_opt.profiling.execution.replica import HELLO, HOST

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rocoin_opt.profiling.execution.replica import Task

MAX_REPLICAS = 64
"""Most processes: more of them would measure this host."""
START_SECONDS = 180.0
"""Time for all replicas to load and connect."""
HELLO_SECONDS = 5.0
"""Time for a connection to say whose it is."""
POLL_SECONDS = 0.2
GRACE_SECONDS = 1.0
"""Time for replicas to end once the source is gone; then they are killed."""
TOKEN_BYTES = 16
REPLICA = "rocoin_opt.profiling.execution.replica"


class StartError(RocoinError):
    """A replica did not start."""


@dataclass(frozen=True, eq=False)
class Fleet:
    """Running replicas.

    Attributes
    ----------
    connections : tuple of socket, R
        One to each replica, in the order of the tasks.
    pids : tuple of int, R
        Their processes.
    """

    connections: tuple[socket.socket, ...]
    pids: tuple[int, ...]


@contextlib.contextmanager
def running(tasks: Sequence[Task]) -> Iterator[Fleet]:
    """Start a process for each task, and end all of them with the block.

    The replicas end when their connection does, so not even a killed source leaves one behind.

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
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rocoin-opt-")))
        processes: list[subprocess.Popen[bytes]] = []
        connections: dict[int, socket.socket] = {}
        stack.callback(_stop, processes, connections)
        listener = stack.enter_context(socket.create_server((HOST, 0)))
        listener.settimeout(POLL_SECONDS)
        for place, task in enumerate(tasks):
            given = replace(task, port=listener.getsockname()[1], token=token.hex(), place=place)
            _start(given, folder, processes)
        patience = time.monotonic() + START_SECONDS
        while len(connections) < len(tasks):
            _accept(listener, token, len(tasks), connections)
            _require_alive(processes, folder)
            if time.monotonic() > patience:
                raise StartError(f"replicas did not start within {START_SECONDS:g} s")
        places = range(len(tasks))
        yield Fleet(tuple(connections[place] for place in places), tuple(process.pid for process in processes))


def _start(task: Task, folder: Path, processes: list[subprocess.Popen[bytes]]) -> None:
    given = folder / f"{task.place}.json"
    given.write_text(task.text())
    with given.open() as stream, (folder / f"{task.place}.log").open("w") as errors:
        process = subprocess.Popen(
            # Without the working folder on its path: nothing there is to be imported by chance.
            [sys.executable, "-P", "-m", REPLICA],
            stdin=stream,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            # Ctrl-C reaches the source alone; when it ends, so do the connections, and with them the replicas.
            process_group=0,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
    processes.append(process)


def _accept(listener: socket.socket, token: bytes, count: int, connections: dict[int, socket.socket]) -> None:
    """Accept a replica if one is there; whoever cannot say the token is turned away."""
    try:
        connection, _ = listener.accept()
    except TimeoutError:
        return
    connection.settimeout(HELLO_SECONDS)
    hello = b""
    with contextlib.suppress(OSError):
        while len(hello) < HELLO.size and (received := connection.recv(HELLO.size - len(hello))):
            hello += received
    if len(hello) == HELLO.size:
        said, place = HELLO.unpack(hello)
        if secrets.compare_digest(said, token) and place < count and place not in connections:
            connections[place] = connection
            return
    connection.close()


def _require_alive(processes: Sequence[subprocess.Popen[bytes]], folder: Path) -> None:
    for place, process in enumerate(processes):
        if process.poll() is not None:
            told = (folder / f"{place}.log").read_text(errors="replace").strip().splitlines()
            raise StartError(f"replica {place} did not start: {told[-1] if told else f'status {process.returncode}'}")


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
