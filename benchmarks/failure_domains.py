"""Failure domains: what is proven of the guarantee, how fast, and what a plan made without them is worth.

``python benchmarks/failure_domains.py [--families F,F] [--fleets N:D,N:D] [--seeds S] [--time-limit S] [--milp-devices
N]`` plans seeded instances of N devices in D domains by ``exact``, ``local-search`` and, on small ones, ``milp`` as a
second opinion. Beside them stands the plan of ``exact`` for the same devices without domains: how many of its groups
miss the outage limit that they were planned for. The exit status is 1 where two proofs differ, or a bound is above a
value.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from peers.medians import spread
from peers.tables import figure, percent, show, spread_text
from script import Document, Script, names, run, shared_options

import rocoin_opt as ro
from rocoin_opt.instance.relaxations import relaxed
from rocoin_opt.plan.result import relative_gap

if TYPE_CHECKING:
    import argparse

FAMILIES = ["paper", "mcu", "sbc", "edge", "lossy"]
FLEETS = ["12:3", "30:6", "100:20"]
TOLERANCE = 1e-9
"""Relative distance within which two values are the same."""


def measure(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Every family and fleet."""
    found = []
    for fleet in options.fleets:
        devices, domains = map(int, fleet.split(":"))
        for family in options.families:
            for seed in range(200, 200 + options.seeds):
                instance = ro.generate(family, devices=devices, domains=domains, seed=seed)
                row = {"family": family, "devices": devices, "domains": domains, "seed": seed}
                found.append({**row, **planned(instance, options.time_limit, milp=devices <= options.milp_devices)})
                print(" ".join(_cells(found[-1])), file=sys.stderr, flush=True)
    return found


def planned(instance: ro.Instance, limit: float, *, milp: bool) -> dict[str, Any]:
    """One instance by each method."""
    proof = ro.solve(instance, "exact", time_limit=limit, latency_only=True)
    search = ro.solve(instance, "local-search", time_limit=limit)
    model = ro.solve(instance, "milp", time_limit=limit) if milp else None
    free = ro.solve(relaxed(instance), "exact", time_limit=limit, latency_only=True)
    missed = [] if free.plan is None else [v for v in ro.check(instance, free.plan) if v.rule == "outage"]
    return {
        "value": proof.objective_value,
        "bound": proof.lower_bound,
        "seconds": round(proof.wall_seconds, 3),
        "search": search.objective_value,
        "search_seconds": round(search.wall_seconds, 3),
        "milp": None if model is None else model.objective_value,
        "milp_bound": None if model is None else model.lower_bound,
        "free": free.objective_value,
        "free_groups": 0 if free.plan is None else len(free.plan.groups),
        "free_missed": len(missed),
    }


def show_tables(found: Document, *, markdown: bool) -> None:
    """Every instance, then each family."""
    rows, limit = found["results"], found["settings"]["time_limit"]
    show(
        f"Guaranteed latency in seconds under failure domains, limit {limit:g} s",
        ["family", "devices", "domains", "seed", "exact", "bound", "gap", "seconds", "local-search", "milp", *FREE],
        [_cells(row) for row in rows],
        ["family"],
        markdown=markdown,
    )
    show(
        "Proofs and gaps: medians (smallest..largest)",
        [
            "family",
            "devices",
            "domains",
            "proven",
            "gap",
            "seconds",
            "local-search / exact",
            "groups of a blind plan that miss",
        ],
        _summary(rows),
        ["family"],
        markdown=markdown,
    )


FREE = ["without domains", "its groups that miss the limit"]


def _gap(row: dict[str, Any]) -> float | None:
    gap = relative_gap(row["value"], row["bound"])
    # What is left of a closed gap is rounding.
    return 0.0 if gap is not None and gap <= TOLERANCE else gap


def _cells(row: dict[str, Any]) -> list[str]:
    return [
        row["family"],
        str(row["devices"]),
        str(row["domains"]),
        str(row["seed"]),
        figure(row["value"]),
        figure(row["bound"]),
        percent(_gap(row)),
        f"{row['seconds']:.2f}",
        figure(row["search"]),
        figure(row["milp"]),
        figure(row["free"]),
        f"{row['free_missed']} of {row['free_groups']}",
    ]


def _summary(rows: list[dict[str, Any]]) -> list[list[str]]:
    together: dict[tuple[int, str], list[dict[str, Any]]] = {}
    for row in rows:
        together.setdefault((row["devices"], row["family"]), []).append(row)
    return [
        [
            family,
            str(devices),
            str(chosen[0]["domains"]),
            f"{sum(_gap(row) == 0.0 for row in chosen)} of {len(chosen)}",
            spread_text(spread(gap for row in chosen if (gap := _gap(row)) is not None), percent),
            spread_text(spread(row["seconds"] for row in chosen), lambda value: f"{value:.2f}"),
            spread_text(
                spread(row["search"] / row["value"] for row in chosen if row["search"] and row["value"]),
                lambda value: f"{value:.3f}",
            ),
            f"{sum(row['free_missed'] for row in chosen)} of {sum(row['free_groups'] for row in chosen)}",
        ]
        for (devices, family), chosen in sorted(together.items())
    ]


def faults(found: Document) -> list[str]:
    """Proofs that differ, and bounds above values."""
    wrong = []
    for row in found["results"]:
        where = f"{row['family']}-{row['devices']} in {row['domains']} domains, seed {row['seed']}"
        values = [row[name] for name in ("value", "search", "milp") if row[name] is not None]
        bounds = [row[name] for name in ("bound", "milp_bound") if row[name] is not None]
        if values and bounds and max(bounds) > min(values) * (1.0 + TOLERANCE):
            wrong.append(f"{where}: a bound of {max(bounds):g} above a value of {min(values):g}")
        if row["free"] is not None and row["value"] is not None and row["free"] > row["value"] * (1.0 + TOLERANCE):
            wrong.append(f"{where}: earlier with domains than without")
    return wrong


QUICK = {"families": ["edge"], "fleets": ["8:2"], "seeds": 1, "time_limit": 2.0}
SCRIPT = Script("failure_domains", measure, show_tables, faults, quick=QUICK)


def main() -> None:
    """Measure or show."""
    parser = shared_options(__doc__)
    parser.add_argument("--families", type=names, default=FAMILIES, metavar="F,F,...")
    parser.add_argument("--fleets", type=names, default=FLEETS, metavar="N:D,N:D,...", help="devices and domains")
    parser.add_argument("--seeds", type=int, default=2, metavar="S", help="instances of each; default 2")
    parser.add_argument("--milp-devices", type=int, default=12, metavar="N", help="for milp at most; default 12")
    parser.add_argument("--time-limit", type=float, default=60.0, metavar="S")
    run(SCRIPT, parser)


if __name__ == "__main__":
    main()
