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
    from rocoin_opt.grouping import SizePrices
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
        Worths of groups by their size, as prices, at which least is to spare with these numbers; what is wanted of the
        packing itself are filters, where absent.
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

    @cached_property
    def worths(self) -> FloatArray:
        """What each column is worth, C."""
        return np.asarray((self.steps if self.worth_of_size is None else self.worth_of_size)[self.step], dtype=float)

    def needed(self, least: IntArray, limits: IntArray) -> float:
        """What any packing is worth, at least.

        Parameters
        ----------
        least, limits : IntArray, R
            Fewest and most of its groups of each size or more.
        """
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
        """Some of the columns, in their order."""
        return replace(self, counts=self.counts[:, kept], sizes=self.sizes[kept], most=self.most[kept])

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
