"""Small instances whose best plans can be worked out by hand."""

from __future__ import annotations

from typing import Any

import rocoin_opt as ro


def pairs(**changes: Any) -> ro.Instance:
    """Two pairs of equal devices; each pair keeps the limit; three students of growing capacity."""
    device = {"memory_bytes": 9, "uplink_bits_per_second": 2.0, "failure_probability": 0.1}
    fields = {
        "name": "pairs",
        "devices": [{"id": f"d{n}", "flops_per_second": rate, **device} for n, rate in enumerate((1.0, 1.0, 2.0, 2.0))],
        "students": [{"id": f"s{j}", "flops": 2.0 * j, "memory_bytes": j, "max_filters": 2 * j} for j in (1, 2, 3)],
        "knowledge": {"num_filters": 5, "bits_per_filter": 1.0},
        "requirements": {"max_group_outage": 0.02, "deadline_seconds": 20.0},
    }
    fields["requirements"].update(changes.pop("requirements", {}))
    return ro.Instance.model_validate({**fields, **changes})


def two_pairs() -> ro.Instance:
    """Four equal devices, two of which cover the limit: two groups, so two filters by the time of one each."""
    device = {"flops_per_second": 1.0, "memory_bytes": 9, "uplink_bits_per_second": 1.0, "failure_probability": 0.1}
    return ro.Instance.model_validate(
        {
            "name": "two pairs",
            "devices": [{"id": f"d{n}", **device} for n in range(4)],
            "students": [{"id": "s", "flops": 3.0, "memory_bytes": 1, "max_filters": 9}],
            "knowledge": {"num_filters": 4, "bits_per_filter": 1.0},
            "requirements": {"max_group_outage": 0.01},
        }
    )
