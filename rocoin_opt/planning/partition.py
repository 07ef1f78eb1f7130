"""From a filter graph to a partition with a proven bound."""

from __future__ import annotations

from dataclasses import dataclass, replace
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from rocoin_opt.control import Control
from rocoin_opt.documents import validate
from rocoin_opt.errors import CertificateError, InputError, Problem
from rocoin_opt.instance import MAX_FILTERS, ClassAffinity, FilterGraph, is_networkx
from rocoin_opt.knowledge import (
    EVIDENCE_WEIGHT,
    Criterion,
    SizeRanges,
    best_parts,
    class_evidence,
    estimation_seconds,
    evidence_lost,
    ncut,
    one_class,
)
from rocoin_opt.planning.request import certified_bound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.instance import FloatArray, IntArray
    from rocoin_opt.knowledge import Sizes

MOMENT = 5e-3
"""Seconds that an estimate of classes may take whatever the clock says: that of some 230 filters."""


@dataclass(frozen=True, eq=False)
class Partition:
    """Filters cut into parts, with a lower bound on the criterion.

    Attributes
    ----------
    labels : IntArray, M
        Part of each filter, 0 to K - 1.
    criterion : {'ncut', 'cut', 'resilient'}
        What was minimised.
    value : float
        Value of the criterion.
    bound : float
        Valid lower bound: no partition with allowed sizes has a smaller value.
    ncut : float
        Normalised cut, whatever the criterion.
    evidence_left : float or None
        Least share of its evidence that any class keeps when any one part is lost; None where the criterion needs no
        class affinity and none was given, or where there was no time to estimate it.
    affinity_is_estimated : bool
        Whether the class affinity, and so ``evidence_left``, was estimated from the graph because none was given.

    Examples
    --------
    >>> import networkx as nx
    >>> found = ro.partition(nx.barbell_graph(3, 0), 2)
    >>> found.sizes, found.gap
    ((3, 3), 0.0)
    """

    labels: IntArray
    criterion: str
    value: float
    bound: float
    ncut: float
    evidence_left: float | None
    affinity_is_estimated: bool

    @property
    def sizes(self) -> tuple[int, ...]:
        """Filters of each part, K numbers."""
        return tuple(np.bincount(self.labels).tolist())

    @property
    def gap(self) -> float:
        """Gap between value and bound, as a share of the value; 0 where the partition is proven best."""
        return 0.0 if self.value <= self.bound else (self.value - self.bound) / self.value

    def summary(self) -> str:
        """Return a summary of a few lines."""
        lines = [
            f"{len(self.sizes)} parts of {', '.join(map(str, self.sizes))} filters",
            f"{self.criterion} {self.value:.4f}, lower bound {self.bound:.4f}, gap {100.0 * self.gap:.2g} %",
            f"normalised cut {self.ncut:.4f}",
        ]
        if self.evidence_left is not None:
            source = " (classes estimated from the graph)" if self.affinity_is_estimated else ""
            lines.append(f"with one part lost, each class keeps {self.evidence_left:.4f} of its evidence{source}")
        return "\n".join(lines)


