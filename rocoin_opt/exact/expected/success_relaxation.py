"""How likely an answer by some time can be at most: the packing relaxation with reliability as its value.

For a fixed t, ``ln P(X <= t) = sum over groups of ln(1 - q_k(t))``, a sum over columns: a group that runs student j and
holds s filters is a set of devices with ``S[n, j](t) >= s``, worth ``g(W) = ln(1 - exp(-W))`` for the sum W of its
weights ``-ln p_n``. So the largest probability is a packing problem, and its relaxation

    max sum g(W_G) x_G,  sum of x_G over G with n <= 1 for every device n,  sum s_G x_G >= M,  sum x_G <= K

a linear program. For *any* prices ``pi >= 0`` of devices and ``mu >= 0`` of a filter,

    sum pi - mu M + K max_G (g(W_G) + mu s_G - sum of pi over G)^+

bounds it. Under random latencies the weight of a device is ``-ln(1 - G_n(t; j, s))`` and falls with s. So the sizes of
each student are cut into intervals, and a group counts with the weights of an interval's smallest size and with its
largest size: it is never underrated.

Groups are priced by covering knapsacks (:mod:`rocoin_opt.grouping.covering.covering_knapsack`) in whole units of
weight, rounded up, which only raises g: the bound holds whatever the solver's tolerances are.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.control import UNLIMITED, TimeUp, require_time
from rocoin_opt.grouping import (
    LEAST_OUTAGE,
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
    from rocoin_opt.control import Control
    from rocoin_opt.failure import DeliveryProbabilities
    from rocoin_opt.grouping import ExpectedModel
    from rocoin_opt.instance import FloatArray, IntArray
    from rocoin_opt.plan import Members

UNITS = 1_024
"""Units of the largest weight that is told apart."""
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
UNLIKELY = 1e-5
"""Probability of a delivery that is not planned with: rounded up to a unit it would look likely. All of them together
are added to the bound."""
INTERVALS = 8
"""Intervals of sizes of one student under random latencies."""
COLUMNS_A_STUDENT = 20
"""Most groups that one pricing takes for one student."""
MAX_ROUNDS = 60
"""Pricings at one time: the last of a hundred move the bound by less than a time step does."""
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


def deliverers_by(
    model: ExpectedModel, seconds: float, deliveries: DeliveryProbabilities | None, control: Control = UNLIMITED
) -> list[Deliverers]:
    """List all that can be delivered by a time, in an order that does not depend on it.

    Parameters
    ----------
    model : ExpectedModel
        The instance.
    seconds : float
        The time t.
    deliveries : DeliveryProbabilities, optional
        The random latencies; left out where all are constant.
    control : Control
        Its limit breaks the list off, with :class:`rocoin_opt.control.TimeUp`.
    """
    largest = model.arrays.largest
    if deliveries is None:
        return [Deliverers(sizes, model.weights) for sizes in model.arrays.largest_part(seconds).T]
    found = []
    for j in range(largest.shape[1]):
        ends = np.unique(np.linspace(0, largest[:, j].max(), INTERVALS + 1).astype(np.int64))
        for low, high in itertools.pairwise(ends.tolist()):
            able = np.flatnonzero(largest[:, j] > low)
            missed = np.ones(len(largest))
            for n in able.tolist():
                require_time(control)
                # Missed at the least, so that no weight is underrated.
                missed[n] = deliveries.missed(n, j, low + 1, seconds, at_least=True)
            weights = -np.log(np.maximum(missed, LEAST_OUTAGE))
            found.append(Deliverers(np.where(weights > UNLIKELY, np.minimum(largest[:, j], high), 0), weights))
    return found


def most_likely(
    model: ExpectedModel,
    seconds: float,
    pool: GroupPool,
    control: Control,
    deliveries: DeliveryProbabilities | None = None,
    *,
    unit: float = 1.0,
) -> float:
    """Upper bound on ln P(X <= t) over all plans; at most 0, and valid wherever it stops.

    Parameters
    ----------
    model : ExpectedModel
        The instance.
    seconds : float
        The time t.
    pool : GroupPool
        Groups to begin with; those that were of use are added.
    control : Control
        Limit.
    deliveries : DeliveryProbabilities, optional
        The random latencies; left out where all are constant.
    unit : float
        Unit that ``ln P`` counts in, for plans whose failure is far below 1: ``-ln P`` of a good one.
    """
    try:
        deliverers = deliverers_by(model, seconds, deliveries, control)
    except TimeUp:
        return 0.0
    likely = unit * _Generation(model, deliverers, pool, control, unit).run()
    ignored = np.max([np.where(chain.sizes == 0, chain.weights, 0.0) for chain in deliverers], axis=0)
    # Either one of the devices that were left out delivers all the same, or the plan answers without them.
    surplus = 0.0 if deliveries is None else float(ignored.sum())
    return min(0.0, math.log(math.exp(likely) + surplus)) if surplus else likely


class _Generation:
    """Column generation at one time."""

    def __init__(
        self, model: ExpectedModel, deliverers: list[Deliverers], pool: GroupPool, control: Control, unit: float
    ) -> None:
        self.control, self.pool, self.deliverers = control, pool, deliverers
        self.wanted, self.most, self.devices = model.wanted, model.most, len(model.weights)
        self.unit = unit
        farthest = LARGEST_WEIGHT if unit == 1.0 else NEGLIGIBLE - math.log(min(unit, 1.0))
        scale = UNITS / farthest
        self.worth: FloatArray = np.zeros(UNITS + 1)
        with np.errstate(divide="ignore"):
            # The last unit stands for all larger weights.
            self.worth[:-1] = np.log(-np.expm1(-np.arange(UNITS) / scale)) / unit
        self.compiled = use_compiled(self.devices, control)
        self.chains = []
        for place, chain in enumerate(deliverers):
            order = np.argsort(-chain.sizes, kind="stable")[: np.count_nonzero(chain.sizes)]
            if len(order):
                # Rounded up, which only makes groups worth more.
                units = np.ceil(np.minimum(chain.weights[order], farthest) * scale).astype(np.int64)
                self.chains.append((place, order, chain.sizes[order], units))
        self.known: set[tuple[Members, int]] = set()
        devices = self.devices
        # Devices, filters with the sign turned, groups.
        upper = np.concatenate([np.ones(devices), [-float(self.wanted), float(self.most)]])
        self.program = RestrictedMaster(np.full(devices + 2, -math.inf), upper, control)
        self.program.add(
            np.array([-SHORTFALL if unit == 1.0 else -SCALED_SHORTFALL]),
            np.array([0, 1]),
            np.array([devices]),
            np.array([-1.0]),
        )
        self.take(list(pool.groups))

    def take(self, columns: list[tuple[Members, int]]) -> bool:
        """Add groups to the program; whether any was new."""
        new = [group for group in dict.fromkeys(columns) if group not in self.known]
        self.known.update(new)
        sizes = [int(self.deliverers[place].sizes[list(members)].min()) for members, place in new]
        kept = [(*group, size) for group, size in zip(new, sizes, strict=True) if size > 0]
        if not kept:
            return False
        devices = self.devices
        rows = np.array([row for members, _, _ in kept for row in (*members, devices, devices + 1)])
        values = np.array([v for members, _, size in kept for v in (*([1.0] * len(members)), -float(size), 1.0)])
        starts = np.cumsum([0, *(len(members) + 2 for members, _, _ in kept)])
        weight = np.array([self.deliverers[place].weights[list(members)].sum() for members, place, _ in kept])
        self.program.add(np.log(-np.expm1(-weight)) / self.unit, starts, rows, values)
        return True

    def run(self) -> float:
        """Generate groups until the bound is good enough; returns it."""
        best = math.inf
        rounds = generate_columns(self.program.solve, self.price, self.control, smoothing=SMOOTHING, least_price=0.0)
        for step in itertools.islice(rounds, MAX_ROUNDS):
            best = step.bound
            if best - step.solution.objective < STOP_GAP:
                break
        self.pool.groups.update(dict.fromkeys(self.known))
        # The sums of a bound are rounded.
        return min(0.0, best + SAFETY)

    def price(self, prices: FloatArray, _: FloatArray) -> Pricing | None:
        """Add the groups that promise a gain, and prove a bound; None where time is up before.

        The price of the number of groups takes no part: the bound puts the largest gain of any group in its place.
        """
        costs, filter_price = prices[: self.devices], float(prices[self.devices])
        found: list[tuple[Members, int]] = []
        excess = 0.0
        for place, order, sizes, units in self.chains:
            if self.control.exhausted:
                return None
            paid = costs[order]
            table = cheapest_covers(units, paid, UNITS, compiled=self.compiled)
            wanted = np.arange(UNITS + 1)
            rest = np.maximum(wanted[None, :] - units[:, None], 0)
            cheapest = np.take_along_axis(table[:-1], rest, axis=1) + paid[:, None]
            gain = self.worth - cheapest
            # A set is worth no more than its own units are; fewer than the last device's are not told apart.
            gain[wanted[None, :] < np.minimum(units, UNITS)[:, None]] = -np.inf
            gain[cheapest >= UNREACHABLE] = -np.inf
            at = np.argmax(gain, axis=1)
            surplus = gain[np.arange(len(order)), at] + filter_price * sizes
            excess = max(excess, float(surplus.max()))
            promising = np.flatnonzero(surplus > PRICING_TOLERANCE)
            for last in promising[np.argsort(-surplus[promising], kind="stable")[:COLUMNS_A_STUDENT]].tolist():
                positions = [last, *cheapest_members(table, units, last, int(rest[last, at[last]]))]
                found.append((tuple(sorted(order[positions].tolist())), place))
        bound = float(costs.sum()) - filter_price * self.wanted + self.most * excess
        return Pricing(self.take(found), prices, bound)
