"""The packing problem of the whole answer at one time: listed sets, their costs, and what prices prove about them.

Of more than a dozen devices the packing of least failure is found by branching on how many groups hold so many filters
or more. A relaxation with these numbers fixed is sharp within some hundredths (see
:mod:`rocoin_opt.exact.expected.group_counts`), so its prices leave few sets of a million. They are prices of groups as
the relaxation rounds them; what they prove of listed sets is computed anew, with the true cost of each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from rocoin_opt.exact.answer.packing import Packed, cheapest_packing
from rocoin_opt.exact.answer.plans import plan_of_sets
from rocoin_opt.exact.answer.relaxation import Costs, Reduced, Wanted, relax_packing
from rocoin_opt.exact.answer.sets import serving_sets
from rocoin_opt.exact.expected.group_counts import CountTree
from rocoin_opt.grouping import ExpectedModel, subset_sums
from rocoin_opt.instance import ROUNDING
from rocoin_opt.plan import SMALLEST_OUTAGE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.control import Control
    from rocoin_opt.exact.answer.sets import ServingSets
    from rocoin_opt.exact.expected.group_counts import Node
    from rocoin_opt.grouping import Reach
    from rocoin_opt.instance import FloatArray, Instance
    from rocoin_opt.plan import Objective, Plan


FEW_DEVICES = 12
"""Devices up to which the relaxation of all sizes at once is good enough."""


MOST_NODES = 2_000
"""Relaxations that are solved at most: minutes."""

AT_ONCE_EFFORT = 2e8
"""Sets that one search over all of them looks at, before anything is branched on: a second or two."""
SEARCHED_NODES = 10
"""Nodes among which a limit on sets is shared out; each may come up several times."""


class PackingProblem(Protocol):
    """A packing problem in units of a known value: what its targets are raised from, and how plans are made of it."""

    @property
    def bound(self) -> float:
        """Cost that no packing is below."""

    def cost(self, value: float) -> float:
        """Cost of a value of the objective."""

    def value(self, cost: float) -> float:
        """The value of a cost, rounded down."""

    def search(self, limit: float) -> Packed:
        """The packing of least cost below a limit."""

    def plan(self, rows: tuple[int, ...]) -> Plan | None:
        """A valid plan of a packing; None where rounding decides against it."""


class AnswerPacking:
    """Costs are in units of a known value, so that the tolerances of a solver are relative to it.

    Parameters
    ----------
    instance : Instance
        What was given.
    objective : {'failure', 'missing'}
        What packings cost.
    reach : Reach
        What devices can do, and in what time.
    value : float
        Value of the objective above which nothing is of interest.
    control : Control
        Limit.
    effort : float
        Sets that a search for a packing looks at, at most, for an end without a clock.
    sizes : sequence of int
        Part sizes, where these are given; for ``failure`` only.
    most_failure : float
        Failure probability of the whole answer that no packing may exceed.

    Attributes
    ----------
    bound : float
        Cost that no packing is below; infinite where there is no packing of interest.
    """

    def __init__(
        self,
        instance: Instance,
        objective: Objective,
        reach: Reach,
        value: float,
        control: Control,
        effort: float = math.inf,
        sizes: Sequence[int] = (),
        most_failure: float = 1.0,
    ) -> None:
        self.instance, self.control, self.is_failure = instance, control, objective == "failure"
        self.effort, self.must = effort, instance.restrictions.used_bits
        # As a sum over the groups, with room for its rounding: a plan that exceeds it by that is found out later.
        limit = -math.log1p(-most_failure) if most_failure < 1.0 else math.inf
        self.most_failure = limit * (1.0 + 4.0 * ROUNDING)
        requirements, filters = instance.requirements, instance.knowledge.num_filters
        self.wanted = Wanted(filters, requirements.min_groups, instance.max_groups)
        if sizes:
            self.wanted = Wanted.of_sizes(sizes)
        # Where any answer will do, costs have no limit; where only a certain one will, none but 0 is within it.
        self.known = self._sum(value)
        self.unit = max(self.known, SMALLEST_OUTAGE) if math.isfinite(self.known) else 1.0
        # A group alone that is worse than the whole plan is in no better one.
        worst = value if self.is_failure else min(1.0, value * filters)
        sets = serving_sets(instance, reach, control, worst=worst * (1.0 + ROUNDING))
        fixed, slope = self._costs(sets.outage)
        kept = np.flatnonzero(np.isfinite(fixed))
        self.sets, self.costs = sets.taken(kept), Costs(fixed[kept], slope[kept])
        self.bound = math.inf
        # Of few devices the sets are packed at once.
        self.counted: CountedPacking | None = None
        if len(self.sets):
            self.reduced = relax_packing(self.sets, self.costs, self.wanted, len(instance.devices), control)
        if len(self.sets) and self.is_failure and not sizes and len(instance.devices) > FEW_DEVICES:
            listed = Listed(self.sets, self.costs, self.wanted, self.most_failure, self.must)
            self.counted = CountedPacking(instance, reach, listed, self.unit, control, effort)
            self.bound = self.counted.bound(self.cost(value))
        elif len(self.sets):
            self.bound = self.reduced.bound(self.wanted.most)
        if not self.sets.complete and self.counted is None:
            self.bound = 0.0

    def _sum(self, value: float) -> float:
        """What a value of the objective is as a sum over the groups."""
        if not self.is_failure:
            return value
        return -math.log1p(-value) if value < 1.0 else math.inf

    def _costs(self, outage: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Cost of each set without its filters, and of each filter."""
        nothing = np.zeros(len(outage))
        if not self.is_failure:
            return nothing, outage / (self.wanted.filters * self.unit)
        with np.errstate(divide="ignore", over="ignore"):
            return -np.log1p(-outage) / self.unit, nothing

    def cost(self, value: float) -> float:
        """Cost of a value of the objective."""
        return self._sum(value) / self.unit

    def value(self, cost: float) -> float:
        """The value of a cost, rounded down; where there is no packing, that of none."""
        raw = cost * self.unit * (1.0 - ROUNDING)
        return -math.expm1(-raw) if self.is_failure else raw

    def search(self, limit: float) -> Packed:
        """The packing of least cost below a limit."""
        if len(self.sets) == 0:
            return Packed((), math.inf, finished=self.sets.complete)
        if self.counted is None:
            packed = self._cheapest(limit, self.effort)
        else:
            # Many are packed at once. What that leaves open is branched on.
            packed = self._cheapest(limit, min(self.effort, AT_ONCE_EFFORT))
            if not packed.finished:
                found = self.counted.search(min(limit, packed.cost))
                packed = found if found.packings else replace(packed, finished=found.finished)
        return packed if self.sets.complete else replace(packed, finished=False)

    def _cheapest(self, limit: float, effort: float) -> Packed:
        """The packing of least cost below a limit, by one search over all sets."""
        # Only costs of outages alone can be compared with what is left of all weight.
        unit = self.unit if self.is_failure else 0.0
        return cheapest_packing(
            self.sets,
            self.costs,
            self.reduced,
            self.wanted,
            limit,
            self.control,
            unit=unit,
            most=effort,
            most_failure=self.most_failure,
            must=self.must,
        )

    def ties(self, cost: float, most: int) -> Packed:
        """Packings of a cost, or less, up to some number."""
        if len(self.sets) == 0:
            return Packed((), math.inf, finished=self.sets.complete)
        limit = math.nextafter(cost, math.inf)
        packed = cheapest_packing(
            self.sets,
            self.costs,
            self.reduced,
            self.wanted,
            limit,
            self.control,
            unit=self.unit if self.is_failure else 0.0,
            most=self.effort if self.counted is None else min(self.effort, AT_ONCE_EFFORT),
            packings=most,
            must=self.must,
        )
        if self.counted is None or packed.finished or len(packed.packings) >= most:
            return packed
        return self.counted.ties(limit, most)

    def plan(self, rows: tuple[int, ...]) -> Plan | None:
        """A valid plan of a packing; None where rounding decides against it."""
        return plan_of_sets(self.instance, self.sets, rows, self.wanted.sizes, by_outage=not self.is_failure)

    def answer(self) -> tuple[Plan | None, bool]:
        """A plan of the known value or less, and whether it is proven that there is none."""
        limit = 1.0 + 3.0 * ROUNDING if math.isfinite(self.known) else math.inf
        if self.bound >= limit:
            return None, self.sets.complete
        packed = self.search(limit)
        return (self.plan(packed.rows), False) if packed.rows else (None, packed.finished)


