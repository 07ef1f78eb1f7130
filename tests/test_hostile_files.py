"""Files that mean harm: refused or bounded, with a clear error, and nothing in them is ever executed."""

from __future__ import annotations

import io
import json
import os
import pickle
import tracemalloc
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import rocoin_opt as ro
from rocoin_opt import documents
from rocoin_opt.documents import MAX_DOCUMENT_BYTES, parse_document, read_text
from rocoin_opt.instance.archives import MAX_MATRIX_BYTES

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A valid instance with a graph in a file beside it."""
    path = tmp_path / "instances" / "given.json"
    path.parent.mkdir()
    ro.write_instance(path, ro.generate("paper", devices=4, seed=1, filters=8, graph=True))
    return path


def points_to(file: Path, path: str) -> None:
    data = json.loads(file.read_text())
    data["knowledge"]["graph"] = {"path": path}
    file.write_text(json.dumps(data))


def refusal(file: Path) -> str:
    with pytest.raises(ro.InputError) as refused:
        ro.read_instance(file)
    return str(refused.value)


def test_a_huge_document_is_refused_without_being_read(tmp_path: Path) -> None:
    huge = tmp_path / "huge.json"
    with huge.open("wb") as stream:
        # 100 MB that take no room on the disk.
        stream.truncate(100_000_000)
    tracemalloc.start()
    assert f"more than {MAX_DOCUMENT_BYTES} bytes" in refusal(huge)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * MAX_DOCUMENT_BYTES


def test_an_endless_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MAX_DOCUMENT_BYTES", 1000)
    (tmp_path / "endless.json").symlink_to("/dev/zero")
    assert "at most 1000 bytes" in refusal(tmp_path / "endless.json")
    (tmp_path / "fits.json").write_text("x" * 1000)
    assert len(read_text(tmp_path / "fits.json")) == 1000


@pytest.mark.parametrize("text", ["[" * 10**6, '{"a":' * 10**5, "[" * 10**6 + "]" * 10**6])
def test_deep_nesting_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "deep.json").write_text(text)
    assert "JSON nested too deeply" in refusal(tmp_path / "deep.json")


def test_very_many_repeated_keys_are_told_at_once() -> None:
    pairs = ",".join(f'"k{number}":0' for number in range(100_000))
    with pytest.raises(ro.InputError, match='the key "k0" twice'):
        parse_document(f"{{{pairs},{pairs}}}", "f.json", "x", 1)


def test_a_path_out_of_the_folder_is_refused(file: Path) -> None:
    secret = file.parent.parent / "secret.npz"
    (file.parent / "given.npz").rename(secret)
    for path in ("../secret.npz", str(secret), "sub/../../secret.npz"):
        points_to(file, path)
        assert "a file inside the instance's folder" in refusal(file)
    (file.parent / "link.npz").symlink_to(secret)
    points_to(file, "link.npz")
    assert "a file inside the instance's folder" in refusal(file)


def test_links_in_a_loop_and_pipes_are_refused(file: Path) -> None:
    (file.parent / "loop.npz").symlink_to(file.parent / "loop.npz")
    points_to(file, "loop.npz")
    refusal(file)
    os.mkfifo(file.parent / "pipe.npz")
    points_to(file, "pipe.npz")
    assert "no regular file" in refusal(file)


def npz(path: Path, **entries: bytes) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(f"{name}.npy", content)


@pytest.mark.slow
def test_a_zip_bomb_is_refused_before_it_unpacks(file: Path) -> None:
    with (
        zipfile.ZipFile(file.parent / "given.npz", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("weights.npy", "w", force_zip64=True) as entry,
    ):
        for _ in range(MAX_MATRIX_BYTES // 2**24 + 1):
            entry.write(bytes(2**24))
    assert (file.parent / "given.npz").stat().st_size < 2**20
    assert f"of {MAX_MATRIX_BYTES} at most" in refusal(file)


def test_a_huge_archive_is_refused_before_it_is_opened(file: Path) -> None:
    with (file.parent / "given.npz").open("r+b") as stream:
        stream.truncate(MAX_MATRIX_BYTES + 1)
    assert f"of {MAX_MATRIX_BYTES} at most" in refusal(file)


def test_an_array_that_claims_to_be_huge_is_refused(file: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_2_0(header, {"descr": "<f8", "fortran_order": False, "shape": (2**20, 2**20)})
    npz(file.parent / "given.npz", weights=header.getvalue() + bytes(64))
    assert "readable .npz" in refusal(file)


class Trap:
    """What would leave a file behind if it were ever unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


def test_no_pickle_is_ever_loaded(file: Path) -> None:
    mark = file.parent / "sprung"
    content = io.BytesIO()
    np.save(content, np.array([Trap(mark)], dtype=object), allow_pickle=True)
    npz(file.parent / "given.npz", weights=content.getvalue())
    refusal(file)
    (file.parent / "given.npz").write_bytes(pickle.dumps(Trap(mark)))
    refusal(file)
    assert not mark.exists()


@pytest.mark.slow
def test_no_name_of_a_file_becomes_a_path(tmp_path: Path) -> None:
    file = tmp_path / "instances" / "given.json"
    file.parent.mkdir()
    instance = ro.generate("edge", devices=4, seed=1).model_copy(update={"name": "../../../escaped"})
    ro.write_instance(file, instance)
    (result,) = ro.solve_many([file], ["greedy"], jobs=1, out=tmp_path / "run")
    assert result.instance == "../../../escaped"
    assert result.plan_file == f"plans/{result.item[:2]}/{result.item}.plan.json"
    assert {path.name for path in tmp_path.iterdir()} == {"instances", "run"}
