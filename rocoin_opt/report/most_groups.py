"""The most groups of a fleet, in words and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rocoin_opt.failure import evaluate
from rocoin_opt.plan import outage_of, plain_table, plain_text, plan_document
from rocoin_opt.wording import counted, search_time, small_share

if TYPE_CHECKING:
    from rich.console import Console

    from rocoin_opt.planning.most_groups import MostGroups

FORMAT, VERSION = "rocoin-opt/groups", 1


def print_groups(found: MostGroups, console: Console) -> None:
    """Print how many groups there are and can be, then one row a group."""
    console.print(plain_text(f"{found.instance.name}: {_verdict(found)}"))
    if found.groups:
        table = plain_table(numbers=("group", "outage"))
        table.add_column("student")
        table.add_column("devices", overflow="fold")
        for place, (group, student, outage) in enumerate(
            zip(found.groups, found.students, outages(found), strict=True)
        ):
            table.add_row(str(place + 1), small_share(outage), plain_text(student), plain_text(" ".join(group)))
        console.print(table)
        limit = found.instance.requirements.max_group_outage
        spares = len(found.instance.devices) - sum(map(len, found.groups))
        console.print(
            f"outage limit {limit:g}; {counted(spares, 'spare device')}; {search_time(found.wall_seconds)} of search"
        )
    for reason in found.reasons:
        console.print(plain_text(f"  {reason}"))


def groups_document(found: MostGroups) -> dict[str, Any]:
    """Make the JSON content of the most groups; a plan, where there is one, is the content of a plan file."""
    instance, plan = found.instance, found.plan
    return {
        "format": FORMAT,
        "version": VERSION,
        "instance": {"name": instance.name, "sha256": instance.sha256},
        "number": found.number,
        "upper_bound": found.upper_bound,
        "termination": found.termination,
        "groups": [
            {"devices": list(group), "student": student, "outage": outage}
            for group, student, outage in zip(found.groups, found.students, outages(found), strict=True)
        ],
        "plan": None if plan is None else plan_document(instance, plan, evaluate(instance, plan)),
        "reasons": list(found.reasons),
        "wall_seconds": found.wall_seconds,
        "seed": found.seed,
        "versions": found.versions,
    }


def outages(found: MostGroups) -> list[float]:
    """How likely each group never answers."""
    index = found.instance.arrays.device_index
    return [outage_of(found.instance, [index[name] for name in group]) for group in found.groups]


def _verdict(found: MostGroups) -> str:
    """What is proven, in one line."""
    if found.termination == "infeasible":
        return "no group at all, proven"
    if found.termination == "optimal":
        return f"{counted(found.number, 'group')}, and no grouping has more: proven"
    if found.termination == "feasible":
        return f"{counted(found.number, 'group')} found; no grouping has more than {found.upper_bound}"
    return f"no group found; no grouping has more than {found.upper_bound}"
