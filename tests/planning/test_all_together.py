"""Tables, counts, energies, rates and exact limits all together, in every method, against all plans."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

import rocoin_opt as ro
from oracle_measured import OBJECTIVES
from tiny_fleets import tiny_fleets

if TYPE_CHECKING:
    from rocoin_opt.plan import Objective

ROUNDED = 1e-9


def require_true(content: dict[str, Any], method: str, objective: Objective, least: float) -> ro.Result | None:
    """Solve, and compare with the least value over all plans; None where the method refuses the objective."""
    instance = ro.Instance.model_validate(content)
    try:
        result = ro.solve(instance, method, objective, latency_only=True, explain=False)
    except ro.UnsupportedError:
        return None
    slack = ROUNDED * max(abs(least), 1e-3) if least < math.inf else 0.0
    if result.termination == "infeasible":
        assert least == math.inf
    if result.plan is not None:
        assert ro.check(instance, result.plan) == ()
    if result.objective_value is not None:
        assert result.objective_value >= least - slack
    if result.lower_bound is not None:
        assert result.lower_bound <= least + slack
    if result.termination == "optimal":
        assert result.objective_value == pytest.approx(least, abs=slack)
    return result


def require_all(seeds: range, others: tuple[str, ...]) -> int:
    """Every objective by ``exact``, proven, and one objective of each fleet by other methods; how many fleets."""
    number = 0
    for number, fleet in enumerate(tiny_fleets(seeds), start=1):
        for objective in OBJECTIVES:
            result = require_true(fleet.content, "exact", objective, fleet.least[objective])
            assert result is not None
            assert result.termination == ("infeasible" if fleet.least[objective] == math.inf else "optimal")
        for place, method in enumerate(others):
            objective = OBJECTIVES[(number + place) % len(OBJECTIVES)]
            require_true(fleet.content, method, objective, fleet.least[objective])
    return number


@pytest.fixture(autouse=True)
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Searches of a moment: what is proven does not rest on them."""
    monkeypatch.setattr("rocoin_opt.planning.methods.restricted.MOST_STEPS", 60)
    monkeypatch.setattr("rocoin_opt.heuristics.local_search.MAX_EXPECTED_STEPS", 100)


def test_all_that_ties_devices_together_is_honoured_at_once() -> None:
    assert require_all(range(2), ("greedy",)) >= 1


@pytest.mark.slow
def test_all_that_ties_devices_together_is_honoured_by_every_method() -> None:
    assert require_all(range(20, 30), ("milp", "greedy", "local-search")) >= 4
