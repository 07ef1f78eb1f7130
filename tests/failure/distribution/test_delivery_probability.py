"""Whether one device delivers by a time: against the exact distribution, with bounds on the safe side."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import rocoin_opt as ro
from rocoin_opt.errors import UnsupportedError
from rocoin_opt.failure.distribution.delivery_probability import DeliveryProbabilities
from samples import trials
from slowed import plan_of
from strategies import instances


@given(instances(slowdowns=True, max_devices=1, max_students=1), st.floats(0.1, 30.0))
@trials(80)
def test_missed_is_the_outage_of_a_group_of_one(instance: ro.Instance, seconds: float) -> None:
    size = min(instance.students[0].max_filters, instance.knowledge.num_filters)
    deliveries = DeliveryProbabilities(instance)
    try:
        expected = ro.latency_distribution(instance, plan_of(instance, ([0], 0, size))).outage(0, seconds)
    except UnsupportedError:
        assume(False)
    missed = deliveries.missed(0, 0, size, seconds)
    assert missed == pytest.approx(expected, rel=1e-11, abs=2e-11)
    least = deliveries.missed(0, 0, size, seconds, at_least=True)
    assert max(instance.devices[0].failure_probability, missed - 2e-11) <= least <= missed
    if not instance.devices[0].is_random:
        assert least == missed


def test_only_bounded_answers_have_an_end_and_all_have_a_beginning() -> None:
    device = {"memory_bytes": 9, "flops_per_second": 2.0, "uplink_bits_per_second": 1.0, "failure_probability": 0.1}
    laws = (
        {},
        {"law": "empirical", "values": [3.0, 0.5]},
        {"law": "gamma", "shape": 2.0},
        {"law": "pareto", "alpha": 2.0},
    )
    instance = ro.Instance.model_validate(
        {
            "name": "four",
            "devices": [
                {"id": f"d{n}", **device, **({"compute_slowdown": law} if law else {})} for n, law in enumerate(laws)
            ],
            "students": [{"id": "s", "flops": 4.0, "memory_bytes": 1, "max_filters": 2}],
            "knowledge": {"num_filters": 2, "bits_per_filter": 1.0},
            "requirements": {"max_group_outage": 0.5},
        }
    )
    deliveries = DeliveryProbabilities(instance)
    assert [deliveries.has_end(n, 0, 2) for n in range(4)] == [True, True, False, False]
    assert [deliveries.earliest(n, 0, 2) for n in range(4)] == pytest.approx([4.0, 3.0, 2.0, 4.0])
