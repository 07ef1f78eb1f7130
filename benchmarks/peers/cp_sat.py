"""The whole problem as one CP-SAT model of OR-Tools, as an engineer would write it by hand.

``python -m peers.cp_sat INSTANCE.json [--objective O] [--time-limit S] [--workers N] [--seed N] [--assisted]``, run in
the folder ``benchmarks``, prints one JSON line: ``value`` and ``bound`` in seconds, ``status``, ``seconds`` (model and
search, without the start of Python), ``build_seconds`` of these, ``version`` and ``plan``. All of it is the peer's
claim; the caller checks the plan.

It is a program of its own because highspy and OR-Tools cannot be loaded in one process: nothing here imports highspy.

Integers are rounded in favour of the bound. Latencies are counted in steps of a thousand-millionth of the largest one,
rounded down, and shares of the outage limit in millionths, rounded up. So every valid plan is a plan of the model, at
no larger value, and a bound on the model holds for the instance. A group that only the rounding of its shares lets
through is cut off, and the search goes on.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import ortools
from ortools.sat.python import cp_model

import rocoin_opt as ro
from rocoin_opt.grouping.bounds import combinatorial_bound
from rocoin_opt.plan.latency import Objective, group_timing
from rocoin_opt.planning.solve import solve as solve_by_package

STEPS = 10**9
"""Steps that the largest latency counts: a plan is at most about 1e-9 of it, times the filters of a part, from best."""
SHARES = 10**6
"""What the shares of a group sum to where it keeps the outage limit."""
FLOAT_SLACK = 1e-12
"""Relative slack for the rounding of floats on the way from seconds to steps and back."""
SUPPORTED: tuple[Objective, ...] = ("guaranteed", "nominal", "worst")


@dataclass(frozen=True)
class Settings:
    """Limits and options of a search; ``assisted`` starts from the package's greedy plan and combinatorial bound."""

    objective: Objective = "guaranteed"
    time_limit: float = math.inf
    workers: int = 2
    seed: int = 0
    assisted: bool = False


class MonolithicModel:
    """Groups, students and part sizes at once, for N devices, K groups and J students.

    Attributes
    ----------
    member : N x K booleans
        Device n is in group k.
    used : K booleans
        Group k is there.
    runs : K x J booleans
        Group k runs student j.
    size : K integers
        Filters of group k, 0 where it is not used.
    latency : integer
        Objective in steps.

    ``guaranteed`` is modelled as ``worst``: their optimal values are equal, because a late replica can be left out.
    """

    def __init__(self, instance: ro.Instance, objective: Objective) -> None:
        arrays = instance.arrays
        self.instance, self.objective = instance, objective
        self.model = cp_model.CpModel()
        self.hold = arrays.largest
        largest = arrays.latency(slice(None), slice(None), self.hold)
        self.step = float(largest.max(initial=0.0, where=self.hold > 0)) / STEPS or 1.0
        self.base = np.floor(arrays.base / self.step)
        self.slope = np.floor(arrays.slope / self.step)
        self.share = np.ceil(arrays.cover_share * SHARES).astype(np.int64)
        self.devices = [n for n in range(len(instance.devices)) if self.hold[n].any()]
        covers = int(self.share[self.devices].sum()) // SHARES
        self.groups = range(min(instance.max_groups, covers))
        self.students = range(len(instance.students))
        self._add_variables()
        self._add_structure()
        self._add_outage_limit()
        deciding = self._first_replicas() if objective == "nominal" else self.member
        for n in self.devices:
            for k in self.groups:
                self._add_replica(n, k, deciding[n, k])
        self.model.minimize(self.latency)

    def _add_variables(self) -> None:
        model, longest = self.model, int(self.hold.max())
        self.member = {(n, k): model.new_bool_var(f"member[{n},{k}]") for n in self.devices for k in self.groups}
        self.used = [model.new_bool_var(f"used[{k}]") for k in self.groups]
        self.runs = {(k, j): model.new_bool_var(f"runs[{k},{j}]") for k in self.groups for j in self.students}
        self.size = [model.new_int_var(0, longest, f"size[{k}]") for k in self.groups]
        self.latency = model.new_int_var(0, STEPS, "latency")

    def _add_structure(self) -> None:
        """One student a group, one group a device, all filters, enough groups; groups by descending size."""
        model = self.model
        for k in self.groups:
            model.add_exactly_one([*(self.runs[k, j] for j in self.students), ~self.used[k]])
            model.add(self.size[k] >= 1).only_enforce_if(self.used[k])
            model.add(self.size[k] == 0).only_enforce_if(~self.used[k])
            for j in self.students:
                model.add(self.size[k] <= int(self.hold[:, j].max())).only_enforce_if(self.runs[k, j])
            if k > 0:
                # Any order of the groups is the same plan.
                model.add(self.size[k - 1] >= self.size[k])
                model.add_implication(self.used[k], self.used[k - 1])
        for n in self.devices:
            model.add_at_most_one(self.member[n, k] for k in self.groups)
        model.add(cp_model.LinearExpr.sum(self.size) == self.instance.knowledge.num_filters)
        model.add(cp_model.LinearExpr.sum(self.used) >= self.instance.requirements.min_groups)

    def _add_outage_limit(self) -> None:
        """Shares of a used group sum to 1 or more; a group that is not used has no devices."""
        weights = [int(self.share[n]) for n in self.devices]
        for k in self.groups:
            members = [self.member[n, k] for n in self.devices]
            covered = cp_model.LinearExpr.weighted_sum(members, weights)
            self.model.add(covered >= SHARES).only_enforce_if(self.used[k])
            for member in members:
                self.model.add_implication(member, self.used[k])

    def _first_replicas(self) -> dict[tuple[int, int], Any]:
        """Say for ``nominal`` which replica answers first: one member of each used group."""
        first = {key: self.model.new_bool_var(f"first[{key}]") for key in self.member}
        for key, member in self.member.items():
            self.model.add_implication(first[key], member)
        for k in self.groups:
            self.model.add_exactly_one([*(first[n, k] for n in self.devices), ~self.used[k]])
        return first

    def _add_replica(self, n: int, k: int, decides: Any) -> None:
        """Whatever its group runs, a replica holds the part, and answers in time where it decides."""
        model, member = self.model, self.member[n, k]
        longest = self.hold.max(axis=0)
        for j in self.students:
            runs, held = self.runs[k, j], int(self.hold[n, j])
            if held == 0:
                model.add_bool_or(~member, ~runs)
                continue
            if held < longest[j]:
                model.add(self.size[k] <= held).only_enforce_if(member, runs)
            answer = int(self.base[n, j]) + int(self.slope[n, j]) * self.size[k]
            model.add(self.latency >= answer).only_enforce_if(decides, runs)

    def start_from(self, plan: ro.Plan | None, bound: float) -> None:
        """Hint at a plan, in canonical order as the groups of the model are, and state a bound in seconds."""
        # A rounded latency falls short by less than a step, and less than one more a filter.
        short = 1 + int(self.hold.max())
        self.model.add(self.latency >= max(0, math.floor(bound / self.step) - short))
        if plan is None:
            return
        arrays = self.instance.arrays
        for k in self.groups:
            group = plan.groups[k] if k < len(plan.groups) else None
            devices = {arrays.device_index[device] for device in group.devices} if group else set()
            for n in self.devices:
                self.model.add_hint(self.member[n, k], n in devices)
            student = arrays.student_index[group.student] if group else None
            for j in self.students:
                self.model.add_hint(self.runs[k, j], j == student)
            self.model.add_hint(self.size[k], group.num_filters if group else 0)
            self.model.add_hint(self.used[k], bool(group))

    def cut_off(self, devices: set[int]) -> None:
        """Forbid groups within a set of devices that rounding took for a cover."""
        for k in self.groups:
            others = [self.member[n, k] for n in self.devices if n not in devices]
            self.model.add_bool_or([*others, ~self.used[k]])

    def plan(self, solver: cp_model.CpSolver) -> ro.Plan:
        """Read the plan of a solution."""
        devices, students = self.instance.devices, self.instance.students
        groups = [
            ro.Group(
                devices=tuple(devices[n].id for n in self.devices if solver.boolean_value(self.member[n, k])),
                student=next(students[j].id for j in self.students if solver.boolean_value(self.runs[k, j])),
                num_filters=solver.value(self.size[k]),
            )
            for k in self.groups
            if solver.boolean_value(self.used[k])
        ]
        return ro.Plan.of(self.instance, groups)


