"""Covering knapsacks against all subsets: interpreted, compiled, and the compiled source run as plain Python."""

from __future__ import annotations

import importlib.util
import itertools
import math
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocoin_opt.control import Control
from rocoin_opt.grouping.covering import covering_knapsack as module
from rocoin_opt.grouping.covering import covering_knapsack_compiled as compiled_module
from rocoin_opt.grouping.covering.covering_knapsack import (
    Covers,
    cheapest_covers,
    cheapest_members,
    covers_within,
    resolution_for,
    resolution_of,
    steps_within,
    units_needed,
    units_of,
    use_compiled,
)
from rocoin_opt.grouping.tolerances import UNREACHABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hypothesis.strategies import DrawFn

    from rocoin_opt.instance.arrays import FloatArray

SHARES = st.sampled_from([0.0, 0.1, 0.2, 0.25, 1 / 3, 0.5, 0.6, 1.0, 1e-15]) | st.floats(0.01, 1.0)
COSTS = st.sampled_from([0.0, 0.0, 0.5, 1.0, 1.25, 3.0])
RESOLUTIONS = st.sampled_from([1, 7, 16, 400])


# To compile takes seconds in a fresh clone.
@pytest.fixture(
    scope="module",
    params=["interpreted", pytest.param("compiled", marks=pytest.mark.slow), "source of the compiled"],
)
def compiled(request: pytest.FixtureRequest) -> Iterator[bool]:
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "source of the compiled":
            for name in ("cheapest_covers", "covers_within", "_unfilled", "_grown"):
                patch.setattr(compiled_module, name, getattr(compiled_module, name).py_func)
        yield request.param != "interpreted"


@st.composite
def knapsacks(draw: DrawFn) -> tuple[FloatArray, FloatArray, int]:
    count = draw(st.integers(0, 6))
    shares, costs = (draw(st.lists(values, min_size=count, max_size=count)) for values in (SHARES, COSTS))
    return np.array(shares, dtype=float), np.array(costs, dtype=float), draw(RESOLUTIONS)


def subsets(count: int) -> Iterator[tuple[int, ...]]:
    for size in range(count + 1):
        yield from itertools.combinations(range(count), size)


def listed(covers: Covers) -> list[tuple[int, tuple[int, ...]]]:
    """Level and members of each cover, sorted; nothing is dropped, so that doubles would show."""
    rows = [tuple(n for n in row if n >= 0) for row in covers.members.tolist()]
    assert all(row == tuple(sorted(set(row), reverse=True)) for row in rows)
    return sorted((level, row[::-1]) for level, row in zip(covers.levels.tolist(), rows, strict=True))


