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
from rocoin_opt.exact.threshold.listed_columns import ListedColumns
from rocoin_opt.exact.threshold.listed_packing import pack_listed
from rocoin_opt.exact.threshold.partitions import Node
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


def single(seed: int) -> ListedColumns:
    """Devices of which there is one each, in columns of two or three: what pairs are branched on for."""
    rng = np.random.default_rng(seed)
    kinds, count = int(rng.integers(4, 8)), int(rng.integers(5, 12))
    counts = np.zeros((kinds, count))
    for k in range(count):
        counts[rng.choice(kinds, int(rng.integers(2, 4)), replace=False), k] = 1.0
    sizes = rng.choice([2, 3], count) if seed % 2 else np.full(count, 1)
    steps = np.unique(sizes)
    limits = np.full(len(steps), 4)
    return ListedColumns(
        counts=sp.csc_array(counts),
        available=np.ones(kinds, dtype=np.int64),
        sizes=sizes,
        most=np.ones(count, dtype=np.int64),
        steps=steps,
        least=np.zeros_like(limits),
        limits=limits,
        wanted=int(rng.integers(1, 4)) * int(sizes[0]),
    )


def of_other_worths(seed: int) -> ListedColumns:
    """Numbers of groups that are asked for, and what these are worth instead of the filters that they hold."""
    columns = drawn(seed)
    rng = np.random.default_rng(seed)
    least = np.minimum(rng.integers(0, 4, len(columns.steps)), columns.limits)
    # Of a larger size there are no more groups; that a group is worth nothing, or less, is no error.
    least = np.maximum.accumulate(least[::-1])[::-1]
    worths = np.cumsum(rng.choice([0.0, 0.5, 3.0], len(least))) - rng.choice([0.0, 0.25])
    return replace(columns, least=least, wanted=1, worth_of_size=worths)


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
    for seed in range(300):
        columns = of_other_worths(seed)
        times = np.array(list(product(*(range(most + 1) for most in columns.most))))
        packings = times[[keeps(columns, row) for row in times]]
        assert (packings @ columns.worths >= columns.needed - 1e-9).all(), seed
        # The bound is the best that any numbers allow.
        found += len(packings) > 0 and float((packings @ columns.worths).min()) < columns.needed + 1e-9
    assert found > 20
    assert drawn(0).needed == drawn(0).wanted
    assert drawn(0).worths.tolist() == drawn(0).sizes.tolist()


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
        worth = columns.needed - (1.0 if len(asked) == 1 else 0.0)
        return worth, np.zeros(count), np.zeros(count)

    monkeypatch.setattr(search, "_bound", bound)
    chosen = search._choose(every, [(without["a"], without["b"]), (without["c"], without["d"])])
    assert chosen is not None
    assert [node.kept.tolist() for node in chosen] == [without["b"].kept.tolist()]
    of_next = [np.intersect1d(without["b"].kept, without[name].kept).tolist() for name in "cd"]
    assert asked == [without["a"].kept.tolist(), without["b"].kept.tolist(), *of_next]


def test_a_limit_is_no_proof() -> None:
    statuses = set()
    for seed in range(20):
        columns = drawn(seed)
        status, _ = pack_listed(columns, Control.starting_now(), 1, 0)
        assert status in ("unknown", "packed" if exists(columns) else "impossible"), seed
        statuses.add(status)
    assert "unknown" in statuses
    assert pack_listed(drawn(0), Control.starting_now(time_limit=0.0), None) == ("unknown", None)
