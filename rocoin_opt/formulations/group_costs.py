"""What a group costs: ``-ln P`` of the whole answer is the sum over the groups of a convex function of their weights.

A group of weight ``W``, the sum of ``-ln p_n`` over its replicas in time, answers in time but for ``e^-W``, so that it
costs ``c(W) = -ln(1 - e^-W)``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.instance import ROUNDING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.instance import FloatArray

NEGLIGIBLE = 1e-13
"""Cost of a group, in units of the known plan's, that counts as none."""


@dataclass(frozen=True, eq=False)
class GroupCosts:
    """What replicas and groups are worth for the failure probability.

    Attributes
    ----------
    unit : float
        ``-ln P`` of the known plan: cost that counts as 1.
    kind : sequence of int, N
        Position of each device's failure probability among the different ones, ascending.
    of_kind : FloatArray
        ``-ln p`` of each kind, cut off where the cost of a group is negligible.
    """

    unit: float
    kind: Sequence[int]
    of_kind: FloatArray

    @classmethod
    def of(cls, failure: FloatArray, unit: float) -> GroupCosts:
        """Costs for the failure probabilities of N devices, and a cost that counts as 1."""
        kinds, kind = np.unique(failure, return_inverse=True)
        last = -math.log(NEGLIGIBLE) - math.log(unit)
        with np.errstate(divide="ignore"):
            # Tangents reach 0 within a distance of 1.
            return cls(unit, kind.tolist(), np.minimum(-np.log(kinds), last + 1.0))

    @property
    def scale(self) -> float:
        """The largest weight, which counts as 1 in the model."""
        return float(self.of_kind.max())

    @property
    def last(self) -> float:
        """Weight beyond which no tangent is stated."""
        return -math.log(NEGLIGIBLE) - math.log(self.unit)

    def of_device(self, device: int) -> float:
        """Weight of one device."""
        return float(self.of_kind[self.kind[device]])

    def of_group(self, counts: Sequence[int]) -> float:
        """Weight of a group with so many replicas of each kind."""
        return float(np.dot(counts, self.of_kind))

    def cost(self, weight: float) -> float:
        """Cost ``c(W)`` of a group in units."""
        if weight <= 0.0:
            return math.inf
        # Of a weight next to 0 the exponential leaves nothing beside 1.
        outside = math.log(-math.expm1(-weight)) if weight < 1e-6 else math.log1p(-math.exp(-weight))
        return -outside / self.unit

    def weight_of(self, cost: float) -> float:
        """Weight of a group that costs so many units; the inverse of ``c`` is ``c`` itself."""
        return -math.log(-math.expm1(-cost * self.unit))

    def slope(self, weight: float) -> float:
        """Derivative of the cost, in units."""
        return -1.0 / (math.expm1(weight) * self.unit)

    def most_groups(self, failure: FloatArray, limit: float, most: int) -> int:
        """How many groups cost no more than a limit if they share the weight of some devices evenly; 1 at least.

        Parameters
        ----------
        failure : FloatArray
            Failure probabilities of the devices.
        limit : float
            Cost in units.
        most : int
            No more groups than these are of interest.
        """
        with np.errstate(divide="ignore"):
            # Not cut off: weight that is left out would make groups too dear.
            total, groups = float(-np.log(failure).sum()) * (1.0 + ROUNDING), 1
        while groups < most and (groups + 1) * self.cost(total / (groups + 1)) <= limit:
            groups += 1
        return groups
