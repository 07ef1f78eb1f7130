"""Results as Pandas frames: one row a group, method, point, device or item, in SI units."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from rocoin_opt.batch import fields_of
from rocoin_opt.errors import missing_extra
from rocoin_opt.plan import FIGURES, outage_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd

    from rocoin_opt.plan import Plan

GROUP = ("group", "student", "num_filters", "devices", "filters")
COLUMNS = {
    "plan": GROUP,
    "result": (*GROUP, "outage"),
    "comparison": (
        "method",
        "termination",
        "objective",
        "objective_value",
        "lower_bound",
        "gap",
        *FIGURES.values(),
        "ncut",
        "groups",
        "wall_seconds",
        "seed",
        "is_unlimited",
    ),
    "frontier": ("seconds", "limit_seconds", "partition_value", "partition_bound", "partition_gap", "groups", "sizes"),
    "replan": ("device", "group", "student", "num_filters", "is_load", "size_bytes"),
    "run": (),
}
"""Columns, which a frame without rows has too; those of a run are the fields of its items."""


def frame_of(shown: Any) -> pd.DataFrame:
    """Return it as a frame.

    Raises
    ------
    UnsupportedError
        If Pandas is missing.
    """
    if find_spec("pandas") is None:
        raise missing_extra("a frame needs Pandas", "notebook")
    import pandas as pd

    rows = list(ROWS[shown._shown_as](shown))
    return pd.DataFrame(rows, columns=list(COLUMNS[shown._shown_as]) or None)


def _plan_rows(plan: Plan) -> Iterator[dict[str, Any]]:
    for k, group in enumerate(plan.groups):
        yield {"group": k} | {name: getattr(group, name) for name in GROUP[1:]}


def _result_rows(result: Any) -> Iterator[dict[str, Any]]:
    if result.plan is not None:
        index = result.instance.arrays.device_index
        for row in _plan_rows(result.plan):
            yield row | {"outage": outage_of(result.instance, [index[name] for name in row["devices"]])}


def _comparison_rows(found: Any) -> Iterator[dict[str, Any]]:
    for result in found:
        metrics, plan = result.metrics, result.plan
        figures = {name: getattr(metrics, name, None) for name in (*FIGURES.values(), "ncut")}
        yield {
            **{name: getattr(result, name) for name in COLUMNS["comparison"] if hasattr(result, name)},
            **figures,
            "groups": None if plan is None else len(plan.groups),
            # Some are scored once more without limits that their method cannot keep.
            "is_unlimited": result.instance is not found.instance,
        }


def _frontier_rows(frontier: Any) -> Iterator[dict[str, Any]]:
    for point in frontier.points:
        own = {name: getattr(point, name) for name in COLUMNS["frontier"] if hasattr(point, name)}
        yield own | {"groups": len(point.plan.groups), "sizes": point.plan.sizes}


def _replan_rows(found: Any) -> Iterator[dict[str, Any]]:
    loads = {load.device: load.size_bytes for load in found.loads}
    for k, group in enumerate(() if found.plan is None else found.plan.groups):
        for device in group.devices:
            yield {
                "device": device,
                "group": k,
                "student": group.student,
                "num_filters": group.num_filters,
                "is_load": device in loads,
                "size_bytes": loads.get(device, 0.0),
            }


ROWS: dict[str, Callable[[Any], Iterator[dict[str, Any]]]] = {
    "plan": _plan_rows,
    "result": _result_rows,
    "comparison": _comparison_rows,
    "frontier": _frontier_rows,
    "replan": _replan_rows,
    "run": lambda run: map(fields_of, run),
}
"""Who makes the rows of what, by the name that it is shown as."""
