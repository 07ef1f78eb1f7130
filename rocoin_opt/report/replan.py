"""A mended plan for people and as JSON: what it is worth, and which devices must be loaded with what."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from rocoin_opt.failure import evaluate
from rocoin_opt.plan import (
    OBJECTIVE_WORDS,
    WITHOUT_UNIT,
    bound_alone,
    in_runs,
    plain_table,
    plain_text,
    plan_document,
    proof_words,
    shown_value,
)
from rocoin_opt.wording import counted, data_size, search_time

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from rocoin_opt.planning.replan import Replan

FORMAT, VERSION = "rocoin-opt/replan", 1


def print_replan(found: Replan, console: Console) -> None:
    """Tell how the fleet is mended: value and bound, the loads one a row, the groups."""
    shown = partial(shown_value, found.objective)
    limit = "any number of devices" if found.max_loads is None else f"at most {counted(found.max_loads, 'device')}"
    devices = (
        f"{counted(len(found.instance.devices), 'device')} left, {len(found.lost)} lost, {len(found.joined)} joined"
    )
    console.print(plain_text(f"{found.instance.name}: {devices}; {limit} may be sent a student"))
    for rule in found.dropped_rules:
        console.print(plain_text(f"  dropped, because it names only lost devices: {rule}"))
    console.print(plain_text(f"{found.objective}: {proof_words(found.termination, found.objective)}"))
    for reason in found.reasons:
        console.print(plain_text(f"  {reason}"))
    if found.plan is None:
        console.print(f"  {bound_alone(found.objective, found.lower_bound, found.wall_seconds)}")
    else:
        gap = "unknown" if found.gap is None else f"{100 * found.gap:.3g} %"
        console.print(
            f"  {OBJECTIVE_WORDS[found.objective]} {shown(found.objective_value)}, "
            f"lower bound {shown(found.lower_bound)}, gap {gap}; {search_time(found.wall_seconds)} of search"
        )
    if found.max_loads is not None:
        free = f"{shown(found.unrestricted_value)}, lower bound {shown(found.unrestricted_bound)}"
        console.print(f"  if any number of devices could be sent one: {free}")
    if found.plan is None:
        return
    if found.loads:
        # Only of equally early plans one that ships few bytes is looked for.
        is_time = found.objective not in WITHOUT_UNIT
        least = f"; no plan as early ships less than {data_size(found.bytes_bound)}" if is_time else ""
        console.print(f"  to send: {counted(len(found.loads), 'student')}, {data_size(found.shipped_bytes)}{least}")
        console.print(_load_table(found))
    else:
        console.print("  to send: nothing, every device keeps its student")
    console.print(_group_table(found))
    if found.plan.spares:
        console.print(plain_text(f"spares: {', '.join(in_runs(found.plan.spares))}"))


def replan_document(found: Replan) -> dict[str, Any]:
    """Make the JSON content of a mended plan; ``plan`` is the content of a plan file for the instance that is left."""
    left, plan = found.instance, found.plan
    return {
        "format": FORMAT,
        "version": VERSION,
        "instance": {"name": left.name, "sha256": left.sha256},
        "lost": list(found.lost),
        "joined": list(found.joined),
        **({"dropped_rules": [rule.model_dump() for rule in found.dropped_rules]} if found.dropped_rules else {}),
        "max_loads": found.max_loads,
        "objective": found.objective,
        "termination": found.termination,
        "objective_value": found.objective_value,
        "lower_bound": found.lower_bound,
        "gap": found.gap,
        "loads": [
            {
                "device": load.device,
                "student": load.student,
                "num_filters": load.num_filters,
                "size_bytes": load.size_bytes,
            }
            for load in found.loads
        ],
        "shipped_bytes": None if plan is None else found.shipped_bytes,
        "shipped_bytes_bound": None if plan is None else found.bytes_bound,
        "unrestricted_value": found.unrestricted_value,
        "unrestricted_bound": found.unrestricted_bound,
        "fewest_loads": found.fewest_loads,
        "plan": None if plan is None else plan_document(left, plan, evaluate(left, plan)),
        "reasons": list(found.reasons),
        "wall_seconds": found.wall_seconds,
        "seed": found.seed,
        "versions": found.versions,
    }


def _load_table(found: Replan) -> Table:
    table = plain_table("send to", "student", numbers=("filters", "size"))
    for load in found.loads:
        table.add_row(
            plain_text(load.device), plain_text(load.student), str(load.num_filters), data_size(load.size_bytes)
        )
    return table


def _group_table(found: Replan) -> Table:
    table = plain_table("group", "student", numbers=("filters",))
    table.add_column("devices, + marks those to send it to", overflow="fold")
    loaded = {load.device for load in found.loads}
    for k, group in enumerate(() if found.plan is None else found.plan.groups):
        going_on = in_runs(device for device in group.devices if device not in loaded)
        sent = in_runs(device for device in group.devices if device in loaded)
        names = ", ".join([*going_on, *(f"+{run}" for run in sent)])
        table.add_row(str(k), plain_text(group.student), str(group.num_filters), plain_text(names))
    return table
