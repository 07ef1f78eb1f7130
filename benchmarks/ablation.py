"""What the parts of ``exact`` are worth, each left out at a threshold that has to be refuted.

``python benchmarks/ablation.py [--devices N] [--seeds N,N] [--repeats N] [--below X]``. Each generated instance is
solved first; the threshold is the last candidate latency that lies below the best value by a share of it. There

* the packing relaxation is solved with the rows that limit the number of groups by size, and with their total alone;
* groups that its prices leave possible are listed, and cores, which are groups without the devices that cost nothing;
* HiGHS packs each of these lists: the fewer there are, the sooner it refutes the threshold;
* the cores are packed once more without the variables for unused devices, and once as ``exact`` does it: by branching
  on how many groups hold a size or more, with an integer program for the columns that are left; and so without the
  subset-row cuts.

Repeats differ in the seed of HiGHS.
"""

from __future__ import annotations

import functools
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np
from peers.medians import spread
from peers.tables import show, spread_text
from script import Document, Script, numbers, run, shared_options

import rocoin_opt as ro
from rocoin_opt.control import Control
from rocoin_opt.exact.threshold import listed_packing
from rocoin_opt.exact.threshold.enumeration import enumerate_columns
from rocoin_opt.exact.threshold.listed_packing import FEW_COLUMNS
from rocoin_opt.exact.threshold.packing import PRICE_TOLERANCE, Effort, pack_columns
from rocoin_opt.exact.threshold.subset_rows import SubsetRows
from rocoin_opt.grouping.bounds import Levels
from rocoin_opt.grouping.relaxation import Pool, relax
from rocoin_opt.grouping.threshold_problem import ThresholdProblem
from rocoin_opt.grouping.thresholds import latencies_between
from rocoin_opt.highs.linear import LinearModel, solve_linear

if TYPE_CHECKING:
    import argparse

    from rocoin_opt.exact.threshold.enumeration import Column
    from rocoin_opt.grouping.threshold_problem import PackingProblem
    from rocoin_opt.instance import FloatArray, IntArray

MAX_LISTED = 500_000
WITH, WITHOUT = "with rows by size", "without rows by size"
GROUPS, CORES, CORES_WITHOUT_IDLE = "groups", "cores", "cores, no variable for unused devices"
BRANCHED = "cores, by branching on groups of a size or more"
UNCUT = "cores, by branching, without subset-row cuts"


class TotalOnly(ThresholdProblem):
    """A threshold at which only the number of all groups is limited, not that of groups from some size on."""

    @functools.cached_property
    def levels(self) -> Levels:
        """The first row of all."""
        every = super().levels
        return Levels(every.sizes[:1], every.limits[:1])


class NoCuts(SubsetRows):
    """Finds no cut."""

    def separate(self, entered: IntArray, values: FloatArray) -> Any:
        """No row."""
        return self._matrix[:0]


def without_idle(model: LinearModel) -> LinearModel:
    """A packing without the variables that stand in one row alone: a device may be unused then."""
    entries = np.diff(model.starts)
    kept = entries > 1
    row_lower = model.row_lower.copy()
    row_lower[model.rows[np.repeat(~kept, entries)]] = -np.inf
    inside = np.repeat(kept, entries)
    columns = {name: getattr(model, name)[kept] for name in ("cost", "lower", "upper", "integral")}
    starts = np.concatenate([[0], np.cumsum(entries[kept])])
    return replace(
        model, row_lower=row_lower, starts=starts, rows=model.rows[inside], values=model.values[inside], **columns
    )


def solve_without_idle(model: LinearModel, control: Control, **chosen: Any) -> Any:
    """What ``solve_linear`` says of a packing without these columns."""
    return solve_linear(without_idle(model), control, **chosen)