def partition(
    graph: Any,
    parts: int,
    sizes: Sizes = None,
    criterion: str = "ncut",
    class_affinity: Any = None,
    seed: int = 0,
    time_limit: float | None = None,
    *,
    evidence_weight: float = EVIDENCE_WEIGHT,
    outages: Sequence[float] | None = None,
    weight: str = "weight",
) -> Partition:
    """Cut a filter graph into parts that keep related filters together, or that survive the loss of one.

    Small graphs, of some 14 filters, are solved to proven optimality. Larger ones are refined from many starts, and the
    bound says how much better any other partition could be at most.

    Parameters
    ----------
    graph : array, SciPy sparse matrix, M x M, or networkx.Graph
        Weights between filters: symmetric, non-negative, zero diagonal. Labels follow its nodes: by number where they
        are 0 to M - 1, and in the order of the graph otherwise.
    parts : int
        Number of parts, K; 1 to M. No part is empty.
    sizes : sequence, optional
        For each part its number of filters, or a pair of its least and largest number; free by default.
    criterion : {'ncut', 'cut', 'resilient'}
        Normalised cut; weight of the edges between parts; or class evidence lost with a part, weighed against the
        normalised cut. See ``docs/formulation/partition.md``.
    class_affinity : array, C x M, optional
        How much each filter speaks for each class, non-negative. ``resilient`` estimates it from the graph where
        absent; the result says so.
    seed : int
        Seed of every random choice.
    time_limit : float, optional
        Seconds after which the search ends with the best partition so far. Without it the same arguments give the same
        partition on the same machine, whatever else it does. Where it is too short to estimate classes, some seconds
        for 2,000 filters, ``resilient`` takes all filters for one class, and says nothing of the evidence left.
    evidence_weight : float
        For ``resilient``: weight of the class evidence lost, 0 to 1; the rest goes to the normalised cut by parts.
    outages : sequence of float, optional
        For ``resilient``: probability that each part is lost, K numbers. The evidence lost is then the expected one.
    weight : str
        Attribute that holds the weight of the edges of a ``networkx.Graph``; 1 where an edge has none.

    Returns
    -------
    Partition
        With the value, a valid bound and the gap.

    Raises
    ------
    InputError
        If an argument is not allowed, or no partition has such sizes.

    Examples
    --------
    >>> import networkx as nx
    >>> found = ro.partition(nx.barbell_graph(3, 0), 2)
    >>> found.labels.tolist()
    [0, 0, 0, 1, 1, 1]
    """
    weights = _dense_graph(graph, weight)
    given = None if class_affinity is None else _affinity(class_affinity, len(weights))
    _require_whole("parts", parts, 1)
    _require_whole("seed", seed, 0)
    if time_limit is not None and not (isinstance(time_limit, Real) and time_limit >= 0):
        raise InputError("options", [Problem("time_limit", repr(time_limit), "a number of seconds, at least 0")])
    control = Control.starting_now(time_limit=time_limit)
    ranges = SizeRanges.of(len(weights), parts, sizes)
    seconds = estimation_seconds(len(weights)) if criterion == "resilient" and given is None else 0.0
    is_told = seconds <= max(control.remaining, MOMENT)
    affinity = given if is_told else one_class(weights)
    judged = Criterion.of(criterion, weights, parts, affinity, evidence_weight, outages)
    labels, bound = best_parts(judged, ranges, seed, control)
    found = _certified(judged, ranges, labels, bound, given)
    return found if is_told else replace(found, evidence_left=None, affinity_is_estimated=False)


def _certified(
    criterion: Criterion, ranges: SizeRanges, labels: IntArray, bound: float, affinity: FloatArray | None
) -> Partition:
    """The partition with its value computed anew; sizes and bound are checked."""
    if not ranges.hold(np.bincount(labels, minlength=ranges.parts)) or len(labels) != ranges.total:
        raise CertificateError(f"a partition of sizes {np.bincount(labels).tolist()} outside of its ranges")
    value = criterion.value(labels)
    evidence = criterion.evidence if affinity is None else class_evidence(affinity)
    needed = affinity is not None or criterion.name == "resilient"
    return Partition(
        labels=labels,
        criterion=criterion.name,
        value=value,
        bound=certified_bound("partition returned", bound, value),
        ncut=ncut(criterion.weights, labels),
        evidence_left=1.0 - float(evidence_lost(evidence, labels).max()) if needed else None,
        affinity_is_estimated=affinity is None and criterion.name == "resilient",
    )


def _dense_graph(graph: Any, weight: str) -> FloatArray:
    if is_networkx(graph):
        return FilterGraph.from_networkx(graph, weight).dense(len(graph))
    given = _matrix(graph, "graph")
    # Refused as it came: as a dense matrix it might not fit into memory.
    if len(given.shape) == 2 and max(given.shape) > MAX_FILTERS:
        raise InputError("graph", [Problem("", f"{given.shape[0]} filters", f"at most {MAX_FILTERS} filters")])
    return validate(FilterGraph, {}, "graph", {"array": given}).dense(given.shape[0])


def _affinity(class_affinity: Any, num_filters: int) -> FloatArray:
    given = _matrix(class_affinity, "class_affinity")
    if sp.issparse(given):
        sparse: Any = given
        given = sparse.toarray()
    values = validate(ClassAffinity, {}, "class_affinity", {"array": given}).values
    if values.shape[1] != num_filters:
        allowed = f"{num_filters} columns, one a filter"
        raise InputError("class_affinity", [Problem("", f"{values.shape[1]} columns", allowed)])
    return values


def _matrix(values: Any, name: str) -> Any:
    if sp.issparse(values):
        sparse: Any = values
        # SciPy trusts indices, and reads outside of its memory where they are wrong.
        if sparse.format in ("csr", "csc", "bsr"):
            try:
                sparse.check_format(full_check=True)
            except ValueError as error:
                raise InputError(name, [Problem("", f"a broken sparse matrix ({error})", "a matrix")]) from None
        return sparse.tocsr()
    try:
        return np.asarray(values)
    except ValueError:
        raise InputError(name, [Problem("", "rows of different lengths", "a matrix")]) from None


def _require_whole(field: str, found: object, least: int) -> None:
    if isinstance(found, bool) or not isinstance(found, (int, np.integer)) or found < least:
        raise InputError("options", [Problem(field, repr(found), f"a whole number of at least {least}")])
