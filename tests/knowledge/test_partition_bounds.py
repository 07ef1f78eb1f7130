from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocoin_opt.control import Control
from rocoin_opt.knowledge import bounds, semidefinite
from rocoin_opt.knowledge.bounds import cut_bound, evidence_bound, ncut_bound
from rocoin_opt.knowledge.criteria import class_evidence, evidence_lost
from rocoin_opt.knowledge.cuts import cut, ncut
from rocoin_opt.knowledge.sizes import SizeRanges, equal_sizes
from samples import trials

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rocoin_opt.instance.arrays import FloatArray, IntArray

ROUNDS = 60


def partitions(ranges: SizeRanges) -> Iterator[IntArray]:
    for labels in itertools.product(range(ranges.parts), repeat=ranges.total):
        sizes = np.bincount(labels, minlength=ranges.parts)
        if ranges.hold(sizes):
            yield np.array(labels)


def symmetric(upper: FloatArray) -> FloatArray:
    upper = np.triu(upper, 1)
    return upper + upper.T


def sum_of_eigenvalues(weights: FloatArray, parts: int) -> float:
    """Sum of the smallest eigenvalues of the normalised Laplacian: what no partition into so many parts betters."""
    root = np.sqrt(weights.sum(axis=1))
    laplacian = np.eye(len(weights)) - weights / np.outer(root, root)
    return float(np.linalg.eigvalsh(laplacian)[:parts].sum())


def planted(total: int, parts: int, *, outside: float = 0.4, seed: int = 0) -> tuple[FloatArray, IntArray]:
    labels = np.arange(total) % parts
    inside = labels[:, None] == labels[None, :]
    weights = symmetric(np.random.default_rng(seed).random((total, total)) ** 3)
    return weights * np.where(inside, 1.0, outside), labels


@st.composite
def graphs(draw: st.DrawFn) -> FloatArray:
    total = draw(st.integers(2, 6))
    weight = draw(st.sampled_from([st.integers(0, 1), st.integers(0, 5), st.floats(0.0, 1.0)]))
    upper = np.array(draw(st.lists(weight, min_size=total * total, max_size=total * total)), dtype=float)
    weights = symmetric(upper.reshape(total, total))
    isolated = draw(st.lists(st.integers(0, total - 1), max_size=2))
    weights[isolated, :] = weights[:, isolated] = 0.0
    return weights * draw(st.sampled_from([1.0, 1e-12, 1e12]))


@st.composite
def ranges_of(draw: st.DrawFn, total: int) -> SizeRanges:
    parts = draw(st.integers(1, min(total, 4)))
    kind = draw(st.sampled_from(["free", "exact", "range"]))
    if kind == "free":
        return SizeRanges.of(total, parts)
    cuts = draw(st.lists(st.integers(1, total - 1), min_size=parts - 1, max_size=parts - 1, unique=True))
    sizes = np.diff([0, *sorted(cuts), total]).tolist()
    if kind == "exact":
        return SizeRanges.of(total, parts, sizes)
    slack = st.integers(0, 2)
    return SizeRanges.of(total, parts, [(max(1, size - draw(slack)), size + draw(slack)) for size in sizes])


@st.composite
def graphs_with_ranges(draw: st.DrawFn) -> tuple[FloatArray, SizeRanges]:
    weights = draw(graphs())
    return weights, draw(ranges_of(len(weights)))


@trials(60)
@given(graphs_with_ranges())
def test_no_partition_is_better_than_the_bounds_of_the_graph(case: tuple[FloatArray, SizeRanges]) -> None:
    weights, ranges = case
    unit = float(weights.max())
    least_ncut = min(ncut(weights, labels) for labels in partitions(ranges))
    least_cut = min(cut(weights, labels) for labels in partitions(ranges))
    for rounds in (0, 3, ROUNDS):
        assert 0.0 <= ncut_bound(weights, ranges, rounds=rounds) <= least_ncut + 1e-14
        assert 0.0 <= cut_bound(weights, ranges, rounds=rounds) <= least_cut + 1e-14 * unit


@st.composite
def evidence_with_ranges(draw: st.DrawFn) -> tuple[FloatArray, SizeRanges, FloatArray]:
    total, classes = draw(st.integers(2, 6)), draw(st.integers(0, 3))
    share = draw(st.sampled_from([st.integers(0, 1), st.floats(0.0, 1.0)]))
    affinity = draw(st.lists(share, min_size=classes * total, max_size=classes * total))
    ranges = draw(ranges_of(total))
    outage = st.sampled_from([0.0, 0.01, 0.2, 0.7])
    outages = draw(st.lists(outage, min_size=ranges.parts, max_size=ranges.parts))
    return class_evidence(np.array(affinity, dtype=float).reshape(classes, total)), ranges, np.array(outages)


