"""The groups of a plan as a table for people, and what sets the time of a replica."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from rocoin_opt.plan.latency import outage_of
from rocoin_opt.plan.terminal import in_runs, plain_table, plain_text
from rocoin_opt.wording import common_unit, number, seconds, small_share

if TYPE_CHECKING:
    from rich.table import Table

    from rocoin_opt.instance import Instance
    from rocoin_opt.plan.latency import GroupTiming
    from rocoin_opt.plan.model import Group, Plan


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
