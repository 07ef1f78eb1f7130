"""Reasons for infeasibility: true, and in words that name what to change."""

from __future__ import annotations

import pytest
from hypothesis import given

import oracle
from examples import two_pairs
from rocoin_opt.grouping.infeasible import reasons_for_infeasibility
from rocoin_opt.instance.files import read_instance
from strategies import instances


@given(instances(max_devices=4, max_filters=5))
def test_a_reason_is_a_proof(instance):
    if reasons_for_infeasibility(instance):
        assert next(oracle.feasible_plans(instance), None) is None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("memory", ["memory: no device can hold any student", "bytes"]),
        ("reliability", ["reliability: all", "fail together", "the outage limit is"]),
        ("capacity", ["capacity: at most", "filters find a place"]),
        ("groups", ["groups: at most 1 group can", "min_groups asks for"]),
    ],
)
def test_shipped_infeasible_instances_name_their_cause(repository, name, words):
    reasons = reasons_for_infeasibility(read_instance(repository / "instances" / "infeasible" / f"{name}.json"))
    assert len(reasons) == 1
    for word in words:
        assert word in reasons[0]


def test_a_reason_gives_the_figures():
    (reason,) = reasons_for_infeasibility(two_pairs().with_requirements(max_group_outage=1e-5))
    assert "all 4 devices" in reason
    assert "probability 0.0001" in reason
    assert "limit is 1e-05" in reason
    instance = two_pairs()
    (reason,) = reasons_for_infeasibility(instance.with_devices(instance.devices[:1]))
    assert reason.startswith("reliability: the one device that can hold a student fails with probability 0.1; ")
