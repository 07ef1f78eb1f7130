"""Column generation for the likeliest answer by a time, with limits on how many groups there are of a size or more.

The program of :mod:`rocoin_opt.exact.expected.success_relaxation` with a row for each of some sizes v: the groups that
hold v filters or more number from ``least_v`` to ``most_v``. A group may hold fewer filters than its devices deliver.
For any prices ``pi >= 0`` of devices, ``mu >= 0`` of a filter and sigma_v of a group of v filters or more,

    sum pi - mu M + sum over v of max(sigma_v most_v, sigma_v least_v) + K max_G (g(W_G) + h(s_G) - pi(G))^+

bounds it, with ``h(s) = mu s - sum of sigma_v over v <= s`` and K the most groups of all.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from rocoin_opt.exact.expected.prices import Priced, ln_likely
from rocoin_opt.grouping import (
    UNREACHABLE,
    Pricing,
    cheapest_covers,
    cheapest_members,
    generate_columns,
    use_compiled,
)
from rocoin_opt.highs import RestrictedMaster
from rocoin_opt.instance import SAFETY, SOLVER

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rocoin_opt.control import Control
    from rocoin_opt.grouping import ExpectedModel
    from rocoin_opt.instance import FloatArray, IntArray

    Members: TypeAlias = tuple[int, ...]

UNITS = ((250, 4_096), (500, 2_048), (math.inf, 1_024))
"""Units of the largest weight that is told apart, by the number of deliveries: what is rounded up adds up over a group,
and a pricing takes a time in proportion to both."""
LARGEST_WEIGHT = 16.0
"""Weight from which on a group counts as sure to answer: an outage of 1e-7."""
NEGLIGIBLE = 7.0
"""The same, beyond the weight at which a group fails as often as the whole plan is known to: a thousandth of it."""
SHORTFALL = 4.0
"""Loss of ``ln P`` for each filter that is left without a place: keeps the program feasible."""
SCALED_SHORTFALL = 1e3
"""The same where ``ln P`` counts in a unit of its own."""
PRICING_TOLERANCE = SOLVER
"""Gain of ``ln P`` that a new group must promise."""
COLUMNS_A_STUDENT = 20
"""Most groups that one pricing takes for one student."""
MAX_ROUNDS = 60
"""Pricings of one program: the last of a hundred move the bound by less than a time step does."""
SMOOTHING = (0.5, 0.0)
"""Weights of the best prices so far where groups are priced."""
STOP_GAP = 1e-3
"""Distance of bound and program in ``ln P`` at which the bound is good enough."""


@dataclass(frozen=True, eq=False)
class Deliverers:
    """What devices deliver by a time with one student, and how surely.

    Attributes
    ----------
    sizes : IntArray, N
        Largest part of each device, 0 where it delivers none.
    weights : FloatArray, N
        ``-ln`` of the probability that the device does not deliver it, or more.
    """

    sizes: IntArray
    weights: FloatArray


@dataclass
class GroupPool:
    """Groups worth to begin with at the next time: who, and which of the deliverers."""

    groups: dict[tuple[Members, int], None] = field(default_factory=dict)


class Likeliest(NamedTuple):
    """What a program ended with.

    Attributes
    ----------
    bound : float
        Upper bound on ``ln P`` in its unit, at most 0; valid wherever it stopped.
    counts : FloatArray, V, or None
        How many groups of each level or more the program takes, in fractions; None where it was not solved.
    prices : FloatArray or None
        What proves the bound.
    """

    bound: float
    counts: FloatArray | None
    prices: FloatArray | None


class SuccessProgram:
    """Column generation at one time.

    Parameters
    ----------
    model : ExpectedModel
        The instance.
    deliverers : list of Deliverers
        What is delivered by the time.
    pool : GroupPool
        Groups to begin with; those that were of use are added.
    control : Control
        Limit.
    unit : float
        Unit that ``ln P`` counts in.
    most_levels : int
        Different sizes whose groups can be limited, at most.

    Attributes
    ----------
    levels : IntArray, V
        These sizes, ascending from 1.
    """

    def __init__(
        self,
        model: ExpectedModel,
        deliverers: list[Deliverers],
        pool: GroupPool,
        control: Control,
        unit: float = 1.0,
        most_levels: int = 1,
    ) -> None:
        self.control, self.pool, self.deliverers = control, pool, deliverers
        self.wanted, self.devices, self.unit = model.wanted, len(model.weights), unit
        farthest = LARGEST_WEIGHT if unit == 1.0 else NEGLIGIBLE - math.log(min(unit, 1.0))
        deliveries = sum(np.count_nonzero(chain.sizes) for chain in deliverers)
        self.units = next(units for most, units in UNITS if deliveries <= most)
        scale = self.units / farthest
        self.worth: FloatArray = np.zeros(self.units + 1)
        # The last unit stands for all larger weights.
        self.worth[:-1] = ln_likely(np.arange(self.units) / scale) / unit
        self.compiled = use_compiled(self.devices, control)
        self.chains = []
        for place, chain in enumerate(deliverers):
            order = np.argsort(-chain.sizes, kind="stable")[: np.count_nonzero(chain.sizes)]
            if len(order):
                # Rounded up, which only makes groups worth more.
                units = np.ceil(np.minimum(chain.weights[order], farthest) * scale).astype(np.int64)
                self.chains.append((place, order, np.minimum(chain.sizes[order], self.wanted), units))
        # A group holds as much as its devices can, or as those that can hold less: all sizes between need the same.
        self.sizes: IntArray = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *(c[2] for c in self.chains)]))
        levels = np.concatenate([[1], self.sizes[:-1] + 1])
        kept = np.linspace(0, len(levels) - 1, min(most_levels, len(levels)))
        self.levels: IntArray = levels[np.unique(kept.astype(np.int64))]
        devices, count = self.devices, len(self.levels)
        self.known: dict[tuple[Members, int, int], None] = {}
        self.held: list[int] = []
        # Devices, filters with the sign turned, groups of each level or more.
        rows = devices + 1 + count
        self.program = RestrictedMaster(np.full(rows, -math.inf), np.full(rows, math.inf), control)
        shortfall, lacking = SHORTFALL if unit == 1.0 else SCALED_SHORTFALL, np.arange(devices, rows)
        self._add(np.full(count + 1, -shortfall), [[row] for row in lacking.tolist()], [[-1.0], *([[1.0]] * count)])
        self.held += [0] * (count + 1)
        self.limit(np.full(count, 0), np.full(count, model.most))
        self.take((members, place, self.capacity(members, place)) for members, place in pool.groups)

    def limit(self, least: IntArray, most: IntArray) -> None:
        """Say how many groups there are of each level or more.

        Parameters
        ----------
        least, most : IntArray, V
            Fewest and most; neither rises with the level.
        """
        self.least, self.most = least.astype(np.float64), most.astype(np.float64)
        self.program.limit(
            np.concatenate([np.ones(self.devices), [-float(self.wanted)], self.most]),
            np.full(len(self.held), math.inf),
            lower=np.concatenate([np.full(self.devices + 1, -math.inf), self.least]),
        )

    def capacity(self, members: Members, place: int) -> int:
        """Filters that all of some devices deliver, at most M."""
        return min(int(self.deliverers[place].sizes[list(members)].min()), self.wanted)

    def take(self, groups: Iterable[tuple[Members, int, int]]) -> bool:
        """Add groups, by members, deliverers and size, to the program; whether any was new."""
        kept = [group for group in dict.fromkeys(groups) if group not in self.known and group[2] > 0]
        if not kept:
            return False
        self.known.update(dict.fromkeys(kept))
        first = self.devices + 1
        held = np.searchsorted(self.levels, [size for _, _, size in kept], side="right").tolist()
        rows = [
            [*members, self.devices, *range(first, first + levels)]
            for (members, _, _), levels in zip(kept, held, strict=True)
        ]
        values = [
            [*([1.0] * len(members)), -float(size), *([1.0] * levels)]
            for (members, _, size), levels in zip(kept, held, strict=True)
        ]
        weight = np.array([self.deliverers[place].weights[list(members)].sum() for members, place, _ in kept])
        self._add(ln_likely(weight) / self.unit, rows, values)
        self.held += held
        return True

    def _add(self, gains: FloatArray, rows: Sequence[Sequence[int]], values: Sequence[Sequence[float]]) -> None:
        starts = np.cumsum([0, *map(len, rows)])
        self.program.add(gains, starts, np.concatenate(rows), np.concatenate(values))

    def run(self, enough: float = -math.inf) -> Likeliest:
        """Generate groups until the bound is good enough, or so low that nobody asks for more.

        Parameters
        ----------
        enough : float
            Such a low bound.
        """
        bound = math.inf
        counts: FloatArray | None = None
        prices: FloatArray | None = None
        rounds = generate_columns(self.program.solve, self.price, self.control, smoothing=SMOOTHING)
        for step in itertools.islice(rounds, MAX_ROUNDS):
            # The groups that the round has added have no value yet.
            bound, prices, values = step.bound, step.prices, step.solution.values
            reached = np.bincount(self.held[: len(values)], weights=values, minlength=len(self.levels) + 1)
            counts = np.asarray(np.cumsum(reached[::-1])[::-1][1:], dtype=np.float64)
            if bound - step.solution.objective < STOP_GAP or bound <= enough:
                break
        self.pool.groups.update(dict.fromkeys((members, place) for members, place, _ in self.known))
        # The sums of a bound are rounded.
        return Likeliest(min(0.0, bound + SAFETY), counts, prices)

    def price(self, prices: FloatArray, _: FloatArray) -> Pricing | None:
        """Add the groups that promise a gain, and prove a bound; None where time is up before."""
        priced = self.priced(prices, self.least, self.most)
        costs, values = priced.costs, priced.worth(self.sizes)
        best = np.maximum.accumulate(values)
        chosen = np.maximum.accumulate(np.where(values >= best, np.arange(len(values)), 0))
        found: list[tuple[Members, int, int]] = []
        excess = 0.0
        for place, order, sizes, units in self.chains:
            if self.control.exhausted:
                return None
            paid = costs[order]
            table = cheapest_covers(units, paid, self.units, compiled=self.compiled)
            wanted = np.arange(self.units + 1)
            rest = np.maximum(wanted[None, :] - units[:, None], 0)
            cheapest = np.take_along_axis(table[:-1], rest, axis=1) + paid[:, None]
            gain = self.worth - cheapest
            # A set is worth no more than its own units are; fewer than the last device's are not told apart.
            gain[wanted[None, :] < np.minimum(units, self.units)[:, None]] = -np.inf
            gain[cheapest >= UNREACHABLE] = -np.inf
            at, rank = np.argmax(gain, axis=1), np.searchsorted(self.sizes, sizes)
            surplus = gain[np.arange(len(order)), at] + best[rank]
            excess = max(excess, float(surplus.max()))
            promising = np.flatnonzero(surplus > PRICING_TOLERANCE)
            for last in promising[np.argsort(-surplus[promising], kind="stable")[:COLUMNS_A_STUDENT]].tolist():
                positions = [last, *cheapest_members(table, units, last, int(rest[last, at[last]]))]
                size = int(self.sizes[chosen[rank[last]]])
                found.append((tuple(sorted(order[positions].tolist())), place, size))
        bound = priced.constant + float(self.most[0]) * excess
        return Pricing(self.take(found), prices, bound)

    def priced(self, prices: FloatArray, least: FloatArray | IntArray, most: FloatArray | IntArray) -> Priced:
        """What prices say within limits.

        Parameters
        ----------
        prices : FloatArray
            One a row.
        least, most : FloatArray or IntArray, V
            Fewest and most groups of each level or more.
        """
        return Priced(prices, self.devices, self.wanted, self.levels, least, most)
