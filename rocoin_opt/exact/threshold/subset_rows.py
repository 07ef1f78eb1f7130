"""Subset-row cuts: of packings in whole numbers, rows of which the linear program knows nothing.

Of three devices no two groups can each have two: over any rows ``sum a x <= b`` in whole numbers, half of their sum
rounds down on both sides, ``sum floor(a / 2) x <= floor(b / 2)``, which cuts where the sum of b is odd. After Jepsen,
Petersen, Spoorendonk and Pisinger, "Subset-row inequalities applied to the vehicle-routing problem with time windows",
Operations Research 56, 2008. Columns are listed, so no pricing is made harder by them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from rocoin_opt.grouping import LEAST_FRACTION

if TYPE_CHECKING:
    from rocoin_opt.exact.threshold.listed_columns import ListedColumns
    from rocoin_opt.instance import FloatArray, IntArray

VIOLATION = 0.01
"""By how much a point breaks a cut that is added, at least."""
AT_ONCE = 60
"""Cuts that are added at a time, at most."""
OF_ONE_ROW = 5
"""Of these, those that the same row is part of."""
MOST_ROWS = 400
"""Rows up to which triples are looked through: a third of a second."""


class SubsetRows:
    """Cuts over triples of rows of devices, as they are found.

    Parameters
    ----------
    columns : ListedColumns
        What a packing consists of.
    """

    def __init__(self, columns: ListedColumns) -> None:
        self.columns = columns
        self.triples: list[tuple[int, ...]] = []
        """Kinds of devices of each cut."""
        self.most = np.empty(0, dtype=np.int64)
        """Right-hand side of each, K."""
        self._by_device: Any = None
        self._matrix: Any = sp.csc_array((0, len(columns.sizes)))

    def __len__(self) -> int:
        """How many there are."""
        return len(self.triples)

    def cost(self, prices: FloatArray) -> FloatArray:
        """What each column costs, C, at prices of the cuts, K."""
        return np.asarray(self._matrix.T @ prices)

    def of(self, columns: IntArray) -> Any:
        """Coefficients of some columns: CSC, K x C'."""
        return self._matrix[:, columns]

    def separate(self, entered: IntArray, values: FloatArray) -> Any:
        """Add the cuts that a point breaks most.

        Parameters
        ----------
        entered : IntArray, C'
            Columns that are taken, perhaps in part.
        values : FloatArray, C'
            How often.

        Returns
        -------
        CSR array, K' x C
            Coefficients of the new cuts; none where the point breaks none by enough.
        """
        partial = np.abs(values - np.rint(values)) > LEAST_FRACTION
        found = self._violated(entered[partial], values[partial], entered[~partial], values[~partial])
        if found:
            self._add(found)
        return sp.csr_array(self._matrix[len(self) - len(found) :])

    def _violated(
        self, partial: IntArray, values: FloatArray, whole: IntArray, times: FloatArray
    ) -> list[tuple[int, ...]]:
        """Triples that a point breaks, the worst first, no row in too many."""
        columns = self.columns
        taken = np.concatenate([partial, whole[times > 0.5]])
        counts = columns.counts[:, taken].toarray()
        of_point = np.concatenate([values, times[times > 0.5]])
        # Without columns in part no triple is broken: only rows of such are looked at.
        rows = np.flatnonzero((counts[:, : len(partial)] > 0).any(axis=1)) if len(partial) else np.empty(0, dtype=int)
        if not 3 <= len(rows) <= MOST_ROWS:
            return []
        counts, room = counts[rows].astype(np.int64), columns.available[rows]
        odd, whole_halves = (counts & 1).astype(np.float64), (counts >> 1) @ of_point
        shared = (counts * of_point) @ counts.T > LEAST_FRACTION
        triples: list[IntArray] = []
        excesses: list[FloatArray] = []
        for first in range(len(rows)):
            seconds = first + 1 + np.flatnonzero(shared[first, first + 1 :])
            both = counts[first] + counts[seconds]
            # Half of a + b, rounded down, is that of a and that of b, and one more where both are odd.
            halves = ((both >> 1) @ of_point)[:, None] + whole_halves + ((both & 1) * of_point) @ odd.T
            available = room[first] + room[seconds][:, None] + room
            # Rows with even sums cut nothing.
            excess = np.where(available % 2 == 1, halves - available // 2, 0.0)
            excess[:, first] = excess[np.arange(len(seconds)), seconds] = 0.0
            at, third = np.nonzero(excess > VIOLATION)
            triples.append(np.column_stack([np.full(len(at), first), seconds[at], third]))
            excesses.append(excess[at, third])
        found = rows[np.sort(np.concatenate(triples), axis=1)]
        worst_first = np.lexsort((*found.T[::-1], -np.concatenate(excesses)))
        known = set(self.triples)
        often: dict[int, int] = {}
        chosen: list[tuple[int, ...]] = []
        for triple in map(tuple, found[worst_first].tolist()):
            if len(chosen) == AT_ONCE:
                break
            if triple not in known and all(often.get(row, 0) < OF_ONE_ROW for row in triple):
                known.add(triple)
                chosen.append(triple)
                often.update((row, often.get(row, 0) + 1) for row in triple)
        return chosen

    def _add(self, triples: list[tuple[int, ...]]) -> None:
        """Take cuts in, with their coefficients for all columns."""
        columns = self.columns
        if self._by_device is None:
            self._by_device = sp.csr_array(columns.counts)
        found, halves = zip(*(self._halves(triple) for triple in triples), strict=True)
        starts = np.concatenate([[0], np.cumsum([len(own) for own in found])])
        shape = (len(triples), len(columns.sizes))
        new = sp.csr_array((np.concatenate(halves), np.concatenate(found), starts), shape=shape)
        self._matrix = sp.csc_array(sp.vstack([self._matrix, new]))
        self.triples += triples
        more = [int(columns.available[list(triple)].sum()) // 2 for triple in triples]
        self.most = np.concatenate([self.most, np.array(more, dtype=np.int64)])

    def _halves(self, triple: tuple[int, ...]) -> tuple[IntArray, FloatArray]:
        """Columns with two devices of a triple or more, and half their number, rounded down."""
        rows, starts = self._by_device, self._by_device.indptr
        own = np.concatenate([rows.indices[starts[row] : starts[row + 1]] for row in triple])
        counts = np.concatenate([rows.data[starts[row] : starts[row + 1]] for row in triple])
        found, place = np.unique(own, return_inverse=True)
        halves: FloatArray = np.floor_divide(np.bincount(place, weights=counts), 2.0).astype(np.float64)
        return found[halves > 0.0].astype(np.int64), halves[halves > 0.0]
