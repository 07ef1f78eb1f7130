"""Accuracies that were measured on real students, beside what the linear model would have said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from measurement import REPOSITORY, read

if TYPE_CHECKING:
    from collections.abc import Sequence

MEASURED = REPOSITORY / "benchmarks" / "results" / "pipeline.json"
CLASSES = 10


def measured() -> dict[str, Any]:
    """Return what the demonstration measured: the table that is there, and the ends of the linear model.

    Returns
    -------
    dict
        ``data`` and ``seeds``; ``full`` and ``none``, the ends of the linear model: mean accuracy of the students of
        the exact plan with all parts, and that of guessing; ``plans``, by method: expected accuracy of each seed with
        zeros and with means for missing parts; ``parts``, by criterion: accuracy with one part missing, measured in
        both ways, and by the linear model.
    """
    found = read(MEASURED, "pipeline")["results"]
    runs = [run["rows"] for run in found["seeds"]]
    exact = [row["all_parts"] for rows in runs for row in rows if row["name"] == "exact"]
    full, none = sum(exact) / len(exact), 1.0 / CLASSES
    # The exact plan is there with parts of several criteria; all plans have those of the normalised cut.
    planned = [row for rows in runs for row in rows if row["criterion"] == "ncut"]
    return {
        "data": found["data"]["name"],
        "seeds": [run["seed"] for run in found["seeds"]],
        "full": round(full, 6),
        "none": none,
        "plans": {
            method: {
                fill: [round(row[fill]["expected_accuracy"], 6) for row in planned if row["method"] == method]
                for fill in ("zero", "mean")
            }
            for method in dict.fromkeys(row["method"] for row in planned)
        },
        "parts": {
            criterion: one_missing([r for rows in runs for r in rows if r["method"] == "exact"], criterion, full, none)
            for criterion in dict.fromkeys(row["criterion"] for rows in runs for row in rows)
        },
    }


def one_missing(rows: Sequence[dict[str, Any]], criterion: str, full: float, none: float) -> dict[str, list[float]]:
    """Accuracies with one part missing, over all parts and seeds of the exact plan filled by a criterion."""
    chosen = [row for row in rows if row["criterion"] == criterion]
    return {
        "zero": [value for row in chosen for value in row["zero"]["without_each"]],
        "mean": [value for row in chosen for value in row["mean"]["without_each"]],
        "linear": [
            round(full - (full - none) * size / sum(row["sizes"]), 6) for row in chosen for size in row["sizes"]
        ],
    }
