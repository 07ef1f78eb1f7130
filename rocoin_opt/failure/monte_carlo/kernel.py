"""Answers of a system in consecutive trials: compiled where Numba is present, by NumPy elsewhere, the same to the bit.

The interpreted kernel works on tiles of blocks that stay in the processor's cache, one replica at a time. Only it knows
how to replay traces.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.failure.monte_carlo.draws import BLOCK, Purpose, crashes, factor_words
from rocoin_opt.failure.monte_carlo.queues import Sent, play
from rocoin_opt.failure.monte_carlo.system import NONE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rocoin_opt.failure.monte_carlo.system import System
    from rocoin_opt.failure.monte_carlo.traces import Replayed
    from rocoin_opt.instance import BoolArray, FloatArray, IntArray

TILE = 16
"""Blocks that are worked on at a time."""
COMPUTE, LINK = 0, 1
"""Parts of a latency that factors multiply."""
MIN_COMPILED_WORK = 100_000_000
"""Work, in draws, from which on the compiled kernel saves more than the half second that Numba takes to import."""


def use_compiled(work: int) -> bool:
    """Whether the compiled kernel is there and worth its import."""
    return work >= MIN_COMPILED_WORK and importlib.util.find_spec("numba") is not None


def count_answers(system: System, seed: int, first_block: int, trials: int, *, compiled: bool) -> IntArray:
    """Count the answers by time, for a system with steps.

    Parameters
    ----------
    system : System
        With :attr:`System.has_steps`.
    seed : int
        Seed of the draws.
    first_block : int
        Block that holds the first trial.
    trials : int
        Number of trials.
    compiled : bool
        Whether to run compiled, where there are no traces to replay; the result is the same.

    Returns
    -------
    IntArray, len(times) + 1
        Trials that were answered at each of the system's times; in the last place, never.
    """
    if compiled and system.replay is None:
        from rocoin_opt.failure.monte_carlo.compiled import count_answers as run

        return run(system, seed, first_block, trials)
    never = len(system.times)
    counts = np.zeros(never + 1, dtype=np.int64)
    for block, blocks, kept in _tiles(first_block, trials):
        domains, replayed = _failed_domains(system, seed, block, blocks), _replayed(system, seed, block, blocks)
        last = np.zeros((blocks, BLOCK), dtype=np.uint16)
        for first, end in zip(system.group_start[:-1], system.group_start[1:], strict=True):
            earliest = np.full((blocks, BLOCK), never, dtype=np.uint16)
            for r in range(first, end):
                # Arithmetic on the marks is several times faster than a choice by them.
                own = _failed(system, seed, block, blocks, r, domains, replayed) * np.uint16(never - system.step[r])
                own += np.uint16(system.step[r])
                np.minimum(earliest, own, out=earliest)
            np.maximum(last, earliest, out=last)
        counts += np.bincount(last.ravel()[:kept], minlength=never + 1)
    return counts


def answer_seconds(system: System, seed: int, first_block: int, trials: int, *, compiled: bool) -> FloatArray:
    """Answer time in seconds of each trial, infinite where no answer comes.

    Parameters
    ----------
    system : System
        What is simulated.
    seed : int
        Of the simulation.
    first_block : int
        Block that the first trial is in.
    trials : int
        How many trials, from the start of that block.
    compiled : bool
        Whether Numba's code runs; it gives the same bits.
    """
    if compiled and system.replay is None:
        from rocoin_opt.failure.monte_carlo.compiled import answer_seconds as run

        return run(system, seed, first_block, trials)
    tiles = []
    for block, blocks, kept in _tiles(first_block, trials):
        domains, replayed = _failed_domains(system, seed, block, blocks), _replayed(system, seed, block, blocks)
        queued = None if system.queues is None else _queued(system, seed, block, blocks, domains, replayed)
        last = np.zeros((blocks, BLOCK))
        for k, (first, end) in enumerate(zip(system.group_start[:-1], system.group_start[1:], strict=True)):
            if system.watched not in (NONE, k):
                continue
            earliest = np.full((blocks, BLOCK), np.inf)
            for r in range(first, end):
                if queued is not None:
                    np.minimum(earliest, queued[r].reshape(blocks, BLOCK), out=earliest)
                    continue
                seconds = _seconds(system, seed, block, blocks, r, replayed)
                is_answer = ~_failed(system, seed, block, blocks, r, domains, replayed)
                np.minimum(earliest, seconds, out=earliest, where=is_answer)
            np.maximum(last, earliest, out=last)
        tiles.append(last.ravel()[:kept])
    return np.concatenate(tiles)


def _queued(
    system: System, seed: int, block: int, blocks: int, domains: list[BoolArray], replayed: Replayed | None
) -> FloatArray:
    """When each replica answers where some queue for channels, R x trials; infinite where it fails or is cancelled."""
    replicas, shape = len(system.device), (len(system.device), blocks * BLOCK)
    queues = system.queues
    assert queues is not None, "asked of systems with queues only"
    seconds, ready, air, failed = np.empty(shape), np.empty(shape), np.empty(shape), np.empty(shape, dtype=np.bool_)
    for r in range(replicas):
        seconds[r] = _seconds(system, seed, block, blocks, r, replayed).ravel()
        ready[r] = _seconds(system, seed, block, blocks, r, replayed, queues.ready[r], (COMPUTE,)).ravel()
        air[r] = _seconds(system, seed, block, blocks, r, replayed, queues.air[r], (LINK,)).ravel()
        failed[r] = _failed(system, seed, block, blocks, r, domains, replayed).ravel()
    return play(queues, system.group_start, Sent(seconds, ready, air, failed))


def _tiles(first_block: int, trials: int) -> Iterator[tuple[int, int, int]]:
    """First block, number of blocks and number of trials to keep of each tile."""
    for begin in range(0, trials, TILE * BLOCK):
        kept = min(trials - begin, TILE * BLOCK)
        yield first_block + begin // BLOCK, -(-kept // BLOCK), kept


def _failed_domains(system: System, seed: int, block: int, blocks: int) -> list[BoolArray]:
    return [
        crashes(seed, block, blocks, int(place), Purpose.DOMAIN, chance)
        for place, chance in zip(system.domains, system.domain_failure, strict=True)
    ]


def _replayed(system: System, seed: int, block: int, blocks: int) -> Replayed | None:
    return None if system.replay is None else system.replay.drawn(seed, block, blocks)


def _failed(
    system: System, seed: int, block: int, blocks: int, r: int, domains: list[BoolArray], replayed: Replayed | None
) -> BoolArray:
    failed = None if replayed is None else replayed.crashes(r)
    if failed is None:
        failed = crashes(seed, block, blocks, int(system.device[r]), Purpose.CRASH, system.crash[r])
    # Traces tell who was up by itself; domains fail as the instance says.
    if system.domain[r] != NONE:
        failed |= domains[system.domain[r]]
    return failed


def _seconds(
    system: System,
    seed: int,
    block: int,
    blocks: int,
    r: int,
    replayed: Replayed | None,
    fixed: float | None = None,
    factors_of: tuple[int, ...] = (COMPUTE, LINK),
) -> FloatArray:
    """Seconds of a replica in a tile: those that are certain, and some of those that factors multiply.

    Parameters
    ----------
    system, seed, block, blocks
        What is simulated, and where.
    r : int
        The replica.
    replayed : Replayed, optional
        Measured requests.
    fixed : float, optional
        Certain seconds; until its answer on a link of its own where left out.
    factors_of : tuple of int
        Whether computing counts, and sending.
    """
    seconds = np.full((blocks, BLOCK), system.fixed[r] if fixed is None else fixed)
    for place, purpose, tables, scale in (
        (COMPUTE, Purpose.COMPUTE, system.compute_table, system.compute),
        (LINK, Purpose.LINK, system.link_table, system.link),
    ):
        if tables[r] != NONE and place in factors_of:
            words = factor_words(seed, block, blocks, int(system.device[r]), purpose)
            seconds += system.tables[tables[r]].factors(words) * scale[r]
    if replayed is not None:
        for place, factors, scale in (
            (COMPUTE, replayed.compute(r), system.compute),
            (LINK, replayed.link(r), system.link),
        ):
            if factors is not None and place in factors_of:
                seconds += factors * scale[r]
    return seconds
