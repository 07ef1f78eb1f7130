"""Matrices beside an instance: the filter graph and the class affinity, in the file or in an ``.npz`` next to it.

A matrix is loaded when its instance is validated, checked once, and read-only from then on. Nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import math
import sys
import warnings
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import numpy as np
from pydantic import ConfigDict, PrivateAttr, ValidationInfo, model_validator

from rocoin_opt.documents import Items, Model, described_fault, fault, validate
from rocoin_opt.errors import InputError, MendedWarning, Problem
from rocoin_opt.instance.archives import MAX_MATRIX_BYTES, SPARSE, ArchiveError, read_arrays, sparse_matrix
from rocoin_opt.instance.fields import Identifier, Index, NonNegative

if TYPE_CHECKING:
    from pathlib import Path

    import networkx as nx
    import scipy.sparse as sp

    Matrix: TypeAlias = np.ndarray[tuple[int, int], np.dtype[np.float64]]
    SparseMatrix: TypeAlias = sp.csr_array[np.float64, tuple[int, int]]

MAX_FILTERS = math.isqrt(MAX_MATRIX_BYTES // 8)
"""Most filters that a graph can be over."""

ASYMMETRY = 1e-6
"""Share of a graph's largest weight by which the two weights of a pair may differ: rounding in single precision."""
ROWS = 256
"""Rows of a matrix that are compared with its columns at a time."""


MIN_AFFINITY_BYTES = 2**24
"""Class affinities that are read beside the largest graph; otherwise both together may be as large as that is."""
GRAPH_BYTES = "bytes of the graph"
"""What the context of a validation is told under, once the graph has been read from its file."""
WITHOUT_FILES = "without files"
"""What the context of a validation holds that leaves matrices in files aside."""


