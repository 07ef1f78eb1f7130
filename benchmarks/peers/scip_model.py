"""The big-M model of ``big_m.py``, stated in PySCIPOpt and solved by SCIP.

``python -m peers.scip_model INSTANCE.json [--objective O] [--time-limit S] [--seed N]``, run in the folder
``benchmarks``, prints one JSON line. SCIP's branch and bound is sequential: it has no use for ``--workers``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pyscipopt import Model, quicksum

from peers.big_m import TOLERANCE, Answer, BigM, Settings, run

if TYPE_CHECKING:
    import rocoin_opt as ro

ENDS = {"optimal": "OPTIMAL", "gaplimit": "OPTIMAL", "infeasible": "INFEASIBLE"}
"""SCIP's words for a search that came to its end."""


class ScipStatement:
    """The model in PySCIPOpt, row by row; the numbers in comments are those of ``big_m.py``."""

    def __init__(self, numbers: BigM, settings: Settings) -> None:
        self.numbers, self.model = numbers, Model()
        self.devices, self.groups = range(len(numbers.devices)), range(numbers.groups)
        self.students = range(len(numbers.longest))
        self.model.hideOutput()
        self.model.setParam("randomization/randomseedshift", settings.seed)
        self.model.setParam("limits/gap", TOLERANCE)
        self._add_variables()
        self._add_groups()
        deciding = self._first_replicas() if numbers.nominal else self.member
        for n in self.devices:
            for k in self.groups:
                self._add_replica(n, k, deciding[n, k])
        self.model.setObjective(self.latency, "minimize")

    def _add_variables(self) -> None:
        add, numbers = self.model.addVar, self.numbers
        self.member = {(n, k): add(vtype="B", name=f"x[{n},{k}]") for n in self.devices for k in self.groups}
        self.runs = {(k, j): add(vtype="B", name=f"y[{k},{j}]") for k in self.groups for j in self.students}
        self.size = {
            (k, j): add(vtype="I", lb=0, ub=int(numbers.longest[j]), name=f"z[{k},{j}]")
            for k in self.groups
            for j in self.students
        }
        self.latency = add(lb=numbers.earliest, ub=numbers.latest, name="T")

    def _add_groups(self) -> None:
        add, numbers = self.model.addCons, self.numbers
        self.used = [quicksum(self.runs[k, j] for j in self.students) for k in self.groups]
        filters = [quicksum(self.size[k, j] for j in self.students) for k in self.groups]
        for k in self.groups:
            add(self.used[k] <= 1)  # 1
            for j in self.students:
                add(self.runs[k, j] <= self.size[k, j])  # 2
                add(self.size[k, j] <= int(numbers.longest[j]) * self.runs[k, j])
            if k > 0:
                add(filters[k - 1] >= filters[k])  # 3
                add(self.used[k - 1] >= self.used[k])
            covered = quicksum(float(numbers.share[n]) * self.member[n, k] for n in self.devices)
            add(covered >= self.used[k])  # 5
        add(quicksum(filters) == numbers.instance.knowledge.num_filters)
        add(quicksum(self.used) >= numbers.instance.requirements.min_groups)
        for n in self.devices:
            add(quicksum(self.member[n, k] for k in self.groups) <= 1)  # 4

    def _first_replicas(self) -> dict[tuple[int, int], Any]:
        first = {key: self.model.addVar(vtype="B", name=f"f[{key}]") for key in self.member}
        for key, member in self.member.items():
            self.model.addCons(first[key] <= member)
        for k in self.groups:
            self.model.addCons(quicksum(first[n, k] for n in self.devices) == self.used[k])
        return first

    def _add_replica(self, n: int, k: int, decides: Any) -> None:
        add, numbers, member = self.model.addCons, self.numbers, self.member[n, k]
        held = [j for j in self.students if numbers.hold[n, j] > 0]
        add(member <= quicksum(self.runs[k, j] for j in held))  # 6
        too_large, too_late = float(numbers.too_large[n]), float(numbers.too_late[n])
        if too_large > 0.0:
            room = quicksum(int(numbers.hold[n, j] or numbers.longest[j]) * self.runs[k, j] for j in self.students)
            add(quicksum(self.size[k, j] for j in self.students) <= room + too_large * (1 - member))  # 7
        if too_late > 0.0:
            answer = quicksum(
                float(numbers.base[n, j] - numbers.earliest) * self.runs[k, j]
                + float(numbers.slope[n, j]) * self.size[k, j]
                for j in held
            )
            add(self.latency - numbers.earliest >= answer - too_late * (1 - decides))  # 8

    def cut_off(self, members: list[int]) -> None:
        """Forbid groups within a set of devices."""
        self.model.freeTransform()
        for k in self.groups:
            others = quicksum(self.member[n, k] for n in self.devices if n not in members)
            self.model.addCons(others >= self.used[k])

    def solve(self, seconds: float) -> Answer:
        """Search for a while."""
        if seconds < np.inf:
            self.model.setParam("limits/time", seconds)
        self.model.optimize()
        plan = self._plan() if self.model.getNSols() else None
        status = ENDS.get(self.model.getStatus(), "UNKNOWN" if plan is None else "FEASIBLE")
        bound = self.model.getDualbound()
        return Answer(status, bound if abs(bound) < self.model.infinity() else None, plan)

    def _plan(self) -> ro.Plan:
        value = self.model.getVal
        member = np.array([[value(self.member[n, k]) for k in self.groups] for n in self.devices])
        runs = np.array([[value(self.runs[k, j]) for j in self.students] for k in self.groups])
        size = np.array([[value(self.size[k, j]) for j in self.students] for k in self.groups])
        return self.numbers.plan(member, runs, size)


if __name__ == "__main__":
    run(ScipStatement, __doc__)
