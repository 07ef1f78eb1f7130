"""Latency tables: what it costs to plan by FLOP over one rate a board, where boards were measured network by network.

``python benchmarks/measured_tables.py [--devices N,N,...] [--seeds S] [--time-limit S]`` draws fleets of the family
``boards``, with all networks and with those in float32 alone. Each is planned twice by ``exact``: by its tables, and by
one rate a board, the median over the networks of FLOP over measured seconds. Both plans are valued under the tables.
The exit status is 1 where a plan by rates beats the bound of the one by tables, or is no valid plan.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from peers.medians import spread
from peers.tables import show, spread_text
from script import Document, Script, numbers, run, shared_options

import rocoin_opt as ro
from rocoin_opt.instance import catalogue

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

DEVICES = [8, 12, 16, 30]
NETWORKS = ("all", "float32")
SLACK = 1.5
"""The deadline, as a multiple of the latency of the plan by tables."""
TOLERANCE = 1e-9


def measure(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Every size, seed and set of networks."""
    found = []
    for devices in options.devices:
        for networks in NETWORKS:
            for seed in range(200, 200 + options.seeds):
                instance = drawn(devices, seed, networks)
                row = {"devices": devices, "networks": networks, "seed": seed}
                found.append({**row, **planned(instance, options.time_limit)})
                print(" ".join(map(str, found[-1].values())), file=sys.stderr, flush=True)
    return found


def drawn(devices: int, seed: int, networks: str) -> ro.Instance:
    """A fleet of boards, with all students or those in float32."""
    instance = ro.generate("boards", devices=devices, seed=seed)
    if networks == "all":
        return instance
    kept = tuple(student for student in instance.students if not student.id.endswith("_int8"))
    names = {student.id for student in kept}
    tabled = tuple(
        device.model_copy(update={"compute_seconds": {s: t for s, t in device.compute_seconds.items() if s in names}})
        for device in instance.devices
        if device.compute_seconds is not None
    )
    return instance.model_copy(update={"students": kept, "devices": tabled})


def by_rates(instance: ro.Instance) -> ro.Instance:
    """The same fleet as one who has one rate a board sees it; what was not measured on a board stays out there."""
    rates = {board.id: board.flops_per_second for board in catalogue.boards()}
    return instance.with_devices(
        device.model_copy(
            update={
                "flops_per_second": rates[device.id.rpartition("-")[0]],
                "compute_seconds": None,
                "students": tuple(device.compute_seconds or ()),
            }
        )
        for device in instance.devices
    )


def planned(instance: ro.Instance, limit: float) -> dict[str, Any]:
    """One fleet by its tables and by rates; everything is valued under the tables, but what rates promise."""
    best = ro.solve(instance, "exact", time_limit=limit, latency_only=True)
    other = ro.solve(by_rates(instance), "exact", time_limit=limit, latency_only=True)
    if best.plan is None or other.plan is None or best.objective_value is None:
        raise RuntimeError(f"{instance.name}: no plan within {limit:g} s")
    deadline = SLACK * best.objective_value
    late = instance.with_requirements(deadline_seconds=deadline)
    figures = {name: ro.evaluate(late, plan) for name, plan in (("tables", best.plan), ("rates", other.plan))}
    return {
        "tables": best.objective_value,
        "bound": best.lower_bound,
        "rates": figures["rates"].guaranteed_seconds,
        "promised": other.objective_value,
        "deadline": deadline,
        "tables_failure": figures["tables"].failure_probability,
        "rates_failure": figures["rates"].failure_probability,
        "violations": len(ro.check(instance, other.plan)),
    }


def show_tables(found: Document, *, markdown: bool) -> None:
    """One row for each size and set of networks."""
    together: dict[tuple[int, str], list[dict[str, Any]]] = {}
    for row in found["results"]:
        together.setdefault((row["devices"], row["networks"]), []).append(row)
    show(
        "Guaranteed latency of plans by one rate per board, evaluated with the tables: medians (smallest..largest)",
        [
            "devices",
            "networks",
            "fleets",
            "over that by tables",
            "over what rates promise",
            "late",
            "failure",
            "by tables",
        ],
        [
            [
                str(devices),
                networks,
                str(len(rows)),
                _ratios(row["rates"] / row["tables"] for row in rows),
                _ratios(row["rates"] / row["promised"] for row in rows),
                f"{sum(row['rates'] > row['deadline'] for row in rows)}",
                spread_text(spread(row["rates_failure"] for row in rows), lambda value: f"{value:.2g}"),
                spread_text(spread(row["tables_failure"] for row in rows), lambda value: f"{value:.2g}"),
            ]
            for (devices, networks), rows in sorted(together.items())
        ],
        ["networks"],
        markdown=markdown,
    )


def _ratios(values: Iterable[float]) -> str:
    return str(spread_text(spread(values), lambda value: f"{value:.2f}"))


def faults(found: Document) -> list[str]:
    """Plans by rates that are no plans, or beat a bound."""
    wrong = []
    for row in found["results"]:
        where = f"{row['devices']} devices, networks {row['networks']}, seed {row['seed']}"
        if row["violations"]:
            wrong.append(f"{where}: the plan by rates breaks {row['violations']} rules")
        if row["rates"] < row["bound"] * (1.0 - TOLERANCE):
            wrong.append(f"{where}: {row['rates']:g} s by rates below the bound of {row['bound']:g} s")
    return wrong


QUICK = {"devices": [6], "seeds": 2, "time_limit": 2.0}
SCRIPT = Script("measured_tables", measure, show_tables, faults, quick=QUICK)


def main() -> None:
    """Measure or show."""
    parser = shared_options(__doc__)
    parser.add_argument("--devices", type=numbers, default=DEVICES, metavar="N,N,...")
    parser.add_argument("--seeds", type=int, default=20, metavar="S", help="fleets of each size; default 20")
    parser.add_argument("--time-limit", type=float, default=10.0, metavar="S")
    run(SCRIPT, parser)


if __name__ == "__main__":
    main()
