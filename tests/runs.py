"""Runs made by hand: rows with the figures that a test wants, and stores of small solved instances."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import rocoin_opt as ro
from rocoin_opt.batch.results import ItemResult
from rocoin_opt.batch.store import Store
from rocoin_opt.documents import readable_json
from rocoin_opt.plan.files import result_document
from rocoin_opt.plan.phases import relative_gap

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from rocoin_opt.plan.latency import Objective


def two_points(instance: ro.Instance, objective: Objective = "guaranteed") -> ro.Frontier:
    """A frontier that has points, in the time that this takes on the machine at hand."""
    limits = (1.0, 4.0, 16.0, 64.0, 256.0)
    frontiers = (ro.frontier(instance, objective, points=2, time_limit=limit) for limit in limits)
    return next(found for found in frontiers if found.points)


def row(path: str, method: str, value: float | None = None, bound: float | None = None, **changes: Any) -> ItemResult:
    """The row of one item; by default a plan of a value, proven where the bound is the same."""
    ends = {True: "no_plan", False: "optimal" if value == bound else "feasible"}
    fields: dict[str, Any] = {
        "instance": path.rsplit("/", 1)[-1].removesuffix(".json"),
        "path": path,
        "fingerprint": path,
        "method": method,
        "objective": "guaranteed",
        "seed": 0,
        "options": {},
        "termination": ends[value is None],
        "objective_value": value,
        "lower_bound": bound,
        "gap": relative_gap(value, bound),
        "wall_seconds": 1.0,
        "reasons": (),
        "failure": None,
        "error": None,
        "attempts": 1,
        "versions": {"rocoin-opt": "0"},
        "cores": 2,
        "trace": () if value is None else ((0.5, 2 * value, None), (1.0, value, bound)),
        "plan_file": None,
        "plan_sha256": None,
    }
    fields |= changes
    identity = "|".join(map(str, (fields["path"], method, fields["objective"], fields["seed"])))
    return ItemResult(item=hashlib.sha256(identity.encode()).hexdigest()[:32], **fields)


def failed(path: str, method: str, error: str = "out of memory") -> ItemResult:
    """The row of an item that failed."""
    return row(path, method, termination=None, failure="memory", error=error)


def stored(folder: Path, rows: Iterable[ItemResult]) -> Path:
    """Put rows into the store of a run."""
    with Store.writer(folder) as store:
        store.add(rows)
    return folder


def solved(path: Path, methods: Sequence[str], objective: Objective = "guaranteed") -> list[ItemResult]:
    """Rows of an instance file, solved by some methods for an objective."""
    instance = ro.read_instance(path)
    rows = []
    for method in methods:
        result = ro.solve(instance, method, objective, explain=False)
        text = None if result.plan is None else readable_json(result_document(instance, result)) + "\n"
        found = row(
            str(path),
            method,
            result.objective_value,
            result.lower_bound,
            instance=instance.name,
            fingerprint=instance.sha256,
            objective=objective,
            termination=result.termination,
            wall_seconds=0.25,
            trace=tuple((float(k), step.value, step.bound) for k, step in enumerate(result.trace)),
            plan_text=text,
            plan_sha256=None if text is None else hashlib.sha256(text.encode()).hexdigest(),
        )
        file = None if text is None else f"plans/{found.item[:2]}/{found.item}.plan.json"
        rows.append(ItemResult(**{**vars(found), "plan_file": file}))
    return rows
