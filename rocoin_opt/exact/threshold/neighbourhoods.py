"""Repair: a packing of listed columns that lacks a few filters, bettered a neighbourhood at a time.

A few groups are taken apart, and a small integer program packs what is free anew: at least as well, and mostly in
another way, so that the next neighbourhood differs. Tight packings that rounding and diving miss by a group or two are
found within some tens of neighbourhoods. After Shaw, "Using constraint programming and local search methods to solve
vehicle routing problems", CP 1998 (large neighbourhood search).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.exact.threshold.listed_columns import ListedColumns, packing_model
from rocoin_opt.highs import solve_linear

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.instance import BoolArray, FloatArray, IntArray

FIRST_FREED = 12
"""Groups that are taken apart at first."""
FEW, MANY = 100, 400
"""Columns of a neighbourhood below which the next one is larger, and above which it is smaller and this one is cut."""
SAMPLE = 500
"""Columns among which one is looked for that what is free almost makes."""
NODES = 30
"""Nodes of branch and bound for one neighbourhood."""


class Repair:
    """A packing of some columns, and the neighbourhoods that better it.

    Parameters
    ----------
    columns : ListedColumns
        What a packing consists of.
    kept : IntArray
        Which of them may be taken.
    values, wasted : FloatArray, C
        How often the linear program takes each column, and what it costs beyond its worth.
    control : Control
        Limit and seed.
    """

    def __init__(
        self, columns: ListedColumns, kept: IntArray, values: FloatArray, wasted: FloatArray, control: Control
    ) -> None:
        self.columns, self.kept, self.wasted, self.control = columns, kept, wasted, control
        self.rng = np.random.default_rng(control.seed)
        self.values = values
        self.times = np.zeros(len(columns.sizes), dtype=np.int64)

    def run(self, rounds: int) -> IntArray | None:
        """Better the packing until it holds what is wanted.

        Parameters
        ----------
        rounds : int
            Neighbourhoods to try, at most.

        Returns
        -------
        IntArray, C, or None
            How often each column is taken; None where it still lacks something.
        """
        freed = FIRST_FREED
        self._begin()
        for _ in range(rounds):
            if self.columns.keeps(self.times):
                return self.times
            if self.control.exhausted:
                return None
            free = self._neighbourhood(freed)
            count = self._pack_anew(free)
            freed += 2 if count < FEW else -2 if count > MANY and freed > 2 else 0
        return self.times if self.columns.keeps(self.times) else None

    def _begin(self) -> None:
        """Take what the linear program takes, most of it first, as long as it fits; then the cheapest that fits."""
        values = self.values
        taken = np.flatnonzero(values > 0.0)
        for k in taken[np.argsort(-values[taken], kind="stable")].tolist():
            for _ in range(max(1, round(float(values[k])))):
                if self._fitting(self.times, np.array([k]))[0]:
                    self.times[k] += 1
        while not self.control.exhausted:
            fitting = self.kept[self._fitting(self.times, self.kept)]
            if len(fitting) == 0:
                return
            self.times[fitting[np.argmin(self.wasted[fitting])]] += 1

    def _fitting(self, times: IntArray, columns: IntArray) -> BoolArray:
        """Which columns can be taken once more."""
        listed = self.columns
        left = listed.available - listed.counts @ times
        room = listed.limits - listed.groups(times) > 0
        # A group counts under the limits of all smaller sizes too.
        steps = int(np.argmin(room)) if not room.all() else len(room)
        if steps == 0:
            return np.zeros(len(columns), dtype=bool)
        fits = listed.step[columns] < steps
        fits[fits] = listed.fits(left, columns[fits])
        return np.asarray(fits)

    def _neighbourhood(self, freed: int) -> IntArray:
        """Groups to take apart, C: those in the way of columns that what is free almost makes, and some by chance."""
        free = np.zeros_like(self.times)
        left = self.columns.available - self.columns.counts @ self.times
        while int(free.sum()) < min(freed, int(self.times.sum())):
            sample = self.rng.choice(self.kept, size=min(SAMPLE, len(self.kept)), replace=False)
            counts = self.columns.counts[:, sample]
            lacking = np.asarray(counts.sum(axis=0)) - np.asarray(counts.minimum(left[:, None]).sum(axis=0))
            wanted = np.flatnonzero(lacking > 0)
            others = np.flatnonzero(self.times - free > 0)
            if len(wanted) and self.rng.random() < 0.8:
                k = sample[wanted[np.argmin(lacking[wanted] + self.rng.random(len(wanted)))]]
                needed = (self.columns.counts[:, [k]].toarray().ravel() > left).astype(np.float64)
                in_the_way = others[np.asarray(self.columns.counts[:, others].T @ needed) > 0]
                others = in_the_way if len(in_the_way) else others
            k = int(self.rng.choice(others))
            free[k] += 1
            left = left + self.columns.counts[:, [k]].toarray().ravel().astype(np.int64)
        return free

    def _pack_anew(self, free: IntArray) -> int:
        """Pack what is free, at least as well as before; how many columns there are to choose from."""
        listed, fixed = self.columns, self.times - free
        fitting = self.kept[self._fitting(fixed, self.kept)]
        count = len(fitting)
        if count > MANY:
            cheapest = np.argsort(self.wasted[fitting], kind="stable")[:MANY]
            fitting = np.union1d(fitting[cheapest], np.flatnonzero(free))
        rest = ListedColumns(
            counts=listed.counts[:, fitting],
            available=listed.available - (listed.counts @ fixed).astype(np.int64),
            sizes=listed.sizes[fitting],
            most=listed.most[fitting],
            steps=listed.steps,
            least=np.zeros_like(listed.least),
            limits=listed.limits - listed.groups(fixed).astype(np.int64),
            wanted=int(listed.sizes @ free),
        )
        _, values = solve_linear(packing_model(rest), self.control, options={"mip_max_nodes": NODES})
        if values is not None:
            self.times = fixed.copy()
            self.times[fitting] += np.rint(values[: len(fitting)]).astype(np.int64)
        return count
