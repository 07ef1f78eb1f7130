"""Results as text, and the same as HTML for notebooks."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from rich.console import Console

from rocoin_opt.plan import SUMMARY_COLUMNS, in_runs, plain_table, plain_text, print_summary
from rocoin_opt.report import RunItems, print_comparison, print_frontier, print_replan, print_run_comparison

if TYPE_CHECKING:
    from collections.abc import Callable

    from rocoin_opt.plan import Plan

HTML = '<pre style="white-space: pre; overflow-x: auto; line-height: 1.35">{code}</pre>'
"""Keeps the columns of tables; colours are those of the notebook."""


def text_of(shown: Any) -> str:
    """Tell it as plain text of at most 110 columns."""
    stream = io.StringIO()
    TELLERS[shown._shown_as](shown, _console(stream))
    return stream.getvalue()


def html_of(shown: Any) -> str:
    """Tell it as HTML, in the words and tables of :func:`text_of`; no name in it is read as markup."""
    console = _console(io.StringIO(), record=True)
    TELLERS[shown._shown_as](shown, console)
    return console.export_html(code_format=HTML, inline_styles=True)


def _console(stream: io.StringIO, *, record: bool = False) -> Console:
    return Console(
        file=stream, width=SUMMARY_COLUMNS, highlight=False, color_system=None, force_jupyter=False, record=record
    )


def _tell_plan(plan: Plan, console: Console) -> None:
    console.print(plain_text(plan._told()))
    table = plain_table(numbers=("group", "filters"))
    table.add_column("student")
    table.add_column("devices", overflow="fold")
    for k, group in enumerate(plan.groups):
        devices = ", ".join(in_runs(group.devices))
        table.add_row(str(k), str(group.num_filters), plain_text(group.student), plain_text(devices))
    console.print(table)
    if plan.spares:
        console.print(plain_text(f"spares: {', '.join(in_runs(plan.spares))}"))


def _tell_run(run: Any, console: Console) -> None:
    console.print(plain_text(run._told()))
    if run:
        console.print()
        print_run_comparison(RunItems.of(run, "run"), console)


TELLERS: dict[str, Callable[[Any, Console], None]] = {
    "result": print_summary,
    "plan": _tell_plan,
    "comparison": lambda found, console: print_comparison(found.instance, found, console),
    "frontier": print_frontier,
    "replan": print_replan,
    "run": _tell_run,
}
"""Who tells what, by the name that it is shown as."""
