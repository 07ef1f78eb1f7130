"""Prices of devices, filters and groups: what groups gain and pay where the likeliest answer is looked for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from rocoin_opt.instance import LAST_DIGITS

if TYPE_CHECKING:
    from rocoin_opt.instance import FloatArray, IntArray


def ln_likely(weights: FloatArray) -> FloatArray:
    """``ln(1 - e^-W)``, the logarithm of the probability that a group of a weight answers, with all its digits."""
    with np.errstate(divide="ignore"):
        # Next to 0 and next to 1 one of the two ways loses its digits.
        return np.asarray(np.where(weights < 1.0, np.log(-np.expm1(-weights)), np.log1p(-np.exp(-weights))))


class Priced:
    """Prices of devices, filters, and groups of each level or more.

    Parameters
    ----------
    prices : FloatArray
        One a row; those of devices and filters count as 0 below that.
    devices, wanted : int
        N and M.
    levels : IntArray, V
        Sizes, ascending from 1.
    least, most : FloatArray or IntArray, V
        Limits on the number of groups of each or more.

    Attributes
    ----------
    costs : FloatArray, N
        Price of each device.
    constant : float
        Bound where no group gains more than it pays.
    """

    def __init__(self, prices: FloatArray, devices: int, wanted: int, levels: IntArray, least: Any, most: Any) -> None:
        self.costs = np.maximum(prices[:devices], 0.0)
        self.of_filter, of_levels = max(float(prices[devices]), 0.0), prices[devices + 1 :]
        self.paid, self.levels, self.most = np.append(0.0, np.cumsum(of_levels)), levels, most
        of_groups = np.maximum(of_levels * self.most, of_levels * least)
        terms = [*self.costs.tolist(), -self.of_filter * wanted, *of_groups.tolist()]
        # Sums of terms that cancel keep the rounding of the largest.
        self.constant = math.fsum(terms) + 10.0 * LAST_DIGITS * sum(map(abs, terms))

    def worth(self, sizes: IntArray) -> FloatArray:
        """What the filters of groups earn, less what these pay; ``-inf`` for sizes that no group may have."""
        reached = np.searchsorted(self.levels, sizes, side="right")
        worth = self.of_filter * sizes - self.paid[reached]
        return np.where(self.most[reached - 1] <= 0.0, -np.inf, worth)