@dataclass(frozen=True, eq=False)
class Listed:
    """Sets to pack.

    Attributes
    ----------
    sets : ServingSets
        At least one.
    costs : Costs
        ``-ln(1 - outage)`` of each, in a unit.
    wanted : Wanted
        What is packed; sizes are free.
    most_failure : float
        What ``-ln(1 - outage)`` of a packing may be.
    must : int
        Devices that a packing has to use, as bits.
    """

    sets: ServingSets
    costs: Costs
    wanted: Wanted
    most_failure: float
    must: int


class CountedPacking:
    """Sets of devices, and open nodes of a tree.

    Parameters
    ----------
    instance : Instance
        Constant latencies, no failure domains.
    reach : Reach
        What devices can do, and in what time.
    listed : Listed
        The sets.
    unit : float
        Unit of their costs.
    control : Control
        Limit.
    effort : float
        Sets that the search of a node looks at, at most, for an end without a clock.
    """

    def __init__(
        self, instance: Instance, reach: Reach, listed: Listed, unit: float, control: Control, effort: float
    ) -> None:
        self.listed, self.unit, self.control, self.effort = listed, unit, control, effort
        self.searched = 0
        self.tree = CountTree.of(ExpectedModel(instance, math.inf), reach.counted, control, unit)

    def bound(self, limit: float) -> float:
        """Cost that no packing is below; beyond a limit nobody asks for more."""
        self.tree.limit = limit
        return self.tree.branch(MOST_NODES)

    def search(self, limit: float) -> Packed:
        """The packing of least cost below a limit."""
        self.tree.limit = limit
        best = Packed((), math.inf, finished=False)

        def settle(node: Node, _: float) -> float | None:
            nonlocal best
            found = self._packed(node, self.tree.limit)
            if found.packings:
                best = found
                self.tree.limit = found.cost
            return self.tree.limit if found.finished else None

        reached = self.tree.branch(MOST_NODES, settle)
        return replace(best, finished=reached >= self.tree.limit)

    def ties(self, limit: float, most: int) -> Packed:
        """Packings below a limit, up to some number."""
        self.tree.limit = limit
        found: dict[tuple[int, ...], None] = {}

        def settle(node: Node, _: float) -> float | None:
            packed = self._packed(node, limit, most)
            found.update((tuple(sorted(rows)), None) for rows in packed.packings)
            return limit if packed.finished and len(found) < most else None

        reached = self.tree.branch(MOST_NODES, settle)
        return Packed(tuple(found)[:most], math.inf, finished=reached >= limit)

    def _packed(self, node: Node, limit: float, packings: int = 1) -> Packed:
        """The packing of least cost below a limit in a node, or several; those of another node may come instead.

        Parameters
        ----------
        node : Node
            With prices.
        limit : float
            Cost.
        packings : int
            Where there are more than one, that many are looked for, and none is the best.
        """
        listed, wanted = self.listed, self.listed.wanted
        # Without a clock the effort is that of some nodes together.
        effort = self.effort / SEARCHED_NODES
        if math.isfinite(effort):
            self.searched += 1
            if self.searched > SEARCHED_NODES:
                return Packed((), math.inf, finished=False)
        if node.prices is None:
            raise ValueError("a node has prices once nothing is left to branch on")
        priced = self.tree.program.priced(node.prices, node.least, node.most)
        # A group holds what its devices can, or less.
        worth = np.maximum.accumulate(priced.worth(np.arange(1, wanted.filters + 1)))
        paid = subset_sums(priced.costs)[listed.sets.masks]
        reduced = Reduced(-priced.constant, listed.costs.fixed + paid - worth[listed.sets.largest - 1])
        return cheapest_packing(
            listed.sets,
            listed.costs,
            reduced,
            replace(wanted, fewest=int(node.least[0]), most=int(node.most[0])),
            limit,
            self.control,
            unit=self.unit,
            most=effort,
            most_failure=listed.most_failure,
            must=listed.must,
            packings=packings,
        )
