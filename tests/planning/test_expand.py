"""One more device, the plan solved anew: worth what an instance with it is worth, and never harmful."""

from __future__ import annotations

import pytest

import rocoin_opt as ro
from examples import pairs, two_pairs


def test_a_twin_of_each_kind_is_tried_and_the_best_comes_first() -> None:
    found = ro.expansions(pairs())
    assert {one.device for one in found} == {"d0", "d2"}
    for one in found:
        twin = one.after.instance.devices[-1]
        assert twin.id == f"{one.device}+"
        assert len(one.after.instance.devices) == 5
        assert one.value == ro.solve(one.after.instance).objective_value
        assert one.before.objective_value is not None
        assert one.value is not None
        assert one.saving == one.before.objective_value - one.value
        assert one.saving >= 0.0
        assert one.largest_saving == pytest.approx(one.saving)
    savings = [one.saving or 0.0 for one in found]
    assert savings == sorted(savings, reverse=True)


def test_devices_of_a_catalogue_may_join() -> None:
    fast = pairs().devices[3].model_copy(update={"id": "fast", "flops_per_second": 9.0, "failure_probability": 0.01})
    useless = fast.model_copy(update={"id": "useless", "memory_bytes": 0.5})
    found = ro.expansions(pairs(), devices=[useless, fast])
    assert [one.device for one in found] == ["fast", "useless"]
    assert found[0].saving is not None
    assert found[0].saving > 0.0
    assert found[1].saving == 0.0


def test_a_method_without_proof_never_makes_a_device_harmful() -> None:
    for one in ro.expansions(two_pairs(), "random", seed=3):
        assert one.saving is not None
        assert one.saving >= 0.0
        assert one.largest_saving is None or one.largest_saving >= one.saving


def test_options_reach_the_search() -> None:
    told: list[ro.Progress] = []
    nominal = ro.expansions(pairs(), "exact", "nominal", report=told.append)
    assert told
    assert {one.after.objective for one in nominal} == {"nominal"}
    (hurried,) = ro.expansions(ro.generate("edge", devices=16, seed=0), devices=pairs().devices[:1], time_limit=0.0)
    assert hurried.before.termination != "optimal"
    with pytest.raises(ro.InputError, match="threads"):
        ro.expansions(pairs(), threads=0)


def test_a_device_may_make_a_plan_possible() -> None:
    impossible = two_pairs().model_copy(update={"devices": two_pairs().devices[:1]})
    (one,) = ro.expansions(impossible)
    assert one.before.plan is None
    assert one.value is not None
    assert (one.saving, one.largest_saving) == (None, None)
    (none,) = ro.expansions(impossible, devices=[impossible.devices[0].model_copy(update={"memory_bytes": 0.5})])
    assert none.value is None
