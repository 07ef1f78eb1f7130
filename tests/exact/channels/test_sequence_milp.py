"""The model of sequences, a second opinion: as early as the search, and never above the best plan."""

from __future__ import annotations

import pytest

from queue_instances import random_queues
from rocoin_opt.control import Control
from rocoin_opt.errors import UnsupportedError
from rocoin_opt.exact.channels.search import exact_on_channels
from rocoin_opt.plan.latency import THRESHOLD_OBJECTIVES
from rocoin_opt.planning.solve import solve
from samples import cases


@pytest.mark.parametrize("seed", cases([2, 23], range(0, 40, 2)))
def test_its_optimum_is_that_of_the_search(seed: int) -> None:
    instance = random_queues(seed)
    if not instance.shared_channels:
        return
    for objective in THRESHOLD_OBJECTIVES:
        best = exact_on_channels(instance, objective, Control.starting_now(), None)
        result = solve(instance, "milp", objective, latency_only=True)
        if best.plan is None:
            assert result.plan is None
            continue
        assert best.lower_bound is not None
        assert result.lower_bound is not None
        assert result.objective_value is not None
        assert result.lower_bound <= best.lower_bound * (1.0 + 1e-9)
        assert result.objective_value >= best.lower_bound
        # Ties of ready times may go either way in the model.
        assert (
            result.objective_value == pytest.approx(best.lower_bound, rel=2e-6) or result.lower_bound < best.lower_bound
        )


@pytest.mark.parametrize("field", ["min_success", "requests_per_second"])
def test_what_it_cannot_state_is_refused_by_name(field: str) -> None:
    instance = random_queues(3, 4, channels=1)
    with pytest.raises(UnsupportedError, match=f"model of sequences cannot state requirements.{field}"):
        solve(instance.with_requirements(**{field: 0.01}), "milp")
    with pytest.raises(UnsupportedError, match="takes 8 devices, not 9"):
        solve(random_queues(3, 9, channels=1), "milp")
    with pytest.raises(UnsupportedError, match="states latencies, not failure"):
        solve(instance, "milp", "failure")
