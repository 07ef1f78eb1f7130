"""Plans mended by hand: who stays, which spare fills a gap, and when spares do not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import pairs, two_pairs
from rocoin_opt.failure.validity import check
from rocoin_opt.heuristics.repair import repair
from rocoin_opt.plan.model import Group, Plan
from rocoin_opt.planning.replan import without_devices
from strategies import instances, valid_plans


def test_the_fastest_spare_that_completes_a_group_joins_it() -> None:
    instance = pairs()
    old = Plan.of(instance, [Group(devices=("d0", "d1"), student="s3", num_filters=5)])
    mended = repair(without_devices(instance, ["d1"]), old)
    assert mended is not None
    assert mended.groups == (Group(devices=("d0", "d2"), student="s3", num_filters=5),)


def test_without_spares_enough_there_is_no_plan() -> None:
    instance = two_pairs()
    old = Plan.of(
        instance, [Group(devices=(a, b), student="s", num_filters=2) for a, b in (("d0", "d1"), ("d2", "d3"))]
    )
    assert repair(instance, old) == old
    assert repair(without_devices(instance, ["d3"]), old) is None


@pytest.mark.parametrize("domains", [False, True])
@given(data=st.data())
def test_a_mended_plan_keeps_all_parts_and_all_rules(domains: bool, data: st.DataObject) -> None:
    instance = data.draw(instances(domains=domains))
    old = data.draw(valid_plans(instance))
    gone = data.draw(st.sampled_from([device.id for device in instance.devices]))
    left = without_devices(instance, [gone] if len(instance.devices) > 1 else [])
    mended = repair(left, old)
    if mended is not None:
        assert check(left, mended) == ()
        assert sorted((g.student, g.num_filters) for g in mended.groups) == sorted(
            (g.student, g.num_filters) for g in old.groups
        )
        used = {device for group in mended.groups for device in group.devices}
        assert {device for group in old.groups for device in group.devices} - {gone} <= used
