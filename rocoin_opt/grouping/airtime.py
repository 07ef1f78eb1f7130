"""What the air of shared channels allows: no plan answers earlier, however many devices there are.

Each filter is sent by devices whose shares of the outage limit sum to 1, so that the filters that all devices send,
each weighed by its share, come to M at least; for ``nominal`` one device a filter is enough. By a time T a device sends
as many as on a link of its own, and those on one channel that are ready at r or later send for T - r at most. The
largest weighed sum is a linear program on a chain of limits, in seconds of air, which greedily taking the most filters
a second solves: see statement S74 in ``docs/formulation/channels.md``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.instance import ROUNDING, SAFETY, stretched

if TYPE_CHECKING:
    from rocoin_opt.instance import FloatArray, Instance
    from rocoin_opt.plan import Objective

STEPS = 60
"""Halvings of the interval that the bound lies in."""


def airtime_bound(instance: Instance, objective: Objective) -> float:
    """Lower bound in seconds on a latency of every plan, by counting what channels can carry; 0 without any.

    Parameters
    ----------
    instance : Instance
        Constant latencies.
    objective : {'guaranteed', 'nominal', 'worst'}
        Which latency.
    """
    if not instance.shared_channels:
        return 0.0
    wanted = instance.knowledge.num_filters * (1.0 - SAFETY)
    carried = _Carried(instance, objective)
    low, high = 0.0, carried.last
    if carried.at(high) < wanted:
        # There is no plan: whoever proves that says so.
        return 0.0
    for _ in range(STEPS):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if carried.at(middle) >= wanted else (middle, high)
        if high - low <= ROUNDING * high:
            break
    return low * (1.0 - ROUNDING)


class _Carried:
    """How many filters, weighed by the shares of the devices that send them, arrive by a time."""

    def __init__(self, instance: Instance, objective: Objective) -> None:
        arrays = instance.arrays
        self.arrays = arrays
        is_shared = np.zeros(len(instance.devices), dtype=np.bool_)
        self.share: FloatArray = arrays.cover_share if objective != "nominal" else np.ones(len(instance.devices))
        able = arrays.largest > 0
        overhead = np.array([device.overhead_seconds for device in instance.devices])
        # No part is smaller than one filter.
        compute = np.where(able, arrays.compute[:, :, 0] + arrays.compute[:, :, 1], math.inf)
        ready = (overhead + compute.min(axis=1)) * (1.0 - ROUNDING)
        self.air = arrays.transfer
        self.queues = []
        for members in instance.shared_channels.values():
            useful = [n for n in members if math.isfinite(ready[n])]
            is_shared[list(members)] = True
            # The most filters a second first, each with the time at which it is ready.
            useful.sort(key=lambda n: self._density(n), reverse=True)
            self.queues.append([(n, float(ready[n])) for n in useful])
        self.own = np.flatnonzero(~is_shared)
        with np.errstate(invalid="ignore"):
            last = np.where(able, arrays.base + arrays.slope * arrays.largest, 0.0)
        air = sum(float(self.air[n]) * float(arrays.largest[n].max()) for queue in self.queues for n, _ in queue)
        self.last = float(last.max(initial=0.0)) + air

    def at(self, seconds: float) -> float:
        """Weighed filters that arrive by a time in seconds, at most."""
        reach = self.arrays.largest_part(stretched(seconds)).max(axis=1)
        total = float(self.share[self.own] @ reach[self.own])
        for queue in self.queues:
            total += self._on_channel(queue, reach, stretched(seconds))
        return total

    def _density(self, n: int) -> float:
        return float(self.share[n]) / float(self.air[n]) if self.air[n] > 0.0 else math.inf

    def _on_channel(self, queue: list[tuple[int, float]], reach: FloatArray, seconds: float) -> float:
        """Fill the air, the best devices first: each limit holds what those send that are ready at it or later."""
        starts = sorted({ready for _, ready in queue if ready < seconds})
        left = [seconds - start for start in starts]
        total = 0.0
        for n, ready in queue:
            if ready >= seconds or not reach[n]:
                continue
            among = [i for i, start in enumerate(starts) if start <= ready]
            needed = float(self.air[n]) * float(reach[n])
            sent = min(needed, *(left[i] for i in among))
            for i in among:
                left[i] -= sent
            share = 1.0 if needed == 0.0 else sent / needed
            total += float(self.share[n]) * float(reach[n]) * share
        return total
