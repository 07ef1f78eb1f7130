"""Shared channels: what is proven of latencies, and how fast.

``python benchmarks/channel_proofs.py [--families F,F] [--fleets N:C:S[:OBJECTIVE],...] [--seeds S]`` plans seeded
instances of N devices on C channels by ``exact`` within S seconds each, for ``guaranteed`` latency or another one.
Beside it stands ``local-search``, which has ten. The exit status is 1 where a plan is earlier than a bound.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from peers.medians import spread
from peers.tables import figure, percent, show, spread_text
from script import Document, Script, names, run, shared_options

import rocoin_opt as ro
from rocoin_opt.plan.result import relative_gap

if TYPE_CHECKING:
    import argparse

    from rocoin_opt.plan.latency import Objective

FAMILIES = ["paper", "mcu", "sbc", "edge"]
FLEETS = ["12:2:10", "12:2:10:nominal", "30:3:60", "100:6:20"]
SEARCH = 10.0
"""Seconds that local search has at most."""
TEXTS = ["family", "objective"]
"""Columns of text."""
TOLERANCE = 1e-9
"""Relative distance within which two values are the same."""


def measure(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Every family and fleet."""
    found = []
    for fleet in options.fleets:
        *sizes, objective = [*fleet.split(":"), "guaranteed"][:4]
        devices, channels, limit = map(int, sizes)
        for family in options.families:
            for seed in range(options.seeds):
                instance = ro.generate(family, devices=devices, channels=channels, seed=seed)
                row = {"family": family, "devices": devices, "channels": channels, "seed": seed, "limit": limit}
                found.append({**row, "objective": objective, **planned(instance, objective, limit)})
                print(" ".join(_cells(found[-1])), file=sys.stderr, flush=True)
    return found


def planned(instance: ro.Instance, objective: Objective, limit: float) -> dict[str, Any]:
    """One instance by each method.

    Parameters
    ----------
    instance : Instance
        Devices on channels.
    objective : str
        Which latency.
    limit : float
        Seconds.
    """
    proof = ro.solve(instance, "exact", objective, time_limit=limit, latency_only=True)
    search = ro.solve(instance, "local-search", objective, time_limit=min(limit, SEARCH), latency_only=True)
    return {
        "value": proof.objective_value,
        "bound": proof.lower_bound,
        "seconds": round(proof.wall_seconds, 3),
        "search": search.objective_value,
    }


def show_tables(found: Document, *, markdown: bool) -> None:
    """One row an instance, then one a family and fleet."""
    rows = found["results"]
    show(
        "Latency in seconds on shared channels",
        [*TEXTS, "devices", "channels", "seed", "limit", "exact", "bound", "gap", "seconds", "local-search"],
        [_cells(row) for row in rows],
        TEXTS,
        markdown=markdown,
    )
    keys = dict.fromkeys(_key(row) for row in rows)
    show(
        "Proofs and gaps: medians (smallest..largest)",
        [*TEXTS, "devices", "channels", "proven", "gap", "seconds", "local-search / exact"],
        [
            [*key[:2], *map(str, key[2:]), *_summary([row for row in rows if _key(row) == key])]
            for key in sorted(keys, key=lambda key: (FAMILIES.index(key[0]), key[2], key[1]))
        ],
        TEXTS,
        markdown=markdown,
    )


def _cells(row: dict[str, Any]) -> list[str]:
    cells = [*_key(row)[:2], *(str(row[name]) for name in ("devices", "channels", "seed")), f"{row['limit']} s"]
    figures = [figure(row["value"]), figure(row["bound"]), percent(_gap(row)), f"{row['seconds']:.2f}"]
    return [*cells, *figures, figure(row["search"])]


def _key(row: dict[str, Any]) -> tuple[str, str, int, int]:
    # Older documents are of the guaranteed latency alone.
    return row["family"], row.get("objective", "guaranteed"), row["devices"], row["channels"]


def _summary(rows: list[dict[str, Any]]) -> list[str]:
    """What is said of some instances in the second table."""
    gaps = [gap for row in rows if (gap := _gap(row)) is not None]
    ratios = [row["search"] / row["value"] for row in rows if row["search"] is not None and row["value"] is not None]
    return [
        f"{sum(gap <= TOLERANCE for gap in gaps)} of {len(rows)}",
        spread_text(spread(gaps), percent) if gaps else "-",
        spread_text(spread(row["seconds"] for row in rows), lambda value: f"{value:.2f}"),
        spread_text(spread(ratios), lambda value: f"{value:.3f}") if ratios else "-",
    ]


def _gap(row: dict[str, Any]) -> float | None:
    return None if row["value"] is None else relative_gap(row["value"], row["bound"])


def faults(found: Document) -> list[str]:
    """Plans that are earlier than a bound."""
    return [
        f"{' '.join(map(str, _key(row)))}, {row['seed']}: a plan of {value:g} s below the bound of {row['bound']:g} s"
        for row in found["results"]
        for value in (row["value"], row["search"])
        if value is not None and row["bound"] is not None and value < row["bound"] * (1.0 - TOLERANCE)
    ]


QUICK = {"families": ["mcu"], "fleets": ["12:2:10", "12:2:10:nominal"], "seeds": 1}
SCRIPT = Script("channel_proofs", measure, show_tables, faults, QUICK)


def main() -> None:
    """Measure or show."""
    parser = shared_options(__doc__)
    parser.add_argument("--families", type=names, default=FAMILIES, metavar="F,F", help="default: all of them")
    parser.add_argument(
        "--fleets", type=names, default=FLEETS, metavar="N:C:S[:O],...", help=f"default: {','.join(FLEETS)}"
    )
    parser.add_argument("--seeds", type=int, default=2, metavar="S", help="fleets of a kind; default 2")
    run(SCRIPT, parser)


if __name__ == "__main__":
    main()
