"""Random numbers fit for a file: few digits, and the same on every machine."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeVar

    from numpy.random import Generator

    Item = TypeVar("Item")

DIGITS = 4
"""Significant digits of every generated number. They also hide last-bit differences between mathematics libraries."""


def rounded(value: float, digits: int = DIGITS) -> float:
    """Round to significant digits."""
    return float(f"{value:.{digits}g}")


def uniform(rng: Generator, low: float, high: float) -> float:
    """Uniform draw, rounded; exact at the ends, which a rounded draw never leaves.

    Parameters
    ----------
    rng : Generator
        Source of the draw.
    low, high : float
        Ends of the range.
    """
    return rounded(low + (high - low) * rng.random())


def log_uniform(rng: Generator, low: float, high: float) -> float:
    """Draw whose logarithm is uniform, rounded.

    Parameters
    ----------
    rng : Generator
        Source of the draw.
    low, high : float
        Ends of the range, above 0.
    """
    return rounded(low * math.exp(math.log(high / low) * rng.random()))


def pick(rng: Generator, items: Sequence[Item]) -> Item:
    """Pick one item, all alike likely."""
    return items[int(rng.random() * len(items))]
