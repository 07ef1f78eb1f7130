"""The kernel of the simulation, compiled by Numba: same draws, same operations in the same order.

Imported only where Numba is present; the compiled code is cached on disk. The loops run over the lanes of one block, so
that the compiler makes vector instructions of them and everything stays in the first-level cache.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numba import njit

from rocoin_opt.failure.monte_carlo.compiled_queues import lines_of, play
from rocoin_opt.failure.monte_carlo.draws import (
    BLOCK,
    CRASH_COUNTERS,
    FACTOR_COUNTERS,
    LOW,
    MULTIPLIERS,
    ROUNDS,
    WEYL,
    Purpose,
)
from rocoin_opt.failure.monte_carlo.factors import CUTS, FIRST_SEGMENT, HALF_RANGE, MANTISSA_SHIFT, OCTAVES
from rocoin_opt.failure.monte_carlo.system import NONE

if TYPE_CHECKING:
    from rocoin_opt.failure.monte_carlo.draws import Chance
    from rocoin_opt.failure.monte_carlo.system import System
    from rocoin_opt.instance import FloatArray, IntArray

FIRST, THIRD = (np.uint64(multiplier) for multiplier in MULTIPLIERS)
STEP_0, STEP_1 = (np.uint64(step) for step in WEYL)
MASK = np.uint64(LOW)
WORD = np.uint64(32)
CRASH, DOMAIN = int(Purpose.CRASH), int(Purpose.DOMAIN)
COMPUTE, LINK = int(Purpose.COMPUTE), int(Purpose.LINK)
SHIFT = np.uint64(MANTISSA_SHIFT)
REST = np.uint64(2**MANTISSA_SHIFT - 1)
REST_UNIT = 2.0**-MANTISSA_SHIFT
HALF = np.uint32(HALF_RANGE)
SEGMENTS = OCTAVES * CUTS


class Draws(NamedTuple):
    """What decides who fails: see :class:`.system.System`; chances are cut in two columns."""

    group_start: IntArray
    device: IntArray
    crash: Any
    domain: IntArray
    domains: IntArray
    domain_failure: Any


class Factors(NamedTuple):
    """What decides when the others answer; measured factors stand end to end, table t from ``value_start[t]`` on."""

    fixed: FloatArray
    compute: FloatArray
    link: FloatArray
    compute_table: IntArray
    link_table: IntArray
    coefficients: FloatArray
    values: FloatArray
    value_start: IntArray


def count_answers(system: System, seed: int, first_block: int, trials: int) -> IntArray:
    """Number of trials by the answer time, those without an answer last.

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
    """
    counts = np.zeros(len(system.times) + 1, dtype=np.int64)
    _count(_draws(system), system.step.astype(np.uint16), np.uint64(seed), first_block, trials, counts)
    return counts


def answer_seconds(system: System, seed: int, first_block: int, trials: int) -> FloatArray:
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
    """
    seconds = np.empty(-(-trials // BLOCK) * BLOCK)
    given = _draws(system), _factors(system), np.uint64(seed), first_block, seconds, system.watched
    if system.queues is None:
        _fill(*given)
    else:
        _fill_queued(*given, lines_of(system.queues, system.group_start))
    return seconds[:trials]


def _draws(system: System) -> Draws:
    return Draws(
        system.group_start.astype(np.int64),
        system.device.astype(np.int64),
        _chances(system.crash),
        system.domain.astype(np.int64),
        system.domains.astype(np.int64),
        _chances(system.domain_failure),
    )


def _factors(system: System) -> Factors:
    tables = system.tables
    # Measured factors have no polynomials: their place stays empty.
    coefficients = np.zeros((len(tables), 2, SEGMENTS, 4))
    for place, table in enumerate(tables):
        if not len(table.values):
            coefficients[place] = table.coefficients
    return Factors(
        system.fixed,
        system.compute,
        system.link,
        system.compute_table.astype(np.int64),
        system.link_table.astype(np.int64),
        coefficients,
        np.concatenate([np.empty(0), *(table.values for table in tables)]),
        np.cumsum([0, *(len(table.values) for table in tables)]).astype(np.int64),
    )


def _chances(chances: tuple[Chance, ...]) -> Any:
    return np.array([(chance.coarse, chance.fine) for chance in chances], dtype=np.uint64).reshape(-1, 2)


@njit(cache=True)
def _philox(words: Any, counter: Any, index: Any, purpose: Any, seed: Any, count: int) -> None:
    """Words of ``count`` consecutive counters of one device, by word and then by counter."""
    low, high = counter & MASK, counter >> WORD
    key_0, key_1 = seed & MASK, seed >> WORD
    # No block of counters crosses a multiple of 2^32, so that the high word stays.
    for i in range(count):
        a, b, c, d = low + np.uint64(i), index, high, purpose
        k, m = key_0, key_1
        for _ in range(ROUNDS):
            p = FIRST * (a & MASK)
            q = THIRD * (c & MASK)
            a, b, c, d = (q >> WORD) ^ b ^ k, q & MASK, (p >> WORD) ^ d ^ m, p & MASK
            k, m = (k + STEP_0) & MASK, (m + STEP_1) & MASK
        words[i] = np.uint32(a & MASK)
        words[i + count] = np.uint32(b)
        words[i + 2 * count] = np.uint32(c & MASK)
        words[i + 3 * count] = np.uint32(d)


@njit(cache=True)
def _crashes(failed: Any, words: Any, block: int, index: int, purpose: int, chance: Any, seed: Any) -> None:
    """Mark with 1 the trials of a block in which a device, or a domain, fails."""
    _philox(
        words, np.uint64(block) * np.uint64(CRASH_COUNTERS), np.uint64(index), np.uint64(purpose), seed, CRASH_COUNTERS
    )
    lanes = words[: 4 * CRASH_COUNTERS].view(np.uint16)
    coarse = np.uint16(chance[0])
    ties = np.uint8(0)
    for i in range(BLOCK):
        lane = lanes[i]
        failed[i] = np.uint8(lane < coarse)
        ties |= np.uint8(lane == coarse)
    # A tie comes once in 65,536 draws: most blocks need no finer bits.
    if ties == 0 or chance[1] == 0:
        return
    finer = np.empty(4, dtype=np.uint32)
    for i in range(BLOCK):
        if lanes[i] == coarse:
            trial = np.uint64(block) * np.uint64(BLOCK) + np.uint64(i)
            _philox(finer, trial, np.uint64(index), np.uint64(purpose + 1), seed, 1)
            bits = (np.uint64(finer[0]) << np.uint64(16)) | (np.uint64(finer[1]) >> np.uint64(16))
            failed[i] = np.uint8(bits < chance[1])


@njit(cache=True)
def _replica(failed: Any, words: Any, domains: Any, draws: Any, block: int, r: int, seed: Any) -> None:
    """Mark the trials in which a replica fails, by itself or with its domain."""
    _crashes(failed, words, block, draws.device[r], CRASH, draws.crash[r], seed)
    domain = draws.domain[r]
    if domain != NONE:
        for i in range(BLOCK):
            failed[i] |= domains[domain, i]


@njit(cache=True)
def _domains(domains: Any, words: Any, draws: Any, block: int, seed: Any) -> None:
    for d in range(len(draws.domains)):
        _crashes(domains[d], words, block, draws.domains[d], DOMAIN, draws.domain_failure[d], seed)


@njit(cache=True)
def _count(draws: Any, step: Any, seed: Any, first_block: int, trials: int, counts: Any) -> None:
    never = np.uint16(len(counts) - 1)
    words = np.empty(4 * CRASH_COUNTERS, dtype=np.uint32)
    failed = np.empty(BLOCK, dtype=np.uint8)
    domains = np.empty((len(draws.domains), BLOCK), dtype=np.uint8)
    earliest = np.empty(BLOCK, dtype=np.uint16)
    last = np.empty(BLOCK, dtype=np.uint16)
    for begin in range(0, trials, BLOCK):
        block = first_block + begin // BLOCK
        _domains(domains, words, draws, block, seed)
        last[:] = 0
        for k in range(len(draws.group_start) - 1):
            # The place for no answer is the largest: it loses to any answer within a group, and wins between groups.
            earliest[:] = never
            for r in range(draws.group_start[k], draws.group_start[k + 1]):
                _replica(failed, words, domains, draws, block, r, seed)
                own = step[r]
                for i in range(BLOCK):
                    earliest[i] = min(earliest[i], never if failed[i] else own)
            for i in range(BLOCK):
                last[i] = max(last[i], earliest[i])
        for i in range(min(BLOCK, trials - begin)):
            counts[last[i]] += 1


@njit(cache=True)
def _add(seconds: Any, words: Any, distance: Any, factors: Any, table: int, scale: float) -> None:
    """Add a factor's share to the seconds; see :meth:`rocoin_opt.failure.monte_carlo.factors.FactorTable.factors`."""
    first = factors.value_start[table]
    count = np.uint64(factors.value_start[table + 1] - first)
    if count > 0:
        for i in range(BLOCK):
            pick = (np.uint64(words[i]) * count) >> WORD
            seconds[i] += factors.values[first + np.int64(pick)] * scale
        return
    for i in range(BLOCK):
        word = words[i]
        distance[i] = np.float64(~word if word >= HALF else word) + 0.5
    bits = distance.view(np.uint64)
    cubic = factors.coefficients[table].reshape(2 * SEGMENTS, 4)
    for i in range(BLOCK):
        segment = np.int64(bits[i] >> SHIFT) - FIRST_SEGMENT
        if words[i] >= HALF:
            segment += SEGMENTS
        rest = np.float64(bits[i] & REST) * REST_UNIT
        row = cubic[segment]
        factor = ((row[3] * rest + row[2]) * rest + row[1]) * rest + row[0]
        seconds[i] += factor * scale


@njit(cache=True)
def _fill(draws: Any, factors: Any, seed: Any, first_block: int, answers: Any, watched: int) -> None:
    words = np.empty(BLOCK, dtype=np.uint32)
    failed = np.empty(BLOCK, dtype=np.uint8)
    domains = np.empty((len(draws.domains), BLOCK), dtype=np.uint8)
    distance = np.empty(BLOCK)
    seconds = np.empty(BLOCK)
    earliest = np.empty(BLOCK)
    for begin in range(0, len(answers), BLOCK):
        block = first_block + begin // BLOCK
        counter = np.uint64(block) * np.uint64(FACTOR_COUNTERS)
        _domains(domains, words, draws, block, seed)
        last = answers[begin : begin + BLOCK]
        last[:] = 0.0
        for k in range(len(draws.group_start) - 1):
            if watched not in (NONE, k):
                continue
            earliest[:] = np.inf
            for r in range(draws.group_start[k], draws.group_start[k + 1]):
                seconds[:] = factors.fixed[r]
                device = np.uint64(draws.device[r])
                if factors.compute_table[r] != NONE:
                    _philox(words, counter, device, np.uint64(COMPUTE), seed, FACTOR_COUNTERS)
                    _add(seconds, words, distance, factors, factors.compute_table[r], factors.compute[r])
                if factors.link_table[r] != NONE:
                    _philox(words, counter, device, np.uint64(LINK), seed, FACTOR_COUNTERS)
                    _add(seconds, words, distance, factors, factors.link_table[r], factors.link[r])
                _replica(failed, words, domains, draws, block, r, seed)
                for i in range(BLOCK):
                    earliest[i] = earliest[i] if failed[i] else min(earliest[i], seconds[i])
            for i in range(BLOCK):
                last[i] = max(last[i], earliest[i])


@njit(cache=True)
def _fill_queued(draws: Any, factors: Any, seed: Any, first_block: int, answers: Any, watched: int, lines: Any) -> None:
    replicas = len(draws.device)
    words = np.empty(BLOCK, dtype=np.uint32)
    crash_words = np.empty(4 * CRASH_COUNTERS, dtype=np.uint32)
    domains = np.empty((len(draws.domains), BLOCK), dtype=np.uint8)
    distance = np.empty(BLOCK)
    failed = np.empty((replicas, BLOCK), dtype=np.uint8)
    alone, ready, air = np.empty((replicas, BLOCK)), np.empty((replicas, BLOCK)), np.empty((replicas, BLOCK))
    found = np.empty((replicas, BLOCK))
    for begin in range(0, len(answers), BLOCK):
        block = first_block + begin // BLOCK
        counter = np.uint64(block) * np.uint64(FACTOR_COUNTERS)
        _domains(domains, crash_words, draws, block, seed)
        for r in range(replicas):
            alone[r, :], ready[r, :], air[r, :] = factors.fixed[r], lines.ready[r], lines.air[r]
            device = np.uint64(draws.device[r])
            if factors.compute_table[r] != NONE:
                _philox(words, counter, device, np.uint64(COMPUTE), seed, FACTOR_COUNTERS)
                _add(alone[r], words, distance, factors, factors.compute_table[r], factors.compute[r])
                _add(ready[r], words, distance, factors, factors.compute_table[r], factors.compute[r])
            if factors.link_table[r] != NONE:
                _philox(words, counter, device, np.uint64(LINK), seed, FACTOR_COUNTERS)
                _add(alone[r], words, distance, factors, factors.link_table[r], factors.link[r])
                _add(air[r], words, distance, factors, factors.link_table[r], factors.link[r])
            _replica(failed[r], crash_words, domains, draws, block, r, seed)
        play(lines, alone, ready, air, failed, found)
        last = answers[begin : begin + BLOCK]
        last[:] = 0.0
        for k in range(len(draws.group_start) - 1):
            if watched not in (NONE, k):
                continue
            for i in range(BLOCK):
                earliest = np.inf
                for r in range(draws.group_start[k], draws.group_start[k + 1]):
                    earliest = min(earliest, found[r, i])
                last[i] = max(last[i], earliest)
