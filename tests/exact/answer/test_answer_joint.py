"""Groups that share domains: the least failure of a packing, against all packings in all states."""

from __future__ import annotations

import math

import pytest

from restricted_solves import drawn, truth
from rocoin_opt.control import Control
from rocoin_opt.exact.answer import joint, packing
from rocoin_opt.exact.answer.joint import JointPacking
from rocoin_opt.grouping.reach import Reach
from rocoin_opt.instance.tolerances import stretched
from samples import cases


def reach_of(instance):
    return Reach.by(instance, stretched(instance.requirements.deadline_seconds))


@pytest.mark.parametrize("seed", cases(range(1, 41, 3), [seed for seed in range(60) if seed % 3]))
def test_the_least_failure_is_that_of_all_plans(seed: int) -> None:
    instance, least = drawn(seed, 4), truth(seed, 4, "failure")
    found = JointPacking(instance, reach_of(instance), 1.0, Control())
    rows, failure, finished = found.search(math.inf)
    assert finished
    # Of what min_success asks nothing is known here.
    if instance.requirements.min_success is None:
        assert (least is None) == (rows == ())
        assert least is None or failure == pytest.approx(least, rel=1e-9, abs=1e-15)


@pytest.mark.slow
def test_compiled_or_not_the_search_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    instance = drawn(7, 5)
    plain = JointPacking(instance, reach_of(instance), 1.0, Control()).search(math.inf)
    monkeypatch.setattr(joint, "MIN_COMPILED_SETS", 1)
    compiled = JointPacking(instance, reach_of(instance), 1.0, Control()).search(math.inf)
    assert compiled[0] == plain[0]
    assert compiled[1] == pytest.approx(plain[1], rel=1e-12)
    monkeypatch.setattr(packing, "_has_numba", lambda: False)
    assert JointPacking(instance, reach_of(instance), 1.0, Control()).search(math.inf) == plain


def test_an_effort_that_ends_proves_nothing() -> None:
    instance = drawn(7, 5)
    assert not JointPacking(instance, reach_of(instance), 1.0, Control(deadline=-math.inf)).search(math.inf)[2]


def test_more_states_than_can_be_carried_along_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joint, "MOST_STATES", 1)
    instance = next(
        drawn(seed, 5)
        for seed in range(50)
        if JointPacking(drawn(seed, 5), reach_of(drawn(seed, 5)), 1.0, Control()).shared.names
    )
    assert JointPacking(instance, reach_of(instance), 1.0, Control()).search(math.inf) == ((), math.inf, False)
