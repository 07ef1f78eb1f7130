"""Packing of listed columns: branching on numbers of groups and on devices, columns fixed by reduced costs.

Many columns are nearly alike, so branching on one of them settles nothing. How many groups hold at least so many
filters settles much, and where that is whole, which devices are together or in large groups: the linear program's bound
falls on both sides, often below what is wanted, and what its reduced costs then leave are a few hundred columns, where
millions were listed. An integer program decides among these. No rule tells beforehand which question settles most: a
few are tried, and the one that leaves fewest columns on both sides is taken (strong branching; Applegate, Bixby,
Chvatal and Cook, "Finding cuts in the TSP", 1995). For the packings of a demand, what columns are worth takes the place
of their sizes: sizes would leave nearly all columns in. The bound of a node holds for any prices, as that of the
packing relaxation does, so no branch is cut by the solver's tolerances.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import scipy.sparse as sp

from rocoin_opt.exact.threshold.listed_columns import Counts as Counts
from rocoin_opt.exact.threshold.listed_columns import ListedColumns as ListedColumns
from rocoin_opt.exact.threshold.listed_columns import packing_model
from rocoin_opt.exact.threshold.neighbourhoods import Repair
from rocoin_opt.exact.threshold.partitions import Node, partitions
from rocoin_opt.exact.threshold.subset_rows import SubsetRows
from rocoin_opt.grouping import DUAL_SAFETY, LEAST_FRACTION, PRICING_TOLERANCE
from rocoin_opt.highs import RestrictedMaster, solve_linear

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.control import Control
    from rocoin_opt.exact.threshold.partitions import Partition
    from rocoin_opt.instance import FloatArray, IntArray

Status: TypeAlias = Literal["packed", "impossible", "unknown"]

FEW_COLUMNS = 300
"""Columns up to which the integer program decides at once: it takes some hundredths of a second."""
ADDED = 300
"""Columns that enter a linear program at a time: of the many thousands that are listed, it needs some hundreds."""

ROUNDS, LATER = 10, 2
"""Rounds of cuts before any branching, and at each later node where columns have worths. Elsewhere they gain less there
than they cost."""
MOST_CUTS = 500
"""Cuts from which on later nodes add none: they stay in all linear programs, with entries for all columns."""
SMALLER = 5 / 6
"""Weight of the side on which a question settles less, beside the other one."""
REPAIR_AFTER, REPAIRS = 20, 40
"""Nodes of branch and bound before a packing is repaired, once, and neighbourhoods in which it is bettered."""


def pack_listed(
    columns: ListedColumns, control: Control, nodes: int | None, few: int = FEW_COLUMNS
) -> tuple[Status, IntArray | None]:
    """Decide whether columns hold all filters.

    Parameters
    ----------
    columns : ListedColumns
        At least one.
    control : Control
        Limit. It is told of filters placed.
    nodes : int or None
        Nodes of branch and bound, those of the integer programs among them; None for no limit.
    few : int
        Columns up to which an integer program decides.

    Returns
    -------
    Status
        ``packed``, ``impossible`` (proven for these columns) or ``unknown`` (a limit came first).
    IntArray, C, or None
        How often each column is taken, where packed.
    """
    if (columns.least > columns.limits).any():
        return "impossible", None
    return _Search(columns, control, nodes, few).run()


class _Search:
    def __init__(self, columns: ListedColumns, control: Control, nodes: int | None, few: int) -> None:
        self.columns, self.control, self.few = columns, control, few
        self.nodes: float = math.inf if nodes is None else nodes
        self.decided = True
        self.first: Repair | None = None
        """Of the linear program before any branching."""
        self.branched = 0
        self._entered: IntArray = np.empty(0, dtype=np.int64)
        """Columns in the linear program, in their order there."""
        self._master: RestrictedMaster | None = None
        self._cuts = SubsetRows(columns)

    def run(self) -> tuple[Status, IntArray | None]:
        columns = self.columns
        stack = [Node(columns.least, columns.limits, np.arange(len(columns.sizes)))]
        while stack:
            if self.control.exhausted or self.nodes <= 0:
                return "unknown", None
            node = stack.pop()
            found = self._solve(node) if len(node.kept) <= self.few else self._branch(node, stack)
            self.branched += 1
            if found is None and self.branched == REPAIR_AFTER and self.first is not None:
                # Most of what is impossible is refuted by then.
                found = self.first.run(REPAIRS)
            if found is not None:
                return "packed", found
        return ("impossible" if self.decided else "unknown"), None

    def _branch(self, node: Node, stack: list[Node]) -> IntArray | None:
        """Bound a node, drop columns, and part it; what cannot be parted goes to an integer program."""
        self.nodes -= 1
        columns = self.columns
        relaxed = self._relax(node)
        if relaxed is None:
            self.decided = False
            return None
        bound, wasted, values = relaxed
        if bound + DUAL_SAFETY < columns.needed(node.least, node.limits):
            return None
        kept = self._within(node, bound, wasted)
        times = np.rint(values).astype(np.int64)
        if np.abs(values - times).max() <= LEAST_FRACTION and columns.keeps(times):
            return times
        if self.first is None:
            taken = np.where(values > LEAST_FRACTION, values, 0.0)
            self.first = Repair(columns, kept, taken, wasted, self.control)
        node = node._replace(kept=kept)
        parts = partitions(columns, node, values) if len(kept) > self.few else []
        if not parts:
            return self._solve(node)
        chosen = self._choose(node, parts)
        if chosen is None:
            self.decided = False
        else:
            stack += chosen
        return None

    def _choose(self, node: Node, parts: Sequence[Partition]) -> list[Node] | None:
        """What is searched next: the partition that leaves fewest columns, or the node without what bounds refute.

        Where one side of a question is refuted, the other one is all of the node, and is what the next question parts:
        of a dozen questions, several often take some columns out. None where the limit came first.
        """
        if len(parts) == 1:
            return list(parts[0])
        best, most, count = list[Node](), -math.inf, len(node.kept)
        for partition in parts:
            left: list[Node] = []
            for part in partition:
                asked = part._replace(kept=np.intersect1d(part.kept, node.kept, assume_unique=True))
                relaxed = self._bound(asked)
                if relaxed is None:
                    return None
                kept = self._within(asked, relaxed[0], relaxed[1])
                if len(kept):
                    left.append(asked._replace(kept=kept))
            if len(left) == len(partition):
                smaller, larger = sorted(math.log(count / max(len(part.kept), self.few)) for part in left)
                score = SMALLER * smaller + (1.0 - SMALLER) * larger
                if score > most:
                    best, most = left, score
            elif left and len(partition[0].kept) < count:
                node = left[0]
            else:
                # Other numbers, or nothing: questions that were made for the node are not for these.
                return left
        return best if len(node.kept) == count else [node]

    def _within(self, node: Node, bound: float, wasted: FloatArray) -> IntArray:
        """Columns that can be in a packing of the node, which wastes at least what each of its columns does."""
        needed = self.columns.needed(node.least, node.limits)
        return node.kept[wasted[node.kept] <= bound - needed + DUAL_SAFETY]

    def _relax(self, node: Node) -> tuple[float, FloatArray, FloatArray] | None:
        """Solve the linear program of a node; None where the limit came first.

        Returns
        -------
        float
            No packing of the node is worth more.
        FloatArray, C
            What each column wastes at the prices that prove it: its price less its worth.
        FloatArray, C
            How often each is taken.
        """
        relaxed = self._bound(node)
        later = 0 if self.columns.worth_of_size is None or len(self._cuts) > MOST_CUTS else LATER
        needed = self.columns.needed(node.least, node.limits)
        for _ in range(ROUNDS if self.branched == 0 else later):
            if relaxed is None or relaxed[0] + DUAL_SAFETY < needed:
                break
            cuts = self._cuts.separate(self._entered, relaxed[2][self._entered])
            if cuts.shape[0] == 0:
                break
            assert self._master is not None
            self._master.constrain(
                self._cuts.most[-cuts.shape[0] :].astype(np.float64), cuts[:, self._entered], len(self.columns.steps)
            )
            relaxed = self._bound(node)
        return relaxed

    def _bound(self, node: Node) -> tuple[float, FloatArray, FloatArray] | None:
        """Solve the linear program of a node with the cuts that there are; see :meth:`_relax`."""
        columns, devices, steps = self.columns, len(self.columns.available), len(self.columns.steps)
        if self._master is None:
            self._master = self._program()
        outside = np.ones(len(columns.sizes), dtype=bool)
        outside[node.kept] = False
        most = np.where(outside[self._entered], 0.0, math.inf)
        self._master.limit(
            np.concatenate([columns.available, node.limits, self._cuts.most]).astype(np.float64),
            np.concatenate([np.full(steps, math.inf), most]),
            lower=np.concatenate([np.full(devices, -math.inf), node.least, np.full(len(self._cuts), -math.inf)]),
        )
        outside[self._entered] = True
        while True:
            solution = self._master.solve()
            if solution is None:
                return None
            prices = solution.prices.copy()
            # A limit from above has no price below 0; one from both sides may have either sign.
            prices[:devices] = np.maximum(prices[:devices], 0.0)
            of_cuts = np.maximum(prices[devices + steps :], 0.0)
            wasted: FloatArray = columns.cost(prices[: devices + steps]) - columns.worths
            if of_cuts.any():
                wasted += self._cuts.cost(of_cuts)
            entering = np.flatnonzero((wasted < -PRICING_TOLERANCE) & ~outside)
            if len(entering) == 0:
                break
            if len(entering) > ADDED:
                entering = entering[np.argpartition(wasted[entering], ADDED)[:ADDED]]
            self._enter(entering)
            outside[entering] = True
        # Every group counts in the first limit on sizes, so raising that one is enough to make the prices a bound.
        excess = max(0.0, -float(wasted[node.kept].min(initial=0.0)))
        prices[devices] += excess
        of_sizes = prices[devices : devices + steps]
        limit = np.where(of_sizes > 0.0, node.limits, node.least)
        bound = float(prices[:devices] @ columns.available + of_sizes @ limit + of_cuts @ self._cuts.most)
        wasted += excess
        values = np.zeros(len(columns.sizes))
        values[self._entered] = solution.values[steps:]
        return bound, wasted, values

    def _program(self) -> RestrictedMaster:
        """``max sum w x``, without columns yet; groups that a size has too few of are made up for, dearly."""
        columns, steps = self.columns, len(self.columns.steps)
        rows = len(columns.available) + steps
        program = RestrictedMaster(np.full(rows, -math.inf), np.full(rows, math.inf), self.control)
        missing = np.arange(len(columns.available), rows)
        # One costs as much as it could ever be worth, or more.
        most = max(float(columns.wanted), float(columns.worths.max()), 2.0 * columns.spare + 1.0)
        program.add(np.full(steps, -most), np.arange(steps + 1), missing, np.ones(steps))
        return program

    def _enter(self, entering: IntArray) -> None:
        """Add listed columns to the linear program."""
        assert self._master is not None
        matrix = self.columns.matrix(entering)
        if len(self._cuts):
            matrix = sp.csc_array(sp.vstack([matrix, self._cuts.of(entering)]))
        self._master.add(self.columns.worths[entering], matrix.indptr, matrix.indices, matrix.data)
        self._entered = np.concatenate([self._entered, entering])

    def _solve(self, node: Node) -> IntArray | None:
        """Decide a node by an integer program."""
        if len(node.kept) == 0:
            return None
        # Any packing of all filters answers the question: a larger one is not looked for.
        options: dict[str, int | float] = {"objective_target": float(self.columns.wanted)}
        if self.nodes < math.inf:
            options["mip_max_nodes"] = int(self.nodes)
        model = packing_model(replace(self.columns.only(node.kept), least=node.least, limits=node.limits))
        solution, values = solve_linear(model, self.control, options=options)
        if values is None:
            self.decided &= solution.status == "infeasible"
            return None
        times = np.zeros(len(self.columns.sizes), dtype=np.int64)
        times[node.kept] = values[: len(node.kept)].astype(np.int64)
        return times
