"""Packing of listed columns: the same answer as trying how often each is taken, however few columns are left alone."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pytest
import scipy.sparse as sp

from rocoin_opt.control import Control
from rocoin_opt.exact.threshold import listed_packing as module
from rocoin_opt.exact.threshold.listed_columns import Counts, ListedColumns
from rocoin_opt.exact.threshold.listed_packing import pack_listed
from rocoin_opt.exact.threshold.partitions import Node
from rocoin_opt.grouping import SizePrices
from samples import cases

if TYPE_CHECKING:
    from collections.abc import Callable

    from rocoin_opt.instance.arrays import FloatArray, IntArray


def drawn(seed: int) -> ListedColumns:
    """Few columns of few kinds, many of them alike, with limits that bind now and then."""
    rng = np.random.default_rng(seed)
    kinds, count = int(rng.integers(1, 5)), int(rng.integers(1, 7))
    counts = rng.integers(0, 3, (kinds, count))
    sizes = rng.choice([1, 2, 3, 5, 8], count)
    steps = np.unique(sizes)
    limits = np.sort(rng.integers(1, 5, len(steps)))[::-1].copy()
    least = np.zeros_like(limits)
    least[0] = rng.integers(0, limits[0] + 1)
    return ListedColumns(
        counts=sp.csc_array(counts.astype(np.float64)),
        available=rng.integers(0, 6, kinds),
        sizes=sizes,
        most=rng.integers(1, 4, count),
        steps=steps,
        least=least,
        limits=limits,
        wanted=int(rng.integers(1, 25)),
    )


def pairs_and_triples(rng: np.random.Generator, kinds: int, count: int) -> FloatArray:
    """Columns of two or three kinds of devices, one of each: kinds x count."""
    counts = np.zeros((kinds, count))
    for k in range(count):
        counts[rng.choice(kinds, int(rng.integers(2, 4)), replace=False), k] = 1.0
    return counts


def of_single_devices(counts: FloatArray, sizes: IntArray) -> ListedColumns:
    """Columns of devices of which there is one each, of some sizes, at most four in a packing of any filter."""
    steps = np.unique(sizes)
    limits = np.full(len(steps), 4)
    return ListedColumns(
        counts=sp.csc_array(counts),
        available=np.ones(len(counts), dtype=np.int64),
        sizes=sizes,
        most=np.ones(len(sizes), dtype=np.int64),
        steps=steps,
        least=np.zeros_like(limits),
        limits=limits,
        wanted=1,
    )


def single(seed: int) -> ListedColumns:
    """Devices of which there is one each, in columns of two or three: what pairs are branched on for."""
    rng = np.random.default_rng(seed)
    kinds, count = int(rng.integers(4, 8)), int(rng.integers(5, 12))
    counts = pairs_and_triples(rng, kinds, count)
    sizes = rng.choice([2, 3], count) if seed % 2 else np.full(count, 1)
    return replace(of_single_devices(counts, sizes), wanted=int(rng.integers(1, 4)) * int(sizes[0]))


def of_other_worths(seed: int) -> ListedColumns:
    """Numbers of groups that are asked for, and what these are worth instead of the filters that they hold."""
    columns = drawn(seed)
    rng = np.random.default_rng(seed)
    least = np.minimum(rng.integers(0, 4, len(columns.steps)), columns.limits)
    # Of a larger size there are no more groups; that a group is worth nothing, or less, is no error.
    least = np.maximum.accumulate(least[::-1])[::-1]
    worths = np.cumsum(rng.choice([0.0, 0.5, 3.0], len(least))) - rng.choice([0.0, 0.25])
    return replace(columns, least=least, wanted=1, worth_of_size=worths)


def of_pairs(seed: int) -> ListedColumns:
    """Numbers that columns of two or three single devices hardly make, with worths: what cuts are found for."""
    rng = np.random.default_rng(seed)
    kinds, count = int(rng.integers(8, 11)), int(rng.integers(12, 15))
    counts = pairs_and_triples(rng, kinds, count)
    columns = of_single_devices(counts, rng.choice([2, 3, 5], count))
    least = np.minimum(rng.integers(0, 3, len(columns.steps)), columns.limits)
    least = np.maximum.accumulate(least[::-1])[::-1].copy()
    least[0] = max(least[0], 3 + seed % 2)
    return replace(
        columns,
        least=least,
        wanted=int(np.diff(columns.steps, prepend=0) @ least),
        worth_of_size=np.cumsum(rng.choice([0.5, 1.0, 3.0], len(least))),
    )


def keeps(columns: ListedColumns, times: IntArray) -> bool:
    groups = [int(times[columns.sizes >= step].sum()) for step in columns.steps]
    return bool(
        times @ columns.sizes >= columns.wanted
        and (columns.counts.toarray() @ times <= columns.available).all()
        and (times <= columns.most).all()
        and all(low <= held <= high for low, held, high in zip(columns.least, groups, columns.limits, strict=True))
    )


def exists(columns: ListedColumns) -> bool:
    """Whether any numbers of times are a packing: :func:`keeps` for all of them at once."""
    times = np.array(list(product(*(range(most + 1) for most in columns.most))))
    groups = times @ (columns.sizes[:, None] >= columns.steps)
    fits = (times @ columns.sizes >= columns.wanted) & (times @ columns.counts.toarray().T <= columns.available).all(1)
    return bool((fits & (groups >= columns.least).all(1) & (groups <= columns.limits).all(1)).any())


@pytest.mark.parametrize(
    ("draw", "few", "count"),
    cases(
        [(drawn, 3, 20), (single, 0, 10), (of_other_worths, 0, 20)],
        [(drawn, 0, 150), (drawn, 3, 150), (single, 0, 100), (of_other_worths, 0, 300), (of_other_worths, 3, 150)],
    ),
)
def test_the_answer_is_that_of_trying_all_packings(
    draw: Callable[[int], ListedColumns], few: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So few columns that there is something to branch on, and to repair, and that they enter one by one.
    monkeypatch.setattr(module, "REPAIR_AFTER", 2)
    monkeypatch.setattr(module, "ADDED", 1)
    answers = []
    for seed in range(count):
        columns = draw(seed)
        status, times = pack_listed(columns, Control.starting_now(), None, few)
        assert status == ("packed" if exists(columns) else "impossible"), seed
        assert (times is not None) == (status == "packed")
        if times is not None:
            assert keeps(columns, times), seed
        answers.append(status)
    assert 0.1 * count <= answers.count("packed") < 0.9 * count


def test_any_packing_is_worth_what_is_needed() -> None:
    found = 0
    for seed in range(100):
        columns = of_other_worths(seed)
        times = np.array(list(product(*(range(most + 1) for most in columns.most))))
        packings = times[[keeps(columns, row) for row in times]]
        assert (packings @ columns.worths >= columns.needed(columns.least, columns.limits) - 1e-9).all(), seed
        # The bound is the best that any numbers allow.
        found += (
            len(packings) > 0
            and float((packings @ columns.worths).min()) < columns.needed(columns.least, columns.limits) + 1e-9
        )
    assert found > 7
    assert drawn(0).needed(drawn(0).least, drawn(0).limits) == drawn(0).wanted
    assert drawn(0).worths.tolist() == drawn(0).sizes.tolist()


@pytest.mark.parametrize("few", [0, 20])
def test_what_may_be_wasted_refutes_only_what_wastes_more(few: int) -> None:
    refuted = 0
    for seed in range(80):
        columns = of_other_worths(seed)
        rng = np.random.default_rng(seed)
        wasted = rng.choice([0.0, 0.5, 1.0, 2.5], len(columns.sizes))
        columns = replace(
            columns, wanted=0, worth_of_size=None, wasted=wasted, spare=float(rng.choice([0.0, 1.0, 3.0]))
        )
        times = np.array(list(product(*(range(most + 1) for most in columns.most))))
        packings = times[[keeps(columns, row) for row in times]]
        status, found = pack_listed(columns, Control.starting_now(), None, few)
        if (packings @ wasted <= columns.spare + 1e-9).any():
            assert status == "packed", seed
        elif len(packings) == 0:
            assert status == "impossible", seed
        refuted += status == "impossible" and len(packings) > 0
        if found is not None:
            assert keeps(columns, found), seed
    # By branching alone, that more would be wasted than may be refutes them; the integer program does not know of it.
    assert refuted > 3 if few == 0 else refuted < 3


def test_cuts_at_later_nodes_refute_no_packing(monkeypatch: pytest.MonkeyPatch) -> None:
    # No cuts before any branching, so that there are some to find behind it.
    monkeypatch.setattr(module, "ROUNDS", 0)
    answers, cuts = [], []
    for seed in range(100):
        columns = of_pairs(seed)
        search = module._Search(columns, Control.starting_now(), None, 0)
        status, _ = search.run()
        assert status == ("packed" if exists(columns) else "impossible"), seed
        answers.append(status)
        cuts.append(len(search._cuts))
    assert 10 <= answers.count("packed") <= 90
    assert np.count_nonzero(cuts) > 3
    monkeypatch.setattr(module, "MOST_CUTS", -1)
    search = module._Search(of_pairs(int(np.argmax(cuts))), Control.starting_now(), None, 0)
    search.run()
    assert len(search._cuts) == 0


def test_numbers_of_sizes_that_no_column_has_are_kept() -> None:
    """Three groups of any size, where all columns are of size 12, are three of these; of 13 there are none."""
    columns = ListedColumns(
        counts=sp.csc_array(np.eye(3)),
        available=np.array([1, 1, 0]),
        sizes=np.full(3, 12),
        most=np.ones(3, dtype=np.int64),
        steps=np.array([12]),
        least=np.array([0]),
        limits=np.array([3]),
        wanted=14,
    )
    worths = SizePrices(np.array([1, 12]), np.array([0.0, -3.0, 2.0]))
    asked = Counts(np.array([1, 12, 13]), np.array([3, 1, 0]), np.array([3, 3, 3]), worths)
    listed = columns.within(asked)
    assert listed is not None
    assert listed.least.tolist() == [3]
    # A price is what the size is more than its worth.
    assert listed.worths.tolist() == [10.0] * 3
    assert listed.needed(listed.least, listed.limits) == 30.0
    assert pack_listed(columns, Control.starting_now(), None, 0)[0] == "packed"
    assert pack_listed(listed, Control.starting_now(), None, 0)[0] == "impossible"
    assert columns.within(asked._replace(least=np.array([3, 1, 1]))) is None


def test_more_groups_than_there_may_be_are_impossible() -> None:
    columns = replace(drawn(0), least=drawn(0).limits + 1)
    for few in (0, 300):
        assert pack_listed(columns, Control.starting_now(), None, few) == ("impossible", None)


def test_what_one_question_refutes_is_out_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """The columns that the bound of one side leaves are those that the next question parts."""
    columns = single(1)
    count = len(columns.sizes)
    every = Node(columns.least, columns.limits, np.arange(count))
    without = {name: every._replace(kept=np.flatnonzero(np.arange(count) % 4 != k)) for k, name in enumerate("abcd")}
    search = module._Search(columns, Control.starting_now(), None, 0)
    asked: list[list[int]] = []

    def bound(node: Node) -> tuple[float, FloatArray, FloatArray]:
        asked.append(node.kept.tolist())
        # The first side of the first question is refuted, and that of no other one.
        worth = columns.wanted - (1.0 if len(asked) == 1 else 0.0)
        return worth, np.zeros(count), np.zeros(count)

    monkeypatch.setattr(search, "_bound", bound)
    chosen = search._choose(every, [(without["a"], without["b"]), (without["c"], without["d"])])
    assert chosen is not None
    assert [node.kept.tolist() for node in chosen] == [without["b"].kept.tolist()]
    of_next = [np.intersect1d(without["b"].kept, without[name].kept).tolist() for name in "cd"]
    assert asked == [without["a"].kept.tolist(), without["b"].kept.tolist(), *of_next]


def test_a_refuted_number_ends_the_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other questions of numbers were made for the node as it was."""
    columns = single(1)
    every = Node(columns.least, columns.limits, np.arange(len(columns.sizes)))
    below, above = every._replace(limits=columns.limits - 1), every._replace(least=columns.least + 1)
    refuted = {id(below.limits)}
    search = module._Search(columns, Control.starting_now(), None, 0)

    def bound(node: Node) -> tuple[float, FloatArray, FloatArray]:
        worth = columns.wanted - (1.0 if id(node.limits) in refuted else 0.0)
        return worth, np.zeros(len(columns.sizes)), np.zeros(len(columns.sizes))

    monkeypatch.setattr(search, "_bound", bound)
    chosen = search._choose(every, [(below, above), (every, every)])
    assert chosen is not None
    assert len(chosen) == 1
    assert chosen[0].least is above.least
    refuted.add(id(above.limits))
    assert search._choose(every, [(below, above), (every, every)]) == []


def test_a_limit_is_no_proof() -> None:
    statuses = set()
    for seed in range(20):
        columns = drawn(seed)
        status, _ = pack_listed(columns, Control.starting_now(), 1, 0)
        assert status in ("unknown", "packed" if exists(columns) else "impossible"), seed
        statuses.add(status)
    assert "unknown" in statuses
    assert pack_listed(drawn(0), Control.starting_now(time_limit=0.0), None) == ("unknown", None)
