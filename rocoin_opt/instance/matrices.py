"""Matrices beside an instance: the filter graph and the class affinity, in the file or in an ``.npz`` next to it.

A matrix is loaded when its instance is validated, checked once, and read-only from then on. Nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import math
import zipfile
import zlib
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import numpy as np
from pydantic import ConfigDict, PrivateAttr, ValidationInfo, model_validator

from rocoin_opt.documents import Items, Model, described_fault, fault
from rocoin_opt.instance.fields import Identifier, Index, NonNegative

if TYPE_CHECKING:
    from pathlib import Path

    import scipy.sparse as sp

    Matrix: TypeAlias = np.ndarray[tuple[int, int], np.dtype[np.float64]]
    SparseMatrix: TypeAlias = sp.csr_array[np.float64, tuple[int, int]]

MAX_MATRIX_BYTES = 2**28
"""Largest unpacked ``.npz`` that is read: a dense graph of 5,792 filters."""
MAX_FILTERS = math.isqrt(MAX_MATRIX_BYTES // 8)
"""Most filters that a graph can be over."""

UNREADABLE = (
    *(OSError, ValueError, KeyError, TypeError, EOFError, MemoryError, OverflowError, IndexError),
    *(RuntimeError, zipfile.BadZipFile, zlib.error),
)
"""What a damaged or malicious ``.npz`` raises; RuntimeError stands for encryption, odd methods and link loops."""


class FilterGraph(Model):
    """Weighted graph over the teacher's filters: symmetric, non-negative, zero diagonal, M x M.

    Give ``path`` (an ``.npz`` beside the instance file with a dense ``weights`` array or a SciPy sparse matrix), or
    ``edges``; from Python, :meth:`from_weights`.
    """

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["path"]}, {"required": ["edges"]}]})

    path: Identifier | None = None
    """File relative to the instance file, inside its folder."""
    edges: Items[tuple[Index, Index, NonNegative]] | None = None
    """Each edge once, or once in each direction: filter, filter, weight."""

    _weights: Any = PrivateAttr(default=None)

    @classmethod
    def from_weights(cls, weights: Matrix | SparseMatrix) -> Self:
        """Make a graph of a dense array or a SciPy sparse matrix, M x M.

        Raises
        ------
        pydantic.ValidationError
            If the matrix is no filter graph.
        """
        return cls.model_validate({}, context={"array": weights})

    @model_validator(mode="after")
    def _load(self, info: ValidationInfo) -> Self:
        context = info.context or {}
        # An instance made again from a finished graph finds it loaded already.
        if self._weights is not None:
            return self
        if "array" in context:
            self._weights = _checked_graph(context["array"], "")
        elif (self.path is None) == (self.edges is None):
            raise fault("", self.model_dump(exclude_none=True), 'either {"path": FILE} or {"edges": [...]}')
        elif self.path is not None:
            self._weights = _checked_graph(_load_npz(self.path, "weights", context.get("folder")), "path")
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
            for i, j, weight in self.edges:
                dense[i, j] = dense[j, i] = weight
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
        seen: dict[tuple[int, int], float] = {}
        for position, (i, j, weight) in enumerate(self.edges or ()):
            if max(i, j) >= num_filters or i == j or (i, j) in seen:
                allowed = f"two different filters below {num_filters}, each pair once"
                raise fault(f"graph.edges[{position}]", [i, j], allowed)
            # The other direction may stand there too: it says the same again.
            if seen.get((j, i), weight) != weight:
                raise fault(f"graph.edges[{position}]", [i, j, weight], f"{seen[j, i]:g}, the weight of [{j}, {i}]")
            seen[i, j] = weight

    def digest(self, num_filters: int) -> str:
        """SHA-256 of the weights: equal graphs have equal digests, however they are stored."""
        return _digest(self.dense(num_filters))


class ClassAffinity(Model):
    """How much each filter speaks for each class: a non-negative C x M matrix in an ``.npz`` (``class_affinity``)."""

    model_config = ConfigDict(json_schema_extra={"required": ["path"]})

    path: Identifier | None = None
    """File relative to the instance file, inside its folder."""

    _values: Any = PrivateAttr(default=None)

    @classmethod
    def from_values(cls, values: Matrix) -> Self:
        """Make affinities of a dense array, C x M.

        Raises
        ------
        pydantic.ValidationError
            If the array is no non-negative matrix.
        """
        return cls.model_validate({}, context={"array": values})

    @model_validator(mode="after")
    def _load(self, info: ValidationInfo) -> Self:
        context = info.context or {}
        if self._values is not None:
            return self
        if "array" in context:
            self._values = _checked_matrix(context["array"], "")
        elif self.path is None:
            raise fault("", {}, '{"path": FILE}')
        else:
            self._values = _checked_matrix(_load_npz(self.path, "class_affinity", context.get("folder")), "path")
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
        if self.values.shape[1] != num_filters:
            raise described_fault(
                "class_affinity", f"{self.values.shape[1]} columns", f"{num_filters} columns, one a filter"
            )

    def digest(self) -> str:
        """SHA-256 of the affinities."""
        return _digest(self.values)


def _load_npz(name: str, key: str, folder: Path | None) -> Any:
    if folder is None:
        raise fault("path", name, "a path only in an instance file; from Python give the matrix itself")
    try:
        root = folder.resolve()
        path = (root / name).resolve()
    except UNREADABLE as error:
        raise described_fault("path", f"{name} ({error})", "a file inside the instance's folder") from None
    if not path.is_relative_to(root):
        raise fault("path", name, "a file inside the instance's folder")
    if path.suffix != ".npz":
        raise fault("path", name, "an .npz file")
    try:
        size, found = _load_array(path, key)
    except FileNotFoundError:
        raise fault("path", name, "an existing file") from None
    except UNREADABLE as error:
        raise described_fault("path", f"{name} ({error})", "a readable .npz file without pickled objects") from None
    if size > MAX_MATRIX_BYTES:
        raise described_fault("path", f"{name}, which unpacks to {size} bytes", f"at most {MAX_MATRIX_BYTES} bytes")
    if found is None:
        raise described_fault("path", f"{name} without {key}", f"an .npz file with the array {key}")
    return found


def _load_array(path: Path, key: str) -> tuple[int, Any]:
    """Unpacked size of an archive, and the wanted array unless the archive is too large or lacks it."""
    # A pipe or a device would be waited for, for ever.
    if path.exists() and not path.is_file():
        raise ValueError("no regular file")
    # An archive larger than what it may unpack to would be read for its index alone.
    if path.stat().st_size > MAX_MATRIX_BYTES:
        return path.stat().st_size, None
    with zipfile.ZipFile(path) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
    if size > MAX_MATRIX_BYTES:
        return size, None
    with np.load(path, allow_pickle=False) as arrays:
        if key in arrays:
            # Whatever lies in the archive under that name and is no array comes as bytes.
            if not isinstance(arrays[key], np.ndarray):
                raise TypeError(f"{key} is no array")
            return size, arrays[key]
        is_sparse = key == "weights" and "format" in arrays
    return size, _load_sparse(path) if is_sparse else None


def _load_sparse(path: Path) -> Any:
    import scipy.sparse as sp

    matrix: Any = sp.load_npz(path)
    # SciPy trusts the indices of a file, and reads outside of its memory where they are wrong.
    if matrix.format in ("csr", "csc", "bsr"):
        matrix.check_format(full_check=True)
    if 8 * math.prod(matrix.shape) > MAX_MATRIX_BYTES:
        raise ValueError(f"a matrix of shape {matrix.shape}")
    return sp.csr_array(matrix)


def _checked_graph(weights: Any, field: str) -> Any:
    matrix = _checked_matrix(weights, field)
    if matrix.shape[0] != matrix.shape[1]:
        raise described_fault(field, f"a {matrix.shape[0]} x {matrix.shape[1]} matrix", "a square matrix")
    difference = float(abs(matrix - matrix.T).max())
    if difference > 0:
        raise described_fault(
            field, f"weights that differ from their transpose by {difference:g}", "a symmetric matrix"
        )
    if matrix.diagonal().any():
        raise described_fault(field, "a non-zero diagonal", "a zero diagonal")
    return matrix


def _checked_matrix(values: Any, field: str) -> Any:
    is_dense = isinstance(values, np.ndarray)
    if values.ndim != 2 or min(values.shape) == 0:
        raise described_fault(field, f"an array of shape {values.shape}", "a matrix")
    if values.dtype.kind not in "fiu":
        raise described_fault(field, f"values of type {values.dtype}", "real numbers")
    matrix = values.astype(np.float64)
    data = matrix if is_dense else matrix.data
    if not np.isfinite(data).all():
        raise described_fault(field, "NaN or infinite values", "finite numbers")
    if data.size and data.min() < 0:
        raise described_fault(field, f"the value {data.min():g}", "non-negative numbers")
    with np.errstate(over="ignore"):
        total = data.sum()
    if not np.isfinite(total):
        raise described_fault(field, "values with an infinite sum", "numbers with a finite sum")
    data.flags.writeable = False
    return matrix


def _equal(one: Any, other: Any) -> bool:
    if one is None or other is None or one.shape != other.shape:
        return one is other
    return not abs(one - other).max() > 0


def _digest(matrix: Matrix) -> str:
    shape = "x".join(map(str, matrix.shape))
    return hashlib.sha256(shape.encode() + np.ascontiguousarray(matrix, dtype="<f8").tobytes()).hexdigest()
