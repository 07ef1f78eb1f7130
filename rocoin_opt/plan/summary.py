"""The groups of a plan as a table for people, and what sets the time of a replica."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.instance import stretched
from rocoin_opt.plan.latency import THRESHOLD_OBJECTIVES, outage_of
from rocoin_opt.plan.terminal import in_runs, plain_table, plain_text, some_of
from rocoin_opt.plan.transfers import Transfers
from rocoin_opt.wording import common_unit, counted, number, seconds, small_share

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.table import Table

    from rocoin_opt.instance import Instance
    from rocoin_opt.plan.latency import GroupTiming, Objective
    from rocoin_opt.plan.model import Group, Plan

MOST_WAITS = 3
"""Replicas on a channel whose waiting is told."""
MOST_IDLE = 12
"""Spares that are named with a reason."""
MOST_BINDING = 5
"""Groups that wait the longest, of which it is said why."""


def group_table(instance: Instance, plan: Plan, timings: tuple[GroupTiming, ...]) -> Table:
    """Lay out the groups where latencies are constant, with the timing of each.

    Parameters
    ----------
    instance : Instance
        What was given.
    plan : Plan
        A plan for it.
    timings : tuple of GroupTiming
        One a group, in the order of the plan.
    """
    unit, length = common_unit(answer for timing in timings for answer in timing.seconds)
    table = _table(f"replica:{unit}, first answer first")
    table.add_column("guaranteed", justify="right")
    for k, (group, timing) in enumerate(zip(plan.groups, timings, strict=True)):
        # Alike replicas come at the same time.
        pairs = zip(timing.devices, (number(answer / length) for answer in timing.seconds), strict=True)
        at_once = itertools.groupby(pairs, key=lambda pair: pair[1])
        # No space inside of a pair, so that a narrow terminal breaks between replicas only.
        replicas = ", ".join(f"{run}:{answer}" for answer, alike in at_once for run in in_runs(d for d, _ in alike))
        table.add_row(
            str(k),
            f"{group.num_filters} of {capacity(instance, group)}",
            plain_text(group.student),
            plain_text(replicas),
            small_share(timing.final_outage),
            seconds(timing.guaranteed_seconds),
        )
    return table


def _table(replicas: str) -> Table:
    table = plain_table(numbers=("group", "filters"))
    table.add_column("student")
    table.add_column(replicas, overflow="fold")
    table.add_column("outage", justify="right")
    return table


def random_table(instance: Instance, plan: Plan) -> Table:
    """The groups where answers have no certain time: what their replicas take if no slowdown factor differs from 1."""
    arrays, served = instance.arrays, []
    for group in plan.groups:
        j, members = arrays.student_index[group.student], [arrays.device_index[device] for device in group.devices]
        answers = arrays.latency(members, j, group.num_filters).tolist()
        served.append((group, sorted(zip(answers, group.devices, strict=True)), outage_of(instance, members)))
    unit, length = common_unit(answer for _, answers, _ in served for answer, _ in answers)
    table = _table(f"replica:{unit} without slowdown")
    for k, (group, answers, outage) in enumerate(served):
        replicas = ", ".join(f"{device}:{number(answer / length)}" for answer, device in answers)
        held = f"{group.num_filters} of {capacity(instance, group)}"
        table.add_row(str(k), held, plain_text(group.student), plain_text(replicas), small_share(outage))
    return table


def channel_lines(instance: Instance, plan: Plan) -> Iterator[str]:
    """Say how long each shared channel is busy if nobody crashes, and which replicas wait longest for which others.

    Parameters
    ----------
    instance : Instance
        What was given.
    plan : Plan
        A plan for it, with constant latencies.
    """
    transfers = Transfers.of(instance, plan)
    names = [instance.devices[n].id for n in transfers.device.tolist()]
    calm = transfers.calm
    for (channel, (first, last)), queue in zip(transfers.spans.items(), transfers.queues, strict=True):
        order = queue.tolist()
        busy = float(transfers.airtime[queue].sum())
        waits = [(float(calm[r] - transfers.alone[r]), r, before) for before, r in itertools.pairwise(order)]
        longest = sorted((wait for wait in waits if wait[0] > 0.0), reverse=True)
        told = "; ".join(
            f"{names[r]} waits {seconds(wait)} for {names[before]}" for wait, r, before in longest[:MOST_WAITS]
        )
        more = f"; {len(longest) - MOST_WAITS} more wait" if len(longest) > MOST_WAITS else ""
        yield (
            f"channel {channel}: {len(order)} transfers take {seconds(busy)} from {seconds(first)} to {seconds(last)}"
            + (f"; {told}{more}" if longest else "; nobody waits")
        )


def idle_lines(instance: Instance, plan: Plan, objective: Objective, value: float | None) -> Iterator[str]:
    """Say of spares why they are of no use to a latency as early as the plan's, where that shows by themselves.

    Parameters
    ----------
    instance : Instance
        What was given, with constant latencies.
    plan : Plan
        A plan for it.
    objective : str
        Which figure; nothing is said of those that are no latency of a replica.
    value : float or None
        That figure of the plan, in seconds.
    """
    kept_out = {name for rule in instance.rules for name in rule.spare or ()}
    spares = [name for name in plan.spares if name not in kept_out]
    if objective not in THRESHOLD_OBJECTIVES or value is None or not spares:
        return
    arrays = instance.arrays
    places = [arrays.device_index[name] for name in spares]
    parts = [(arrays.student_index[group.student], group.num_filters) for group in plan.groups]
    # Queues for channels only add to these times.
    alone = np.where(arrays.largest[places] > 0, arrays.latency(places, slice(None), 1), np.inf).min(axis=1)
    held = np.array([np.where(arrays.largest[places, j] >= s, arrays.latency(places, j, s), np.inf) for j, s in parts])
    shown = {name: (float(a), float(h)) for name, a, h in zip(spares, alone, held.min(axis=0), strict=True)}
    late = stretched(value)
    told: dict[str, list[str]] = {}
    for name, (first, part) in shown.items():
        if first == np.inf:
            why = "no student fits on"
        elif first > late:
            why = "later than this plan with any student, for a single filter already:"
        elif part == np.inf:
            why = "no part of this plan fits on"
        elif part > late:
            why = "later than this plan with any of its parts:"
        else:
            continue
        told.setdefault(why, []).append(name)
    for why, names in told.items():
        # The earliest of them says how far they are off.
        is_early = why.endswith(":")
        earliest = min(shown[name][0 if "single" in why else 1] for name in names)
        yield f"  {why} {some_of(names, MOST_IDLE)}" + (f" ({seconds(earliest)} at best)" if is_early else "")


def binding_lines(
    instance: Instance, plan: Plan, objective: Objective, value: float | None, timings: tuple[GroupTiming, ...]
) -> Iterator[str]:
    """Say what sets a latency: the replica that it waits for, and what its time is made of.

    Parameters
    ----------
    instance : Instance
        What was given.
    plan : Plan
        A plan for it.
    objective : str
        Which figure; nothing is said of those that are no latency of a replica.
    value : float or None
        That figure of the plan, in seconds.
    timings : tuple of GroupTiming
        One a group, in the order of the plan; none where latencies are random, of which nothing is said.
    """
    if objective not in THRESHOLD_OBJECTIVES:
        return
    binding = 0
    for k, (group, timing) in enumerate(zip(plan.groups, timings, strict=False)):
        positions = {"nominal": 0, "worst": len(timing.seconds) - 1}
        position = positions.get(objective)
        if position is None:
            if timing.guaranteed_seconds is None:
                continue
            position = timing.seconds.index(timing.guaranteed_seconds)
        if timing.seconds[position] != value:
            continue
        binding += 1
        if binding > MOST_BINDING:
            continue
        device = timing.devices[position]
        yield f"binding: group {k} waits for {device}: {breakdown(instance, group, device)}"
        if group.num_filters == capacity(instance, group):
            yield f"  its part is as large as {group.student} can learn ({group.num_filters} filters)"
        if timing.final_outage > 0 and len(timing.devices) > 1:
            limit = instance.requirements.max_group_outage
            yield f"  its outage is {small_share(timing.final_outage)} of the {limit:g} allowed"
    if binding > MOST_BINDING:
        yield f"and {counted(binding - MOST_BINDING, 'more group')} of which the same holds"


def breakdown(instance: Instance, group: Group, name: str) -> str:
    """Say what the time of one device of a group is made of.

    Parameters
    ----------
    instance : Instance
        What was given.
    group : Group
        A group of a plan for it.
    name : str
        Identifier of the device.
    """
    arrays = instance.arrays
    terms = instance.latency_terms(arrays.device_index[name], arrays.student_index[group.student], group.num_filters)
    return f"compute {seconds(terms.compute)}, link {seconds(terms.transfer)}, overhead {seconds(terms.overhead)}"


def capacity(instance: Instance, group: Group) -> int:
    """Filters that the student of a group can learn at most."""
    return instance.students[instance.arrays.student_index[group.student]].max_filters
