"""The tables of the study. In Markdown each stands between two marks, so that a page can include it alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from studies.findings import findings
from studies.loss_tables import crossing, cuts, decomposition, sweep
from studies.plan_tables import accuracy, answer_table, lone, overview, plans
from studies.reading import families, sizes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def print_tables(found: Mapping[str, Any], *, markdown: bool) -> None:
    """Print every table of a document, and what follows from them."""
    results = found["results"]
    planned = [
        n
        for n in sizes(results)
        if all("exact expected" in results["plans"][f"{family}-{n}"]["runs"] for family in families(results, n))
    ]
    made: dict[str, Callable[[], None]] = {
        "overview": lambda: overview(results, markdown=markdown),
        "findings": lambda: print("\n".join(f"* {text}" for text in findings(results)) + "\n"),
        **{f"plans-{n}": lambda n=n: plans(results, n, markdown=markdown) for n in sizes(results)},
        "lone": lambda: lone(results, markdown=markdown),
        **{f"answers-{n}": lambda n=n: answer_table(results, n, markdown=markdown) for n in planned},
        "accuracy": lambda: accuracy(results["accuracy"], markdown=markdown),
        "decomposition": lambda: decomposition(results, markdown=markdown),
        "cuts": lambda: cuts(results, markdown=markdown),
        "crossing": lambda: crossing(results, markdown=markdown),
        **{f"sweep-{family}": lambda f=family: sweep(results, f, markdown=markdown) for family in results["sweep"]},
    }
    for name, make in made.items():
        if markdown:
            print(f"<!-- {name} -->\n")
        make()
        if markdown:
            print(f"<!-- end of {name} -->\n")
    if markdown:
        print("<!-- made -->\n")
    asked = found["settings"]
    print(f"Each search was given {asked['time_limit']:g} s, {asked['jobs']} of them at a time.\n")
