"""Another process as a peer of the exchange: started when it is first asked, and done without where it is gone."""

from __future__ import annotations

import json
import time
import warnings
from typing import TYPE_CHECKING, Any

from rocoin_opt.errors import MendedWarning
from rocoin_opt.processes import Subprocess

if TYPE_CHECKING:
    from collections.abc import Callable


class PeerProcess:
    """One process, started when it is first asked after a while.

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


def _warn(what: str) -> None:
    warnings.warn(f"a process that searched beside {what}; the search goes on without it", MendedWarning, stacklevel=2)
