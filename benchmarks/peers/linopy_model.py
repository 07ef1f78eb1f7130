"""The big-M model of ``big_m.py``, stated in linopy and solved by HiGHS.

``python -m peers.linopy_model INSTANCE.json [--objective O] [--time-limit S] [--workers N] [--seed N]``, run in
the folder ``benchmarks``, prints one JSON line.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import linopy
import numpy as np
import xarray as xr
from linopy.solvers import Solver

from peers.big_m import TOLERANCE, Answer, BigM, Settings, run

if TYPE_CHECKING:
    from rocoin_opt.instance.arrays import FloatArray, IntArray

ENDS = {"optimal": "OPTIMAL", "infeasible": "INFEASIBLE"}
"""Linopy's words for a search that came to its end."""


class LinopyStatement:
    """The model in linopy, a whole family of rows at once; the numbers in comments are those of ``big_m.py``."""

    def __init__(self, numbers: BigM, settings: Settings) -> None:
        self.numbers, self.settings = numbers, settings
        self.model = linopy.Model()
        self.solver: Any = None
        self.devices = xr.DataArray(range(len(numbers.devices)), dims="n")
        self.groups = xr.DataArray(range(numbers.groups), dims="k")
        self.students = xr.DataArray(range(len(numbers.longest)), dims="j")
        self.cuts = 0
        self._add_variables()
        self._add_groups()
        self._add_replicas(self._first_replicas() if numbers.nominal else self.member)
        self.model.add_objective(1.0 * self.latency)
        self._pass()

    def _add_variables(self) -> None:
        add, numbers = self.model.add_variables, self.numbers
        n, k, j = self.devices.to_index(), self.groups.to_index(), self.students.to_index()
        n.name, k.name, j.name = "n", "k", "j"
        self.member = add(coords=[n, k], name="x", binary=True)
        self.runs = add(coords=[k, j], name="y", binary=True)
        longest = np.broadcast_to(numbers.longest.astype(np.float64), (numbers.groups, len(j)))
        self.size = add(lower=0.0, upper=xr.DataArray(longest, coords=[k, j]), name="z", integer=True)
        self.latency = add(lower=numbers.earliest, upper=numbers.latest, name="T")

    def _add_groups(self) -> None:
        add, numbers = self.model.add_constraints, self.numbers
        longest = xr.DataArray(numbers.longest.astype(np.float64), coords=[("j", self.students.values)])
        self.used, filters = self.runs.sum("j"), self.size.sum("j")
        add(self.used <= 1, name="one_student")  # 1
        add(self.size - self.runs >= 0, name="part_not_empty")  # 2
        add(self.size - longest * self.runs <= 0, name="part_if_run")
        add(filters.sum("k") == numbers.instance.knowledge.num_filters, name="all_filters")
        add(self.used.sum("k") >= numbers.instance.requirements.min_groups, name="enough_groups")
        if numbers.groups > 1:
            for name, ordered in (("sizes", self.size), ("uses", self.runs)):
                later = ordered.shift(k=-1).isel(k=slice(None, -1)).sum("j")
                add(ordered.isel(k=slice(None, -1)).sum("j") - later >= 0, name=f"{name}_ordered")  # 3
        add(self.member.sum("k") <= 1, name="one_group")  # 4
        share = xr.DataArray(numbers.share, coords=[("n", self.devices.values)])
        add((share * self.member).sum("n") - self.used >= 0, name="outage_limit")  # 5

    def _first_replicas(self) -> linopy.Variable:
        first = self.model.add_variables(coords=self.member.coords, name="f", binary=True)
        self.model.add_constraints(first - self.member <= 0, name="first_is_member")
        self.model.add_constraints(first.sum("n") - self.used == 0, name="one_first")
        return first

    def _add_replicas(self, decides: linopy.Variable) -> None:
        add, numbers = self.model.add_constraints, self.numbers
        held = numbers.hold > 0
        add(self.member - (self._by_pair(held) * self.runs).sum("j") <= 0, name="held")  # 6
        larger, later = np.flatnonzero(numbers.too_large > 0.0), np.flatnonzero(numbers.too_late > 0.0)
        if larger.size:
            room = (self._by_pair(np.where(held, numbers.hold, numbers.longest), larger) * self.runs).sum("j")
            too_large = self._by_device(numbers.too_large, larger)
            row = self.size.sum("j") - room + too_large * self.member.sel(n=larger)
            add(row <= too_large, name="replica_holds")  # 7
        if later.size:
            base = self._by_pair(np.where(held, numbers.base - numbers.earliest, 0.0), later)
            slope = self._by_pair(np.where(held, numbers.slope, 0.0), later)
            too_late = self._by_device(numbers.too_late, later)
            answer = (base * self.runs).sum("j") + (slope * self.size).sum("j")
            row = self.latency - answer - too_late * decides.sel(n=later)
            add(row >= numbers.earliest - too_late, name="answers_in_time")  # 8

    def _by_pair(self, values: Any, rows: IntArray | None = None) -> xr.DataArray:
        rows = self.devices.values if rows is None else rows
        coords = [("n", rows), ("j", self.students.values)]
        return xr.DataArray(np.asarray(values[rows], dtype=np.float64), coords=coords)

    def _by_device(self, values: FloatArray, rows: IntArray) -> xr.DataArray:
        return xr.DataArray(values[rows], coords=[("n", rows)])

    def cut_off(self, members: list[int]) -> None:
        """Forbid groups within a set of devices."""
        others = np.setdiff1d(self.devices.values, members)
        left = self.member.sel(n=others).sum("n") if others.size else 0.0
        self.model.add_constraints(left - self.used >= 0, name=f"cut_{self.cuts}")
        self.cuts += 1
        self._pass()

    def _pass(self) -> None:
        """Hand the model to HiGHS, without files."""
        started = time.perf_counter()
        self.model.constraints.sanitize_zeros()
        options = {
            "output_flag": False,
            "threads": self.settings.workers,
            "random_seed": self.settings.seed,
            "mip_rel_gap": TOLERANCE,
        }
        self.solver = Solver.from_name("highs", model=self.model, io_api="direct", options=options)
        self.passing_seconds = time.perf_counter() - started

    def solve(self, seconds: float) -> Answer:
        """Search for a while."""
        highs = self.solver.solver_model
        if seconds < math.inf:
            highs.setOptionValue("time_limit", seconds)
        _, condition = self.model.assign_result(self.solver.solve())
        info = highs.getInfo()
        found = math.isfinite(info.objective_function_value) and info.primal_solution_status == 2
        plan = None
        if found:
            values = [self.member.solution, self.runs.solution, self.size.solution]
            plan = self.numbers.plan(*(value.values for value in values))
        status = ENDS.get(condition, "UNKNOWN" if plan is None else "FEASIBLE")
        bound = info.mip_dual_bound
        return Answer(status, bound if math.isfinite(bound) else None, plan)


def load() -> None:
    """Have linopy import what it imports on the way to HiGHS: imports are not timed, neither here nor elsewhere."""
    model = linopy.Model()
    model.add_objective(1.0 * model.add_variables(lower=0.0, upper=1.0))
    Solver.from_name("highs", model=model, io_api="direct", options={"output_flag": False}).solve()


if __name__ == "__main__":
    load()
    run(LinopyStatement, __doc__)
