"""The partition beside its peers: planted graphs, integer weights, checks, and tables; no peer is needed for them."""

from __future__ import annotations

import importlib
import json
import math
import os
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse as sp

import rocoin_opt as ro


@pytest.fixture
def modules(monkeypatch, repository):
    """The modules behind the script, imported as the script does."""
    monkeypatch.syspath_prepend(repository / "benchmarks")
    names = ("contest", "partitioners", "planted", "tables")
    yield SimpleNamespace(**{name: importlib.import_module(f"peers.{name}") for name in names})
    for name in [name for name in sys.modules if name.split(".")[0] == "peers"]:
        del sys.modules[name]


def answering(modules, labels, prescribed="no", peer="METIS"):
    def partitioner(weights, parts, sizes, seed):
        return np.asarray(labels)

    return modules.partitioners.Variant(peer, "as told", partitioner, prescribed)


@pytest.fixture
def at_once(monkeypatch, modules):
    """Peers that are there, and asked in this process."""
    monkeypatch.setattr(modules.partitioners, "installed", lambda peer: True)
    monkeypatch.setattr(modules.partitioners, "isolated", lambda function, limit, module, ask, *rest: (ask(*rest), 0.5))


TWO_PAIRS = np.array([[0.0, 4.0, 1.0, 0.0], [4.0, 0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 4.0], [0.0, 0.0, 4.0, 0.0]])
"""Ncut of the pairs: 1/9 each, 2/9 together."""


def test_planted_graphs_are_filter_graphs_with_blocks(modules):
    made = modules.planted.planted(120, 4, 0.2, seed=1)
    weights, same = made.weights, made.labels[:, None] == made.labels
    assert np.array_equal(weights, weights.T)
    assert not weights.diagonal().any()
    assert tuple(np.bincount(made.labels)) == made.sizes
    assert made.sizes == (45, 35, 25, 15)
    off = ~np.eye(120, dtype=bool)
    assert weights[~same].mean() / weights[same & off].mean() == pytest.approx(0.2, rel=0.25)
    again = modules.planted.planted(120, 4, 0.2, seed=1)
    assert np.array_equal(again.weights, weights)
    assert not np.array_equal(modules.planted.planted(120, 4, 0.2, seed=2).weights, weights)


def test_planted_ends_of_the_noise(modules):
    apart = modules.planted.planted(30, 3, 0.0, seed=0, equal=True)
    assert apart.sizes == (10, 10, 10)
    assert not apart.weights[apart.labels[:, None] != apart.labels].any()
    together = modules.planted.planted(200, 2, 1.0, seed=0)
    same = together.labels[:, None] == together.labels
    assert together.weights[~same].mean() / together.weights[same].mean() == pytest.approx(1.0, abs=0.15)


def test_sparse_planted_graphs_keep_a_share_of_the_pairs(modules):
    made = modules.planted.planted(200, 2, 0.1, seed=0, density=0.3, equal=True)
    assert sp.issparse(made.weights)
    there, same = made.weights.toarray() > 0, made.labels[:, None] == made.labels
    assert there[same].mean() == pytest.approx(0.3, rel=0.1)
    assert there[~same].mean() == pytest.approx(0.03, rel=0.2)


@pytest.mark.parametrize("form", [np.asarray, sp.csr_array, sp.csc_array])
def test_integer_graph_is_the_graph_in_proportion(modules, form):
    graph = modules.partitioners.IntegerGraph.of(form(TWO_PAIRS))
    assert graph.starts.tolist() == [0, 2, 3, 5, 6]
    assert graph.neighbours.tolist() == [1, 2, 0, 0, 3, 2]
    assert (graph.weights / graph.weights.min()).tolist() == pytest.approx([4, 1, 4, 1, 4, 4])
    assert int(graph.weights.sum(dtype=np.int64)) == pytest.approx(modules.partitioners.EDGE_SUM, abs=6)
    assert (graph.volumes / graph.volumes.sum()).tolist() == pytest.approx([5 / 18, 4 / 18, 5 / 18, 4 / 18], abs=1e-5)
    assert {array.dtype for array in (graph.starts, graph.neighbours, graph.weights, graph.volumes)} == {
        np.dtype(np.int32)
    }


@pytest.mark.parametrize("factor", [1e-300, 1e-9, 1.0, 1e12])
def test_integer_graph_does_not_depend_on_the_unit(modules, factor):
    graph, other = (modules.partitioners.IntegerGraph.of(weights) for weights in (TWO_PAIRS, TWO_PAIRS * factor))
    assert graph.weights.tolist() == pytest.approx(other.weights.tolist(), abs=1)


def test_integer_graph_leaves_out_what_comes_to_nothing_and_keeps_isolated_filters(modules):
    weights = np.zeros((4, 4))
    weights[0, 1] = weights[1, 0] = 1.0
    weights[0, 2] = weights[2, 0] = 1e-12
    graph = modules.partitioners.IntegerGraph.of(weights)
    assert graph.starts.tolist() == [0, 1, 2, 2, 2]
    assert graph.volumes.tolist()[2:] == [1, 1]


