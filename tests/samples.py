"""How many cases of a kind are tried: few by the fast tests, more by slow ones or in the thorough profile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterable

THOROUGH = "thorough"
"""Name of the Hypothesis profile in which every test looks at all its examples."""
SHARE = 15
"""One in so many examples is looked at in the usual profile."""
FEWEST = 4
"""Examples that are looked at in any case."""


def fewer(number: int) -> int:
    """Examples of the usual profile, where the thorough one has a number."""
    return min(number, max(FEWEST, number // SHARE))


def trials(number: int, *, ways: int = 1, **others: Any) -> settings:
    """Hypothesis settings: a number of examples in the thorough profile, and a share of them in the usual one.

    A test with parameters has these examples for each of them: those of the usual profile are divided between so many
    ways.
    """
    usual = max(2, fewer(number) // ways)
    return settings(max_examples=number if settings.get_current_profile_name() == THOROUGH else usual, **others)


def cases(fast: Iterable[Any], every: Iterable[Any]) -> list[Any]:
    """Values of a parameter of a test, or tuples of several: those of ``every`` that are not fast are slow tests."""
    fast = list(fast)
    later = (value if isinstance(value, tuple) else (value,) for value in every if value not in fast)
    return [*fast, *(pytest.param(*value, marks=pytest.mark.slow) for value in later)]
