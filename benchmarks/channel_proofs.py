"""Shared channels: what is proven of the guarantee, and how fast.

``python benchmarks/channel_proofs.py [--families F,F] [--fleets N:C:S,N:C:S] [--seeds S]`` plans seeded instances of N
devices on C channels by ``exact`` within S seconds each. Beside it stands ``local-search``, which has ten. The exit
status is 1 where a plan is earlier than a bound.
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

FAMILIES = ["paper", "mcu", "sbc", "edge"]
FLEETS = ["12:2:10", "30:3:60", "100:6:20"]
SEARCH = 10.0
"""Seconds that local search has at most."""
TOLERANCE = 1e-9
"""Relative distance within which two values are the same."""


def measure(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Every family and fleet."""
    found = []
    for fleet in options.fleets:
        devices, channels, limit = map(int, fleet.split(":"))
        for family in options.families:
            for seed in range(options.seeds):
                instance = ro.generate(family, devices=devices, channels=channels, seed=seed)
                row = {"family": family, "devices": devices, "channels": channels, "seed": seed, "limit": limit}
                found.append({**row, **planned(instance, limit)})
                print(" ".join(_cells(found[-1])), file=sys.stderr, flush=True)
    return found


def planned(instance: ro.Instance, limit: float) -> dict[str, Any]:
    """One instance by each method."""
    proof = ro.solve(instance, "exact", time_limit=limit, latency_only=True)
    search = ro.solve(instance, "local-search", time_limit=min(limit, SEARCH), latency_only=True)
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
        "Guaranteed latency in seconds on shared channels",
        ["family", "devices", "channels", "seed", "limit", "exact", "bound", "gap", "seconds", "local-search"],
        [_cells(row) for row in rows],
        ["family"],
        markdown=markdown,
    )
    keys = dict.fromkeys((row["family"], row["devices"], row["channels"]) for row in rows)
    show(
        "Proven, and how far: medians (smallest..largest)",
        ["family", "devices", "channels", "proven", "gap", "seconds", "local-search / exact"],
        [
            _summary(*key, [row for row in rows if (row["family"], row["devices"], row["channels"]) == key])
            for key in sorted(keys, key=lambda key: (FAMILIES.index(key[0]), key[1]))
        ],
        ["family"],
        markdown=markdown,
    )


def _cells(row: dict[str, Any]) -> list[str]:
    cells = [row["family"], *(str(row[name]) for name in ("devices", "channels", "seed")), f"{row['limit']} s"]
    figures = [figure(row["value"]), figure(row["bound"]), percent(_gap(row)), f"{row['seconds']:.2f}"]
    return [*cells, *figures, figure(row["search"])]


def _summary(family: str, devices: int, channels: int, rows: list[dict[str, Any]]) -> list[str]:
    """A row of the second table.

    Parameters
    ----------
    family : str
        Which fleets.
    devices, channels : int
        Of each.
    rows : list of dict
        What was found.
    """
    gaps = [gap for row in rows if (gap := _gap(row)) is not None]
    ratios = [row["search"] / row["value"] for row in rows if row["search"] is not None and row["value"] is not None]
    return [
        family,
        str(devices),
        str(channels),
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
        f"{row['family']} {row['devices']} {row['seed']}: a plan of {value:g} s below the bound of {row['bound']:g} s"
        for row in found["results"]
        for value in (row["value"], row["search"])
        if value is not None and row["bound"] is not None and value < row["bound"] * (1.0 - TOLERANCE)
    ]


QUICK = {"families": ["mcu"], "fleets": ["12:2:10"], "seeds": 1}
SCRIPT = Script("channel_proofs", measure, show_tables, faults, QUICK)


def main() -> None:
    """Measure or show."""
    parser = shared_options(__doc__)
    parser.add_argument("--families", type=names, default=FAMILIES, metavar="F,F", help="default: all of them")
    parser.add_argument(
        "--fleets", type=names, default=FLEETS, metavar="N:C:S,...", help=f"default: {','.join(FLEETS)}"
    )
    parser.add_argument("--seeds", type=int, default=2, metavar="S", help="fleets of a kind; default 2")
    run(SCRIPT, parser)


if __name__ == "__main__":
    main()
