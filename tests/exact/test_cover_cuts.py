"""Groups that miss the outage limit by a hair are cut off, by their number of replicas or as a set."""

from __future__ import annotations

import pytest

from rocoin_opt.errors import SolverError
from rocoin_opt.exact.cover_cuts import CoverCuts
from rocoin_opt.instance.model import Instance
from rocoin_opt.plan.model import Group, Plan


def hair(*reliable: str, idle: bool = False) -> Instance:
    """Pairs of devices miss a limit of 1 % by less than a solver tells; reliable ones keep it."""
    device = {"flops_per_second": 1.0, "uplink_bits_per_second": 1.0}
    devices = [
        {"id": name, **device, "memory_bytes": 1.0, "failure_probability": 0.05 if name in reliable else 0.1}
        for name in ("a", "b", "c", "d")
    ]
    if idle:
        devices += [{"id": name, **device, "memory_bytes": 0.5, "failure_probability": 0.01} for name in ("x", "y")]
    return Instance.model_validate(
        {
            "name": "hair",
            "devices": devices,
            "students": [{"id": "s", "flops": 1.0, "memory_bytes": 1.0, "max_filters": 1}],
            "knowledge": {"num_filters": 1, "bits_per_filter": 0.0},
            "requirements": {"max_group_outage": 0.01 * (1.0 - 1e-8)},
        }
    )


def plan(instance: Instance, *devices: str, filters: int = 1) -> Plan:
    return Plan.of(instance, [Group(devices=devices, student="s", num_filters=filters)])


@pytest.mark.parametrize("idle", [False, True])
def test_too_few_replicas_are_cut_off_by_their_number(idle: bool) -> None:
    """Devices that hold no student make no difference, however reliable they are."""
    instance = hair(idle=idle)
    cuts = CoverCuts(instance, "joint")
    assert cuts.learn(plan(instance, "a", "b")) == [3]
    assert cuts.learn(plan(instance, "c")) == [3]
    assert cuts.known == [3]
    assert cuts.learn(plan(instance, "a", "b", "c")) == []


def test_a_set_is_forbidden_where_another_one_of_its_size_covers() -> None:
    instance = hair("c", "d")
    cuts = CoverCuts(instance, "joint")
    assert cuts.learn(plan(instance, "a", "b")) == [frozenset({0, 1})]
    assert cuts.learn(plan(instance, "a")) == [2]
    assert cuts.known == [2, frozenset({0, 1})]
    assert cuts.learn(plan(instance, "c", "d")) == []


def test_what_no_tolerance_explains_is_an_error() -> None:
    instance = hair()
    with pytest.raises(SolverError, match="the joint model admits an invalid plan"):
        CoverCuts(instance, "joint").learn(plan(instance, "a", "b", "c", filters=2))
