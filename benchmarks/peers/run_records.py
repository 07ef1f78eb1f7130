"""Runs as plain data in a document, and back."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peers.cases import Case, Target
from peers.measure import Measurement
from peers.medians import Run

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FIELDS = [field.name for field in dataclasses.fields(Measurement)]


def record(run: Run) -> dict[str, Any]:
    """Return a run as JSON can hold it; a target that any gap reaches has none."""
    target = run.case.target
    return {
        "instance": run.case.name,
        "family": run.case.family,
        "devices": run.case.devices,
        "target_seconds": None if target is None else target.seconds,
        "target_gap": None if target is None or math.isinf(target.gap) else target.gap,
        "target_slowest": None if target is None else target.slowest,
        "repeat": run.repeat,
        **dataclasses.asdict(run.result),
    }


def runs_of(records: Iterable[Mapping[str, Any]]) -> list[Run]:
    """Return the runs of records; the first method of each instance and repeat is the reference."""
    runs = []
    references: dict[tuple[str, int], Measurement] = {}
    for found in records:
        gap = math.inf if found["target_gap"] is None else found["target_gap"]
        slowest = found.get("target_slowest")
        target = None if found["target_seconds"] is None else Target(found["target_seconds"], gap, slowest)
        case = Case(Path(found["instance"]), found["instance"], found["family"], found["devices"], target)
        result = Measurement(**{name: found[name] for name in FIELDS})
        reference = references.setdefault((case.name, found["repeat"]), result)
        runs.append(Run(case, found["repeat"], result, reference))
    return runs
