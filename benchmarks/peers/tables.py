"""Results as tables for a terminal or in Markdown."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from peers.medians import Spread

WIDTH = 180


def show(
    title: str,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    text_columns: Collection[str],
    *,
    markdown: bool,
) -> None:
    """Print a table; columns are aligned to the right but for the named ones, which hold text."""
    if markdown:
        _print_markdown(title, header, rows, text_columns)
    else:
        _print_rich(title, header, rows, text_columns)


def figure(value: float | None) -> str:
    """Six digits, or a dash for none."""
    return "-" if value is None else f"{value:.6g}"


def percent(share: float | None) -> str:
    """Per cent with two decimals, or a dash for none."""
    # What is rounded to 0 has no sign.
    return "-" if share is None else f"{round(100.0 * share, 2) + 0.0:.2f} %"


def spread_text(spread: Spread | None, shown: Callable[[float], str]) -> str:
    """Median and range, without the range where it has no width."""
    if spread is None:
        return "-"
    middle, *ends = map(shown, spread)
    return middle if ends[0] == ends[1] else f"{middle} ({ends[0]}..{ends[1]})"


def _print_rich(
    title: str, header: Sequence[str], rows: Sequence[Sequence[str]], text_columns: Collection[str]
) -> None:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in header:
        table.add_column(name, justify="left" if name in text_columns else "right", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    # A table cut to a pipe's eighty columns would be of no use.
    Console(width=None if sys.stdout.isatty() else WIDTH).print(table)


def _print_markdown(
    title: str, header: Sequence[str], rows: Sequence[Sequence[str]], text_columns: Collection[str]
) -> None:
    print(f"**{title}**\n")
    print(f"| {' | '.join(header)} |")
    print(f"|{'|'.join(' --- ' if name in text_columns else ' ---: ' for name in header)}|")
    for row in rows:
        print(f"| {' | '.join(row)} |")
    print()
