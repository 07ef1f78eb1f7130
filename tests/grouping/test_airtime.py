from __future__ import annotations

import pytest

from rocoin_opt.grouping.airtime import airtime_bound
from rocoin_opt.instance.model import Instance
from rocoin_opt.instance.relaxations import without_channels


def radio(count: int, *, failure: float = 0.5, compute: float = 0.0) -> Instance:
    """Devices on one channel, a second a filter."""
    devices = [
        {
            "id": f"d{n}",
            "flops_per_second": 1.0,
            "memory_bytes": 9,
            "uplink_bits_per_second": 1.0,
            "failure_probability": failure,
            "channel": "air",
        }
        for n in range(count)
    ]
    return Instance.model_validate(
        {
            "name": "radio",
            "devices": devices,
            "channels": [{"id": "air"}],
            "students": [{"id": "s", "flops": compute, "memory_bytes": 1, "max_filters": 10}],
            "knowledge": {"num_filters": 10, "bits_per_filter": 1.0},
            "requirements": {"max_group_outage": 0.25},
        }
    )


def test_every_replica_takes_its_airtime() -> None:
    # Two devices a filter: 20 s of air, after the first one has computed.
    assert airtime_bound(radio(6), "guaranteed") == pytest.approx(20.0)
    assert airtime_bound(radio(6), "nominal") == pytest.approx(10.0)
    assert airtime_bound(radio(6, compute=3.0), "worst") == pytest.approx(23.0)
    assert airtime_bound(radio(6, failure=0.25), "worst") == pytest.approx(10.0)


def test_links_of_their_own_have_no_airtime() -> None:
    assert airtime_bound(without_channels(radio(6)), "guaranteed") == 0.0


def test_without_a_plan_nothing_is_claimed() -> None:
    assert airtime_bound(radio(1), "guaranteed") == 0.0
