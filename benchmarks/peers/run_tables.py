"""Runs side by side as tables: run by run with medians for terminals, a column a method for pages."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from peers.medians import Medians, Run, medians
from peers.method_table import method_table
from peers.tables import figure, percent, show, spread_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peers.cases import Target
    from peers.measure import Measurement

RUN_HEADER = (
    "instance",
    "N",
    "method",
    "end",
    "value",
    "bound",
    "gap",
    "seconds",
    "seconds/ref",
    "value/ref",
    "checked",
)
MEDIAN_HEADER = ("family", "N", "method", "proven", "gap", "seconds", "seconds/ref", "value/ref", "target", "holds")
TEXT_COLUMNS = {"instance", "method", "end", "checked", "family", "target", "holds"}
READING = (
    "Cells hold how many runs were proven optimal, the median time and its range (after > half or more of the runs "
    "ended without a proof), the median gap and its range where not all were proven, and the median distance of the "
    "value from that of {reference}. Every plan passed the check, and every value is the evaluator's; bounds are what "
    "each method claims. Seconds of the package include the imports that it makes on its way; those of the others have "
    "none. Every method has the seconds of the target, and 10 at least. SCIP uses one thread. The package stops after "
    "latency, which is all that the others look at."
)


def show_runs(runs: Sequence[Run], reference: str) -> None:
    """Print every run, and medians over the instances of a size."""
    show("Runs", RUN_HEADER, [_run_row(run) for run in runs], TEXT_COLUMNS, markdown=False)
    targets = _targets(runs)
    rows = [_median_row(row, targets[row.family, row.devices]) for row in medians(runs, reference)]
    show("Medians over the instances (smallest..largest)", MEDIAN_HEADER, rows, TEXT_COLUMNS, markdown=False)
    print(
        f"ref is {reference}. Seconds are those of the search: of the package with the imports that it makes on its "
        "way (half a second for Pyomo and HiGHS), of the peers without any. After > it ended without a proof. Checked: "
        "the plan passed rocoin_opt.check, and the value is that of rocoin_opt.evaluate; the bound is a claim."
    )


def show_by_method(runs: Sequence[Run]) -> None:
    """Print one row a family and size in Markdown, with a column a method."""
    reference = runs[0].result.method
    header, rows = method_table(medians(runs, reference), _targets(runs))
    show("Time to the proof", header, rows, set(header) - {"devices"}, markdown=True)
    print(READING.format(reference=f"`{reference}`") + "\n")


def progress(result: Measurement) -> str:
    """Say in a line what a run came to."""
    spent = "" if result.seconds is None else f" in {result.seconds:.2f} s, value {figure(result.value)}"
    note = f" ({result.note})" if result.note else ""
    return f"{result.method} {result.termination}{spent}, gap {percent(result.gap)}{note}"


def _targets(runs: Sequence[Run]) -> dict[tuple[str, int], Target | None]:
    return {(run.case.family, run.case.devices): run.case.target for run in runs}


def _run_row(run: Run) -> list[str]:
    result = run.result
    mark = ">" if result.termination == "feasible" else ""
    return [
        run.case.name,
        f"{run.case.devices:,}",
        result.method,
        f"{result.termination}: {result.note}" if result.note else result.termination,
        figure(result.value),
        figure(result.bound),
        percent(result.gap),
        _marked(mark, "-" if result.seconds is None else f"{result.seconds:.2f}"),
        _marked(mark, "-" if run.seconds_ratio is None else f"{run.seconds_ratio:.3g}"),
        "-" if run.value_ratio is None else f"{run.value_ratio:.5f}",
        "plan, value" if result.checked else "-",
    ]


def _median_row(row: Medians, target: Target | None) -> list[str]:
    verdict = {None: "-", True: "holds", False: "MISSED"}[row.holds]
    mark = ">" if row.proven < row.measured else ""
    return [
        row.family,
        f"{row.devices:,}",
        row.method,
        f"{row.proven} of {row.measured}" if row.measured else "not measured",
        spread_text(row.gap, lambda gap: "none" if math.isinf(gap) else percent(gap)),
        _marked(mark, spread_text(row.seconds, lambda seconds: f"{seconds:.2f}")),
        _marked(mark, spread_text(row.seconds_ratio, lambda ratio: f"{ratio:.3g}")),
        spread_text(row.value_ratio, lambda ratio: f"{ratio:.5f}"),
        "-" if target is None or row.holds is None else str(target),
        verdict,
    ]


def _marked(mark: str, text: str) -> str:
    return text if text == "-" else mark + text
