"""Refinement of a partition after Fiduccia, Mattheyses, Kernighan and Lin, on the criterion itself.

A pass makes the best step again and again, also where it makes things worse, never moves a filter twice, and goes back
to the best partition on its way. So it climbs out of the shallow local optima that a descent ends in.

References
----------
.. [1] B. W. Kernighan, S. Lin. An efficient heuristic procedure for partitioning graphs. Bell System Technical Journal
   49(2), 1970.
.. [2] C. M. Fiduccia, R. M. Mattheyses. A linear-time heuristic for improving network partitions. DAC 1982.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rocoin_opt.control import Control
    from rocoin_opt.instance import BoolArray
    from rocoin_opt.knowledge.sizes import SizeRanges
    from rocoin_opt.knowledge.tracking import Tracker

SMALLEST_GAIN = 1e-10
"""Smaller gains are rounding, on which a refinement could turn in circles."""
PATIENCE = 40
"""Steps without a new best after which a pass ends."""
BREADTH = 4
"""Filters with the best moves whose swaps are looked at in a step."""
MAX_PASSES = 100
"""Bounds the time; refinements end within a dozen."""

LARGE = 200_000
"""Filters times parts beyond which a step takes milliseconds, and the steps of a refinement are counted."""
REFINING_WORK = 500_000_000
"""Filters times parts times steps that a refinement then takes: some ten seconds."""


def refine(tracker: Tracker, ranges: SizeRanges, control: Control, *, in_any_order: bool) -> None:
    """Improve a partition by passes of moves and of swaps until neither kind gains.

    Parameters
    ----------
    tracker : Tracker
        The partition, with sizes within the ranges; it is changed.
    ranges : SizeRanges
        Sizes that the parts may have.
    control : Control
        Its limit ends the refinement early, at the best partition so far; asked before each step.
    in_any_order : bool
        Whether parts may exchange nested ranges.
    """
    work = len(tracker.labels) * tracker.parts
    left = math.inf if work <= LARGE else float(REFINING_WORK // work)

    def counted(steps: Iterator[list[tuple[int, int]]]) -> Iterator[list[tuple[int, int]]]:
        nonlocal left
        for step in steps:
            left -= 1.0
            yield step
            if left <= 0.0:
                return

    for _ in range(MAX_PASSES):
        if control.exhausted or left <= 0.0:
            break
        gained = _pass(tracker, counted(_moves(tracker, ranges, in_any_order)), control)
        if not gained:
            gained = _pass(tracker, counted(_swaps(tracker)), control)
        if not gained:
            break


def _pass(tracker: Tracker, steps: Iterator[list[tuple[int, int]]], control: Control) -> bool:
    """Follow steps, each a list of moves, and go back to the best partition on the way; whether it is a new one."""
    trail: list[tuple[int, int]] = []
    best, kept, idle = tracker.value, 0, 0
    first = best
    for step in steps:
        for m, target in step:
            trail.append((m, int(tracker.labels[m])))
            tracker.move(m, target)
        value = tracker.value
        if value < best - SMALLEST_GAIN:
            best, kept, idle = value, len(trail), 0
        else:
            idle += 1
        if idle >= PATIENCE or control.exhausted:
            break
    for m, source in reversed(trail[kept:]):
        tracker.move(m, source)
    return best < first


def _moves(tracker: Tracker, ranges: SizeRanges, in_any_order: bool) -> Iterator[list[tuple[int, int]]]:
    """Best moves of single filters within the ranges, one after another, each filter once."""
    unlocked = np.ones(len(tracker.labels), dtype=bool)
    while unlocked.any():
        labels = tracker.labels
        allowed = ranges.allow(tracker.sizes, in_any_order=in_any_order)
        np.fill_diagonal(allowed, val=False)
        changes = np.where(allowed.T[:, labels] & unlocked, tracker.move_changes(), np.inf)
        target, m = divmod(int(changes.argmin()), len(labels))
        if changes[target, m] == np.inf:
            return
        unlocked[m] = False
        yield [(m, target)]


def _swaps(tracker: Tracker) -> Iterator[list[tuple[int, int]]]:
    """Best swaps of two filters of different parts, one after another, each filter once.

    Only filters with the best moves are tried as one of the two.
    """
    unlocked = np.ones(len(tracker.labels), dtype=bool)
    rows = np.arange(len(unlocked))
    while True:
        changes = tracker.move_changes()
        changes[tracker.labels, rows] = np.inf
        outlook = np.where(unlocked, changes.min(axis=0), np.inf)
        tried = np.argsort(outlook, kind="stable")[:BREADTH]
        found = [(*_best_partner(tracker, int(m), unlocked), int(m)) for m in tried if unlocked[m]]
        change, partner, m = min(found, default=(np.inf, 0, 0))
        if change == np.inf:
            return
        unlocked[[m, partner]] = False
        yield [(m, int(tracker.labels[partner])), (partner, int(tracker.labels[m]))]


def _best_partner(tracker: Tracker, m: int, unlocked: BoolArray) -> tuple[float, int]:
    free = unlocked & (tracker.labels != tracker.labels[m])
    changes = np.where(free, tracker.swap_changes(m), np.inf)
    partner = int(changes.argmin())
    return float(changes[partner]), partner
