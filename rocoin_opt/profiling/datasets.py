"""Labelled images: Fashion-MNIST or other IDX files from a folder, else the digits of scikit-learn.

IDX is the format of MNIST: a magic number, the sizes, then one byte a pixel or label, all big-endian. Nothing is
downloaded.

References
----------
.. [1] H. Xiao, K. Rasul, R. Vollgraf. Fashion-MNIST: a novel image dataset for benchmarking machine learning
   algorithms. arXiv 1708.07747, 2017. Packaged by Debian as ``dataset-fashion-mnist``.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch

from rocoin_opt.errors import InputError, Problem

if TYPE_CHECKING:
    from torch import Tensor

    ByteArray: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]

FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")
"""Where the Debian package ``dataset-fashion-mnist`` puts its files."""
NAMES = ("auto", "fashion-mnist", "digits")
"""What may be asked for beside a folder; ``auto`` takes Fashion-MNIST where it is installed, else the digits."""
MAX_BYTES = 2**28
"""Largest unpacked IDX file that is read."""
IMAGES_MAGIC, LABELS_MAGIC = 0x803, 0x801
"""IDX of unsigned bytes with three dimensions, and with one."""
DIGITS_TEST_SHARE = 0.2
SPLIT_SEED = 0
"""The split is part of the data: the same for every seed of the training."""


@dataclass(frozen=True, eq=False)
class Split:
    """Images (float32, N x 1 x H x W, normalised) with their labels (int64, N)."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images for training, for choices, and for the figures that are reported.

    Attributes
    ----------
    name : str
        What it is called.
    source : str
        Where it came from, and why it and no other where that was not asked for.
    train, validation, test : Split
        Disjoint. Mean and deviation of the pixels of ``train`` are 0 and 1.
    num_classes : int
        Labels are 0 to ``num_classes - 1``.
    sha256 : str
        Fingerprint of images and labels as they were read.
    """

    name: str
    source: str
    train: Split
    validation: Split
    test: Split
    num_classes: int
    sha256: str

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        channels, height, width = self.train.images.shape[1:]
        return channels, height, width


def load_dataset(data: str | Path = "auto", *, validation_share: float = 1 / 12) -> Dataset:
    """Load a data set and split it, always in the same way.

    Parameters
    ----------
    data : str or Path
        One of :data:`NAMES`, or a folder with ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte`` and the same
        two that begin with ``t10k``, each plain or packed (``.gz``).
    validation_share : float
        Share of the training images, drawn with a fixed seed, that is kept for choices.

    Raises
    ------
    InputError
        If there is no such data set, a file is damaged, or images and labels do not agree.
    """
    if not 0.0 < validation_share < 1.0:
        raise InputError("options", [Problem("validation_share", repr(validation_share), "a share between 0 and 1")])
    if data == "digits":
        return _digits("digits, as asked for", validation_share)
    if data == "auto" and not FASHION_MNIST.is_dir():
        return _digits(f"digits, as Fashion-MNIST is not installed in {FASHION_MNIST}", validation_share)
    if data in ("auto", "fashion-mnist"):
        if not FASHION_MNIST.is_dir():
            allowed = "the files of the Debian package dataset-fashion-mnist; or a folder that holds them, or digits"
            raise InputError(os.fspath(FASHION_MNIST), [Problem("", "no such folder", allowed)])
        return _from_folder("Fashion-MNIST", FASHION_MNIST, validation_share)
    folder = Path(data)
    if not folder.is_dir():
        allowed = f"a folder of IDX files, or one of {', '.join(NAMES)}"
        raise InputError("options", [Problem("data", repr(os.fspath(data)), allowed)])
    return _from_folder(folder.name, folder, validation_share)


def read_idx(path: Path, magic: int) -> ByteArray:
    """Read one IDX file of unsigned bytes, packed or not.

    Parameters
    ----------
    path : Path
        The file; packed where its name ends in ``.gz``.
    magic : int
        :data:`IMAGES_MAGIC` or :data:`LABELS_MAGIC`; its last byte is the number of dimensions.

    Raises
    ------
    InputError
        If the file cannot be read, is of another kind, too large, or not as long as its sizes say.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(os.fspath(path), [Problem("", str(error), "a readable IDX file")]) from None
    header = 4 * (1 + magic % 256)
    if len(content) > MAX_BYTES:
        raise InputError(os.fspath(path), [Problem("", "more bytes than that", f"at most {MAX_BYTES} bytes")])
    if len(content) < header:
        raise InputError(os.fspath(path), [Problem("", f"{len(content)} bytes", f"a header of {header} bytes")])
    found, *shape = struct.unpack(f">{header // 4}I", content[:header])
    if found != magic:
        raise InputError(os.fspath(path), [Problem("magic number", f"{found:#010x}", f"{magic:#010x}")])
    expected = int(np.prod(shape, dtype=object))
    if len(content) - header != expected or expected == 0:
        sizes = " x ".join(map(str, shape))
        found_bytes = f"{len(content) - header} bytes of data"
        raise InputError(os.fspath(path), [Problem("", found_bytes, f"{sizes} bytes, and at least one")])
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape)


