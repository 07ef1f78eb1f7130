"""What idle devices gain: failure of the earliest plans, with the least work and with the least failure behind latency.

``python benchmarks/idle_devices.py [--families F,F] [--sizes N,N] [--seeds S] [--objectives O,O] [--time-limit S] [NAME
...]`` solves the named shipped instances of constant latencies, or all of at most the largest size, and seeded
instances of some families. Each is planned with ``--prefer work`` and, as by default, with reliability. Between them
stands what adding spares one by one gives, each where it helps most, at the same latency. The exit status is 1 where
the default fails more often than that, later than the other, or below its own bound.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from best_known import feasible_files
from peers.medians import spread
from peers.tables import figure, percent, show, spread_text
from script import Document, Script, names, numbers, run, shared_options

import rocoin_opt as ro
from rocoin_opt.failure.evaluation import value_of
from rocoin_opt.plan.result import relative_gap

if TYPE_CHECKING:
    import argparse

FAMILIES = ["paper", "mcu", "sbc", "edge", "lossy"]
TOLERANCE = 1e-9
"""Relative distance within which two values are the same."""


def measure(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Every instance, for every objective."""
    instances = [(path.stem, path.parent.name, ro.read_instance(path)) for path in feasible_files(options.names)]
    if not options.names:
        instances += [
            (f"{family}-{size} seed {seed}", family, ro.generate(family, devices=size, seed=seed))
            for family in options.families
            for size in options.sizes
            for seed in range(100, 100 + options.seeds)
        ]
    found = []
    for name, family, instance in instances:
        if instance.has_random_latencies or len(instance.devices) > options.devices:
            continue
        for objective in options.objectives:
            row = {"instance": name, "family": family, "devices": len(instance.devices), "objective": objective}
            result = compared(instance, objective, options.time_limit)
            if result is not None:
                found.append({**row, **result})
                print(" ".join(_cells(found[-1])), file=sys.stderr, flush=True)
    return found


def compared(instance: ro.Instance, objective: Any, limit: float) -> dict[str, Any] | None:
    """Both orders behind the same latency, and spares added one by one; None where there is no plan."""
    lean = ro.solve(instance, "exact", objective, time_limit=limit, prefer="work")
    if lean.plan is None:
        return None
    sure = ro.solve(instance, "exact", objective, time_limit=limit)
    assert sure.plan is not None
    assert sure.metrics is not None
    return {
        "value": lean.objective_value,
        "sure_value": sure.objective_value,
        "idle": len(lean.plan.spares),
        "sure_idle": len(sure.plan.spares),
        "work": value_of(instance, lean.plan, "failure"),
        "added": value_of(instance, with_spares(instance, lean.plan, objective), "failure"),
        "reliability": sure.metrics.failure_probability,
        "bound": None if sure.reinforcement is None else sure.reinforcement.lower_bound,
        "seconds": round(sure.wall_seconds, 3),
    }


def with_spares(instance: ro.Instance, plan: ro.Plan, objective: Any) -> ro.Plan:
    """Add the most reliable spare first, where it helps most, as long as the latency stays."""
    threshold = value_of(instance, plan, objective)
    crash = {device.id: device.failure_probability for device in instance.devices}
    for spare in sorted(plan.spares, key=lambda name: (crash[name], name)):
        wider = [_joined(instance, plan, spare, k) for k in range(len(plan.groups))]
        early = [
            other
            for other in wider
            if not ro.check(instance, other) and value_of(instance, other, objective) <= threshold
        ]
        plan = min([plan, *early], key=lambda other: value_of(instance, other, "failure"))
    return plan


def _joined(instance: ro.Instance, plan: ro.Plan, spare: str, k: int) -> ro.Plan:
    groups = [
        ro.Group(
            devices=(*group.devices, spare) if i == k else group.devices,
            student=group.student,
            num_filters=group.num_filters,
        )
        for i, group in enumerate(plan.groups)
    ]
    return ro.Plan.of(instance, groups)


def show_tables(found: Document, *, markdown: bool) -> None:
    """Every instance, then each family."""
    rows, limit = found["results"], found["settings"]["time_limit"]
    show(
        f"Failure probability of the earliest plans, limit {limit:g} s",
        ["instance", "objective", "devices", "idle", "least work", "spares added", "default", "idle then", *PROOF],
        [_cells(row) for row in rows],
        ["instance", "objective"],
        markdown=markdown,
    )
    show(
        "Failure of the default as a share of the others': medians (smallest..largest)",
        ["family", "devices", "proven", "of least work", "of spares added", "seconds"],
        _summary(rows),
        ["family", "devices"],
        markdown=markdown,
    )


PROOF = ["bound", "gap", "seconds"]


def _cells(row: dict[str, Any]) -> list[str]:
    return [
        row["instance"],
        row["objective"],
        str(row["devices"]),
        str(row["idle"]),
        figure(row["work"]),
        figure(row["added"]),
        figure(row["reliability"]),
        str(row["sure_idle"]),
        figure(row["bound"]),
        percent(_gap(row)),
        f"{row['seconds']:.2f}",
    ]


def _gap(row: dict[str, Any]) -> float | None:
    gap = relative_gap(row["reliability"], row["bound"])
    # What is left of a closed gap is rounding.
    return 0.0 if gap is not None and gap <= TOLERANCE else gap


def _summary(rows: list[dict[str, Any]]) -> list[list[str]]:
    together: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for row in rows:
        together.setdefault((row["family"], row["devices"]), []).append(row)
    return [
        [
            family,
            str(devices),
            f"{sum(_gap(row) == 0.0 for row in chosen)} of {len(chosen)}",
            *(
                spread_text(spread(row["reliability"] / row[other] for row in chosen if row[other]), percent)
                for other in ("work", "added")
            ),
            spread_text(spread(row["seconds"] for row in chosen), lambda value: f"{value:.2f}"),
        ]
        for (family, devices), chosen in sorted(together.items())
    ]


def faults(found: Document) -> list[str]:
    """Defaults that are later, or fail more often than what anybody can do by hand, or than their bound allows."""
    wrong = []
    for row in found["results"]:
        where = f"{row['instance']}, {row['objective']}"
        if row["sure_value"] > row["value"] * (1.0 + TOLERANCE):
            wrong.append(f"{where}: later than the plan of least work")
        if row["reliability"] > row["added"] * (1.0 + TOLERANCE):
            wrong.append(f"{where}: adding spares one by one fails less often")
        if row["bound"] is not None and row["bound"] > row["reliability"] * (1.0 + TOLERANCE):
            wrong.append(f"{where}: below its bound")
    return wrong


QUICK = {"names": ["mcu-8-0"], "time_limit": 2.0}
SCRIPT = Script("idle_devices", measure, show_tables, faults, quick=QUICK)


def main() -> None:
    """Measure or show."""
    parser = shared_options(__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--families", type=names, default=FAMILIES, metavar="F,F,...")
    parser.add_argument("--sizes", type=numbers, default=[12, 20], metavar="N,N,...")
    parser.add_argument("--seeds", type=int, default=2, metavar="S", help="seeded instances of each; default 2")
    parser.add_argument("--objectives", type=names, default=["guaranteed"], metavar="O,O,...")
    parser.add_argument("--devices", type=int, default=50, metavar="N", help="of an instance at most; default 50")
    parser.add_argument("--time-limit", type=float, default=60.0, metavar="S")
    run(SCRIPT, parser)


if __name__ == "__main__":
    main()
