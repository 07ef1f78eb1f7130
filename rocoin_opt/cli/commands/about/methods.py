"""The command ``methods``: what there is to solve with."""

from __future__ import annotations

from rocoin_opt.cli.output import console


def methods() -> None:
    """List the methods and the objectives that each minimises."""
    from rocoin_opt.plan import plain_table
    from rocoin_opt.planning.methods import METHODS

    table = plain_table("method", "objectives", "what it does")
    for method in METHODS.values():
        table.add_row(method.name, ", ".join(method.objectives), method.summary)
    console().print(table)
