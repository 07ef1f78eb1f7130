"""Partitioners of other packages behind one interface: scikit-learn's spectral clustering, METIS and KaHIP.

Each answer is run in a process of its own, which may crash or exceed its time without harm, and checked. Nothing that a
peer says is believed but its labels and the seconds of the call, without imports. A peer that is not installed says so.

METIS and KaHIP want integer weights of 32 bits: weights are multiplied by one factor, so that the sum over both
directions of all edges is 2^30, and rounded; an edge that comes to 0 is left out. Both minimise the cut under a balance
of vertex weights. For free sizes they are also given the filters' degrees as these weights (named "volume"), which is
nearer to the normalised cut, and looser balances. METIS takes the best of ten tries each time.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import time
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import scipy.sparse as sp

from peers.isolation import isolated, preload

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Weights: TypeAlias = NDArray[np.float64] | sp.csr_array
    Labels: TypeAlias = NDArray[np.int64]
    Sizes: TypeAlias = Sequence[int] | None
    Partitioner: TypeAlias = Callable[[Weights, int, Sizes, int], Labels]

EDGE_SUM = 2**30
"""Half of what 32 bits hold: the peers add weights up."""
VOLUME_SUM = 2**20
"""Sum of the degrees as integer vertex weights: a filter's share is precise to a millionth of all."""
METIS_TRIES, METIS_ROUNDS = 10, 20
MODULES = {"scikit-learn": "sklearn.cluster", "METIS": "pymetis", "KaHIP": "kahip"}
DISTRIBUTIONS = {"scikit-learn": "scikit-learn", "METIS": "pymetis", "KaHIP": "kahip"}
"""By peer: what is imported, and what is installed."""


@dataclass(frozen=True)
class Variant:
    """One way to call a peer.

    Attributes
    ----------
    peer : str
        A name of :data:`MODULES`.
    name : str
        The options that make the difference.
    partitioner : callable
        Takes weights, the number of parts, sizes or None, and a seed; returns labels.
    prescribed : {'no', 'equal', 'any'}
        Which prescribed sizes it takes.
    """

    peer: str
    name: str
    partitioner: Partitioner
    prescribed: str = "no"

    def takes(self, sizes: Sizes) -> bool:
        """Whether the variant is for free sizes, or for sizes such as these."""
        if sizes is None:
            return self.prescribed == "no"
        return self.prescribed == "any" or (self.prescribed == "equal" and max(sizes) - min(sizes) <= 1)


@dataclass(frozen=True)
class Answer:
    """Labels, if they are a valid partition; seconds of the call; else what is wrong."""

    labels: Labels | None
    seconds: float | None = None
    note: str = ""


def installed(peer: str) -> bool:
    """Whether a peer's package is there."""
    return importlib.util.find_spec(MODULES[peer].partition(".")[0]) is not None


def ask(variant: Variant, weights: Weights, parts: int, sizes: Sizes, seed: int, limit: float) -> Answer:
    """Run a variant in its own process for at most some seconds, and check its labels; they are never mended."""
    if not installed(variant.peer):
        return Answer(None, note="not installed")
    preload([module for peer, module in MODULES.items() if installed(peer)])
    said = isolated(_timed, limit, MODULES[variant.peer], variant.partitioner, weights, parts, sizes, seed)
    if isinstance(said, str):
        return Answer(None, note=said)
    labels, seconds = said
    wrong = fault(labels, weights.shape[0], parts, sizes)
    return Answer(None if wrong else labels, seconds, wrong)


def fault(labels: Labels, filters: int, parts: int, sizes: Sizes) -> str:
    """What is wrong with labels: nothing if they are a partition of all filters into non-empty parts of such sizes."""
    if labels.shape != (filters,) or labels.min() < 0 or labels.max() >= parts:
        return f"labels other than 0 to {parts - 1} for each filter"
    counts = np.bincount(labels, minlength=parts)
    if counts.min() == 0:
        return f"{np.count_nonzero(counts == 0)} empty parts"
    if sizes is not None and counts.tolist() != list(sizes):
        return f"{np.abs(counts - sizes).sum() // 2} filters too many in some parts"
    return ""


@dataclass(frozen=True, eq=False)
class IntegerGraph:
    """A graph as METIS and KaHIP want it: rows of neighbours one after another, and integer weights of all edges."""

    starts: NDArray[np.int32]
    neighbours: NDArray[np.int32]
    weights: NDArray[np.int32]
    volumes: NDArray[np.int32]

    @classmethod
    def of(cls, weights: Weights) -> IntegerGraph:
        """Scale, round, and leave out what comes to 0; volumes are degrees, at least 1."""
        rows = sp.csr_array(weights)
        rounded = rows.copy()
        rounded.data = np.rint(rows.data * (EDGE_SUM / rows.data.sum()))
        rounded.eliminate_zeros()
        degrees = rows.sum(axis=1)
        volumes = np.maximum(np.rint(degrees * (VOLUME_SUM / degrees.sum())), 1)
        arrays = (rounded.indptr, rounded.indices, rounded.data, volumes)
        return cls(*(array.astype(np.int32) for array in arrays))


