"""Options of simulations: defaults, ranges, and what is said of a value outside of its range."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from rocoin_opt.control import MAX_THREADS
from rocoin_opt.errors import InputError, Problem
from rocoin_opt.failure.monte_carlo.draws import SEEDS
from rocoin_opt.instance import is_positive

if TYPE_CHECKING:
    from rocoin_opt.failure.monte_carlo.estimates import MeanEstimate

DEFAULT_TRIALS = 100_000
DEFAULT_LIMIT = 100_000_000
"""Largest number of trials where a relative error is asked for."""
DEFAULT_RARE_LIMIT = 4_000_000
"""Largest number of draws of a rare event: each tells more than a trial."""
MAX_TRIALS = 2**40
MAX_KEPT = 2**28
"""Largest number of trials whose answer times are kept one by one: two gigabytes."""
LEVEL = 0.95
"""Level of the interval that a relative error is measured by."""


def require_trials(
    trials: int, seed: int, deadline: float | None, *, workers: int = 1, chunk: int | None = None
) -> None:
    """Refuse options of simulated trials that are out of range.

    Parameters
    ----------
    trials : int
        Largest number of trials, at least 2.
    seed : int
        Seed, below 2^64.
    deadline : float or None
        Deadline in seconds.
    workers : int
        Processes.
    chunk : int or None
        Trials of a span.

    Raises
    ------
    InputError
        Naming every option that is out of range.
    """
    rules = (
        _trials_rule(trials),
        ("seed", seed, 0 <= seed < SEEDS, "a whole number from 0, below 2^64"),
        ("workers", workers, 1 <= workers <= MAX_THREADS, f"a whole number from 1 to {MAX_THREADS}"),
        ("chunk", chunk, chunk is None or chunk >= 1, "a whole number, at least 1"),
    )
    whole = [(name, value, holds and isinstance(value, int | None), allowed) for name, value, holds, allowed in rules]
    _require(*whole, _deadline_rule(deadline))


def require_rare_draws(trials: int, seed: int, deadline: float | None) -> None:
    """Refuse options of rare-event draws that are out of range.

    Parameters
    ----------
    trials : int
        Largest number of draws, at least 2.
    seed : int
        Seed of NumPy's generator, which has no largest one.
    deadline : float or None
        Deadline in seconds.

    Raises
    ------
    InputError
        Naming every option that is out of range.
    """
    _require(_trials_rule(trials), ("seed", seed, seed >= 0, "a whole number, at least 0"), _deadline_rule(deadline))


def require_kept(trials: int) -> None:
    """Refuse more trials than answer times can be kept of, one by one.

    Raises
    ------
    InputError
        If there are more than :data:`MAX_KEPT`.
    """
    _require(("trials", trials, trials <= MAX_KEPT, f"at most {MAX_KEPT} where times are kept"))


def is_precise(mean: MeanEstimate, rel_error: float) -> bool:
    """Whether half the interval of a mean is within a share of its value."""
    low, high = mean.interval(LEVEL)
    return (high - low) / 2.0 <= rel_error * mean.value


_Rule: TypeAlias = tuple[str, object, bool, str]
"""Name of an option, its value, whether it is in range, and the range in words."""


def _trials_rule(trials: int) -> _Rule:
    return "trials", trials, 2 <= trials <= MAX_TRIALS, f"a whole number from 2 to {MAX_TRIALS}"


def _deadline_rule(deadline: float | None) -> _Rule:
    return "deadline", deadline, deadline is None or is_positive(deadline), "a finite number above 0"


def _require(*rules: _Rule) -> None:
    problems = [Problem(name, repr(value), allowed) for name, value, holds, allowed in rules if not holds]
    if problems:
        raise InputError("options", problems)
