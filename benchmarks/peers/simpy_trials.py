"""The system as SimPy models it: each replica a delayed event, groups the first of theirs, the system the last."""

from __future__ import annotations

import importlib.util
import math
import random
import time
from typing import TYPE_CHECKING, TypeAlias

from peers.isolation import isolated, preload

if TYPE_CHECKING:
    from collections.abc import Callable

Groups: TypeAlias = list[list[tuple[float, float]]]
"""Crash probability and latency in seconds of each replica, by group."""
LIMIT_SECONDS = 300.0


def installed() -> bool:
    """Whether SimPy is there."""
    return importlib.util.find_spec("simpy") is not None


def answers(groups: Groups, trials: int, seed: int) -> list[float]:
    """Answer times of some trials in seconds, infinite where a group is lost; from a process of its own."""
    return [float(seconds) for seconds in _asked(_answers, groups, trials, seed)]


def trial_seconds(groups: Groups, trials: int, seed: int) -> float:
    """Seconds that some trials take in a process of their own, without its start and imports."""
    return float(_asked(_trial_seconds, groups, trials, seed))


def _asked(function: Callable[..., object], *arguments: object) -> object:
    preload(["simpy"])
    said = isolated(function, LIMIT_SECONDS, *arguments)
    if isinstance(said, str):
        raise RuntimeError(f"SimPy: {said}")
    return said


def _answers(groups: Groups, trials: int, seed: int) -> list[float]:
    generator = random.Random(seed)
    return [_answer(groups, generator) for _ in range(trials)]


def _trial_seconds(groups: Groups, trials: int, seed: int) -> float:
    # Its modules and the interpreter's caches are warm before the clock starts.
    _answers(groups, 3, seed)
    begin = time.perf_counter()
    _answers(groups, trials, seed)
    return time.perf_counter() - begin


def _answer(groups: Groups, generator: random.Random) -> float:
    import simpy

    environment = simpy.Environment()
    first = []
    for replicas in groups:
        delivered = [environment.timeout(latency) for failure, latency in replicas if generator.random() >= failure]
        if not delivered:
            return math.inf
        first.append(environment.any_of(delivered))
    environment.run(until=environment.all_of(first))
    return float(environment.now)
