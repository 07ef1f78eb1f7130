"""Fleets of alike devices: what is proven of them, and how fast, from a dozen boards to ten thousand.

``python benchmarks/kinds.py [--families F,F] [--fleets N:I,N:I] [--seeds S] [--objectives O,O] [--time-limit S]`` plans
seeded fleets of N devices of I kinds (``generate --kinds``): the latency alone, and with the order behind it. Fleets of
at most ``--written-out`` devices are planned once more as if all devices differed. Seconds are those of the processor,
so that what runs beside it counts little. The exit status is 1 where a bound is above a value, or a proof is not the
value of the other way.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from peers.medians import spread
from peers.tables import figure, percent, show, spread_text
from script import Document, Script, names, run, shared_options

import rocoin_opt as ro
from rocoin_opt.plan.result import relative_gap
from rocoin_opt.planning.methods.portfolio import run_exact
from rocoin_opt.planning.methods.table import Method

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from rocoin_opt.plan import Objective

FAMILIES = ["edge", "lossy"]
FLEETS = ["12:3", "15:3", "100:8", "1000:8", "10000:8"]
OUTAGES = [0.05, 0.01]
"""Outage limits of a group, for one seed each."""
TOLERANCE = 1e-9
"""Relative distance within which two values are the same."""
ONE_BY_ONE = Method("one-by-one", run_exact, ("guaranteed", "nominal", "worst"), "as if all devices differed")


def measure(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Every family, fleet and objective."""
    found = []
    # What is imported and compiled at the first solve of a process is no fleet's doing.
    ro.solve(ro.generate("edge", devices=12, kinds=3), "exact", explain=False)
    for fleet in options.fleets:
        devices, kinds = map(int, fleet.split(":"))
        for family in options.families:
            for seed in range(300, 300 + options.seeds):
                limit = OUTAGES[seed % len(OUTAGES)]
                instance = ro.generate(family, devices=devices, kinds=kinds, seed=seed, max_group_outage=limit)
                for objective in options.objectives:
                    row = {"family": family, "devices": devices, "kinds": kinds, "seed": seed, "objective": objective}
                    is_small = devices <= options.written_out
                    found.append({**row, **planned(instance, objective, options.time_limit, written_out=is_small)})
                    print(" ".join(_cells(found[-1])), file=sys.stderr, flush=True)
    return found


def planned(instance: ro.Instance, objective: Objective, limit: float, *, written_out: bool) -> dict[str, Any]:
    """One fleet: the latency, the order behind it, and the latency device by device."""
    latency, seconds = _timed(
        lambda: ro.solve(instance, "exact", objective, time_limit=limit, latency_only=True, explain=False)
    )
    whole, whole_seconds = _timed(lambda: ro.solve(instance, "exact", objective, time_limit=limit, explain=False))
    slow, slow_seconds = (
        _timed(lambda: ro.solve(instance, ONE_BY_ONE, objective, time_limit=limit, explain=False))
        if written_out
        else (None, None)
    )
    return {
        "value": latency.objective_value,
        "bound": latency.lower_bound,
        "seconds": seconds,
        "whole_value": whole.objective_value,
        "failure": None if whole.metrics is None else whole.metrics.failure_probability,
        "failure_bound": None if whole.reinforcement is None else whole.reinforcement.lower_bound,
        "whole_seconds": whole_seconds,
        "one_by_one": None if slow is None else slow.objective_value,
        "one_by_one_bound": None if slow is None else slow.lower_bound,
        "one_by_one_seconds": slow_seconds,
    }


def _timed(solve: Callable[[], ro.Result]) -> tuple[ro.Result, float]:
    began = time.process_time()
    result = solve()
    return result, round(time.process_time() - began, 3)


