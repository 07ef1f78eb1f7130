"""Heuristics on the shipped instances: how far above the best known values they end, and how soon.

``python benchmarks/heuristics.py [--methods M,M] [--objectives O,O] [--time-limit S] [--seeds N,N] [NAME ...]``. The
best known values are those of ``instances/best_known.json``. The exit status is 1 where a plan is worth less than a
lower bound that stands there.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from best_known import BEST_KNOWN, feasible_files, has_meaning
from peers.medians import AGREEMENT, spread
from peers.tables import figure, show, spread_text
from script import Document, Script, names, numbers, run, shared_options

import rocoin_opt as ro

if TYPE_CHECKING:
    import argparse

METHODS = ["greedy", "local-search", "lp-rounding"]
OBJECTIVES = ["guaranteed", "nominal", "worst"]


def measure(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Every method on every instance, for every objective that both know."""
    known = json.loads(BEST_KNOWN.read_text(encoding="utf-8"))
    found = []
    for path in feasible_files(options.names):
        instance = ro.read_instance(path)
        for objective in options.objectives:
            if not has_meaning(instance, objective) or objective not in known[path.stem]:
                continue
            best = known[path.stem][objective]
            about = {"instance": path.stem, "family": path.parent.name, "objective": objective}
            bounds = {"best_known": best["value"], "best_bound": best["lower_bound"]}
            for method in options.methods:
                for seed in options.seeds:
                    row = solved(instance, method, objective, seed, options.time_limit)
                    if row is not None:
                        found.append({**about, **row, **bounds})
        print(path.stem, file=sys.stderr, flush=True)
    return found


def solved(instance: ro.Instance, method: str, objective: str, seed: int, limit: float) -> dict[str, Any] | None:
    """What a method finds; None where it cannot honour the instance, or has not this objective."""
    if objective not in ro.METHODS[method].objectives:
        return None
    try:
        result = ro.solve(instance, method, objective, time_limit=limit, seed=seed, latency_only=True)
    except ro.UnsupportedError:
        return None
    return {"method": method, "seed": seed, "value": result.objective_value, "wall_seconds": result.wall_seconds}


def show_tables(found: Document, *, markdown: bool) -> None:
    """By method and objective; then where each method is furthest off."""
    rows = found["results"]
    together: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        together.setdefault((row["method"], row["objective"]), []).append(row)
    table = []
    for (method, objective), chosen in together.items():
        solved = [row for row in chosen if row["value"] is not None]
        if not solved:
            table.append([method, objective, f"0 of {len(chosen)}", *("-" * 4)])
            continue
        ratios = {id(row): row["value"] / row["best_known"] for row in solved}
        furthest = max(solved, key=lambda row: ratios[id(row)])
        table.append(
            [
                method,
                objective,
                f"{len(solved)} of {len(chosen)}",
                str(sum(ratio <= 1.0 + AGREEMENT for ratio in ratios.values())),
                spread_text(spread(ratios.values()), "{:.4f}".format),
                f"{furthest['instance']}, seed {furthest['seed']}" if ratios[id(furthest)] > 1.0 + AGREEMENT else "-",
                spread_text(spread(row["wall_seconds"] for row in chosen), lambda seconds: figure(round(seconds, 2))),
            ]
        )
    limit, seeds = found["settings"]["time_limit"], found["settings"]["seeds"]
    show(
        f"Value over the best known one: medians over shipped instances and seeds {', '.join(map(str, seeds))} "
        f"(smallest..largest), limit {limit:g} s",
        ("method", "objective", "plans", "best known reached", "ratio", "furthest off", "seconds"),
        table,
        {"method", "objective", "furthest off"},
        markdown=markdown,
    )


def faults(found: Document) -> list[str]:
    """Plans below a lower bound."""
    return [
        f"{row['instance']}, {row['objective']}: {row['method']} has {row['value']!r}, bound {row['best_bound']!r}"
        for row in found["results"]
        if row["value"] is not None and row["value"] < row["best_bound"] * (1.0 - AGREEMENT)
    ]


QUICK = {"time_limit": 1.0, "objectives": ["guaranteed"], "seeds": [0], "names": ["paper-8-0", "mcu-12-0", "edge-12-0"]}
SCRIPT = Script("heuristics", measure, show_tables, faults, quick=QUICK)


def main() -> None:
    """Measure or show."""
    parser = shared_options(__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="of instances; all feasible shipped ones by default")
    parser.add_argument("--methods", type=names, default=METHODS, metavar="M,M,...")
    parser.add_argument("--objectives", type=names, default=OBJECTIVES, metavar="O,O,...")
    parser.add_argument("--time-limit", type=float, default=10.0, metavar="S", help="default 10")
    parser.add_argument("--seeds", type=numbers, default=[0], metavar="N,N,...", help="default 0")
    run(SCRIPT, parser)


if __name__ == "__main__":
    main()