@pytest.mark.parametrize(
    ("labels", "sizes", "said"),
    [
        ([0, 0, 1, 1], None, ""),
        ([0, 0, 1, 1], (2, 2), ""),
        ([0, 0, 0, 0], None, "1 empty parts"),
        ([0, 0, 0, 2], None, "labels other than"),
        ([0, 0, 0, -1], None, "labels other than"),
        ([0, 0, 1], None, "labels other than"),
        ([0, 0, 0, 1], (2, 2), "1 filters too many"),
        ([0, 1, 1, 1], (3, 1), "2 filters too many"),
    ],
)
def test_invalid_answers_are_named(modules, at_once, labels, sizes, said):
    assert modules.partitioners.fault(np.array(labels), 4, 2, sizes).startswith(said)
    answer = modules.partitioners.ask(answering(modules, labels, "any"), TWO_PAIRS, 2, sizes, 0, 1.0)
    assert (answer.labels is None) == bool(said)
    assert answer.note.startswith(said)


def test_sizes_put_right_are_kept_with_the_cheapest_moves(modules):
    def inner(weights, parts, sizes, seed):
        return np.array([0, 0, 0, 1])

    for form in (np.asarray, sp.csr_array):
        labels = modules.partitioners.put_right(inner, form(TWO_PAIRS), 2, (2, 2), 0)
        assert labels.tolist() == [0, 0, 1, 1]
        assert modules.partitioners.put_right(inner, form(TWO_PAIRS), 2, (1, 3), 0).tolist() == [1, 1, 1, 0]


def test_put_right_reaches_any_sizes(modules):
    made = modules.planted.planted(60, 4, 0.5, seed=0)
    rng = np.random.default_rng(0)

    def inner(weights, parts, sizes, seed):
        return rng.integers(0, parts, len(weights))

    for sizes in ((57, 1, 1, 1), (15, 15, 15, 15), (1, 2, 3, 54)):
        labels = modules.partitioners.put_right(inner, made.weights, 4, sizes, 0)
        assert tuple(np.bincount(labels, minlength=4)) == sizes


@pytest.mark.parametrize(
    ("prescribed", "sizes", "takes"),
    [
        ("no", None, True),
        ("no", (2, 2), False),
        ("any", (3, 1), True),
        ("any", None, False),
        ("equal", (2, 2), True),
        ("equal", (3, 2, 2), True),
        ("equal", (3, 1), False),
    ],
)
def test_variants_say_which_sizes_they_take(modules, prescribed, sizes, takes):
    assert answering(modules, [], prescribed).takes(sizes) is takes


def test_every_peer_has_variants_for_free_and_prescribed_sizes(modules):
    variants = modules.partitioners.VARIANTS
    assert len({(variant.peer, variant.name, variant.prescribed) for variant in variants}) == len(variants)
    for sizes in (None, (2, 2)):
        assert {variant.peer for variant in variants if variant.takes(sizes)} == set(modules.partitioners.MODULES)


def test_a_peer_that_is_not_installed_says_so(modules, monkeypatch):
    monkeypatch.setitem(modules.partitioners.MODULES, "METIS", "no_such_package.inside")
    answer = modules.partitioners.ask(answering(modules, [0, 0, 1, 1]), TWO_PAIRS, 2, None, 0, 1.0)
    assert (answer.labels, answer.note) == (None, "not installed")


@pytest.mark.slow
def test_what_runs_isolated_may_fail_crash_and_hang(modules):
    isolated = modules.partitioners.isolated
    assert isolated(math.sqrt, 60.0, 9.0) == 3.0
    assert isolated(math.sqrt, 60.0, -1.0).startswith("ValueError: ")
    assert isolated(os.abort, 60.0) == "ended with status -6"
    assert isolated(time.sleep, 0.1, 600.0) == "no answer within 0.1 s"


def test_a_contest_values_every_answer_anew(modules, at_once):
    graph = modules.contest.Graph("pairs", "seed 0", TWO_PAIRS, 2, planted=np.array([0, 0, 1, 1]))
    variants = [
        answering(modules, [0, 1, 0, 1]),
        answering(modules, [1, 1, 0, 0], peer="KaHIP"),
        answering(modules, [0, 0, 0, 0], peer="scikit-learn"),
        answering(modules, [0, 1, 0, 1], "any"),
    ]
    told = []
    entries = modules.contest.contest([graph], variants, 1.0, told.append)
    (duel,) = modules.contest.duels(entries)
    assert told == entries
    assert [(entry.method, entry.value) for entry in entries] == [
        ("rocoin-opt", pytest.approx(2 / 9)),
        ("METIS", pytest.approx(9 / 5)),
        ("KaHIP", pytest.approx(2 / 9)),
        ("scikit-learn", None),
    ]
    assert (duel.rival.method, duel.verdict, set(duel.peers)) == ("KaHIP", "tie", {"METIS", "KaHIP"})
    assert duel.ratio == pytest.approx(1.0)
    assert duel.planted == pytest.approx(2 / 9)
    assert modules.contest.contradictions(entries) == []


