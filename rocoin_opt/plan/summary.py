"""A result in words and a table, for people."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich.console import Console

from rocoin_opt.errors import counted, printable
from rocoin_opt.instance.arrays import latency_terms
from rocoin_opt.instance.limits import keeps_limit
from rocoin_opt.plan.latency import GroupTiming, Objective, group_timings, has_random_latency, outage_after
from rocoin_opt.plan.metrics import evidence_left
from rocoin_opt.plan.terminal import plain_table, plain_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.table import Table

    from rocoin_opt.instance.model import Instance
    from rocoin_opt.plan.model import Group, Plan
    from rocoin_opt.plan.result import Result

TERMINATION_WORDS = {
    "optimal": "optimal: no plan is better",
    "feasible": "a plan, not proven optimal",
    "infeasible": "infeasible: there is no plan",
    "no_plan": "no plan found; one may exist",
}
OBJECTIVE_WORDS: dict[Objective, str] = {
    "guaranteed": "guaranteed latency",
    "expected": "expected latency by the deadline",
    "nominal": "nominal latency",
    "worst": "worst latency",
}
WIDTH = 110
MOST_NAMES = 12
"""Spares that are named; of the others there is the number."""


def summarise(result: Result) -> str:
    """Tell a result as plain text of at most 110 columns."""
    stream = io.StringIO()
    print_summary(result, Console(file=stream, width=WIDTH, highlight=False, color_system=None, force_jupyter=False))
    return stream.getvalue()


def print_summary(result: Result, console: Console) -> None:
    """Tell a result on a console: what was asked, value and bound, the groups, and what binds."""
    instance = result.instance
    console.print(
        f"[bold]{_plain(instance.name)}[/]: {counted(len(instance.devices), 'device')}, "
        f"{counted(len(instance.students), 'student')}, {counted(instance.knowledge.num_filters, 'filter')}, "
        f"at most {counted(instance.max_groups, 'group')}, "
        f"outage limit {instance.requirements.max_group_outage:g} a group"
    )
    console.print(f"{result.method}, {result.objective}: [bold]{TERMINATION_WORDS[result.termination]}[/]")
    for line in _value_lines(result):
        console.print(line)
    for reason in result.reasons:
        console.print(plain_text(f"  {reason}"))
    if result.plan is not None:
        random = has_random_latency(instance, result.plan)
        timings = () if random else group_timings(instance, result.plan)
        console.print()
        console.print(_random_table(instance, result.plan) if random else _group_table(instance, result.plan, timings))
        if result.plan.spares:
            console.print(plain_text(f"spares: {_names(result.plan.spares)}"))
        console.print()
        for line in _binding_lines(result, timings):
            console.print(plain_text(line))


def seconds(value: float | None) -> str:
    """A time for people: four significant digits, or a dash where there is none."""
    return "-" if value is None else f"{value:.4g} s"


def bound_alone(objective: Objective, lower_bound: float | None, wall_seconds: float) -> str:
    """A search without a plan in words: what no plan can beat, where that is known, and how long it took."""
    known = "" if lower_bound is None else f"{OBJECTIVE_WORDS[objective]} at least {seconds(lower_bound)}; "
    return f"{known}{wall_seconds:.2f} s of search"


def _value_lines(result: Result) -> Iterator[str]:
    if result.plan is None:
        yield f"  {bound_alone(result.objective, result.lower_bound, result.wall_seconds)}"
        return
    # What is left of a closed gap is rounding.
    share = 0.0 if result.termination == "optimal" else result.gap
    gap = "unknown" if share is None else f"{100 * share:.3g} %"
    yield (
        f"  {OBJECTIVE_WORDS[result.objective]} {seconds(result.objective_value)}, "
        f"lower bound {seconds(result.lower_bound)}, gap {gap}; {result.wall_seconds:.2f} s of search"
    )
    metrics = result.metrics
    if metrics is None:
        return
    yield (
        f"  guaranteed {seconds(metrics.guaranteed_seconds)}, nominal {seconds(metrics.nominal_seconds)}, "
        f"worst {seconds(metrics.worst_seconds)}, expected {seconds(metrics.expected_seconds)}"
    )
    deadline = result.instance.requirements.deadline_seconds
    ends = "an answer" if deadline is None else f"an answer within {deadline:g} s"
    cut = "" if metrics.ncut is None else f", normalised cut {metrics.ncut:.4f}"
    if metrics.success_probability is not None:
        yield f"  {ends} with probability {metrics.success_probability:.4f}{cut}"
    late = metrics.guaranteed_seconds
    if deadline is not None and late is not None and not keeps_limit(late, deadline):
        bound = result.lower_bound if result.objective == "guaranteed" else None
        proven = bound is not None and not keeps_limit(bound, deadline)
        verdict = ": no plan keeps the outage limit by then" if proven else ""
        yield f"  the guaranteed latency is beyond the deadline of {deadline:g} s{verdict}"
    left = None if result.plan is None else evidence_left(result.instance, result.plan)
    if left is not None:
        yield f"  with any one group lost, each class keeps at least {left:.4f} of its evidence"


def _group_table(instance: Instance, plan: Plan, timings: tuple[GroupTiming, ...]) -> Table:
    table = _table("replica:seconds, first answer first")
    table.add_column("guaranteed", justify="right")
    for k, (group, timing) in enumerate(zip(plan.groups, timings, strict=True)):
        # No space inside of a pair, so that a narrow terminal breaks between replicas only.
        replicas = ", ".join(
            f"{device}:{answer:.4g}" for device, answer in zip(timing.devices, timing.seconds, strict=True)
        )
        table.add_row(
            str(k),
            f"{group.num_filters} of {_capacity(instance, group)}",
            plain_text(group.student),
            plain_text(replicas),
            f"{timing.final_outage:.3g}",
            seconds(timing.guaranteed_seconds),
        )
    return table


def _table(replicas: str) -> Table:
    table = plain_table(numbers=("group", "filters"))
    table.add_column("student")
    table.add_column(replicas, overflow="fold")
    table.add_column("outage", justify="right")
    return table


def _random_table(instance: Instance, plan: Plan) -> Table:
    """The groups where answers have no certain time: what their replicas take if no slowdown factor differs from 1."""
    table = _table("replica:seconds without slowdown")
    arrays = instance.arrays
    for k, group in enumerate(plan.groups):
        j, members = arrays.student_index[group.student], [arrays.device_index[device] for device in group.devices]
        answers = sorted(zip(arrays.latency(members, j, group.num_filters).tolist(), group.devices, strict=True))
        replicas = ", ".join(f"{device}:{answer:.4g}" for answer, device in answers)
        *_, outage = outage_after(instance, members)
        held = f"{group.num_filters} of {_capacity(instance, group)}"
        table.add_row(str(k), held, plain_text(group.student), plain_text(replicas), f"{outage:.3g}")
    return table


def _binding_lines(result: Result, timings: tuple[GroupTiming, ...]) -> Iterator[str]:
    """Say what sets the value: the replica that the objective waits for, and what its time is made of."""
    instance, plan = result.instance, result.plan
    if plan is None or result.objective == "expected" or has_random_latency(instance, plan):
        return
    for k, (group, timing) in enumerate(zip(plan.groups, timings, strict=True)):
        positions = {"nominal": 0, "worst": len(timing.seconds) - 1}
        position = positions.get(result.objective)
        if position is None:
            if timing.guaranteed_seconds is None:
                continue
            position = timing.seconds.index(timing.guaranteed_seconds)
        if timing.seconds[position] != result.objective_value:
            continue
        device = timing.devices[position]
        yield f"binding: group {k} waits for {device}: {_breakdown(instance, group, device)}"
        if group.num_filters == _capacity(instance, group):
            yield f"  its part is as large as {group.student} can learn ({group.num_filters} filters)"
        if timing.final_outage > 0 and len(timing.devices) > 1:
            limit = instance.requirements.max_group_outage
            yield f"  its outage is {timing.final_outage:.3g} of the {limit:g} allowed"


def _breakdown(instance: Instance, group: Group, name: str) -> str:
    arrays = instance.arrays
    terms = latency_terms(instance, arrays.device_index[name], arrays.student_index[group.student], group.num_filters)
    return f"compute {seconds(terms.compute)}, link {seconds(terms.transfer)}, overhead {seconds(terms.overhead)}"


def _capacity(instance: Instance, group: Group) -> int:
    return instance.students[instance.arrays.student_index[group.student]].max_filters


def _names(names: tuple[str, ...]) -> str:
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _plain(text: str) -> str:
    """Keep a name from being read as console markup, or by the terminal."""
    return printable(text).replace("[", r"\[")
