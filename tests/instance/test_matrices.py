"""Graphs and affinities: every storage form is the same graph, and every faulty one is refused by field."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rocoin_opt.errors import InputError
from rocoin_opt.instance import archives, matrices
from rocoin_opt.instance.files import read_instance
from rocoin_opt.instance.matrices import ClassAffinity, FilterGraph
from rocoin_opt.instance.model import Instance
from strategies import full_instance_document, graphs

WEIGHTS = np.array(
    [
        [0.0, 2.0, 0.0, 0.0, 0.0, 0.0],
        [2.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [0.0, 0.0, 0.0, 0.0, 0.0, 0.5],
        [0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [0.0, 0.0, 0.5, 0.0, 0.0, 0.0],
    ]
)
"""The graph of the full instance document."""


def instance_file(folder: Path, **knowledge: Any) -> Path:
    """Write the full instance with some fields of its knowledge changed; None takes a field off."""
    document = full_instance_document()
    document["knowledge"].update(knowledge)
    document["knowledge"] = {key: value for key, value in document["knowledge"].items() if value is not None}
    path = folder / "i.json"
    path.write_text(json.dumps(document))
    return path


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_instance(path)
    return str(caught.value).removeprefix(f"{path}: ")


def graph_refusal(folder: Path, weights: Any) -> str:
    np.savez(folder / "g.npz", weights=weights)
    return refusal(instance_file(folder, graph={"path": "g.npz"}))


def test_every_storage_form_is_the_same_graph(tmp_path: Path) -> None:
    np.savez(tmp_path / "dense.npz", weights=WEIGHTS)
    np.savez_compressed(tmp_path / "float32.npz", weights=WEIGHTS.astype(np.float32))
    names = ["dense", "float32"]
    for form in (sp.csr_array, sp.csc_array, sp.coo_array, sp.csr_matrix, sp.dia_array):
        sp.save_npz(tmp_path / f"{form.__name__}.npz", form(WEIGHTS))
        names.append(form.__name__)
    reference = read_instance(instance_file(tmp_path))
    graph = reference.knowledge.graph
    assert graph is not None
    assert graph.dense(6).tolist() == WEIGHTS.tolist()
    for name in names:
        other = read_instance(instance_file(tmp_path, graph={"path": f"{name}.npz"}))
        assert other.sha256 == reference.sha256
        assert other.knowledge.graph is not None
        assert other.knowledge.graph.dense(6).tolist() == WEIGHTS.tolist()


@given(st.data())
def test_edges_dense_and_sparse_agree(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 6))
    weights = data.draw(graphs(size))
    edges = [(int(i), int(j), float(weights[i, j])) for i, j in np.argwhere(np.triu(weights))]
    forms = [
        FilterGraph.from_weights(weights),
        FilterGraph.from_weights(sp.csr_array(weights)),
        FilterGraph.model_validate({"edges": edges}),
        FilterGraph.model_validate({"edges": [(j, i, weight) for i, j, weight in reversed(edges)]}),
    ]
    for graph in forms:
        graph.check_size(size)
        assert graph.dense(size).tolist() == weights.tolist()
        assert graph.digest(size) == forms[0].digest(size)


def test_equal_graphs_are_equal() -> None:
    one, other = FilterGraph.from_weights(WEIGHTS), FilterGraph.from_weights(WEIGHTS.copy())
    assert one == other
    assert hash(one) == hash(other)
    assert one == FilterGraph.from_weights(sp.csr_array(WEIGHTS))
    assert one != FilterGraph.from_weights(WEIGHTS * 2)
    assert one != FilterGraph.from_weights(WEIGHTS[:2, :2])
    assert one != FilterGraph.model_validate({"edges": []})
    assert FilterGraph.model_validate({"edges": []}) == FilterGraph.model_validate({"edges": []})
    assert one != "a graph"


def test_equal_affinities_are_equal() -> None:
    one = ClassAffinity.from_values(np.ones((2, 6)))
    assert one == ClassAffinity.from_values(np.ones((2, 6)))
    assert hash(one) == hash(ClassAffinity.from_values(np.ones((2, 6))))
    assert one != ClassAffinity.from_values(np.zeros((2, 6)))
    assert one != "affinities"


def test_matrices_are_read_only() -> None:
    for graph in (FilterGraph.from_weights(WEIGHTS.copy()), FilterGraph.model_validate({"edges": [(0, 1, 1.0)]})):
        with pytest.raises(ValueError, match="read-only"):
            graph.dense(6)[0, 0] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        ClassAffinity.from_values(np.ones((2, 6))).values[0, 0] = 2.0


def test_a_matrix_given_from_python_is_not_touched() -> None:
    weights = WEIGHTS.copy()
    graph = FilterGraph.from_weights(weights)
    weights[0, 1] = 99.0
    assert graph.dense(6).tolist() == WEIGHTS.tolist()


@pytest.mark.parametrize(
    ("place", "value", "fault"),
    [
        ((0, 1), 3.0, "found weights that differ from their transpose by 1; allowed: a symmetric matrix"),
        ((0, 0), 1.0, "found a non-zero diagonal; allowed: a zero diagonal"),
        ((0, 1), np.nan, "found NaN or infinite values; allowed: finite numbers"),
        ((0, 1), np.inf, "found NaN or infinite values; allowed: finite numbers"),
        ((0, 1), -0.5, "found the value -0.5; allowed: non-negative numbers"),
    ],
)
@pytest.mark.parametrize("sparse", [False, True])
def test_faulty_weights_are_refused(
    tmp_path: Path, place: tuple[int, int], value: float, fault: str, sparse: bool
) -> None:
    weights = WEIGHTS.copy()
    weights[place] = value
    if sparse:
        sp.save_npz(tmp_path / "g.npz", sp.csr_array(weights))
        assert refusal(instance_file(tmp_path, graph={"path": "g.npz"})) == f"knowledge.graph.path: {fault}"
    else:
        assert graph_refusal(tmp_path, weights) == f"knowledge.graph.path: {fault}"


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (WEIGHTS[:5, :5], "knowledge.graph: found a 5 x 5 matrix; allowed: 6 rows"),
        (WEIGHTS[:5], "knowledge.graph.path: found a 5 x 6 matrix; allowed: a square matrix"),
        (WEIGHTS[0], "knowledge.graph.path: found an array of shape (6,); allowed: a matrix"),
        (np.empty((0, 0)), "knowledge.graph.path: found an array of shape (0, 0); allowed: a matrix"),
        *(
            (
                WEIGHTS.astype(kind),
                f"knowledge.graph.path: found g.npz (values of type {np.dtype(kind)}, which are no real numbers); "
                "allowed: a readable .npz file without pickled objects",
            )
            for kind in ("complex128", "<U32")
        ),
    ],
)
def test_faulty_shapes_and_types_are_refused(tmp_path: Path, weights: Any, message: str) -> None:
    assert graph_refusal(tmp_path, weights) == message


@pytest.mark.parametrize(
    ("edges", "field", "fault"),
    [
        ([[0, 0, 1.0]], "[0]", "found [0, 0]; allowed: two different filters below 6, each pair once"),
        ([[0, 6, 1.0]], "[0]", "found [0, 6]; allowed: two different filters below 6, each pair once"),
        ([[0, 1, 1], [0, 1, 1]], "[1]", "found [0, 1]; allowed: two different filters below 6, each pair once"),
        ([[0, 1, 1], [1, 0, 2]], "[1]", "found [1, 0, 2.0]; allowed: 1, the weight of [0, 1]"),
        ([[0, 1, -1.0]], "[0][2]", "found -1.0; allowed: a number of at least 0"),
        ([[-1, 1, 1.0]], "[0][0]", "found -1; allowed: a number of at least 0"),
        ([[0, 1]], "[0][2]", "found nothing; allowed: this field is required"),
    ],
)
def test_faulty_edges_are_refused(tmp_path: Path, edges: Any, field: str, fault: str) -> None:
    assert refusal(instance_file(tmp_path, graph={"edges": edges})) == f"knowledge.graph.edges{field}: {fault}"


@pytest.mark.parametrize("graph", [{}, {"path": "g.npz", "edges": []}])
def test_a_graph_is_either_a_path_or_edges(tmp_path: Path, graph: dict[str, Any]) -> None:
    message = refusal(instance_file(tmp_path, graph=graph))
    assert message.startswith("knowledge.graph: found ")
    assert message.endswith('allowed: either {"path": FILE} or {"edges": [...]}')


@pytest.mark.parametrize("name", ["../g.npz", "sub/../../g.npz", "/etc/g.npz", "link.npz", "folder-link/g.npz"])
def test_a_path_that_leaves_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "inside"
    folder.mkdir()
    np.savez(tmp_path / "g.npz", weights=WEIGHTS)
    (folder / "link.npz").symlink_to(tmp_path / "g.npz")
    (folder / "folder-link").symlink_to(tmp_path)
    message = refusal(instance_file(folder, graph={"path": name}))
    assert message == f'knowledge.graph.path: found "{name}"; allowed: a file inside the instance\'s folder'


def test_a_path_below_the_folder_is_fine(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    np.savez(tmp_path / "sub" / "g.npz", weights=WEIGHTS)
    (tmp_path / "link.npz").symlink_to(tmp_path / "sub" / "g.npz")
    for name in ("sub/g.npz", "./sub/../sub/g.npz", "link.npz"):
        assert read_instance(instance_file(tmp_path, graph={"path": name})).knowledge.graph is not None


def test_a_path_makes_no_sense_without_a_file() -> None:
    with pytest.raises(ValueError, match="from Python give the matrix itself"):
        FilterGraph.model_validate({"path": "g.npz"})


UNREADABLE = "a readable .npz file without pickled objects"


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("missing.npz", "an existing file"),
        ("i.json", "an .npz file"),
        ("folder.npz", UNREADABLE),
        ("text.npz", UNREADABLE),
        ("empty.npz", UNREADABLE),
        ("torn.npz", UNREADABLE),
        ("flipped.npz", UNREADABLE),
        ("odd-method.npz", UNREADABLE),
        ("short.npz", UNREADABLE),
        ("gigantic.npz", UNREADABLE),
        ("pickled.npz", UNREADABLE),
        ("raw-pickle.npz", UNREADABLE),
        ("half-sparse.npz", UNREADABLE),
        ("odd-format.npz", UNREADABLE),
        ("bad-indices.npz", UNREADABLE),
        ("bad-pointers.npz", UNREADABLE),
        ("huge-shape.npz", UNREADABLE),
        ("loop.npz", ""),
        ("x" * 5000 + ".npz", ""),
        ("nul\0.npz", ""),
        ("other-array.npz", "an .npz file with the array weights"),
    ],
)
def test_files_that_hold_no_graph_are_refused(tmp_path: Path, name: str, allowed: str) -> None:
    write_bad_files(tmp_path)
    message = refusal(instance_file(tmp_path, graph={"path": name}))
    assert message.startswith("knowledge.graph.path: found ")
    # How a loop of links or an impossible name is told apart depends on Python's version.
    assert message.endswith(f"; allowed: {allowed}" if allowed else message[-1])


def write_bad_files(folder: Path) -> None:
    (folder / "folder.npz").mkdir()
    (folder / "text.npz").write_text("no archive")
    (folder / "empty.npz").touch()
    (folder / "loop.npz").symlink_to("loop.npz")
    np.savez_compressed(folder / "good.npz", weights=WEIGHTS)
    good = (folder / "good.npz").read_bytes()
    (folder / "torn.npz").write_bytes(good[: len(good) // 2])
    (folder / "flipped.npz").write_bytes(good[:60] + bytes(255 - byte for byte in good[60:90]) + good[90:])
    # The compression method stands in the archive's directory at its end, as well as before the data.
    directory = good.rindex(b"PK\x01\x02")
    (folder / "odd-method.npz").write_bytes(good[: directory + 10] + struct.pack("<H", 99) + good[directory + 12 :])
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (%d, %d), }\n"
    for name, size in (("short", 1000), ("gigantic", 10**9)):
        text = header % (size, size)
        with zipfile.ZipFile(folder / f"{name}.npz", "w") as archive:
            archive.writestr("weights.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + b"\0" * 8)
    np.savez(folder / "pickled.npz", weights=np.array([{"a": 1}], dtype=object))
    with zipfile.ZipFile(folder / "raw-pickle.npz", "w") as archive:
        archive.writestr("weights.npy", pickle.dumps(WEIGHTS))
    np.savez(folder / "half-sparse.npz", format=np.array(b"csr"))
    np.savez(folder / "odd-format.npz", format=np.array(b"odd"), data=np.ones(2), shape=np.array([6, 6]))
    sparse = {"format": np.array(b"csr"), "shape": np.array([6, 6]), "data": np.ones(2)}
    pointers = np.array([0, 1, 2, 2, 2, 2, 2])
    np.savez(folder / "bad-indices.npz", **sparse, indices=np.array([1, 600000]), indptr=pointers)
    np.savez(folder / "bad-pointers.npz", **sparse, indices=np.array([1, 0]), indptr=np.array([0, 9, 2, 2, 2, 2, 2]))
    coordinates = {"row": np.array([1, 0]), "col": np.array([0, 1]), "data": np.ones(2)}
    np.savez(folder / "huge-shape.npz", format=np.array(b"coo"), shape=np.array([10**12, 10**12]), **coordinates)
    np.savez(folder / "other-array.npz", something=WEIGHTS)


def test_a_pickle_is_never_loaded(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    buffer = io.BytesIO()
    np.save(buffer, np.array([Trap()], dtype=object))
    for name, content in {"weights.npy": buffer.getvalue(), "format.npy": buffer.getvalue()}.items():
        with zipfile.ZipFile(tmp_path / "trap.npz", "w") as archive:
            archive.writestr(name, content)
        assert "without pickled objects" in refusal(instance_file(tmp_path, graph={"path": "trap.npz"}))
    assert not (tmp_path / "sprung").exists()


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez_compressed(tmp_path / "g.npz", weights=WEIGHTS)
    path = instance_file(tmp_path, graph={"path": "g.npz"})
    size = WEIGHTS.nbytes + 128
    monkeypatch.setattr(archives, "MAX_MATRIX_BYTES", size - 1)
    assert refusal(path) == (
        f"knowledge.graph.path: found g.npz ({size} bytes unpacked, of {size - 1} at most); allowed: {UNREADABLE}"
    )
    monkeypatch.setattr(archives, "MAX_MATRIX_BYTES", size)
    assert read_instance(path).knowledge.graph is not None


def test_a_small_file_with_very_many_small_numbers_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrices, "MAX_MATRIX_BYTES", 8 * WEIGHTS.size - 1)
    message = graph_refusal(tmp_path, WEIGHTS.astype(np.int8))
    assert message.startswith("knowledge.graph.path: found g.npz (288 bytes as floats, of 287 at most)")


def test_affinities_have_the_room_that_the_graph_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrices, "MIN_AFFINITY_BYTES", 0)
    np.savez(tmp_path / "g.npz", weights=WEIGHTS)
    np.savez(tmp_path / "a.npz", class_affinity=np.ones((2, 6), dtype=np.float32))
    both = {"class_affinity": {"path": "a.npz"}, "graph": {"path": "g.npz"}}
    monkeypatch.setattr(matrices, "MAX_MATRIX_BYTES", 288 + 96)
    assert read_instance(instance_file(tmp_path, **both)).knowledge.class_affinity is not None
    monkeypatch.setattr(matrices, "MAX_MATRIX_BYTES", 288 + 95)
    assert "found a.npz (96 bytes as floats, of 95 at most)" in refusal(instance_file(tmp_path, **both))
    # No graph is in the way of it.
    read_instance(instance_file(tmp_path, class_affinity={"path": "a.npz"}, graph=None))
    # However large a graph is, some room is left.
    monkeypatch.setattr(matrices, "MIN_AFFINITY_BYTES", 96)
    read_instance(instance_file(tmp_path, **both))


def test_a_graph_over_more_filters_than_a_matrix_can_hold_is_refused(tmp_path: Path) -> None:
    message = refusal(instance_file(tmp_path, num_filters=1_000_000))
    assert message.startswith("knowledge.graph: found a graph over 1000000 filters; allowed: at most ")


def test_class_affinity_is_read_and_checked(tmp_path: Path) -> None:
    values = np.arange(12.0).reshape(2, 6)
    np.savez(tmp_path / "a.npz", class_affinity=values, weights=WEIGHTS)
    both = {"class_affinity": {"path": "a.npz"}, "graph": {"path": "a.npz"}}
    instance = read_instance(instance_file(tmp_path, **both))
    assert instance.knowledge.class_affinity is not None
    assert instance.knowledge.class_affinity.values.tolist() == values.tolist()
    np.savez(tmp_path / "a.npz", class_affinity=values[:, :5])
    path = instance_file(tmp_path, class_affinity={"path": "a.npz"})
    assert refusal(path) == "knowledge.class_affinity: found 5 columns; allowed: 6 columns, one a filter"
    np.savez(tmp_path / "a.npz", class_affinity=-values)
    assert refusal(path) == "knowledge.class_affinity.path: found the value -11; allowed: non-negative numbers"
    sp.save_npz(tmp_path / "a.npz", sp.csr_array(values))
    assert refusal(path).endswith("allowed: an .npz file with the array class_affinity")
    path = instance_file(tmp_path, class_affinity={})
    assert refusal(path) == 'knowledge.class_affinity: found {}; allowed: {"path": FILE}'


def test_an_instance_in_python_takes_matrices_as_they_are() -> None:
    fields = full_instance_document()
    del fields["format"], fields["version"]
    fields["knowledge"]["graph"] = FilterGraph.from_weights(WEIGHTS)
    fields["knowledge"]["class_affinity"] = ClassAffinity.from_values(np.ones((2, 6)))
    assert Instance.model_validate(fields).knowledge.graph == FilterGraph.from_weights(WEIGHTS)


def test_a_pipe_is_no_matrix_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.npz")
    with pytest.raises(ValidationError, match="readable"):
        FilterGraph.model_validate({"path": "pipe.npz"}, context={"folder": tmp_path})


def test_edges_may_stand_in_both_directions():
    def weights(edges):
        graph = FilterGraph(edges=edges)
        graph.check_size(3)
        return graph.dense(3)

    assert (weights(((0, 1, 2.0), (1, 0, 2.0), (1, 2, 1.0))) == weights(((1, 0, 2.0), (2, 1, 1.0)))).all()
