"""A linear program that grows by columns."""

from __future__ import annotations

import math

import highspy
import numpy as np
import pytest
import scipy.sparse as sp

from rocoin_opt.control import Control, Progress
from rocoin_opt.errors import SolverError
from rocoin_opt.highs.columns import RestrictedMaster
from rocoin_opt.highs.waiting import WaitingColumns


def two_rows(control: Control | None = None) -> RestrictedMaster:
    """Room for 4 in the first row and for 6 in the second."""
    return RestrictedMaster(np.full(2, -math.inf), np.array([4.0, 6.0]), control or Control.starting_now())


def add(program: RestrictedMaster, cost: float, entries: dict[int, float]) -> None:
    program.add(
        np.array([cost]), np.array([0, len(entries)]), np.array(list(entries)), np.array(list(entries.values()))
    )


def test_optimum_and_prices_follow_the_columns() -> None:
    told: list[Progress] = []
    program = two_rows(Control.starting_now(report=told.append))
    add(program, 3.0, {0: 1.0, 1: 1.0})
    first = program.solve()
    assert first is not None
    assert first.objective == pytest.approx(12.0)
    assert first.values.tolist() == pytest.approx([4.0])
    assert first.prices.tolist() == pytest.approx([3.0, 0.0])
    # max 3x + 2y with x + y <= 6, x <= 4: x = 4, y = 2, prices 1 and 2.
    add(program, 2.0, {1: 1.0})
    second = program.solve()
    assert second is not None
    assert second.objective == pytest.approx(16.0)
    assert second.values.tolist() == pytest.approx([4.0, 2.0])
    assert second.prices.tolist() == pytest.approx([1.0, 2.0])
    assert second.prices @ [4.0, 6.0] == pytest.approx(second.objective)
    # What was handed out stays as it was.
    assert len(first.values) == 1
    assert told == []


def test_several_columns_at_once() -> None:
    program = two_rows()
    program.add(np.array([1.0, 5.0]), np.array([0, 2, 3]), np.array([0, 1, 1]), np.array([1.0, 1.0, 2.0]))
    solution = program.solve()
    assert solution is not None
    assert solution.objective == pytest.approx(15.0)
    assert solution.values.tolist() == pytest.approx([0.0, 3.0])


def test_a_limit_gives_nothing() -> None:
    program = two_rows(Control.starting_now(time_limit=0))
    rng = np.random.default_rng(0)
    for _ in range(20):
        add(program, rng.uniform(1, 2), {0: rng.uniform(1, 2), 1: rng.uniform(1, 2)})
    assert program.solve() is None


@pytest.mark.parametrize("is_lasting", [False, True])
def test_where_the_simplex_method_gives_up_it_begins_anew(monkeypatch: pytest.MonkeyPatch, is_lasting: bool) -> None:
    program = two_rows()
    add(program, 3.0, {0: 1.0, 1: 1.0})
    told = [highspy.HighsModelStatus.kUnknown] * (2 if is_lasting else 1)
    real = highspy.Highs.getModelStatus
    monkeypatch.setattr(highspy.Highs, "getModelStatus", lambda highs: told.pop() if told else real(highs))
    if is_lasting:
        with pytest.raises(SolverError, match="Unknown"):
            program.solve()
    else:
        solution = program.solve()
        assert solution is not None
        assert solution.objective == pytest.approx(12.0)


def test_the_limit_counts_from_now_although_the_clock_runs_on() -> None:
    program = two_rows(Control.starting_now(time_limit=600.0))
    for size in range(1, 20):
        add(program, float(size), {0: 1.0, 1: float(size)})
        assert program.solve() is not None


def test_a_wrong_column_is_refused() -> None:
    program = two_rows()
    with pytest.raises(SolverError, match="refused a column"):
        add(program, 1.0, {7: 1.0})
    with pytest.raises(SolverError, match="refused a column"):
        add(program, 1.0, {0: math.inf})


def test_an_unbounded_program_is_an_error() -> None:
    program = two_rows()
    add(program, 1.0, {0: -1.0})
    with pytest.raises(SolverError, match="ended a linear program with"):
        program.solve()


def test_columns_wait_until_prices_ask_for_them() -> None:
    # Worth 3, 2 and 1 at no prices; 1, 2 and -3 where the first row costs 2 and the second nothing, or 4.
    columns = WaitingColumns(np.array([3.0, 2.0, 1.0]), sp.csr_array(np.array([[1.0, 0.0], [0.0, 0.5], [2.0, 0.0]])))
    assert columns.best(np.zeros(2), 2, 0.0).tolist() == [0, 1]
    assert columns.best(np.array([2.0, 0.0]), 3, 0.0).tolist() == [1, 0]
    assert columns.best(np.array([2.0, 4.0]), 3, 0.0).tolist() == [0]
    assert columns.best(np.array([2.0, 0.0]), 3, 1.0).tolist() == [1]
    columns.enter(np.array([1]))
    assert columns.best(np.array([2.0, 0.0]), 3, 0.0).tolist() == [0]
    columns.enter(np.array([0, 2]))
    assert columns.best(np.zeros(2), 3, 0.0).tolist() == []
