"""Tables of how a plan holds up."""

from __future__ import annotations

import io

from rich.console import Console

import rocoin_opt as ro
from fleets import fleet
from rocoin_opt.failure.assessment import simulated
from rocoin_opt.report.assessment import assessment_document, print_assessment


def printed(losses: bool, deadline: float | None = 12.0) -> str:
    instance, plan = fleet([0.1, 0.2], groups=2, deadline=deadline)
    stream = io.StringIO()
    lost = ro.losses(instance, plan) if losses else None
    figures, simulation = ro.assess(instance, plan), simulated(instance, plan, 100)
    print_assessment(instance, plan, deadline, figures, simulation, lost, Console(file=stream, width=100))
    return stream.getvalue()


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


def test_the_document_names_quantiles_by_their_probability() -> None:
    instance, plan = fleet([0.1, 0.2], groups=2)
    document = assessment_document(ro.assess(instance, plan))
    assert list(document["quantiles"]) == ["0.5", "0.9", "0.99"]
    assert document["quantiles"]["0.99"] is None
