"""The whole problem as one big-M model, as an engineer would write it by hand: its mathematics, and what is shared.

Two modelling layers state it, each with the solver that it comes with: ``scip_model.py`` in PySCIPOpt for SCIP,
``linopy_model.py`` in linopy for HiGHS. With devices n, groups k and students j, the binaries are x_nk (device n is in
group k) and y_kj (group k runs student j); the integers z_kj are the filters of group k if it runs student j, and T is
the latency. Data are the shares w_n = ln p_n / ln eps of the outage limit, at most 1, the largest part h_nj that a
device holds of a student, H_j = max_n h_nj, and the latency ``base_nj + slope_nj s`` of a part of s filters.

Minimise T subject to

1. one student a group: ``sum_j y_kj <= 1``; the group is used where the sum is 1;
2. sizes: ``y_kj <= z_kj <= H_j y_kj``, all filters: ``sum_kj z_kj = M``, and ``sum_kj y_kj >= min_groups``;
3. symmetry, as groups can change names: ``sum_j z_kj >= sum_j z_{k+1,j}`` and ``sum_j y_kj >= sum_j y_{k+1,j}``;
4. one group a device: ``sum_k x_nk <= 1``;
5. the outage limit: ``sum_n w_n x_nk >= sum_j y_kj``;
6. a device is only with students that it holds: ``x_nk <= sum_{j: h_nj > 0} y_kj``;
7. nor with parts that it does not: ``sum_j z_kj <= sum_j (h_nj or, where that is 0, H_j) y_kj + B_n (1 - x_nk)`` with
   ``B_n = max {H_j - h_nj : h_nj > 0}``;
8. it answers in time: ``T - T0 >= sum_{j: h_nj > 0} ((base_nj - T0) y_kj + slope_nj z_kj) - L_n (1 - x_nk)`` with
   ``L_n = max {base_nj + slope_nj H_j : h_nj > 0} - T0``.

B_n and L_n are the least that are valid for all students of a device. T0 is the pigeonhole bound: some part has
M / K filters or more, and even the fastest device takes its time for them. The number of groups K is at most
``max_groups`` and at most the sum of all shares. The latency of a device is linear in y and z, so that neither needs a
product with x: N K rows each for 6, 7 and 8, whatever the number of students.

``guaranteed`` is stated as ``worst``: their optimal values are equal, because a late replica can be left out. For
``nominal`` one replica f_nk answers first: ``f_nk <= x_nk``, ``sum_n f_nk = sum_j y_kj``, and f replaces x in 8.

T is counted in units of T0, so that a solver's tolerance of a millionth is one of the value. The bound is lowered by
it. Groups that only the tolerance lets through are cut off, and the search goes on.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

import rocoin_opt as ro
from rocoin_opt.plan.latency import Objective, group_timing

if TYPE_CHECKING:
    from collections.abc import Callable

    from rocoin_opt.instance.arrays import FloatArray, IntArray

SUPPORTED: tuple[Objective, ...] = ("guaranteed", "nominal", "worst")
TOLERANCE = 1e-6
"""Of the solvers for rows and integers, and the gap at which they call a plan optimal."""


@dataclass(frozen=True)
class Settings:
    """What a search may take: seconds, threads where the solver has more than one, and the seed of its choices."""

    objective: Objective = "guaranteed"
    time_limit: float = math.inf
    workers: int = 1
    seed: int = 0


@dataclass(frozen=True, eq=False)
class BigM:
    """The numbers of the model for N useful devices, K groups and J students.

    Attributes
    ----------
    instance : Instance
        What was given.
    nominal : bool
        Whether the first replica of a group decides, and not all of them.
    devices : tuple of int
        Position of each useful device in the instance: one that holds a filter of any student.
    groups : int
        K; 0 where no group can keep the outage limit.
    unit : float
        Seconds that count as 1 for ``base``, ``slope`` and T.
    earliest, latest : float
        T0, and the largest latency there is, in units.
    share : FloatArray, N
        w.
    hold : IntArray, N x J
        h.
    longest : IntArray, J
        H.
    base, slope : FloatArray, N x J
        Latency in units.
    too_large, too_late : FloatArray, N
        The big-M terms B and L.
    """

    instance: ro.Instance
    nominal: bool
    devices: tuple[int, ...]
    groups: int
    unit: float
    earliest: float
    latest: float
    share: FloatArray
    hold: IntArray
    longest: IntArray
    base: FloatArray
    slope: FloatArray
    too_large: FloatArray
    too_late: FloatArray

    @classmethod
    def of(cls, instance: ro.Instance, objective: Objective) -> BigM:
        """Derive the numbers from an instance."""
        arrays = instance.arrays
        useful = np.flatnonzero(arrays.largest.any(axis=1))
        hold, share = arrays.largest[useful], arrays.cover_share[useful]
        base, slope = arrays.base[useful], arrays.slope[useful]
        groups = min(instance.max_groups, math.floor(share.sum() + TOLERANCE))
        held = hold > 0
        longest = hold.max(axis=0, initial=0)
        slowest = np.where(held, base + slope * longest, 0.0)
        part = -(-instance.knowledge.num_filters // max(groups, 1))
        pigeonhole = float((base + slope * part).min(initial=math.inf, where=hold >= part))
        unit = pigeonhole if 0.0 < pigeonhole < math.inf else float(slowest.max(initial=0.0)) or 1.0
        earliest = pigeonhole / unit if pigeonhole < math.inf else 0.0
        return cls(
            instance=instance,
            nominal=objective == "nominal",
            devices=tuple(useful.tolist()),
            groups=groups,
            unit=unit,
            earliest=earliest,
            latest=max(float(slowest.max(initial=0.0)) / unit, earliest),
            share=share,
            hold=hold,
            longest=longest,
            base=base / unit,
            slope=slope / unit,
            too_large=np.where(held, longest - hold, 0).max(axis=1, initial=0).astype(np.float64),
            too_late=np.maximum(slowest.max(axis=1, initial=0.0) / unit - earliest, 0.0),
        )

    def plan(self, member: FloatArray, runs: FloatArray, size: FloatArray) -> ro.Plan:
        """Read the plan from values of x (N x K), y (K x J) and z (K x J)."""
        devices, students = self.instance.devices, self.instance.students
        groups = []
        for k in range(self.groups):
            j = int(runs[k].argmax())
            if runs[k, j] > 0.5:
                members = tuple(devices[self.devices[i]].id for i in np.flatnonzero(member[:, k] > 0.5))
                groups.append(ro.Group(devices=members, student=students[j].id, num_filters=round(float(size[k, j]))))
        return ro.Plan.of(self.instance, groups)


@dataclass(frozen=True)
class Answer:
    """What a solver says: OPTIMAL, FEASIBLE, INFEASIBLE or UNKNOWN, its bound and its plan; no value of it is used."""

    status: str
    bound: float | None = None
    plan: ro.Plan | None = None


class Statement(Protocol):
    """The model as stated in a modelling layer."""

    def solve(self, seconds: float) -> Answer:
        """Search for a while; the bound is in units."""

    def cut_off(self, members: list[int]) -> None:
        """Forbid groups within a set of devices, as rows of x: ``sum_{n not in members} x_nk >= sum_j y_kj``."""


def search(instance: ro.Instance, settings: Settings, state: Callable[[BigM, Settings], Statement]) -> dict[str, Any]:
    """State and solve the model.

    Returns
    -------
    dict
        ``status``, ``bound`` in seconds, ``plan``, ``seconds`` from the instance to the answer, and ``build_seconds``
        of these until the solver has the model.
    """
    started = time.perf_counter()
    numbers = BigM.of(instance, settings.objective)
    if numbers.groups == 0:
        return _said(Answer("INFEASIBLE"), None, time.perf_counter() - started, 0.0)
    statement = state(numbers, settings)
    built = time.perf_counter() - started
    answer, bound = Answer("UNKNOWN"), None
    while (remaining := settings.time_limit - (time.perf_counter() - started)) > 0.0:
        answer = statement.solve(remaining)
        if answer.bound is not None:
            bound = max(bound or 0.0, answer.bound * numbers.unit * (1.0 - TOLERANCE))
        broken = [] if answer.plan is None else _broken(instance, answer.plan)
        if not broken:
            break
        for members in broken:
            statement.cut_off([i for i, n in enumerate(numbers.devices) if n in members])
        answer = Answer("UNKNOWN")
    return _said(answer, bound, time.perf_counter() - started, built)


def run(state: Callable[[BigM, Settings], Statement], description: str | None) -> None:
    """Solve one instance file as the command line says, and print one line of JSON."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("instance", type=Path, metavar="INSTANCE")
    parser.add_argument("--objective", choices=SUPPORTED, default="guaranteed")
    parser.add_argument("--time-limit", type=float, default=math.inf, metavar="S")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="threads, where the solver has them")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    options = parser.parse_args()
    settings = Settings(options.objective, options.time_limit, options.workers, options.seed)
    print(json.dumps(search(ro.read_instance(options.instance), settings, state)))


def _broken(instance: ro.Instance, plan: ro.Plan) -> list[set[int]]:
    """Members of the groups that miss the outage limit."""
    index = instance.arrays.device_index
    missed = [group for group in plan.groups if group_timing(instance, group).guaranteed_seconds is None]
    return [{index[device] for device in group.devices} for group in missed]


def _said(answer: Answer, bound: float | None, seconds: float, build_seconds: float) -> dict[str, Any]:
    plan = None if answer.plan is None else answer.plan.model_dump(mode="json", exclude_none=True)
    bound = None if answer.status == "INFEASIBLE" else bound
    return {
        "status": answer.status,
        "bound": bound,
        "plan": plan,
        "seconds": seconds,
        "build_seconds": build_seconds,
    }
