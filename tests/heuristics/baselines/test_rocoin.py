from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given

from rocoin_opt.control import Control
from rocoin_opt.failure.evaluation import evaluate
from rocoin_opt.failure.validity import check
from rocoin_opt.grouping.assignment import assign_sizes
from rocoin_opt.heuristics.baselines.follow_the_leader import capacity_vectors, follow_the_leader
from rocoin_opt.heuristics.baselines.rocoin import match_parts, rocoin
from rocoin_opt.instance.matrices import FilterGraph
from rocoin_opt.instance.model import Instance
from strategies import instances


def device(name: str, rate: float, memory: float, link: float, p: float = 0.1, **more: Any) -> dict[str, Any]:
    return {
        "id": name,
        "flops_per_second": rate,
        "memory_bytes": memory,
        "uplink_bits_per_second": link,
        "failure_probability": p,
        **more,
    }


def make(
    devices: list[dict[str, Any]], students: list[tuple[float, int, float]], filters: int, **more: Any
) -> Instance:
    """An instance whose students are (memory, capacity, compute), with one bit a filter."""
    return Instance.model_validate(
        {
            "name": "made",
            "devices": devices,
            "students": [
                {"id": f"s{j}", "flops": flops, "memory_bytes": memory, "max_filters": capacity}
                for j, (memory, capacity, flops) in enumerate(students)
            ],
            "knowledge": {"num_filters": filters, "bits_per_filter": 1.0, **more.pop("knowledge", {})},
            "requirements": {"max_group_outage": 0.01, **more},
        }
    )


HAND = [
    # Shares of the largest rate 10, memory 100, link 10; the length of the vector decides who leads.
    device("weak-2", 1.0, 20, 1.0),  # (0.1, 0.2, 0.1)
    device("big", 10.0, 100, 10.0),  # (1.0, 1.0, 1.0): the first leader
    device("fast", 10.0, 20, 2.0),  # (1.0, 0.2, 0.2)
    device("like-big", 9.0, 90, 9.0),  # (0.9, 0.9, 0.9): nearest to big
    device("tiny", 10.0, 1, 10.0),  # holds no student
    device("weak-1", 1.0, 20, 1.0),  # (0.1, 0.2, 0.1): as far from every leader as weak-2
    device("middle", 5.0, 60, 5.0),  # (0.5, 0.6, 0.5)
]


def test_grouping_follows_the_leaders() -> None:
    instance = make(HAND, [(10, 8, 0.0)], 8)
    assert capacity_vectors(instance)[2].tolist() == [1.0, 0.2, 0.2]
    names = [[instance.devices[n].id for n in group] for group in follow_the_leader(instance)]
    # Two devices of p = 0.1 keep the limit 0.01. After big, fast (1.04) leads over middle (0.93): middle lies 0.71
    # from it, the weak ones 0.91. Of the equal weak ones the smaller identifier leads.
    assert names == [["big", "like-big"], ["fast", "middle"], ["weak-1", "weak-2"]]


def test_grouping_does_not_depend_on_the_order_of_the_devices() -> None:
    instance, reverse = make(HAND, [(10, 8, 0.0)], 8), make(HAND[::-1], [(10, 8, 0.0)], 8)
    named = [[[inst.devices[n].id for n in group] for group in follow_the_leader(inst)] for inst in (instance, reverse)]
    assert named[0] == named[1]


def test_grouping_stops_at_the_largest_number_of_groups_and_dissolves_the_last_one() -> None:
    assert len(follow_the_leader(make(HAND, [(10, 8, 0.0)], 8, max_groups=2))) == 2
    # Three devices each: big with like-big and middle; fast with the weak ones.
    strict = follow_the_leader(make(HAND, [(10, 8, 0.0)], 8, max_group_outage=0.001))
    assert [len(group) for group in strict] == [3, 3]
    # Four devices each: the second group would have two.
    assert [len(group) for group in follow_the_leader(make(HAND, [(10, 8, 0.0)], 8, max_group_outage=0.0001))] == [4]


def test_kuhn_munkres_minimises_the_sum_and_misses_the_bottleneck() -> None:
    # l_0(s) = 10 + s and l_1(s) = 2 s. Large part first: 10 + 2 + 2 = 14, at most 12. The other way: 11 + 4 = 15, at
    # most 11.
    instance = make(
        [device("slow-start", 1, 9, 1.0, 0.01, overhead_seconds=10.0), device("slow-link", 1, 9, 0.5, 0.01)],
        [(1, 3, 0.0)],
        3,
    )
    assert match_parts(instance, [[0], [1]], [2, 1], "guaranteed") == [(0, 0), (1, 0)]
    plan = rocoin(instance, "guaranteed", Control()).plan
    assert plan is not None
    assert evaluate(instance, plan).guaranteed_seconds == pytest.approx(12.0)
    best = assign_sizes(instance, [[0], [1]], "guaranteed")
    assert best is not None
    assert best[1] == pytest.approx(11.0)


