"""What redundancy buys when it has to be paid for in airtime, what planning blind costs, and queues at work.

``python benchmarks/channels.py [--families NAME,...] [--seeds N,N,...] [--requests N]`` draws fleets of 12 devices on
one shared channel, on three, and on links of their own. Devices fail with probability 0.1; three groups of one to four
replicas each are planned; success counts by a deadline that is the same for all. Then fleets as they are drawn are
planned blind, as if nobody shared a channel, and valued by the truth. Last, three plans with queues are run.
The exit status is 1 where a plan breaks a rule, a blind plan beats a bound, or a measured distribution is further from
the predicted one than chance allows in one run of ten thousand.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peers.medians import spread
from peers.tables import show, spread_text
from script import Document, Script, names, numbers, run, shared_options

import rocoin_opt as ro
from rocoin_opt.instance.relaxations import without_channels
from rocoin_opt.profiling.execution.comparison import compare_with_distribution, comparison_document
from rocoin_opt.profiling.execution.run import execute

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator

    from matplotlib.figure import Figure

INSTANCES = Path(__file__).resolve().parent.parent / "instances"
FAMILIES = ("paper", "mcu", "sbc", "edge")
DEVICES, GROUPS, FAILURE = 12, 3, 0.1
REPLICAS = (1, 2, 3, 4)
LINKS = {"one channel": 1, "3 channels": 3, "own links": None}
DASHES = {"one channel": "solid", "3 channels": "dashed", "own links": "dotted"}
SLACK = 1.5
"""The deadline, as a multiple of the guaranteed latency of two replicas a group with links of one's own."""
RUNS = {
    "paper-8-20": ("greedy", "guaranteed", 0.06),
    "mcu-12-20": ("greedy", "failure", 2.0),
    "edge-12-20": ("greedy", "failure", 0.3),
}
"""Method, objective and time scale of the plans that are run."""
DOUBT = math.sqrt(math.log(2.0 / 1e-4) / math.log(2.0 / 0.05))
"""How much wider than the 95 % band the one is that a run leaves once in ten thousand times."""
TOLERANCE = 1e-9


def measure(options: argparse.Namespace) -> list[dict[str, Any]]:
    """All three parts, each row with the name of its part."""
    found: list[dict[str, Any]] = []
    for row in _rows(options):
        found.append(row)
        print(" ".join(map(str, list(row.values())[:8])), file=sys.stderr, flush=True)
    return found


