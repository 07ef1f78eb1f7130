"""Derivatives of figures that have no closed form, by differences, with an error that owns up to kinks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

STEP = 2e-3
"""Step in the logarithm of the parameter: small against what laws do, large against the error of an integral."""


@dataclass(frozen=True)
class Derivative:
    """A derivative, towards smaller and towards larger values, and how far either may be off.

    The two sides differ at kinks only. The error is 0 for closed forms, which are exact but for rounding.
    """

    left: float
    right: float
    error: float = 0.0

    def times(self, factor: float) -> Derivative:
        """The derivative of the figure times a factor, or by a parameter with that derivative."""
        sides = (self.left, self.right) if factor >= 0.0 else (self.right, self.left)
        # Plus 0: a zero has no sign.
        return Derivative(factor * sides[0] + 0.0, factor * sides[1] + 0.0, abs(factor) * self.error)


def log_derivative(figure: Callable[[float], float], noise: float) -> Derivative | None:
    """Derivative of a figure by the logarithm of its parameter; None where the figure is infinite within the steps.

    The value is the central difference of fourth order over five points. Its error is taken to be the distance to the
    one-sided differences of second order, on either side: at a kink these are the two derivatives that there are, and
    elsewhere they are far worse than the value.

    Parameters
    ----------
    figure : callable
        Takes the factor that the parameter is multiplied by.
    noise : float
        Error of each value of the figure.
    """
    f = [figure(math.exp(k * STEP)) for k in (-2, -1, 0, 1, 2)]
    if not all(map(math.isfinite, f)):
        return None
    central = (f[0] - 8.0 * f[1] + 8.0 * f[3] - f[4]) / (12.0 * STEP)
    left = (f[0] - 4.0 * f[1] + 3.0 * f[2]) / (2.0 * STEP)
    right = (-3.0 * f[2] + 4.0 * f[3] - f[4]) / (2.0 * STEP)
    error = max(abs(left - central), abs(right - central)) + 2.0 * noise / STEP
    return Derivative(central, central, error)
