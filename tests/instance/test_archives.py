"""Archives of arrays: read within bounds, and refused in our own words whatever lies in them."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import scipy.sparse as sp

from rocoin_opt.instance.archives import MAX_PIECE_BYTES, SPARSE, ArchiveError, read_arrays, sparse_matrix

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WEIGHTS = np.array([[0.0, 2.0, 0.0], [2.0, 0.0, 1.5], [0.0, 1.5, 0.0]])


def test_arrays_come_back_as_they_were_written(tmp_path: Path) -> None:
    given: dict[str, Any] = {
        "a": np.arange(6.0).reshape(2, 3),
        "b": np.array(["x", "yy"]),
        "c": np.asfortranarray(WEIGHTS > 1),
    }
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "f.npz", **given)
        found = read_arrays(tmp_path / "f.npz")
        assert set(found) == set(given)
        for name, values in given.items():
            assert found[name].dtype == values.dtype
            assert found[name].tolist() == values.tolist()
        assert set(read_arrays(tmp_path / "f.npz", ["b", "z"])) == {"b"}


@pytest.mark.parametrize("form", ["csr", "csc", "bsr", "dia", "coo"])
@pytest.mark.parametrize("make", [sp.coo_array, sp.coo_matrix])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int8, np.bool_])
def test_every_sparse_form_comes_back(tmp_path: Path, form: str, make: Callable[..., Any], dtype: type) -> None:
    sp.save_npz(tmp_path / "f.npz", make(WEIGHTS.astype(dtype)).asformat(form))
    found = sparse_matrix(read_arrays(tmp_path / "f.npz", SPARSE))
    assert found.toarray().astype(float).tolist() == WEIGHTS.astype(dtype).astype(float).tolist()


def test_entries_that_stand_twice_count_together_without_overflow(tmp_path: Path) -> None:
    hundreds = np.array([100, 100], dtype=np.int8)
    sp.save_npz(tmp_path / "f.npz", sp.coo_array((hundreds, ([0, 0], [1, 1])), shape=(3, 3)))
    assert sparse_matrix(read_arrays(tmp_path / "f.npz"))[0, 1] == 200.0


def test_more_entries_than_fit_into_memory_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rocoin_opt.instance.archives.MAX_ENTRIES", 4)
    parts = {"format": b"coo", "shape": [3, 3], "data": np.ones(4), "row": [0, 1, 1, 2], "col": [1, 0, 2, 1]}
    np.savez(tmp_path / "f.npz", **parts)
    assert sparse_matrix(read_arrays(tmp_path / "f.npz", SPARSE)).nnz == 4
    for changed in ({"data": np.ones(5)}, {"row": np.zeros(9, dtype=np.int8)}):
        np.savez(tmp_path / "f.npz", **{**parts, **changed})
        with pytest.raises(ArchiveError, match="a sparse matrix of more than 4 entries"):
            sparse_matrix(read_arrays(tmp_path / "f.npz", SPARSE))


@pytest.mark.parametrize("dtype", ["?", "<i2", ">i4", "<u8", "<f2", ">f4", "<f8", "g"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_numbers_become_floats_while_they_are_read(tmp_path: Path, dtype: str, order: Any) -> None:
    shape = (3, MAX_PIECE_BYTES // 8 + 1)
    given = np.asarray(np.arange(np.prod(shape)).reshape(shape) % 2000, dtype, order=order)
    np.savez_compressed(tmp_path / "f.npz", a=given)
    found = read_arrays(tmp_path / "f.npz", max_float_bytes=8 * given.size)["a"]
    assert found.dtype == np.float64
    assert (found == given.astype(np.float64)).all()
    with pytest.raises(ArchiveError, match="bytes as floats"):
        read_arrays(tmp_path / "f.npz", max_float_bytes=8 * given.size - 1)


BAD_SPARSE: dict[str, dict[str, Any]] = {
    "format of a number": {"format": 3, "shape": [2, 2], "data": [1.0]},
    "format of many": {"format": ["csr", "csr"], "shape": [2, 2], "data": [1.0]},
    "format that SciPy has no file for": {"format": "lil", "shape": [2, 2], "data": [1.0]},
    "shape of a number": {"format": "coo", "shape": 2, "data": [1.0]},
    "shape of text": {"format": "coo", "shape": ["a", "b"], "data": [1.0]},
    "shape of three": {"format": "coo", "shape": [2, 2, 2], "data": [1.0], "coords": [[0], [0], [0]]},
    "shape below nothing": {"format": "coo", "shape": [-2, -2], "data": [1.0], "row": [0], "col": [1]},
    "huge shape": {"format": "dia", "shape": [2**40, 2**40], "data": [[1.0]], "offsets": [0]},
    "no data": {"format": "csr", "shape": [2, 2]},
    "places outside": {"format": "coo", "shape": [2, 2], "data": [1.0], "row": [0], "col": [7]},
    "pointers outside": {"format": "csr", "shape": [2, 2], "data": [1.0], "indices": [0], "indptr": [0, 2**40, 1]},
    "blocks that do not fit": {"format": "bsr", "shape": [2, 2], "data": [[[1.0]]], "indices": [9], "indptr": [0, 1]},
    "offsets of text": {"format": "dia", "shape": [2, 2], "data": [[1.0]], "offsets": ["a"]},
}


@pytest.mark.parametrize("arrays", BAD_SPARSE.values(), ids=BAD_SPARSE.keys())
def test_parts_that_make_no_matrix_are_refused(tmp_path: Path, arrays: dict[str, Any]) -> None:
    np.savez(tmp_path / "f.npz", **arrays)
    with pytest.raises(ArchiveError):
        sparse_matrix(read_arrays(tmp_path / "f.npz", SPARSE))


def packed(path: Path, content: bytes, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("a.npy", content)
    return path


def npy(header: bytes, *, version: int = 1) -> bytes:
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header


BAD_ENTRIES = {
    "nothing": b"",
    "text": b"text",
    "huge": npy(b"{'descr': '<f8', 'fortran_order': False, 'shape': (%d,), }\n" % 2**62),
    "negative": npy(b"{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }\n"),
    "short": npy(b"{'descr': '<f8', 'fortran_order': False, 'shape': (4, 4), }\n") + bytes(8),
    "pickle": npy(b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n") + b"cos\nsystem\n(S'true'\ntR.",
    "deep": npy(b"(" * 9000),
    "odd": npy(b"{'descr': '<f8', 'fortran_order': False, 'shape': (1,), '\\d': 1}\n"),
    "header": npy(b" " * 2**22, version=2),
    "lie": b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + bytes(2**22),
    "long text": npy(b"{'descr': '<U1000000', 'fortran_order': False, 'shape': (1,), }\n") + bytes(4 * 10**6),
}


@pytest.mark.parametrize(
    "content",
    # Whoever looks at memory takes long for what is deep.
    [
        pytest.param(content, id=name, marks=[pytest.mark.slow] * (name == "deep"))
        for name, content in BAD_ENTRIES.items()
    ],
)
def test_an_entry_that_is_no_sound_array_is_refused(tmp_path: Path, content: bytes) -> None:
    packed(tmp_path / "f.npz", content)
    tracemalloc.start()
    for room in (None, 2**28):
        with pytest.raises(ArchiveError):
            read_arrays(tmp_path / "f.npz", max_float_bytes=room)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * MAX_PIECE_BYTES


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_unpack_without_a_bound_are_refused(tmp_path: Path, method: int) -> None:
    content = io.BytesIO()
    np.save(content, WEIGHTS)
    with pytest.raises(ArchiveError, match="packed by method"):
        read_arrays(packed(tmp_path / "f.npz", content.getvalue(), method))


def test_very_many_entries_are_refused_before_they_are_listed(tmp_path: Path) -> None:
    count, name = 200_000, b"a.npy"
    entry = struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 20, 20, *(0,) * 7, len(name), *(0,) * 6) + name
    directory = entry * count
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, count % 2**16, count % 2**16, len(directory), 0, 0)
    (tmp_path / "f.npz").write_bytes(directory + end)
    tracemalloc.start()
    with pytest.raises(ArchiveError, match="in one piece"):
        read_arrays(tmp_path / "f.npz")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * MAX_PIECE_BYTES


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_arrays(tmp_path / "missing.npz")
    with pytest.raises(ArchiveError, match="no regular file"):
        read_arrays(tmp_path)
