"""Listed columns as a matrix, and the integer program that packs them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from rocoin_opt.highs import LinearModel

if TYPE_CHECKING:
    from rocoin_opt.exact.threshold.column_list import Column, ColumnList
    from rocoin_opt.grouping import PackingProblem, SizePrices
    from rocoin_opt.instance import BoolArray, FloatArray, IntArray


class Counts(NamedTuple):
    """Numbers of groups.

    Attributes
    ----------
    sizes : IntArray, R
        Sizes of groups, ascending.
    least, limits : IntArray, R
        Fewest and most groups of each of these sizes or more.
    worths : SizePrices, optional
        Worths of groups by their size, as prices, at which these numbers leave least to spare. Where absent, groups
        count by their filters.
    """

    sizes: IntArray
    least: IntArray
    limits: IntArray
    worths: SizePrices | None = None


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
    worth_of_size : FloatArray, R, or None
        What a column of each of these sizes is worth; the filters that it holds, where absent.
    wasted : FloatArray, C, or None
        What each column wastes, where that is all that counts: its worth is then less than nothing.
    spare : float
        What the columns of a packing may waste together, where that counts.
    """

    counts: Any
    available: IntArray
    sizes: IntArray
    most: IntArray
    steps: IntArray
    least: IntArray
    limits: IntArray
    wanted: int
    worth_of_size: FloatArray | None = None
    wasted: FloatArray | None = None
    spare: float = 0.0

    @cached_property
    def worths(self) -> FloatArray:
        """What each column is worth, C."""
        if self.wasted is not None:
            return -self.wasted
        return np.asarray((self.steps if self.worth_of_size is None else self.worth_of_size)[self.step], dtype=float)

    def needed(self, least: IntArray, limits: IntArray) -> float:
        """What any packing is worth, at least.

        Parameters
        ----------
        least, limits : IntArray, R
            Fewest and most of its groups of each size or more.
        """
        if self.wasted is not None:
            return -self.spare
        if self.worth_of_size is None:
            return float(self.wanted)
        of_steps = np.diff(self.worth_of_size, prepend=0.0)
        return float(of_steps @ np.where(of_steps > 0.0, least, limits))

    @cached_property
    def step(self) -> IntArray:
        """Place of each column's size among the sizes, C."""
        return np.searchsorted(self.steps, self.sizes)

    def groups(self, times: FloatArray | IntArray) -> FloatArray:
        """How many groups of each size or more there are, R, for how often each column is taken."""
        of_size = np.bincount(self.step, weights=times, minlength=len(self.steps))
        return np.asarray(np.cumsum(of_size[::-1])[::-1])

    def cost(self, prices: FloatArray) -> FloatArray:
        """What each column costs, C, at prices of the devices and of groups of each size or more, I + R."""
        of_sizes = np.cumsum(prices[len(self.available) :])
        return np.asarray(self.counts.T @ prices[: len(self.available)] + of_sizes[self.step])

    def matrix(self, columns: IntArray) -> Any:
        """Rows of the devices, then of the groups of each size or more, for some columns: CSC, I + R x C'."""
        at_least = sp.csc_array((self.steps[:, None] <= self.sizes[columns]).astype(np.float64))
        return sp.csc_array(sp.vstack([self.counts[:, columns], at_least]))

    def only(self, kept: IntArray) -> ListedColumns:
        """Some of the columns, in their order; what they waste does not count any more."""
        return replace(self, counts=self.counts[:, kept], sizes=self.sizes[kept], most=self.most[kept], wasted=None)

    def within(self, counts: Counts) -> ListedColumns | None:
        """The same columns with other numbers of groups; None where none is as large as some that are asked for.

        Parameters
        ----------
        counts : Counts
            Of larger sizes no more groups than of smaller ones.
        """
        if (counts.least[counts.sizes > self.steps[-1]] > 0).any():
            return None
        # Of a size between two steps there are as many groups or more as of the larger step: no column is of that size.
        smallest = np.searchsorted(counts.sizes, np.append(0, self.steps[:-1]), side="right")
        largest = np.searchsorted(counts.sizes, self.steps)
        worths = None if counts.worths is None else self.steps - counts.worths.of(self.steps)
        return replace(self, least=counts.least[smallest], limits=counts.limits[largest], worth_of_size=worths)

    def fits(self, left: IntArray, columns: IntArray) -> BoolArray:
        """Whether the devices of some columns are among those of each kind that are left, C'."""
        counts = self.counts if len(columns) == len(self.sizes) else self.counts[:, columns]
        too_many = (counts.data > left[counts.indices]).astype(np.int64)
        sums = np.concatenate([[0], np.cumsum(too_many)])
        return np.asarray(sums[counts.indptr[1:]] == sums[counts.indptr[:-1]])

    def keeps(self, times: IntArray) -> bool:
        """Whether a packing in whole numbers keeps everything."""
        groups = self.groups(times)
        return bool(
            times @ self.sizes >= self.wanted
            and (self.counts @ times <= self.available).all()
            and (times <= self.most).all()
            and (self.least <= groups).all()
            and (groups <= self.limits).all()
        )


