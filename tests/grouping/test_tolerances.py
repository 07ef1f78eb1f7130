"""Where rounding decides: every method and bound must read the outage limit as ``check`` does."""

from __future__ import annotations

import pytest

import rocoin_opt as ro
from samples import cases


def single_parts(crashes, limit, overheads=None):
    """Devices that take 2 s for the one filter, and their overhead: by default 0, 1, 2, ... seconds."""
    waits = range(len(crashes)) if overheads is None else overheads
    return ro.Instance.model_validate(
        {
            "name": "single",
            "devices": [
                {
                    "id": f"d{n}",
                    "flops_per_second": 1.0,
                    "memory_bytes": 9,
                    "uplink_bits_per_second": 1.0,
                    "overhead_seconds": float(wait),
                    "failure_probability": p,
                }
                for n, (p, wait) in enumerate(zip(crashes, waits, strict=True))
            ],
            "students": [{"id": "s", "flops": 1.0, "memory_bytes": 1, "max_filters": 9}],
            "knowledge": {"num_filters": 1, "bits_per_filter": 1.0},
            "requirements": {"max_group_outage": limit},
        }
    )


NEARLY_ONE = 1 - 2e-9
INSIDE = (1 - 1e-5) ** 3 * (1 - 9e-13)


@pytest.mark.parametrize(
    ("instance", "best"),
    cases(
        [
            (single_parts([0.1, 0.1, 0.1], 0.001), 4.0),
            (single_parts([*[NEARLY_ONE] * 3, 0.5], NEARLY_ONE**3, [0, 0, 0, 5]), 2.0),
            # The pair misses the limit by more than the tolerance, and by less than a solver can tell.
            (single_parts([0.3, 0.3, 0.3], 0.09 * (1 - 1.5e-12)), 4.0),
            # A product that underflows is not certain.
            (single_parts([1e-200, 1e-200, 0.0], 0.0, [0, 0, 9]), 11.0),
        ],
        [
            (single_parts([0.1, 0.1], 0.01), 3.0),
            (single_parts([NEARLY_ONE] * 3, NEARLY_ONE * NEARLY_ONE * NEARLY_ONE), 4.0),
            (single_parts([1 - 1e-5] * 3, INSIDE), 4.0),
            (single_parts([0.3, 0.3, 0.3], 0.09 * (1 - 1e-7)), 4.0),
            (single_parts([1 / 3] * 8, 0.037037037), 5.0),
        ],
    ),
)
def test_the_limit_is_read_alike_everywhere(instance, best):
    found = ro.solve(instance, "milp", "worst", latency_only=True)
    assert (found.objective_value, found.termination) == (best, "optimal")
    for method in ("greedy", "auto", "rocoin", "random", "nonn", "het-nonn"):
        for objective in ("guaranteed", "nominal", "worst"):
            # A false plan or bound would raise.
            result = ro.solve(instance, method, objective, latency_only=True, explain=False)
            assert result.termination != "infeasible"


def test_equal_devices_are_cut_off_at_once(monkeypatch):
    from rocoin_opt.formulations import joint

    built = []
    build = joint.build
    monkeypatch.setattr(joint, "build", lambda *a, **o: built.append(a) or build(*a, **o))
    assert ro.solve(single_parts([1 / 3] * 10, 0.037037037, [0] * 10), "milp", "worst").termination == "optimal"
    assert len(built) <= 3


def test_a_latency_of_zero_is_found():
    instance = single_parts([0.1, 0.1], 0.5, [5, 0])
    student = instance.students[0].model_copy(update={"flops": 0.0})
    knowledge = instance.knowledge.model_copy(update={"bits_per_filter": 0.0})
    instant = instance.model_copy(update={"students": (student,), "knowledge": knowledge})
    for method in ("het-nonn", "nonn", "greedy", "milp"):
        assert ro.solve(instant, method, "worst").objective_value == 0.0