def _from_folder(name: str, folder: Path, validation_share: float) -> Dataset:
    arrays = []
    for part in ("train", "t10k"):
        images = read_idx(_existing(folder, f"{part}-images-idx3-ubyte"), IMAGES_MAGIC)
        labels = read_idx(_existing(folder, f"{part}-labels-idx1-ubyte"), LABELS_MAGIC)
        if len(images) != len(labels):
            found = f"{len(images)} images and {len(labels)} labels"
            raise InputError(os.fspath(folder), [Problem(part, found, "as many labels as images")])
        arrays += [images, labels]
    images, labels, test_images, test_labels = arrays
    if images.shape[1:] != test_images.shape[1:]:
        found = f"images of {images.shape[1:]} and {test_images.shape[1:]} pixels"
        raise InputError(os.fspath(folder), [Problem("t10k", found, "images of one size")])
    if test_labels.max() > labels.max():
        found, allowed = f"the label {test_labels.max()}", f"labels up to {labels.max()}, the largest of train"
        raise InputError(os.fspath(folder), [Problem("t10k", found, allowed)])
    return _split(name, f"IDX files in {folder}", (images, labels), (test_images, test_labels), validation_share)


def _existing(folder: Path, name: str) -> Path:
    for path in (folder / f"{name}.gz", folder / name):
        if path.is_file():
            return path
    raise InputError(os.fspath(folder), [Problem(name, "no such file", f"{name} or {name}.gz")])


def _digits(reason: str, validation_share: float) -> Dataset:
    from sklearn.datasets import load_digits

    loaded = load_digits()
    # Pixels are 0 to 16.
    images, labels = (loaded.images * 15.9375).astype(np.uint8), loaded.target.astype(np.uint8)
    order = np.random.default_rng(SPLIT_SEED).permutation(len(labels))
    held_out = round(DIGITS_TEST_SHARE * len(labels))
    test, train = order[:held_out], order[held_out:]
    source = f"scikit-learn, {reason}"
    return _split("digits", source, (images[train], labels[train]), (images[test], labels[test]), validation_share)


def _split(
    name: str,
    source: str,
    train: tuple[ByteArray, ByteArray],
    test: tuple[ByteArray, ByteArray],
    validation_share: float,
) -> Dataset:
    images, labels = train
    order = np.random.default_rng(SPLIT_SEED).permutation(len(labels))
    held_out = round(validation_share * len(labels))
    if not 0 < held_out < len(labels):
        raise InputError(name, [Problem("", f"{len(labels)} images to train on", "enough to keep some for choices")])
    kept, rest = np.sort(order[:held_out]), np.sort(order[held_out:])
    mean, deviation = float(images[rest].mean()), float(images[rest].std()) or 1.0

    def split(pixels: ByteArray, classes: ByteArray) -> Split:
        scaled = (torch.from_numpy(pixels.astype(np.float32)) - mean) / deviation
        return Split(scaled[:, None], torch.from_numpy(classes.astype(np.int64)))

    digest = hashlib.sha256()
    for array in (*train, *test):
        digest.update(f"{array.shape}".encode())
        digest.update(array.tobytes())
    return Dataset(
        name=name,
        source=source,
        train=split(images[rest], labels[rest]),
        validation=split(images[kept], labels[kept]),
        test=split(*test),
        num_classes=int(labels.max()) + 1,
        sha256=digest.hexdigest(),
    )
