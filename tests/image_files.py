"""IDX files of small made-up images, and small data sets, for the tests of profiling."""

from __future__ import annotations

import gzip
import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from rocoin_opt.profiling.images.datasets import Dataset, Split
from rocoin_opt.profiling.images.idx import IMAGES_MAGIC, LABELS_MAGIC

if TYPE_CHECKING:
    from pathlib import Path


def write_idx(path: Path, magic: int, array: Any) -> None:
    """Write an array of bytes as IDX, packed where the name ends in .gz."""
    content = struct.pack(f">{1 + array.ndim}I", magic, *array.shape) + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def write_folder(folder: Path, train: int = 60, test: int = 20, side: int = 8, suffix: str = ".gz") -> None:
    """Write a data set whose classes 0 to 2 are images that are bright in another third."""
    rng = np.random.default_rng(0)
    for part, count in (("train", train), ("t10k", test)):
        labels = np.arange(count) % 3
        images = rng.integers(0, 60, (count, side, side))
        for image, label in zip(images, labels, strict=True):
            image[label * side // 3 : (label + 1) * side // 3] += 150
        write_idx(folder / f"{part}-images-idx3-ubyte{suffix}", IMAGES_MAGIC, images)
        write_idx(folder / f"{part}-labels-idx1-ubyte{suffix}", LABELS_MAGIC, labels)


def stripes(count: int = 96, side: int = 8, classes: int = 3, seed: int = 0) -> Dataset:
    """Make an easy data set: the class is where the image is bright."""
    generator = torch.Generator().manual_seed(seed)

    def split(number: int) -> Split:
        labels = torch.arange(number) % classes
        images = 0.5 * torch.randn(number, 1, side, side, generator=generator)
        for image, label in zip(images, labels.tolist(), strict=True):
            image[0, label * side // classes : (label + 1) * side // classes] += 2.0
        return Split(images, labels)

    return Dataset("stripes", "made up", split(count), split(count // 2), split(count // 2), classes, f"seed {seed}")