@trials(80)
@given(evidence_with_ranges())
def test_no_partition_loses_less_evidence_than_the_bounds(case: tuple[FloatArray, SizeRanges, FloatArray]) -> None:
    evidence, ranges, outages = case
    lost = [np.resize(evidence_lost(evidence, labels), ranges.parts) for labels in partitions(ranges)]
    worst = min(float(each.max()) for each in lost)
    assert 0.0 <= evidence_bound(evidence, ranges) <= worst + 1e-15
    if outages.sum() > 0.0:
        mean = min(float(outages @ each / outages.sum()) for each in lost)
        assert 0.0 <= evidence_bound(evidence, ranges, outages) <= mean + 1e-15
    else:
        assert evidence_bound(evidence, ranges, outages) == evidence_bound(evidence, ranges)


def test_the_eigenvalue_bound_of_a_complete_graph_is_known() -> None:
    # The normalised Laplacian has the eigenvalues 0 and, M - 1 times, M / (M - 1).
    weights = np.ones((5, 5)) - np.eye(5)
    assert ncut_bound(weights, SizeRanges.of(5, 3), rounds=0) == pytest.approx(2 * 5 / 4)
    assert ncut_bound(np.zeros((4, 4)), SizeRanges.of(4, 3)) == pytest.approx(3.0)


@pytest.mark.slow
def test_multipliers_close_the_gap_of_planted_parts() -> None:
    weights, labels = planted(60, 4, outside=0.2)
    value = ncut(weights, labels)
    free, exact = SizeRanges.of(60, 4), SizeRanges.of(60, 4, equal_sizes(60, 4))
    assert ncut_bound(weights, free, rounds=0) == pytest.approx(sum_of_eigenvalues(weights, 4), abs=1e-9)
    assert ncut_bound(weights, free) > sum_of_eigenvalues(weights, 4) + 0.03
    assert value - 0.01 < ncut_bound(weights, exact) <= value
    assert cut(weights, labels) * 0.999 < cut_bound(weights, exact) <= cut(weights, labels)


@pytest.mark.slow
def test_sizes_raise_the_bounds() -> None:
    weights, _ = planted(40, 4, seed=2)
    free = SizeRanges.of(40, 3)
    within = SizeRanges.of(40, 3, [(11, 15)] * 3)
    exact = SizeRanges.of(40, 3, [13, 13, 14])
    for bound in (ncut_bound, cut_bound):
        values = [bound(weights, ranges, rounds=150) for ranges in (free, within, exact)]
        assert values[0] < values[1] - 1e-3
        assert values[1] < values[2] - 1e-3


@pytest.mark.slow
def test_bounds_of_graphs_that_leave_no_choice_are_exact() -> None:
    weights = symmetric(np.arange(16.0).reshape(4, 4))
    assert ncut_bound(weights, SizeRanges.of(4, 4)) == pytest.approx(4.0)
    assert cut_bound(weights, SizeRanges.of(4, 4)) == pytest.approx(weights.sum() / 2)
    one = SizeRanges.of(4, 1)
    assert (ncut_bound(weights, one), cut_bound(weights, one)) == (0.0, 0.0)
    empty = np.zeros((4, 4))
    assert (ncut_bound(empty, SizeRanges.of(4, 3)), cut_bound(empty, SizeRanges.of(4, 3))) == (3.0, 0.0)
    pair = symmetric(np.ones((2, 2)))
    assert ncut_bound(pair, SizeRanges.of(2, 2)) == pytest.approx(2.0)
    assert cut_bound(pair, SizeRanges.of(2, 2)) == pytest.approx(1.0)


def test_components_cost_nothing_until_there_are_more_parts() -> None:
    weights = np.kron(np.eye(3), np.ones((4, 4)) - np.eye(4))
    assert ncut_bound(weights, SizeRanges.of(12, 3)) == pytest.approx(0.0, abs=1e-9)
    assert ncut_bound(weights, SizeRanges.of(12, 4)) > 1.0


