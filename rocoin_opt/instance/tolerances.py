"""Tolerances: how far numbers may be off, from the rounding of doubles to answers of solvers, and limits they keep.

A tolerance is at the level of the error that it stands for, and a *safety* at the next one: a bound that is lowered by
a thousand times its error is still a bound, and still close. What HiGHS is asked for stands in
:mod:`rocoin_opt.highs.linear`.

Files hold decimals, and sums and products of them are rounded: 0.1 + 0.1 + 0.1 is above 0.3, and 0.1 * 0.1 above 0.01.
A figure keeps a limit up to a relative :data:`LIMIT_TOLERANCE`. That holds for outage against its limit, for a time
against a deadline and for bytes against a memory alike, in ``check``, in every evaluator and in every method.
"""

from __future__ import annotations

import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import numpy as np

    Limit = TypeVar("Limit", float, np.ndarray[Any, np.dtype[np.float64]])

LAST_DIGITS = 1e-15
"""Rounding of a few doubles near 1: a double has 2e-16."""
ROUNDING = 1e-12
"""Relative rounding of long sums and products, and far above it: thousands of terms lose three digits. Computed bounds
are lowered by it."""
SAFETY = 1e-9
"""A thousand times that: slack where sums are cut to whole numbers or decide what to leave out, which only weakens."""
SOLVER = 1e-7
"""What the prices and values of a linear program are good for, which HiGHS solves to 1e-9 in each row."""
SOLVER_SAFETY = 1e-6
"""What is added to sums of them: above what all rows together may be off, far below the one filter that decides."""
LIMIT_TOLERANCE = 1e-12
"""Relative slack on a limit: what rounding does to a figure that meets it exactly, and no more."""


def is_positive(number: float) -> bool:
    """Whether a number is above 0 and one that a float can hold: NaN, infinities and endless integers are not."""
    return 0.0 < number <= sys.float_info.max


def stretched(limit: Limit) -> Limit:
    """A limit as figures are compared with it: whatever is at most this keeps the limit."""
    return limit * (1.0 + LIMIT_TOLERANCE)


def complement(probability: float) -> float:
    """What a probability leaves to 1, as decimals: of 0.999999999 one billionth, from which 1 - p is off by 3e-8.

    A limit has to be good for more digits than :data:`LIMIT_TOLERANCE`.
    """
    return float(1 - Decimal(repr(float(probability))))


def keeps_limit(figure: float, limit: float) -> bool:
    """Whether a probability, a time in seconds or a number of bytes keeps its limit, up to rounding."""
    return figure <= stretched(limit)
