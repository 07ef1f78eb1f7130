"""Who waits for whom: bars that say what the evaluator says."""

from __future__ import annotations

import pytest

import rocoin_opt as ro
from rocoin_opt.failure.queues import QueueAnswers
from rocoin_opt.report.page.channel_rows import channel_picture
from rocoin_opt.report.page.group_rows import SCALE
from rocoin_opt.report.page.plan_page import plan_report
from rocoin_opt.report.page.queue_curves import QueueCurves


def two_on_air() -> tuple[ro.Instance, ro.Plan]:
    """Two devices in two groups, ready after 1 and 2 seconds, which send for 3 seconds each."""
    device = {"memory_bytes": 1, "uplink_bits_per_second": 1.0, "failure_probability": 0.0, "channel": "<air>"}
    instance = ro.Instance.model_validate(
        {
            "name": "air",
            "devices": [
                {"id": "quick", "flops_per_second": 1.0, **device},
                {"id": "slow", "flops_per_second": 0.5, **device},
            ],
            "students": [{"id": "s", "flops": 1.0, "memory_bytes": 1, "max_filters": 6}],
            "channels": [{"id": "<air>"}],
            "knowledge": {"num_filters": 6, "bits_per_filter": 1.0},
            "requirements": {"max_group_outage": 1.0},
        }
    )
    groups = [ro.Group(devices=(name,), student="s", num_filters=3) for name in ("quick", "slow")]
    return instance, ro.Plan.of(instance, groups)


@pytest.mark.usefixtures("unrendered")
def test_who_is_ready_second_waits_for_the_first() -> None:
    instance, plan = two_on_air()
    picture = channel_picture(instance, plan)
    assert picture is not None
    (channel,) = picture.channels
    assert (channel.busy, channel.first, channel.last, channel.share) == (6.0, 1.0, 7.0, 1.0)
    first, second = channel.rows
    assert (first.device, first.waits, first.blocker, first.ends) == ("quick", 0.0, "", 4.0)
    assert (second.device, second.waits, second.blocker, second.ends) == ("slow", 2.0, "quick", 7.0)
    assert [segment.role for segment in second.segments] == ["waiting", "transfer"]
    starts = [segment.start for segment in (*first.segments, *second.segments)]
    assert starts == pytest.approx([SCALE * t / picture.end for t in (1.0, 2.0, 4.0)], abs=0.01)
    page = plan_report(instance, plan)
    assert "Who waits for whom" in page
    assert "2 s for quick" in page
    assert "<air>" not in page


@pytest.mark.usefixtures("unrendered")
def test_links_of_ones_own_have_no_picture() -> None:
    instance, plan = two_on_air()
    alone = instance.with_devices([d.model_copy(update={"channel": None}) for d in instance.devices])
    assert channel_picture(alone, plan) is None
    assert "Who waits for whom" not in plan_report(alone, plan)


@pytest.mark.usefixtures("unrendered")
def test_curves_are_those_of_the_exact_answer() -> None:
    instance = ro.generate("paper", devices=6, seed=1, channels=1)
    plan = ro.solve(instance, "greedy").plan
    answers = QueueAnswers(instance, plan)
    curves = QueueCurves(answers)
    times = curves.jumps
    assert curves.horizon <= ro.evaluate(instance, plan).worst_seconds
    assert curves.answered(times).tolist() == pytest.approx([answers.distribution.cdf(t) for t in times])
    for t in times.tolist():
        silent = [float(curves.silent(k, [t])[0]) for k in range(len(plan.groups))]
        assert silent == pytest.approx(answers.outages(t))
    assert "When the answer comes" in plan_report(instance, plan)