@pytest.mark.slow
def test_components_of_the_wrong_sizes_cost_something() -> None:
    component = np.array([0, 0, 0, 1, 1, 1, 1, 1])
    weights = (component[:, None] == component) - np.eye(8)
    assert ncut_bound(weights, SizeRanges.of(8, 2)) == pytest.approx(0.0, abs=1e-9)
    assert ncut_bound(weights, SizeRanges.of(8, 2, [4, 4])) > 0.1
    # One filter of the larger component goes over; its four edges are cut.
    assert cut_bound(weights, SizeRanges.of(8, 2, [4, 4])) == pytest.approx(4.0, rel=0.05)


@pytest.mark.slow
def test_filters_without_edges_count_as_parts_of_no_hold() -> None:
    weights = np.zeros((6, 6))
    weights[:4, :4] = np.kron(np.eye(2), np.ones((2, 2)) - np.eye(2))
    assert ncut_bound(weights, SizeRanges.of(6, 2)) == pytest.approx(0.0, abs=1e-9)
    # Two pairs and one part of isolated filters.
    assert ncut_bound(weights, SizeRanges.of(6, 3)) == pytest.approx(1.0, abs=1e-6)
    # Five parts of six filters hold one pair together.
    assert ncut_bound(weights, SizeRanges.of(6, 5)) == pytest.approx(4.0, abs=1e-6)


def test_the_unit_of_the_weights_does_not_matter() -> None:
    weights, _ = planted(20, 3, seed=4)
    ranges = SizeRanges.of(20, 3, [(4, 9)] * 3)
    for unit in (1e-12, 1e12):
        assert ncut_bound(weights * unit, ranges, rounds=30) == pytest.approx(ncut_bound(weights, ranges, rounds=30))
        assert cut_bound(weights * unit, ranges, rounds=30) == pytest.approx(
            cut_bound(weights, ranges, rounds=30) * unit
        )


def test_a_small_part_cannot_keep_its_weight() -> None:
    weights, _ = planted(7, 2, seed=1)
    ranges = SizeRanges.of(7, 2, [6, 1])
    # The single filter has all of its weight cut.
    least = min(ncut(weights, labels) for labels in partitions(ranges))
    assert 1.0 - 1e-9 < ncut_bound(weights, ranges) <= least
    heavy = np.sort(weights, axis=1)[:, -1] / weights.sum(axis=1)
    pairs = SizeRanges.of(7, 4, [1, 2, 2, 2])
    assert ncut_bound(weights, pairs, rounds=0) >= 1.0 + 3.0 * (1.0 - heavy.max()) - 1e-9


def test_degrees_far_apart_do_no_harm() -> None:
    weights, _ = planted(8, 2)
    weights[0] *= 1e-30
    weights[:, 0] *= 1e-30
    ranges = SizeRanges.of(8, 2, [4, 4])
    least = min(ncut(weights, labels) for labels in partitions(ranges))
    assert 0.2 < ncut_bound(weights, ranges) <= least


def test_the_same_arguments_give_the_same_bound() -> None:
    weights, _ = planted(40, 3, seed=5)
    ranges = SizeRanges.of(40, 3, [(10, 16)] * 3)
    for bound in (ncut_bound, cut_bound):
        assert bound(weights, ranges, rounds=50) == bound(weights, ranges, rounds=50)


@pytest.mark.parametrize("sizes", [None, (20, 20, 20)])
@pytest.mark.slow
def test_large_graphs_get_their_eigenvectors_from_the_round_before(
    monkeypatch: pytest.MonkeyPatch, sizes: tuple[int, ...] | None
) -> None:
    weights, labels = planted(60, 3, outside=0.3)
    ranges = SizeRanges.of(60, 3, sizes)
    exact = ncut_bound(weights, ranges), cut_bound(weights, ranges)
    monkeypatch.setattr(semidefinite, "MOST_DENSE", 10)
    assert ncut_bound(weights, ranges) == pytest.approx(exact[0], abs=5e-3)
    assert sum_of_eigenvalues(weights, 3) + 0.02 < ncut_bound(weights, ranges) <= ncut(weights, labels)
    assert exact[1] * 0.98 < cut_bound(weights, ranges) <= cut(weights, labels)


def test_crowded_and_forced_filters_bound_the_evidence() -> None:
    # Of three filters with a third each, two share a part.
    assert evidence_bound(np.array([[1.0, 1.0, 1.0, 0.0]]) / 3, SizeRanges.of(4, 2)) == pytest.approx(2 / 3)
    # A part of three of four equal filters.
    assert evidence_bound(np.full((2, 4), 0.25), SizeRanges.of(4, 2, [3, 1])) == pytest.approx(0.75)
    # One filter is all there is.
    assert evidence_bound(np.array([[1.0, 0.0, 0.0]]), SizeRanges.of(3, 2)) == pytest.approx(1.0)
    assert evidence_bound(np.zeros((0, 3)), SizeRanges.of(3, 2)) == 0.0


