"""Sizes for given groups under random latencies."""

from __future__ import annotations

import heapq

from hypothesis import given
from hypothesis import strategies as st

from rocoin_opt.grouping.stochastic.assignment import cut_to


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.data())
def test_the_largest_sizes_are_cut_one_filter_at_a_time(sizes: list[int], data: st.DataObject) -> None:
    wanted = data.draw(st.integers(len(sizes), sum(sizes)))
    heap = [(-size, k) for k, size in enumerate(sizes)]
    heapq.heapify(heap)
    for _ in range(sum(sizes) - wanted):
        size, k = heap[0]
        heapq.heapreplace(heap, (size + 1, k))
    assert cut_to(sizes, wanted) == [-size for size, _ in sorted(heap, key=lambda entry: entry[1])]


def test_a_million_filters_are_cut_at_once() -> None:
    assert cut_to([10**12, 10**12 + 1, 5], 10**12) == [(10**12 - 5) // 2, (10**12 - 5) // 2 + 1, 5]
