"""The domains that several devices share, and their states."""

from __future__ import annotations

import numpy as np
import pytest

import rocoin_opt as ro
from rocoin_opt.instance.shared_failures import SharedFailures


@pytest.fixture
def instance() -> ro.Instance:
    fields = ro.generate("edge", devices=6, seed=0).model_dump(mode="json")
    for device, place in zip(fields["devices"], ["a", "b", "a", "one", None, "sure"], strict=True):
        device["failure_domain"] = place
    falls = {"a": 0.1, "b": 0.2, "one": 0.5, "sure": 0.0}
    fields["failure_domains"] = [{"id": name, "failure_probability": p} for name, p in falls.items()]
    return ro.Instance.model_validate(fields)


def test_only_domains_of_several_devices_tie_anything(instance: ro.Instance) -> None:
    shared = SharedFailures(instance)
    assert shared.names == ["a"]
    assert shared.domain.tolist() == [0, -1, 0, -1, -1, -1]
    p = instance.arrays.failure
    alone = [p[0], 0.2 + 0.8 * p[1], p[2], 0.5 + 0.5 * p[3], p[4], p[5]]
    assert shared.failure == pytest.approx(np.array(alone))


def test_states_are_all_ways_to_fail(instance: ro.Instance) -> None:
    shared = SharedFailures(instance)
    assert shared.down.tolist() == [[False], [True]]
    assert shared.chance == pytest.approx([0.9, 0.1])
    assert shared.failure_by_state[1].tolist() == [1.0, shared.failure[1], 1.0, *shared.failure[3:]]
    free = SharedFailures(ro.generate("edge", devices=3, seed=0))
    assert (free.down.shape, free.chance.tolist()) == ((1, 0), [1.0])
