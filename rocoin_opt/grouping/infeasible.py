"""Why an instance has no plan, in words that a user can act on."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.grouping.bounds import possible_groups
from rocoin_opt.instance import Constant, Empirical, keeps_outage_limit, stretched
from rocoin_opt.plan import in_runs, outage_of
from rocoin_opt.wording import counted, listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.instance import BoolArray, Device, Instance, Slowdown

STOPPED = "the search was stopped before it found a plan"
MOST_CLIQUES = 2000
"""Maximal cliques that are looked at: there may be very many, and each is a proof of its own."""
MOST_NAMED = 12
"""Devices that a reason names at most."""
NAMED = 3
"""Failure domains, students or devices that a reason names at most."""
RELAX = "Relax what costs least: max_group_outage, max_groups, memory or max_filters."
NO_GUARANTEE = (
    "no guarantee: with an outage limit of 0, every group needs a device that never fails and whose slowdown is bounded"
)


def reasons_for_infeasibility(instance: Instance) -> tuple[str, ...]:
    """Find proofs that no plan exists, however long an answer may take.

    Parameters
    ----------
    instance : Instance
        What was given.

    Returns
    -------
    tuple of str
        One sentence a cause: times, memory, limits on devices, reliability, capacity, or rules. Empty if none of these
        simple proofs applies, which does not mean that a plan exists.
    """
    # Where nothing fits anywhere, the other proofs would only say so again.
    if not instance.arrays.largest.any():
        return (_nothing_runs(instance),)
    untimed = _untimed(instance)
    return tuple(reason + untimed for reason in (*_reliability(instance), *_capacity(instance))) + (
        reasons_of_rules(instance)
    )


def room_for(placed: int, wanted: int) -> str:
    """Say how many filters find a place in groups that keep all limits."""
    return (
        "groups whose devices hold the same student and keep the outage limit have room for at most "
        f"{placed} of {wanted} filters"
    )


def reasons_for_no_guarantee(instance: Instance) -> tuple[str, ...]:
    """Find a proof that no plan keeps the outage limit by any time, valid though it may be.

    Returns
    -------
    tuple of str
        One sentence; empty if the proof does not apply.
    """
    if instance.requirements.max_group_outage > 0.0:
        return ()
    sure = sum(_always_answers(instance, n, device) for n, device in enumerate(instance.devices))
    return () if sure >= instance.requirements.min_groups else (NO_GUARANTEE,)


def _always_answers(instance: Instance, n: int, device: Device) -> bool:
    """Whether a device never fails, and has a latest answer with some student that it can hold."""
    if device.failure_probability > 0.0:
        return False
    # A slow link delays nobody where nothing is sent.
    if not _is_bounded(device.link_slowdown) and instance.knowledge.bits_per_filter > 0.0:
        return False
    return any(
        _is_bounded(device.compute_slowdown) or not instance.arrays.compute[n, j].any()
        for j, largest in enumerate(instance.arrays.largest[n].tolist())
        if largest > 0
    )


def _is_bounded(law: Slowdown | None) -> bool:
    return isinstance(law, Constant | Empirical | None)


def _nothing_runs(instance: Instance) -> str:
    """Why no device can hold any student: no known times, too little memory, or limits and rules."""
    runs = _runs(instance)
    if not runs.any():
        return f"compute_seconds: no device can run any student.{_untimed(instance)} Measure them, or give rates."
    needed = np.array([student.memory_bytes + student.memory_bytes_per_filter for student in instance.students])
    memory = np.array([device.memory_bytes for device in instance.devices])
    if (runs & (needed <= stretched(memory)[:, None])).any():
        requirements = instance.requirements
        limits = [
            *(["requests_per_second"] if requirements.requests_per_second is not None else []),
            *(["max_joules"] if any(device.max_joules is not None for device in instance.devices) else []),
            *(["the rule spare"] if instance.restrictions.spare else []),
        ]
        because = listed(limits or ["what is asked of it"])
        return f"limits: no device can serve with any student, because of {because}. Relax what costs least."
    able = np.flatnonzero(runs.any(axis=0))
    smallest = instance.students[int(able[needed[able].argmin()])]
    least = smallest.memory_bytes + smallest.memory_bytes_per_filter
    able = np.flatnonzero(runs.any(axis=1))
    roomiest = instance.devices[int(able[memory[able].argmax()])]
    return (
        f"memory: no device can hold any student. The smallest, {smallest.id}, needs {least:,.0f} bytes for one "
        f"filter; the device with the most memory, {roomiest.id}, has {roomiest.memory_bytes:,.0f}. Add devices "
        f"with more memory or a smaller student.{_untimed(instance)}"
    )


def _runs(instance: Instance) -> BoolArray:
    """Whether each device may run each student and its time is known, N x J."""
    names = [student.id for student in instance.students]
    return np.array([[device.runs(name) for name in names] for device in instance.devices])


def _untimed(instance: Instance) -> str:
    """Name students that no device can run, and devices that can run none, where some device has a table alone."""
    if all(device.flops_per_second is not None for device in instance.devices):
        return ""
    runs = _runs(instance)
    unrun, idle = (np.flatnonzero(~np.asarray(runs.any(axis=axis))).tolist() for axis in (0, 1))
    students, devices = [instance.students[j].id for j in unrun], [instance.devices[n].id for n in idle]
    said = ""
    if students and runs.any():
        said += f" No device can run {_first_of(students)}: none that may has a time for it in its compute_seconds."
    if devices:
        said += f" There is no time in compute_seconds for any student that {_first_of(devices)} may run."
    return said


def _first_of(names: Sequence[str]) -> str:
    runs = in_runs(names)
    more = [f"{len(runs) - NAMED} more"] if len(runs) > NAMED else []
    return listed([*runs[:NAMED], *more])


def _reliability(instance: Instance) -> tuple[str, ...]:
    usable = np.flatnonzero(instance.arrays.largest.any(axis=1)).tolist()
    limit, wanted = instance.requirements.max_group_outage, instance.requirements.min_groups
    # With all the time there is, every objective asks the same of groups.
    possible = int(possible_groups(instance, instance.arrays.largest, "worst").limits[0])
    if possible < 1:
        outage = outage_of(instance, usable)
        return (
            f"reliability: {_failing_together(len(usable))} with probability {outage:.3g}; the outage limit is "
            f"{limit:g}. Add devices, take more reliable ones, or raise max_group_outage.{_domains(instance)}",
        )
    if possible < wanted:
        bound = min(possible, instance.knowledge.num_filters)
        return (
            f"groups: at most {counted(bound, 'group')} can keep the outage limit {limit:g} and hold a filter; "
            f"min_groups asks for {wanted}. Add devices, raise max_group_outage, or lower min_groups."
            f"{_domains(instance)}",
        )
    return ()


def _domains(instance: Instance) -> str:
    """Name the failure domains that alone miss the outage limit, where an instance without them passes these proofs."""
    limit = instance.requirements.max_group_outage
    used = {device.failure_domain for device in instance.devices}
    weak = [
        d for d in instance.failure_domains if d.id in used and not keeps_outage_limit(d.failure_probability, limit)
    ]
    steady = tuple(domain._replace({"failure_probability": 0.0}) for domain in instance.failure_domains)
    if not weak or _reliability(instance._replace({"failure_domains": steady})):
        return ""
    named = ", ".join(f"{domain.id} ({domain.failure_probability:g})" for domain in weak[:NAMED])
    more = f" and {len(weak) - NAMED} more" if len(weak) > NAMED else ""
    if len(weak) == 1:
        return f" Failure domain {named} fails more often than the limit allows: no group can keep it within it alone."
    return (
        f" Failure domains {named}{more} fail more often than the limit allows: no group can keep it within one alone."
    )


def _failing_together(number: int) -> str:
    if number == 1:
        return "the one device that can hold a student fails"
    return f"all {number} devices that can hold a student, in one group, fail together"


def _capacity(instance: Instance) -> tuple[str, ...]:
    levels, wanted = possible_groups(instance, instance.arrays.largest, "worst"), instance.knowledge.num_filters
    placed, most = levels.room(wanted), int(levels.limits[0])
    if placed >= wanted or most < 1:
        return ()
    largest = int(instance.arrays.largest.max())
    return (
        f"capacity: at most {placed} of {wanted} filters can be placed, in at most "
        f"{counted(most, 'group')}; the largest part that any device can hold is "
        f"{counted(largest, 'filter')}. Add students with larger max_filters and devices that can hold them, or allow "
        "more groups: more devices, a larger max_groups or max_group_outage.",
    )


def reasons_of_rules(instance: Instance) -> tuple[str, ...]:
    """Find proofs that no plan keeps the rules ``apart``, ``together`` and ``use``, whatever the devices can do.

    Devices that are together are one node of a graph, and two nodes are joined where some of their devices are apart.
    Nodes that must serve and are all joined with each other, a clique, need a group each.

    Returns
    -------
    tuple of str
        One sentence a cause. Empty if none of these simple proofs applies, which does not mean that a plan exists.
    """
    rules = instance.restrictions
    if not rules.apart or not rules.use:
        return ()
    import networkx as nx

    names = [device.id for device in instance.devices]
    together: nx.Graph[int] = nx.Graph()
    together.add_nodes_from(sorted(rules.use))
    for friends in rules.together:
        nx.add_path(together, sorted(friends))
    unit_of = {n: min(unit) for unit in nx.connected_components(together) if unit & rules.use for n in unit}
    apart: nx.Graph[int] = nx.Graph()
    apart.add_nodes_from(sorted(set(unit_of.values())))
    for rivals in rules.apart:
        met: dict[int, int] = {}
        for n in sorted(rivals & unit_of.keys()):
            if unit_of[n] in met:
                pair = listed([names[met[unit_of[n]]], names[n]])
                return (f"rules: {pair} must serve in one group, and must not. Remove a rule on them.",)
            met[unit_of[n]] = n
        apart.add_edges_from((one, other) for one in met for other in met if one < other)
    clique = max(islice(nx.find_cliques(apart), MOST_CLIQUES), key=len)
    if len(clique) <= instance.max_groups:
        return ()
    told = sorted(clique)
    more = [f"{len(told) - MOST_NAMED} more"] if len(told) > MOST_NAMED else []
    devices = listed([*(names[n] for n in told[:MOST_NAMED]), *more])
    return (
        f"rules: {devices} must serve, no two of them in one group, and there are at most "
        f"{counted(instance.max_groups, 'group')}. Remove a rule on them, or raise max_groups.",
    )
