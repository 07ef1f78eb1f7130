"""Demand: how much more than given numbers of groups devices can be had to make, by a linear program.

Once it is fixed how many groups hold each size or more, filters no longer tell one packing from another: every one that
makes the groups holds them. What tells them apart is what they leave for the groups still to be made. So groups are
taken in parts until all numbers that are asked for are exceeded by the same factor, as large as it can be. Prices then
stand on the devices that are scarce, and a dive that follows them wastes little of these. A number that cannot be
exceeded, such as the one group that a single device has to be in, would hide all others: it is only kept, and the
factor is that of the rest (max-min fairness; Nace and Pioro, "Max-min fairness and its applications to routing and load
balancing in communication networks", IEEE Communications Surveys and Tutorials 10, 2008).

For *any* prices ``pi >= 0`` of devices and any worth ``mu(v)`` of a group of size v, the sum of ``sigma_s`` over
``s <= v``, a packing with ``c_s`` groups of size s or more leaves

    sum pi - sum c_s sigma_s >= sum over its groups of (pi(G) - mu(v_G)),

so that there is none where the left side is below 0 and no group is worth more than its devices cost.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from rocoin_opt.exact.threshold.numbers.alike_groups import AlikeDevices, AlikeGroup, GroupEntries
from rocoin_opt.grouping import (
    DUAL_SAFETY,
    PRICING_TOLERANCE,
    GroupPricer,
    Pricing,
    Round,
    SizePrices,
    generate_columns,
)
from rocoin_opt.highs import LpSolution, RestrictedMaster, WaitingColumns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.control import Control
    from rocoin_opt.grouping import Chain, ThresholdProblem
    from rocoin_opt.instance import BoolArray, FloatArray, IntArray

SMOOTHING = (0.5, 0.0)
"""Weights of the best prices so far where groups are priced."""
FIRST = 10.0
"""Weight of making what is asked for at all, beside that of exceeding it."""
FIRST_A_DEVICE = 2
"""Groups that a linear program begins with, in multiples of the devices; it needs about as many as it has rows."""
ADDED = 200
"""Groups that wait and enter the program at a time."""
LEAST_WORTH = 0.1
"""Part of the filters asked for that they are worth at prices that count: the program's own make it 1 or more, and a
larger factor would turn rounding errors into a proof."""
SHORT = 1e-6
"""Part of what is asked for by which a linear program may miss it: the solver's tolerances reach so far."""
TAIL = 0.1
"""Relative gap between the bound and what the program's solution leaves at which a rough solution is enough: the last
rounds of a column generation take longest and find least."""
EXCEEDED = 1e-7
"""Factor, less 1, up to which numbers are kept but not exceeded: the solver's tolerances reach so far."""


class Left(NamedTuple):
    """Devices of each kind that are left, I, and groups of each level or more that are still asked for, R."""

    devices: IntArray
    groups: Any


class Supply(NamedTuple):
    """What can be had of what is asked for.

    Attributes
    ----------
    made : float
        Part of it that can be made at all, 1 where all can.
    factor : float
        How often all of it could be made; of a rough solution, at least.
    spare : float
        Valid upper limit of what any packing leaves, in filters: below 0 there is none.
    prices : FloatArray, N
        Of devices, in filters.
    worths : Worths
        Of sizes, with them: no group is worth more than its devices cost.
    values : FloatArray, one a group of the program
        How often each is taken.
    """

    made: float
    factor: float
    spare: float
    prices: FloatArray
    worths: Worths
    values: FloatArray

    @property
    def is_refuted(self) -> bool:
        """Whether no packing makes what is asked for."""
        return self.spare < -DUAL_SAFETY

    @property
    def is_made(self) -> bool:
        """Whether parts of groups make what is asked for."""
        return self.made >= 1.0 - SHORT


@dataclass(frozen=True, eq=False)
class Worths(SizePrices):
    """Worth of a group by its size, ``totals``, as a price: what its size is more than its worth."""

    def of(self, sizes: IntArray) -> FloatArray:
        """Prices of some sizes."""
        return np.asarray(sizes - super().of(sizes))

    def of_one(self, size: int) -> float:
        """Price of one size."""
        return size - super().of_one(size)


