"""Packing of listed columns: branching on how many groups there are of a size or more, columns fixed by reduced costs.

Many columns are nearly alike, so branching on one of them settles nothing. How many groups hold at least so many
filters settles much: the linear program's bound falls on both sides, often below what is wanted, and what its reduced
costs then leave are a few hundred columns, where tens of thousands were listed. An integer program decides among these.
The bound of a node holds for any prices, as that of the packing relaxation does, so no branch is cut by the solver's
tolerances.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import numpy as np
import scipy.sparse as sp

from rocoin_opt.grouping import DUAL_SAFETY, LEAST_FRACTION
from rocoin_opt.highs import LinearModel, RestrictedMaster, solve_linear

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.instance import FloatArray, IntArray

Status: TypeAlias = Literal["packed", "impossible", "unknown"]

FEW_COLUMNS = 300
"""Columns up to which the integer program decides at once: it takes some hundredths of a second."""


@dataclass(frozen=True, eq=False)
class ListedColumns:
    """Columns of which each may be taken some times, and what they have to keep together.

    Attributes
    ----------
    counts : CSC array, I x C
        Devices of each kind in each column.
    available : IntArray, I
        Devices of each kind.
    sizes : IntArray, C
        Part that each column holds.
    most : IntArray, C
        How often each may be taken.
    steps : IntArray, R
        The different sizes, ascending.
    least, limits : IntArray, R
        Fewest and most groups of each of these sizes or more.
    wanted : int
        Filters that must find a place.
    """

    counts: Any
    available: IntArray
    sizes: IntArray
    most: IntArray
    steps: IntArray
    least: IntArray
    limits: IntArray
    wanted: int

    @cached_property
    def matrix(self) -> Any:
        """Rows of the devices, then of the groups of each size or more: CSC, I + R x C."""
        return sp.csc_array(sp.vstack([self.counts, self.at_least.T]))

    @cached_property
    def at_least(self) -> Any:
        """Which columns hold each of the sizes, or more: CSR, C x R."""
        return sp.csr_array((self.sizes[:, None] >= self.steps).astype(np.float64))

    def only(self, kept: IntArray) -> ListedColumns:
        """Some of the columns, in their order."""
        return replace(self, counts=self.counts[:, kept], sizes=self.sizes[kept], most=self.most[kept])


class _Node(NamedTuple):
    """A part of the search: fewest and most groups of each size or more, and the columns that can be among them."""

    least: IntArray
    limits: IntArray
    kept: IntArray


def pack_listed(columns: ListedColumns, control: Control, nodes: int | None) -> tuple[Status, IntArray | None]:
    """Decide whether columns hold all filters.

    Parameters
    ----------
    columns : ListedColumns
        At least one.
    control : Control
        Limit. It is told of filters placed.
    nodes : int or None
        Nodes of branch and bound, those of the integer programs among them; None for no limit.

    Returns
    -------
    Status
        ``packed``, ``impossible`` (proven for these columns) or ``unknown`` (a limit came first).
    IntArray, C, or None
        How often each column is taken, where packed.
    """
    return _Search(columns, control, nodes).run()


class _Search:
    def __init__(self, columns: ListedColumns, control: Control, nodes: int | None) -> None:
        self.columns, self.control = columns, control
        self.nodes: float = math.inf if nodes is None else nodes
        self.decided = True
        self._master: RestrictedMaster | None = None

    def run(self) -> tuple[Status, IntArray | None]:
        columns = self.columns
        stack = [_Node(columns.least, columns.limits, np.arange(len(columns.sizes)))]
        while stack:
            if self.control.exhausted or self.nodes <= 0:
                return "unknown", None
            node = stack.pop()
            found = self._solve(node) if len(node.kept) <= FEW_COLUMNS else self._branch(node, stack)
            if found is not None:
                return "packed", found
        return ("impossible" if self.decided else "unknown"), None

    def _branch(self, node: _Node, stack: list[_Node]) -> IntArray | None:
        """Bound a node, drop columns, and part it; what cannot be parted goes to an integer program."""
        self.nodes -= 1
        columns = self.columns
        relaxed = self._relax(node)
        if relaxed is None:
            self.decided = False
            return None
        bound, wasted, values = relaxed
        if bound + DUAL_SAFETY < columns.wanted:
            return None
        # A packing with a column wastes at least what the column does.
        kept = node.kept[wasted[node.kept] <= bound - columns.wanted + DUAL_SAFETY]
        times = np.rint(values).astype(np.int64)
        if np.abs(values - times).max() <= LEAST_FRACTION and self._keeps(times):
            return times
        groups = values @ columns.at_least
        # Where groups are missing, and made up for in the program, a limit below them would part nothing.
        is_within = (node.least < groups) & (groups < node.limits)
        off = np.where(is_within, np.abs(groups - np.rint(groups)), 0.0)
        at = int(np.argmax(off))
        if off[at] <= LEAST_FRACTION or len(kept) <= FEW_COLUMNS:
            return self._solve(node._replace(kept=kept))
        below, above = node.limits.copy(), node.least.copy()
        # Of a larger size there are no more groups, and of a smaller one no fewer.
        below[at:] = np.minimum(below[at:], math.floor(groups[at]))
        above[: at + 1] = np.maximum(above[: at + 1], math.ceil(groups[at]))
        stack += [_Node(node.least, below, kept), _Node(above, node.limits, kept)]
        return None

    def _relax(self, node: _Node) -> tuple[float, FloatArray, FloatArray] | None:
        """Solve the linear program of a node; None where the limit came first.

        Returns
        -------
        float
            No packing of the node holds more filters.
        FloatArray, C
            What each column wastes at the prices that prove it: its price less its size.
        FloatArray, C
            How often each is taken.
        """
        columns, devices = self.columns, len(self.columns.available)
        count = len(columns.sizes)
        taken_out = np.zeros(count)
        taken_out[node.kept] = math.inf
        if self._master is None:
            self._master = self._program()
        self._master.limit(
            np.concatenate([columns.available, node.limits]).astype(np.float64),
            np.concatenate([taken_out, np.full(len(columns.steps), math.inf)]),
            lower=np.concatenate([np.full(devices, -math.inf), node.least]),
        )
        solution = self._master.solve()
        if solution is None:
            return None
        prices = solution.prices.copy()
        # A limit from above has no price below 0; one from both sides may have either sign.
        prices[:devices] = np.maximum(prices[:devices], 0.0)
        wasted: FloatArray = np.asarray(prices @ columns.matrix, dtype=np.float64) - columns.sizes
        # Every group counts in the first limit on sizes, so raising that one is enough to make the prices a bound.
        excess = max(0.0, -float(wasted[node.kept].min()))
        prices[devices] += excess
        of_sizes = prices[devices:]
        limit = np.where(of_sizes > 0.0, node.limits, node.least)
        bound = float(prices[:devices] @ columns.available + of_sizes @ limit)
        wasted += excess
        return bound, wasted, solution.values[:count]

    def _program(self) -> RestrictedMaster:
        """``max sum v x``; groups that a size has too few of are made up for, at more than they could ever hold."""
        columns, steps = self.columns, len(self.columns.steps)
        rows = len(columns.available) + steps
        program = RestrictedMaster(np.full(rows, -math.inf), np.full(rows, math.inf), self.control)
        matrix = columns.matrix
        program.add(columns.sizes.astype(np.float64), matrix.indptr, matrix.indices, matrix.data)
        missing = np.arange(len(columns.available), rows)
        program.add(np.full(steps, -float(columns.wanted)), np.arange(steps + 1), missing, np.ones(steps))
        return program

    def _keeps(self, times: IntArray) -> bool:
        """Whether a packing in whole numbers keeps everything."""
        columns = self.columns
        groups = times @ columns.at_least
        return bool(
            times @ columns.sizes >= columns.wanted
            and (columns.counts @ times <= columns.available).all()
            and (times <= columns.most).all()
            and (columns.least <= groups).all()
            and (groups <= columns.limits).all()
        )

    def _solve(self, node: _Node) -> IntArray | None:
        """Decide a node by an integer program."""
        if len(node.kept) == 0:
            return None
        # Any packing of all filters answers the question: a larger one is not looked for.
        options: dict[str, int | float] = {"objective_target": float(self.columns.wanted)}
        if self.nodes < math.inf:
            options["mip_max_nodes"] = int(self.nodes)
        model = _model(replace(self.columns.only(node.kept), least=node.least, limits=node.limits))
        solution, values = solve_linear(model, self.control, options=options)
        if values is None:
            self.decided &= solution.status == "infeasible"
            return None
        times = np.zeros(len(self.columns.sizes), dtype=np.int64)
        times[node.kept] = values[: len(node.kept)].astype(np.int64)
        return times


def _model(columns: ListedColumns) -> LinearModel:
    """``max sum v x`` over whole x: devices, groups of each size or more, all filters placed.

    Behind the columns stand, for each kind, its *idle* devices, then the number of groups of each size. Branching on
    whether a device is used at all, or on how many groups of a size there are, settles far more than branching on one
    of many columns: the first halves the time of hard packings.
    """
    kinds, steps, count = len(columns.available), len(columns.steps), len(columns.sizes)
    of_size = (columns.sizes[:, None] == columns.steps).astype(np.float64)
    # Rows: devices, groups of each size or more, the number of each size, filters.
    matrix: Any = sp.csc_array(
        sp.block_array(
            [
                [columns.counts, sp.eye_array(kinds), None],
                [None, None, sp.csr_array(np.triu(np.ones((steps, steps))))],
                [sp.csr_array(of_size.T), None, -sp.eye_array(steps)],
                [None, None, sp.csr_array(columns.steps[None, :].astype(np.float64))],
            ]
        )
    )
    upper = np.concatenate([columns.most, columns.available, columns.limits]).astype(np.float64)
    numbers = np.zeros(steps)
    return LinearModel(
        sense=-1,
        offset=0.0,
        cost=np.concatenate([np.zeros(count + kinds), columns.steps.astype(np.float64)]),
        lower=np.zeros(len(upper)),
        upper=upper,
        # Sizes are whole: half a filter less asks for the same and leaves no room for tolerances.
        row_lower=np.concatenate([columns.available, columns.least, numbers, [columns.wanted - 0.5]]).astype(
            np.float64
        ),
        row_upper=np.concatenate([columns.available, columns.limits, numbers, [math.inf]]).astype(np.float64),
        starts=matrix.indptr,
        rows=matrix.indices,
        values=matrix.data,
        integral=np.ones(len(upper), dtype=np.int64),
    )