class FilterGraph(Model):
    """Weighted graph over the teacher's filters: symmetric, non-negative, zero diagonal, M x M.

    Give ``path`` (an ``.npz`` beside the instance file with a dense ``weights`` array or a SciPy sparse matrix), or
    ``edges``; from Python, :meth:`from_weights` or :meth:`from_networkx`.

    Examples
    --------
    >>> graph = ro.FilterGraph.from_weights([[0.0, 0.7], [0.7, 0.0]])
    >>> graph.dense(2).tolist()
    [[0.0, 0.7], [0.7, 0.0]]
    """

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["path"]}, {"required": ["edges"]}]},
        # What is loaded stands in no field, and is checked once.
        revalidate_instances="never",
    )

    path: Identifier | None = None
    """File relative to the instance file, inside its folder."""
    edges: Items[tuple[Index, Index, NonNegative]] | None = None
    """Each edge once, or once in each direction: filter, filter, weight."""

    _weights: Any = PrivateAttr(default=None)
    _is_mended: bool = PrivateAttr(default=False)

    @classmethod
    def from_weights(cls, weights: Matrix | SparseMatrix) -> Self:
        """Make a graph from a dense array or a SciPy sparse matrix, M x M.

        Raises
        ------
        InputError
            If the matrix is not a filter graph.
        """
        return validate(cls, {}, cls.__name__, {"array": weights})

    @classmethod
    def from_networkx(cls, graph: nx.Graph[Any], weight: str = "weight") -> Self:
        """Make a graph from a NetworkX graph without loops.

        Parameters
        ----------
        graph : networkx.Graph
            Its nodes are the filters: by number if they are 0 to M - 1, and in the order of the graph otherwise.
        weight : str
            Attribute of the edges that holds their weight; 1 where an edge has none.

        Raises
        ------
        InputError
            If the graph is directed or has several edges between two nodes, or a weight is not a non-negative number.
        """
        if graph.is_directed() or graph.is_multigraph() or not len(graph):
            found = f"a {type(graph).__name__} of {len(graph)} nodes"
            raise InputError(cls.__name__, [Problem("", found, "a networkx.Graph: undirected, one edge a pair")])
        import networkx as nx

        nodes = list(graph)
        if set(nodes) == set(range(len(nodes))):
            nodes.sort()
        try:
            weights = nx.to_scipy_sparse_array(graph, nodelist=nodes, weight=weight, dtype=np.dtype(np.float64))
        except (TypeError, ValueError) as error:
            raise InputError(cls.__name__, [Problem(weight, str(error), "numbers")]) from None
        return cls.from_weights(weights)

    def to_networkx(self, num_filters: int) -> nx.Graph[int]:
        """Return a NetworkX graph: nodes 0 to M - 1, and edges of positive weight with the attribute ``weight``."""
        import networkx as nx

        graph: nx.Graph[int] = nx.from_numpy_array(self.dense(num_filters))
        return graph

    def _beside(self) -> dict[str, Any] | None:
        return None if self._weights is None else {"array": self._weights}

    @model_validator(mode="after")
    def _load(self, info: ValidationInfo) -> Self:
        context = info.context or {}
        # An instance made again from a finished graph finds it loaded already.
        if self._weights is not None:
            return self
        if "array" in context:
            self._weights = _checked_graph(_checked_matrix(context["array"], ""), "")
        elif (self.path is None) == (self.edges is None):
            raise fault("", self.model_dump(exclude_none=True), 'either {"path": FILE} or {"edges": [...]}')
        elif self.path is not None and WITHOUT_FILES not in context:
            weights = _load_npz(self.path, "weights", context, MAX_MATRIX_BYTES)
            # Told to the affinities, which are read next.
            context[GRAPH_BYTES] = _numbers(weights).nbytes
            self._weights = _checked_graph(_checked_matrix(weights, "path", is_ours=True), "path", self.path)
        return self

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FilterGraph):
            return NotImplemented
        return self.edges == other.edges and _equal(self._weights, other._weights)

    def __hash__(self) -> int:
        return hash((self.path, self.edges))

    def dense(self, num_filters: int) -> Matrix:
        """Dense adjacency matrix, M x M, read-only."""
        if self.edges is not None:
            dense = np.zeros((num_filters, num_filters))
            i, j, weights = np.array(self.edges, dtype=np.float64).reshape(-1, 3).T
            places = i.astype(np.intp), j.astype(np.intp)
            # What stands there for the other direction too comes last.
            dense[places[::-1]] = weights
            dense[places] = weights
            if self._is_mended:
                _symmetrise(dense)
        else:
            dense = self._weights if isinstance(self._weights, np.ndarray) else self._weights.toarray()
        dense.flags.writeable = False
        return dense

    def check_size(self, num_filters: int) -> None:
        """Refuse a graph that is not over exactly ``num_filters`` filters."""
        if num_filters > MAX_FILTERS:
            raise described_fault("graph", f"a graph over {num_filters} filters", f"at most {MAX_FILTERS} filters")
        if self._weights is not None and self._weights.shape[0] != num_filters:
            raise described_fault(
                "graph", f"a {self._weights.shape[0]} x {self._weights.shape[1]} matrix", f"{num_filters} rows"
            )
        if self.edges:
            self._check_edges(self.edges, num_filters)

    def _check_edges(self, edges: tuple[tuple[int, int, float], ...], num_filters: int) -> None:
        """Refuse the first edge that is out of place, repeated, or of another weight than its other direction."""
        count = len(edges)
        i = np.fromiter((edge[0] for edge in edges), dtype=np.intp, count=count)
        j = np.fromiter((edge[1] for edge in edges), dtype=np.intp, count=count)
        weights = np.fromiter((edge[2] for edge in edges), dtype=np.float64, count=count)
        # Pairs of filters as single numbers. The first place of each number is the one that counts.
        pairs, firsts = np.unique(i * num_filters + j, return_index=True)
        is_misplaced = np.ones(count, dtype=np.bool_)
        is_misplaced[firsts] = False
        is_misplaced |= (i == j) | (np.maximum(i, j) >= num_filters)
        reverse = j * num_filters + i
        found = np.minimum(np.searchsorted(pairs, reverse), len(pairs) - 1)
        other = firsts[found]
        has_other = (pairs[found] == reverse) & (other < np.arange(count))
        # The other direction may stand there too: it says the same again.
        difference = np.where(has_other, abs(weights - weights[other]), 0.0)
        is_wrong = is_misplaced | (difference > ASYMMETRY * weights.max())
        if is_wrong.any():
            position = int(is_wrong.argmax())
            first, second, weight = edges[position]
            if is_misplaced[position]:
                allowed = f"two different filters below {num_filters}, each pair once"
                raise fault(f"graph.edges[{position}]", [first, second], allowed)
            said = f"{weights[other[position]]:g}, the weight of [{second}, {first}]"
            raise fault(f"graph.edges[{position}]", [first, second, weight], said)
        if not self._is_mended and difference.any():
            self._is_mended = True
            _tell_asymmetry("graph.edges", float(difference.max()))

    def digest(self, num_filters: int) -> str:
        """SHA-256 of the weights: equal graphs have equal digests, however they are stored."""
        return _digest(self.dense(num_filters))


