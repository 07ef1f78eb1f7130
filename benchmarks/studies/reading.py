"""What is read off a document by tables, figures and findings alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from studies.cases import METHODS
from studies.columns import column
from studies.summaries import excess, smallest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from studies.columns import Floats

ANSWERS = (
    "rocoin guaranteed",
    "nonn no limit",
    "het-nonn no limit",
    "random guaranteed",
    "greedy guaranteed",
    "exact guaranteed",
    "greedy expected",
    "exact expected",
    "exact failure",
)
"""Runs whose answers are compared: all that is there but methods with much the same plans."""
SWEPT = (
    "nonn no limit",
    "het-nonn no limit",
    "greedy guaranteed",
    "exact guaranteed",
    "greedy expected",
    "greedy lifted",
)


def sizes(results: Mapping[str, Any]) -> list[int]:
    """Numbers of devices that there are, ascending."""
    return sorted({int(name.rpartition("-")[2]) for name in results["plans"]})


def families(results: Mapping[str, Any], devices: int) -> list[str]:
    """Families with instances of a size, in their order."""
    return [name.rpartition("-")[0] for name in results["plans"] if name.endswith(f"-{devices}")]


def guaranteed(results: Mapping[str, Any], name: str, method: str) -> Floats:
    """Guaranteed latency of a method's plans on the instances of a family and size."""
    return column(results["plans"][name]["runs"][f"{method} guaranteed"], "guaranteed")


def best(results: Mapping[str, Any], name: str) -> Floats:
    """Least guaranteed latency that any method found, by instance."""
    return smallest(guaranteed(results, name, method) for method in METHODS)


def excesses(results: Mapping[str, Any], name: str, method: str) -> Floats:
    """By how much a method's guaranteed latency exceeds the best one, by instance."""
    return excess(guaranteed(results, name, method), best(results, name))


def answers(results: Mapping[str, Any], name: str, run: str, what: str) -> Floats:
    """A figure of the answers of a run's plans; ``expected`` as a share of the deadline."""
    case = results["plans"][name]
    values = column(case["runs"][run], what)
    return values / column(case, "deadline") if what == "expected" else values


def shared(results: Mapping[str, Any], name: str) -> Any:
    """Mask of the instances on which all runs whose answers are compared have a plan."""
    case = results["plans"][name]["runs"]
    return np.all([np.isfinite(column(case[run], "success")) for run in ANSWERS if run in case], axis=0)


def losses(results: Mapping[str, Any], name: str, parts: str) -> dict[str, Floats]:
    """What the sequential pipeline loses, as factors of guaranteed latency, by instance.

    Returns
    -------
    dict
        ``grouping``: its groups with the best students and sizes, over the optimum; ``sizes``: its sizes with the best
        matching, over that; ``matching``: its plan, over that; ``all``: the product, its plan over the optimum. Only
        instances whose optimum is proven count.
    """
    stages = results["stages"][name][parts]
    ended = np.array(list(results["plans"][name]["runs"]["exact guaranteed"]["ended"]))
    optimum = np.where(ended == "o", guaranteed(results, name, "exact"), np.nan)
    pipeline, matching, free = (column(stages, step) for step in ("pipeline", "matching", "sizes"))
    return {
        "grouping": free / optimum,
        "sizes": matching / free,
        "matching": pipeline / matching,
        "all": pipeline / optimum,
    }


def swept(results: Mapping[str, Any], family: str, probability: str, run: str, what: str) -> Floats:
    """A figure of the answers of a run in the sweep; latencies as shares of the deadline."""
    case = results["sweep"][family]
    values = column(case["probabilities"][probability][run], what)
    return values / column(case, "deadline") if what in ("expected", "guaranteed") else values


def having(ended: str) -> int:
    """How many of the items have a plan."""
    return sum(letter in "of" for letter in ended)