def solve(instance: ro.Instance, settings: Settings) -> dict[str, Any]:
    """Build and solve the model; see the top of the module for what is returned."""
    started = time.perf_counter()
    model = MonolithicModel(instance, settings.objective)
    if settings.assisted:
        limit = None if settings.time_limit == math.inf else settings.time_limit
        start = solve_by_package(instance, "greedy", settings.objective, time_limit=limit).plan
        model.start_from(start, combinatorial_bound(instance, settings.objective) or 0.0)
    built = time.perf_counter() - started
    plan, value, bound, status = None, None, None, "UNKNOWN"
    while (remaining := settings.time_limit - (time.perf_counter() - started)) > 0.0:
        solver = _solver(settings, remaining)
        status = solver.status_name(solver.solve(model.model))
        if status == "MODEL_INVALID":
            raise ValueError(f"{instance.name}: {model.model.validate()}")
        if status == "INFEASIBLE":
            bound = None
            break
        bound = max(bound or 0.0, solver.best_objective_bound * model.step * (1.0 - FLOAT_SLACK))
        if status == "UNKNOWN":
            break
        found = model.plan(solver)
        broken = [group for group in found.groups if group_timing(instance, group).guaranteed_seconds is None]
        if not broken:
            plan, value = found, solver.objective_value * model.step
            break
        for group in broken:
            model.cut_off({instance.arrays.device_index[device] for device in group.devices})
        status = "UNKNOWN"
    return {
        "value": value,
        "bound": bound,
        "status": status,
        "seconds": time.perf_counter() - started,
        "build_seconds": built,
        "version": ortools.__version__,
        "plan": None if plan is None else plan.model_dump(mode="json", exclude_none=True),
    }


def _solver(settings: Settings, seconds: float) -> cp_model.CpSolver:
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = settings.workers
    solver.parameters.random_seed = settings.seed
    if seconds < math.inf:
        solver.parameters.max_time_in_seconds = seconds
    return solver


def main() -> None:
    """Solve one instance file and print one line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("instance", type=Path, metavar="INSTANCE")
    parser.add_argument("--objective", choices=SUPPORTED, default="guaranteed")
    parser.add_argument("--time-limit", type=float, default=math.inf, metavar="S")
    parser.add_argument("--workers", type=int, default=2, metavar="N")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--assisted", action="store_true", help="start from the greedy plan and its bound")
    options = parser.parse_args()
    settings = Settings(options.objective, options.time_limit, options.workers, options.seed, options.assisted)
    print(json.dumps(solve(ro.read_instance(options.instance), settings)))


if __name__ == "__main__":
    main()
