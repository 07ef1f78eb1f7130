"""Brute force over the partitions of a few filters, and over all plans with all of their partitions."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

import oracle
from rocoin_opt.failure.evaluation import evaluate
from rocoin_opt.knowledge.criteria import Criterion

if TYPE_CHECKING:
    from rocoin_opt.instance.model import Instance
    from rocoin_opt.plan.latency import Objective


def best_by_sizes(instance: Instance, criterion: str) -> dict[tuple[int, ...], float]:
    """Least value of a criterion over all partitions with given descending sizes, for all sizes."""
    knowledge = instance.knowledge
    total, affinity = knowledge.num_filters, knowledge.class_affinity
    weights = knowledge.graph.dense(total)
    best: dict[tuple[int, ...], float] = {}
    for parts in range(1, total + 1):
        judged = Criterion.of(criterion, weights, parts, None if affinity is None else affinity.values)
        for labels in itertools.product(range(parts), repeat=total):
            sizes = tuple(np.bincount(labels, minlength=parts).tolist())
            if min(sizes) >= 1 and all(a >= b for a, b in itertools.pairwise(sizes)):
                best[sizes] = min(best.get(sizes, np.inf), judged.value(np.array(labels)))
    return best


def outcomes(instance: Instance, objective: Objective, criterion: str) -> set[tuple[float, float]]:
    """Latency and best criterion of every feasible plan, in the arithmetic of the package."""
    best = best_by_sizes(instance, criterion)
    return {(evaluate(instance, plan).value(objective), best[plan.sizes]) for plan in oracle.feasible_plans(instance)}


def best_within(found: set[tuple[float, float]], limit: float) -> float:
    """Least criterion of all plans within a latency limit."""
    return min(value for seconds, value in found if seconds <= limit)