def show_tables(found: Document, *, markdown: bool) -> None:
    """Each fleet, then every instance."""
    rows, limit = found["results"], found["settings"]["time_limit"]
    show(
        f"Alike devices, limit {limit:g} s: medians (smallest..largest), CPU seconds",
        ["devices", "kinds", "family", "proven", "gap", "seconds", "with the order behind it", "device by device"],
        _summary(rows),
        ["family"],
        markdown=markdown,
    )
    show(
        "Every fleet",
        [
            "family",
            "devices",
            "seed",
            "objective",
            "latency",
            "gap",
            "seconds",
            "failure",
            "proven from",
            "seconds in all",
            "device by device",
            "its gap",
            "its seconds",
        ],
        [_cells(row) for row in rows],
        ["family", "objective"],
        markdown=markdown,
    )


def _gap(value: float | None, bound: float | None) -> float | None:
    gap = relative_gap(value, bound)
    # What is left of a closed gap is rounding.
    return 0.0 if gap is not None and gap <= TOLERANCE else gap


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _cells(row: dict[str, Any]) -> list[str]:
    return [
        row["family"],
        str(row["devices"]),
        str(row["seed"]),
        row["objective"],
        figure(row["value"]),
        percent(_gap(row["value"], row["bound"])),
        _seconds(row["seconds"]),
        figure(row["failure"]),
        figure(row["failure_bound"]),
        _seconds(row["whole_seconds"]),
        figure(row["one_by_one"]),
        percent(_gap(row["one_by_one"], row["one_by_one_bound"])),
        _seconds(row["one_by_one_seconds"]),
    ]


def _summary(rows: list[dict[str, Any]]) -> list[list[str]]:
    together: dict[tuple[int, int, str], list[dict[str, Any]]] = {}
    for row in rows:
        together.setdefault((row["devices"], row["kinds"], row["family"]), []).append(row)
    found = []
    for (devices, kinds, family), chosen in sorted(together.items()):
        gaps = [gap for row in chosen if (gap := _gap(row["value"], row["bound"])) is not None]
        found.append(
            [
                str(devices),
                str(kinds),
                family,
                f"{sum(gap == 0.0 for gap in gaps)} of {len(chosen)}",
                spread_text(spread(gaps), percent),
                *(
                    spread_text(spread(row[name] for row in chosen if row[name] is not None), _seconds)
                    for name in ("seconds", "whole_seconds", "one_by_one_seconds")
                ),
            ]
        )
    return found


def faults(found: Document) -> list[str]:
    """Bounds above values, and values that differ where both are proven."""
    wrong = []
    for row in found["results"]:
        where = f"{row['family']}-{row['devices']} of {row['kinds']} kinds, seed {row['seed']}, {row['objective']}"
        values = [row[name] for name in ("value", "whole_value", "one_by_one") if row[name] is not None]
        bounds = [row[name] for name in ("bound", "one_by_one_bound") if row[name] is not None]
        if values and bounds and max(bounds) > min(values) * (1.0 + TOLERANCE):
            wrong.append(f"{where}: a bound of {max(bounds):g} above a value of {min(values):g}")
    return wrong


QUICK = {"families": ["edge"], "fleets": ["12:3", "60:4"], "seeds": 1, "time_limit": 2.0}
SCRIPT = Script("kinds", measure, show_tables, faults, quick=QUICK)


def main() -> None:
    """Measure or show."""
    parser = shared_options(__doc__)
    parser.add_argument("--families", type=names, default=FAMILIES, metavar="F,F,...")
    parser.add_argument("--fleets", type=names, default=FLEETS, metavar="N:I,N:I,...", help="devices and kinds")
    parser.add_argument("--seeds", type=int, default=2, metavar="S", help="fleets of each; default 2")
    parser.add_argument("--objectives", type=names, default=["guaranteed"], metavar="O,O,...")
    parser.add_argument("--written-out", type=int, default=100, metavar="N", help="devices, one by one; default 100")
    parser.add_argument("--time-limit", type=float, default=60.0, metavar="S")
    run(SCRIPT, parser)


if __name__ == "__main__":
    main()
