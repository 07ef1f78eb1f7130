"""Runs side by side: ratios to a reference method, medians by family and size, targets, and contradictions."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from peers.cases import Case
    from peers.measure import Measurement

OVERRUN = 0.02
"""Share of a time limit by which a search that the limit stops may end late."""
AGREEMENT = 1e-9
"""Relative excess of a bound over a value that rounding explains."""
HOPELESS_GAP = 0.99
"""Median gap from which on a method that proved nothing is not tried on larger instances of the family."""

Spread: TypeAlias = tuple[float, float, float]
"""Median, smallest and largest value."""


@dataclass(frozen=True)
class Run:
    """A measurement, and what the reference method did with the same instance in the same repeat."""

    case: Case
    repeat: int
    result: Measurement
    reference: Measurement

    @property
    def seconds_ratio(self) -> float | None:
        """Seconds over those of the reference."""
        return _ratio(self.result.seconds, self.reference.seconds)

    @property
    def value_ratio(self) -> float | None:
        """Value over that of the reference."""
        return _ratio(self.result.value, self.reference.value)


@dataclass(frozen=True)
class Medians:
    """Runs of one method on one family and size.

    Attributes
    ----------
    measured, proven : int
        Number of runs, and how many of them ended with a proof.
    seconds, gap, value_ratio, seconds_ratio : tuple or None
        Median, smallest and largest; infinite gaps stand for runs without a plan or a bound, None for no runs.
    failed : int
        Runs that broke off, or whose plan is not valid.
    note : str
        Why nothing was measured, where nothing was.
    holds : bool or None
        Whether the target is reached; None where there is none, or the method is not the one that has it.
    """

    family: str
    devices: int
    method: str
    measured: int
    proven: int
    seconds: Spread | None
    gap: Spread | None
    value_ratio: Spread | None
    seconds_ratio: Spread | None
    failed: int
    note: str
    holds: bool | None


def medians(runs: Iterable[Run], bound_by_target: str) -> list[Medians]:
    """Summarise runs by family, size and method, in the order in which they come.

    Parameters
    ----------
    runs : iterable of Run
        All runs.
    bound_by_target : str
        The method that the targets are for.
    """
    together: dict[tuple[str, int, str], list[Run]] = {}
    for run in runs:
        together.setdefault((run.case.family, run.case.devices, run.result.method), []).append(run)
    return [_medians(*key, members, bound_by_target) for key, members in together.items()]


def contradictions(runs: Sequence[Run]) -> list[str]:
    """Name every bound above the value of a valid plan for the same instance: one of the two methods is wrong."""
    best: dict[str, Measurement] = {}
    for run in runs:
        known = best.get(run.case.name)
        if run.result.value is not None and (known is None or known.value is None or run.result.value < known.value):
            best[run.case.name] = run.result
    found = []
    for run in runs:
        name, bound = run.case.name, run.result.bound
        if name not in best:
            continue
        value = best[name].value
        if run.result.termination == "infeasible":
            found.append(f"{name}: {run.result.method} says infeasible, {best[name].method} has a valid plan")
        elif bound is not None and value is not None and bound > value * (1.0 + AGREEMENT):
            found.append(f"{name}: {run.result.method} claims the bound {bound!r}, {best[name].method} has {value!r}")
    return found


def hopeless(runs: Iterable[Run], case: Case, method: str) -> str:
    """Say why a method is not worth trying on a case, by its runs on the family's next smaller size; '' if it is."""
    smaller = [run for run in runs if run.result.method == method and run.case.family == case.family]
    sizes = [run.case.devices for run in smaller if run.case.devices < case.devices]
    if not sizes:
        return ""
    last = [run for run in smaller if run.case.devices == max(sizes)]
    measured = [run for run in last if run.result.termination != "not measured"]
    if not measured:
        return last[0].result.note
    gap = statistics.median(map(_gap_or_infinity, measured))
    if gap < HOPELESS_GAP or any(map(_is_proof, measured)):
        return ""
    state = "no plan" if math.isinf(gap) else f"gap {100.0 * gap:.0f} %"
    return f"{state} with {max(sizes):,} devices"


def spread(values: Iterable[float | None]) -> Spread | None:
    """Median, smallest and largest of the values that are known; None where none is."""
    known = [value for value in values if value is not None]
    return (statistics.median(known), min(known), max(known)) if known else None


def _medians(family: str, devices: int, method: str, runs: Sequence[Run], bound_by_target: str) -> Medians:
    measured = [run for run in runs if run.result.termination != "not measured"]
    return Medians(
        family=family,
        devices=devices,
        method=method,
        measured=len(measured),
        proven=sum(_is_proof(run) for run in measured),
        seconds=spread(run.result.seconds for run in measured),
        gap=spread(_gap_or_infinity(run) for run in measured if run.result.termination != "infeasible"),
        value_ratio=spread(run.value_ratio for run in measured),
        seconds_ratio=spread(run.seconds_ratio for run in measured),
        failed=sum(run.result.termination == "failed" for run in measured),
        note="" if measured else runs[0].result.note,
        holds=_holds(measured) if method == bound_by_target else None,
    )


def _holds(runs: Sequence[Run]) -> bool | None:
    """Whether the target is reached: by the slowest proof, and by the medians of the proof or of gap and time."""
    target = runs[0].case.target if runs else None
    if target is None:
        return None
    if target.slowest is not None and max(map(_seconds_to_proof, runs)) > target.slowest:
        return False
    if target.gap == 0.0:
        return statistics.median(map(_seconds_to_proof, runs)) <= target.seconds
    if math.isinf(target.gap) and any(math.isinf(_gap_or_infinity(run)) for run in runs):
        return False
    seconds = statistics.median(math.inf if run.result.seconds is None else run.result.seconds for run in runs)
    in_time = seconds <= target.seconds * (1.0 + OVERRUN)
    return in_time and statistics.median(map(_gap_or_infinity, runs)) <= target.gap


def _gap_or_infinity(run: Run) -> float:
    return math.inf if run.result.gap is None else run.result.gap


def _seconds_to_proof(run: Run) -> float:
    return run.result.seconds if _is_proof(run) and run.result.seconds is not None else math.inf


def _is_proof(run: Run) -> bool:
    return run.result.termination in ("optimal", "infeasible")


def _ratio(value: float | None, reference: float | None) -> float | None:
    return None if value is None or not reference else value / reference
