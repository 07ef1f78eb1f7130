"""The whole answer on the shipped instances: failure and missing share of every method's plan, and what is proven.

``python benchmarks/whole_answer.py [--objectives O,O] [--methods M,M] [--devices N] [--time-limit S] [NAME ...]``
solves each shipped instance of constant latencies and at most N devices, and scores all plans by the same evaluator. A
method without redundancy that cannot keep the outage limit is scored without it, as in ``rocoin-opt compare``. The
column ``guaranteed`` is the plan of least guaranteed latency. A failure may be many powers of ten below 1: beside the
gap stands that of its logarithm, ``(ln value - ln bound) / |ln bound|``. The exit status is 1 where a plan that keeps
the limit is worth less than a bound, or than another plan that is called optimal.
"""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

from best_known import feasible_files
from peers.medians import spread
from peers.tables import figure, percent, show, spread_text
from script import Document, Script, names, run, shared_options

import rocoin_opt as ro
from rocoin_opt.plan.result import relative_gap

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

OBJECTIVES = ["failure", "missing"]
PROVING = "exact"
LITERATURE = ["rocoin", "nonn", "het-nonn", "random"]
METHODS = [PROVING, "local-search", "greedy", *LITERATURE]
GUARANTEED = "guaranteed"
"""The plan of least guaranteed latency, as one more column."""
TOLERANCE = 1e-9
"""Relative distance within which two values are the same."""


def measure(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Every method on every instance, for every objective."""
    found = []
    for path in feasible_files(options.names):
        instance = ro.read_instance(path)
        if instance.has_random_latencies or len(instance.devices) > options.devices:
            continue
        earliest = ro.solve(instance, PROVING, "guaranteed", time_limit=options.time_limit, latency_only=True)
        for objective in options.objectives:
            about = {"instance": path.stem, "family": path.parent.name, "devices": len(instance.devices)}
            plans = {method: solved(instance, method, objective, options.time_limit) for method in options.methods}
            plans[GUARANTEED] = {
                "value": None if earliest.metrics is None else earliest.metrics.value(objective),
                "keeps_limit": True,
            }
            found.append({**about, "objective": objective, "plans": plans})
            print(" ".join(_cells(found[-1], options.methods)), file=sys.stderr, flush=True)
    return found


def solved(instance: ro.Instance, method: str, objective: Any, limit: float) -> dict[str, Any]:
    """What a method finds, if need be without the outage limit."""
    result = ro.solve(instance, method, objective, time_limit=limit, latency_only=True)
    keeps_limit = result.plan is not None or ro.METHODS[method].redundant
    if not keeps_limit:
        unlimited = instance.with_requirements(max_group_outage=1.0)
        result = ro.solve(unlimited, method, objective, time_limit=limit, latency_only=True)
    return {
        "value": result.objective_value,
        "lower_bound": result.lower_bound if keeps_limit else None,
        "keeps_limit": keeps_limit,
        "termination": result.termination,
        "wall_seconds": round(result.wall_seconds, 3),
    }


def logarithmic_gap(value: float | None, bound: float | None) -> float | None:
    """Distance of value and bound in powers, as a share of the bound's; None without two numbers between 0 and 1."""
    if value is None or bound is None or not 0.0 < bound < 1.0 or not value > 0.0:
        return None
    return max(0.0, math.log(value) - math.log(bound)) / -math.log(bound)


def show_tables(found: Document, *, markdown: bool) -> None:
    """A table for each objective, then what they say together."""
    rows, settings = found["results"], found["settings"]
    limit, methods = settings["time_limit"], settings["methods"]
    titles = {
        "failure": "Probability that the whole answer misses the deadline",
        "missing": "Expected share of the filters that misses the deadline",
    }
    for objective in settings["objectives"]:
        show(
            f"{titles[objective]}, limit {limit:g} s; (without the outage limit)",
            _header(methods),
            [_cells(row, methods) for row in rows if row["objective"] == objective],
            ["instance"],
            markdown=markdown,
        )
    if PROVING in methods:
        others = [*(method for method in methods if method != PROVING), GUARANTEED]
        show(
            f"How far {PROVING} is below the others, relative to them: medians (smallest..largest)",
            ["objective", "family", "proven", *others],
            _summary(rows, others),
            ["objective", "family"],
            markdown=markdown,
        )


def _header(methods: list[str]) -> list[str]:
    proof = ["bound", "gap", "of logarithms", "seconds"] if PROVING in methods else []
    return ["instance", *proof, *methods, GUARANTEED]


def _cells(row: dict[str, Any], methods: list[str]) -> list[str]:
    plans = row["plans"]
    proof = []
    if PROVING in methods:
        value, bound = plans[PROVING]["value"], plans[PROVING]["lower_bound"]
        proof = [
            figure(bound),
            percent(relative_gap(value, bound)),
            percent(logarithmic_gap(value, bound)),
            f"{plans[PROVING]['wall_seconds']:.2f}",
        ]
    return [row["instance"], *proof, *(_value(plans[name]) for name in (*methods, GUARANTEED))]


def _value(plan: dict[str, Any]) -> str:
    text = figure(plan["value"])
    return text if plan["keeps_limit"] or plan["value"] is None else f"({text})"


def _summary(rows: list[dict[str, Any]], others: list[str]) -> list[list[str]]:
    """Proofs and savings by objective and family."""
    together: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        if row["plans"][PROVING]["value"] is not None:
            together.setdefault((row["objective"], row["family"]), []).append(row)
    return [
        [
            *key,
            f"{sum(row['plans'][PROVING]['termination'] == 'optimal' for row in chosen)} of {len(chosen)}",
            *(spread_text(spread(map(_less_than(other), chosen)), percent) for other in others),
        ]
        for key, chosen in sorted(together.items())
    ]


def _less_than(other: str) -> Callable[[dict[str, Any]], float | None]:
    """Share that the proving method saves of another one's value; None where that has no plan that keeps the limit."""

    def less(row: dict[str, Any]) -> float | None:
        plan = row["plans"][other]
        if not plan["value"] or not plan["keeps_limit"]:
            return None
        return float(1.0 - row["plans"][PROVING]["value"] / plan["value"])

    return less


def faults(found: Document) -> list[str]:
    """Plans that are worth less than a bound, or than what is called optimal."""
    wrong = []
    for row in found["results"]:
        valid = {name: plan for name, plan in row["plans"].items() if plan["keeps_limit"] and plan["value"] is not None}
        for name, plan in valid.items():
            bounds = [other.get("lower_bound") or 0.0 for other in valid.values()]
            bounds += [other["value"] for other in valid.values() if other.get("termination") == "optimal"]
            if plan["value"] < max(bounds) * (1.0 - TOLERANCE):
                wrong.append(f"{row['instance']}, {row['objective']}: {name} is below what no plan can beat")
    return wrong


QUICK = {"names": ["mcu-8-0"], "methods": [PROVING, "greedy", "rocoin", "nonn"], "time_limit": 2.0}
SCRIPT = Script("whole_answer", measure, show_tables, faults, quick=QUICK)


def main() -> None:
    """Measure or show."""
    parser = shared_options(__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--objectives", type=names, default=OBJECTIVES, metavar="O,O,...")
    parser.add_argument("--methods", type=names, default=METHODS, metavar="M,M,...")
    parser.add_argument("--devices", type=int, default=50, metavar="N", help="of an instance at most; default 50")
    parser.add_argument("--time-limit", type=float, default=60.0, metavar="S")
    run(SCRIPT, parser)


if __name__ == "__main__":
    main()
