"""The true frontier of tiny instances with failure domains, rules and ``min_success``, by all plans and partitions."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import restricted_instances
import rocoin_opt as ro
from oracle_restricted import RestrictedOracle
from partition_oracle import best_by_sizes
from replan_oracle import plans_of

if TYPE_CHECKING:
    from rocoin_opt.plan.latency import Objective


def drawn_with_graph(seed: int, devices: int | None = None) -> ro.Instance:
    """The random restricted instance of a seed, with a graph of its few filters, and perhaps a limit on energy."""
    fields = restricted_instances.merged(*restricted_instances.random_restricted(seed, devices=devices))
    rng = random.Random(seed)
    total = fields["knowledge"]["num_filters"]
    pairs = [(a, b) for a in range(total) for b in range(a) if rng.random() < 0.7]
    edges = [[b, a, rng.choice((1.0, 1.0, 2.0, 5.0))] for a, b in pairs]
    fields["knowledge"]["graph"] = {"edges": edges}
    return ro.Instance.model_validate(fields)


def true_outcomes(instance: ro.Instance, objective: Objective, criterion: str) -> set[tuple[float, float]]:
    """Latency and best criterion of every feasible plan; the former in the arithmetic of the definitions."""
    oracle = RestrictedOracle(instance)
    best = best_by_sizes(instance, criterion)
    found = set()
    for blocks in plans_of(oracle):
        if oracle.is_feasible(blocks) and (value := oracle.value(blocks, objective)) is not None:
            sizes = tuple(sorted((block.size for block in blocks), reverse=True))
            found.add((float(value), best[sizes]))
    return found


def efficient(found: set[tuple[float, float]], digits: int = 9) -> list[tuple[float, float]]:
    """Those that no other one betters in both respects, by ascending latency."""
    kept: list[tuple[float, float]] = []
    for seconds, value in sorted(found):
        if not kept or round(value, digits) < round(kept[-1][1], digits):
            kept.append((seconds, value))
    return kept
