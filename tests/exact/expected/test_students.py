"""Students of given groups, best first: all of them, in order, and a bound on what was not looked at."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from oracle import Block, oracle_of
from rocoin_opt.control import UNLIMITED
from rocoin_opt.exact.expected.branch_and_bound import prove_expected
from rocoin_opt.exact.expected.students import best_students
from rocoin_opt.grouping import ExpectedModel
from rocoin_opt.instance import Instance

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rocoin_opt.plan import IndexedGroup

TIMES = ((1.0, 4.0, 2.5), (5.0, 1.5, 2.0), (2.0, 3.0, 0.5), (0.0, 3.0, 3.0))


def crossed() -> Instance:
    """Four devices, each of them fast with another one of three students."""
    devices = [
        {
            "id": f"d{n}",
            "compute_seconds": {f"s{j}": seconds for j, seconds in enumerate(row)},
            "memory_bytes": 9,
            "uplink_bits_per_second": 1.0,
            "failure_probability": 0.2 + 0.1 * n,
        }
        for n, row in enumerate(TIMES)
    ]
    return Instance.model_validate(
        {
            "name": "crossed",
            "devices": devices,
            "students": [{"id": f"s{j}", "flops": 1.0, "memory_bytes": 1, "max_filters": 2} for j in range(3)],
            "knowledge": {"num_filters": 2, "bits_per_filter": 0.0},
            "requirements": {"max_group_outage": 0.5, "deadline_seconds": 8.0},
        }
    )


def values(options: list[list[IndexedGroup]]) -> Iterator[float]:
    """Values of all combinations by the definition."""
    oracle = oracle_of(crossed())
    for blocks in itertools.product(*options):
        value = oracle.value(tuple(Block(*block) for block in blocks), "expected")
        assert value is not None
        yield value


def test_all_combinations_come_once_and_in_order():
    model = ExpectedModel(crossed())
    options = [model.blocks([0, 1], 1), model.blocks([2, 3], 1)]
    assert [len(blocks) for blocks in options] == [3, 2]
    found = list(best_students(model, options, UNLIMITED))
    assert len({tuple(blocks or ()) for _, blocks in found}) == 6
    assert [seconds for seconds, _ in found] == pytest.approx(sorted(values(options)), rel=1e-12)


@pytest.mark.parametrize("most", range(4))
def test_what_is_left_out_is_bounded(most):
    model = ExpectedModel(crossed())
    options = [model.blocks([0, 1], 1), model.blocks([2, 3], 1)]
    found = list(best_students(model, options, UNLIMITED, most=most))
    told = [seconds for seconds, blocks in found if blocks is not None]
    assert found[-1][1] is None
    assert sorted(values(options))[len(told)] >= found[-1][0] * (1.0 - 1e-12)


def test_students_of_groups_depend_on_each_other():
    instance = crossed()
    outcome = prove_expected(ExpectedModel(instance), UNLIMITED, None)
    oracle = oracle_of(instance)
    assert outcome.plan is not None
    least = min(oracle.value(blocks, "expected") or 0.0 for blocks in oracle.decisions(feasible_only=True))
    assert oracle.value(oracle.blocks(outcome.plan), "expected") == pytest.approx(least, rel=1e-12)
    assert outcome.lower_bound == pytest.approx(least, rel=1e-9)
