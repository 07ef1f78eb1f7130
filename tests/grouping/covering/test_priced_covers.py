"""The cheapest sets before each device, against the table of all costs; compiled, interpreted, and its plain source."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocoin_opt.grouping.covering import covering_knapsack_compiled as compiled_module
from rocoin_opt.grouping.covering.covering_knapsack import cheapest_covers, cheapest_members
from rocoin_opt.grouping.covering.priced_covers import cheapest_before
from rocoin_opt.grouping.tolerances import UNREACHABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

COSTS = st.sampled_from([0.0, 0.0, 0.5, 1.0, 1.25, 3.0])


# To compile takes seconds in a fresh clone.
@pytest.fixture(
    scope="module",
    params=["interpreted", pytest.param("compiled", marks=pytest.mark.slow), "source of the compiled"],
)
def compiled(request: pytest.FixtureRequest) -> Iterator[bool]:
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "source of the compiled":
            patch.setattr(compiled_module, "cheapest_before", compiled_module.cheapest_before.py_func)
        yield request.param != "interpreted"


@given(data=st.data(), resolution=st.sampled_from([1, 7, 16, 400]), count=st.integers(0, 6))
def test_sets_are_those_of_the_table(compiled: bool, data: st.DataObject, resolution: int, count: int) -> None:
    some = st.integers(0, resolution + 2)
    units = np.array(data.draw(st.lists(some, min_size=count, max_size=count)), dtype=np.int64)
    costs = np.array(data.draw(st.lists(COSTS, min_size=count, max_size=count)), dtype=float)
    least = st.integers(0, resolution)
    needs = np.array(data.draw(st.lists(least, min_size=count, max_size=count)), dtype=np.int64)
    table = cheapest_covers(units, costs, resolution, compiled=False)
    found = cheapest_before(units, costs, needs, resolution, compiled=compiled)
    assert found.costs.tolist() == table[np.arange(count), needs].tolist()
    assert found.takes.shape == table.shape
    for last in range(count + 1):
        for need in {0, 1, resolution // 2, resolution}:
            members = found.members(last, need)
            if table[last, need] >= UNREACHABLE:
                assert members is None
            else:
                assert members == cheapest_members(table, units, last, need)
