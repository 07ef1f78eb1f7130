"""Images come from a part of a data set, or from arrays as they are."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest
import torch

from rocoin_opt.errors import InputError
from rocoin_opt.profiling.images.datasets import load_dataset
from rocoin_opt.profiling.images.labelled_images import PARTS, labelled_images


@pytest.mark.parametrize("part", PARTS)
def test_a_part_of_a_data_set(part):
    found, expected = labelled_images("digits", part), getattr(load_dataset("digits"), part)
    assert torch.equal(found.images, expected.images)
    assert torch.equal(found.labels, expected.labels)
    assert found.num_classes == 10
    assert "digits" in found.source
    assert found.source.endswith(f"{part} part")


def test_the_validation_part_is_the_default():
    assert torch.equal(labelled_images("digits").labels, labelled_images("digits", "validation").labels)


@pytest.mark.parametrize("channels", [(), (2,)])
def test_arrays_are_taken_as_they_are(tmp_path, channels):
    images = np.random.default_rng(0).integers(0, 255, (5, *channels, 4, 3), dtype=np.uint8)
    np.savez(tmp_path / "own.npz", images=images, labels=np.array([0, 3, 1, 2, 0], dtype=np.uint8))
    found = labelled_images(tmp_path / "own.npz")
    assert found.images.shape == (5, *(channels or (1,)), 4, 3)
    np.testing.assert_array_equal(found.images.numpy().reshape(images.shape), images)
    assert found.labels.tolist() == [0, 3, 1, 2, 0]
    assert found.num_classes == 4
    assert found.source.startswith("own.npz (sha256 ")


def test_an_unknown_part_is_refused():
    with pytest.raises(InputError, match="one of train, validation, test"):
        labelled_images("digits", "dev")


GOOD = {"images": np.zeros((2, 3, 3)), "labels": np.array([0, 1])}


@pytest.mark.parametrize(
    ("arrays", "field"),
    [
        ({"images": GOOD["images"]}, "images and labels"),
        ({**GOOD, "images": np.array([object(), None])}, "images and labels"),
        ({**GOOD, "images": np.zeros((2, 9))}, "images: "),
        ({**GOOD, "images": np.zeros((2, 3, 3), dtype=complex)}, "images: "),
        ({"images": np.zeros((0, 3, 3)), "labels": np.zeros(0, dtype=int)}, "images: "),
        ({**GOOD, "labels": np.array([0])}, "labels: "),
        ({**GOOD, "labels": np.array([0.0, 1.0])}, "labels: "),
        ({**GOOD, "labels": np.array([0, -1])}, "labels: "),
        ({**GOOD, "labels": np.array([0, 2**16])}, "labels: found the label 65536"),
        ({**GOOD, "labels": np.array([0, 2**64 - 1], dtype=np.uint64)}, "labels: found the label 18446744073709551615"),
    ],
)
def test_other_arrays_are_refused(tmp_path, arrays, field):
    np.savez(tmp_path / "own.npz", **arrays)
    with pytest.raises(InputError, match=field):
        labelled_images(tmp_path / "own.npz")


def test_no_archive_is_refused(tmp_path):
    (tmp_path / "own.npz").write_text("no archive")
    for name in ("own.npz", "missing.npz"):
        with pytest.raises(InputError, match=name):
            labelled_images(tmp_path / name)


def test_what_is_no_array_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "own.npz", "w") as archive:
        archive.writestr("images", "text")
        archive.writestr("labels", "text")
    with pytest.raises(InputError, match=r"own\.npz"):
        labelled_images(tmp_path / "own.npz")
