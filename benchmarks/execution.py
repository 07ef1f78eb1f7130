"""Plans at work as processes on this host, beside the distribution that was predicted of them.

``python benchmarks/execution.py [--requests N] [--seeds N,N] [--cases NAME,...]``. Each case is a shipped instance, the
method and objective that plan it, and a time scale: seconds on this host for each second of the instance. A run takes
the number of requests times the mean response time times the scale, nearly all of it asleep. The exit status is 1 where
a measured distribution is further from the predicted one than chance allows in one run of ten thousand.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from peers.tables import show
from script import Document, Script, names, numbers, run, shared_options

import rocoin_opt as ro
from rocoin_opt.profiling.execution.comparison import compare_with_distribution, comparison_document
from rocoin_opt.profiling.execution.run import execute

if TYPE_CHECKING:
    import argparse

    from matplotlib.figure import Figure

INSTANCES = Path(__file__).resolve().parent.parent / "instances"
CASES = {
    "sbc-8-0": ("exact", "guaranteed", 10.0),
    "mcu-12-1": ("rocoin", "guaranteed", 1.0),
    "edge-12-1": ("greedy", "expected", 0.3),
    "paper-8-0": ("exact", "guaranteed", 0.05),
    "lossy-20-0": ("greedy", "expected", 0.2),
    "lossy-16-1": ("greedy", "expected", 0.15),
}
"""Method, objective and time scale by instance."""
DRAWN = "edge-12-1"
GRID = 400
"""Points that a predicted distribution function is kept at."""
DOUBT = math.sqrt(math.log(2.0 / 1e-4) / math.log(2.0 / 0.05))
"""How much wider than the 95 % band the one is that a run leaves once in ten thousand times."""
TEXT_COLUMNS = {"instance", "method, objective"}


def measured(name: str, requests: int, seed: int) -> dict[str, Any]:
    """One run of one case: the comparison, every response time, and what was predicted."""
    method, objective, scale = CASES[name]
    (path,) = INSTANCES.glob(f"*/{name}.json")
    instance = ro.read_instance(path)
    plan = ro.solve(instance, method, objective).plan
    if plan is None:
        raise ValueError(f"{name}: no plan to run")
    found = execute(instance, plan, None, requests, seed, time_scale=scale)
    law = ro.latency_distribution(instance, plan)
    grid = np.linspace(0.0, found.deadline, GRID)
    return {
        "instance": name,
        "method": method,
        "objective": objective,
        "processes": sum(len(group.devices) for group in plan.groups),
        "comparison": comparison_document(found, compare_with_distribution(found, instance, plan)),
        # None stands for an answer that did not come by the deadline.
        "response_seconds": [seconds if np.isfinite(seconds) else None for seconds in found.seconds.tolist()],
        "predicted": {"seconds": grid.tolist(), "probability": [law.success_probability(t) for t in grid.tolist()]},
    }


def measure(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Every case with every seed."""
    unknown = [name for name in options.cases if name not in CASES]
    if unknown:
        sys.exit(f"unknown case {', '.join(unknown)}; there are {', '.join(CASES)}")
    found = []
    for name in options.cases:
        for seed in options.seeds:
            found.append(measured(name, options.requests, seed))
            print(
                f"{name}, seed {seed}: distance {found[-1]['comparison']['distance']:.3f}", file=sys.stderr, flush=True
            )
    return found


def show_tables(found: Document, *, markdown: bool) -> None:
    """Measured beside predicted, a row a run."""
    header = (
        *("instance", "method, objective", "seed", "processes", "time scale"),
        *("mean of min(X, D)", "predicted", "error", "95 % quantile", "predicted", "error"),
        *("success by D", "predicted", "distance", "band", "host added"),
    )
    title = f"{found['settings']['requests']} requests, without students; in brackets 95 % intervals"
    show(title, header, [_row(run_found) for run_found in found["results"]], TEXT_COLUMNS, markdown=markdown)


def _row(row: dict[str, Any]) -> list[str]:
    comparison = row["comparison"]
    mean, scale = comparison["expected_seconds"], comparison["time_scale"]
    return [
        row["instance"],
        f"{row['method']}, {row['objective']}",
        str(comparison["seed"]),
        str(row["processes"]),
        f"{scale:g}",
        *_pair(mean, "{:.4g}", " s"),
        *_pair(comparison["quantile"], "{:.4g}", " s"),
        *_pair(comparison["success_probability"], "{:.3f}", "")[:2],
        f"{comparison['distance']:.3f}",
        f"{comparison['band']:.3f}",
        f"{1e3 * (mean['measured'] - mean['due']) * scale:.2f} ms",
    ]


def _pair(found: dict[str, float], shown: str, unit: str) -> list[str]:
    """Measured with its interval, predicted, and the error."""
    measured, low, high, predicted = (shown.format(found[key]) for key in ("measured", "low", "high", "predicted"))
    error = 100.0 * (found["measured"] / found["predicted"] - 1.0)
    return [f"{measured}{unit} ({low}..{high})", f"{predicted}{unit}", f"{error:+.1f} %"]


def faults(found: Document) -> list[str]:
    """Distributions that are further off than chance explains."""
    said = []
    for row in found["results"]:
        distance, band = row["comparison"]["distance"], row["comparison"]["band"]
        if distance > DOUBT * band:
            said.append(f"{row['instance']}: the distance {distance:.3f} is no chance, the 95 % band is {band:.3f}")
    return said


def draw(found: Document) -> dict[str, Figure]:
    """Measured and predicted distribution of one case."""
    from matplotlib.figure import Figure

    row = next((row for row in found["results"] if row["instance"] == DRAWN), found["results"][0])
    comparison, predicted = row["comparison"], row["predicted"]
    seconds = sorted(value for value in row["response_seconds"] if value is not None)
    deadline, count = comparison["deadline_seconds"], len(row["response_seconds"])
    probability = np.array(predicted["probability"])
    figure = Figure(figsize=(7.0, 4.2))
    axes = figure.add_subplot()
    low, high = np.clip(probability - comparison["band"], 0, 1), np.clip(probability + comparison["band"], 0, 1)
    axes.fill_between(predicted["seconds"], low, high, color="C0", alpha=0.15, linewidth=0, label="95 % band")
    axes.plot(predicted["seconds"], probability, color="C0", drawstyle="steps-post", label="predicted")
    heights = [0.0, *(np.arange(1, len(seconds) + 1) / count).tolist(), len(seconds) / count]
    axes.step([0.0, *seconds, deadline], heights, where="post", color="C1", label=f"measured, {count} requests")
    axes.set(xlabel="response time in seconds of the instance", ylabel="share answered")
    axes.set(
        xlim=(0.0, deadline), ylim=(0.0, 1.02), title=f"{row['instance']}, time scale {comparison['time_scale']:g}"
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower right")
    return {"execution": figure}


QUICK = {"cases": [DRAWN], "requests": 30, "seeds": [0]}
SCRIPT = Script("execution", measure, show_tables, faults, QUICK, draw)


def main() -> None:
    """Measure or show."""
    parser = shared_options(__doc__)
    parser.add_argument("--cases", type=names, default=list(CASES), metavar="NAME,...", help="default: all of them")
    parser.add_argument("--requests", type=int, default=500, metavar="N", help="default 500")
    parser.add_argument("--seeds", type=numbers, default=[0], metavar="N,N,...", help="of crashes and slow moments")
    run(SCRIPT, parser)


if __name__ == "__main__":
    main()