class ClassAffinity(Model):
    """How much each filter speaks for each class: a non-negative C x M matrix in an ``.npz`` (``class_affinity``).

    Examples
    --------
    >>> ro.ClassAffinity.from_values([[0.9, 0.1], [0.2, 0.8]]).values.shape
    (2, 2)
    """

    model_config = ConfigDict(json_schema_extra={"required": ["path"]}, revalidate_instances="never")

    path: Identifier | None = None
    """File relative to the instance file, inside its folder."""

    _values: Any = PrivateAttr(default=None)

    @classmethod
    def from_values(cls, values: Matrix) -> Self:
        """Make affinities from a dense array, C x M.

        Raises
        ------
        InputError
            If the array is not a non-negative matrix.
        """
        return validate(cls, {}, cls.__name__, {"array": values})

    def _beside(self) -> dict[str, Any] | None:
        return None if self._values is None else {"array": self._values}

    @model_validator(mode="after")
    def _load(self, info: ValidationInfo) -> Self:
        context = info.context or {}
        if self._values is not None:
            return self
        if "array" in context:
            self._values = _read_only(_checked_matrix(context["array"], ""))
        elif self.path is None:
            raise fault("", {}, '{"path": FILE}')
        elif WITHOUT_FILES not in context:
            room = max(MAX_MATRIX_BYTES - context.get(GRAPH_BYTES, 0), MIN_AFFINITY_BYTES)
            values = _load_npz(self.path, "class_affinity", context, room)
            self._values = _read_only(_checked_matrix(values, "path", is_ours=True))
        return self

    def __eq__(self, other: object) -> bool:
        return _equal(self._values, other._values) if isinstance(other, ClassAffinity) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.path)

    @property
    def values(self) -> Matrix:
        """Affinities, C x M, read-only."""
        values: Matrix = self._values
        return values

    def check_size(self, num_filters: int) -> None:
        """Refuse affinities that are not over exactly ``num_filters`` filters."""
        if self._values is not None and self.values.shape[1] != num_filters:
            raise described_fault(
                "class_affinity", f"{self.values.shape[1]} columns", f"{num_filters} columns, one a filter"
            )

    def digest(self) -> str:
        """SHA-256 of the affinities."""
        return _digest(self.values)


def is_networkx(given: object) -> bool:
    """Whether this is a graph of NetworkX, which nobody has without having loaded it."""
    networkx = sys.modules.get("networkx")
    return networkx is not None and isinstance(given, networkx.Graph)


def _load_npz(name: str, key: str, context: dict[str, Any], max_bytes: int) -> Any:
    folder: Path | None = context.get("folder")
    if folder is None:
        raise fault("path", name, "a path only in an instance file; from Python give the matrix itself")
    try:
        root = folder.resolve()
        path = (root / name).resolve()
    except (OSError, ValueError, RuntimeError) as error:
        # A name too long, with a null byte, or a loop of links.
        raise described_fault("path", f"{name} ({error})", "a file inside the instance's folder") from None
    if not path.is_relative_to(root):
        raise fault("path", name, "a file inside the instance's folder")
    if path.suffix != ".npz":
        raise fault("path", name, "an .npz file")
    try:
        arrays = read_arrays(path, [key], max_float_bytes=max_bytes)
        if key == "weights" and not arrays:
            arrays = read_arrays(path, SPARSE)
            if "format" in arrays:
                return sparse_matrix(arrays)
    except FileNotFoundError:
        raise fault("path", name, "an existing file") from None
    except ArchiveError as error:
        raise described_fault("path", f"{name} ({error})", "a readable .npz file without pickled objects") from None
    if key not in arrays:
        raise described_fault("path", f"{name} without {key}", f"an .npz file with the array {key}")
    return arrays[key]


