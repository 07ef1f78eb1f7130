"""The source that an export carries: the classes of PyTorch's ensemble, whatever is missing, and no changed file."""

from __future__ import annotations

import ast
import subprocess
import sys
from itertools import combinations
from types import ModuleType

import numpy as np
import pytest
import torch

from rocoin_opt.plan import PlanDocument, plan_document
from rocoin_opt.profiling.export import deployment
from rocoin_opt.profiling.export.folder import manifest_of, write_export
from small_students import NAME, PARTS, by_hand, dataset, ensemble, images, instance_and_plan


def write(folder, fill="zero", int8=False, data=None):
    instance, plan = instance_and_plan()
    fields = plan_document(instance, plan, None)
    document = PlanDocument(instance=fields["instance"], groups=plan.groups)
    made = deployment.deploy(ensemble(), [NAME] * 3, data or dataset(), int8=int8, fill=fill)
    write_export(folder, made, manifest_of(made, document, 0.5))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("export")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deployment, "onnx_model", by_hand)
        write(made / "zero", int8=True)
        write(made / "mean", "mean")
        write(made / "unscaled", data=dataset(None, ("ant", "bee", "cat\n", "dog")))
    pixels, labels = images(200, seed=2)
    np.savez(made / "images.npz", images=pixels.numpy(), labels=labels.numpy())
    np.savez(made / "unknown.npz", images=pixels[:5, 0].numpy())
    return made


def program(folder):
    """The program as it lies in the folder."""
    module = ModuleType("exported_source")
    module.__file__ = str(folder / "source.py")
    exec(compile((folder / "source.py").read_bytes(), module.__file__, "exec"), module.__dict__)
    return module


@pytest.fixture
def source(folder, capsys):
    def source(*arguments, kind="zero", folder=folder):
        status = program(folder / kind).main([str(argument) for argument in arguments])
        found = capsys.readouterr()
        return status, found.out, found.err

    return source


@pytest.mark.parametrize("fill", ["zero", "mean"])
def test_every_image_gets_the_class_of_pytorch_with_any_parts_missing(source, folder, tmp_path, fill):
    pixels, labels = images(200, seed=2)
    for missing in (found for size in range(4) for found in combinations(range(3), size)):
        arguments = ("--missing", ",".join(map(str, missing))) if missing else ()
        target = tmp_path / "classes.txt"
        status, out, _ = source(
            folder / "images.npz", "--precision", "float32", "--predictions", target, *arguments, kind=fill
        )
        with torch.no_grad():
            expected = ensemble()(pixels, {0, 1, 2} - set(missing), fill).argmax(1)
        assert [int(line) for line in target.read_text().split()] == expected.tolist()
        right = int((expected == labels).sum())
        assert (status, f"{right} of 200 images" in out) == (0, True)


def test_a_table_has_a_line_for_each_part(source, folder):
    status, out, _ = source(folder / "images.npz", "--table", "--missing", "0", "--missing", "2")
    assert status == 0
    lines = out.splitlines()
    assert lines[0] == "200 images, 3 parts, int8"
    assert [line.split(":")[0] for line in lines[1:]] == [
        "all parts",
        "without part 0",
        "without part 1",
        "without part 2",
        "without part 0, 2",
    ]


def test_int8_features_are_near_those_of_float32(folder):
    module = program(folder / "zero")
    manifest, contents = module.verified(folder / "zero")
    # Those that the ranges were seen on: beyond, a feature is cut off.
    pixels = dataset().train.images.numpy()
    exact, rounded = (module.Source(manifest, contents, kind).features(pixels) for kind in ("float32", "int8"))
    for left, right in zip(exact, rounded, strict=True):
        assert 0 < np.abs(left - right).max() < 0.1 * np.abs(left).max()


def test_answers_that_have_not_arrived_are_filled(folder):
    module = program(folder / "mean")
    found = module.Source(*module.verified(folder / "mean"))
    answers = [np.full((2, len(part)), k + 1.0, dtype=np.float32) for k, part in enumerate(PARTS)]
    means = ensemble().feature_means.numpy()
    expected = np.array([1, 3, means[2], 1, 3, 1], dtype=np.float32)
    assert np.array_equal(found.joined([answers[0], None, answers[2]]), [expected] * 2)


def test_images_without_labels_are_classified(source, folder):
    status, out, _ = source(folder / "unknown.npz", "--precision", "float32")
    with torch.no_grad():
        expected = ensemble()(images(200, seed=2)[0][:5]).argmax(1).tolist()
    assert (status, [int(line) for line in out.split()]) == (0, expected)


def test_classes_have_their_names_where_the_data_had(source, folder, tmp_path):
    numbers = source(folder / "unknown.npz", kind="unscaled")[1].split()
    status, out, _ = source(folder / "unknown.npz", "--names", kind="unscaled")
    assert (status, out.splitlines()) == (0, [("ant", "bee", "cat\\n", "dog")[int(number)] for number in numbers])
    source(folder / "unknown.npz", "--names", "--predictions", tmp_path / "names.txt", kind="unscaled")
    assert (tmp_path / "names.txt").read_text() == out
    status, _, err = source(folder / "unknown.npz", "--names")
    assert (status, "--names: found no names" in err) == (2, True)


