"""Tables of what is lost: by planning one step after another, and by doing without replicas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from peers.tables import show

from studies.cells import DASH, factor_text, interval_text, percents, quartile_cells, run_text
from studies.columns import column
from studies.reading import SWEPT, losses, swept
from studies.summaries import mean_interval, paired, quartiles

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def decomposition(results: Mapping[str, Any], *, markdown: bool) -> None:
    """Loss of the sequential pipeline over the proven optimum, and where it comes from."""
    rows = []
    for name, stages in results["stages"].items():
        count = len(results["plans"][name]["runs"]["exact guaranteed"]["ended"])
        for parts, text in (("level", "equal"), ("cut", "by normalised cut")):
            if parts not in stages:
                continue
            factors = losses(results, name, parts)
            total = factors["all"] - 1.0
            made = int(np.isfinite(column(stages[parts], "pipeline")).sum())
            rows.append(
                [
                    *(name.rpartition("-")[0], name.rpartition("-")[2], text),
                    f"{made} of {count}",
                    str(int(np.isfinite(total).sum())),
                    str(int((total <= 0.0).sum())),
                    *quartile_cells(quartiles(total), percents),
                    *(factor_text(factors[step]) for step in ("grouping", "sizes", "matching", "all")),
                ]
            )
    show(
        "Loss of decomposition: guaranteed latency of rocoin over the proven optimum",
        [
            *("family", "devices", "parts", "plans", "compared", "no loss"),
            *("lower quartile", "median", "upper quartile", "worst"),
            *("factor of grouping", "of sizes", "of matching", "all"),
        ],
        rows,
        ["family", "parts"],
        markdown=markdown,
    )


def cuts(results: Mapping[str, Any], *, markdown: bool) -> None:
    """Normalised cut of the pipeline's plans and of the earliest plans, on the instances with a graph."""
    rows = []
    for name, stages in results["stages"].items():
        if "cut" not in stages:
            continue
        pipeline, exact = column(stages["cut"], "ncut"), column(stages["exact"], "ncut")
        beside = paired(pipeline, exact)
        both = np.isfinite(pipeline) & np.isfinite(exact)
        rows.append(
            [
                name,
                str(int(both.sum())),
                interval_text(mean_interval(pipeline[both])),
                interval_text(mean_interval(exact[both])),
                f"{beside.better} / {beside.equal} / {beside.worse}",
            ]
        )
    show(
        "Normalised cut: rocoin cuts first, exact last",
        ["instances", "compared", "rocoin", "exact", "rocoin smaller / equal / larger"],
        rows,
        ["instances"],
        markdown=markdown,
    )


def sweep(results: Mapping[str, Any], family: str, *, markdown: bool) -> None:
    """Answers with and without replicas by failure probability, over the instances on which all runs have a plan."""
    rows = []
    for probability, runs in results["sweep"][family]["probabilities"].items():
        mask = np.all([np.isfinite(column(runs[run], "success")) for run in SWEPT], axis=0)
        for run in SWEPT:
            figures = {what: swept(results, family, probability, run, what) for what in ("success", "expected")}
            kept = np.isfinite(swept(results, family, probability, run, "guaranteed"))
            beside = paired(
                figures["expected"][mask], swept(results, family, probability, "het-nonn no limit", "expected")[mask]
            )
            rows.append(
                [
                    f"{probability} ({int(mask.sum())})",
                    run_text(run),
                    str(int(np.isfinite(figures["success"]).sum())),
                    str(int(kept.sum())),
                    interval_text(mean_interval(figures["success"][mask])),
                    interval_text(mean_interval(figures["expected"][mask])),
                    DASH if run == "het-nonn no limit" else f"{beside.better} / {beside.equal} / {beside.worse}",
                ]
            )
    show(
        f"All devices of family {family} fail with the same probability",
        [
            *("probability (instances)", "plans of", "with a plan", "within the outage limit"),
            *("success by the deadline", "expected latency / deadline", "expected, against het-nonn"),
        ],
        rows,
        ["probability (instances)", "plans of"],
        markdown=markdown,
    )


def crossing(results: Mapping[str, Any], *, markdown: bool) -> None:
    """Failure probabilities at which replicas have the better answers on more than half of the instances."""
    rows = []
    for family, case in results["sweep"].items():
        for run in ("exact guaranteed", "greedy expected", "greedy lifted"):
            cells = []
            for what, sign in (("expected", 1.0), ("success", -1.0)):
                found = []
                for probability in case["probabilities"]:
                    mine, other = (
                        sign * swept(results, family, probability, r, what) for r in (run, "het-nonn no limit")
                    )
                    beside = paired(mine, other)
                    found.append((probability, 2 * beside.better > sum(beside[:3])))
                cells.append(spans(found))
            rows.append([family, run_text(run), *cells])
    show(
        "Failure probabilities of the sweep at which most plans are better than het-nonn without the outage limit",
        ["family", "plans with replicas", "smaller expected latency", "more answers by the deadline"],
        rows,
        ["family", "plans with replicas"],
        markdown=markdown,
    )


def spans(found: Iterable[tuple[str, bool]]) -> str:
    """The stretches of an ascending grid on which something holds."""
    stretches: list[list[str]] = []
    was = False
    for place, holds in found:
        if holds and was:
            stretches[-1].append(place)
        elif holds:
            stretches.append([place])
        was = holds
    return " and ".join(s[0] if len(s) == 1 else f"{s[0]} to {s[-1]}" for s in stretches) or "none"
