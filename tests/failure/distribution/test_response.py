"""Response times of one replica: which law has which form, and draws of every pair of laws."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from failure_plans import group_draws, replica, system
from rocoin_opt.errors import UnsupportedError
from rocoin_opt.failure.distribution.response import MixedResponse, Response, StepResponse, SumResponse, response_of
from samples import trials
from strategies import SLOWDOWNS

MEASURED = {"law": "empirical", "values": [1.0, 2.0, 1.0, 4.0]}
EXPONENTIAL = {"law": "shifted_exponential", "rate": 2.0}
GAMMA = {"law": "gamma", "shape": 3.0}


def response(transfer: float = 3.0, **fields: Any) -> Response:
    """Response of a replica that computes for a second and transfers for three."""
    instance, _ = system([replica(0.25, transfer=transfer, overhead_seconds=0.5, **fields)], bits=1.0)
    return response_of(instance, 0, 0, 1)


def test_without_laws_the_time_is_the_latency() -> None:
    found = response()
    assert found.is_step
    assert found.jumps.tolist() == [4.5]
    assert found.farthest == 4.5
    assert found.guides.tolist() == []
    below, above = found.tails(np.array([4.4999, 4.5, math.inf]))
    assert (below.tolist(), above.tolist()) == ([0.0, 1.0, 1.0], [1.0, 0.0, 0.0])


def test_two_measured_factors_make_all_sums() -> None:
    found = response(transfer=1.0, compute_slowdown=MEASURED, link_slowdown=MEASURED)
    assert isinstance(found, StepResponse)
    np.testing.assert_allclose(found.jumps, [2.5, 3.5, 4.5, 5.5, 6.5, 8.5])
    np.testing.assert_allclose(found.weights, np.array([4, 4, 1, 4, 2, 1]) / 16)
    below, above = found.tails(found.jumps)
    np.testing.assert_allclose(below, np.cumsum(found.weights))
    np.testing.assert_allclose(above, 1.0 - np.cumsum(found.weights), atol=1e-16)


@pytest.mark.parametrize("side", ["compute_slowdown", "link_slowdown"])
def test_one_law_with_a_density_is_a_closed_form(side: str) -> None:
    found = response(**{side: EXPONENTIAL})
    assert isinstance(found, MixedResponse)
    scale, start = (1.0, 4.5) if side == "compute_slowdown" else (3.0, 4.5)
    times = np.array([start - 0.1, start, start + 1.0])
    np.testing.assert_allclose(found.tails(times)[1], [1.0, 1.0, math.exp(-2.0 / scale)], rtol=1e-14)
    assert (found.is_step, found.jumps.tolist(), found.tail_index) == (False, [], math.inf)
    assert found.farthest == pytest.approx(start + scale * 300 * math.log(10) / 2)
    assert start in found.guides


def test_a_measured_and_a_smooth_factor_are_a_mixture() -> None:
    found = response(compute_slowdown=EXPONENTIAL, link_slowdown=MEASURED)
    assert isinstance(found, MixedResponse)
    assert found.offsets.tolist() == [3.5, 6.5, 12.5]
    assert {4.5, 7.5, 13.5} <= set(found.guides)
    late = np.exp(-2.0 * np.maximum(8.0 - np.array([4.5, 7.5, 13.5]), 0.0))
    assert found.tails(np.array([8.0]))[1][0] == pytest.approx(late @ [0.5, 0.25, 0.25], rel=1e-14)


def test_many_measured_factors_get_fewer_guides_each() -> None:
    values = [1.0 + n / 100 for n in range(100)]
    found = response(compute_slowdown=EXPONENTIAL, link_slowdown={"law": "empirical", "values": values})
    assert {0.5 + 3.0 * value + 1.0 for value in values} <= set(found.guides)
    assert len(found.guides) < 600


def test_two_laws_with_densities_are_convolved() -> None:
    found = response(compute_slowdown=EXPONENTIAL, link_slowdown={"law": "pareto", "alpha": 1.5})
    assert isinstance(found, SumResponse)
    assert (found.is_step, found.jumps.tolist(), found.tail_index) == (False, [], 1.5)
    assert 4.5 in found.guides
    assert found.tails(np.array([4.5]))[0][0] == 0.0
    assert found.tails(np.array([found.farthest]))[1][0] <= 1e-300


def test_a_law_on_no_seconds_does_not_matter() -> None:
    instance, _ = system([replica(link_slowdown=GAMMA)], bits=0.0)
    found = response_of(instance, 0, 0, 1)
    assert isinstance(found, StepResponse)
    assert found.jumps.tolist() == [1.0]


def test_too_many_measured_times_are_refused() -> None:
    values = {"law": "empirical", "values": [1.0 + n for n in range(600)]}
    with pytest.raises(UnsupportedError, match="600 times 600 measured factors"):
        response(compute_slowdown=values, link_slowdown=values)


@given(SLOWDOWNS, SLOWDOWNS, st.floats(0.1, 10.0))
@trials(25)
def test_every_pair_of_laws_lies_within_four_standard_errors(
    compute: dict[str, Any], link: dict[str, Any], transfer: float
) -> None:
    trials = 20_000
    instance, plan = system([replica(transfer=transfer, compute_slowdown=compute, link_slowdown=link)], bits=1.0)
    draws = group_draws(instance, plan, seed=7, trials=trials)[0]
    times = np.quantile(draws, [0.01, 0.2, 0.5, 0.9])
    below, above = response_of(instance, 0, 0, 1).tails(times)
    np.testing.assert_allclose(below + above, 1.0, atol=1e-11)
    # The draws round differently where a time has a probability of its own.
    for slack in (1e-9, -1e-9):
        by, _ = response_of(instance, 0, 0, 1).tails(times * (1.0 + slack))
        seen = (draws[:, None] <= times * (1.0 + slack)).mean(axis=0)
        assert (np.abs(seen - by) <= 4.0 * np.sqrt(by * (1.0 - by) / trials) + 4.0 / trials).all()
