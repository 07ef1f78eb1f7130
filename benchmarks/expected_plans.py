"""Plans for the expected answer time beside every baseline, and how far from the optimum they can be.

``python benchmarks/expected_plans.py [--families F,F] [--devices N,N] [--seeds S,S] [--time-limit S]`` generates each
instance, solves it by ``exact`` for ``expected``, and scores the baselines by the same evaluator. The column
``guaranteed`` is the expected answer time of the plan of least guaranteed latency. A method without redundancy that
cannot keep the outage limit is scored without it, as in ``rocoin-opt compare``. The exit status is 1 where a baseline
has the better plan.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from peers.medians import spread
from peers.tables import figure, percent, show, spread_text
from script import Document, Script, names, numbers, run, shared_options

import rocoin_opt as ro
from rocoin_opt.plan.result import relative_gap

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

LITERATURE = ("rocoin", "nonn", "het-nonn", "random")
BASELINES = (*LITERATURE, "greedy")
GUARANTEED = "guaranteed"
"""The plan of least guaranteed latency, as one more column."""
TOLERANCE = 1e-9
"""Relative distance within which two values are the same."""


def scored(instance: ro.Instance, method: str, limit: float) -> float | None:
    """Expected answer time of a baseline's plan in seconds; None where it has none."""
    results = ro.compare(instance, [method], "expected", time_limit=limit)
    return min((result.objective_value for result in results if result.objective_value is not None), default=None)


def measured(family: str, devices: int, seed: int, limit: float) -> dict[str, Any]:
    """What ``exact`` and all others find for one instance."""
    instance = ro.generate(family, devices=devices, seed=seed)
    result = ro.solve(instance, "exact", "expected", time_limit=limit)
    guaranteed = ro.solve(instance, "exact", "guaranteed", time_limit=limit, latency_only=True)
    others = {method: scored(instance, method, limit) for method in BASELINES}
    others[GUARANTEED] = None if guaranteed.metrics is None else guaranteed.metrics.expected_seconds
    return {
        "instance": instance.name,
        "family": family,
        "devices": devices,
        "seed": seed,
        "value": result.objective_value,
        "lower_bound": result.lower_bound,
        "wall_seconds": result.wall_seconds,
        "others": others,
    }


def measure(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Every instance."""
    rows = []
    for family in options.families:
        for devices in options.devices:
            for seed in options.seeds:
                rows.append(measured(family, devices, seed, options.time_limit))
                print(" ".join(_cells(rows[-1])), file=sys.stderr, flush=True)
    return rows


def show_tables(found: Document, *, markdown: bool) -> None:
    """A row for each instance, and what they say together."""
    rows = found["results"]
    show(
        f"Expected answer time in seconds, limit {found['settings']['time_limit']:g} s",
        ["instance", "exact", "bound", "gap", "seconds", *BASELINES, GUARANTEED],
        [_cells(row) for row in rows],
        ["instance"],
        markdown=markdown,
    )
    show(
        "How much earlier exact answers than the others: medians over the seeds (smallest..largest)",
        ["family", "devices", "gap", f"than the best of {', '.join(LITERATURE)}", "greedy", "guaranteed"],
        _summary(rows),
        ["family"],
        markdown=markdown,
    )
    best = sum(row["value"] is not None and not _better(row) for row in rows)
    print(f"No other plan is better in {best} of {len(rows)} rows.\n")


def _cells(row: dict[str, Any]) -> list[str]:
    return [
        row["instance"],
        figure(row["value"]),
        figure(row["lower_bound"]),
        percent(relative_gap(row["value"], row["lower_bound"])),
        f"{row['wall_seconds']:.1f}",
        *map(figure, row["others"].values()),
    ]


def _summary(rows: list[dict[str, Any]]) -> list[list[str]]:
    """Gaps and ratios by family and size: medians and ranges over the seeds."""
    together: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for row in rows:
        if row["value"] is not None:
            together.setdefault((row["family"], row["devices"]), []).append(row)
    return [
        [
            family,
            str(devices),
            spread_text(spread(relative_gap(row["value"], row["lower_bound"]) for row in chosen), percent),
            *(
                spread_text(spread(_less(row, rivals) for row in chosen), percent)
                for rivals in (LITERATURE, ("greedy",), (GUARANTEED,))
            ),
        ]
        for (family, devices), chosen in together.items()
    ]


def _less(row: dict[str, Any], rivals: Sequence[str]) -> float | None:
    """How much sooner than by the best of some others, as a share of theirs; None where they have no plan."""
    values = [row["others"][name] for name in rivals if row["others"][name] is not None]
    return 1.0 - row["value"] / min(values) if values else None


def _better(row: dict[str, Any]) -> list[str]:
    """Methods with a better plan than ``exact``."""
    known = {name: value for name, value in row["others"].items() if value is not None}
    return [name for name, value in known.items() if row["value"] is None or value < row["value"] * (1.0 - TOLERANCE)]


def faults(found: Document) -> list[str]:
    """Rows where another method has the better plan."""
    better = {row["instance"]: _better(row) for row in found["results"]}
    return [f"{instance}: {', '.join(methods)} has the better plan" for instance, methods in better.items() if methods]


QUICK = {"families": ["mcu"], "devices": [8], "seeds": [0], "time_limit": 30.0}
SCRIPT = Script("expected_plans", measure, show_tables, faults, quick=QUICK)


def main() -> None:
    """Measure or show."""
    parser = shared_options(__doc__)
    parser.add_argument("--families", type=names, default=["paper", "mcu", "sbc", "edge"])
    parser.add_argument("--devices", type=numbers, default=[20, 30, 50])
    parser.add_argument("--seeds", type=numbers, default=[0, 1, 2])
    parser.add_argument("--time-limit", type=float, default=30.0)
    run(SCRIPT, parser)


if __name__ == "__main__":
    main()
