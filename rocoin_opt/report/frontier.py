"""A frontier of latency and partition, as a table and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rocoin_opt.failure import evaluate
from rocoin_opt.plan import plain_table, plain_text, plan_document
from rocoin_opt.wording import percent, search_time, seconds

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from rocoin_opt.planning.frontier import Frontier

FORMAT, VERSION = "rocoin-opt/frontier", 1

END_WORDS = {
    "complete": "complete: every latency limit was searched",
    "points": "as many points as asked for: there may be more between them",
    "limit": "stopped early: there may be more points, and better ones",
    "infeasible": "infeasible: there is no plan",
    "no_plan": "no plan found; one may exist",
}


def print_frontier(frontier: Frontier, console: Console) -> None:
    """Print one row a point, fastest plan first: latency, its limit, the parts, the criterion, what is proven of it."""
    title = f"{frontier.instance.name}, objective {frontier.objective}, criterion {frontier.criterion}"
    console.print(plain_text(f"{title}: {END_WORDS[frontier.termination]}"))
    if frontier.points:
        console.print(_table(frontier))
        bound = seconds(frontier.latency_bound)
        console.print(f"no plan is faster than {bound}; {search_time(frontier.wall_seconds)} of search")
        console.print("bound: no plan within the limit has a smaller criterion")
    for reason in frontier.reasons:
        console.print(plain_text(f"  {reason}"))


def _table(frontier: Frontier) -> Table:
    table = plain_table(numbers=("latency", "limit", "groups"))
    table.add_column("filters", overflow="fold")
    for name in (frontier.criterion, "bound", "gap"):
        table.add_column(name, justify="right")
    for point in frontier.points:
        table.add_row(
            seconds(point.seconds),
            seconds(point.limit_seconds),
            str(len(point.plan.groups)),
            " ".join(map(str, point.plan.sizes)),
            f"{point.partition_value:.4f}",
            f"{point.partition_bound:.4f}",
            percent(point.partition_gap),
        )
    return table


def frontier_document(frontier: Frontier) -> dict[str, Any]:
    """Make the JSON content of a frontier; the plan of each point is the content of a plan file."""
    instance = frontier.instance
    return {
        "format": FORMAT,
        "version": VERSION,
        "instance": {"name": instance.name, "sha256": instance.sha256},
        "objective": frontier.objective,
        "criterion": frontier.criterion,
        "termination": frontier.termination,
        "latency_bound": frontier.latency_bound,
        "points": [
            {
                "seconds": point.seconds,
                "limit_seconds": point.limit_seconds,
                "partition_value": point.partition_value,
                "partition_bound": point.partition_bound,
                "partition_gap": point.partition_gap,
                "plan": plan_document(instance, point.plan, evaluate(instance, point.plan)),
            }
            for point in frontier.points
        ],
        "reasons": list(frontier.reasons),
        "wall_seconds": frontier.wall_seconds,
        "seed": frontier.seed,
        "versions": frontier.versions,
    }