class AlikeColumns:
    """Columns up to the exchange of alike devices: packings that differ in nothing else are one.

    Parameters
    ----------
    problem : PackingProblem
        Instance, objective and threshold.
    columns : ColumnList
        At least one.
    priced : IntArray or None
        Devices that may stand for those of their kind; those of the columns where absent.
    """

    def __init__(self, problem: PackingProblem, columns: ColumnList, priced: IntArray | None) -> None:
        self.problem = problem
        nobody = columns.nobody
        self.of_device = np.append(problem.kind_of_device, nobody).astype(np.int32)
        is_used = np.zeros(nobody + 1, dtype=bool)
        is_used[columns.members] = True
        used = np.flatnonzero(is_used[:-1])
        if priced is not None:
            used = priced[np.isin(self.of_device[priced], self.of_device[used])]
        self.used = used
        """Devices of any column, and those that may stand for them."""
        self.kinds, self.available = np.unique(self.of_device[self.used], return_counts=True)
        if len(self.kinds) < len(self.used):
            rows = np.sort(self.of_device[columns.members], axis=1)
            self.columns = replace(columns, members=rows).distinct()
        else:
            self.columns = replace(columns, members=self.of_device[columns.members])

    def listed(self) -> ListedColumns:
        """The columns as a matrix: every device once or not at all, no more groups of a size than possible."""
        columns, problem = self.columns, self.problem
        row_of = np.empty(columns.nobody + 1, dtype=np.int32)
        row_of[self.kinds] = np.arange(len(self.kinds), dtype=np.int32)
        is_there = columns.members < columns.nobody
        starts = np.concatenate([[0], np.cumsum(is_there.sum(axis=1))])
        rows = row_of[columns.members[is_there]]
        counts = sp.csc_array((np.ones(len(rows)), rows, starts), shape=(len(self.kinds), len(columns)))
        counts.sum_duplicates()
        steps = np.unique(columns.sizes)
        limits = np.array([problem.levels.groups_of(step) for step in steps.tolist()])
        least = np.zeros_like(limits)
        least[0] = problem.instance.requirements.min_groups
        return ListedColumns(
            counts=counts,
            available=self.available,
            sizes=columns.sizes,
            most=self._most(counts, int(limits[0])),
            steps=steps,
            least=least,
            limits=limits,
            wanted=problem.wanted,
        )

    def wasting(self, prices: FloatArray, worths: SizePrices, spare: float) -> ListedColumns:
        """The same, for packings that waste no more than is to spare, however many filters they hold.

        Parameters
        ----------
        prices : FloatArray, N
            Of devices; those of one kind are the same.
        worths : SizePrices
            Of groups by their size, as prices.
        spare : float
            What a packing may waste: what its devices cost, less what its groups are worth.
        """
        listed = self.listed()
        of_kind = np.zeros(int(self.of_device.max()) + 1)
        of_kind[self.of_device[:-1]] = prices
        cost = np.asarray(listed.counts.T @ of_kind[self.kinds])
        wasted = cost - listed.sizes + worths.of(listed.sizes)
        return replace(listed, wanted=0, wasted=wasted, spare=spare)

    def _most(self, counts: Any, groups: int) -> IntArray:
        """How often each column can be taken; without any priced device nothing but the number of groups limits it."""
        often = np.full(counts.shape[1], groups, dtype=np.int64)
        filled = np.flatnonzero(np.diff(counts.indptr))
        per_entry = self.available[counts.indices] // counts.data.astype(np.int64)
        if len(filled):
            often[filled] = np.minimum(np.minimum.reduceat(per_entry, counts.indptr[filled]), groups)
        return often

    def columns_of(self, times: IntArray) -> list[Column]:
        """Columns of devices, for how often each column of kinds is taken."""
        free = {kind: iter(self.used[self.of_device[self.used] == kind].tolist()) for kind in self.kinds.tolist()}
        chosen = [self.columns.column(k) for k in np.flatnonzero(times).tolist() for _ in range(int(times[k]))]
        return [replace(own, devices=tuple(sorted(next(free[kind]) for kind in own.devices))) for own in chosen]


def packing_model(columns: ListedColumns) -> LinearModel:
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
