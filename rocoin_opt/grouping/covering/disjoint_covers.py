"""How many disjoint covers some devices can form: what shares allow, refuted where too little of them may be wasted.

Covers take shares of 1 or more each. So k of them can waste no more than what the devices have beyond k: in shares
above 1, and in devices that stay unused. Where that is little, few sets are covers within it, and a search through
them is short.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from rocoin_opt.grouping.covering.blocks import blocks_of
from rocoin_opt.grouping.covering.nested_covers import nested_covers_within
from rocoin_opt.instance import SAFETY

if TYPE_CHECKING:
    from rocoin_opt.grouping.covering.coverage import Coverage
    from rocoin_opt.instance import FloatArray, IntArray

MOST_WASTE = 0.9
"""Share that may be wasted up to which a refutation is tried."""
MAX_DEVICES = 64
"""Devices up to which it is tried."""
MAX_COVERS = 2_000
"""Covers up to which it is tried."""
MAX_NODES = 5_000
"""Steps of the search, after which the covers count as possible: some hundredths of a second."""
MAX_VAIN = 100
"""Tries in vain after which an instance has no more of them."""
UNITS = 4_096
"""Units of a need of 1 in the knapsacks that list covers."""

_KNOWN: WeakKeyDictionary[Coverage, dict[tuple[tuple[int, ...], int], bool]] = WeakKeyDictionary()
"""Answers by devices and number: which sets cover is the same at every threshold."""


def tightened(coverage: Coverage, shares: FloatArray, sizes: IntArray, firsts: IntArray, limits: IntArray) -> IntArray:
    """Limits on the number of groups of some sizes or more, lowered where so many covers are refuted.

    Parameters
    ----------
    coverage : Coverage
        Judge of sets.
    shares : FloatArray, N
        Cover shares of the devices.
    sizes : IntArray, N
        Part up to which each device may be in a group.
    firsts, limits : IntArray, F
        Sizes, ascending, and upper limits on the groups of that size or more, descending.
    """
    limits = limits.copy()
    for k in range(int(limits.max(initial=0)), 1, -1):
        places = np.flatnonzero(limits == k)
        low, high = 0, len(places)
        # Fewer devices make no more covers: the first size that is refuted refutes all larger ones.
        while low < high:
            middle = (low + high) // 2
            devices = np.flatnonzero(sizes >= firsts[places[middle]])
            low, high = (low, middle) if is_refuted(coverage, shares, devices, k) else (middle + 1, high)
        limits[places[low:]] = k - 1
    return limits


def is_refuted(coverage: Coverage, shares: FloatArray, devices: IntArray, number: int) -> bool:
    """Whether it is proven that some devices do not form so many disjoint covers.

    Parameters
    ----------
    coverage : Coverage
        Judge of sets.
    shares : FloatArray, N
        Cover shares of all devices.
    devices : IntArray
        Indices of those that there are to choose from.
    number : int
        How many covers are wanted.
    """
    waste = float(shares[devices].sum()) - number + SAFETY
    if waste < 0.0 or waste > MOST_WASTE or len(devices) > MAX_DEVICES:
        return waste < 0.0
    known = _KNOWN.setdefault(coverage, {})
    key = tuple(devices.tolist()), number
    if key not in known:
        if list(known.values()).count(False) >= MAX_VAIN:
            return False
        known[key] = _is_refuted(coverage, shares, devices, number, waste)
    return known[key]


def _is_refuted(coverage: Coverage, shares: FloatArray, devices: IntArray, number: int, waste: float) -> bool:
    devices = devices[np.argsort(-shares[devices], kind="stable")]
    own = shares[devices]
    found = nested_covers_within(blocks_of(coverage, devices), own, 1.0 + waste, UNITS, MAX_COVERS)
    if found is None:
        return False
    members = np.append(devices, len(shares))[found]
    found = found[coverage.covers(members)]
    return not _Search(own, found, number).possible()


class _Search:
    """Depth first: the heaviest device that is left is in some cover, or wasted."""

    def __init__(self, shares: FloatArray, covers: IntArray, number: int) -> None:
        self.shares, self.number, self.nodes = shares.tolist(), number, 0
        self.failed: set[tuple[int, int]] = set()
        wastes = np.append(shares, 0.0)[covers].sum(axis=1) - 1.0
        self.by_first: list[list[tuple[float, int]]] = [[] for _ in self.shares]
        for row, wasted in zip(covers.tolist(), wastes.tolist(), strict=True):
            chosen = [i for i in row if i >= 0]
            # The heaviest one comes first; the lighter ones are left when it is asked.
            self.by_first[min(chosen)].append((wasted, sum(1 << i for i in chosen)))
        for options in self.by_first:
            options.sort()

    def possible(self) -> bool:
        """Whether there are so many disjoint covers, or it takes too long to know."""
        left = (1 << len(self.shares)) - 1
        return self._possible(left, 0, self.number, sum(self.shares) - self.number + SAFETY)

    def _possible(self, left: int, first: int, number: int, waste: float) -> bool:
        if number == 0 or self.nodes > MAX_NODES:
            return True
        while first < len(self.shares) and not left >> first & 1:
            first += 1
        if first == len(self.shares) or (left, number) in self.failed:
            return False
        self.nodes += 1
        for wasted, cover in self.by_first[first]:
            if wasted > waste:
                break
            if cover & left == cover and self._possible(left ^ cover, first + 1, number - 1, waste - wasted):
                return True
        alone = self.shares[first]
        if alone <= waste and self._possible(left ^ (1 << first), first + 1, number, waste - alone):
            return True
        self.failed.add((left, number))
        return False
