"""Replanning: after devices fail or join, the earliest, or most reliable, plan that changes few device loads.

A fleet is mended rather than reshuffled: devices that stay in a group with the same student and part need nothing, and
every other device of the new plan must be sent a student.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from rocoin_opt.control import Control, Recorder, Report, stopped_by_interrupt
from rocoin_opt.errors import CertificateError, InputError, Problem
from rocoin_opt.exact import Replanned, ReplanningSearch, sized_parts
from rocoin_opt.formulations import require_groups_model
from rocoin_opt.heuristics.repair import repair
from rocoin_opt.instance import FilterGraph
from rocoin_opt.knowledge import contiguous_partition
from rocoin_opt.plan import (
    OBJECTIVE_WORDS,
    Load,
    Plan,
    continuation,
    plan_in,
    proof_words,
    refused_channel,
    relative_gap,
    require_objective,
    shown_value,
    with_filters,
    without_filters,
)
from rocoin_opt.planning.request import (
    Request,
    certified_bound,
    certified_value,
    is_closed,
    require_valid,
)
from rocoin_opt.planning.solve import answer
from rocoin_opt.provenance import versions
from rocoin_opt.showing import Shown
from rocoin_opt.wording import counted, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.instance import Instance, IntArray, Rule
    from rocoin_opt.plan import HasPlan, Objective, Result, Termination

FREE_SHARE = 1 / 3
"""Share of a time limit that the plan without a limit on loads may take: it is a bound and a comparison."""


@dataclass(frozen=True, repr=False)
class Replan(Shown):
    """The checked result of :func:`rocoin_opt.replan`.

    Attributes
    ----------
    instance : Instance
        The remaining instance, without the lost devices. The plan is for it.
    before : Plan
        The plan so far, with the joined devices among its spares.
    lost, joined : tuple of str
        Lost devices and new devices.
    dropped_rules : tuple of Rule
        Rules that name only lost devices. Lost devices were removed from all other rules.
    max_loads : int or None
        Devices that may be sent a student; None for no limit.
    objective : str
        What was minimised.
    termination : str
        ``optimal`` (no plan within the limit on loads is earlier), ``feasible`` (a plan without that proof),
        ``infeasible`` (proven: no plan keeps the limit on loads) or ``no_plan``.
    plan : Plan or None
        A plan that keeps every rule and the limit on loads. Groups that go on keep their filters.
    objective_value, lower_bound : float or None
        The objective, seconds or a probability, computed from the plan by the one evaluator, and a valid lower bound on
        that of every plan within the limit on loads.
    loads : tuple of Load
        Devices that must be sent a student, and which.
    bytes_bound : float
        Valid lower bound on :attr:`shipped_bytes` over the plans within the limit on loads that are as early; 0 for
        ``failure``.
    unrestricted_value, unrestricted_bound : float or None
        The objective without a limit on loads, and a valid lower bound on that of every plan.
    fewest_loads : int or None
        The smallest number of loads that would suffice, if ``max_loads`` does not and it is known.
    reasons : tuple of str
        Why there is no plan.
    wall_seconds : float
        Time of the whole search.
    seed : int
        Seed of the search.
    versions : dict of str to str
        Versions of the package and its dependencies.

    Examples
    --------
    >>> found = ro.replan(instance, plan, ["device-1"])
    >>> int(found.to_frame().is_load.sum()) == len(found.loads)
    True
    """

    _shown_as: ClassVar[str] = "replan"

    instance: Instance
    before: Plan
    lost: tuple[str, ...]
    joined: tuple[str, ...]
    dropped_rules: tuple[Rule, ...]
    max_loads: int | None
    objective: Objective
    termination: Termination
    plan: Plan | None
    objective_value: float | None
    lower_bound: float | None
    loads: tuple[Load, ...]
    bytes_bound: float
    unrestricted_value: float | None
    unrestricted_bound: float | None
    fewest_loads: int | None
    reasons: tuple[str, ...]
    wall_seconds: float
    seed: int
    versions: dict[str, str] = field(default_factory=versions)

    @property
    def gap(self) -> float | None:
        """(objective_value - lower_bound) / objective_value; None where either is unknown."""
        return relative_gap(self.objective_value, self.lower_bound)

    @property
    def shipped_bytes(self) -> float:
        """Bytes of all students that are sent to devices."""
        return math.fsum(load.size_bytes for load in self.loads)

    def _told(self) -> str:
        """Tell the value, what is proven and how many devices are sent a student, in a line."""
        value = f"{OBJECTIVE_WORDS[self.objective]} {shown_value(self.objective, self.objective_value)}"
        sent = f"{counted(len(self.loads), 'student')} to send"
        return printable(f"{self.instance.name}: {value}, {proof_words(self.termination, self.objective)}; {sent}")


def replan(
    instance: Instance,
    plan: Plan | HasPlan,
    lost: Sequence[str] = (),
    joined: Sequence[str] = (),
    *,
    max_loads: int | None = None,
    objective: Objective = "guaranteed",
    time_limit: float | None = None,
    seed: int = 0,
    threads: int = 1,
    report: Report | None = None,
) -> Replan:
    """Find the earliest plan for the remaining devices that takes few loads, or that of least failure, with a bound.

    A group of the new plan *continues* an old one if it has the same student and as many filters, the same ones where
    they are explicit; each old group is continued once at most. A device is a *load* unless it ran in the old group
    that its new group continues: it must be sent a student. Of equally early plans one is wanted that ships few bytes
    of students; for ``failure`` nothing is weighed behind it. Devices that can stay where they ran stay, though the
    objective may not need them, as far as rules and a limit on all energy allow.

    Parameters
    ----------
    instance : Instance
        The instance, with lost and joined devices among its devices.
    plan : Plan, Result or other holder of a plan
        The valid plan so far. Devices that joined are spares in it, or not mentioned.
    lost : sequence of str
        Devices that were lost.
    joined : sequence of str
        Devices that joined after the plan was made.
    max_loads : int, optional
        Largest number of devices that may be sent a student; no limit by default.
    objective : {'guaranteed', 'nominal', 'worst', 'failure'}
        What to minimise: a time in seconds, or the probability that the answer does not arrive by the deadline.
    time_limit : float, optional
        Seconds after which the best plan so far is returned.
    seed : int
        Seed of every random choice.
    threads : int
        Threads of the mathematical programming solver.
    report : callable, optional
        Called with a :class:`~rocoin_opt.control.Progress` from time to time.

    Returns
    -------
    Replan
        With a checked plan, or None and the reasons.

    Raises
    ------
    InputError
        If an option is outside of its range, or the plan is not valid for the instance.
    UnsupportedError
        If the remaining instance has random latencies, or for other objectives.
    CertificateError
        If a plan or bound turns out to be false, which is a defect.

    Examples
    --------
    >>> found = ro.replan(instance, plan, ["device-1"])
    >>> found.lost, ro.check(found.instance, found)
    (('device-1',), ())
    """
    plan = plan_in(plan)
    lost, joined = instance.meant_by(lost), instance.meant_by(joined)
    _require_options(instance, plan, lost, joined, max_loads)
    before = _before(instance, plan, joined)
    left = without_devices(instance, lost)
    require_objective(left, objective)
    if left.shared_channels:
        without = f" --spare {','.join(lost)}" if lost else ""
        raise refused_channel(
            left,
            "replan cannot honour shared channels; solve can, from the plan so far and with any number of changes: "
            f"rocoin-opt solve INSTANCE{without} --start PLAN",
        )
    # Who is in time is a question to the same models.
    require_groups_model(left, "guaranteed" if objective == "failure" else objective)
    recorder = Recorder(report)
    control = Control.starting_now(time_limit=time_limit, seed=seed, threads=threads, report=recorder.report)
    with stopped_by_interrupt(control):
        # What is found without a limit on loads is no value of this search.
        part = replace(control.silent(), deadline=_moment(control, FREE_SHARE))
        free = answer(Request(left, part, objective=objective, latency_only=True))
        replanned = None if free.termination == "infeasible" else _searched(left, before, free, max_loads, control)
        changed = replanned.plan if replanned is not None else None
        if changed is not None:
            changed = _with_old_filters(left, before, changed, control)
    result = Replan(
        instance=left,
        before=before,
        lost=tuple(lost),
        joined=tuple(joined),
        dropped_rules=tuple(rule for rule in instance.rules if rule.without(lost) is None),
        max_loads=max_loads,
        objective=objective,
        termination="no_plan",
        plan=changed,
        objective_value=None,
        lower_bound=None,
        loads=(),
        bytes_bound=0.0,
        unrestricted_value=free.objective_value,
        unrestricted_bound=free.lower_bound,
        fewest_loads=None,
        reasons=free.reasons,
        wall_seconds=control.elapsed,
        seed=seed,
    )
    return replace(result, termination="infeasible") if replanned is None else _certified(result, replanned)


def without_devices(instance: Instance, names: Sequence[str]) -> Instance:
    """The instance without some of its devices, at least one of which is left; rules no longer name them."""
    rules = tuple(left for rule in instance.rules if (left := rule.without(names)) is not None)
    devices = tuple(device for device in instance.devices if device.id not in names)
    return instance._replace({"devices": devices, "rules": rules})


def _require_options(
    instance: Instance, plan: Plan, lost: Sequence[str], joined: Sequence[str], max_loads: int | None
) -> None:
    known, used = instance.arrays.device_index, {device for group in plan.groups for device in group.devices}
    problems = []
    for name, devices in (("lost", lost), ("joined", joined)):
        problems += [Problem(name, repr(d), "a device of the instance") for d in devices if d not in known]
        if len(set(devices)) < len(devices):
            problems.append(Problem(name, ", ".join(devices), "each device once"))
    problems += [Problem("joined", repr(d), "a device in no group of the plan") for d in joined if d in used]
    problems += [Problem("joined", repr(d), "a device that is not lost") for d in joined if d in lost]
    if set(lost) >= set(known):
        problems.append(Problem("lost", "all devices", "at least one device left"))
    if max_loads is not None and (isinstance(max_loads, bool) or not isinstance(max_loads, int) or max_loads < 0):
        problems.append(Problem("max_loads", repr(max_loads), "a whole number, at least 0"))
    if problems:
        raise InputError("options", problems)


def _before(instance: Instance, plan: Plan, joined: Sequence[str]) -> Plan:
    """The valid plan so far in canonical order, with the joined devices among its spares."""
    missing = tuple(device for device in joined if device not in plan.spares)
    judged, spares = instance, (*plan.spares, *missing)
    if instance.rules and set(joined) < set(instance.arrays.device_index):
        # What rules ask of devices that joined the plan could not keep.
        judged, spares = without_devices(instance, joined), tuple(d for d in plan.spares if d not in joined)
    require_valid(judged, Plan(groups=plan.groups, spares=spares), "plan")
    return Plan.of(instance, plan.groups)


def _moment(control: Control, share: float) -> float:
    """When a share of the time that is left is over."""
    if math.isinf(control.deadline):
        return control.deadline
    return control.deadline - (1.0 - share) * control.remaining


def _searched(left: Instance, before: Plan, free: Result, max_loads: int | None, control: Control) -> Replanned:
    bare = without_filters(before)
    search = ReplanningSearch(
        left,
        bare,
        free.objective,
        len(left.devices) if max_loads is None else max_loads,
        control,
        lower_bound=free.lower_bound or 0.0,
    )
    # The old groups mended load few devices, the best plan of all is early: either may keep the limit.
    starts = [repair(left, bare), None if free.plan is None else without_filters(free.plan)]
    return search.run([start for start in starts if start is not None])


def _with_old_filters(left: Instance, before: Plan, plan: Plan, control: Control) -> Plan:
    """Give groups that go on their old filters, and the others a partition of the rest; none where none were named."""
    # An old plan that names no filters leaves the choice open.
    if any(group.filters is None for group in before.groups):
        return plan
    labels = np.full(left.knowledge.num_filters, -1, dtype=np.int64)
    continued = continuation(left, without_filters(before), plan).continued
    for k, g in enumerate(continued):
        if g is not None:
            labels[list(before.groups[g].filters or ())] = k
    new = np.array([k for k, g in enumerate(continued) if g is None], dtype=np.int64)
    if len(new):
        rest = np.flatnonzero(labels < 0)
        labels[rest] = new[_parts(left, rest, [plan.sizes[k] for k in new], control)]
    return with_filters(left, plan, labels)


def _parts(left: Instance, filters: IntArray, sizes: Sequence[int], control: Control) -> IntArray:
    """Cut some of the filters into parts of given sizes, by the graph among them where there is one."""
    graph = left.knowledge.graph
    if graph is None or len(sizes) == 1 or control.exhausted:
        return contiguous_partition(sizes)
    weights = graph.dense(left.knowledge.num_filters)[np.ix_(filters, filters)]
    # Classes play no part in the normalised cut.
    among = {"num_filters": len(filters), "graph": FilterGraph.from_weights(weights), "class_affinity": None}
    knowledge = left.knowledge._replace(among)
    return sized_parts(left._replace({"knowledge": knowledge}), "ncut", sizes, control)


def _certified(result: Replan, replanned: Replanned) -> Replan:
    left, plan = result.instance, result.plan
    # Plans within a limit on loads are among those without one.
    bound = max(replanned.lower_bound, result.unrestricted_bound or 0.0)
    if plan is None:
        return _without_plan(result, replanned, bound)
    if replanned.infeasible:
        raise CertificateError("replan returned a plan that it found impossible")
    whose = "replan returned"
    value = certified_value(whose, left, plan, result.objective)
    loads = continuation(left, result.before, plan).loads
    if result.max_loads is not None and len(loads) > result.max_loads:
        raise CertificateError(f"replan returned a plan with {len(loads)} loads of {result.max_loads} allowed")
    bound = certified_bound(whose, bound, value)
    return replace(
        result,
        objective_value=value,
        lower_bound=bound,
        termination="optimal" if is_closed(value, bound) else "feasible",
        loads=loads,
        bytes_bound=replanned.bytes_bound,
        # A plan within the limit on loads is one without it, too.
        unrestricted_value=value if result.unrestricted_value is None else min(value, result.unrestricted_value),
        reasons=(),
    )


def _without_plan(result: Replan, replanned: Replanned, bound: float) -> Replan:
    """Say why there is no plan, and how many loads would do where that is known."""
    if not replanned.infeasible:
        return replace(result, lower_bound=bound, reasons=("the search was stopped before it found a plan",))
    needed = replanned.fewest_loads
    if needed is None:
        return replace(
            result, termination="infeasible", reasons=("the remaining devices cannot keep all limits at once",)
        )
    number = f"{needed} would do" if replanned.fewest_loads_attained else f"at least {needed} are needed"
    reason = f"no plan needs as few as {counted(result.max_loads or 0, 'deployment')}; {number}. Raise max_loads."
    fewest = needed if replanned.fewest_loads_attained else None
    return replace(result, termination="infeasible", fewest_loads=fewest, reasons=(reason,))
