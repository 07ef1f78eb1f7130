"""Tables of how a plan holds up."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

import rocoin_opt as ro
from failure_plans import replica, system
from fleets import fleet
from rocoin_opt.failure.assessment import simulated
from rocoin_opt.failure.what_if.sensitivity import Sensitivity, Slope
from rocoin_opt.report.assessment import Assessment, assessment_document, print_assessment


def assessed(instance: ro.Instance, plan: ro.Plan, **asked: Any) -> Assessment:
    """The figures of a plan and what simpler ones there are, by the instance's own deadline."""
    deadline = instance.requirements.deadline_seconds
    return Assessment(instance, plan, deadline, ro.assess(instance, plan), ro.simplifications(instance, plan), **asked)


def shown(found: Assessment) -> str:
    """What is printed at 100 columns."""
    stream = io.StringIO()
    print_assessment(found, Console(file=stream, width=100))
    return stream.getvalue()


def printed(losses: bool, deadline: float | None = 12.0) -> str:
    instance, plan = fleet([0.1, 0.2], groups=2, deadline=deadline)
    lost = ro.losses(instance, plan) if losses else None
    return shown(assessed(instance, plan, simulation=simulated(instance, plan, 100), losses=lost))


def test_a_group_without_devices_is_told() -> None:
    text = printed(losses=True)
    assert "has no device left" in text
    assert "2 of 2 devices are needed" in text
    assert "deadline 12 s" in text


def test_what_does_not_apply_is_a_dash() -> None:
    text = printed(losses=False, deadline=None)
    assert "no deadline" in text
    (expected,) = [line for line in text.splitlines() if line.startswith("expected")]
    assert expected.split() == ["expected", "-", "-", "-"]
    assert "without" not in text
    # Both groups answer with probability 0.9 times 0.8 only.
    (quantile,) = [line for line in text.splitlines() if line.startswith("answered with probability 0.9 ")]
    assert quantile.split()[-5:] == ["never", "never", "never", "..", "never"]


def test_an_interval_without_an_end_is_explained() -> None:
    explained = "do not rule out that the time never comes"
    instance, plan = system([replica(0.04, 1.0)], deadline_seconds=9.0, max_group_outage=0.05)

    def simulation(trials: int) -> str:
        return shown(assessed(instance, plan, simulation=simulated(instance, plan, trials)))

    few = simulation(100)
    (guaranteed,) = [line for line in few.splitlines() if line.startswith("guaranteed")]
    assert guaranteed.split()[-4:] == ["1", "s", "..", "never"]
    assert explained in few
    assert explained not in shown(assessed(instance, plan))
    # With 99 in 100 there is no answer, and no interval around one.
    many = simulation(100_000)
    assert explained not in many
    assert "never .. never" in many


def test_the_document_names_quantiles_by_their_probability() -> None:
    instance, plan = fleet([0.1, 0.2], groups=2)
    document = assessment_document(assessed(instance, plan))
    assert list(document["quantiles"]) == ["0.5", "0.9", "0.99"]
    assert document["quantiles"]["0.99"] is None


def test_the_whole_answer_comes_first() -> None:
    # One answers in 90 of 100 requests, the other one in 80.
    instance, plan = fleet([0.1, 0.2], groups=2, deadline=12.0)
    instance = instance.with_requirements(success_level=0.6)
    found = assessed(instance, plan, simulation=simulated(instance, plan, 1000))
    rows = shown(found).splitlines()[2:5]
    assert rows[0].split()[:3] == ["failure", "probability", "0.28"]
    value, low, _, high = map(str.strip, rows[0].split()[3:])
    success = found.simulation["success_probability"]
    assert float(value) == pytest.approx(1.0 - success.value, rel=1e-2)
    assert (float(low), float(high)) == pytest.approx((1.0 - success.high, 1.0 - success.low), rel=1e-2)
    assert rows[1].split()[:2] == ["missing", "share"]
    assert rows[1].split()[-2:] == ["-", "-"]
    seconds = found.answer.quantile_seconds
    assert rows[2].split()[:5] == ["answered", "with", "probability", "0.6", f"{seconds:.4g}"]
    document = assessment_document(found)
    assert document["failure_probability"] == pytest.approx(0.28, rel=1e-12)
    assert document["missing_share"] == ro.evaluate(instance, plan).missing_share
    assert document["quantile_seconds"] == ro.evaluate(instance, plan).quantile_seconds == seconds


def test_statements_are_printed_and_stand_in_the_document() -> None:
    instance, plan = system([replica(0.0, 1.0), replica(0.5, 3.0)], deadline_seconds=9.0, max_group_outage=0.1)
    found = assessed(instance, plan)
    text = " ".join(shown(found).split())
    assert "one device suffices: g0d0 alone holds all 1 filters with s and keeps every requirement:" in text
    assert "expected 1 s instead of 1 s, success probability 1.000000 instead of 1.000000" in text
    # With one group it would be the same once more.
    assert "redundancy" not in text
    document = assessment_document(found)
    assert document["one_device_suffices"]["keeps_limit"]
    assert document["one_device_suffices"]["groups"] == [{"devices": ["g0d0"], "student": "s", "num_filters": 1}]
    assert document["redundancy_does_not_pay"]["figures"]["expected_seconds"] == 1.0


