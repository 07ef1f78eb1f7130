from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocoin_opt.knowledge.sizes import contiguous_partition, equal_sizes, level_sizes


def test_equal_sizes_differ_by_one_at_most() -> None:
    assert equal_sizes(10, 4) == (3, 3, 2, 2)
    assert equal_sizes(8, 4) == (2, 2, 2, 2)
    assert equal_sizes(3, 3) == (1, 1, 1)


@pytest.mark.parametrize("parts", [0, 4])
def test_equal_sizes_refuses_empty_parts(parts: int) -> None:
    with pytest.raises(ValueError, match="3 filters"):
        equal_sizes(3, parts)


def test_level_sizes_share_what_a_limited_part_cannot_take() -> None:
    assert level_sizes(12, [9, 2, 9]) == (5, 2, 5)
    assert level_sizes(12, [9, 9, 9]) == (4, 4, 4)
    assert level_sizes(20, [9, 2, 9]) == (9, 2, 9)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.data())
def test_level_sizes_are_as_equal_as_the_limits_allow(limits: list[int], data: st.DataObject) -> None:
    total = data.draw(st.integers(len(limits), sum(limits)))
    sizes = level_sizes(total, limits)
    assert sum(sizes) == total
    assert all(1 <= size <= limit for size, limit in zip(sizes, limits, strict=True))
    # Nobody could hand a filter to a smaller part that has room for it.
    smallest_with_room = min((s for s, limit in zip(sizes, limits, strict=True) if s < limit), default=max(sizes))
    assert max(sizes) <= smallest_with_room + 1


@pytest.mark.parametrize(("total", "limits"), [(5, [2, 2]), (1, [2, 2]), (3, []), (3, [3, 0])])
def test_level_sizes_refuses_what_does_not_fit(total: int, limits: list[int]) -> None:
    with pytest.raises(ValueError, match=f"{total} filters"):
        level_sizes(total, limits)


def test_contiguous_partition_deals_filters_out_in_order() -> None:
    assert contiguous_partition([2, 1, 3]).tolist() == [0, 0, 1, 2, 2, 2]
