"""Limits of one item, watched from outside of the process that works on it."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, TypeAlias

import psutil

POLL_SECONDS = 0.05
"""How often memory is looked at."""

Breach: TypeAlias = Literal["time", "memory"]


@dataclass(frozen=True)
class Limits:
    """What an item may take."""

    seconds: float | None = None
    """Wall time."""
    memory_bytes: int | None = None
    """Resident memory of its process."""


class ResourceMonitor:
    """The limits of one item at work.

    Parameters
    ----------
    limits : Limits
        What it may take.
    pid : int
        Its process.
    """

    def __init__(self, limits: Limits, pid: int) -> None:
        self._limits = limits
        self._process = None if limits.memory_bytes is None else psutil.Process(pid)
        self._started = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the item began."""
        return time.monotonic() - self._started

    @property
    def patience(self) -> float | None:
        """Seconds until the next look; None where there is nothing to look at."""
        waits = [POLL_SECONDS] if self._process is not None else []
        if self._limits.seconds is not None:
            waits.append(max(0.0, self._limits.seconds - self.elapsed))
        return min(waits, default=None)

    def breach(self) -> Breach | None:
        """Which limit is exceeded."""
        if self._limits.seconds is not None and self.elapsed >= self._limits.seconds:
            return "time"
        # A process that has just ended by itself tells so on its pipe.
        with suppress(psutil.Error):
            if self._process is not None and self._process.memory_info().rss > (self._limits.memory_bytes or 0):
                return "memory"
        return None