def test_without_a_deadline_the_guarantee_is_compared() -> None:
    instance, plan = system([replica(0.01, 1.0), replica(0.0, 3.0)], max_group_outage=0.05)
    assert "guaranteed 1 s instead of 1 s" in " ".join(shown(assessed(instance, plan)).split())
    broken = system([replica(0.01, 1.0), replica(0.6, 3.0)], [replica(0.6, 1.0)], max_group_outage=0.05)
    assert "suffices" not in shown(assessed(*broken))


def test_a_limit_that_only_redundancy_keeps_is_told() -> None:
    instance, plan = system(
        [replica(1e-4, 2.0), replica(1e-4, 9.0)], [replica(1e-4, 1.0)], deadline_seconds=2.0, max_group_outage=1e-6
    )
    text = " ".join(shown(assessed(instance, plan)).split())
    assert "redundancy pays for the outage limit only: 2 devices, one in each group, without it:" in text
    assert "suffices" not in text
    single, plan = system([replica(1e-4, 1.0), replica(1e-4, 9.0)], deadline_seconds=2.0, max_group_outage=1e-6)
    assert "redundancy pays for the outage limit only: a single device without it:" in shown(assessed(single, plan))


def test_redundancy_that_does_not_pay_is_told() -> None:
    instance, plan = system(
        [replica(1e-4, 1.0), replica(1e-4, 9.0)], [replica(1e-4, 1.0)], deadline_seconds=2.0, max_group_outage=0.1
    )
    text = " ".join(shown(assessed(instance, plan)).split())
    assert "redundancy does not pay here: 2 devices, one in each group, keep the outage limit: expected" in text


def test_replicas_that_help_nowhere_are_not_shown() -> None:
    instance, plan = system([replica(0.0, 1.0)], deadline_seconds=9.0)
    text = shown(assessed(instance, plan, replicas=ro.replica_values(instance, plan)))
    assert "there are no spares" in text
    assert "no twin of a device in use would improve a figure" in text
    late = instance.devices[0].model_copy(update={"id": "late", "flops_per_second": 0.01})
    larger = instance.model_copy(update={"devices": (*instance.devices, late)})
    spared = plan.model_copy(update={"spares": ("late",)})
    text = shown(assessed(larger, spared, replicas=ro.replica_values(larger, spared)))
    assert "no spare would improve a figure" in text


def test_sensitivities_are_shown_by_their_influence() -> None:
    instance, plan = system(
        [replica(0.1, 1.0), replica(0.2, 2.0)], [replica(0.0, 9.0)], deadline_seconds=5.0, max_group_outage=0.05
    )
    text = shown(assessed(instance, plan, sensitivities=ro.sensitivities(instance, plan)))
    rows = text.split("a rate 1 % lower")[1].splitlines()[1:]
    assert "same guarantee for" in rows[0]
    # The second group alone sets the guarantee, and is late for certain.
    assert rows[1].split() == [
        "g1d0",
        "compute",
        "rate",
        "1",
        "0.1111",
        "FLOP/s",
        "0",
        "0",
        "+1.000",
        "%",
        "waits",
        "for",
        "it",
    ]
    assert rows[-1] == "8 more have less influence; --json has them all"
    few = [one for one in ro.sensitivities(instance, plan) if one.device == "g1d0" and "flops" in one.parameter]
    assert "less influence" not in shown(assessed(instance, plan, sensitivities=few))


@pytest.mark.parametrize("deadline", [None, 5.0])
def test_ranges_and_rough_effects(deadline: float | None) -> None:
    def slope(error: float) -> Slope:
        return Slope(-1.0, -1.0, error, (-0.5, -0.25))

    def row(found: tuple[float, float | None] | None, error: float = 0.0) -> Sensitivity:
        return Sensitivity(
            device="[d]",
            group=0,
            parameter="flops_per_second",
            value=2.0,
            expected=None if deadline is None else slope(error),
            failure=None,
            guaranteed=slope(error),
            failure_range=None,
            guaranteed_range=found,
        )

    instance, plan = system([replica(0.1, 1.0)])
    ranges = [None, (2.0, 2.0), (0.0, None), (1.0, None), (0.0, 3.0), (1.0, 3.0)]
    text = shown(assessed(instance, plan, sensitivities=[*map(row, ranges), row(None, 0.5)]))
    rows = [line for line in text.splitlines() if line.startswith("[d]")]
    ends = ["-", "waits for it", "always", "from 1 FLOP/s", "up to 3 FLOP/s", "1 FLOP/s to 3 FLOP/s", "-"]
    assert [line.split("%")[-1].strip() for line in rows] == ends
    # A lower rate: the derivative to the left.
    assert all("+0.500 %" in line for line in rows)
    assert ["~" in line for line in rows] == [False] * 6 + [True]
