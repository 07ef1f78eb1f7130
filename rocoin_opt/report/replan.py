"""A mended plan for people and as JSON: what it is worth, and which devices must be loaded with what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from rocoin_opt.errors import printable
from rocoin_opt.plan.files import plan_document
from rocoin_opt.plan.metrics import evaluate
from rocoin_opt.plan.summary import OBJECTIVE_WORDS, TERMINATION_WORDS, seconds

if TYPE_CHECKING:
    from rich.console import Console

    from rocoin_opt.replanning import Replan

FORMAT, VERSION = "rocoin-opt/replan", 1


def print_replan(found: Replan, console: Console) -> None:
    """Tell how the fleet is mended: value and bound, the loads one a row, the groups."""
    limit = "any number of loads" if found.max_loads is None else f"at most {found.max_loads} loads"
    devices = f"{len(found.instance.devices)} devices left, {len(found.lost)} lost, {len(found.joined)} joined"
    console.print(_text(f"{found.instance.name}: {devices}; {limit}"))
    console.print(_text(f"{found.objective}: {TERMINATION_WORDS[found.termination]}"))
    for reason in found.reasons:
        console.print(_text(f"  {reason}"))
    gap = "unknown" if found.gap is None else f"{100 * found.gap:.3g} %"
    console.print(
        f"  {OBJECTIVE_WORDS[found.objective]} {seconds(found.objective_value)}, "
        f"lower bound {seconds(found.lower_bound)}, gap {gap}; {found.wall_seconds:.2f} s of search"
    )
    free = f"{seconds(found.unrestricted_value)}, lower bound {seconds(found.unrestricted_bound)}"
    console.print(f"  with any number of loads {free}")
    if found.plan is None:
        return
    shipped = f"{found.shipped_bytes:,.0f} bytes to ship, no such plan ships less than {found.bytes_bound:,.0f}"
    console.print(f"  {len(found.loads)} loads: {shipped}")
    if found.loads:
        console.print(_load_table(found))
    console.print(_group_table(found))
    if found.plan.spares:
        console.print(_text(f"spares: {', '.join(found.plan.spares)}"))


def replan_document(found: Replan) -> dict[str, Any]:
    """Make the JSON content of a mended plan; ``plan`` is the content of a plan file for the instance that is left."""
    left, plan = found.instance, found.plan
    return {
        "format": FORMAT,
        "version": VERSION,
        "instance": {"name": left.name, "sha256": left.sha256},
        "lost": list(found.lost),
        "joined": list(found.joined),
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
    table = _table("load", "student")
    table.add_column("filters", justify="right")
    table.add_column("bytes", justify="right")
    for load in found.loads:
        table.add_row(_text(load.device), _text(load.student), str(load.num_filters), f"{load.size_bytes:,.0f}")
    return table


def _group_table(found: Replan) -> Table:
    table = _table("group", "student")
    table.add_column("filters", justify="right")
    table.add_column("devices, those to load with a +", overflow="fold")
    loaded = {load.device for load in found.loads}
    for k, group in enumerate(() if found.plan is None else found.plan.groups):
        names = " ".join(f"+{device}" if device in loaded else device for device in group.devices)
        table.add_row(str(k), _text(group.student), str(group.num_filters), _text(names))
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column)
    return table


def _text(text: str) -> Text:
    return Text(printable(text))