def test_the_objective_decides_which_replica_a_group_is_judged_by() -> None:
    # Seconds a filter: 1 and 10 in the first group, 3 and 3 in the second.
    devices = [device(f"d{n}", 1, 9, link) for n, link in enumerate([1.0, 0.1, 1 / 3, 1 / 3])]
    instance = make(devices, [(1, 8, 0.0)], 8)
    assert match_parts(instance, [[0, 1], [2, 3]], [6, 2], "nominal") == [(0, 0), (1, 0)]
    assert match_parts(instance, [[0, 1], [2, 3]], [6, 2], "worst") == [(1, 0), (0, 0)]


def test_each_pair_gets_the_fastest_student_that_fits_and_can_learn_the_part() -> None:
    devices = [device("roomy", 1, 9, 2.0, 0.01), device("poor", 1, 2, 1.0, 0.01)]
    instance = make(devices, [(9, 8, 5.0), (2, 5, 2.0), (1, 4, 1.0)], 8)
    assert match_parts(instance, [[0], [1]], [5, 3], "worst") == [(0, 1), (1, 2)]
    assert match_parts(instance, [[0], [1]], [6, 2], "worst") == [(0, 0), (1, 2)]
    # The largest student, which alone learns six filters, fits on no device of the group.
    assert match_parts(instance, [[0, 1], [1]], [6, 2], "worst") is None


def test_sizes_follow_the_groups_where_equal_ones_do_not_fit() -> None:
    instance = make([device("roomy", 1, 9, 1.0, 0.01), device("poor", 1, 2, 1.0, 0.01)], [(9, 8, 0.0), (2, 2, 0.0)], 8)
    plan = rocoin(instance, "guaranteed", Control()).plan
    assert plan is not None
    assert [(group.devices, group.num_filters) for group in plan.groups] == [(("roomy",), 6), (("poor",), 2)]


def clique_graph(sizes: list[int]) -> FilterGraph:
    blocks = np.repeat(np.arange(len(sizes)), sizes)
    weights = (blocks[:, None] == blocks[None, :]).astype(float)
    np.fill_diagonal(weights, 0.0)
    return FilterGraph.from_weights(weights)


def test_the_parts_are_those_of_the_normalised_cut() -> None:
    devices = [device(f"d{n}", 1, 9, 1.0, 0.01) for n in range(2)]
    instance = make(devices, [(1, 6, 0.0)], 8, knowledge={"graph": clique_graph([6, 2])})
    plan = rocoin(instance, "guaranteed", Control()).plan
    assert plan is not None
    assert [group.filters for group in plan.groups] == [(0, 1, 2, 3, 4, 5), (6, 7)]


def test_equal_sizes_replace_parts_that_no_student_can_learn() -> None:
    devices = [device(f"d{n}", 1, 9, 1.0, 0.01) for n in range(2)]
    instance = make(devices, [(1, 5, 0.0)], 8, knowledge={"graph": clique_graph([6, 2])})
    plan = rocoin(instance, "guaranteed", Control()).plan
    assert plan is not None
    assert plan.sizes == (4, 4)
    assert check(instance, plan) == ()
    # The small clique is not cut.
    assert any({6, 7} <= set(group.filters or ()) for group in plan.groups)


def test_reasons_name_the_groups_and_the_filters() -> None:
    few = make(HAND, [(10, 8, 0.0)], 8, max_group_outage=0.001, min_groups=3)
    assert rocoin(few, "guaranteed", Control()).reasons == (
        "follow-the-leader grouping forms 2 of at least 3 groups that keep the outage limit 0.001 and share a student",
    )
    small = make(HAND, [(10, 2, 0.0)], 8)
    assert rocoin(small, "guaranteed", Control()).reasons == (
        "the 3 follow-the-leader groups can hold parts of 6 filters in all, 8 must be held",
    )


@given(instances())
def test_a_plan_exists_whenever_the_groups_can_hold_all_filters(instance: Instance) -> None:
    outcome = rocoin(instance, "worst", Control())
    room = [instance.arrays.largest[group].min(axis=0).max() for group in follow_the_leader(instance)]
    room = [int(largest) for largest in room if largest > 0]
    possible = len(room) >= instance.requirements.min_groups and sum(room) >= instance.knowledge.num_filters
    assert (outcome.plan is not None) == possible
