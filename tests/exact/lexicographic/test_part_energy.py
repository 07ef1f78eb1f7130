"""Part sizes within a limit on all energy: the frontier of tiny instances is the true one."""

from __future__ import annotations

import pytest

import rocoin_opt as ro
from partition_oracle import best_by_sizes
from rocoin_opt.control import Control
from rocoin_opt.exact.lexicographic.part_search import PartSearch
from scarce_energy import scarce_instances

OBJECTIVES, CRITERIA = ("guaranteed", "nominal", "worst"), ("ncut", "cut", "resilient")


def require_true_frontiers(seeds: range) -> None:
    for number, scarce in enumerate(scarce_instances(seeds, graph=True)):
        objective, criterion = OBJECTIVES[number % 3], CRITERIA[number // 3 % 3]
        instance = ro.Instance.model_validate(scarce.content)
        best, rank = best_by_sizes(instance, criterion), PartSearch(instance, criterion, Control()).rank
        truth = sorted(
            (values[objective], best[tuple(sorted((group.size for group in plan), reverse=True))])
            for plan, values in scarce.plans
        )
        efficient: list[tuple[float, float]] = []
        for seconds, value in truth:
            if not efficient or rank(value) < rank(efficient[-1][1]):
                if efficient and seconds <= efficient[-1][0] * (1.0 + 1e-12):
                    efficient.pop()
                efficient.append((seconds, value))
        found = ro.frontier(instance, objective, criterion=criterion, points=50)
        assert found.termination == "complete"
        assert len(found.points) == len(efficient)
        for point, (seconds, value) in zip(found.points, efficient, strict=True):
            assert ro.check(instance, point.plan) == ()
            assert (point.seconds, point.partition_value) == (pytest.approx(seconds), pytest.approx(value, abs=1e-12))
            assert point.partition_bound <= value + 1e-9 * max(1.0, value)
            assert point.partition_gap <= 1e-9


def test_frontiers_within_an_energy_are_the_true_ones():
    require_true_frontiers(range(600, 602))


@pytest.mark.slow
def test_more_frontiers_within_an_energy_are_the_true_ones():
    require_true_frontiers(range(604, 608))
