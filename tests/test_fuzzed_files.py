"""Spoilt files of every kind end in an answer or in an error of ours, and a spoilt run goes on."""

from __future__ import annotations

import random
import warnings

import pytest

import rocoin_opt as ro
from fuzzed import CASES, Samples

FAST, SLOW = 12, 60
LONGEST_MESSAGE = 20_000


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    return Samples(tmp_path_factory.mktemp("samples") / "sound")


def refusal(samples: Samples, kind: str, seed: int) -> str:
    """What is said of a spoilt file; nothing where it is read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ro.MendedWarning)
        warnings.simplefilter("ignore", ro.UnitWarning)
        try:
            CASES[kind](samples, random.Random(f"{kind} {seed}"))
        except ro.RocoinError as error:
            return str(error)
        except Exception as error:
            raise AssertionError(f"case {seed} of {kind}") from error
    return ""


@pytest.mark.parametrize("kind", CASES)
def test_a_spoilt_file_ends_in_an_answer_or_in_our_error(samples: Samples, kind: str) -> None:
    said = [refusal(samples, kind, seed) for seed in range(FAST)]
    # Both ways are taken; a store goes on whatever happened to it.
    assert "" in said
    assert kind == "store" or any(said)
    assert max(map(len, said)) < LONGEST_MESSAGE


@pytest.mark.slow
@pytest.mark.parametrize("kind", CASES)
def test_many_spoilt_files_end_in_an_answer_or_in_our_error(samples: Samples, kind: str) -> None:
    assert all(len(refusal(samples, kind, seed)) < LONGEST_MESSAGE for seed in range(FAST, FAST + SLOW))
