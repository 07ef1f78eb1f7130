r"""What devices cover of a group's outage limit where some of them fail together.

Of a domain that fails with probability :math:`\pi` a group with the weight ``w``, the sum of ``-ln p_n`` over its
devices there, covers ``h(w) = -ln(pi + (1 - pi) e^-w)``: concave, so that tangents bound it from above wherever they
touch, and one touches at each weight that some devices of the domain have together. Where these are too many the
tangents only bound it; what a model then lets through is cut off by exact products, see
:mod:`rocoin_opt.exact.cover_cuts`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rocoin_opt.instance import LIMIT_TOLERANCE, SharedFailures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.instance import FloatArray, Instance

SMALLEST_LIMIT = 1e-6
"""``-ln eps`` below which shares say nothing, as in :attr:`InstanceArrays.cover_share`."""
MOST_PLACES = 48
"""Tangents of one domain, at most."""
STEEPEST = 1e4
"""Slope of a tangent, by the largest weight: steeper ones would drown in a solver's tolerances, and are left out."""
BEYOND = 40.0
"""Weight beyond ``-ln pi`` at which nothing of a domain's devices is left to a double."""


class Domain(NamedTuple):
    """A failure domain that several devices share."""

    weight: dict[int, float]
    """``-ln p_n`` of each of its devices, in units of the largest."""
    tangents: tuple[tuple[float, float], ...]
    """Height at 0 and slope of each, in shares of the limit."""


@dataclass(frozen=True, eq=False)
class OutageShares:
    """Shares of a group's outage limit.

    Attributes
    ----------
    alone : FloatArray, N
        What each device covers by itself, cut off at 1. Several of a domain cover at most the sum.
    domains : tuple of Domain
        What ties devices together.
    """

    alone: FloatArray
    domains: tuple[Domain, ...]

    @classmethod
    def of(cls, instance: Instance) -> OutageShares:
        """Derive the shares of an instance."""
        limit = instance.requirements.max_group_outage
        needed = math.inf if limit <= 0.0 else -(math.log(limit) + math.log1p(LIMIT_TOLERANCE))
        if not instance.has_shared_failures or needed < SMALLEST_LIMIT:
            return cls(instance.arrays.cover_share, ())
        shared = SharedFailures(instance)
        falls = np.append(shared.falls, 0.0)[shared.domain]
        failure = falls + (1.0 - falls) * shared.failure
        if math.isinf(needed):
            return cls(np.asarray(failure == 0.0, dtype=np.float64), ())
        with np.errstate(divide="ignore"):
            alone = np.minimum(-np.log(failure) / needed, 1.0)
        domains = [
            _domain(np.flatnonzero(shared.domain == d).tolist(), shared.failure, float(fall), needed)
            for d, fall in enumerate(shared.falls)
        ]
        return cls(alone, tuple(domains))


def _domain(members: Sequence[int], failure: FloatArray, fall: float, needed: float) -> Domain:
    """A domain with its tangents.

    Parameters
    ----------
    members : sequence of int
        Its devices.
    failure : FloatArray, N
        Failure probability of each device while its domain is up.
    fall : float
        How likely the domain fails, above 0.
    needed : float
        ``-ln eps``.
    """
    last = BEYOND - math.log(fall)
    with np.errstate(divide="ignore"):
        weights = np.minimum(-np.log(failure[list(members)]), last)
    unit = float(weights.max()) or 1.0
    tangents = []
    for place in _places(weights.tolist()):
        share = -math.log1p((1.0 - fall) * math.expm1(-place)) / needed
        left = (1.0 - fall) * math.exp(-place)
        slope = left / (fall + left) / needed
        if share < 1.0 and slope * unit <= STEEPEST:
            tangents.append((share - slope * place, slope * unit))
    return Domain({n: float(w) / unit for n, w in zip(members, weights, strict=True)}, tuple(tangents))


def _places(weights: Sequence[float]) -> list[float]:
    """Weights that devices have together; spread evenly where there are too many."""
    total = math.fsum(weights) or 1.0
    # To nine digits: a tangent is a bound wherever it touches.
    sums = {0.0: 0.0}
    for weight in weights:
        for found in list(sums.values()):
            sums.setdefault(round((found + weight) / total, 9), found + weight)
        if len(sums) > MOST_PLACES:
            return [total * (i + 1) / MOST_PLACES for i in range(MOST_PLACES)]
    return [place for place in sums.values() if place > 0.0]
