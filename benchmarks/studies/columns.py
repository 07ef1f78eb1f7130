"""Columns of figures as text: few digits each, a dash for none. A document of them stays small and comparable."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float64]

NONE = "-"


def packed(values: Iterable[float | None], digits: int = 6) -> str:
    """A column as text, one word a value."""
    return " ".join(NONE if value is None or not math.isfinite(value) else f"{value:.{digits}g}" for value in values)


def unpacked(text: str) -> Floats:
    """The column of a text; not a number where there is no value."""
    return np.array([math.nan if word == NONE else float(word) for word in text.split()])


def column(run: Mapping[str, str], name: str) -> Floats:
    """A column of a run."""
    return unpacked(run[name])
