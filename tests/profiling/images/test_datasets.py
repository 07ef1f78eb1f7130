"""Data sets are read strictly, split always in the same way, and say which one they are."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest
import torch

from image_files import write_folder, write_idx
from rocoin_opt.errors import InputError
from rocoin_opt.profiling.images import idx, readers
from rocoin_opt.profiling.images.datasets import load_dataset
from rocoin_opt.profiling.images.idx import IMAGES_MAGIC, LABELS_MAGIC, read_idx

IMAGES = "train-images-idx3-ubyte.gz"


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_folder_of_idx_files_is_split_and_normalised(tmp_path, suffix):
    write_folder(tmp_path, train=60, test=20, suffix=suffix)
    data = load_dataset(tmp_path, validation_share=0.25)
    assert (len(data.train), len(data.validation), len(data.test)) == (45, 15, 20)
    assert data.input_shape == (1, 8, 8)
    assert data.num_classes == 3
    assert data.name == tmp_path.name
    assert str(tmp_path) in data.source
    assert data.train.images.mean().item() == pytest.approx(0.0, abs=1e-5)
    assert data.train.images.std(correction=0).item() == pytest.approx(1.0, abs=1e-5)
    assert data.test.labels.tolist() == [n % 3 for n in range(20)]


def test_the_split_is_disjoint_and_always_the_same(tmp_path):
    # Every image is of one brightness of its own.
    pixels = np.arange(100, dtype=np.uint8)[:, None, None] * np.ones((1, 2, 2), dtype=np.uint8)
    for part in ("train", "t10k"):
        write_idx(tmp_path / f"{part}-images-idx3-ubyte", IMAGES_MAGIC, pixels)
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte", LABELS_MAGIC, np.arange(100) % 10)
    one, two = load_dataset(tmp_path), load_dataset(tmp_path)
    seen = torch.cat([one.train.images, one.validation.images])[:, 0, 0, 0]
    assert len(seen.unique()) == 100
    assert torch.equal(one.train.images, two.train.images)
    assert one.sha256 == two.sha256
    brightness = (seen - seen.min()).argsort().argsort()
    assert torch.equal(torch.cat([one.train.labels, one.validation.labels]), brightness % 10)


def test_the_fingerprint_covers_images_and_labels(tmp_path):
    write_folder(tmp_path)
    before = load_dataset(tmp_path).sha256
    labels = (np.arange(20) + 1) % 3
    write_idx(tmp_path / "t10k-labels-idx1-ubyte.gz", LABELS_MAGIC, labels)
    assert load_dataset(tmp_path).sha256 != before


def test_digits_stand_in_where_fashion_mnist_is_not_installed(tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "FASHION_MNIST", tmp_path / "nowhere")
    data = load_dataset()
    assert data.name == "digits"
    assert "Fashion-MNIST is not installed" in data.source
    with pytest.raises(InputError, match="dataset-fashion-mnist"):
        load_dataset("fashion-mnist")
    asked = load_dataset("digits")
    assert "as asked for" in asked.source
    assert asked.sha256 == data.sha256
    assert len(asked.train) + len(asked.validation) + len(asked.test) == 1797
    assert asked.num_classes == 10


@pytest.mark.parametrize("name", ["auto", "fashion-mnist"])
def test_fashion_mnist_is_taken_where_it_is_installed(tmp_path, monkeypatch, name):
    monkeypatch.setattr(readers, "FASHION_MNIST", tmp_path)
    write_folder(tmp_path)
    assert load_dataset(name).name == "Fashion-MNIST"


def test_what_is_no_data_set_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"IDX files, .* or one of auto, fashion-mnist, digits"):
        load_dataset(tmp_path / "nowhere")
    with pytest.raises(InputError, match="validation_share"):
        load_dataset("digits", validation_share=0.0)
    with pytest.raises(InputError, match="found nothing; allowed: a folder of IDX files"):
        load_dataset(tmp_path)
    write_folder(tmp_path)
    (tmp_path / IMAGES).unlink()
    with pytest.raises(InputError, match="train-images-idx3-ubyte: found no such file"):
        load_dataset(tmp_path)


def header(*numbers: int) -> bytes:
    return struct.pack(f">{len(numbers)}I", *numbers)


def packed(content):
    # Without the time of day, so that every process collects the same tests.
    return gzip.compress(content, mtime=0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no gzip", "a readable IDX file"),
        (packed(b"\0\0"), "a header of 16 bytes"),
        (packed(header(LABELS_MAGIC, 2, 1, 1) + b"ab"), "magic number: found 0x00000801; allowed: 0x00000803"),
        (packed(header(IMAGES_MAGIC, 2, 2, 2) + b"a"), "found 1 bytes of data; allowed: 2 x 2 x 2 bytes"),
        (packed(header(IMAGES_MAGIC, 2**32 - 1, 2**32 - 1, 2**32 - 1)), "found 0 bytes of data"),
        (packed(header(IMAGES_MAGIC, 0, 2, 2)), "at least one"),
        (packed(header(IMAGES_MAGIC, 1, 1, 1) + b"a")[:-9], "a readable IDX file"),
    ],
    ids=["no gzip", "no header", "labels", "too short", "huge", "empty", "cut off"],
)
def test_damaged_files_are_refused(tmp_path, content, message):
    write_folder(tmp_path)
    (tmp_path / IMAGES).write_bytes(content)
    with pytest.raises(InputError, match=message) as refused:
        load_dataset(tmp_path)
    assert IMAGES in str(refused.value)


def test_files_that_unpack_to_too_much_are_refused(tmp_path, monkeypatch):
    write_folder(tmp_path)
    monkeypatch.setattr(idx, "MAX_IDX_BYTES", 100)
    with pytest.raises(InputError, match="at most 100 bytes"):
        read_idx(tmp_path / IMAGES, IMAGES_MAGIC)


def test_files_that_disagree_are_refused(tmp_path):
    write_folder(tmp_path)
    write_idx(tmp_path / "t10k-labels-idx1-ubyte.gz", LABELS_MAGIC, np.zeros(7))
    with pytest.raises(InputError, match="t10k: found 20 images and 7 labels"):
        load_dataset(tmp_path)
    write_idx(tmp_path / "t10k-labels-idx1-ubyte.gz", LABELS_MAGIC, np.full(20, 9))
    with pytest.raises(InputError, match="the label 9"):
        load_dataset(tmp_path)
    write_idx(tmp_path / "t10k-images-idx3-ubyte.gz", IMAGES_MAGIC, np.zeros((20, 4, 4)))
    with pytest.raises(InputError, match="images of one size"):
        load_dataset(tmp_path)


def test_a_handful_of_images_cannot_be_split(tmp_path):
    write_folder(tmp_path, train=3)
    with pytest.raises(InputError, match="3 images to train on"):
        load_dataset(tmp_path)
