"""What devices can do by a time and within a threshold, against the latencies themselves."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocoin_opt.grouping.reach import Reach
from rocoin_opt.instance import stretched
from samples import trials
from strategies import instances


def in_time(instance, seconds):
    """Largest part that each device delivers by a time, one size after another."""
    arrays = instance.arrays
    found = np.zeros_like(arrays.largest)
    for n, j in np.ndindex(*found.shape):
        sizes = [size for size in range(1, arrays.largest[n, j] + 1) if arrays.latency(n, j, size) <= seconds]
        found[n, j] = max(sizes, default=0)
    return found


@pytest.mark.parametrize("objective", ["guaranteed", "nominal", "worst"])
@given(instance=instances(max_devices=4, deadline=True), threshold=st.sampled_from([0.3, 1.0, 2.5, 8.0, math.inf]))
@trials(60)
def test_every_table_is_that_of_the_latencies(objective, instance, threshold):
    deadline = instance.requirements.deadline_seconds
    end = math.inf if deadline is None else stretched(deadline)
    counted, early, room = in_time(instance, end), in_time(instance, threshold), instance.arrays.largest
    reach = Reach.within(instance, objective, threshold)
    if objective == "worst":
        assert (reach.counted == np.minimum(counted, early)).all()
        assert (reach.held == early).all()
        assert reach.covering is reach.leading is None
    elif objective == "nominal":
        assert (reach.counted == counted).all()
        assert (reach.held == room).all()
        assert (reach.leading == early).all()
    elif end < threshold:
        assert (reach.counted == counted).all()
        assert (reach.held == early).all()
        assert reach.covering is None
    else:
        assert (reach.covering == early).all()
        assert (reach.covering <= reach.counted).all()


@given(instance=instances(max_devices=4))
@trials(40)
def test_without_a_time_only_room_counts(instance):
    reach = Reach.by(instance, math.inf)
    assert (reach.counted == instance.arrays.largest).all()
    assert (reach.held == reach.counted).all()
