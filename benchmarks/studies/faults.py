"""What must not be found in a document of the study."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from studies.cases import METHODS
from studies.columns import column
from studies.reading import guaranteed, losses

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROUNDING = 1e-5
"""Six digits are kept of guaranteed latencies."""
DIGIT = 1e-5
"""The last of five digits of a success probability near 1."""


def faults(results: Mapping[str, Any]) -> Iterator[str]:
    """Yield what contradicts itself.

    A plan better than a proven optimum, one that answers more often than the plan of least failure, or a step that
    gains by being done worse.
    """
    for name, case in results["plans"].items():
        proven = np.array(list(case["runs"]["exact guaranteed"]["ended"])) == "o"
        optimum = np.where(proven, guaranteed(results, name, "exact"), -np.inf)
        for method in METHODS:
            if (guaranteed(results, name, method) < optimum).any():
                yield f"{name}: {method} is better than a proven optimum"
        surest = case["runs"].get("exact failure")
        for run, columns in case["runs"].items():
            # Plans without the outage limit are not plans of these instances.
            if surest is None or run.endswith("no limit"):
                continue
            if (column(columns, "success") > column(surest, "success") + DIGIT).any():
                yield f"{name}: {run} answers more often than the plan of least failure"
        for parts in {"level", "cut"} & results["stages"][name].keys():
            for step, factors in losses(results, name, parts).items():
                if (factors < 1.0 - ROUNDING).any():
                    yield f"{name}, {parts} parts: the step {step} gains by being done worse"
