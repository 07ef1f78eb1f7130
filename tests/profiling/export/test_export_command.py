"""The command ``export``: what it writes is what the manifest says, always the same bytes, or nothing."""

from __future__ import annotations

import hashlib
import json

import jsonschema
import numpy as np
import onnx
import pytest

import rocoin_opt as ro
from rocoin_opt.cli import options
from rocoin_opt.documents import readable_json
from rocoin_opt.plan import plan_document
from rocoin_opt.profiling import load_dataset
from rocoin_opt.profiling.export import deployment
from rocoin_opt.profiling.export.manifest import manifest_schema
from small_students import NAME, by_hand, instance_and_plan, write_all


@pytest.fixture
def exported(run, tmp_path, monkeypatch):
    """Run the command with students that are converted by hand; return what it did, and the folder."""
    monkeypatch.setattr(deployment, "onnx_model", by_hand)
    write_all(tmp_path)

    def export(*more, out="out", plan="p.json", data="images.npz"):
        given = (tmp_path / plan, "--students", tmp_path / "students", "--data", tmp_path / data)
        status, printed, faults = run("export", *given, "--out", tmp_path / out, "--own", NAME, "--quiet", *more)
        return status, printed, faults, tmp_path / out

    return export


def test_the_folder_holds_what_the_manifest_lists(exported, tmp_path):
    status, printed, faults, out = exported("--int8", "--instance", tmp_path / "i.json")
    assert (status, faults) == (0, "")
    document = json.loads((out / "manifest.json").read_text())
    jsonschema.validate(document, manifest_schema())
    listed = {entry["file"]: (entry["size_bytes"], entry["sha256"]) for entry in document["files"]}
    there = {
        path.relative_to(out).as_posix(): (path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in out.rglob("*")
        if path.is_file()
    }
    sums = there.pop("SHA256SUMS")
    manifest = there.pop("manifest.json")
    assert listed == there
    assert sums[0] == sum(len(name) + 67 for name in (*there, "manifest.json"))
    assert f"{manifest[1]}  manifest.json\n" in (out / "SHA256SUMS").read_text()
    assert document["instance"]["name"] == "small"
    assert document["source"] == {"program": "source.py", "head": "head.npz", "fill": "zero", "deadline_seconds": 0.25}
    assert [part["filters"] for part in document["parts"]] == [[0, 3, 5], [2], [1, 4]]
    # Devices of a part run the same file, and know its checksum.
    assert [(d["id"], d["part"], d["file"]) for d in document["devices"]] == [
        ("a", 0, "students/part-0-int8.onnx"),
        ("b/../c", 0, "students/part-0-int8.onnx"),
        ("d, e", 1, "students/part-1-int8.onnx"),
        ("f\tg", 2, "students/part-2-int8.onnx"),
    ]
    assert all(device["sha256"] == listed[device["file"]][1] for device in document["devices"])
    assert "3 parts for 4 devices" in printed
    assert "0 images in another class" in printed.replace("\n", " ")
    assert "no deadline" not in printed


def test_files_say_shapes_opset_and_precision_and_are_the_same_each_time(exported):
    out, second = (exported("--int8", out=name)[3] for name in ("one", "two"))
    for path in out.rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (second / path.relative_to(out)).read_bytes()
    document = json.loads((out / "manifest.json").read_text())
    assert (document["precision"], document["opset"], document["source"]["deadline_seconds"]) == ("int8", 18, None)
    for part in document["parts"]:
        assert [entry["precision"] for entry in part["files"]] == ["float32", "int8"]
        for entry in part["files"]:
            model = onnx.load(out / entry["file"])
            assert [(found.domain, found.version) for found in model.opset_import] == [("", document["opset"])]
            for value, said in ((model.graph.input, document["image"]), (model.graph.output, part["features"])):
                (found,) = value
                assert found.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
                assert found.name == said["name"]
                assert [size.dim_value for size in found.type.tensor_type.shape.dim] == said["shape"]
            kinds = {node.op_type for node in model.graph.node}
            assert ("QuantizeLinear" in kinds) == (entry["precision"] == "int8")


def test_an_older_export_is_replaced_and_other_folders_are_left_alone(exported, tmp_path):
    (tmp_path / "out" / "students").mkdir(parents=True)
    for name in ("manifest.json", "students/part-0-int8.onnx", "students/part-3.onnx"):
        (tmp_path / "out" / name).write_text("of an older one")
    status, printed, _, out = exported()
    assert status == 0
    assert "the source waits for all parts" in printed
    assert sorted(path.name for path in (out / "students").iterdir()) == [f"part-{k}.onnx" for k in range(3)]
    before = (out / "head.npz").read_bytes()
    status, _, faults, _ = exported("--images-out", out / "head.npz")
    assert (status, "two results for one file" in faults, (out / "head.npz").read_bytes() == before) == (2, True, True)
    status, _, faults, _ = exported(out="students")
    assert status == 2
    assert "ensemble.json among them; allowed: a new folder, an empty one, or an older export" in faults
    status, _, faults, _ = exported(out="p.json")
    assert status == 2
    assert "allowed: a writable folder" in faults or "no folder" in faults


def test_images_can_be_written_for_the_source(exported, tmp_path):
    assert exported("--images-out", tmp_path / "test.npz")[0] == 0
    with np.load(tmp_path / "test.npz") as arrays:
        test = load_dataset(tmp_path / "images.npz").test
        assert 0 < len(test) < 40
        assert np.array_equal(arrays["images"], test.images.numpy())
        assert np.array_equal(arrays["labels"], test.labels.numpy())


def test_the_part_that_is_checked_and_the_opset_are_those_asked_for(exported, tmp_path):
    status, printed, _, out = exported("--part", "validation", "--opset", 21, "--images-out", tmp_path / "part.npz")
    images = load_dataset(tmp_path / "images.npz").validation
    assert (status, f"{len(images)} images of " in printed, "validation part: features" in printed) == (0, True, True)
    with np.load(tmp_path / "part.npz") as arrays:
        assert np.array_equal(arrays["images"], images.images.numpy())
    manifest = json.loads((out / "manifest.json").read_text())
    assert (manifest["opset"], manifest["accuracy"]["images"]) == (21, len(images))
    assert onnx.load(out / "students" / "part-0.onnx").opset_import[0].version == 21


def other_plan(folder, change):
    instance, plan = instance_and_plan()
    (folder / "other.json").write_text(readable_json(change(plan_document(instance, plan, None))))


def test_what_does_not_fit_is_refused_before_anything_is_written(exported, tmp_path):
    def with_filters(filters):
        def change(document):
            document["groups"][0]["filters"] = filters
            return document

        return change

    other_plan(tmp_path, with_filters([0, 2, 5]))
    assert "students of the plan's parts" in exported(plan="other.json")[2]
    smaller, _ = instance_and_plan()
    ro.write_instance(tmp_path / "j.json", smaller.model_copy(update={"name": "another"}))
    np.savez(tmp_path / "many.npz", images=np.zeros((20, 1, 4, 4)), labels=[0, 7] * 10)
    np.savez(tmp_path / "wide.npz", images=np.zeros((20, 1, 5, 5)), labels=[0, 1] * 10)
    faults = {
        "a plan for small": exported("--instance", tmp_path / "j.json"),
        "--deadline: found -1.0; allowed: a positive": exported("--deadline", -1),
        "--fill: found 'median'; allowed: one of zero, mean": exported("--fill", "median"),
        "--data: found 8 classes; allowed: 4": exported(data="many.npz"),
        "RuntimeError": exported(data="wide.npz"),
        "part: found 'all'; allowed: one of train, validation, test": exported("--part", "all"),
        "p.json: found a file that the command reads": exported("--images-out", tmp_path / "p.json"),
        "images.npz: found a file that the command reads": exported("--images-out", tmp_path / "images.npz"),
        "weights.pt: found a file that the command": exported("--images-out", tmp_path / "students" / "weights.pt"),
    }
    for expected, (status, _, found, out) in faults.items():
        assert (status, expected in found) == (2, True), found
        assert not out.exists()


def test_a_student_that_differs_is_refused(exported, monkeypatch):
    def otherwise(*given):
        model = by_hand(*given)
        model.graph.node[2].op_type = "LeakyRelu"
        return model

    monkeypatch.setattr(deployment, "onnx_model", otherwise)
    status, _, faults, out = exported()
    assert (status, out.exists()) == (2, False)
    assert f"part 0, student {NAME} cannot be exported as ONNX: its features differ by" in faults


def test_an_operator_that_does_not_run_is_refused_by_name(exported, monkeypatch):
    def unknown(*given):
        model = by_hand(*given)
        model.graph.node[2].op_type = "Mystery"
        return model

    monkeypatch.setattr(deployment, "onnx_model", unknown)
    status, _, faults, out = exported()
    assert (status, out.exists()) == (2, False)
    assert "the operator Mystery has no counterpart" in faults


@pytest.mark.parametrize(("module", "package"), [("onnx", "ONNX"), ("onnxruntime", "ONNX Runtime")])
def test_a_missing_extra_is_named(exported, monkeypatch, module, package):
    found = options.find_spec
    monkeypatch.setattr(options, "find_spec", lambda name: None if name == module else found(name))
    status, _, faults, _ = exported()
    assert status == 2
    assert f"export needs {package}: install rocoin-opt with the extra onnx" in faults


def test_the_schema_is_printed(run):
    status, printed, _ = run("schema", "export")
    assert status == 0
    assert json.loads(printed)["properties"]["format"] == {"const": "rocoin-opt/export", "type": "string"}
