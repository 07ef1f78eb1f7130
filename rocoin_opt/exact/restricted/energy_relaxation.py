"""The packing relaxation with a row for all energy, over groups with their student and part.

A group of devices with student j and a part of s filters takes ``A + B s`` joules, so it is a column of its own for
every s. At prices of kinds of devices, of sizes and of a joule each of its devices costs its price and the joules that
it takes, so that for given j and s the cheapest group is one covering knapsack. Between two limits on sizes a group's
worth is linear in s: only the largest part of a device and the sizes next to those limits have to be looked at, and
most of them are ruled out by a smaller size, at which no device costs more.

Rows are kinds of devices, each as many as there are. For any prices the sum of the rows' limits times their prices, and
of the largest surplus of a group times the number of groups, bounds every packing: see
``docs/formulation/energy.md``. Failure domains and rules only leave fewer packings.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rocoin_opt.grouping import (
    COVER_TOLERANCE,
    DUAL_SAFETY,
    PRICING_TOLERANCE,
    ROUNDING_UNITS,
    UNREACHABLE,
    Pricing,
    SizePrices,
    cheapest_covers,
    cheapest_members,
    generate_columns,
    resolution_of,
    units_of,
    until_answered,
    use_compiled,
)
from rocoin_opt.highs import LpSolution, RestrictedMaster
from rocoin_opt.instance import stretched

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.grouping import KindsProblem, Round
    from rocoin_opt.instance import FloatArray, IntArray
    from rocoin_opt.plan import Members

SMOOTHING = (0.5, 0.0)
"""Weights of the best prices so far where groups are priced."""
LOOKS = 12
"""Sizes of a student that one pricing looks at; beyond, only those that may have the largest surplus of all."""
COLUMNS_A_LOOK = 5
"""Most groups that one look takes in."""


class Way(NamedTuple):
    """A group by kinds, ascending, that runs a student with a part of some size."""

    group: Members
    student: int
    size: int


@dataclass(frozen=True, eq=False)
class EnergyRelaxation:
    """What a relaxation proves, and the prices that prove it.

    Attributes
    ----------
    bound : float
        No packing within the energy holds more filters.
    prices : FloatArray, I
        Price of a device of each kind, in filters.
    by_size : SizePrices
        Price of a group by its size.
    per_joule : float
        Filters that a joule costs.
    objective : float
        Filters that the linear program holds.
    """

    bound: float
    prices: FloatArray
    by_size: SizePrices
    per_joule: float
    objective: float

    def admits(self, wanted: int) -> bool:
        """Whether the bound leaves room for so many filters."""
        return self.bound + DUAL_SAFETY >= wanted


class Serving(NamedTuple):
    """Devices that can hold a part of some size with a student, those that answer in time behind the others.

    Attributes
    ----------
    kinds : IntArray, L
        Kind of each; of a kind there are as many as a group can need.
    units : IntArray, L
        Their shares in units of the knapsack.
    shares, joules : FloatArray, L
        Their shares of a cover, and the joules that each takes with that part.
    leaders, before : IntArray
        Positions of those in time, one of which is the last in every group; and how many devices may stand before it.
    """

    kinds: IntArray
    units: IntArray
    shares: FloatArray
    joules: FloatArray
    leaders: IntArray
    before: IntArray


class EnergyProblem:
    """Groups by kinds at a threshold, with the joules that they take.

    Parameters
    ----------
    problem : KindsProblem
        Instance with a limit on energy, kinds that differ in their energies too, objective and threshold.
    control : Control
        Limit.
    """

    def __init__(self, problem: KindsProblem, control: Control) -> None:
        self.problem, self.control = problem, control
        shares = problem.shares
        self.resolution = resolution_of(shares)
        self.units: IntArray = units_of(shares, self.resolution)
        copies = np.ceil((self.resolution + ROUNDING_UNITS) / np.maximum(self.units, 1))
        self.copies: IntArray = np.where(self.units > 0, np.minimum(problem.counts, copies), 1).astype(np.int64)
        self.compiled = use_compiled(int(self.copies.sum()), control)
        most = problem.instance.requirements.max_energy_joules
        self.most = math.inf if most is None else float(stretched(most))
        self.unit = self.most if 0.0 < self.most < math.inf else 1.0
        """Joules of a unit of the row, which keeps its coefficients near to those of the others."""
        self.sizes: list[IntArray] = [self._sizes(j) for j in range(problem.timely.shape[1])]
        self._serving: dict[tuple[int, int], Serving] = {}

    def _sizes(self, student: int) -> IntArray:
        """Sizes of which one is best for a group at any prices, ascending."""
        problem = self.problem
        largest = int(problem.timely[:, student].max(initial=0))
        sizes = np.concatenate(
            [
                [1],
                problem.timely[:, student],
                problem.allowed[:, student],
                problem.levels.sizes,
                problem.levels.sizes - 1,
            ]
        )
        return np.asarray(np.unique(sizes[(sizes >= 1) & (sizes <= largest)]), dtype=np.int64)

    def serving(self, student: int, size: int) -> Serving:
        """Who can hold a part of some size with a student."""
        known = self._serving.get((student, size))
        if known is not None:
            return known
        problem, arrays = self.problem, self.problem.arrays
        able = problem.allowed[:, student] >= size
        leads = problem.timely[:, student] >= size
        has_share = problem.shares > 0.0
        order = [np.flatnonzero(mask) for mask in (able & ~leads & has_share, leads & has_share, leads & ~has_share)]
        kinds = np.repeat(np.concatenate(order), self.copies[np.concatenate(order)])
        leaders = np.flatnonzero(leads[kinds])
        before = np.minimum(leaders, np.count_nonzero(has_share[kinds]))
        joules = arrays.joules(kinds, student, size)
        found = Serving(kinds, self.units[kinds], problem.shares[kinds], joules, leaders, before)
        self._serving[student, size] = found
        return found

    def joules(self, way: Way) -> float:
        """Energy of a group with its student and part."""
        return float(self.problem.arrays.joules(list(way.group), way.student, way.size).sum())


def relax_within_energy(
    energy: EnergyProblem, pool: dict[tuple[Members, int], None], control: Control, *, question: int | None = None
) -> EnergyRelaxation | None:
    """Solve the packing relaxation with its row for all energy.

    Parameters
    ----------
    energy : EnergyProblem
        Groups at a threshold.
    pool : dict
        Groups with their students to begin with; those that were generated are added.
    control : Control
        Limit.
    question : int, optional
        Stop as soon as it is known whether the relaxation holds so many filters.

    Returns
    -------
    EnergyRelaxation or None
        None where the limit came before any bound.
    """
    return _Generation(energy, pool, control).run(question)


class _Generation:
    """Column generation: prices are one vector, of kinds, then of limits on sizes, then of the energy."""

    def __init__(self, energy: EnergyProblem, pool: dict[tuple[Members, int], None], control: Control) -> None:
        self.energy, self.pool, self.control = energy, pool, control
        problem = energy.problem
        self.levels, self.kinds = problem.levels, len(problem.counts)
        self.upper = np.array([*problem.counts, *self.levels.limits, energy.most / energy.unit], dtype=np.float64)
        self.master = RestrictedMaster(np.full(len(self.upper), -math.inf), self.upper, control)
        self.inside: set[Way] = set()
        if pool:
            held = problem.by_student(problem.padded([group for group, _ in pool])).tolist()
            begun = [Way(group, student, parts[student]) for (group, student), parts in zip(pool, held, strict=True)]
            self.add([way for way in begun if way.size > 0])

    def add(self, ways: list[Way]) -> bool:
        """Add columns that the program lacks; whether there were any."""
        new = [way for way in dict.fromkeys(ways) if way not in self.inside]
        if not new:
            return False
        self.inside.update(new)
        self.pool.update(dict.fromkeys((way.group, way.student) for way in new))
        rows, values, starts = list[int](), list[float](), [0]
        for way in new:
            members, counts = np.unique(way.group, return_counts=True)
            counted = range(self.kinds, self.kinds + self.levels.rows_of(way.size))
            rows += [*members.tolist(), *counted, len(self.upper) - 1]
            values += [*map(float, counts), *([1.0] * len(counted)), self.energy.joules(way) / self.energy.unit]
            starts.append(len(rows))
        cost = np.array([way.size for way in new], dtype=np.float64)
        self.master.add(cost, np.array(starts), np.array(rows), np.array(values))
        return True

    def run(self, question: int | None) -> EnergyRelaxation | None:
        """Generate columns until none is worth more than it costs, or the question is answered."""
        centre = np.concatenate([np.zeros(self.kinds), self._runs(), [0.0]])
        rounds = generate_columns(
            self.solve, self.price, self.control, smoothing=SMOOTHING, centre=centre, least_price=0.0
        )
        return until_answered(map(self._after, rounds), question)

    def _after(self, step: Round) -> EnergyRelaxation:
        """What is known after a round."""
        of_kinds, per_joule = step.prices[: self.kinds], float(step.prices[-1]) / self.energy.unit
        by_size = self.size_prices(step.prices)
        return EnergyRelaxation(step.bound, of_kinds, by_size, per_joule, step.solution.objective)

    def _runs(self) -> FloatArray:
        """Prices of the counting bound by part size, which the generation begins with."""
        runs = np.diff(self.levels.sizes, append=self.energy.problem.largest + 1)
        return np.asarray(np.maximum(runs, 0), dtype=np.float64)

    def size_prices(self, prices: FloatArray) -> SizePrices:
        """Price of a group by its size."""
        return SizePrices(self.levels.sizes, np.concatenate([[0.0], np.cumsum(prices[self.kinds : -1])]))

    def solve(self) -> LpSolution | None:
        """Solve the master; without any column all prices are 0."""
        return self.master.solve() if self.inside else LpSolution(0.0, np.empty(0), np.zeros(len(self.upper)))

    def price(self, prices: FloatArray, own: FloatArray) -> Pricing | None:
        """Add columns that are worth more than they cost, and raise prices until none is, which makes them a bound."""
        found: list[Way] = []
        by_size, per_joule, excess = self.size_prices(prices), float(prices[-1]) / self.energy.unit, 0.0
        for student in range(len(self.energy.sizes)):
            surplus = self._price(student, prices[: self.kinds], by_size, per_joule, found)
            if surplus is None:
                return None
            excess = max(excess, surplus)
        raised = prices.copy()
        # Every group counts in the first limit on sizes, so raising that one is enough.
        raised[self.kinds] += excess
        return Pricing(self.add(self._worth(found, own)), raised, float(raised @ self.upper))

    def _worth(self, found: list[Way], own: FloatArray) -> list[Way]:
        by_size, per_joule = self.size_prices(own), float(own[-1]) / self.energy.unit
        return [
            way
            for way in found
            if way.size - by_size.of_one(way.size) - own[list(way.group)].sum() - per_joule * self.energy.joules(way)
            > PRICING_TOLERANCE
        ]

    def _price(
        self, student: int, prices: FloatArray, by_size: SizePrices, per_joule: float, found: list[Way]
    ) -> float | None:
        """Add the most profitable groups of a student, and return an upper limit of their surplus.

        Parameters
        ----------
        student : int
            Which one.
        prices : FloatArray, I
            Of kinds of devices.
        by_size : SizePrices
            Price of a group by its size.
        per_joule : float
            Price of energy.
        found : list of Way
            Takes in the groups.
        """
        energy, sizes = self.energy, self.energy.sizes[student]
        if len(sizes) == 0:
            return 0.0
        worth = sizes - by_size.of(sizes)
        limits, is_open, best, looks = worth.astype(np.float64), np.ones(len(sizes), dtype=bool), 0.0, 0
        while not self.control.exhausted:
            place = int(np.argmax(np.where(is_open, limits, -np.inf)))
            if not is_open[place]:
                return max(0.0, float(limits.max()))
            if limits[place] <= (PRICING_TOLERANCE if looks < LOOKS else max(best, PRICING_TOLERANCE)):
                return max(0.0, float(limits.max()))
            size = int(sizes[place])
            serving = energy.serving(student, size)
            costs = prices[serving.kinds] + per_joule * serving.joules
            least = self._look(serving, costs, float(worth[place]), student, size, found)
            is_open[place], looks = False, looks + 1
            # Of larger parts fewer devices are able, and none of them takes less.
            limits[place:] = np.minimum(limits[place:], worth[place:] - least)
            best = max(best, float(limits[place]))
        return None

    def _look(
        self, serving: Serving, costs: FloatArray, worth: float, student: int, size: int, found: list[Way]
    ) -> float:
        """Add groups of one size that are worth more than they cost, and return what the cheapest one costs at least.

        Parameters
        ----------
        serving : Serving
            Who can hold the part.
        costs : FloatArray, L
            What each costs.
        worth : float
            What a group of the size is worth before it pays them.
        student, size : int
            What it runs, and its part.
        found : list of Way
            Takes in the groups.
        """
        units, need = serving.units, self.energy.resolution
        if len(serving.leaders) == 0:
            return math.inf
        table = cheapest_covers(units, costs, need + ROUNDING_UNITS, compiled=self.energy.compiled)
        rest = np.maximum(need - units[serving.leaders], 0)
        cheapest = table[serving.before, rest] + costs[serving.leaders]
        surplus = np.where(cheapest < UNREACHABLE, worth - cheapest, -np.inf)
        for place in np.argsort(-surplus, kind="stable")[:COLUMNS_A_LOOK].tolist():
            if surplus[place] <= PRICING_TOLERANCE:
                break
            last, before = int(serving.leaders[place]), int(serving.before[place])
            # Units are rounded up, so the cheapest cover may miss its need; one with some units more does not.
            for spare in (0, ROUNDING_UNITS):
                wanted = max(need + spare - int(units[last]), 0)
                if table[before, wanted] >= UNREACHABLE:
                    break
                positions = [last, *cheapest_members(table, units, before, wanted)]
                found.append(Way(tuple(sorted(serving.kinds[positions].tolist())), student, size))
                if float(serving.shares[positions].sum()) >= 1.0 - COVER_TOLERANCE:
                    break
        return float(cheapest.min())
