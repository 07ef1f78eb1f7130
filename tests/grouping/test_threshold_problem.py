"""What a threshold leaves, against all groups of tiny instances."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from packing_oracle import PackingOracle, candidates
from rocoin_opt.grouping.threshold_problem import ThresholdProblem
from samples import trials
from strategies import instances

if TYPE_CHECKING:
    from rocoin_opt.instance.model import Instance
    from rocoin_opt.plan.latency import Objective

OBJECTIVES: tuple[Objective, ...] = ("guaranteed", "nominal", "worst")


def drawn_threshold(data: st.DataObject, instance: Instance) -> float:
    return data.draw(st.sampled_from([*candidates(instance), 0.0, 1e9]))


@pytest.mark.parametrize("objective", OBJECTIVES)
@given(data=st.data(), instance=instances(max_devices=5, max_filters=8))
def test_capacities_are_those_of_the_evaluator_of_groups(
    objective: Objective, data: st.DataObject, instance: Instance
) -> None:
    threshold = drawn_threshold(data, instance)
    problem, oracle = ThresholdProblem(instance, objective, threshold), PackingOracle(instance, objective, threshold)
    groups = oracle.groups()
    assert problem.capacities(list(groups)).tolist() == list(groups.values())
    assert problem.capacities([]).tolist() == []
    for group, size in groups.items():
        assert problem.by_student(np.array([group])).max() == size
        # With late members a group can only do more, as long as it does not wait for one.
        assert objective == "nominal" or problem.by_student_if_late(np.array([group])).max() >= size


@pytest.mark.parametrize("objective", OBJECTIVES)
@given(data=st.data(), instance=instances(max_devices=5, max_filters=8))
def test_every_group_is_a_cover_of_a_chain_up_to_its_size(
    objective: Objective, data: st.DataObject, instance: Instance
) -> None:
    threshold = drawn_threshold(data, instance)
    problem = ThresholdProblem(instance, objective, threshold)
    for chain in problem.chains:
        assert (np.diff(chain.sizes) <= 0).all()
        assert (chain.sizes > 0).all()
        assert chain.leader not in chain.devices
    for group, size in PackingOracle(instance, objective, threshold).groups().items():
        assert any(
            all(n == chain.leader or n in chain.devices[chain.sizes >= size] for n in group)
            and problem.shares[[n for n in group if n != chain.leader]].sum() >= chain.need - 1e-12
            and (chain.leader is None or (chain.leader in group and chain.leader_size >= size))
            for chain in problem.chains
        )


@pytest.mark.parametrize("objective", OBJECTIVES)
@given(data=st.data(), instance=instances(max_devices=6, max_filters=8))
@trials(40)
def test_no_packing_has_more_groups_of_a_size_than_the_levels_allow(
    objective: Objective, data: st.DataObject, instance: Instance
) -> None:
    threshold = drawn_threshold(data, instance)
    levels = ThresholdProblem(instance, objective, threshold).levels
    assert levels.sizes[0] == 1
    assert (np.diff(levels.limits) < 0).all()
    oracle = PackingOracle(instance, objective, threshold)
    for size in range(1, instance.knowledge.num_filters + 1):
        rows = levels.rows_of(size)
        assert rows == sum(first <= size for first in levels.sizes)
        large = [mask for mask, capacity in oracle.capacity.items() if capacity >= size]
        assert min(most_disjoint(large, len(instance.devices)), instance.max_groups) <= levels.limits[rows - 1]


def most_disjoint(groups: list[int], devices: int) -> int:
    most = [0] * (1 << devices)
    for mask in range(1, 1 << devices):
        most[mask] = max(
            [most[mask & (mask - 1)], *(1 + most[mask ^ group] for group in groups if group & mask == group)]
        )
    return most[-1]


@pytest.mark.parametrize("objective", OBJECTIVES)
@given(data=st.data(), instance=instances(max_devices=5, max_filters=8))
def test_at_levels_a_group_holds_the_largest_level_that_it_reaches(
    objective: Objective, data: st.DataObject, instance: Instance
) -> None:
    threshold = drawn_threshold(data, instance)
    problem, oracle = ThresholdProblem(instance, objective, threshold), PackingOracle(instance, objective, threshold)
    levels = np.array(sorted(data.draw(st.sets(st.integers(1, 8), min_size=1, max_size=3))))
    groups = oracle.groups()
    reached = [max((level for level in levels.tolist() if level <= size), default=0) for size in groups.values()]
    assert problem.at_levels(levels).capacities(list(groups)).tolist() == reached
