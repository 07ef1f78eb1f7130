"""Values that a requirement may take instead of the one that it has, from strict to lenient, by whole numbers.

Whatever keeps a requirement at one place of its scale keeps it at every later one, so that a bisection finds the first
place with a plan.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Plan

DECADE = 900
"""Numbers of three significant digits in a decade."""
ONE = 0
"""Place of the number 1 among all numbers of three significant digits."""
SMALLEST_FAILURE = Decimal("1.2e-16")
"""Failure below which a probability of success is 1 as a number."""


@dataclass(frozen=True)
class Scale:
    """The values that one requirement may take.

    Attributes
    ----------
    strict, lenient : int
        Places of the value that it has, and of the last one that may help.
    changed : callable
        ``changed(instance, place)``: the instance with that value and everything else as it is.
    place_of : callable
        ``place_of(instance, plan)``: the first place at which this requirement does not stand against the plan.
    value : callable
        ``value(place)``: the value itself.
    remedy : callable
        ``remedy(place)``: the change in words.
    """

    strict: int
    lenient: int
    changed: Callable[[Instance, int], Instance]
    place_of: Callable[[Instance, Plan], int]
    value: Callable[[int], int | float]
    remedy: Callable[[int], str]


def number_at(place: int) -> Decimal:
    """The number of three significant digits at a place of the order of all of them; 1 is at 0."""
    exponent, digits = divmod(place, DECADE)
    return Decimal(100 + digits).scaleb(exponent - 2)


def place_above(number: float) -> int:
    """Place of the least number of three significant digits that is no smaller."""
    exact = Decimal(number) if isinstance(number, int) else Decimal(repr(float(number)))
    exponent = exact.adjusted()
    digits = int(exact.scaleb(2 - exponent).to_integral_value(ROUND_CEILING))
    # 999.5 rounds up to 1000, the first place of the next decade.
    return exponent * DECADE + digits - 100


def place_below(number: float) -> int:
    """Place of the largest number of three significant digits that is no larger."""
    place = place_above(number)
    return place if number_at(place) <= Decimal(repr(float(number))) else place - 1


def success_at(place: int) -> float:
    """What the failure at a place leaves to 1, rounded down."""
    exact = 1 - number_at(place)
    success = float(exact)
    return success if Decimal(repr(success)) <= exact else math.nextafter(success, 0.0)


def failure_places(allowed: float) -> tuple[int, int]:
    """Places of an allowed failure and of 1, within what a probability of success can say."""
    least = place_above(float(SMALLEST_FAILURE))
    return (max(place_below(allowed), least) if allowed > 0.0 else least), ONE