def _checked_graph(matrix: Any, field: str, name: str = "the filter graph") -> Any:
    if matrix.shape[0] != matrix.shape[1]:
        raise described_fault(field, f"a {matrix.shape[0]} x {matrix.shape[1]} matrix", "a square matrix")
    is_dense = isinstance(matrix, np.ndarray)
    difference = _asymmetry(matrix) if is_dense else float(abs(matrix - matrix.T).max())
    if difference > ASYMMETRY * matrix.max():
        raise described_fault(
            field, f"weights that differ from their transpose by {difference:g}", "a symmetric matrix"
        )
    if matrix.diagonal().any():
        raise described_fault(field, "a non-zero diagonal", "a zero diagonal")
    if difference > 0:
        _tell_asymmetry(name, difference)
        if is_dense:
            _symmetrise(matrix)
        else:
            matrix = (matrix + matrix.T) / 2
    return _read_only(matrix)


def _checked_matrix(values: Any, field: str, *, is_ours: bool = False) -> Any:
    """Check that this is a matrix of non-negative numbers; it is copied unless nobody else has it."""
    values = values.tocsr() if hasattr(values, "tocsr") else np.asarray(values)
    if values.ndim != 2 or min(values.shape) == 0:
        raise described_fault(field, f"an array of shape {values.shape}", "a matrix")
    if values.dtype.kind not in "fiub":
        raise described_fault(field, f"values of type {values.dtype}", "real numbers")
    matrix = values.astype(np.float64, copy=not is_ours)
    data = _numbers(matrix)
    # Both are NaN where any number is, and no array of the size of the matrix is made.
    smallest, largest = (data.min(), data.max()) if data.size else (0.0, 0.0)
    if not (math.isfinite(smallest) and math.isfinite(largest)):
        raise described_fault(field, "NaN or infinite values", "finite numbers")
    if smallest < 0:
        raise described_fault(field, f"the value {smallest:g}", "non-negative numbers")
    with np.errstate(over="ignore"):
        total = data.sum()
    if not np.isfinite(total):
        raise described_fault(field, "values with an infinite sum", "numbers with a finite sum")
    return matrix


def _asymmetry(matrix: Matrix) -> float:
    """Largest difference of a dense matrix from its transpose."""
    starts = range(0, len(matrix), ROWS)
    return max(float(abs(matrix[n : n + ROWS] - matrix[:, n : n + ROWS].T).max()) for n in starts)


def _symmetrise(matrix: Matrix) -> None:
    """Give both weights of each pair their mean, in place: a copy may not fit into memory."""
    for start in range(0, len(matrix), ROWS):
        rows, columns = matrix[start : start + ROWS, start:], matrix[start:, start : start + ROWS]
        mean = (rows + columns.T) / 2
        rows[:] = mean
        columns[:] = mean.T


def _tell_asymmetry(name: str, difference: float) -> None:
    message = f"{name}: weights differ from their transpose by up to {difference:g}; both of a pair count as their mean"
    warnings.warn(message, MendedWarning, stacklevel=2)


def _numbers(matrix: Any) -> Any:
    return matrix if isinstance(matrix, np.ndarray) else matrix.data


def _read_only(matrix: Any) -> Any:
    _numbers(matrix).flags.writeable = False
    return matrix


def _equal(one: Any, other: Any) -> bool:
    if one is None or other is None or one.shape != other.shape:
        return one is other
    return not abs(one - other).max() > 0


def _digest(matrix: Matrix) -> str:
    digest = hashlib.sha256("x".join(map(str, matrix.shape)).encode())
    digest.update(np.ascontiguousarray(matrix, dtype="<f8").data)
    return digest.hexdigest()