@given(knapsack=knapsacks())
def test_the_table_holds_the_cheapest_cost_of_every_prefix_and_need(
    compiled: bool, knapsack: tuple[FloatArray, FloatArray, int]
) -> None:
    shares, costs, resolution = knapsack
    units = units_of(shares, resolution)
    table = cheapest_covers(units, costs, resolution, compiled=compiled)
    assert table.shape == (len(shares) + 1, resolution + 1)
    assert table.tobytes() == cheapest_covers(units, costs, resolution, compiled=False).tobytes()
    for prefix in range(len(shares) + 1):
        for need in {0, 1, resolution // 2, resolution}:
            sets = [s for s in subsets(prefix) if sum(units[list(s)]) >= need]
            if not sets:
                assert table[prefix, need] >= UNREACHABLE
                continue
            cheapest = min(math.fsum(costs[list(s)]) for s in sets)
            assert table[prefix, need] == pytest.approx(cheapest, abs=1e-12)
            members = cheapest_members(table, units, prefix, need)
            assert members == sorted(set(members), reverse=True)
            assert all(member < prefix for member in members)
            assert sum(units[members]) >= need
            assert math.fsum(costs[members]) == pytest.approx(cheapest, abs=1e-12)


@given(knapsack=knapsacks(), need=st.floats(-0.5, 1.0) | st.sampled_from([0.0, 1.0, 0.5, 2 / 3]))
def test_no_rounding_hides_a_cover(knapsack: tuple[FloatArray, FloatArray, int], need: float) -> None:
    shares, costs, resolution = knapsack
    table = cheapest_covers(units_of(shares, resolution), costs, resolution, compiled=False)
    covers = [s for s in subsets(len(shares)) if math.fsum(shares[list(s)]) >= need]
    assert all(table[-1, units_needed(need, resolution)] <= math.fsum(costs[list(s)]) + 1e-12 for s in covers)


def test_the_rounding_of_many_shares_adds_up_and_still_hides_no_cover() -> None:
    resolution = 4096
    for excess in (0.9e-8, 0.9e-11, 0.0):
        shares, costs = np.full(40, (100 + excess) / resolution), np.zeros(40)
        need = float(shares.sum()) - 1e-15
        table = cheapest_covers(units_of(shares, resolution), costs, resolution, compiled=False)
        assert table[-1, units_needed(need, resolution)] == 0.0


@given(data=st.data(), knapsack=knapsacks(), pairs=st.sampled_from([1, 3, 500_000]))
def test_every_minimal_cover_within_the_budget_is_listed_once(
    compiled: bool, data: st.DataObject, knapsack: tuple[FloatArray, FloatArray, int], pairs: int
) -> None:
    shares, costs, resolution = knapsack
    count = len(shares)
    prefixes = np.array(sorted(data.draw(st.lists(st.integers(0, count), max_size=3))), dtype=np.int64)
    levels = len(prefixes)
    needs = np.array(
        data.draw(st.lists(st.sampled_from([1.0, 1.0, 0.7, 0.5, 0.0, -0.2]), min_size=levels, max_size=levels)),
        dtype=np.float64,
    )
    # Sums of costs are multiples of a quarter: no budget is as good as equal to one.
    budgets = np.array(
        data.draw(st.lists(st.sampled_from([-1.0, 0.1, 0.6, 1.1, 2.6, 99.0]), min_size=levels, max_size=levels)),
        dtype=np.float64,
    )
    table = cheapest_covers(units_of(shares, resolution), costs, resolution, compiled=False)

    def covers(members: tuple[int, ...], need: float) -> bool:
        return math.fsum(shares[list(members)]) >= need - 1e-12

    wanted = [
        (level, members)
        for level, (prefix, need, budget) in enumerate(zip(prefixes.tolist(), needs, budgets, strict=True))
        for members in subsets(prefix)
        if covers(members, need)
        and not any(covers((*members[:k], *members[k + 1 :]), need) for k in range(len(members)))
        and math.fsum(costs[list(members)]) <= budget
    ]
    with pytest.MonkeyPatch.context() as patch:
        # Where it is not compiled, sets are extended block by block.
        patch.setattr(module, "PAIRS", pairs)
        found = covers_within(table, shares, costs, prefixes, needs, budgets, 1_000, compiled=compiled)
    assert found is not None
    assert listed(found) == sorted(wanted)
    if wanted:
        limit = len(wanted)
        assert covers_within(table, shares, costs, prefixes, needs, budgets, limit, compiled=compiled) is not None
        assert covers_within(table, shares, costs, prefixes, needs, budgets, limit - 1, compiled=compiled) is None


def test_thousands_of_covers_are_all_listed(compiled: bool) -> None:
    shares, costs = np.full(16, 0.25), np.zeros(16)
    table = cheapest_covers(units_of(shares, 400), costs, 400, compiled=compiled)
    level = np.array([16]), np.ones(1), np.zeros(1)
    found = covers_within(table, shares, costs, *level, 5_000, compiled=compiled)
    assert found is not None
    assert listed(found) == sorted((0, members) for members in itertools.combinations(range(16), 4))
    assert covers_within(table, shares, costs, *level, 1_819, compiled=compiled) is None
    # Each of them is tried, and what it begins with.
    assert covers_within(table, shares, costs, *level, 5_000, compiled=compiled, steps=10_000) is not None
    assert covers_within(table, shares, costs, *level, 5_000, compiled=compiled, steps=1_819) is None


def test_steps_are_as_many_as_the_time_that_is_left_allows(compiled: bool) -> None:
    assert steps_within(Control(), compiled=compiled) == module.ENDLESS
    some = steps_within(Control.starting_now(time_limit=10.0), compiled=compiled)
    assert 0 < some <= 10 * module.STEPS_A_SECOND[compiled]
    assert steps_within(Control.starting_now(time_limit=0.0), compiled=compiled) == 0


def test_a_cover_that_does_without_a_device_is_left_out(compiled: bool) -> None:
    shares, costs = np.array([0.5, 0.5, 0.1]), np.zeros(3)
    table = cheapest_covers(units_of(shares, 400), costs, 400, compiled=compiled)
    found = covers_within(table, shares, costs, np.array([3]), np.ones(1), np.zeros(1), 9, compiled=compiled)
    assert found is not None
    assert listed(found) == [(0, (0, 1))]


def test_thousands_of_levels_that_need_nobody(compiled: bool) -> None:
    table = cheapest_covers(units_of(np.ones(1), 16), np.zeros(1), 16, compiled=compiled)
    count = 1_500
    levels = np.zeros(count, dtype=np.int64), np.zeros(count), np.zeros(count)
    found = covers_within(table, np.ones(1), np.zeros(1), *levels, count, compiled=compiled)
    assert found is not None
    assert listed(found) == [(level, ()) for level in range(count)]
    assert covers_within(table, np.ones(1), np.zeros(1), *levels, count - 1, compiled=compiled) is None


def test_small_instances_and_those_without_numba_run_interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MIN_COMPILED_DEVICES", 40)
    monkeypatch.delitem(sys.modules, module.COMPILED)
    assert use_compiled(40)
    assert not use_compiled(39)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    assert not use_compiled(10_000)


@pytest.mark.parametrize(
    ("done", "runs_compiled"),
    [((), False), (("cheapest_covers", "covers_within"), False), (module.COMPILED_FUNCTIONS, True)],
)
def test_what_is_not_yet_compiled_waits_for_a_longer_limit(
    monkeypatch: pytest.MonkeyPatch, done: tuple[str, ...], runs_compiled: bool
) -> None:
    functions = {name: SimpleNamespace(signatures=[()] if name in done else []) for name in module.COMPILED_FUNCTIONS}
    monkeypatch.setitem(sys.modules, module.COMPILED, SimpleNamespace(**functions))
    monkeypatch.setattr(module, "IMPORT_SECONDS", 100.0)
    monkeypatch.setattr(module, "COMPILING_SECONDS", 100.0)
    assert use_compiled(10_000, Control.starting_now(time_limit=50.0)) is runs_compiled
    assert use_compiled(10_000)


def test_large_instances_have_coarser_units() -> None:
    assert resolution_for(1_000) > resolution_for(2_000) > resolution_for(10_000)


@given(length=st.integers(1, 400), seed=st.integers(0, 1_000))
def test_whole_shares_are_priced_without_rounding(length: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, length + 1, rng.integers(1, 9))
    # As an instance has them: by logarithms of probabilities.
    shares = np.log(0.01 ** (lengths / length)) / math.log(0.01)
    resolution = resolution_of(shares)
    assert length % resolution == 0 or resolution == resolution_for(len(shares))
    units, need = units_of(shares, resolution), units_needed(1.0, resolution)
    for members in subsets(len(lengths)):
        covers = int(lengths[list(members)].sum()) >= length
        assert (int(units[list(members)].sum()) >= need) == covers


@given(shares=st.lists(st.floats(0.001, 1.0), min_size=2, max_size=6))
def test_units_never_hide_a_cover(shares: list[float]) -> None:
    values = np.array(shares)
    for part in (values, np.round(values, 3), np.round(values, 1) + 1e-12):
        resolution = resolution_of(part)
        units = units_of(part, resolution)
        for members in subsets(len(part)):
            if float(part[list(members)].sum()) >= 1.0 - 1e-14:
                assert int(units[list(members)].sum()) >= units_needed(1.0, resolution)


def test_shares_without_a_common_unit_take_the_usual_ones() -> None:
    odd = np.sqrt(np.array([2.0, 3.0, 5.0])) / 3.0
    assert resolution_of(odd) == resolution_for(3)
    # A common unit that would make too large a table is none.
    many = np.arange(1, 3_001) / 80_000
    assert resolution_of(many) == resolution_for(3_000)
    assert resolution_of(many[:100]) == 80_000