def entry(modules, method, value, bound=None, note=""):
    return modules.contest.Entry("group", "seed 0", method, "v", value, bound, 1.0, note)


@pytest.mark.parametrize(
    ("ours", "theirs", "verdict"),
    [(1.0, 2.0, "win"), (2.0, 2.0 + 1e-12, "tie"), (2.0, 1.999, "loss"), (None, 2.0, "loss"), (1.0, None, "no rival")],
)
def test_verdicts_count(modules, ours, theirs, verdict):
    peers = {} if theirs is None else {"METIS": entry(modules, "METIS", theirs)}
    duel = modules.contest.Duel(entry(modules, "rocoin-opt", ours, 0.5), peers, None)
    assert duel.verdict == verdict
    (row,) = modules.contest.standings([duel, duel])
    counts = {"win": row.wins, "tie": row.ties, "loss": row.losses}
    assert counts == {name: 2 * (name == verdict) for name in counts}
    assert (row.ratio is None) == (None in (ours, theirs))


def test_a_bound_above_a_peers_value_is_a_contradiction(modules):
    entries = [entry(modules, "rocoin-opt", 2.0, 1.5), entry(modules, "METIS", 1.4), entry(modules, "KaHIP", 1.5)]
    (said,) = modules.contest.contradictions(entries)
    assert said == "group, seed 0: the bound is 1.5, METIS (v) has 1.4"


def test_tables_in_markdown_and_for_terminals(modules, capsys):
    modules.tables.show("Title", ("name", "n"), [["a [b]", "1"]], {"name"}, markdown=True)
    assert capsys.readouterr().out == "**Title**\n\n| name | n |\n| --- | ---: |\n| a [b] | 1 |\n\n"
    modules.tables.show("Title", ("name", "n"), [["a [b]", "1"]], {"name"}, markdown=False)
    assert "a [b]" in capsys.readouterr().out
    assert modules.tables.spread_text((2.0, 1.0, 3.0), "{:g}".format) == "2 (1..3)"
    assert modules.tables.spread_text((2.0, 2.0, 2.0), "{:g}".format) == "2"
    assert modules.tables.spread_text(None, str) == modules.tables.figure(None) == modules.tables.percent(None) == "-"


def script(repository, *arguments):
    command = [sys.executable, str(repository / "benchmarks" / "partition.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_script_without_peers(repository, tmp_path):
    out, graph = tmp_path / "found.json", tmp_path / "graph.npz"
    np.savez(graph, net=TWO_PAIRS, classes=np.eye(4))
    arguments = ("--quick", "--markdown", "--peers", "none", "--out", out, "--graph", graph, "--key", "net")
    done = script(
        repository, *arguments, "--affinity-key", "classes", "--kinds", "free", "--tables", "network,planted,frontier"
    )
    assert done.returncode == 0, done.stderr
    assert "| 2 parts | 0.2222 | 0.2222 | 0.00 % |" in done.stdout
    assert "0 wins, 0 ties, 0 losses" in done.stdout
    found = json.loads(out.read_text())
    entries, criteria = found["results"]["entries"], found["results"]["criteria"]
    assert set(entries) == {"network", "planted"}
    for entry in (*entries["network"], *entries["planted"]):
        assert entry["method"] == "rocoin-opt"
        assert entry["bound"] <= entry["value"] * (1 + 1e-9)
        assert (entry["planted"] is None) == (entry in entries["network"])
    ncut_only, evidence_only = criteria["frontier"]
    assert ncut_only["ncut"] <= evidence_only["ncut"]
    assert ncut_only["evidence_left"] <= evidence_only["evidence_left"]
    assert found["versions"]["rocoin-opt"] == ro.versions()["rocoin-opt"]
    assert found["settings"]["graph"] == "graph.npz"
    shown = script(repository, "--from", out, "--markdown", "--figures", tmp_path)
    assert shown.stdout == done.stdout
    assert "weight of the evidence" in (tmp_path / "partition-frontier.svg").read_text()


@pytest.mark.slow
def test_the_script_on_shipped_graphs(repository, tmp_path):
    out = tmp_path / "found.json"
    done = script(repository, "--quick", "--filters", 20, "--tables", "shipped", "--out", out)
    assert done.returncode == 0, done.stderr
    judged = json.loads(out.read_text())["results"]["criteria"]["shipped"]
    rows = {(row["criterion"], row["sizes"]): row["evidence_left"] for row in judged}
    assert rows["resilient", "equal"] > rows["random, most evidence of 20", "equal"] > rows["ncut", "equal"]


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--tables", "magic"], id="unknown table", marks=pytest.mark.slow),
        pytest.param(["--tables", "network"], id="no graph", marks=pytest.mark.slow),
    ],
)
def test_what_cannot_be_made_is_refused(repository, arguments):
    done = script(repository, *arguments)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