def _rows(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    for family in options.families:
        for seed in options.seeds:
            yield from replicated(family, seed)
            for links in ("one channel", "3 channels"):
                yield blind(family, seed, links)
    for name in options.runs:
        yield at_work(name, options.requests)


def drawn(family: str, seed: int, links: str) -> ro.Instance:
    """A fleet; how devices are dealt to channels changes nothing else of it."""
    return ro.generate(family, devices=DEVICES, seed=seed, channels=LINKS[links])


def replicated(family: str, seed: int) -> Iterator[dict[str, Any]]:
    """Latency and success by the number of replicas, for each way to be linked."""
    deadline = math.nan
    for links in reversed(LINKS):
        for replicas in sorted(REPLICAS, key=lambda count: count != 2):
            fleet = drawn(family, seed, links)
            alike = fleet.with_devices([d.model_copy(update={"failure_probability": FAILURE}) for d in fleet.devices])
            asked = alike.with_requirements(
                min_groups=GROUPS, max_groups=GROUPS, max_group_outage=FAILURE**replicas, deadline_seconds=None
            )
            result = ro.solve(asked, "greedy", latency_only=True)
            row = {"part": "replicas", "family": family, "seed": seed, "links": links, "replicas": replicas}
            if result.plan is None:
                yield {**row, "guaranteed": None}
                continue
            if links == "own links" and replicas == 2:
                deadline = SLACK * float(result.objective_value or math.nan)
            figures = ro.evaluate(asked.with_requirements(deadline_seconds=deadline), result.plan)
            yield {
                **row,
                "guaranteed": figures.guaranteed_seconds,
                "nominal": figures.nominal_seconds,
                "deadline": deadline,
                "success": figures.success_probability,
                "violations": len(ro.check(asked, result.plan)),
            }


def blind(family: str, seed: int, links: str) -> dict[str, Any]:
    """A plan that knows of no channel, valued by the truth, beside one that knows."""
    fleet = drawn(family, seed, links)
    aware = ro.solve(fleet, "greedy", latency_only=True)
    other = ro.solve(without_channels(fleet), "greedy", latency_only=True)
    row = {"part": "blind", "family": family, "seed": seed, "links": links}
    if aware.plan is None or other.plan is None:
        return {**row, "aware": None}
    truth = ro.evaluate(fleet, other.plan) if len(other.plan.groups) else None
    return {
        **row,
        "aware": aware.objective_value,
        "bound": aware.lower_bound,
        "promised": other.objective_value,
        "blind": None if truth is None else truth.guaranteed_seconds,
        "violations": len(ro.check(fleet, aware.plan)),
    }


def at_work(name: str, requests: int) -> dict[str, Any]:
    """One run of one plan, measured beside predicted."""
    method, objective, scale = RUNS[name]
    (path,) = INSTANCES.glob(f"*/{name}.json")
    instance = ro.read_instance(path)
    plan = ro.solve(instance, method, objective).plan
    if plan is None:
        raise ValueError(f"{name}: no plan to run")
    found = execute(instance, plan, None, requests, 3, time_scale=scale)
    comparison = comparison_document(found, compare_with_distribution(found, instance, plan))
    processes = sum(len(group.devices) for group in plan.groups)
    return {"part": "run", "instance": name, "objective": objective, "processes": processes, "comparison": comparison}


def show_tables(found: Document, *, markdown: bool) -> None:
    """One table for each part."""
    rows = found["results"]
    parts = {part: [row for row in rows if row["part"] == part] for part in ("replicas", "blind", "run")}
    show(
        f"{GROUPS} groups with at least the given number of replicas that fail with probability {FAILURE:g}: medians",
        ["family", "links", "replicas", "guaranteed", "nominal", "success by the deadline"],
        [_of_replicas(*key, some) for key, some in _grouped(parts["replicas"], ("family", "links", "replicas"))],
        ["family", "links"],
        markdown=markdown,
    )
    show(
        "Planned as if every device had its own link: medians (smallest..largest) of guaranteed latencies",
        ["family", "links", "fleets", "truth over promise", "truth over planned with channels"],
        [_of_blind(*key, some) for key, some in _grouped(parts["blind"], ("family", "links"))],
        ["family", "links"],
        markdown=markdown,
    )
    if parts["run"]:
        show(
            f"{parts['run'][0]['comparison']['requests']} requests to processes that share channels",
            [
                *("instance", "objective", "processes", "mean of min(X, D)", "predicted", "error"),
                *("95 % quantile", "predicted", "error", "success by D", "predicted", "distance", "band"),
            ],
            [_of_run(row) for row in parts["run"]],
            ["instance", "objective"],
            markdown=markdown,
        )


def _grouped(
    rows: list[dict[str, Any]], fields: tuple[str, ...]
) -> Iterator[tuple[tuple[Any, ...], list[dict[str, Any]]]]:
    keys = dict.fromkeys(tuple(row[field] for field in fields) for row in rows)
    order = {name: place for place, name in enumerate((*FAMILIES, *LINKS))}
    for key in sorted(keys, key=lambda key: [order.get(part, part) for part in key]):
        yield key, [row for row in rows if tuple(row[field] for field in fields) == key]


def _of_replicas(family: str, links: str, replicas: int, rows: list[dict[str, Any]]) -> list[str]:
    """A row of the first table.

    Parameters
    ----------
    family, links : str
        Which fleets.
    replicas : int
        Of each group.
    rows : list of dict
        What was found.
    """
    there = [row for row in rows if row["guaranteed"] is not None]
    if not there:
        return [family, links, str(replicas), "no plan", "-", "-"]
    middle = [spread(row[field] for row in there)[0] for field in ("guaranteed", "nominal", "success")]
    return [family, links, str(replicas), f"{middle[0]:.3g} s", f"{middle[1]:.3g} s", f"{middle[2]:.3f}"]


def _of_blind(family: str, links: str, rows: list[dict[str, Any]]) -> list[str]:
    there = [row for row in rows if row["aware"] is not None and row["blind"] is not None]
    return [
        family,
        links,
        str(len(there)),
        _ratios(row["blind"] / row["promised"] for row in there),
        _ratios(row["blind"] / row["aware"] for row in there),
    ]


def _ratios(values: Iterable[float]) -> str:
    return str(spread_text(spread(values), lambda value: f"{value:.2f}"))


def _of_run(row: dict[str, Any]) -> list[str]:
    found = row["comparison"]
    cells = [row["instance"], row["objective"], str(row["processes"])]
    for field in ("expected_seconds", "quantile"):
        figure = found[field]
        error = 100.0 * (figure["measured"] / figure["predicted"] - 1.0)
        cells += [f"{figure['measured']:.4g} s", f"{figure['predicted']:.4g} s", f"{error:+.1f} %"]
    success = found["success_probability"]
    cells += [f"{success['measured']:.3f}", f"{success['predicted']:.3f}"]
    return [*cells, f"{found['distance']:.3f}", f"{found['band']:.3f}"]


def faults(found: Document) -> list[str]:
    """Plans that are none, blind ones that beat a bound, and distributions that chance does not explain."""
    wrong = []
    for row in found["results"]:
        where = " ".join(str(row[field]) for field in ("part", "family", "seed", "links", "instance") if field in row)
        if row.get("violations"):
            wrong.append(f"{where}: the plan breaks {row['violations']} rules")
        if row.get("blind") is not None and row["blind"] < row["bound"] * (1.0 - TOLERANCE):
            wrong.append(f"{where}: {row['blind']:g} s planned blind below the bound of {row['bound']:g} s")
        if row["part"] == "run" and row["comparison"]["distance"] > DOUBT * row["comparison"]["band"]:
            wrong.append(f"{where}: the distance {row['comparison']['distance']:.3f} is no chance")
    return wrong


def draw(found: Document) -> dict[str, Figure]:
    """Success by the deadline over the number of replicas, a panel a family."""
    from matplotlib.figure import Figure

    rows = [row for row in found["results"] if row["part"] == "replicas" and row["guaranteed"] is not None]
    families = [family for family in FAMILIES if any(row["family"] == family for row in rows)]
    figure = Figure(figsize=(2.6 * max(len(families), 2), 3.4), layout="constrained")
    for place, family in enumerate(families):
        axes = figure.add_subplot(1, len(families), place + 1)
        for colour, links in enumerate(LINKS):
            points = []
            for replicas in REPLICAS:
                key = (family, links, replicas)
                some = [row["success"] for row in rows if (row["family"], row["links"], row["replicas"]) == key]
                if some:
                    points.append((replicas, spread(some)[0]))
            axes.plot(*zip(*points, strict=True), marker="o", color=f"C{colour}", linestyle=DASHES[links], label=links)
        axes.set(title=family, xlabel="replicas a group", ylim=(-0.02, 1.02), xticks=REPLICAS)
        axes.spines[["top", "right"]].set_visible(False)
        if not place:
            axes.set_ylabel("success by the deadline")
            axes.legend(frameon=False, loc="lower left", fontsize="small")
    return {"channels": figure}


QUICK = {"families": ["edge"], "seeds": [0], "requests": 8, "runs": ["mcu-12-20"]}
SCRIPT = Script("channels", measure, show_tables, faults, QUICK, draw)


def main() -> None:
    """Measure or show."""
    parser = shared_options(__doc__)
    parser.add_argument("--families", type=names, default=list(FAMILIES), metavar="NAME,...", help="default: all four")
    parser.add_argument("--seeds", type=numbers, default=[0, 1, 2], metavar="N,N,...", help="of fleets; default 0,1,2")
    parser.add_argument("--requests", type=int, default=200, metavar="N", help="of each run; default 200")
    parser.add_argument("--runs", type=names, default=list(RUNS), metavar="NAME,...", help="default: all of them")
    run(SCRIPT, parser)


if __name__ == "__main__":
    main()
