"""The packing of least failure by branching on how many groups hold so many filters or more.

A relaxation with the numbers of groups of all sizes fixed is sharp within some hundredths (see
:mod:`rocoin_opt.exact.expected.group_counts`), so its prices leave few sets of a million. They are prices of groups as
the relaxation rounds them; what they prove of listed sets is computed anew, with the true cost of each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.exact.answer.packing import Packed, cheapest_packing
from rocoin_opt.exact.answer.relaxation import Reduced
from rocoin_opt.exact.expected.group_counts import CountTree
from rocoin_opt.exact.expected.success_program import Deliverers, GroupPool, SuccessProgram
from rocoin_opt.grouping import ExpectedModel, subset_sums

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.exact.answer.relaxation import Costs, Wanted
    from rocoin_opt.exact.answer.sets import ServingSets
    from rocoin_opt.exact.expected.group_counts import Node
    from rocoin_opt.grouping import Reach
    from rocoin_opt.instance import Instance

MOST_LEVELS = 64
"""Different sizes whose groups are branched on."""
MOST_NODES = 2_000
"""Relaxations that are solved at most: minutes."""


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
        model = ExpectedModel(instance, math.inf)
        deliverers = [Deliverers(sizes, model.weights) for sizes in reach.counted.T]
        program = SuccessProgram(model, deliverers, GroupPool(), control, unit, MOST_LEVELS)
        self.tree = CountTree(program, listed.wanted.fewest, listed.wanted.most)

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
        priced = self.tree.priced(node)
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
            most=self.effort,
            most_failure=listed.most_failure,
            must=listed.must,
            packings=packings,
        )
