"""The methods of a run side by side, as tables and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rocoin_opt.plan import plain_table, plain_text
from rocoin_opt.report.performance_profile import CLOCK, GOOD, performance_profiles
from rocoin_opt.report.run_statistics import SHIFT, method_figures
from rocoin_opt.wording import percent, seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console
    from rich.table import Table

    from rocoin_opt.report.performance_profile import PerformanceProfile
    from rocoin_opt.report.run_items import RunItems
    from rocoin_opt.report.run_statistics import MethodFigures

FORMAT, VERSION = "rocoin-opt/comparison", 1
RATIOS = {"value": (1.0, 1.001, 1.01, 1.1, 2.0), "seconds": (1.0, 2.0, 5.0, 10.0, 100.0)}
"""Ratios to the best that the terminal shows of a profile."""
MEASURE_WORDS = {"value": "value", "seconds": f"time, of searches within {100 * GOOD:g} % of the best value"}
MAX_CONFLICTS_SHOWN = 20


def print_run_comparison(run: RunItems, console: Console, shift: float = SHIFT) -> None:
    """Print, for each objective, the figures by family and method, and the performance profiles.

    Parameters
    ----------
    run : RunItems
        What a run has done.
    console : Console
        Where it is printed.
    shift : float
        Of the shifted geometric means, in seconds.
    """
    figures, profiles = method_figures(run, shift), performance_profiles(run)
    for objective in run.objectives:
        console.print(plain_text(f"objective {objective}", "bold"))
        console.print(_figures_table([entry for entry in figures if entry.objective == objective]))
        console.print()
        for profile in profiles:
            if profile.objective == objective and profile.questions:
                console.print(_profile_table(profile))
                console.print()
    for line in definitions(shift):
        console.print(plain_text(line))
    for line in conflict_lines(run):
        console.print(plain_text(line, "bold red"))


def run_comparison_document(run: RunItems, shift: float = SHIFT) -> dict[str, Any]:
    """Make the JSON content of a comparison: figures by objective, family and method, and whole profiles."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "items": len(run.items),
        "shift_seconds": shift,
        "figures": [asdict(entry) for entry in method_figures(run, shift)],
        "profiles": [
            {
                "objective": profile.objective,
                "measure": profile.measure,
                "questions": profile.questions,
                "curves": {
                    method: {"ratios": curve.ratios.tolist(), "shares": curve.shares.tolist()}
                    for method, curve in profile.curves.items()
                },
            }
            for profile in performance_profiles(run)
        ],
        "conflicts": list(run.conflicts()),
    }


def definitions(shift: float = SHIFT) -> tuple[str, ...]:
    """What the columns mean, one line a column."""
    return (
        "solved: with a plan, or with a proof that there is none; proven: optimal, or infeasible",
        "gap: (value - bound) / value, by the best bound that any method of the run proved for the instance",
        "excess: (value - best) / best, by the best value of the run for the instance",
        f"time: geometric mean of search times shifted by {shift:g} s, a limit counting as the time it took",
        "wins: problems (instance and seed) with the best value of all methods, ties included",
        f"profile: share of the problems within a ratio to the best method; times below {CLOCK:g} s are equal",
    )


def conflict_lines(run: RunItems) -> tuple[str, ...]:
    """Contradictions between items, the first few of many; nothing where there are none."""
    found = run.conflicts()
    if not found:
        return ()
    left_out = len(found) - MAX_CONFLICTS_SHOWN
    more = (f"and {left_out} more",) if left_out > 0 else ()
    heading = "Items of this run contradict each other: a defect of rocoin-opt, please report it"
    return (heading, *found[:MAX_CONFLICTS_SHOWN], *more)


def _figures_table(figures: Sequence[MethodFigures]) -> Table:
    numbers = ("items", "failed", "solved", "proven", "mean gap", "worst", "mean excess", "worst", "time", "wins")
    table = plain_table("family", "method", numbers=numbers, keys=2)
    family = None
    for entry in figures:
        table.add_row(
            plain_text("" if entry.family == family else entry.family),
            plain_text(entry.method),
            *map(str, (entry.items, entry.failed, entry.solved, entry.proven)),
            *map(percent, (entry.mean_gap, entry.worst_gap, entry.mean_excess, entry.worst_excess)),
            seconds(entry.seconds),
            str(entry.wins),
        )
        family = entry.family
    return table


def _profile_table(profile: PerformanceProfile) -> Table:
    ratios = RATIOS[profile.measure]
    table = plain_table(f"profile by {MEASURE_WORDS[profile.measure]}", numbers=(f"{ratio:g} x" for ratio in ratios))
    for method, curve in profile.curves.items():
        table.add_row(plain_text(method), *(percent(curve.share(ratio)) for ratio in ratios))
    return table
