"""Counter-based random numbers: every draw is a function of (seed, trial, device) and of nothing else.

The generator is Philox4x32-10 [1]_. Its counter holds the trial, the device's (or domain's) place in the *instance* and
the purpose of the draw; its key is the seed. So results depend neither on the number of workers nor on the size of
chunks, and two plans for one instance see the same fate of each device: common random numbers.

Trials come in blocks of :data:`BLOCK`. A crash needs 16 bits: eight trials share one call of the generator. Where these
bits do not settle the comparison with the probability, 48 further bits do, so a crash probability holds to
2^-64. A slowdown factor takes 32 bits.

References
----------
.. [1] J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from rocoin_opt.instance import BoolArray, IntArray

WordArray: TypeAlias = np.ndarray[Any, np.dtype[np.uint64]]
Word32Array: TypeAlias = np.ndarray[Any, np.dtype[np.uint32]]

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)
ROUNDS = 10
LOW = 0xFFFFFFFF
"""The low half of a 64-bit word."""

CRASH_COUNTERS = 256
"""Calls of the generator per block and device for crashes, eight trials each."""
BLOCK = 8 * CRASH_COUNTERS
"""Trials of a block."""
FACTOR_COUNTERS = BLOCK // 4
"""Calls of the generator per block and device for factors, four trials each."""
SEEDS = 2**64
"""Seeds lie below."""


class Purpose(IntEnum):
    """What a draw is for, as it stands in the counter; the finer bits of a crash come under the next number."""

    CRASH = 0
    FINER_CRASH = 1
    DOMAIN = 2
    FINER_DOMAIN = 3
    COMPUTE = 4
    LINK = 5
    REQUEST = 6


@dataclass(frozen=True)
class Chance:
    """A probability in [0, 1) as an integer out of 2^64, cut where the draws are cut.

    Attributes
    ----------
    coarse : int
        Its highest 16 bits.
    fine : int
        Its other 48 bits.
    """

    coarse: int
    fine: int

    @classmethod
    def of(cls, probability: float) -> Chance:
        """Round to a multiple of 2^-64; exact from 2^-12 on, where doubles are no finer."""
        return cls(*divmod(min(round(probability * 2**64), 2**64 - 1), 2**48))


def philox(counter: WordArray, index: int, high: WordArray | int, purpose: int, seed: int) -> Word32Array:
    """Philox4x32-10 of many counters.

    Parameters
    ----------
    counter : WordArray
        First words of the counters, below 2^32.
    index, high, purpose : int
        The other three words; ``high`` may be an array like ``counter``.
    seed : int
        The key, below 2^64.

    Returns
    -------
    Word32Array
        Shape (..., 4, n) for counters of shape (..., n): four words for each counter.
    """
    shift, low = np.uint64(32), np.uint64(LOW)
    first, third = (np.uint64(multiplier) for multiplier in MULTIPLIERS)
    k, m = seed & LOW, seed >> 32
    # What is alike for many counters stays small through the first rounds, and is broadcast when it meets the rest.
    a: WordArray = counter
    c: WordArray = np.atleast_1d(np.asarray(high, dtype=np.uint64))
    b, d = (np.array([word], dtype=np.uint64) for word in (index, purpose))
    for _ in range(ROUNDS):
        p, q = a * first, c * third
        a, b, c, d = (q >> shift) ^ (b ^ np.uint64(k)), q & low, (p >> shift) ^ (d ^ np.uint64(m)), p & low
        k, m = (k + WEYL[0]) & LOW, (m + WEYL[1]) & LOW
    words = np.empty((*counter.shape[:-1], 4, counter.shape[-1]), dtype=np.uint32)
    for position, word in enumerate((a, b, c, d)):
        words[..., position, :] = word
    return words


def factor_words(seed: int, first_block: int, blocks: int, device: int, purpose: Purpose) -> Word32Array:
    """Uniform 32-bit words of a device, one a trial, shape (blocks, BLOCK).

    Parameters
    ----------
    seed : int
        Of the simulation.
    first_block, blocks : int
        The first block of trials, and how many.
    device : int
        Index of the device in the instance.
    purpose : Purpose
        What is drawn: each has a stream of its own.
    """
    return _words(seed, first_block, blocks, FACTOR_COUNTERS, device, purpose).reshape(blocks, BLOCK)


def request_rows(seed: int, first_block: int, blocks: int, requests: int) -> IntArray:
    """Which of so many measured requests each trial replays, shape (blocks, BLOCK); alike for all devices and plans.

    Parameters
    ----------
    seed : int
        Of the simulation.
    first_block, blocks : int
        The first block of trials, and how many.
    requests : int
        How many were measured.
    """
    # A purpose of its own: with traces or without, all other draws stay the same.
    words = factor_words(seed, first_block, blocks, 0, Purpose.REQUEST).astype(np.uint64)
    return ((words * np.uint64(requests)) >> np.uint64(32)).astype(np.int64)


def crashes(seed: int, first_block: int, blocks: int, index: int, purpose: Purpose, chance: Chance) -> BoolArray:
    """Whether a device, or a domain, fails in each trial, shape (blocks, BLOCK).

    Parameters
    ----------
    seed : int
        Seed.
    first_block, blocks : int
        The trials: :data:`BLOCK` a block.
    index : int
        Place of the device, or of the domain, in the instance.
    purpose : Purpose
        ``CRASH`` or ``DOMAIN``.
    chance : Chance
        Probability of the failure.
    """
    words = _words(seed, first_block, blocks, CRASH_COUNTERS, index, purpose)
    # Little-endian on every machine: the kernel reads the words in halves too.
    lanes = words.astype("<u4", copy=False).view("<u2").reshape(blocks, BLOCK)
    coarse = np.uint16(chance.coarse)
    failed: BoolArray = lanes < coarse
    is_tie = lanes == coarse
    # Once in 65,536 draws: to ask whether there is one is much cheaper than to look for it.
    if chance.fine and is_tie.any():
        for place in np.flatnonzero(is_tie).tolist():
            failed.flat[place] = _finer(seed, first_block * BLOCK + place, index, purpose) < chance.fine
    return failed


def _words(seed: int, first_block: int, blocks: int, counters: int, index: int, purpose: int) -> Word32Array:
    """Words of consecutive blocks, shape (blocks, 4, counters)."""
    end = first_block + blocks
    places: WordArray = np.arange(first_block * counters, end * counters, dtype=np.uint64).reshape(blocks, counters)
    return philox(places & np.uint64(LOW), index, places[:, :1] >> np.uint64(32), purpose, seed)


def _finer(seed: int, trial: int, index: int, purpose: int) -> int:
    """The 48 bits that settle a tie, by :func:`philox` in plain integers: for one counter that is faster."""
    a, b, c, d = trial & LOW, index, trial >> 32, purpose + 1
    k, m = seed & LOW, seed >> 32
    for _ in range(ROUNDS):
        p, q = a * MULTIPLIERS[0], c * MULTIPLIERS[1]
        a, b, c, d = (q >> 32) ^ b ^ k, q & LOW, (p >> 32) ^ d ^ m, p & LOW
        k, m = (k + WEYL[0]) & LOW, (m + WEYL[1]) & LOW
    return a << 16 | b >> 16
