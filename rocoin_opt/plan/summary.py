"""A result in words and tables, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rocoin_opt.plan.result import Result


def summarise(result: Result) -> str:
    """Tell a result as text."""
    return f"{result.method} {result.objective} {result.objective_value}"