def test_evidence_belongs_where_parts_rarely_fail() -> None:
    evidence, outages = np.array([[0.4, 0.3, 0.2, 0.1]]), np.array([0.3, 0.1])
    # The best partition gives the reliable part its three strongest filters, or its one.
    assert evidence_bound(evidence, SizeRanges.of(4, 2), outages) == pytest.approx((0.3 * 0.1 + 0.1 * 0.9) / 0.4)
    one = SizeRanges.of(4, 2, [3, 1])
    assert evidence_bound(evidence, one, outages) == pytest.approx((0.3 * 0.6 + 0.1 * 0.4) / 0.4)


@pytest.mark.parametrize("limit", [0, 10**6])
def test_evidence_is_bounded_with_and_without_the_linear_program(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    monkeypatch.setattr(bounds, "MOST_ENTRIES", limit)
    rng = np.random.default_rng(3)
    evidence, ranges = class_evidence(rng.random((3, 6)) ** 2), SizeRanges.of(6, 3, [2, 2, 2])
    outages = np.array([0.05, 0.1, 0.3])
    lost = [evidence_lost(evidence, labels) for labels in partitions(ranges)]
    best = min(float(outages @ each) for each in lost) / outages.sum()
    value = evidence_bound(evidence, ranges, outages)
    assert (0.3 if limit == 0 else 0.7) * best < value <= best
    assert 1 / 3 <= evidence_bound(evidence, ranges) + 1e-9 <= min(each.max() for each in lost) + 1e-9


def test_a_linear_program_without_an_answer_leaves_a_valid_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    class Failed:
        success = False

    evidence, ranges = np.array([[0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4]]), SizeRanges.of(4, 2, [2, 2])
    whole = evidence_bound(evidence, ranges), evidence_bound(evidence, ranges, np.array([0.1, 0.3]))
    monkeypatch.setattr("scipy.optimize.linprog", lambda *_, **__: Failed())
    assert 0.5 <= evidence_bound(evidence, ranges) + 1e-9 <= whole[0] + 1e-9
    assert 0.0 < evidence_bound(evidence, ranges, np.array([0.1, 0.3])) <= whole[1] + 1e-9


@pytest.mark.slow
def test_a_stopped_bound_is_valid_and_looser(monkeypatch: pytest.MonkeyPatch) -> None:
    weights, labels = planted(60, 3, outside=0.3)
    ranges = SizeRanges.of(60, 3)
    over = Control.starting_now(time_limit=0.0)
    assert ncut_bound(weights, ranges, control=over) == cut_bound(weights, ranges, control=over) == 0.0
    # Time for one eigenvalue problem, not for rounds of them.
    short = Control.starting_now(time_limit=1e5)
    monkeypatch.setattr(semidefinite, "eigen_seconds", lambda _: 6e4)
    assert 0.0 < ncut_bound(weights, ranges, control=short) <= ncut(weights, labels)
    assert 0.0 < cut_bound(weights, ranges, control=short) <= cut(weights, labels)
    monkeypatch.undo()
    assert ncut_bound(weights, ranges) <= ncut(weights, labels)


def test_no_eigenvalue_problem_begins_that_would_not_end_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    weights, _ = planted(60, 3, outside=0.3)
    monkeypatch.setattr(semidefinite, "smallest_eigenvalues", None)
    monkeypatch.setattr(semidefinite, "eigen_seconds", lambda _: 1e6)
    assert ncut_bound(weights, SizeRanges.of(60, 3), control=Control.starting_now(time_limit=1e5)) >= 0.0


def test_linear_programs_are_given_the_time_that_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    evidence, ranges = np.array([[0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4]]), SizeRanges.of(4, 2, [2, 2])
    given: list[float] = []

    class Failed:
        success = False

    def linprog(*_: object, options: dict[str, float], **__: object) -> Failed:
        given.append(options["time_limit"])
        return Failed()

    monkeypatch.setattr("scipy.optimize.linprog", linprog)
    assert evidence_bound(evidence, ranges, control=Control.starting_now(time_limit=1000.0)) >= 0.5 - 1e-9
    assert evidence_bound(evidence, ranges, control=Control.starting_now(time_limit=0.0)) >= 0.5 - 1e-9
    assert len(given) == 2
    assert all(900.0 < seconds <= 1000.0 for seconds in given)
