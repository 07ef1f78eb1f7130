"""Cells of the study's tables: shares, means with their intervals, quartiles, runs in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from studies.columns import Floats
    from studies.summaries import Interval, Quartiles

DASH = "-"


def run_text(run: str) -> str:
    """A run in words: a method, and what is special about it."""
    method, _, rest = run.partition(" ")
    return {
        "guaranteed": method,
        "expected": f"{method} for expected",
        "failure": f"{method} for failure",
        "no limit": f"{method}, no limit",
        "lifted": f"{method} for expected, no limit",
    }[rest]


def percents(share: float) -> str:
    """Per cent with one decimal, fewer where there are many digits."""
    return f"{100.0 * share:.1f} %" if abs(share) < 10.0 else f"{100.0 * share:.0f} %"


def factor_text(factors: Floats) -> str:
    """Geometric mean of factors."""
    known = factors[np.isfinite(factors)]
    return DASH if not len(known) else f"{np.exp(np.log(known).mean()):.3f}"


def interval_text(interval: Interval | None) -> str:
    """A mean and its bootstrap interval."""
    return DASH if interval is None else f"{interval.mean:.3f} ({interval.low:.3f} to {interval.high:.3f})"


def quartile_cells(found: Quartiles | None, shown: Callable[[float], str]) -> Sequence[str]:
    """Quartiles and the worst value as four cells."""
    return (DASH,) * 4 if found is None else tuple(map(shown, found[1:]))
