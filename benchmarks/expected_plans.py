"""Plans for the expected answer time beside every baseline, and how far from the optimum they can be.

``python benchmarks/expected_plans.py [--families F,F] [--devices N,N] [--seeds S,S] [--time-limit S] [--markdown]``
generates each instance, solves it by ``exact`` for ``expected``, and scores the baselines by the same evaluator. The
column ``guaranteed`` is the expected answer time of the plan of least guaranteed latency. A method without redundancy
that cannot keep the outage limit is scored without it, as in ``rocoin-opt compare``. The exit status is 1 where a
baseline has the better plan.
"""

from __future__ import annotations

import argparse
import sys

from peers.tables import figure, percent, show

import rocoin_opt as ro

BASELINES = ("rocoin", "nonn", "het-nonn", "random", "greedy")
TOLERANCE = 1e-9
"""Relative distance within which two values are the same."""


def numbers(text: str) -> list[int]:
    """Whole numbers, separated by commas."""
    return [int(part) for part in text.split(",")]


def scored(instance: ro.Instance, method: str, limit: float) -> float | None:
    """Expected answer time of a baseline's plan in seconds; None where it has none."""
    results = ro.compare(instance, [method], "expected", time_limit=limit)
    return min((result.objective_value for result in results if result.objective_value is not None), default=None)


def row(instance: ro.Instance, limit: float) -> tuple[list[str], bool]:
    """A row of the table, and whether no baseline is better."""
    result = ro.solve(instance, "exact", "expected", time_limit=limit)
    guaranteed = ro.solve(instance, "exact", "guaranteed", time_limit=limit, latency_only=True)
    others = [scored(instance, method, limit) for method in BASELINES]
    others.append(None if guaranteed.metrics is None else guaranteed.metrics.expected_seconds)
    value = result.objective_value
    known = [other for other in others if other is not None]
    holds = value is not None and all(value <= other * (1.0 + TOLERANCE) for other in known)
    bound = figure(result.lower_bound)
    cells = [
        instance.name,
        figure(value),
        bound,
        percent(result.gap),
        f"{result.wall_seconds:.1f}",
        *map(figure, others),
    ]
    return cells, holds


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--families", default="edge,mcu")
    parser.add_argument("--devices", type=numbers, default=[20, 30, 50])
    parser.add_argument("--seeds", type=numbers, default=[0, 1, 2])
    parser.add_argument("--time-limit", type=float, default=30.0)
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    rows, all_hold = [], True
    for family in options.families.split(","):
        for devices in options.devices:
            for seed in options.seeds:
                instance = ro.generate(family, devices=devices, seed=seed)
                cells, holds = row(instance, options.time_limit)
                print(" ".join(cells), file=sys.stderr, flush=True)
                rows.append(cells)
                all_hold &= holds
    show(
        f"Expected answer time in seconds, limit {options.time_limit:g} s",
        ["instance", "exact", "bound", "gap", "seconds", *BASELINES, "guaranteed"],
        rows,
        ["instance"],
        markdown=options.markdown,
    )
    return 0 if all_hold else 1


if __name__ == "__main__":
    sys.exit(main())
