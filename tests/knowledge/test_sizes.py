from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocoin_opt.errors import InputError
from rocoin_opt.knowledge.sizes import SizeRanges, contiguous_partition, equal_sizes, level_sizes


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


def test_ranges_are_tightened_to_what_their_sum_allows() -> None:
    free = SizeRanges.of(6, 3)
    assert (free.lower.tolist(), free.upper.tolist()) == ([1, 1, 1], [4, 4, 4])
    assert free.are_free
    mixed = SizeRanges.of(10, 3, [(1, 9), 4, (2, 3)])
    assert (mixed.lower.tolist(), mixed.upper.tolist()) == ([3, 4, 2], [4, 4, 3])
    assert not mixed.are_free
    assert not mixed.are_exact
    assert SizeRanges.of(6, 2, [2, 4]).are_exact


@pytest.mark.parametrize(
    ("field", "parts", "sizes"),
    [
        *[("parts", parts, None) for parts in (0, 6)],
        *[("sizes", 2, sizes) for sizes in ([5], [5, 0], [2, 2], [(3, 1), 2], [(1, 2), (1, 2)], [(1, 2, 3), 2])],
    ],
)
def test_ranges_that_no_partition_keeps_are_refused(field: str, parts: int, sizes: object) -> None:
    with pytest.raises(InputError, match=f"options: {field}: found"):
        SizeRanges.of(5, parts, sizes)  # type: ignore[arg-type]


@st.composite
def ranges_and_sizes(draw: st.DrawFn) -> tuple[SizeRanges, np.ndarray]:
    sizes = np.array(draw(st.lists(st.integers(1, 5), min_size=2, max_size=4)))
    pairs = [(draw(st.integers(1, int(size))), draw(st.integers(int(size), 7))) for size in sizes]
    return SizeRanges.of(int(sizes.sum()), len(sizes), pairs), sizes


@given(ranges_and_sizes(), st.booleans())
def test_a_move_is_allowed_exactly_when_the_sizes_fit_after_it(
    drawn: tuple[SizeRanges, np.ndarray], in_any_order: bool
) -> None:
    ranges, sizes = drawn
    if in_any_order and not ranges.are_nested:
        return
    allowed = ranges.allow(sizes, in_any_order=in_any_order)
    for source, target in itertools.permutations(range(len(sizes)), 2):
        after = sizes.copy()
        after[source] -= 1
        after[target] += 1
        orders = itertools.permutations(after) if in_any_order else [after]
        assert allowed[source, target] == any(ranges.hold(np.array(order)) for order in orders)


@given(ranges_and_sizes(), st.randoms(use_true_random=False))
def test_parts_of_nested_ranges_are_numbered_to_fit(drawn: tuple[SizeRanges, np.ndarray], random: object) -> None:
    ranges, sizes = drawn
    if not ranges.are_nested:
        return
    order = list(range(len(sizes)))
    random.shuffle(order)  # type: ignore[attr-defined]
    labels = contiguous_partition(sizes[order].tolist())
    assert ranges.hold(np.bincount(ranges.arranged(labels), minlength=len(sizes)))


@given(ranges_and_sizes(), st.data())
def test_the_nearest_sizes_are_within_the_ranges(drawn: tuple[SizeRanges, np.ndarray], data: st.DataObject) -> None:
    ranges, sizes = drawn
    wish = np.array(data.draw(st.lists(st.integers(0, 9), min_size=len(sizes), max_size=len(sizes))))
    assert ranges.hold(ranges.nearest(wish))
    assert ranges.nearest(wish).sum() == ranges.total
    assert np.array_equal(ranges.nearest(sizes), sizes)