def put_right(inner: Partitioner, weights: Weights, parts: int, sizes: Sizes, seed: int) -> Labels:
    """Labels of a partitioner for free or nearly kept sizes, made to fit: large parts for large sizes, then moves.

    Each move takes a filter from a part that is too large to one that is too small such that the cut grows least.
    """
    labels = inner(weights, parts, sizes, seed).copy()
    counts, wanted = np.bincount(labels, minlength=parts), np.asarray(sizes)
    if not np.array_equal(counts, wanted):
        part = np.empty(parts, dtype=np.int64)
        part[np.argsort(-counts, kind="stable")] = np.argsort(-wanted, kind="stable")
        labels = part[labels]
    filters = np.arange(len(labels))
    excess = np.bincount(labels, minlength=parts) - wanted
    links = np.asarray(weights @ np.eye(parts)[labels])
    while excess.any():
        cost = links[filters, labels][:, None] - links
        cost[excess[labels] <= 0] = np.inf
        cost[:, excess >= 0] = np.inf
        m, target = divmod(int(cost.argmin()), parts)
        source, row = labels[m], weights[[m]].toarray()[0] if sp.issparse(weights) else weights[m]
        links[:, target] += row
        links[:, source] -= row
        excess[[source, target]] += (-1, 1)
        labels[m] = target
    return labels


def spectral(assign: str, weights: Weights, parts: int, sizes: Sizes, seed: int) -> Labels:  # noqa: ARG001
    """scikit-learn's spectral clustering of the graph, with a rule by which the embedding becomes parts of any size."""
    from sklearn.cluster import SpectralClustering

    model = SpectralClustering(parts, affinity="precomputed", assign_labels=assign, random_state=seed)
    with warnings.catch_warnings():
        # It warns of graphs that are not connected, and answers.
        warnings.simplefilter("ignore", UserWarning)
        return np.asarray(model.fit_predict(weights), dtype=np.int64)


def metis(
    rule: str, imbalance: float, by_volume: bool, weights: Weights, parts: int, sizes: Sizes, seed: int
) -> Labels:
    """METIS, recursive or k-way, within an imbalance; sizes are its target weights, which it may miss."""
    import pymetis

    graph = IntegerGraph.of(weights)
    options = pymetis.Options(seed=seed, ncuts=METIS_TRIES, niter=METIS_ROUNDS, ufactor=max(1, round(1000 * imbalance)))
    answer = pymetis.part_graph(
        parts,
        pymetis.CSRAdjacency(graph.starts, graph.neighbours),
        eweights=graph.weights,
        vweights=graph.volumes if by_volume else None,
        tpwgts=None if sizes is None else (np.asarray(sizes) / np.sum(sizes)).tolist(),
        recursive=rule == "recursive",
        options=options,
    )
    return np.asarray(answer.vertex_part, dtype=np.int64)


def kahip(
    mode: str, imbalance: float, by_volume: bool, weights: Weights, parts: int, sizes: Sizes, seed: int
) -> Labels:
    """KaHIP's kaffpa within an imbalance; equal sizes are those of imbalance 0, it takes no others."""
    import kahip as package

    graph = IntegerGraph.of(weights)
    vertices = graph.volumes if by_volume else np.ones_like(graph.volumes)
    arrays = (vertices, graph.starts, graph.weights, graph.neighbours)
    chosen = getattr(package, mode.upper())
    _, labels = package.kaffpa(*(array.tolist() for array in arrays), parts, imbalance, True, seed, chosen)
    found = np.asarray(labels, dtype=np.int64)
    if sizes is None:
        return found
    # Parts have no order for it: the larger ones take the labels of the larger sizes.
    part = np.empty(parts, dtype=np.int64)
    part[np.argsort(-np.bincount(found, minlength=parts), kind="stable")] = np.argsort(
        -np.asarray(sizes), kind="stable"
    )
    return part[found]


def _free_variants() -> list[Variant]:
    found = [
        Variant("scikit-learn", rule, functools.partial(spectral, rule))
        for rule in ("kmeans", "discretize", "cluster_qr")
    ]
    for by_volume in (False, True):
        of = " of volume" if by_volume else ""
        for rule, imbalances in (("recursive", (0.001, 0.3, 1.0)), ("k-way", (0.03, 0.3, 1.0))):
            for share in imbalances:
                name = f"{rule}, {100 * share:g} %{of}"
                found.append(Variant("METIS", name, functools.partial(metis, rule, share, by_volume)))
        for mode, share in (("eco", 0.03), ("strong", 0.03), ("strong", 0.3)):
            name = f"{mode}, {100 * share:g} %{of}"
            found.append(Variant("KaHIP", name, functools.partial(kahip, mode, share, by_volume)))
    return found


def _prescribed_variants() -> list[Variant]:
    found = []
    for rule in ("kmeans", "cluster_qr"):
        partitioner = functools.partial(put_right, functools.partial(spectral, rule))
        found.append(Variant("scikit-learn", f"{rule}, put right", partitioner, "any"))
    for rule in ("recursive", "k-way"):
        exact = functools.partial(metis, rule, 0.001, False)
        found.append(Variant("METIS", rule, exact, "any"))
        found.append(Variant("METIS", f"{rule}, put right", functools.partial(put_right, exact), "any"))
    found += [
        Variant("KaHIP", f"{mode}, 0 %", functools.partial(kahip, mode, 0.0, False), "equal")
        for mode in ("eco", "strong")
    ]
    return found


VARIANTS = (*_free_variants(), *_prescribed_variants())
"""All of them. Those that are "put right" had their sizes mended by :func:`put_right`, and say so."""


def _timed(importable: str, partitioner: Partitioner, *arguments: Any) -> tuple[Labels, float]:
    importlib.import_module(importable)
    start = time.perf_counter()
    labels = partitioner(*arguments)
    return labels, time.perf_counter() - start