def test_bytes_are_scaled_as_the_manifest_says(source, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 1, 4, 4), dtype=np.uint8)
    scaled = (pixels.astype(np.float32) - 100) / 50
    with torch.no_grad():
        expected = ensemble()(torch.from_numpy(scaled)).argmax(1).tolist()
    for number, (array, options) in enumerate(((pixels, ()), (pixels.astype(float), ("--pixels",)), (scaled, ()))):
        np.savez(tmp_path / f"{number}.npz", images=array)
        status, out, _ = source(tmp_path / f"{number}.npz", "--precision", "float32", *options)
        assert (status, [int(line) for line in out.split()]) == (0, expected)
    status, _, err = source(tmp_path / "0.npz", kind="unscaled")
    assert (status, "as the export does not say how to scale" in err) == (2, True)


def test_devices_are_listed_with_their_files(source):
    status, out, _ = source("--devices")
    rows = [line.split("\t") for line in out.splitlines()]
    assert (status, [row[:2] for row in rows]) == (
        0,
        [
            ["a", "students/part-0-int8.onnx"],
            ["b/../c", "students/part-0-int8.onnx"],
            ["d, e", "students/part-1-int8.onnx"],
            [r"f\tg", "students/part-2-int8.onnx"],
        ],
    )
    assert rows[0][2] == rows[1][2] != rows[2][2]


def test_every_file_that_was_changed_is_refused(source, folder, tmp_path):
    names = [path.relative_to(folder / "mean") for path in (folder / "mean").rglob("*") if path.is_file()]
    assert len(names) == 7
    for name in names:
        place = tmp_path / str(name).replace("/", "-")
        for path in (folder / "mean").rglob("*"):
            if path.is_file():
                (place / "mean" / path.relative_to(folder / "mean")).parent.mkdir(parents=True, exist_ok=True)
                (place / "mean" / path.relative_to(folder / "mean")).write_bytes(path.read_bytes())
        file = place / "mean" / name
        file.write_bytes(file.read_bytes() + b"\n")
        if name.name == "SHA256SUMS":
            file.write_bytes(file.read_bytes().replace(b"0", b"1"))
        status, out, err = source(folder / "images.npz", folder=place, kind="mean")
        assert (status, out) == (2, "")
        assert "was changed" in err
        # Who changes the list has changed what it says of the others.
        assert f"{name}: " in err or name.name == "SHA256SUMS"
        file.unlink()
        if name.name != "source.py":
            status, _, err = source(folder / "images.npz", folder=place, kind="mean")
            assert (status, f"{name}: No such file" in err) == (2, True)


def bad_images(folder):
    pixels = np.zeros((3, 1, 4, 4), dtype=np.float32)
    return {
        "images: found float32, (3, 1, 5, 4); allowed: real numbers, N x 1 x 4 x 4": {
            "images": np.zeros((3, 5, 4), "f")
        },
        "images: found NaN": {"images": np.where(pixels == 0, np.nan, 0)},
        "images: found complex64": {"images": pixels.astype("complex64")},
        "images: found float32, (0, 1, 4, 4)": {"images": pixels[:0]},
        "images is not a file": {"pictures": pixels},
        "labels: found labels up to 9": {"images": pixels, "labels": [0, 1, 9]},
        "labels: found int64, (2,)": {"images": pixels, "labels": [0, 1]},
    }


def test_other_input_is_refused(source, folder, tmp_path):
    for expected, arrays in bad_images(folder).items():
        np.savez(tmp_path / "bad.npz", **arrays)
        status, out, err = source(tmp_path / "bad.npz")
        assert (status, out, expected in err) == (2, "", True), err
    images_file = folder / "images.npz"
    for arguments, expected in (
        ((images_file, "--missing", "3"), "--missing: found '3'; allowed: numbers of parts, 0 to 2"),
        ((images_file, "--missing=-1"), "--missing: found '-1'"),
        ((images_file, "--precision", "int4"), "--precision: found 'int4'; allowed: float32, int8"),
        ((images_file, "--predictions", tmp_path), "allowed: a writable file"),
        ((tmp_path / "none.npz",), "No such file"),
    ):
        status, _, err = source(*arguments)
        assert (status, expected in err) == (2, True), err
    with pytest.raises(SystemExit) as ended:
        source()
    assert ended.value.code == 2


def test_it_needs_numpy_and_onnx_runtime_alone(folder):
    found = list(ast.walk(ast.parse((folder / "mean" / "source.py").read_text())))
    named = {alias.name.split(".")[0] for node in found if isinstance(node, ast.Import) for alias in node.names}
    named |= {node.module.split(".")[0] for node in found if isinstance(node, ast.ImportFrom)}
    assert named - set(sys.stdlib_module_names) == {"numpy", "onnxruntime"}
    ended = subprocess.run(
        [sys.executable, "-I", "source.py", "../images.npz"], cwd=folder / "mean", capture_output=True, text=True
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("200 images, 3 parts, float32\nall parts: accuracy 0.")
