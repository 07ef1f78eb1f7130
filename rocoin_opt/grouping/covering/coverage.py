"""Whether sets of devices keep the outage limit where devices fail together: the one owner of that question.

The outage of a set is a product over failure domains, ``pi_d + (1 - pi_d) prod p_n``, and over devices in none. So what
a device adds depends on who of its domain is there already, and shares cannot be summed. Sets are judged here many at a
time, by their products; those that only rounding decides are left to :func:`~rocoin_opt.plan.group_keeps_limit`.

Where no two devices share a domain that may fail, shares can be summed, and there is no :class:`Coverage`; nor next to
a limit of 1, where shares promise too much in any case.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from rocoin_opt.instance import LIMIT_TOLERANCE, ROUNDING, SAFETY, stretched
from rocoin_opt.plan import group_keeps_limit

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rocoin_opt.instance import BoolArray, FloatArray, Instance, InstanceArrays, IntArray

DOUBTFUL = 0.01 * ROUNDING
"""Relative distance from the limit up to which the order of multiplication may decide: a hundred times its rounding,
and a hundredth of the tolerance on limits."""

SMALLEST_NEED = 1e-7
"""Weight that a group has to gather below which logarithms are too coarse to judge by."""

ALL = slice(None)

_KNOWN: WeakKeyDictionary[InstanceArrays, Coverage | None] = WeakKeyDictionary()
"""By the arrays of their instance, which no other instance has: every threshold asks for it."""


def coverage_of(instance: Instance) -> Coverage | None:
    """How sets of devices cover where they fail together; None where it is a matter of cover shares alone."""
    if not instance.has_shared_failures:
        return None
    arrays = instance.arrays
    if arrays not in _KNOWN:
        falls = {domain.id: domain.failure_probability for domain in instance.failure_domains}
        members = Counter(device.failure_domain for device in instance.devices if device.failure_domain is not None)
        is_shared = any(number > 1 and falls[name] > 0.0 for name, number in members.items())
        coverage = Coverage(instance) if is_shared else None
        _KNOWN[arrays] = coverage if coverage and coverage.need >= SMALLEST_NEED else None
    return _KNOWN[arrays]


class Coverage:
    """Judges sets of devices, by index; the number of devices, N, stands for none.

    Parameters
    ----------
    instance : Instance
        What was given.

    Attributes
    ----------
    domain : IntArray, N + 1
        Failure domain of each device; D, the number of domains, where it is in none.
    failure : FloatArray, N + 1
        Crash probabilities p, and 1 for nobody.
    falls : FloatArray, D + 1
        Probability pi of each domain, and 0 for none.
    limit, need : float
        Largest outage of a group, and the weight ``-ln eps`` that it has to gather for it, infinite for a limit of 0;
        the tolerance on limits included.
    """

    def __init__(self, instance: Instance) -> None:
        # A copy without its arrays: the instance itself would keep its own key in a weak dictionary alive.
        self.instance = instance.model_copy()
        index = {domain.id: d for d, domain in enumerate(instance.failure_domains)}
        apart = len(index)
        domains = [
            apart if device.failure_domain is None else index[device.failure_domain] for device in instance.devices
        ]
        self.domain = np.array([*domains, apart])
        self.failure: FloatArray = np.append(instance.arrays.failure, 1.0)
        self.falls: FloatArray = np.array([*(domain.failure_probability for domain in instance.failure_domains), 0.0])
        self.limit = instance.requirements.max_group_outage
        self.need = math.inf if self.limit == 0.0 else -(math.log(self.limit) + math.log1p(LIMIT_TOLERANCE))

    def products(self, members: IntArray, fixed: Sequence[int] = ()) -> FloatArray:
        """Products of the crash probabilities of each set in each domain, and in none, C x (D + 1) for members C x L.

        Parameters
        ----------
        members : IntArray, C x L
            Device indices.
        fixed : sequence of int
            Devices that are in every one of the sets.
        """
        products = np.ones((len(members), len(self.falls)))
        for n in fixed:
            products[:, self.domain[n]] *= self.failure[n]
        for column in members.T:
            products = self.joined(products, column)
        return products

    def joined(self, products: FloatArray, devices: IntArray) -> FloatArray:
        """Products of sets after one more device joined each of them."""
        after = products.copy()
        after[np.arange(len(after)), self.domain[devices]] *= self.failure[devices]
        return after

    def outages(self, products: FloatArray, columns: IntArray | slice = ALL) -> FloatArray:
        """Outage of sets by their products; 1 for the empty set, and 0 where it is too small for a double.

        Parameters
        ----------
        products : FloatArray, C x (D + 1)
            See :meth:`products`.
        columns : IntArray or slice
            Domains that the products are of, where no set has a device of the others.
        """
        falls = self.falls[columns]
        outages: FloatArray = np.prod(falls + (1.0 - falls) * products, axis=1)
        return outages

    def shares(self, products: FloatArray) -> FloatArray:
        """Share of the need that sets with these products cover, at most 1."""
        with np.errstate(divide="ignore"):
            weights = -np.log(self.outages(products))
        if self.need == math.inf:
            return np.asarray(weights == math.inf, dtype=np.float64)
        return np.minimum(weights / self.need, 1.0)

    def may_cover(self, products: FloatArray) -> BoolArray:
        """Whether sets with these products keep the limit, or miss it by little more than rounding."""
        return np.asarray(self.outages(products) <= stretched(self.limit) * (1.0 + SAFETY))

    def judged(
        self, products: FloatArray, members: IntArray, fixed: Sequence[int] = (), columns: IntArray | slice = ALL
    ) -> BoolArray:
        """Whether sets with these products keep the limit.

        Parameters
        ----------
        products : FloatArray, C x (D + 1)
            Of members and fixed devices.
        members : IntArray, C x L
            Device indices.
        fixed : sequence of int
            Devices that are in every one of the sets.
        columns : IntArray or slice
            As for :meth:`outages`.
        """
        is_there = members < len(self.failure) - 1
        if self.limit == 0.0:
            # Only certainty will do, and no product that is too small for a double.
            return np.asarray((is_there & self._sure[members]).any(axis=1) | bool(self._sure[list(fixed)].any()))
        outages = self.outages(products, columns)
        keeps = outages <= stretched(self.limit) * (1.0 - DOUBTFUL)
        for row in np.flatnonzero(~keeps & (outages <= stretched(self.limit) * (1.0 + DOUBTFUL))).tolist():
            keeps[row] = self.keeps_limit([*fixed, *members[row][is_there[row]].tolist()])
        # The empty set keeps no limit.
        return np.asarray(keeps if fixed else keeps & is_there.any(axis=1), dtype=bool)

    def covers(self, members: IntArray, fixed: Sequence[int] = ()) -> BoolArray:
        """Whether each set, C for members C x L, keeps the limit together with some fixed devices."""
        return self.judged(self.products(members, fixed), members, fixed)

    def prefixes(self, members: IntArray) -> BoolArray:
        """Whether the first devices of each set keep the limit, C x L for members C x L: those up to each position."""
        products, judged = self.products(members[:, :0]), np.empty(members.shape, dtype=bool)
        for position, column in enumerate(members.T):
            products = self.joined(products, column)
            judged[:, position] = self.judged(products, members[:, : position + 1])
        return judged

    def shortest_prefix(self, devices: Sequence[int], fixed: Sequence[int] = ()) -> int | None:
        """How many of the first devices it takes to keep the limit with some fixed ones; None where all do not.

        Parameters
        ----------
        devices : sequence of int
            Those that join, in this order.
        fixed : sequence of int
            Those that are there in any case.
        """
        low, high = -1, 1
        # More devices never cover less, and few are mostly enough.
        while not self.keeps_limit([*fixed, *devices[:high]]):
            if high >= len(devices):
                return None
            low, high = high, 2 * high
        high = min(high, len(devices))
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.keeps_limit([*fixed, *devices[:middle]]) else (middle, high)
        return high

    def covered_subsets(self, pool: Sequence[int], fixed: Sequence[int] = ()) -> BoolArray:
        """Whether each subset of a pool of P devices keeps the limit, together with some fixed ones.

        Parameters
        ----------
        pool : sequence of int, P
            Device indices.
        fixed : sequence of int
            Devices that are in every one of the sets.

        Returns
        -------
        BoolArray, 2^P
            Bit i of a position stands for ``pool[i]``.
        """
        count = len(pool)
        devices = np.array([*pool, *fixed], dtype=np.int64)
        # Only domains that any of them is in count.
        columns, domains = np.unique(self.domain[devices], return_inverse=True)
        inside = np.ones((len(columns), 1 << count))
        for place, n in zip(domains[count:].tolist(), fixed, strict=True):
            inside[place] *= self.failure[n]
        for i, (place, n) in enumerate(zip(domains[:count].tolist(), pool, strict=True)):
            # The upper half holds the device, the lower half does not.
            inside[:, 1 << i : 2 << i] = inside[:, : 1 << i]
            inside[place, 1 << i : 2 << i] *= self.failure[n]
        bits = (np.arange(1 << count)[:, None] >> np.arange(count)) & 1
        members = np.where(bits == 1, devices[:count], len(self.failure) - 1)
        return self.judged(inside.T, members, tuple(fixed), columns)

    def keeps_limit(self, members: Sequence[int]) -> bool:
        """Whether one set keeps the limit; the empty set does not."""
        return len(members) > 0 and group_keeps_limit(self.instance, members)

    @property
    def _sure(self) -> BoolArray:
        """Devices that never fail, nor does their domain."""
        return np.asarray((self.failure == 0.0) & (self.falls[self.domain] == 0.0), dtype=bool)


class Joining(NamedTuple):
    """Devices of which some shall join others in a group.

    Attributes
    ----------
    coverage : Coverage
        Judge of the group.
    devices : IntArray, L
        Those to choose from, in an order of preference.
    fixed : tuple of int
        Those that are in the group in any case.
    """

    coverage: Coverage
    devices: IntArray
    fixed: tuple[int, ...] = ()

    def covered_subsets(self, count: int) -> BoolArray:
        """Whether each subset of the first devices covers, 2^count; bit i stands for device i."""
        return self.coverage.covered_subsets(self.devices[:count].tolist(), self.fixed)

    def covering_prefix(self) -> int | None:
        """How many of the first devices it takes to cover; None where all of them do not."""
        return self.coverage.shortest_prefix(self.devices.tolist(), self.fixed)

    def needed(self, order: Iterable[int], count: int) -> list[int]:
        """Positions that stay of the first ones, ascending, where a cover gives up all that it can do without.

        Parameters
        ----------
        order : iterable of int
            Positions in the order in which they are given up.
        count : int
            How many of the first devices the cover has.
        """
        kept = list(range(count))
        for position in order:
            rest = [i for i in kept if i != position]
            if self.coverage.keeps_limit([*self.fixed, *self.devices[rest].tolist()]):
                kept = rest
        return kept
