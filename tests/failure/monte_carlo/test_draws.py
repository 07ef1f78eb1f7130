from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from rocoin_opt.failure.monte_carlo.draws import (
    BLOCK,
    CRASH_COUNTERS,
    FACTOR_COUNTERS,
    LOW,
    Chance,
    Purpose,
    crashes,
    factor_words,
    philox,
)

# From kat_vectors of the Random123 library, philox4x32 with 10 rounds: counter, key, words.
KNOWN_ANSWERS = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((LOW, LOW, LOW, LOW), (LOW, LOW), (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


def words_of(counter: int, index: int, purpose: int, seed: int) -> list[int]:
    """The four words of one counter."""
    words = philox(np.array([counter & LOW], dtype=np.uint64), index, counter >> 32, purpose, seed)
    return [int(word) for word in words[:, 0]]


@pytest.mark.parametrize(("counter", "key", "words"), KNOWN_ANSWERS)
def test_the_generator_gives_the_published_answers(
    counter: tuple[int, ...], key: tuple[int, int], words: tuple[int, ...]
) -> None:
    first, index, high, purpose = counter
    assert words_of(first | high << 32, index, purpose, key[0] | key[1] << 32) == list(words)


@given(p=st.floats(0.0, 1.0, exclude_max=True))
def test_a_chance_holds_a_probability_to_the_last_bit_or_2_to_the_minus_64(p: float) -> None:
    chance = Chance.of(p)
    assert 0 <= chance.coarse < 2**16
    assert 0 <= chance.fine < 2**48
    assert abs(chance.coarse * 2**48 + chance.fine - Fraction(p) * 2**64) <= Fraction(1, 2)


def test_a_crash_is_a_comparison_of_64_bits_with_the_probability() -> None:
    seed, first_block, device = 2**63 + 12345, 2**25, 7
    words = philox(
        np.arange(CRASH_COUNTERS, dtype=np.uint64), device, first_block * CRASH_COUNTERS >> 32, Purpose.CRASH, seed
    )
    lanes = words.astype("<u4").view("<u2").ravel()
    # As if the probability had been chosen to tie with the first trials, from below and from above.
    for lane in range(4):
        trial = first_block * BLOCK + lane
        finer = words_of(trial, device, Purpose.FINER_CRASH, seed)
        drawn = finer[0] << 16 | finer[1] >> 16
        for fine, is_crash in ((drawn, False), (drawn + 1, True)):
            failed = crashes(seed, first_block, 1, device, Purpose.CRASH, Chance(int(lanes[lane]), fine))
            assert failed.shape == (1, BLOCK)
            assert bool(failed[0, lane]) == is_crash
            settled = lanes != lanes[lane]
            assert (failed[0, settled] == (lanes < lanes[lane])[settled]).all()


@pytest.mark.parametrize("p", [0.0, 3e-6, 1e-4, 0.05, 0.5, 1 - 2**-50])
def test_crashes_come_as_often_as_they_should(p: float) -> None:
    count, trials = 0, 0
    for device in range(8):
        failed = crashes(5, 100, 64, device, Purpose.CRASH, Chance.of(p))
        count, trials = count + int(failed.sum()), trials + failed.size
    assert stats.binomtest(count, trials, p).pvalue > 1e-4


def test_crashes_below_the_coarse_bits_come_as_often_as_they_should() -> None:
    # All coarse bits are 0: the finer ones decide every crash.
    chance = Chance.of(2.0**-17)
    assert chance.coarse == 0
    count = sum(int(crashes(1, 0, 256, device, Purpose.DOMAIN, chance).sum()) for device in range(16))
    assert stats.binomtest(count, 16 * 256 * BLOCK, 2.0**-17).pvalue > 1e-4


def test_draws_depend_on_trial_device_purpose_and_seed_alone() -> None:
    chance = Chance.of(0.3)
    together = crashes(9, 40, 5, 3, Purpose.CRASH, chance)
    words = factor_words(9, 40, 5, 3, Purpose.COMPUTE)
    for block in range(5):
        assert (crashes(9, 40 + block, 1, 3, Purpose.CRASH, chance)[0] == together[block]).all()
        assert (factor_words(9, 40 + block, 1, 3, Purpose.COMPUTE)[0] == words[block]).all()
    for other in (
        crashes(10, 40, 5, 3, Purpose.CRASH, chance),
        crashes(9 + 2**32, 40, 5, 3, Purpose.CRASH, chance),
        crashes(9, 40 + 2**26, 5, 3, Purpose.CRASH, chance),
        crashes(9, 40, 5, 4, Purpose.CRASH, chance),
        crashes(9, 40, 5, 3, Purpose.DOMAIN, chance),
    ):
        share = float((other & together).mean())
        assert share == pytest.approx(0.09, abs=5 * math.sqrt(0.09 * 0.91 / together.size))


def test_factor_words_are_uniform_and_unlike_each_other() -> None:
    compute = factor_words(3, 2**23, 8, 1, Purpose.COMPUTE).ravel() / 2**32
    link = factor_words(3, 2**23, 8, 1, Purpose.LINK).ravel() / 2**32
    assert stats.kstest(compute, "uniform").pvalue > 1e-4
    assert stats.kstest(link, "uniform").pvalue > 1e-4
    assert abs(np.corrcoef(compute, link)[0, 1]) < 5 / math.sqrt(len(compute))
    assert abs(np.corrcoef(compute[1:], compute[:-1])[0, 1]) < 5 / math.sqrt(len(compute))


def test_every_word_of_a_counter_serves_one_trial() -> None:
    words = factor_words(4, 2**24, 2, 6, Purpose.LINK)
    first = 2**24 * FACTOR_COUNTERS
    for i in (0, 5, FACTOR_COUNTERS - 1):
        expected = words_of(first + i, 6, Purpose.LINK, 4)
        assert [int(words[0, i + k * FACTOR_COUNTERS]) for k in range(4)] == expected
