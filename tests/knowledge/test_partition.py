"""The public way to a partition: against brute force on small graphs, and honest about what it is given."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

import rocoin_opt as ro
from hash_seeds import printed_for_any_hash_seed
from rocoin_opt.errors import CertificateError, InputError
from rocoin_opt.knowledge import partitioning as module
from rocoin_opt.knowledge.criteria import CRITERIA, Criterion
from rocoin_opt.knowledge.sizes import SizeRanges
from samples import cases, trials
from strategies import graphs


def every_partition(ranges: SizeRanges) -> list[np.ndarray]:
    labellings = itertools.product(range(ranges.parts), repeat=ranges.total)
    return [np.array(x) for x in labellings if ranges.hold(np.bincount(x, minlength=ranges.parts))]


@st.composite
def problems(draw: st.DrawFn) -> dict[str, Any]:
    total = draw(st.integers(1, 6))
    parts = draw(st.integers(1, min(total, 4)))
    sizes: Any = None
    kind = draw(st.sampled_from(["free", "exact", "ranges"]))
    if kind != "free":
        labels = draw(
            st.permutations(
                [
                    *range(parts),
                    *draw(st.lists(st.integers(0, parts - 1), min_size=total - parts, max_size=total - parts)),
                ]
            )
        )
        sizes = np.bincount(labels, minlength=parts).tolist()
        if kind == "ranges":
            sizes = [(draw(st.integers(1, size)), draw(st.integers(size, total))) for size in sizes]
    affinity = draw(st.lists(st.sampled_from([0.0, 0.5, 1.0, 7.0]), min_size=2 * total, max_size=2 * total))
    return {
        "graph": draw(graphs(total)),
        "parts": parts,
        "sizes": sizes,
        "criterion": draw(st.sampled_from(CRITERIA)),
        "class_affinity": draw(st.sampled_from([None, np.array(affinity).reshape(2, total)])),
        "evidence_weight": draw(st.sampled_from([0.0, 0.3, 1.0])),
        "outages": draw(st.sampled_from([None, [0.02, 0.01, 0.3, 0.0][:parts]])),
    }


@trials(75)
@given(problems(), st.booleans())
def test_small_graphs_are_solved_and_searched_to_the_best_there_is(problem: dict[str, Any], by_search: bool) -> None:
    total = len(problem["graph"])
    ranges = SizeRanges.of(total, problem["parts"], problem["sizes"])
    judged = Criterion.of(
        problem["criterion"],
        problem["graph"],
        problem["parts"],
        problem["class_affinity"],
        problem["evidence_weight"],
        problem["outages"],
    )
    best = min(judged.value(labels) for labels in every_partition(ranges))
    limit = module.MAX_OPERATIONS
    module.MAX_OPERATIONS = -1.0 if by_search else limit
    try:
        found = ro.partition(**problem)
    finally:
        module.MAX_OPERATIONS = limit
    scale = judged.scale if problem["criterion"] == "cut" else 1.0
    assert found.value == pytest.approx(best, rel=1e-9, abs=1e-9 * scale)
    assert found.bound <= best + 1e-9 * scale
    assert ranges.hold(np.array(found.sizes))
    assert found.value == pytest.approx(judged.value(found.labels), abs=0.0)
    assert found.gap == pytest.approx((found.value - found.bound) / found.value if found.value else 0.0, abs=1e-12)
    if not by_search:
        assert found.gap <= 1e-9


def planted(sizes: list[int], inside: float = 6.0, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    blocks = np.repeat(np.arange(len(sizes)), sizes)
    scale = np.where(blocks[:, None] == blocks[None, :], inside, 1.0)
    upper = np.triu(rng.random((len(blocks), len(blocks))) * scale, 1)
    return upper + upper.T


GRAPH = planted([12, 8, 10])


SIZES = [None, [5, 15, 10], [(4, 9), (12, 20), (1, 30)], [(9, 30), 11, (2, 10)]]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("criterion", "sizes"),
    [("cut", SIZES[3]), ("ncut", SIZES[1]), ("resilient", SIZES[1]), ("cut", SIZES[2])],
)
def test_sizes_are_kept_and_the_bound_is_below_the_value(criterion: str, sizes: Any) -> None:
    found = ro.partition(GRAPH, 3, sizes, criterion=criterion)
    assert SizeRanges.of(30, 3, sizes).hold(np.array(found.sizes))
    assert 0.0 <= found.bound <= found.value
    assert 0.0 <= found.gap < 0.5
    assert found.labels.dtype == np.int64
    assert found.criterion == criterion


def test_the_planted_parts_are_found_and_nearly_proven() -> None:
    found = ro.partition(planted([7, 5, 6], inside=40.0), 3)
    assert sorted(found.sizes) == [5, 6, 7]
    assert found.gap < 0.01


@pytest.mark.slow
def test_dense_and_sparse_graphs_give_the_same() -> None:
    weights = np.where(GRAPH > 2.0, GRAPH, 0.0)
    dense = ro.partition(weights, 3)
    for kind in (sp.csr_array, sp.coo_matrix, sp.dok_array, sp.csc_matrix):
        assert np.array_equal(ro.partition(kind(weights), 3).labels, dense.labels)
    assert np.array_equal(ro.partition(weights.tolist(), 3).labels, dense.labels)


@pytest.mark.slow
def test_the_affinity_decides_and_its_absence_is_said() -> None:
    affinity = np.zeros((2, 30))
    affinity[0, :6] = affinity[1, 6:12] = 1.0
    given_affinity = ro.partition(GRAPH, 3, criterion="resilient", class_affinity=affinity, evidence_weight=1.0)
    assert given_affinity.evidence_left == pytest.approx(4 / 6)
    assert given_affinity.gap == pytest.approx(0.0, abs=1e-9)
    assert not given_affinity.affinity_is_estimated
    assert "estimated" not in given_affinity.summary()
    estimated = ro.partition(GRAPH, 3, criterion="resilient")
    assert estimated.affinity_is_estimated
    assert "classes estimated from the graph" in estimated.summary()
    # The other criteria tell what is left where they can, and do not guess.
    assert ro.partition(GRAPH, 3).evidence_left is None
    assert ro.partition(GRAPH, 3, class_affinity=affinity).evidence_left == pytest.approx(0.0)


@pytest.mark.slow
def test_more_weight_on_evidence_leaves_more_of_it() -> None:
    affinity = np.kron(np.eye(3), np.ones(10)) + 0.1
    rows = [
        ro.partition(GRAPH, 3, criterion="resilient", class_affinity=affinity, evidence_weight=w) for w in (0.0, 1.0)
    ]
    left, cuts = [row.evidence_left for row in rows], [row.ncut for row in rows]
    assert left == sorted(left)
    assert left[0] < left[-1]
    assert cuts == sorted(cuts)


def test_outages_say_which_part_may_hold_more() -> None:
    affinity = np.ones((1, 30))
    found = ro.partition(
        GRAPH, 2, criterion="resilient", class_affinity=affinity, evidence_weight=1.0, outages=[0.3, 0.001]
    )
    assert found.sizes == (1, 29)


def test_a_time_limit_ends_the_search_with_a_valid_partition() -> None:
    weights = planted([5, 5, 5], inside=2.0)
    hurried = ro.partition(weights, 3, time_limit=0.0)
    assert min(hurried.sizes) >= 1
    assert 0.0 <= hurried.bound <= hurried.value
    assert ro.partition(weights, 3).value <= hurried.value


@pytest.mark.slow
def test_the_hash_seed_does_not_decide() -> None:
    code = (
        "import numpy as np, rocoin_opt as ro;"
        "w = np.triu(np.random.default_rng(0).random((9, 9)), 1); w = w + w.T;"
        "print([ro.partition(w, 3, None, c, seed=7).labels.tolist() for c in ('ncut', 'resilient')])"
    )
    assert printed_for_any_hash_seed(code)


@pytest.mark.slow
def test_the_seed_decides() -> None:
    noise = planted([8, 8, 8], inside=1.0)
    first, second = (ro.partition(noise, 3, seed=seed).labels for seed in (0, 1))
    assert not np.array_equal(first, second)


@pytest.mark.parametrize(
    ("named", "arguments"),
    [
        ("graph: ", {"graph": np.triu(GRAPH)}),
        ("graph: ", {"graph": -GRAPH}),
        ("graph: ", {"graph": GRAPH + np.eye(30)}),
        ("graph: ", {"graph": np.full((30, 30), np.nan)}),
        ("graph: ", {"graph": [[0.0, 1.0], [1.0]]}),
        ("graph: ", {"graph": np.ones(3)}),
        ("graph: found 6000 filters", {"graph": sp.csr_array((6000, 6000))}),
        ("class_affinity: found 29 columns", {"class_affinity": np.ones((2, 29))}),
        ("class_affinity: ", {"class_affinity": -np.ones((2, 30))}),
        ("options: parts", {"parts": 31}),
        ("options: parts", {"parts": 0}),
        ("options: parts", {"parts": 2.0}),
        ("options: sizes", {"sizes": [10, 10]}),
        ("options: sizes", {"sizes": [10, 10, 9]}),
        ("options: criterion", {"criterion": "modularity"}),
        ("options: seed", {"seed": -1}),
        ("options: time_limit", {"time_limit": -1.0}),
        ("options: time_limit", {"time_limit": float("nan")}),
        ("options: evidence_weight", {"evidence_weight": 2.0}),
        ("options: outages", {"criterion": "resilient", "outages": [0.5]}),
    ],
)
def test_bad_arguments_are_named(named: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=named):
        ro.partition(**{"graph": GRAPH, "parts": 3, **arguments})


def test_a_bound_above_the_value_is_a_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "lower_bound", lambda *args, **options: 2.9)
    with pytest.raises(CertificateError, match="above the value"):
        ro.partition(GRAPH, 3)


def test_sizes_outside_of_the_ranges_are_a_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_parts", lambda *args, **options: np.arange(30) % 3)
    with pytest.raises(CertificateError, match="sizes"):
        ro.partition(GRAPH, 3, [5, 15, 10])


@pytest.mark.slow
def test_a_thousand_filters() -> None:
    weights = planted([64] * 16, inside=2.0)
    weights = np.where(weights > 0.9, weights, 0.0)
    found = ro.partition(sp.csr_array(weights), 16)
    blocks = Criterion.of("ncut", weights, 16).value(np.repeat(np.arange(16), 64))
    assert found.value <= blocks + 1e-9
    assert 0.0 < found.bound <= found.value


@pytest.mark.parametrize("criterion", ["ncut", "cut", "resilient"])
@pytest.mark.parametrize(
    ("sizes", "link"), cases([(None, 0.0), ((10, 10), 1e-300)], [(None, 1e-16), (((9, 11), (9, 11)), 1e-14)])
)
def test_two_cliques_that_are_hardly_linked(criterion: str, sizes: Any, link: float) -> None:
    side = np.arange(20) // 10
    graph = np.where(side[:, None] == side, 1.0, link)
    np.fill_diagonal(graph, 0.0)
    found = ro.partition(graph, 2, sizes, criterion, time_limit=None if criterion == "cut" else 0.1)
    assert found.bound <= found.value
    if criterion == "cut":
        assert found.value == pytest.approx(100 * link, rel=1e-9, abs=0.0)


def test_as_many_parts_as_filters_are_numbered_by_their_outages() -> None:
    graph, affinity = np.ones((20, 20)) - np.eye(20), np.ones((2, 20))
    affinity[1, 1:] = 0.0
    outages = [1.0] + [0.0] * 19
    found = ro.partition(
        graph, 20, criterion="resilient", class_affinity=affinity, evidence_weight=1.0, outages=outages
    )
    assert found.value == pytest.approx(1 / 20)


def test_a_broken_sparse_matrix_is_refused() -> None:
    broken = sp.csr_array(([1.0, 1.0], [5, 0], [0, 1, 2]), shape=(2, 2))
    with pytest.raises(ro.InputError, match="graph: found a broken sparse matrix"):
        ro.partition(broken, 1)


def test_a_sparse_class_affinity_is_taken() -> None:
    graph, affinity = np.ones((4, 4)) - np.eye(4), np.eye(4)[:2]
    dense, sparse = (
        ro.partition(graph, 2, criterion="resilient", class_affinity=given)
        for given in (affinity, sp.csr_array(affinity))
    )
    assert dense.value == sparse.value


@pytest.mark.parametrize(
    ("field", "options"),
    [
        ("time_limit", {"time_limit": "1"}),
        ("evidence_weight", {"evidence_weight": "1"}),
        ("outages", {"outages": "ab"}),
        ("outages", {"outages": {}}),
        ("sizes", {"sizes": 2}),
        ("sizes", {"sizes": [2.0, 2.0]}),
        ("sizes", {"sizes": [(1.5, 3.5), (1, 3)]}),
        ("sizes", {"sizes": ["12", "12"]}),
        ("sizes", {"sizes": [True, 3]}),
        ("graph", {"graph": np.full((4, 4), 1e308) * (1 - np.eye(4))}),
    ],
)
def test_what_is_refused_is_named(field: str, options: dict[str, Any]) -> None:
    arguments: dict[str, Any] = {"graph": np.ones((4, 4)) - np.eye(4), "parts": 2, "criterion": "resilient"} | options
    with pytest.raises(ro.InputError, match=field):
        ro.partition(**arguments)


def test_huge_upper_limits_limit_nothing() -> None:
    assert ro.partition(np.ones((4, 4)) - np.eye(4), 2, [(1, 10**30)] * 2).value == pytest.approx(4 / 3)