def measured(devices: int, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """One instance at its threshold."""
    instance = ro.generate("edge", devices=devices, seed=seed)
    value = ro.solve(instance, "exact", time_limit=options.time_limit, latency_only=True).objective_value
    if value is None:
        raise ValueError(f"{instance.name}: no plan within the time limit")
    goal = (1.0 - options.below) * value
    threshold = float(latencies_between(instance.arrays, 0.9 * goal, goal)[-1])
    found: dict[str, Any] = {
        "instance": instance.name,
        "devices": devices,
        "seed": seed,
        "filters": instance.knowledge.num_filters,
        "best_value": value,
        "threshold": threshold,
        "relaxation": {},
        "packings": [],
    }
    for rows, kind in ((WITH, ThresholdProblem), (WITHOUT, TotalOnly)):
        problem = kind(instance, "guaranteed", threshold)
        relaxation = relax(problem, Pool(), Control())
        assert relaxation is not None
        found["relaxation"][rows] = relaxation.bound
        priced = np.flatnonzero(relaxation.prices > PRICE_TOLERANCE)
        slack = relaxation.bound - problem.wanted
        for listed, shared in ((GROUPS, np.arange(devices)), (CORES, priced)):
            columns = enumerate_columns(problem, relaxation, shared, slack, MAX_LISTED) if slack >= 0.0 else []
            variants = (listed, CORES_WITHOUT_IDLE, BRANCHED, UNCUT) if (listed, rows) == (CORES, WITH) else (listed,)
            for variant in variants:
                found["packings"].append(packed(problem, columns, rows, variant, options))
    return found


def packed(
    problem: PackingProblem, columns: list[Column] | None, rows: str, variant: str, options: argparse.Namespace
) -> dict[str, Any]:
    """How many there are to be packed, and how long it takes to say whether they can be."""
    runs = []
    for seed in range(options.repeats if columns else 0):
        control = Control.starting_now(time_limit=options.pack_limit, seed=seed)
        solve = solve_without_idle if variant == CORES_WITHOUT_IDLE else solve_linear
        begin = time.perf_counter()
        few = FEW_COLUMNS if variant in (BRANCHED, UNCUT) else MAX_LISTED
        cuts = NoCuts if variant == UNCUT else SubsetRows
        with mock.patch.multiple(listed_packing, solve_linear=solve, FEW_COLUMNS=few, SubsetRows=cuts):
            status, _ = pack_columns(problem, columns or [], control, Effort(MAX_LISTED, None))
        runs.append({"seed": seed, "status": status, "seconds": time.perf_counter() - begin})
    return {"rows": rows, "what": variant, "count": None if columns is None else len(columns), "runs": runs}


def measure(options: argparse.Namespace) -> list[dict[str, Any]]:
    """All instances."""
    return [measured(options.devices, seed, options) for seed in options.seeds]


def show_tables(found: Document, *, markdown: bool) -> None:
    """The relaxation, then the packings."""
    rows = [
        [
            case["instance"],
            f"{case['threshold']:.5g} s",
            f"{case['best_value']:.5g} s",
            str(case["filters"]),
            *(f"{case['relaxation'][kind]:.2f}" for kind in (WITHOUT, WITH)),
        ]
        for case in found["results"]
    ]
    header = ("instance", "threshold", "best value", "filters to place", f"bound {WITHOUT}", f"bound {WITH}")
    show("Packing relaxation: filters that can be placed, at most", header, rows, {"instance"}, markdown=markdown)
    rows = [
        [case["instance"], f"{item['what']}, {item['rows']}", _count(item["count"]), *_ended(item)]
        for case in found["results"]
        for item in case["packings"]
    ]
    header = ("instance", "what is packed", "number", "refuted", "seconds")
    title = "Integer packings: medians over the seeds of HiGHS (smallest..largest)"
    show(title, header, rows, {"instance", "what is packed"}, markdown=markdown)


def _count(count: int | None) -> str:
    return f"over {MAX_LISTED:,}" if count is None else f"{count:,}"


def _ended(item: dict[str, Any]) -> tuple[str, str]:
    if item["count"] == 0:
        return "by the bound", "-"
    refuted = sum(run["status"] == "impossible" for run in item["runs"])
    seconds = spread_text(spread(run["seconds"] for run in item["runs"]), "{:.2f}".format)
    return f"{refuted}/{len(item['runs'])}", seconds if refuted == len(item["runs"]) else f">{seconds}"


def faults(found: Document) -> list[str]:
    """Packings below a proven optimum cannot be."""
    return [
        f"{case['instance']}: {item['what']}, {item['rows']}: packed below the best value"
        for case in found["results"]
        for item in case["packings"]
        if item["what"] == GROUPS and any(run["status"] == "packed" for run in item["runs"])
    ]


QUICK = {"devices": 30, "seeds": [0], "repeats": 1, "time_limit": 5.0, "pack_limit": 2.0}
SCRIPT = Script("ablation", measure, show_tables, faults, quick=QUICK)


def main() -> None:
    """Measure or show."""
    parser = shared_options(__doc__)
    parser.add_argument("--devices", type=int, default=100, metavar="N", help="of family edge; default 100")
    parser.add_argument("--seeds", type=numbers, default=[0, 1, 2], metavar="N,N,...", help="default 0,1,2")
    parser.add_argument("--repeats", type=int, default=3, metavar="N", help="of each packing; default 3")
    parser.add_argument("--below", type=float, default=0.005, metavar="X", help="share of the value; default 0.005")
    parser.add_argument("--time-limit", type=float, default=120.0, metavar="S", help="to find the best value")
    parser.add_argument("--pack-limit", type=float, default=60.0, metavar="S", help="of a packing; default 60")
    run(SCRIPT, parser)


if __name__ == "__main__":
    main()
