"""The cheapest set of devices before each device of a chain: what pricing asks of a covering knapsack.

A table of all costs tells it too, but for 1,000 devices it takes 131 MB, and the memory more time than the recursion.
Two rows of costs stay in the cache, and of all others only a mark is kept: whether the set takes the last device.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.grouping.tolerances import UNREACHABLE

if TYPE_CHECKING:
    from rocoin_opt.instance import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class CheapestBefore:
    """Cheapest sets of the devices before each one of a chain.

    Attributes
    ----------
    costs : FloatArray, L
        What the set costs that gathers what the device leaves; :data:`UNREACHABLE` and above where there is none.
    takes : BoolArray, (L + 1) x (resolution + 1)
        Whether the cheapest set that gathers u units from the first i devices takes the last of them.
    units : IntArray, L
        Share of each device in units.
    """

    costs: FloatArray
    takes: BoolArray
    units: IntArray

    def members(self, last: int, need: int) -> list[int] | None:
        """Positions of a cheapest set with ``need`` units among the devices before ``last``, descending; None if none.

        Parameters
        ----------
        last : int
            How many devices, the first of the chain, there are to choose from.
        need : int
            Units to gather, at most those that were asked for at all.
        """
        members: list[int] = []
        while need > 0:
            takers = np.flatnonzero(self.takes[: last + 1, need])
            if len(takers) == 0:
                return None
            last = int(takers[-1]) - 1
            members.append(last)
            need = max(0, need - int(self.units[last]))
        return members


def cheapest_before(
    units: IntArray, costs: FloatArray, needs: IntArray, resolution: int, *, compiled: bool
) -> CheapestBefore:
    """Cheapest cost to gather some units from the devices before each one, and what gathers them.

    Parameters
    ----------
    units : IntArray, L
        Share of each device in units, at least 0.
    costs : FloatArray, L
        Cost of each device, at least 0.
    needs : IntArray, L
        Units to gather before each device, at most the resolution.
    resolution : int
        Most units that are asked for.
    compiled : bool
        Whether to run compiled; the result is the same.
    """
    if compiled:
        from rocoin_opt.grouping.covering.covering_knapsack_compiled import cheapest_before as run

        return CheapestBefore(*run(units, costs, needs, resolution), units)
    before, after = np.full((2, resolution + 1), UNREACHABLE)
    before[0] = after[0] = 0.0
    cheapest, takes = np.empty(len(units)), np.zeros((len(units) + 1, resolution + 1), dtype=bool)
    limited = np.minimum(units, resolution).tolist()
    for i, (unit, cost, need) in enumerate(zip(limited, costs.tolist(), needs.tolist(), strict=True)):
        cheapest[i] = before[need]
        # With fewer units wanted than the device has, it is enough alone.
        after[1:unit] = cost
        first = max(unit, 1)
        np.add(before[first - unit : resolution + 1 - unit], cost, out=after[first:])
        np.less(after[1:], before[1:], out=takes[i + 1, 1:])
        np.minimum(after[1:], before[1:], out=after[1:])
        before, after = after, before
    return CheapestBefore(cheapest, takes, units)
