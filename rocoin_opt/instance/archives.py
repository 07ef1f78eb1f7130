"""Archives of arrays, ``.npz`` files: read within bounds, whatever lies in them, and never unpickled.

Sizes in an archive are claims. None of them is followed further than :data:`MAX_PIECE_BYTES` at a time, and what
would unpack to more than :data:`MAX_MATRIX_BYTES` is refused before it does.
"""

from __future__ import annotations

import math
import warnings
import zipfile
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

MAX_MATRIX_BYTES = 2**28
"""Largest ``.npz`` that is read, packed and unpacked: a dense graph of 5,792 filters."""
MAX_PIECE_BYTES = 2**20
"""Most that is read at once: thousands of times what the directory of an archive with a few arrays takes up."""
MAX_ENTRIES = 4_000_000
"""Most entries of a sparse matrix: those of a larger one may not fit into memory beside those of its transpose."""
SPARSE = ("format", "shape", "data", "indices", "indptr", "offsets", "row", "col", "coords")
"""Names under which ``scipy.sparse.save_npz`` puts the parts of a matrix."""


OWN_ARRAYS = {"weights", "class_affinity"}
"""Names under which we write matrices."""


class ArchiveError(ValueError):
    """A file that is no archive of arrays, in words for people."""


def read_arrays(
    path: Path,
    names: Collection[str] | None = None,
    *,
    max_float_bytes: int | None = None,
    max_bytes: int | None = None,
) -> dict[str, Any]:
    """Read the arrays of an archive.

    Parameters
    ----------
    path : Path
        The file.
    names : collection of str, optional
        Which arrays; those that are missing are left out. All where absent.
    max_float_bytes : int, optional
        Where given, numbers and truth values become floats while they are read, without a copy of all of them, and
        what takes up more as such, or is neither, is refused.
    max_bytes : int, optional
        Largest file that is read, packed and unpacked; :data:`MAX_MATRIX_BYTES` by default.

    Returns
    -------
    dict of str to ndarray
        By name, each in the type that it was written in, or as floats.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ArchiveError
        If it cannot be read, is too large, or holds something else under one of the names.
    """
    most = MAX_MATRIX_BYTES if max_bytes is None else max_bytes
    with _translated_errors():
        # A pipe or a device would be waited for, for ever.
        if path.exists() and not path.is_file():
            raise ArchiveError("no regular file")
        _require_fit(path.stat().st_size, "bytes", most)
        with path.open("rb") as file, zipfile.ZipFile(_in_pieces(file)) as archive:
            _require_fit(sum(entry.file_size for entry in archive.infolist()), "bytes unpacked", most)
            entries = {entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()}
            wanted = entries if names is None else [name for name in names if name in entries]
            return {name: _array(archive, entries[name], max_float_bytes) for name in wanted}


def sparse_matrix(arrays: dict[str, Any]) -> Any:
    """Make the matrix that SciPy wrote as these arrays.

    Returns
    -------
    csr_array
        With sound indices; entries may stand there twice, and count together.

    Raises
    ------
    ArchiveError
        If they are no sparse matrix, one of more than :data:`MAX_ENTRIES` entries, or of a shape that would be too
        large for a dense one.
    """
    with _translated_errors():
        import scipy.sparse as sp

        form, shape = str(arrays["format"].astype(np.str_).item()), tuple(arrays["shape"].tolist())
        if len(shape) != 2 or min(shape) < 1 or 8 * math.prod(shape) > MAX_MATRIX_BYTES:
            raise ArchiveError(f"a matrix of shape {shape}")
        data: Any = arrays["data"]
        # Indices that no entry goes with take up as much.
        if data.size > MAX_ENTRIES or max(array.size for array in arrays.values()) > 2 * MAX_ENTRIES:
            raise ArchiveError(f"a sparse matrix of more than {MAX_ENTRIES} entries")
        if data.dtype.kind in "iu":
            # Entries that stand there twice are added up, and small integers would overflow.
            data = data.astype(np.float64)
        if form in ("csr", "csc", "bsr"):
            matrix = getattr(sp, f"{form}_array")((data, arrays["indices"], arrays["indptr"]), shape=shape)
            # SciPy trusts the indices of a file, and reads outside of its memory where they are wrong.
            matrix.check_format(full_check=True)
        elif form == "dia":
            matrix = sp.dia_array((data, arrays["offsets"]), shape=shape)
        elif form == "coo":
            places = arrays["coords"] if "coords" in arrays else (arrays["row"], arrays["col"])
            matrix = sp.coo_array((data, tuple(places)), shape=shape)
        else:
            raise ArchiveError(f"a sparse matrix of the format {form}")
        return sp.csr_array(matrix)


def holds_matrices(path: Path) -> bool:
    """Whether a file is an archive of matrices as we write them, and of nothing else."""
    try:
        with _translated_errors(), zipfile.ZipFile(path) as archive:
            names = {name.removesuffix(".npy") for name in archive.namelist()}
    except (ArchiveError, FileNotFoundError):
        return False
    return bool(names) and names <= OWN_ARRAYS


class _Pieces:
    """A stream that gives little at a time: whoever asks for much follows a number that lies."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.seek, self.tell, self.seekable = stream.seek, stream.tell, stream.seekable

    def read(self, size: int = -1) -> bytes:
        if size > MAX_PIECE_BYTES:
            raise ArchiveError(f"{size} bytes in one piece, of {MAX_PIECE_BYTES} at most")
        return self._stream.read(size if size >= 0 else MAX_PIECE_BYTES)


def _in_pieces(stream: IO[bytes]) -> Any:
    return _Pieces(stream)


def _array(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, max_float_bytes: int | None) -> Any:
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # NumPy writes no other, and Python's readers of those unpack without a bound.
        raise ArchiveError(f"{entry.filename} is packed by method {entry.compress_type}")
    with archive.open(entry) as stream:
        if max_float_bytes is not None:
            return _floats(_in_pieces(stream), max_float_bytes)
        return np.lib.format.read_array(_in_pieces(stream), allow_pickle=False)


def _floats(stream: Any, max_bytes: int) -> Any:
    """Read an array of numbers as floats, a piece at a time."""
    version = np.lib.format.read_magic(stream)
    # The third version differs in names of fields alone, which numbers do not have.
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, is_fortran, dtype = read_header(stream)
    if dtype.kind not in "fiub":
        raise ArchiveError(f"values of type {dtype}, which are no real numbers")
    size = math.prod(shape)
    if min(shape, default=0) < 0 or 8 * size > max_bytes:
        raise ArchiveError(f"{8 * size} bytes as floats, of {max_bytes} at most")
    floats = np.zeros(shape[::-1] if is_fortran else shape)
    flat = floats.reshape(-1)
    step = MAX_PIECE_BYTES // dtype.itemsize
    for start in range(0, size, step):
        part = flat[start : start + step]
        part[:] = np.frombuffer(stream.read(part.size * dtype.itemsize), dtype, part.size)
    return floats.T if is_fortran else floats


def _require_fit(size: int, unit: str, most: int) -> None:
    if size > most:
        raise ArchiveError(f"{size} {unit}, of {most} at most")


@contextmanager
def _translated_errors() -> Iterator[None]:
    """Translate whatever a damaged or malicious file makes zipfile, NumPy and SciPy raise, which is nearly anything."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (ArchiveError, FileNotFoundError):
        raise
    except Exception as error:
        raise ArchiveError(str(error) or type(error).__name__) from None
