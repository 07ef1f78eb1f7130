"""Tables of plans and of what their answers are worth, method by method."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from peers.tables import show

from studies.cases import LONE, METHODS
from studies.cells import DASH, interval_text, percents, quartile_cells, run_text
from studies.columns import column
from studies.reading import ANSWERS, answers, excesses, families, guaranteed, having, shared, sizes
from studies.summaries import mean_interval, paired, quartiles

if TYPE_CHECKING:
    from collections.abc import Mapping


HEURISTICS = ("random", "greedy", "lp-rounding", "local-search")


def overview(results: Mapping[str, Any], *, markdown: bool) -> None:
    """How often plans are proven and as early as the best one, by number of devices, all families together."""
    rows = []
    for devices in sizes(results):
        names = [f"{family}-{devices}" for family in families(results, devices)]
        ended = "".join(results["plans"][name]["runs"]["exact guaranteed"]["ended"] for name in names)
        over = {
            method: np.concatenate([excesses(results, name, method) for name in names])
            for method in (*HEURISTICS, "rocoin", "exact")
        }
        medians = [float(np.nanmedian(excesses(results, name, "rocoin"))) for name in names]
        rows.append(
            [
                *(str(devices), str(len(ended)), str(ended.count("o"))),
                *(str(int((over[method] == 0.0).sum())) for method in ("exact", *HEURISTICS, "rocoin")),
                str(int(np.isfinite(over["rocoin"]).sum())),
                f"{percents(min(medians))} to {percents(max(medians))}",
            ]
        )
    show(
        "Least guaranteed latency, all families",
        [
            *("devices", "instances", "exact: proven", "exact: as early as the best"),
            *(*HEURISTICS, "rocoin", "rocoin: plans", "rocoin: median excess of the families"),
        ],
        rows,
        [],
        markdown=markdown,
    )


def plans(results: Mapping[str, Any], devices: int, *, markdown: bool) -> None:
    """Guaranteed latency, method by method, beside the best plan of each instance."""
    rows = []
    for family in families(results, devices):
        name = f"{family}-{devices}"
        runs = results["plans"][name]["runs"]
        for method in METHODS:
            run = runs[f"{method} guaranteed"]
            values, ended = guaranteed(results, name, method), run["ended"]
            seconds = quartiles(column(run, "seconds"))
            over = excesses(results, name, method)
            beside = paired(values, guaranteed(results, name, "rocoin"))
            rows.append(
                [
                    family,
                    method,
                    f"{int(np.isfinite(values).sum())} of {len(ended)}",
                    str(ended.count("o")),
                    str(int((over == 0.0).sum())),
                    *quartile_cells(quartiles(over), percents),
                    DASH if method == "rocoin" else f"{beside.better} / {beside.equal} / {beside.worse}",
                    DASH if method == "rocoin" else f"{beside.alone} / {beside.missing}",
                    DASH if seconds is None else f"{seconds.median:.2g}",
                    DASH if seconds is None else f"{seconds.worst:.2g}",
                ]
            )
    show(
        f"Guaranteed latency, {devices} devices: excess over the best plan of the instance",
        [
            *("family", "method", "plans", "proven", "best", "lower quartile", "median", "upper quartile", "worst"),
            *("against rocoin: better / equal / worse", "plan where the other has none", "median s", "longest s"),
        ],
        rows,
        ["family", "method"],
        markdown=markdown,
    )


def lone(results: Mapping[str, Any], *, markdown: bool) -> None:
    """How often a plan without redundancy keeps the outage limit, how often there is one at all, and how fast it is."""
    rows = []
    for name, case in results["plans"].items():
        runs = case["runs"]
        limited, lifted = ([runs[f"{method} {how}"]["ended"] for method in LONE] for how in ("guaranteed", "no limit"))
        fastest = column(runs["exact guaranteed"], "nominal")
        cells = [f"{having(ended)} of {len(ended)}" for ended in (*limited, *lifted)]
        for method in LONE:
            middle = quartiles(column(runs[f"{method} no limit"], "nominal") / fastest)
            cells.append(DASH if middle is None else f"{middle.lower:.2f}, {middle.median:.2f}, {middle.upper:.2f}")
        rows.append([name.rpartition("-")[0], name.rpartition("-")[2], *cells])
    show(
        "Plans without redundancy: instances with a plan within the outage limit, or with any; latency if nobody fails",
        [
            *("family", "devices", "nonn", "het-nonn", "nonn, no limit", "het-nonn, no limit"),
            *("nonn: if nobody fails, over exact, quartiles", "het-nonn: the same"),
        ],
        rows,
        ["family"],
        markdown=markdown,
    )


def answer_table(results: Mapping[str, Any], devices: int, *, markdown: bool) -> None:
    """What the answers of the plans are worth, over the same instances for all runs of a family."""
    ends = results["accuracy"]
    rows = []
    for family in families(results, devices):
        name = f"{family}-{devices}"
        mask = shared(results, name)
        case = results["plans"][name]["runs"]
        for run in (known for known in ANSWERS if known in case):
            plan_count = int(np.isfinite(column(case[run], "success")).sum())
            figures = {what: answers(results, name, run, what)[mask] for what in ("expected", "success", "share")}
            success = quartiles(figures["success"])
            share = mean_interval(figures["share"])
            rows.append(
                [
                    f"{family} ({int(mask.sum())})",
                    run_text(run),
                    str(plan_count),
                    interval_text(mean_interval(figures["expected"])),
                    interval_text(mean_interval(figures["success"])),
                    DASH if success is None else f"{success.lower:.3f}, {success.median:.3f}, {success.upper:.3f}",
                    interval_text(share),
                    DASH if share is None else percents(ends["none"] + (ends["full"] - ends["none"]) * share.mean),
                ]
            )
    show(
        f"Answers, {devices} devices",
        [
            *(
                "family (instances)",
                "plans of",
                "with a plan",
                "expected latency / deadline",
                "success by the deadline",
            ),
            *("success: quartiles", "share of filters in time", "accuracy by the linear model"),
        ],
        rows,
        ["family (instances)", "plans of"],
        markdown=markdown,
    )


def accuracy(measured: Mapping[str, Any], *, markdown: bool) -> None:
    """What was measured on real students, beside the linear model."""
    rows = []
    for method, fills in measured["plans"].items():
        cells = [DASH if not values else percents(float(np.mean(values))) for values in fills.values()]
        rows.append([f"plan of {method}", *cells, DASH])
    for criterion, columns in measured["parts"].items():
        cells = [percents(float(np.mean(columns[what]))) for what in ("zero", "mean", "linear")]
        rows.append([f"plan of exact, parts by {criterion}, one part missing", *cells])
    show(
        f"Accuracy measured on {measured['data']}, mean over seeds {', '.join(map(str, measured['seeds']))}",
        ["", "zeros for missing parts", "means for missing parts", "linear model"],
        rows,
        [""],
        markdown=markdown,
    )
