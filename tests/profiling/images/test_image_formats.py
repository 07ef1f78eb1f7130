"""Every format of labelled images gives the same images and labels; every damaged file is refused by its name."""

from __future__ import annotations

import io
import pickle
import re

import numpy as np
import pytest
import torch
from PIL import Image

from rocoin_opt.errors import InputError, UnsupportedError
from rocoin_opt.profiling.images import pictures
from rocoin_opt.profiling.images.datasets import dataset_from_arrays, load_dataset
from rocoin_opt.profiling.images.labelled_images import labelled_images
from rocoin_opt.profiling.images.readers import read_given

RNG = np.random.default_rng(0)
TRAIN, TEST = (RNG.integers(0, 256, (count, 3, 32, 32), dtype=np.uint8) for count in (20, 6))
LABELS, TEST_LABELS = np.arange(20) % 4, np.arange(6) % 4
NAMES = ("ant", "bee", "cat", "dog")


def png(pixels):
    content = io.BytesIO()
    Image.fromarray(pixels.transpose(1, 2, 0) if pixels.ndim == 3 else pixels).save(content, "PNG")
    return content.getvalue()


def write_picture_folder(folder, parts, names=NAMES):
    for part, images, labels in parts:
        for number, (image, label) in enumerate(zip(images, labels, strict=True)):
            place = folder / part / names[label]
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{number:04}.png").write_bytes(png(image))