class DemandProgram:
    """The linear program of a demand, for every part of it that is left: groups stay in it.

    Parameters
    ----------
    problem : ThresholdProblem
        Instance, objective and threshold.
    levels : IntArray, R
        Sizes of groups, ascending.
    groups : sequence of tuples of int
        Device indices of groups that are known, the likeliest first: with these it begins.
    control : Control
        Limit.
    """

    def __init__(
        self, problem: ThresholdProblem, levels: IntArray, groups: Sequence[tuple[int, ...]], control: Control
    ) -> None:
        self.problem, self.levels, self.control = problem, levels, control
        self.alike = AlikeDevices(problem.kind_of_device)
        self.all: IntArray = self.alike.all
        """Devices of each kind, I."""
        self.asked: IntArray = np.zeros(len(levels), dtype=np.int64)
        """Groups of each level or more, R."""
        self._known: set[tuple[bytes, int]] = set()
        self.groups: list[AlikeGroup] = []
        """Those of the program."""
        self._entries = GroupEntries()
        self._places: list[int] = []
        """Columns of the groups; between them stand the factors."""
        self._columns = 0
        self._kept = np.zeros(len(levels), dtype=bool)
        """Levels that the last factors do not exceed."""
        rows = np.concatenate([self.all, np.zeros(len(levels))])
        self._master = RestrictedMaster(np.full(len(rows), -math.inf), rows, control)
        self._solution: LpSolution | None = None
        self._pricer = GroupPricer(len(self.alike.of_device), control)
        self._different = problem.different_chains
        # Of thousands of groups the program needs some hundreds: the others wait until they would better it.
        self._known_groups = self._new(list(zip(groups, problem.capacities(groups).tolist(), strict=True)))
        self._known_counts = self.alike.matrix(self._known_groups)
        worthless = np.zeros(len(self._known_groups))
        self._waiting = WaitingColumns(worthless, self._columns_of(self._known_groups, self._known_counts))
        self._enter(np.arange(min(FIRST_A_DEVICE * len(self.alike.of_device), len(worthless))))

    def filters(self, groups: IntArray) -> int:
        """Filters that so many groups of each level or more hold, R."""
        return int(np.diff(self.levels, prepend=0) @ groups)

    def taken(self, supply: Supply) -> list[tuple[int, ...]]:
        """Device indices of the groups that a solution takes, of alike devices the first ones."""
        return [
            self.alike.devices(self.groups[k].counts)
            for k in np.flatnonzero(supply.values > PRICING_TOLERANCE).tolist()
        ]

    @property
    def waiting(self) -> list[AlikeGroup]:
        """Groups that are known, and not in the program."""
        return [self._known_groups[place] for place in np.flatnonzero(self._waiting.waits).tolist()]

    def renewed(self, supply: Supply) -> DemandProgram:
        """The same program, in which all groups wait but those that the prices of a solution like best."""
        groups = [*self.groups, *self.waiting]
        known = [self.alike.devices(group.counts) for group in groups]
        levels = np.array([group.level for group in groups])
        worths = supply.worths.totals[1 + levels]
        costs = np.array([supply.prices[list(group)].sum() for group in known])
        order = np.argsort(costs - worths, kind="stable").tolist()
        program = DemandProgram(self.problem, self.levels, [known[place] for place in order], self.control)
        program.asked, program._kept = self.asked, self._kept
        return program

    def ask(self, groups: Any, *, like_before: bool = False) -> None:
        """Ask for other numbers of groups.

        Parameters
        ----------
        groups : IntArray, R
            Of each level or more.
        like_before : bool
            Do not try again to exceed numbers that could not be exceeded before, and are no smaller now.
        """
        kept = self._kept & _is_asked(self.asked) & (groups >= self.asked)
        self.asked = groups
        self._add_factors(kept if like_before else np.zeros_like(kept))

    def solve(self, left: Left, banned: Sequence[int] = (), *, roughly: bool = False) -> Supply | None:
        """Exceed what is asked for as far as can be.

        Parameters
        ----------
        left : Left
            What is left of it.
        banned : sequence of int
            Groups of the program that may not be taken.
        roughly : bool
            Stop at a gap of :data:`TAIL`: the spare may be so much too large, but is a valid limit all the same.

        Returns
        -------
        Supply or None
            None where the limit came first.
        """
        free = self.alike.free(left.devices)
        chains = [chain.among(free) for chain in self._different if chain.leader is None or free[chain.leader]]
        kinds = len(self.all)
        # What is all made cannot be exceeded any more.
        if ((left.groups == 0) & ~self._kept).any():
            self._add_factors(self._kept | (left.groups == 0))
        while True:
            self._limit(left, banned)
            found: Round | None = None
            for found in generate_columns(
                self._solve,
                lambda prices, own: self._price(prices, own, chains, left, roughly=roughly),
                self.control,
                smoothing=SMOOTHING,
                least_price=0.0,
            ):
                if found.bound < -DUAL_SAFETY or (roughly and self._is_close(found.bound)):
                    break
            if found is None:
                return None
            values = found.solution.values
            made, more = values[self._first : self._first + 2].tolist()
            scarce = ~self._kept & (found.solution.prices[kinds:] > PRICING_TOLERANCE)
            is_all_made = found.bound >= -DUAL_SAFETY and made >= 1.0 - EXCEEDED
            kept = self._kept | scarce
            # Where nothing is left to be exceeded, these prices tell more than those of an empty objective.
            if not (is_all_made and more <= EXCEEDED and scarce.any()) or kept.all():
                break
            self._add_factors(kept)
        # Groups of the last round are in the list already, but not in the solution.
        places = np.array(self._places, dtype=np.int64)
        taken = np.zeros(len(places))
        is_solved = places < len(values)
        taken[is_solved] = values[places[is_solved]]
        scale = self._scale(found.prices)
        prices = found.prices if scale is None else found.prices * scale
        return Supply(made, made + more, found.bound, prices[:kinds][self.alike.of_device], self._worths(prices), taken)

    def _is_close(self, bound: float) -> bool:
        """Whether the master's solution leaves nearly as much as a bound allows."""
        assert self._solution is not None
        made, more = self._solution.values[self._first : self._first + 2].tolist()
        scale = self._scale(self._solution.prices)
        if scale is None or made < 1.0 - EXCEEDED:
            return False
        return bool(bound <= (1.0 + TAIL) * scale * self.filters(self.asked) * more)

    def _solve(self) -> LpSolution | None:
        self._solution = self._master.solve()
        return self._solution

    def _scale(self, prices: FloatArray) -> float | None:
        """Factor that makes what is asked for worth its filters; None where it is worth hardly anything, or nothing."""
        worth = float(prices[len(self.all) :] @ self.asked)
        wanted = self.filters(self.asked)
        return wanted / worth if worth > LEAST_WORTH * wanted > 0.0 else None

    def _add_factors(self, kept: BoolArray) -> None:
        """Add the factors of what is asked for, up to 1, and beyond where it can be exceeded; they replace others."""
        is_asked = _is_asked(self.asked)
        self._kept, self._first = kept | ~is_asked, self._columns
        wanted, kinds = self.filters(self.asked), len(self.all)
        asked, beyond = np.flatnonzero(is_asked), np.flatnonzero(~self._kept)
        self._master.add(
            np.array([FIRST * wanted, float(wanted)]),
            np.array([0, len(asked), len(asked) + len(beyond)]),
            kinds + np.concatenate([asked, beyond]),
            self.asked[np.concatenate([asked, beyond])].astype(np.float64),
        )
        self._columns += 2

    def _limit(self, left: Left, banned: Sequence[int]) -> None:
        fits = self._entries.within(left.devices)
        fits[list(banned)] = False
        upper = np.zeros(self._columns)
        upper[np.array(self._places, dtype=np.int64)[fits]] = math.inf
        upper[self._first : self._first + 2] = 1.0, 0.0 if self._kept.all() else math.inf
        rows = np.concatenate([left.devices, self.asked - left.groups])
        self._master.limit(rows.astype(np.float64), upper)

    def _price(
        self, prices: FloatArray, own: FloatArray, chains: Sequence[Chain], left: Left, *, roughly: bool
    ) -> Pricing | None:
        """Add groups worth more than they cost, and take from all worths what is left of that, which makes a bound."""
        if self._add_waiting(own, left):
            return Pricing(added=True, prices=prices)
        priced = self._price_chains(prices, own, chains, left, roughly=roughly)
        # The last prices that are tried are the program's own: only there are covers listed, if much may be missing.
        if roughly and priced is not None and not priced.added and prices is own and not self._is_close(priced.bound):
            priced = self._price_chains(prices, own, chains, left, roughly=False)
        return priced

    def _price_chains(
        self, prices: FloatArray, own: FloatArray, chains: Sequence[Chain], left: Left, *, roughly: bool
    ) -> Pricing | None:
        """The same by the chains, without the groups that wait."""
        kinds = len(self.all)
        found: list[tuple[tuple[int, ...], int]] = []
        worths, of_devices, excess = self._worths(prices), prices[:kinds][self.alike.of_device], 0.0
        for chain in chains:
            if self.control.exhausted:
                return None
            excess = max(excess, self._pricer.price(chain, of_devices, worths, found, roughly=roughly))
        proven = prices.copy()
        # Every group that is asked for is of the first level or more.
        proven[kinds] -= excess
        own_devices, own_worths = own[:kinds][self.alike.of_device], self._worths(own)
        better = [
            (group, size)
            for group, size in found
            if size - float(own_devices[list(group)].sum()) - own_worths.of_one(size) > PRICING_TOLERANCE
        ]
        new = self._new(better)
        self._add(new, self.alike.matrix(new))
        spare = float(proven[:kinds] @ left.devices - proven[kinds:] @ left.groups)
        # Of two bounds the one that leaves less of the same worth says more.
        scale = self._scale(proven)
        return Pricing(bool(new), proven, math.inf if scale is None else spare * scale)

    def _add_waiting(self, own: FloatArray, left: Left) -> bool:
        """Add the best of the groups that wait, of those that can be made of what is left; whether there was any."""
        better = self._waiting.best(own, len(self._known_groups), PRICING_TOLERANCE)
        fits = better[(self._known_counts[better] <= left.devices).all(axis=1)][:ADDED]
        self._enter(fits)
        return len(fits) > 0

    def _enter(self, places: IntArray) -> None:
        """Add groups that wait."""
        self._waiting.enter(places)
        self._add([self._known_groups[place] for place in places.tolist()], self._known_counts[places])

    def _new(self, priced: list[tuple[tuple[int, ...], int]]) -> list[AlikeGroup]:
        """Groups that are true covers, and not known yet."""
        covers = self.problem.covering([group for group, _ in priced]).tolist()
        new: list[AlikeGroup] = []
        for (members, size), does_cover in zip(priced, covers, strict=True):
            level = int(np.searchsorted(self.levels, size, side="right")) - 1
            counts = np.bincount(self.alike.of_device[list(members)], minlength=len(self.all))
            key = (counts.tobytes(), level)
            if does_cover and level >= 0 and key not in self._known:
                self._known.add(key)
                new.append(AlikeGroup(counts, level))
        return new

    def _add(self, groups: Sequence[AlikeGroup], counts: IntArray) -> None:
        """Add groups to the program, with their devices of each kind."""
        if not groups:
            return
        columns = self._columns_of(groups, counts)
        self._master.add(np.zeros(len(groups)), columns.indptr, columns.indices, columns.data)
        self._places += range(self._columns, self._columns + len(groups))
        self._columns += len(groups)
        self.groups += groups
        self._entries.add(counts)

    def _columns_of(self, groups: Sequence[AlikeGroup], counts: IntArray) -> Any:
        """Columns of groups, as rows of a matrix: their devices of each kind, and the levels that they count for."""
        levels = np.array([group.level for group in groups], dtype=np.int64)
        of_levels = levels[:, None] >= np.arange(len(self.levels))
        # Each part by itself: the dense matrix of both would be several times as large as what is kept.
        return sp.hstack([sp.csr_array(counts), -sp.csr_array(of_levels, dtype=np.int64)], format="csr").astype(float)

    def _worths(self, prices: FloatArray) -> Worths:
        return Worths(self.levels, np.concatenate([[0.0], np.cumsum(prices[len(self.all) :])]))


def _is_asked(groups: IntArray) -> BoolArray:
    """Levels of which more groups are asked for than of the next larger one, which asks for the others."""
    return np.asarray(groups > np.append(groups[1:], 0))
