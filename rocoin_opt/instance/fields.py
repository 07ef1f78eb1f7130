"""The kinds of numbers and names that instances are made of.

Numbers are strict: a string or a boolean is no number. Magnitudes are bounded far outside every physical value, so
that no product or quotient of two of them leaves the range of a double.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

SMALLEST = 1e-15
LARGEST = 1e24
LARGEST_COUNT = 1_000_000
SMALLEST_OUTAGE_LIMIT = 1e-300
"""Outage limits between 0 and this one are refused: a product of probabilities near them loses its digits, or all."""

Positive = Annotated[float, Field(strict=True, ge=SMALLEST, le=LARGEST)]
NonNegative = Annotated[float, Field(strict=True, ge=0.0, le=LARGEST)]
CrashProbability = Annotated[float, Field(strict=True, ge=0.0, lt=1.0)]
Probability = Annotated[float, Field(strict=True, ge=0.0, le=1.0)]
SuccessLevel = Annotated[float, Field(strict=True, gt=0.0, lt=1.0)]
Count = Annotated[int, Field(strict=True, ge=1, le=LARGEST_COUNT)]
Figure = Annotated[float, Field(strict=True)]
Index = Annotated[int, Field(strict=True, ge=0, le=LARGEST_COUNT)]
Identifier = Annotated[str, Field(strict=True, min_length=1)]
