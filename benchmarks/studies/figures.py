"""The figures of the study: distributions over instances, and what a growing failure probability does to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from studies.cases import METHODS, REDUNDANT
from studies.columns import column
from studies.reading import ANSWERS, answers, excesses, families, losses, shared, sizes, swept
from studies.style import COLOURS, INK, boxes, legend, panels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from studies.columns import Floats

MOST_EXCESS = 100.0
"""Right end of the profiles, as a share: beyond, hardly any plan lies."""
STEP_COLOURS = {"grouping": "#3f7fe0", "sizes": "#d99a00", "matching": "#d9534f"}
SWEPT = {
    "het-nonn no limit": ("het-nonn, no replicas", COLOURS["het-nonn"]),
    "exact guaranteed": ("exact, guaranteed", COLOURS["exact"]),
    "greedy expected": ("greedy, expected", COLOURS["greedy"]),
    "greedy lifted": ("the same without limit", COLOURS["lp-rounding"]),
}


def profiles(results: Mapping[str, Any], devices: int) -> Figure:
    """Share of the instances whose plan is within some excess over the best; no plan counts as never."""
    names = families(results, devices)

    def draw(figure: Figure, axes: list[Axes]) -> None:
        for axis, family in zip(axes, names, strict=True):
            for method in REDUNDANT:
                over = excesses(results, f"{family}-{devices}", method)
                known = np.sort(over[np.isfinite(over)])
                shares = np.arange(1, len(known) + 1) / len(over)
                # From the left edge on, where all plans as early as the best one have counted.
                axis.step([0.0, *known, MOST_EXCESS], [0.0, *shares, shares[-1]], COLOURS[method], where="post")
            axis.set_title(family)
            axis.set_xscale("symlog", linthresh=0.01, linscale=0.6)
            axis.set_xlim(0.0, MOST_EXCESS)
            axis.set_ylim(0.0, 1.03)
            axis.set_yticks([0.0, 0.5, 1.0])
            axis.set_ylabel("share")
        axes[-1].set_xticks([0.0, 0.01, 0.1, 1.0, 10.0, 100.0], ["0", "1 %", "10 %", "100 %", "1000 %", "10⁴ %"])
        axes[-1].set_xlabel("guaranteed latency above the best plan, at most")
        legend(figure, REDUNDANT, [COLOURS[method] for method in REDUNDANT], 3)

    return panels([1.5] * len(names), draw)


def decomposition(results: Mapping[str, Any], devices: int) -> Figure:
    """Loss of the sequential pipeline by family, and its steps."""
    names = families(results, devices)
    kinds = [("level", "equal parts", "#2e9e5b"), ("cut", "parts by normalised cut", "#c774b2")]
    kinds = [kind for kind in kinds if kind[0] in results["stages"][f"{names[0]}-{devices}"]]
    rows = [(family, kind) for family in names for kind in kinds]
    places = [-(len(kinds) + 0.6) * names.index(family) - kinds.index(kind) for family, kind in rows]
    found = [losses(results, f"{family}-{devices}", kind[0]) for family, kind in rows]

    def draw(figure: Figure, axes: list[Axes]) -> None:
        totals = [factors["all"][np.isfinite(factors["all"])] for factors in found]
        boxes(axes[0], totals, places, [kind[2] for _, kind in rows])
        axes[0].set_title("each instance")
        for factors, place in zip(found, places, strict=True):
            start = 1.0
            for step, colour in STEP_COLOURS.items():
                known = factors[step][np.isfinite(factors[step])]
                end = start * float(np.exp(np.log(known).mean())) if len(known) else start
                axes[1].barh(place, end - start, left=start, height=0.62, color=f"{colour}bb")
                start = end
        axes[1].set_title("geometric mean, step by step")
        for axis in axes:
            axis.set_xscale("log")
            axis.set_xticks([1, 2, 5, 10, 20, 50, 100, 200], ["1", "2", "5", "10", "20", "50", "100", "200"])
            axis.minorticks_off()
            axis.set_yticks([-(len(kinds) + 0.6) * k - (len(kinds) - 1) / 2 for k in range(len(names))], names)
            axis.grid(visible=False, axis="y")
            axis.axvline(1.0, color=INK, linewidth=0.8)
        axes[0].set_xlim(0.95, None)
        axes[1].set_xlabel("guaranteed latency of rocoin / optimum")
        legend(
            figure,
            [kind[1] for kind in kinds] + [f"lost by {step}" for step in STEP_COLOURS],
            [kind[2] for kind in kinds] + list(STEP_COLOURS.values()),
            2,
            linewidth=6,
        )

    return panels([0.55 * len(rows) / 2 + 1.2] * 2, draw)


def answered(results: Mapping[str, Any], devices: int, what: str, label: str) -> Figure:
    """Distribution of a figure of the answers, by family and run, over the instances on which all have a plan."""
    names = families(results, devices)
    there = results["plans"][f"{names[0]}-{devices}"]["runs"]
    runs = [run for run in ANSWERS if run != "nonn no limit" and run in there]

    def draw(_: Figure, axes: list[Axes]) -> None:
        for axis, family in zip(axes, names, strict=True):
            name = f"{family}-{devices}"
            mask = shared(results, name)
            values = [answers(results, name, run, what)[mask] for run in runs]
            boxes(axis, values, range(len(runs), 0, -1), [COLOURS[run.split()[0]] for run in runs])
            axis.set_title(f"{family}, {int(mask.sum())} instances")
            axis.set_yticks(range(len(runs), 0, -1), [_short(run) for run in runs])
            axis.grid(visible=False, axis="y")
            axis.set_xlim(-0.02, 1.02)
        axes[-1].set_xlabel(label)

    return panels([1.75] * len(names), draw)


def redundancy(results: Mapping[str, Any], family: str) -> Figure:
    """Success, expected and guaranteed latency while the failure probability of all devices grows."""
    probabilities = list(results["sweep"][family]["probabilities"])
    places = [float(probability) for probability in probabilities]
    shown = (
        ("success", "probability of an answer by the deadline"),
        ("expected", "expected latency / deadline"),
        ("guaranteed", "guaranteed latency / deadline"),
        ("found", "share of instances within the outage limit"),
    )

    def kept(run: str, probability: str) -> float:
        return float(np.isfinite(swept(results, family, probability, run, "guaranteed")).mean())

    def draw(figure: Figure, axes: list[Axes]) -> None:
        for axis, (what, title) in zip(axes, shown, strict=True):
            for run, (_, colour) in SWEPT.items():
                if what == "found":
                    axis.plot(places, [kept(run, p) for p in probabilities], color=colour, marker="o", markersize=3)
                    continue
                columns = [swept(results, family, p, run, what) for p in probabilities]
                found = [_band(values) for values in columns]
                lower, middle, upper = np.array(found).T
                axis.plot(places, middle, color=colour, marker="o", markersize=3)
                axis.fill_between(places, lower, upper, color=colour, alpha=0.18, linewidth=0)
            axis.set_title(title)
        axes[0].set_ylim(0.0, 1.03)
        axes[-1].set_ylim(0.0, 1.05)
        axes[-1].set_xlabel("failure probability of every device")
        legend(figure, [text for text, _ in SWEPT.values()], [colour for _, colour in SWEPT.values()], 2)

    return panels([1.9, 1.9, 1.9, 1.5], draw)


def seconds(results: Mapping[str, Any]) -> Figure:
    """Time of the search, by method and number of devices, all families together."""
    counts = sizes(results)

    def spent(devices: int, method: str) -> Floats:
        runs = [results["plans"][f"{family}-{devices}"]["runs"] for family in families(results, devices)]
        # Times are kept to a tenth of a millisecond.
        return np.maximum(np.concatenate([column(run[f"{method} guaranteed"], "seconds") for run in runs]), 1e-4)

    def draw(_: Figure, axes: list[Axes]) -> None:
        for axis, devices in zip(axes, counts, strict=True):
            values = [spent(devices, method) for method in METHODS]
            boxes(axis, values, range(len(METHODS), 0, -1), [COLOURS[method] for method in METHODS], points=False)
            axis.set_title(f"{devices} devices")
            axis.set_yticks(range(len(METHODS), 0, -1), METHODS)
            axis.grid(visible=False, axis="y")
            axis.set_xscale("log")
        axes[-1].set_xlabel("seconds")

    return panels([1.9] * len(counts), draw)


def _band(values: Any) -> Sequence[float]:
    known = values[np.isfinite(values)]
    return tuple(np.percentile(known, [25, 50, 75])) if len(known) else (np.nan,) * 3


def _short(run: str) -> str:
    method, _, rest = run.partition(" ")
    ways = {
        "guaranteed": method,
        "expected": f"{method}, exp.",
        "failure": f"{method}, fail.",
        "no limit": f"{method}*",
    }
    return ways[rest]
