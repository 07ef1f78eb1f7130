"""The package's partition and those of the peers on the same graphs: who has the lower normalised cut."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

import rocoin_opt as ro
from peers.medians import AGREEMENT, spread
from peers.partitioners import MODULES, Answer, ask, fault
from rocoin_opt.knowledge.cuts import ncut
from rocoin_opt.plan.result import relative_gap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from peers.medians import Spread
    from peers.partitioners import Labels, Sizes, Variant, Weights

OURS = "rocoin-opt"


@dataclass(frozen=True, eq=False)
class Graph:
    """A graph to cut.

    Attributes
    ----------
    group : str
        What the graph is one of several examples of: graphs of a group share a row.
    name : str
        Names the one graph, by its seed for instance.
    weights : array or scipy.sparse.csr_array, M x M
        Symmetric, non-negative, zero diagonal.
    parts : int
        Number of parts, K.
    sizes : sequence of int or None
        Prescribed sizes; None for free ones.
    seed : int
        Seed of the partitioners.
    planted : array of int or None, M
        Labels that were planted.
    """

    group: str
    name: str
    weights: Weights
    parts: int
    sizes: Sizes = None
    seed: int = 0
    planted: Labels | None = None


@dataclass(frozen=True)
class Entry:
    """What one variant did with one graph.

    ``value`` is None, and ``note`` says why, where its answer is not valid. ``planted`` is the value of what was
    planted in the graph; the package's own entry tells it.
    """

    group: str
    graph: str
    method: str
    variant: str
    value: float | None
    bound: float | None
    seconds: float | None
    note: str
    planted: float | None = None


@dataclass(frozen=True)
class Duel:
    """The package's entry for a graph, the best entry of each peer, and the value of what was planted."""

    ours: Entry
    peers: dict[str, Entry]
    planted: float | None

    @property
    def rival(self) -> Entry | None:
        """Best valid entry of all peers."""
        return min(self.peers.values(), key=lambda entry: entry.value or 0.0, default=None)

    @property
    def ratio(self) -> float | None:
        """Our value over the rival's, less than 1 where the package wins; None without a rival."""
        if self.rival is None or not self.rival.value or self.ours.value is None:
            return None
        return self.ours.value / self.rival.value

    @property
    def verdict(self) -> str:
        """``win``, ``tie``, up to rounding, or ``loss``; an answer that is not valid is a loss."""
        if self.rival is None or self.rival.value is None:
            return "no rival"
        if self.ours.value is None or self.ours.value > self.rival.value * (1.0 + AGREEMENT):
            return "loss"
        return "tie" if self.ours.value >= self.rival.value * (1.0 - AGREEMENT) else "win"


def contest(
    graphs: Iterable[Graph],
    variants: Sequence[Variant],
    limit: float,
    told: Callable[[Entry], None],
) -> list[Entry]:
    """Ask the package and all variants that take a graph's sizes, on every graph.

    Parameters
    ----------
    graphs : iterable of Graph
        The graphs.
    variants : sequence of Variant
        Ways to call the peers.
    limit : float
        Seconds for each call of a peer. The package has no limit.
    told : callable
        Hears of every entry.

    Returns
    -------
    list of Entry
        Graph by graph, the package's own first.
    """
    entries: list[Entry] = []
    for graph in graphs:
        entries.append(_ours(graph))
        told(entries[-1])
        for variant in variants:
            if variant.takes(graph.sizes):
                answer = ask(variant, graph.weights, graph.parts, graph.sizes, graph.seed, limit)
                entries.append(_entry(graph, variant.peer, variant.name, answer))
                told(entries[-1])
    return entries


def duels(entries: Iterable[Entry]) -> list[Duel]:
    """Set the package's entry for each graph against the best one of each peer."""
    together: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        together.setdefault((entry.group, entry.graph), []).append(entry)
    found = []
    for ours, *others in together.values():
        best = {peer: _best(entry for entry in others if entry.method == peer) for peer in MODULES}
        known = {peer: entry for peer, entry in best.items() if entry is not None}
        found.append(Duel(ours, known, ours.planted))
    return found


@dataclass(frozen=True)
class PeerStanding:
    """Best entries of one peer in a group: values, seconds, and the variant that was best most often."""

    value: Spread | None
    seconds: Spread | None
    variant: str


@dataclass(frozen=True)
class Standing:
    """Duels of one group: counts of verdicts, and spreads over the graphs."""

    group: str
    wins: int
    ties: int
    losses: int
    ratio: Spread | None
    value: Spread | None
    bound: Spread | None
    gap: Spread | None
    seconds: Spread | None
    planted: Spread | None
    peers: dict[str, PeerStanding]


def standings(fought: Sequence[Duel]) -> list[Standing]:
    """Summarise duels by group, in the order in which they come."""
    together: dict[str, list[Duel]] = {}
    for duel in fought:
        together.setdefault(duel.ours.group, []).append(duel)
    return [_standing(group, members) for group, members in together.items()]


def contradictions(entries: Sequence[Entry]) -> list[str]:
    """Name every bound above the value of a valid partition of the same graph."""
    bounds = {(e.group, e.graph): e.bound for e in entries if e.bound is not None}
    return [
        f"{e.group}, {e.graph}: the bound is {bound!r}, {e.method} ({e.variant}) has {e.value!r}"
        for e in entries
        if e.value is not None
        and (bound := bounds.get((e.group, e.graph))) is not None
        and bound > e.value * (1.0 + AGREEMENT)
    ]


def _ours(graph: Graph) -> Entry:
    start = time.perf_counter()
    found = ro.partition(graph.weights, graph.parts, graph.sizes, seed=graph.seed)
    seconds = time.perf_counter() - start
    wrong = fault(found.labels, graph.weights.shape[0], graph.parts, graph.sizes)
    entry = _entry(graph, OURS, "", Answer(None if wrong else found.labels, seconds, wrong))
    return replace(entry, bound=found.bound, planted=None if graph.planted is None else _value(graph, graph.planted))


def _entry(graph: Graph, method: str, variant: str, answer: Answer) -> Entry:
    value = None if answer.labels is None else _value(graph, answer.labels)
    return Entry(graph.group, graph.name, method, variant, value, None, answer.seconds, answer.note)


def _value(graph: Graph, labels: Labels) -> float:
    dense = graph.weights.toarray() if sp.issparse(graph.weights) else np.asarray(graph.weights)
    return ncut(dense, labels)


def _best(entries: Iterable[Entry]) -> Entry | None:
    return min((e for e in entries if e.value is not None), key=lambda e: e.value or 0.0, default=None)


def _standing(group: str, fought: Sequence[Duel]) -> Standing:
    verdicts = [duel.verdict for duel in fought]
    ours = [duel.ours for duel in fought]
    return Standing(
        group=group,
        wins=verdicts.count("win"),
        ties=verdicts.count("tie"),
        losses=verdicts.count("loss"),
        ratio=spread(duel.ratio for duel in fought),
        value=spread(entry.value for entry in ours),
        bound=spread(entry.bound for entry in ours),
        gap=spread(relative_gap(entry.value, entry.bound) for entry in ours),
        seconds=spread(entry.seconds for entry in ours),
        planted=spread(duel.planted for duel in fought),
        peers={peer: _of_peer([duel.peers[peer] for duel in fought if peer in duel.peers]) for peer in MODULES},
    )


def _of_peer(entries: Sequence[Entry]) -> PeerStanding:
    names = [entry.variant for entry in entries]
    return PeerStanding(
        spread(entry.value for entry in entries),
        spread(entry.seconds for entry in entries),
        statistics.mode(names) if names else "",
    )
