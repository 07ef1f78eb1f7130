"""How the guarantee of a plan depends on one of its replicas.

The guarantee is the time by which all groups keep the outage limit. As a function of the latency of one replica it is
that latency itself between two ends: no sooner than the other replicas let it although this one answers at once, and
no later than they manage without it. The outage of a group by any time is linear in a crash probability, so where
latencies are constant the guarantee is a step function of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rocoin_opt.instance import keeps_outage_limit, stretched

if TYPE_CHECKING:
    from collections.abc import Callable

TIE = 1e-12
"""Relative difference up to which two times are the same one, rounded differently."""


@dataclass(frozen=True)
class Reach:
    """Between which times one replica of constant latency can move the guarantee.

    Attributes
    ----------
    earliest, latest : float
        Guarantee in seconds if the replica answers at once, and if it never does; perhaps infinite.
    """

    earliest: float
    latest: float

    def slopes(self, latency: float) -> tuple[float, float]:
        """Derivatives of the guarantee by the latency, each 0 or 1: towards less of it, and towards more."""
        if is_tied(self.earliest, self.latest):
            return 0.0, 0.0
        # At an end the guarantee waits for the replica on one side only, and the two derivatives differ.
        at_start, at_end = is_tied(latency, self.earliest), is_tied(latency, self.latest)
        is_inside = self.earliest < latency < self.latest
        return float(at_end or (is_inside and not at_start)), float(at_start or (is_inside and not at_end))

    def unchanged(self, latency: float) -> tuple[float, float]:
        """Latencies with the same guarantee, from and to; one point where the guarantee waits for the replica."""
        if is_tied(self.earliest, self.latest):
            return 0.0, math.inf
        if latency <= self.earliest or is_tied(latency, self.earliest):
            return 0.0, self.earliest
        if latency >= self.latest or is_tied(latency, self.latest):
            return self.latest, math.inf
        return latency, latency


def unchanged_crash(
    limit: float, guarantee: float, others: float, before: float | None, outage: Callable[[float], tuple[float, float]]
) -> tuple[float, float]:
    """Crash probabilities of a replica, above the first and up to the second, at which the guarantee stays as it is.

    Parameters
    ----------
    limit : float
        Outage limit.
    guarantee, others : float
        Guarantee of the plan, and that of all other groups.
    before : float or None
        The last time before the guarantee at which the replica's group may answer; None without one.
    outage : callable
        Outage of the replica's group by a time if the replica surely survives, and if it surely crashes.
    """
    high = _crossing(limit, *outage(guarantee))
    if before is None or others >= guarantee:
        return 0.0, high
    # The others are in time before: with a replica this reliable its group would be, too.
    sure, crashed = outage(before)
    return (_crossing(limit, sure, crashed) if keeps_outage_limit(sure, limit) else 0.0), high


def is_tied(one: float, other: float) -> bool:
    """Whether two times differ by rounding at most."""
    return one == other or (math.isfinite(one - other) and abs(one - other) <= TIE * max(abs(one), abs(other)))


def _crossing(limit: float, sure: float, crashed: float) -> float:
    """The largest crash probability that keeps the limit, where the outage is linear in it; 1 where all do."""
    if keeps_outage_limit(crashed, limit):
        return 1.0
    return min(max((stretched(limit) - sure) / (crashed - sure), 0.0), 1.0)