def python_batch(images, labels, *, hundred=False):
    batch = {b"data": images.reshape(len(images), -1), b"batch_label": b"batch", b"filenames": [b"x.png"] * len(images)}
    kinds = {b"fine_labels": labels, b"coarse_labels": labels // 2} if hundred else {b"labels": labels}
    # As Python 2 wrote them.
    return pickle.dumps(batch | {key: value.tolist() for key, value in kinds.items()}, protocol=2)


def write_cifar_python(folder, *, hundred=False):
    if hundred:
        (folder / "train").write_bytes(python_batch(TRAIN, LABELS, hundred=True))
        (folder / "test").write_bytes(python_batch(TEST, TEST_LABELS, hundred=True))
        meta = {b"fine_label_names": [n.encode() for n in NAMES], b"coarse_label_names": [b"insect", b"pet"]}
        (folder / "meta").write_bytes(pickle.dumps(meta, protocol=2))
        return
    for number in range(5):
        rows = slice(4 * number, 4 * number + 4)
        (folder / f"data_batch_{number + 1}").write_bytes(python_batch(TRAIN[rows], LABELS[rows]))
    (folder / "test_batch").write_bytes(python_batch(TEST, TEST_LABELS))
    names = pickle.dumps({b"label_names": [n.encode() for n in NAMES], b"num_cases_per_batch": 4}, protocol=2)
    (folder / "batches.meta").write_bytes(names)


def records(images, *labels):
    columns = [column.astype(np.uint8)[:, None] for column in labels]
    return np.hstack([*columns, images.reshape(len(images), -1)]).tobytes()


def write_cifar_binary(folder, *, hundred=False):
    if hundred:
        (folder / "train.bin").write_bytes(records(TRAIN, LABELS // 2, LABELS))
        (folder / "test.bin").write_bytes(records(TEST, TEST_LABELS // 2, TEST_LABELS))
        (folder / "fine_label_names.txt").write_text("\n".join(NAMES) + "\n")
        (folder / "coarse_label_names.txt").write_text("insect\npet\n")
        return
    for number in range(5):
        rows = slice(4 * number, 4 * number + 4)
        (folder / f"data_batch_{number + 1}.bin").write_bytes(records(TRAIN[rows], LABELS[rows]))
    (folder / "test_batch.bin").write_bytes(records(TEST, TEST_LABELS))
    (folder / "batches.meta.txt").write_text("\n".join(NAMES) + "\n\n")


def coded(images):
    content = [png(image) for image in images]
    offsets = np.cumsum([0, *map(len, content)])
    return np.frombuffer(b"".join(content), dtype=np.uint8), offsets


def write_npz(kind):
    def write(folder):
        path = folder / "own.npz"
        if kind == "bytes":
            arrays = {}
            for part, images, labels in (("train", TRAIN, LABELS), ("test", TEST, TEST_LABELS)):
                arrays[f"{part}_bytes"], arrays[f"{part}_offsets"] = coded(images)
                arrays[f"{part}_labels"] = labels
        else:
            axes = (0, 2, 3, 1) if kind == "channels last" else (0, 1, 2, 3)
            arrays = {"x_train": TRAIN.transpose(axes), "x_test": TEST.transpose(axes)}
            arrays |= {"y_train": LABELS[:, None], "y_test": TEST_LABELS.astype(np.uint8)}
        np.savez(path, **arrays, classes=np.array(NAMES))
        return path

    return write


def in_folder(write):
    return lambda folder: write(folder) or folder


FORMATS = {
    "npz": write_npz("channels first"),
    "npz, channels last": write_npz("channels last"),
    "npz of pictures": write_npz("bytes"),
    "CIFAR-10, Python": in_folder(write_cifar_python),
    "CIFAR-10, binary": in_folder(write_cifar_binary),
    "CIFAR-100, Python": in_folder(lambda folder: write_cifar_python(folder, hundred=True)),
    "CIFAR-100, binary": in_folder(lambda folder: write_cifar_binary(folder, hundred=True)),
}


@pytest.mark.parametrize("name", FORMATS)
def test_formats_of_images_in_three_channels(tmp_path, name):
    path = FORMATS[name](tmp_path)
    given = read_given(path)
    assert np.array_equal(given.train.images, TRAIN)
    assert np.array_equal(given.test.images, TEST)
    assert (given.train.labels.tolist(), given.test.labels.tolist()) == (LABELS.tolist(), TEST_LABELS.tolist())
    assert given.classes == NAMES
    data = load_dataset(path, validation_share=0.2)
    assert (len(data.train), len(data.validation), len(data.test)) == (16, 4, 6)
    assert (data.num_classes, data.classes, data.input_shape) == (4, NAMES, (3, 32, 32))
    # Means and deviations of each channel are those of the images that are trained on, and of no others.
    assert torch.allclose(data.train.images.mean((0, 2, 3)), torch.zeros(3), atol=1e-5)
    assert torch.allclose(data.train.images.std((0, 2, 3), correction=0), torch.ones(3), atol=1e-5)
    means, deviations = (np.array(v)[:, None, None] for v in (data.scaling.means, data.scaling.deviations))
    np.testing.assert_allclose(data.test.images.numpy() * deviations + means, TEST, atol=1e-3)
    # Every class stands in every part.
    assert all(len(part.labels.unique()) == 4 for part in (data.train, data.validation))
    assert load_dataset(path, validation_share=0.2).sha256 == data.sha256


def test_pictures_by_class(tmp_path):
    parts = (("train", TRAIN, LABELS), ("test", TEST, TEST_LABELS), ("val", TRAIN[:4], LABELS[:4]))
    write_picture_folder(tmp_path, parts)
    (tmp_path / "train" / "ant" / ".DS_Store").write_bytes(b"")
    (tmp_path / "Thumbs.db").write_bytes(b"")
    given = read_given(tmp_path)
    order = np.argsort(LABELS, kind="stable")
    assert np.array_equal(given.train.images, TRAIN[order])
    assert given.train.labels.tolist() == sorted(LABELS.tolist())
    assert np.array_equal(given.validation.images, TRAIN[:4])
    assert (len(given.test), given.classes) == (6, NAMES)
    small = load_dataset(tmp_path, image_size=(8, 12))
    assert (small.input_shape, len(small.train), len(small.validation)) == ((3, 8, 12), 20, 4)


def test_grey_pictures_have_one_channel_and_mixed_ones_three(tmp_path):
    grey = TRAIN[:, 0]
    write_picture_folder(tmp_path, (("", grey, LABELS),))
    assert np.array_equal(read_given(tmp_path).train.images[:, 0], grey[np.argsort(LABELS, kind="stable")])
    data = load_dataset(tmp_path)
    # Nothing says which images are for what: a fifth of each class is for the test, one at least for choices.
    assert (data.input_shape, len(data.train), len(data.validation), len(data.test)) == ((1, 32, 32), 12, 4, 4)
    (tmp_path / "dog" / "9999.png").write_bytes(png(TRAIN[0]))
    assert read_given(tmp_path).train.images.shape == (21, 3, 32, 32)


@pytest.mark.parametrize("how", ["Python", "binary"])
def test_coarse_labels_are_those_of_cifar_100(tmp_path, how):
    write = write_cifar_python if how == "Python" else write_cifar_binary
    write(tmp_path, hundred=True)
    given = read_given(tmp_path, labels="coarse")
    assert (given.train.labels.tolist(), given.classes) == ((LABELS // 2).tolist(), ("insect", "pet"))
    with pytest.raises(InputError, match="one of fine, coarse"):
        load_dataset(tmp_path, labels="middle")


def test_the_folder_around_an_unpacked_archive_will_do(tmp_path):
    (tmp_path / "cifar-10-batches-py").mkdir()
    write_cifar_python(tmp_path / "cifar-10-batches-py")
    assert read_given(tmp_path).name == "CIFAR-10"
    with pytest.raises(InputError, match="only CIFAR-100 has coarse labels"):
        read_given(tmp_path, labels="coarse")


class Evil:
    def __reduce__(self):
        return print, ("run",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickle.dumps({b"data": Evil()}), "it asks for builtins.print"),
        (pickle.dumps([1, 2]), "found a list"),
        (b"no pickle", "a batch of CIFAR"),
        (pickle.dumps({b"labels": [0]}, protocol=2), "data: found no array"),
        (pickle.dumps({b"data": np.zeros((2, 5), np.uint8), b"labels": [0, 1]}, protocol=2), r"shape \(2, 5\)"),
        (pickle.dumps({b"data": np.zeros((1, 3072)), b"labels": [0]}, protocol=2), "array of f8 and not of bytes"),
        (pickle.dumps({b"data": np.array([[Evil()]]), b"labels": [0]}, protocol=2), "it asks for .*print"),
        (pickle.dumps({b"data": np.zeros((1, 3072), np.uint8), b"labels": ["a"]}, protocol=2), "labels: found a list"),
        (pickle.dumps({b"data": np.zeros((1, 3072), np.uint8)}, protocol=2), "labels: found nothing"),
        (pickle.dumps({b"data": np.zeros((1, 3072), np.uint8), b"labels": [-1]}, protocol=2), "the label -1"),
        (pickle.dumps({b"data": np.zeros((2, 3072), np.uint8), b"labels": [1]}, protocol=2), "2 whole numbers"),
    ],
)
def test_damaged_batches_are_refused_and_never_run(tmp_path, capsys, content, message):
    write_cifar_python(tmp_path)
    (tmp_path / "data_batch_3").write_bytes(content)
    with pytest.raises(InputError, match=message) as refused:
        load_dataset(tmp_path)
    assert "data_batch_3" in str(refused.value)
    assert capsys.readouterr().out == ""


def test_batches_that_are_missing_or_cut_off_are_refused(tmp_path):
    write_cifar_binary(tmp_path)
    (tmp_path / "data_batch_2.bin").write_bytes(b"1234")
    with pytest.raises(InputError, match=r"data_batch_2.bin: found 4 bytes; allowed: records of 1 \+ 3072"):
        load_dataset(tmp_path)
    (tmp_path / "data_batch_2.bin").unlink()
    with pytest.raises(InputError, match=r"data_batch_2.bin: found no such file; allowed: all of data_batch_1.bin"):
        load_dataset(tmp_path)


WHOLE = {"x_train": TRAIN, "y_train": LABELS, "x_test": TEST, "y_test": TEST_LABELS}
BYTES = {"train_bytes": coded(TRAIN)[0], "train_offsets": coded(TRAIN)[1], "train_labels": LABELS}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"data": TRAIN}, "images: found no such array beside others; allowed: images and labels; x and y"),
        ({"x_test": TEST, "y_test": TEST_LABELS}, "no part train beside test"),
        ({**WHOLE, "y_train": LABELS[1:]}, "y_train: found int64 of shape .19,.; allowed: 20 whole numbers"),
        ({**WHOLE, "x_test": TEST[:, :, :8]}, "test: found images of 3 x 8 x 32; allowed: .* 3 x 32 x 32 as train"),
        ({**WHOLE, "x_test": TEST.astype(float)}, "test: found pixels of type float64; allowed: uint8, as train"),
        ({**WHOLE, "y_test": TEST_LABELS + 5}, "test: found the label 8; allowed: labels up to 3"),
        (
            {"x_train": np.zeros((2, 5, 5, 5)), "y_train": [0, 1]},
            "x_train: found the shape .2, 5, 5, 5.; allowed: 1 or 3",
        ),
        ({"x_train": TRAIN}, "y_train: found no such array beside x_train"),
        ({"x": np.full((2, 4, 4), np.nan), "y": np.arange(2)}, "x: found values that are not finite"),
        ({**WHOLE, "classes": np.arange(4)}, "classes: found int64"),
        ({**WHOLE, "classes": np.array(["a"])}, "train: found the label 3; allowed: labels below 1"),
        ({"x": TRAIN[:3], "y": np.arange(3)}, "1 image of class 0; allowed: images enough of each class"),
        ({**BYTES, "train_offsets": BYTES["train_offsets"][1:]}, "train_offsets: found int64"),
        ({**BYTES, "train_bytes": BYTES["train_bytes"][:-9]}, "train_offsets: found int64"),
        ({**BYTES, "train_bytes": BYTES["train_bytes"] // 2}, "picture 0 of train: found cannot identify"),
        ({**BYTES, "train_bytes": BYTES["train_bytes"].astype(int)}, "train_bytes: found int64"),
    ],
)
def test_other_arrays_are_refused_by_name(tmp_path, arrays, message):
    np.savez(tmp_path / "own.npz", **arrays)
    with pytest.raises(InputError, match=message) as refused:
        load_dataset(tmp_path / "own.npz")
    assert "own" in str(refused.value)


def spoil_with(action):
    def spoil(folder):
        write_picture_folder(folder, (("train", TRAIN, LABELS), ("test", TEST, TEST_LABELS)))
        action(folder)

    return spoil


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (
            lambda f: (f / "train" / "ant" / "notes.txt").write_text(""),
            r"ant: found 'notes.txt'; allowed: pictures: .png",
        ),
        (lambda f: (f / "train" / "notes.txt").write_text(""), "train: found the file 'notes.txt'"),
        (lambda f: (f / "train" / "ant" / "a.png").write_bytes(b"no"), "a.png: found cannot identify"),
        (lambda f: (f / "train" / "ant" / "a.png").write_bytes(png(TRAIN[0, :, :9])), "size: found 9 x 32 pixels"),
        (lambda f: (f / "train" / "eel").mkdir(), "eel: found no picture"),
        (lambda f: (f / "test" / "eel").mkdir(), "test: found the class 'eel'; allowed: those of train: ant, bee"),
        (lambda f: (f / "extra").mkdir(), "found the folder 'extra' beside train"),
        (lambda f: Image.new("I;16", (32, 32)).save(f / "train" / "ant" / "a.png"), "mode: found 'I;16'"),
    ],
)
def test_other_things_in_a_folder_of_pictures_are_refused(tmp_path, action, message):
    spoil_with(action)(tmp_path)
    with pytest.raises(InputError, match=message):
        load_dataset(tmp_path)


def test_paths_that_hold_nothing_known_are_refused(tmp_path):
    (tmp_path / "a.csv").write_text("")
    with pytest.raises(InputError, match=r"a.csv: found a file that ends in '.csv'; allowed: an .npz file"):
        load_dataset(tmp_path / "a.csv")
    with pytest.raises(InputError, match=r"found none of them but 'a.csv'; allowed: a folder of IDX files"):
        load_dataset(tmp_path)
    with pytest.raises(InputError, match="image_size: found 8 x 8 for the data set digits; allowed: nothing"):
        load_dataset("digits", image_size=(8, 8))
    with pytest.raises(InputError, match="'coarse' for the data set digits; allowed: fine"):
        load_dataset("digits", labels="coarse")
    np.savez(tmp_path / "own.npz", **WHOLE)
    with pytest.raises(InputError, match="arrays of pixels keep their size"):
        load_dataset(tmp_path / "own.npz", image_size=(8, 8))


def test_without_pillow_it_says_what_to_install(tmp_path, monkeypatch):
    write_picture_folder(tmp_path, (("", TRAIN, LABELS),))
    monkeypatch.setattr(pictures, "find_spec", lambda _: None)
    with pytest.raises(UnsupportedError, match="Pillow: install rocoin-opt with the extra torch"):
        load_dataset(tmp_path)


@pytest.mark.parametrize(
    ("normalise", "expected"),
    [
        ("none", lambda x: x),
        ("unit", lambda x: x / 255),
        ("0.5,0.4,0.3/0.2,0.25,0.5", lambda x: (x / 255 - [[[0.5]], [[0.4]], [[0.3]]]) / [[[0.2]], [[0.25]], [[0.5]]]),
    ],
)
def test_other_scalings(tmp_path, normalise, expected):
    np.savez(tmp_path / "own.npz", **WHOLE)
    data = load_dataset(tmp_path / "own.npz", normalise=normalise)
    np.testing.assert_allclose(data.test.images.numpy(), expected(TEST.astype(float)), atol=1e-5)
    # Students of other images than these: another fingerprint.
    assert data.sha256 != load_dataset(tmp_path / "own.npz").sha256
    assert load_dataset(tmp_path / "own.npz", normalise=data.scaling).sha256 == data.sha256


@pytest.mark.parametrize("normalise", ["half", "1,2,3", "1,2,3/1,2,0", "1/1", "nan,0,0/1,1,1"])
def test_scalings_that_are_none_are_refused(normalise):
    with pytest.raises(InputError, match="normalise: found"):
        dataset_from_arrays(TRAIN, LABELS, normalise=normalise)
    with pytest.raises(InputError, match="bytes to scale"):
        dataset_from_arrays(TRAIN / 255.0, LABELS, normalise="unit")


def test_arrays_in_memory_are_a_data_set():
    data = dataset_from_arrays(
        torch.from_numpy(TRAIN), torch.from_numpy(LABELS), test=(TEST, TEST_LABELS), classes=NAMES, name="mine"
    )
    assert (data.name, data.classes, len(data.train), len(data.validation), len(data.test)) == ("mine", NAMES, 16, 4, 6)
    with pytest.raises(InputError, match=re.escape("mine: test labels: found int64 of shape (5,)")):
        dataset_from_arrays(TRAIN, LABELS, test=(TEST, TEST_LABELS[1:]), name="mine")


def test_images_of_one_part_are_split_only_where_a_part_is_asked_for(tmp_path):
    np.savez(tmp_path / "own.npz", images=TRAIN, labels=LABELS)
    assert len(labelled_images(tmp_path / "own.npz").labels) == 20
    test = labelled_images(tmp_path / "own.npz", "test")
    assert torch.equal(test.images, load_dataset(tmp_path / "own.npz").test.images)
    scaled = labelled_images(tmp_path / "own.npz", normalise="training")
    whole = load_dataset(tmp_path / "own.npz", normalise="training")
    assert torch.equal(scaled.images, whole.scaling.applied(TRAIN))
    assert (len(test.split), scaled.source) == (4, labelled_images(tmp_path / "own.npz").source)
