"""Replicas as bars: what they are made of, whom they mark, what they fold, and the axis below them."""

from __future__ import annotations

import re

import numpy as np
import pytest

import rocoin_opt as ro
from examples import pairs
from rocoin_opt.report.page.group_rows import SCALE, group_picture
from rocoin_opt.report.page.plan_page import plan_report
from rocoin_opt.report.page.tables import ticks_of


def test_bars_are_what_the_time_is_spent_on() -> None:
    instance = pairs()
    # d0 takes 4 s of work and 1 s of transfer, d2 half as long for its work.
    plan = ro.Plan.of(instance, [ro.Group(devices=("d0", "d2"), student="s2", num_filters=2)])
    picture = group_picture(instance, plan, 5.0)
    slow, fast = reversed(picture.groups[0].replicas)
    assert (fast.device, fast.seconds, fast.mark, fast.outage) == ("d2", 3.0, "first", pytest.approx(0.1))
    assert (slow.device, slow.seconds, slow.mark, slow.outage) == ("d0", 5.0, "limit", pytest.approx(0.01))
    assert [segment.role for segment in slow.segments] == ["compute", "transfer"]
    assert [segment.width for segment in slow.segments] == pytest.approx([4 * SCALE / 5.1, SCALE / 5.1], abs=0.01)
    assert slow.segments[1].start == pytest.approx(4 * SCALE / 5.1, abs=0.01)
    assert picture.guaranteed == pytest.approx(5 * SCALE / 5.1)


@pytest.mark.usefixtures("unrendered")
def test_bars_stand_on_an_axis_of_time_and_the_binding_one_is_marked() -> None:
    instance = ro.generate("mcu", devices=12, seed=0)
    page = plan_report(instance, ro.solve(instance, "greedy").plan)
    assert ticks_of(5.1) == ((0.0, "0"), (39.22, "2 s"), (78.43, "4 s"))
    assert [words for _, words in ticks_of(0.4745)] == ["0", "200 ms", "400 ms"]
    assert all(3 <= len(ticks_of(end)) <= 5 for end in np.geomspace(1e-6, 1e4, 500))
    assert page.count('class="replica axis"') == page.count('class="group"')
    assert page.count('class="badge binding"') == 1
    assert re.search(r"Binding: group \d waits for \S+: compute .*? ms, link .*? ms, overhead ", page)
    assert "group\u2019s outage so far" in page


def test_a_mark_says_who_is_first_and_who_meets_the_limit() -> None:
    instance = pairs(requirements={"max_group_outage": 0.1})
    plan = ro.Plan.of(instance, [ro.Group(devices=("d0", "d2"), student="s2", num_filters=2)])
    assert [replica.mark for replica in group_picture(instance, plan, None).groups[0].replicas] == ["both", ""]
    assert group_picture(instance, plan, None).guaranteed is None
    assert group_picture(instance, plan, 1e9).guaranteed is None


def test_alike_devices_and_groups_of_them_are_folded() -> None:
    fleet = {"memory_bytes": 9, "flops_per_second": 1, "uplink_bits_per_second": 1, "failure_probability": 0.5}
    instance = pairs(
        devices=[{**fleet, "id": "cam", "count": 5}, {**fleet, "id": "pi", "flops_per_second": 4, "count": 3}],
        requirements={"max_group_outage": 0.25},
    )
    members = [("cam-1", "cam-2", "pi-1"), ("cam-3", "cam-4", "pi-2"), ("cam-5", "pi-3")]
    plan = ro.Plan.of(
        instance,
        [ro.Group(devices=own, student="s2", num_filters=size) for own, size in zip(members, (2, 2, 1), strict=True)],
    )
    picture = group_picture(instance, plan, None)
    both, last = picture.groups
    assert (both.numbers, both.title, last.title) == ((0, 1), "2 groups, 0 to 1", "Group 2")
    assert [(row.device, row.count, row.mark) for row in both.replicas] == [("pi", 1, "first"), ("cam", 2, "limit")]
    assert [(row.device, row.count) for row in last.replicas] == [("pi-3", 1), ("cam-5", 1)]
    assert both.replicas[1].outage == pytest.approx(0.125)
    page = plan_report(instance, plan)
    assert "cam \u00d7 2" in page
    assert "2 groups, " in page
    assert page.count('class="group"') == len(picture.groups)


def test_no_latency_at_all_can_be_drawn() -> None:
    instance = pairs(
        students=[{"id": "s", "flops": 0, "memory_bytes": 1, "max_filters": 9}],
        knowledge={"num_filters": 1, "bits_per_filter": 1e-15},
    )
    plan = ro.Plan.of(instance, [ro.Group(devices=("d0", "d1"), student="s", num_filters=1)])
    assert group_picture(instance, plan, 0.0).end > 0.0
