"""Several methods on one instance, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocoin_opt.plan import plain_table, plain_text, shown_value
from rocoin_opt.wording import NOTHING, percent, search_time, seconds, small_share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Result

NUMBERS = ("value", "bound", "gap", "failure", "guaranteed", "nominal", "worst", "expected", "groups", "search")
"""Columns of figures."""
CUT = "normalised cut"


def print_comparison(instance: Instance, results: Sequence[Result], console: Console) -> None:
    """Print one row a result: value and bound of the objective, all figures, and why where there is no plan.

    Parameters
    ----------
    instance : Instance
        What was given.
    results : sequence of Result
        For one objective, one a method.
    console : Console
        Where it is printed.
    """
    objective = results[0].objective if results else "guaranteed"
    # Behind the failure probability, where there is a partition to be judged.
    place = NUMBERS.index("failure") + 1
    has_cut = instance.knowledge.graph is not None
    table = plain_table("method", "termination", numbers=(*NUMBERS[:place], *[CUT] * has_cut, *NUMBERS[place:]))
    unlimited = False
    for result in results:
        is_unlimited = result.instance is not instance
        unlimited = unlimited or is_unlimited
        table.add_row(*_row(result, "*" if is_unlimited else "", has_cut=has_cut))
    console.print(plain_text(f"{instance.name}, objective {objective}"))
    console.print(table)
    if unlimited:
        console.print(f"* scored without {_limits_missed(instance, results)}, which this method cannot keep here")
    for result in results:
        for reason in result.reasons:
            console.print(plain_text(f"{result.method}: {reason}"))


def _limits_missed(instance: Instance, results: Sequence[Result]) -> str:
    """Limits of the instance that some method was scored without."""
    asked, freed = instance.requirements, [result.instance.requirements for result in results]
    missed = []
    if any(other.max_group_outage != asked.max_group_outage for other in freed):
        missed.append(f"the outage limit of {asked.max_group_outage:g}")
    if any(other.min_success != asked.min_success for other in freed):
        missed.append(f"min_success of {asked.min_success}")
    if any(result.instance.failure_domains != instance.failure_domains for result in results):
        missed.append("failure domains")
    if any(result.instance.rules != instance.rules for result in results):
        missed.append("rules")
    return " or ".join(missed)


def _row(result: Result, mark: str, *, has_cut: bool) -> list[str]:
    row = [
        result.method + mark,
        result.termination.replace("_", " "),
        shown_value(result.objective, result.objective_value),
        shown_value(result.objective, result.lower_bound),
        percent(result.gap),
    ]
    metrics, plan = result.metrics, result.plan
    if metrics is None or plan is None:
        row += [NOTHING] * (6 + has_cut)
    else:
        # Without the outage limit a guarantee means nothing.
        guaranteed = None if mark else metrics.guaranteed_seconds
        times = (guaranteed, metrics.nominal_seconds, metrics.worst_seconds, metrics.expected_seconds)
        row.append(small_share(metrics.failure_probability))
        row += [NOTHING if metrics.ncut is None else f"{metrics.ncut:.4f}"] * has_cut
        row += [*(seconds(time) for time in times), str(len(plan.groups))]
    return [*row, search_time(result.wall_seconds)]
