"""How results look on a terminal: one style of table, and text that no name in it can break."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from rocoin_opt.errors import printable

if TYPE_CHECKING:
    from collections.abc import Iterable


def plain_table(*columns: str, numbers: Iterable[str] = ()) -> Table:
    """Make an empty table without lines: columns of words, then columns of numbers, flush right."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in columns:
        table.add_column(name)
    for name in numbers:
        table.add_column(name, justify="right")
    return table


def plain_text(text: str, style: str = "") -> Text:
    """Make a text of the characters that can be shown, none of them read as markup."""
    return Text(printable(text), style=style)
