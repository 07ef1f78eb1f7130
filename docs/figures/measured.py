"""Tables of stored measurements, in Markdown."""

from __future__ import annotations

import json
from statistics import median
from typing import TYPE_CHECKING, Any

from measurement import provenance

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


def table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table whose first column is text and whose others are figures."""
    rule = ("---", *("---:" for _ in heading[1:]))
    return "\n".join(f"| {' | '.join(row)} |" for row in (heading, rule, *rows))


def proofs(path: Path) -> str:
    """Return how many instances each solver proved by their number of devices, and its median time."""
    document = json.loads(path.read_text(encoding="utf-8"))
    runs = document["results"]["runs"]
    methods = list(dict.fromkeys(run["method"] for run in runs))
    rows = []
    for devices in sorted({run["devices"] for run in runs}):
        cells = []
        for method in methods:
            of_size = [run for run in runs if (run["devices"], run["method"]) == (devices, method)]
            # Those that are out of a method's reach were not measured.
            found = [run for run in of_size if run["seconds"] is not None]
            proven = sum(run["termination"] == "optimal" for run in found)
            cells.append(f"{proven} of {len(found)}, {median(run['seconds'] for run in found):.2f} s" if found else "-")
        rows.append([f"{devices:,}", *cells])
    return f"{table(['Devices', *methods], rows)}\n\n{provenance(document)}"


def expected_times(path: Path, methods: Sequence[str]) -> str:
    """Return expected answer times as multiples of that of `exact`: the median over instances, and the range."""
    document = json.loads(path.read_text(encoding="utf-8"))
    groups: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for found in document["results"]:
        groups.setdefault((found["family"], found["devices"]), []).append(found)
    rows = []
    for (family, devices), of_size in groups.items():
        gap = median(1.0 - found["lower_bound"] / found["value"] for found in of_size)
        others = [[found["others"][name] / found["value"] for found in of_size] for name in methods]
        rows.append([f"{family}-{devices}", f"{100 * gap:.1f} %", *map(spread, others)])
    heading = ["Instances", "Gap of `exact`", *(f"`{name}`" for name in methods)]
    return f"{table(heading, rows)}\n\n{provenance(document)}"


def simulated_draws(path: Path) -> str:
    """Return how many fates of devices each simulation draws a second: the median over repeats, and the range."""
    document = json.loads(path.read_text(encoding="utf-8"))
    found = document["results"]
    rows = [
        [name, f"{median(rates):,.0f}", f"{min(rates):,.0f}..{max(rates):,.0f}"]
        for name, rates in found["device_draws_per_second"].items()
    ]
    heading = [f"{found['replicas']} replicas in {found['groups']} groups", "draws a second", "range"]
    return f"{table(heading, rows)}\n\n{provenance(document)}"


def spread(values: Sequence[float]) -> str:
    """Return a median with the range behind it."""
    return f"{median(values):.2f} ({min(values):.2f}..{max(values):.2f})"
