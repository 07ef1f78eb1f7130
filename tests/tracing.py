"""What holds for the trace of every result."""

from __future__ import annotations

import itertools


def assert_traced(result):
    """The trace never goes back, has no idle row, and ends with the result."""
    *steps, end = result.trace
    assert (end.seconds, end.value, end.bound) == (result.wall_seconds, result.objective_value, result.lower_bound)
    for before, after in itertools.pairwise(result.trace):
        assert before.seconds <= after.seconds
        assert before.value is None or after.value <= before.value
        assert before.bound is None or after.bound >= before.bound
    states = [(None, None), *((step.value, step.bound) for step in steps)]
    assert all(before != after for before, after in itertools.pairwise(states))
