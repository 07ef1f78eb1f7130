"""What must not be found in a document of the study."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from studies.cases import METHODS
from studies.reading import guaranteed, losses

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROUNDING = 1e-5
"""Six digits are kept of guaranteed latencies."""


def faults(results: Mapping[str, Any]) -> Iterator[str]:
    """Yield what contradicts itself: a plan better than a proven optimum, or a step that gains by being done worse."""
    for name, case in results["plans"].items():
        proven = np.array(list(case["runs"]["exact guaranteed"]["ended"])) == "o"
        optimum = np.where(proven, guaranteed(results, name, "exact"), -np.inf)
        for method in METHODS:
            if (guaranteed(results, name, method) < optimum).any():
                yield f"{name}: {method} is better than a proven optimum"
        for parts in {"level", "cut"} & results["stages"][name].keys():
            for step, factors in losses(results, name, parts).items():
                if (factors < 1.0 - ROUNDING).any():
                    yield f"{name}, {parts} parts: the step {step} gains by being done worse"
