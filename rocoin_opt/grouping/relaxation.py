"""The packing relaxation: a linear program over all groups at a threshold, solved by column generation, bounded safely.

A packing takes disjoint groups and holds the sum of their capacities. Its relaxation lets groups be taken in parts:
``max sum v_G x_G`` with ``sum of x_G over G with n <= 1`` for every device n, and for every size s ``sum of x_G over
v_G >= s <= B_s``. ``B_s``, the most disjoint groups of size s or more, is what the counting bound by part size leaves:
K, or a sum of shares, rounded down. Without this rounding the relaxation would be several times weaker.

Groups are priced by covering knapsacks, one for each chain. For *any* prices ``pi >= 0`` of devices and ``sigma >= 0``
of sizes, with ``mu(v)`` the sum of ``sigma_s`` over ``s <= v``,

    sum pi + sum B_s sigma_s + B_1 max_G (v_G - sum of pi over G - mu(v_G))^+

bounds every packing. The knapsacks never overrate a cost, so this holds whatever the linear program's tolerances are;
only the rounding of sums is left, and :data:`DUAL_SAFETY` is far above it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from rocoin_opt.grouping.column_generation import Pricing, Round, generate_columns, until_answered
from rocoin_opt.grouping.pricing import PRICING_TOLERANCE, GroupPricer, SizePrices
from rocoin_opt.grouping.tolerances import DUAL_SAFETY
from rocoin_opt.highs import LpSolution, RestrictedMaster, WaitingColumns

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.grouping.threshold_problem import PackingProblem
    from rocoin_opt.instance import FloatArray, IntArray
    from rocoin_opt.plan import Members

SMOOTHING = (0.5, 0.25, 0.125, 0.0)
"""Weights of the best prices so far where groups are priced. Halves the time for 1,000 devices; a first weight of 0.2
to 0.9 is about as good."""
FIRST_A_ROW = 2
"""Groups of the pool that a program begins with, in multiples of its rows."""
ENTERING = 200
"""Groups of the pool that enter later, at a time."""
DIVERSIONS = 10
"""Prices that are drawn around those of a relaxation, to find more groups."""
DISTURBANCE = 0.1
"""By how much of itself a price is changed at most."""
DISCOUNT = 1.0
"""Filters by which groups are then made cheaper."""


@dataclass
class Pool:
    """Groups worth to begin with, carried from threshold to threshold: capacities change, device sets do not."""

    groups: dict[Members, None] = field(default_factory=dict)
    last: Relaxation | None = None
    """The last relaxation, whose prices tell which of the groups to begin with."""

    def add(self, groups: list[Members]) -> None:
        """Take in groups, each once."""
        self.groups.update(dict.fromkeys(groups))

    def likely(self, problem: PackingProblem) -> list[Members]:
        """The groups, those first that the prices of the last relaxation like best at a threshold nearby.

        Parameters
        ----------
        problem : PackingProblem
            Instance, objective and threshold.
        """
        groups = list(self.groups)
        if self.last is None or not groups:
            return groups
        sizes = problem.capacities(groups)
        firsts = np.cumsum([0, *map(len, groups)])[:-1]
        of_devices = np.add.reduceat(self.last.prices[np.concatenate(groups)], firsts)
        order = np.argsort(of_devices + self.last.size_prices.of(sizes) - sizes, kind="stable")
        return [groups[place] for place in order.tolist()]


@dataclass(frozen=True, eq=False)
class Relaxation:
    """A packing relaxation, solved or stopped as soon as it answered the question.

    Attributes
    ----------
    bound : float
        No packing holds more filters. Valid at any stage; infinite where known groups alone answered the question.
    prices : FloatArray, N
        Device prices that prove it.
    size_prices : SizePrices
        Price of a group by its size that goes with them: no group's size exceeds it and its devices' prices together,
        unless some of its devices hold as much without the others.
    groups : list of tuples of int
        The groups of the linear program.
    values : FloatArray
        How much of each is taken.
    objective : float
        Filters that they hold.
    complete : bool
        Whether it was solved until no group could be added: what the bound's safe side costs is all that may be left
        between ``bound`` and ``objective``.
    """

    bound: float
    prices: FloatArray
    size_prices: SizePrices
    groups: list[Members]
    values: FloatArray
    objective: float
    complete: bool

    def admits(self, wanted: int) -> bool:
        """Whether the bound leaves room for so many filters."""
        return self.bound + DUAL_SAFETY >= wanted


def relax(problem: PackingProblem, pool: Pool, control: Control, *, question: int | None = None) -> Relaxation | None:
    """Solve the packing relaxation at a threshold.

    Parameters
    ----------
    problem : PackingProblem
        Instance, objective and threshold.
    pool : Pool
        Groups to begin with; those that were generated are added.
    control : Control
        Limit.
    question : int, optional
        Stop as soon as it is known whether the relaxation holds so many filters.

    Returns
    -------
    Relaxation or None
        None where the limit came before any bound.
    """
    return _Generation(problem, pool, control).run(question)


def diversify(problem: PackingProblem, relaxation: Relaxation, pool: Pool, control: Control) -> None:
    """Add groups to a pool that are nearly worth their price: an integer packing needs more than the linear program.

    They are priced at prices that are drawn around the relaxation's (with the control's seed) and a filter lower.

    Parameters
    ----------
    problem : PackingProblem
        Instance, objective and threshold.
    relaxation : Relaxation
        Of the same problem; prices are drawn around its own.
    pool : Pool
        Takes in the groups.
    control : Control
        Limit and seed.
    """
    rng = np.random.default_rng(control.seed)
    generation = _Generation(problem, Pool(), control)
    by_size = replace(relaxation.size_prices, totals=relaxation.size_prices.totals - DISCOUNT)
    for _ in range(DIVERSIONS):
        if control.exhausted:
            break
        prices = relaxation.prices * rng.uniform(1.0 - DISTURBANCE, 1.0 + DISTURBANCE, len(relaxation.prices))
        found: list[tuple[Members, int]] = []
        for chain in problem.chains:
            if control.exhausted:
                break
            generation.pricer.price(chain, prices, by_size, found)
        pool.add([group for group, _ in found])


class _Generation:
    """Column generation at one threshold: the restricted master, the pricing of groups, and the bound.

    Prices are one vector: N of devices, then R of the limits on sizes.
    """

    def __init__(self, problem: PackingProblem, pool: Pool, control: Control) -> None:
        self.problem, self.pool, self.control = problem, pool, control
        self.devices = len(problem.instance.devices)
        self.pricer = GroupPricer(self.devices, control)
        self.groups: list[Members] = []
        self.known: set[tuple[Members, int]] = set()
        self.upper = np.concatenate([np.ones(self.devices), problem.levels.limits])
        self.program = RestrictedMaster(np.full(len(self.upper), -math.inf), self.upper, control)
        # Of thousands of known groups a program needs some hundreds: the others wait until they would better it.
        start = pool.likely(problem)
        self.waiting_groups, sizes, columns = self.new(
            list(zip(start, problem.capacities(start).tolist(), strict=True))
        )
        self.waiting = WaitingColumns(sizes, columns)
        self.enter(np.arange(min(FIRST_A_ROW * len(self.upper), len(sizes))))

    def new(self, priced: list[tuple[Members, int]]) -> tuple[list[Members], FloatArray, Any]:
        """Those groups that are not known yet, their sizes, and their columns as the rows of a matrix."""
        # A group may count with less than its capacity, where larger ones are limited: that is another column.
        new = [column for column in dict.fromkeys(priced) if column[1] > 0 and column not in self.known]
        self.known.update(new)
        columns = [
            (*group, *range(self.devices, self.devices + self.problem.levels.rows_of(size))) for group, size in new
        ]
        rows = np.array([row for column in columns for row in column], dtype=np.int64)
        shape = len(new), len(self.upper)
        matrix: Any = sp.csr_array((np.ones(len(rows)), rows, np.cumsum([0, *map(len, columns)])), shape=shape)
        return [group for group, _ in new], np.array([size for _, size in new], dtype=np.float64), matrix

    def add(self, groups: list[Members], sizes: FloatArray, columns: Any) -> None:
        """Add groups to the program."""
        self.groups += groups
        self.program.add(sizes, columns.indptr, columns.indices, columns.data)

    def enter(self, places: IntArray) -> None:
        """Add groups that wait."""
        self.waiting.enter(places)
        groups = [self.waiting_groups[place] for place in places.tolist()]
        self.add(groups, self.waiting.cost[places], self.waiting.matrix[places])

    def run(self, question: int | None) -> Relaxation | None:
        """Generate groups until none is worth more than it costs, or the question is answered."""
        rounds = generate_columns(
            self.solve, self.price, self.control, smoothing=SMOOTHING, centre=self.first_prices(), least_price=0.0
        )
        found = until_answered(map(self._after, rounds), question)
        self.pool.add(self.groups)
        if found is None or math.isfinite(found.bound):
            self.pool.last = found or self.pool.last
            return found
        # Before the first pricing no prices prove a bound: that the groups hold so many filters is all that is known.
        return found if question is not None and found.objective >= question else None

    def _after(self, step: Round) -> Relaxation:
        """What is known after a round."""
        return Relaxation(
            bound=step.bound,
            prices=step.prices[: self.devices],
            size_prices=self.size_prices(step.prices),
            # The program was solved before the last of the groups were added.
            groups=self.groups[: len(step.solution.values)],
            values=step.solution.values,
            objective=step.solution.objective,
            complete=step.complete,
        )

    def first_prices(self) -> FloatArray:
        """Prices of the last threshold; at first those of the counting bound: a group pays for its size alone."""
        levels, last = self.problem.levels, self.pool.last
        if last is not None:
            return np.concatenate([last.prices, np.diff(last.size_prices.of(levels.sizes), prepend=0.0)])
        runs = np.diff(levels.sizes, append=self.problem.largest + 1).astype(np.float64)
        return np.concatenate([np.zeros(self.devices), np.maximum(runs, 0.0)])

    def size_prices(self, prices: FloatArray) -> SizePrices:
        """Price of a group by its size."""
        return SizePrices(self.problem.levels.sizes, np.concatenate([[0.0], np.cumsum(prices[self.devices :])]))

    def solve(self) -> LpSolution | None:
        """Solve the master; without any group all prices are 0."""
        if self.groups:
            return self.program.solve()
        return LpSolution(0.0, np.empty(0), np.zeros(len(self.upper)))

    def price(self, prices: FloatArray, own: FloatArray) -> Pricing | None:
        """Add groups that are worth more than they cost, and raise prices until no group is, which makes them a bound.

        None where the limit came before all chains were looked at.
        """
        known = self.waiting.best(own, ENTERING, PRICING_TOLERANCE)
        if len(known):
            self.enter(known)
            return Pricing(added=True, prices=prices)
        found: list[tuple[Members, int]] = []
        by_size, excess = self.size_prices(prices), 0.0
        for chain in self.problem.chains:
            if self.control.exhausted:
                return None
            excess = max(excess, self.pricer.price(chain, prices[: self.devices], by_size, found))
        raised = prices.copy()
        # Every group counts in the first limit on sizes, so raising that one is enough.
        raised[self.devices] += excess
        of_devices, of_limits = raised[: self.devices], raised[self.devices :]
        bound = float(of_devices.sum()) + float(self.problem.levels.limits @ of_limits)
        groups, sizes, columns = self.new(self.worth(found, own))
        if groups:
            self.add(groups, sizes, columns)
        return Pricing(bool(groups), raised, bound)

    def worth(self, priced: list[tuple[Members, int]], prices: FloatArray) -> list[tuple[Members, int]]:
        """The groups that are worth more than they cost at some prices."""
        by_size = self.size_prices(prices)
        return [
            (group, size)
            for group, size in priced
            if size - float(prices[list(group)].sum()) - by_size.of_one(size) > PRICING_TOLERANCE
        ]
