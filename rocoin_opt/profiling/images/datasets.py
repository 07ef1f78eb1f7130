"""Data sets of labelled images: found, split always in the same way, and scaled. Nothing is downloaded.

References
----------
.. [1] H. Xiao, K. Rasul, R. Vollgraf. Fashion-MNIST: a novel image dataset for benchmarking machine learning
   algorithms. arXiv 1708.07747, 2017. Packaged by Debian as ``dataset-fashion-mnist``.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from rocoin_opt.errors import InputError, Problem
from rocoin_opt.profiling.images.given import Given, Labelled, labelled
from rocoin_opt.profiling.images.readers import NAMES, read_given
from rocoin_opt.profiling.images.scaling import NONE, TRAINING, Scaling, scaling_of
from rocoin_opt.profiling.images.splitting import VALIDATION_SHARE, split

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torch import Tensor

    from rocoin_opt.profiling.images.given import LabelKind

__all__ = ["NAMES", "Dataset", "Split", "dataset_from_arrays", "dataset_of", "load_dataset"]


@dataclass(frozen=True, eq=False)
class Split:
    """Images (float32, N x C x H x W, scaled) with their labels (int64, N)."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images for training, for validation, and for testing.

    Attributes
    ----------
    name : str
        Its name.
    source : str
        Where it came from, and why it was chosen if it was not asked for.
    train, validation, test : Split
        Disjoint. By default mean and deviation of each channel of ``train`` are 0 and 1.
    num_classes : int
        Labels are 0 to ``num_classes - 1``.
    sha256 : str
        Fingerprint of images and labels as they were read, and of their scaling where that is not the default.
    scaling : Scaling or None
        How pixels were scaled; None if unknown.
    classes : tuple of str
        Names of the classes; empty if they have none.
    """

    name: str
    source: str
    train: Split
    validation: Split
    test: Split
    num_classes: int
    sha256: str
    scaling: Scaling | None = None
    classes: tuple[str, ...] = ()

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        channels, height, width = self.train.images.shape[1:]
        return channels, height, width


def load_dataset(
    data: str | Path = "auto",
    *,
    validation_share: float = VALIDATION_SHARE,
    normalise: str | Scaling | None = None,
    image_size: tuple[int, int] | None = None,
    labels: LabelKind = "fine",
) -> Dataset:
    """Load a data set and split it, always in the same way.

    Parameters
    ----------
    data : str or Path
        ``fashion-mnist``, ``digits`` or ``auto`` (Fashion-MNIST where it is installed, else the digits); a folder of
        IDX files, of CIFAR-10 or CIFAR-100, or of pictures by class; or an ``.npz`` file. See
        :mod:`rocoin_opt.profiling.images`.
    validation_share : float
        Share of the training images, drawn with a fixed seed, that is kept for choices where there are no others. A
        data set without test images gives a fifth for them first.
    normalise : str or Scaling, optional
        How pixels are scaled, see :func:`rocoin_opt.profiling.images.scaling.scaling_of`; or a scaling that is known,
        that of students say. By default ``training``; the arrays ``images`` and ``labels`` of an ``.npz`` file are
        taken as they are.
    image_size : (int, int), optional
        Height and width that pictures are scaled to; else all must be of one size.
    labels : {'fine', 'coarse'}
        Which labels of CIFAR-100.

    Raises
    ------
    InputError
        If there is no such data set, a file is damaged, images and labels do not agree, or there are too few of them.
    UnsupportedError
        If there are pictures, and Pillow is not installed.
    """
    return dataset_of(read_given(data, image_size, labels), validation_share=validation_share, normalise=normalise)


def dataset_from_arrays(
    images: Any,
    labels: Any,
    *,
    test: tuple[Any, Any] | None = None,
    validation: tuple[Any, Any] | None = None,
    name: str = "arrays",
    classes: Sequence[str] = (),
    validation_share: float = VALIDATION_SHARE,
    normalise: str | Scaling = TRAINING,
) -> Dataset:
    """Make a data set from arrays or tensors in memory.

    Parameters
    ----------
    images : array, N x C x H x W or N x H x W
        Bytes, or other real numbers.
    labels : array, N
        Whole numbers from 0.
    test, validation : (array, array), optional
        Images and labels of the other parts; drawn from each class, with a fixed seed, where they are absent.
    name : str
        Name of the data set.
    classes : sequence of str
        Names of the classes.
    validation_share, normalise
        As in :func:`load_dataset`.

    Raises
    ------
    InputError
        If images and labels are something else or do not agree, or there are too few of them.
    """
    train = labelled(images, labels, name)
    kept, held_out = (
        None if given is None else labelled(*given, name, (f"{part} images", f"{part} labels"))
        for part, given in (("validation", validation), ("test", test))
    )
    given = Given(name, "arrays", train, kept, held_out, tuple(classes))
    return dataset_of(given, validation_share=validation_share, normalise=normalise)


def dataset_of(
    given: Given, *, validation_share: float = VALIDATION_SHARE, normalise: str | Scaling | None = None
) -> Dataset:
    """Split and scale what was read.

    Parameters
    ----------
    given : Given
        Images and labels.
    validation_share, normalise
        As in :func:`load_dataset`.

    Raises
    ------
    InputError
        If there are too few images, or they cannot be scaled so.
    """
    if not 0.0 < validation_share < 1.0:
        raise InputError("options", [Problem("validation_share", repr(validation_share), "a share between 0 and 1")])
    train, validation, test, read = split(given, validation_share)
    usual = NONE if given.as_they_are else TRAINING
    usually = scaling_of(usual, train.images)
    scaling = usually if normalise is None else scaling_of(normalise, train.images)
    digest = hashlib.sha256()
    for part in read:
        for array in _as_read(part):
            digest.update(f"{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
    if scaling != usually:
        digest.update(repr(scaling).encode())

    def scaled(part: Labelled) -> Split:
        return Split(scaling.applied(part.images), torch.from_numpy(part.labels))

    return Dataset(
        name=given.name,
        source=given.source,
        train=scaled(train),
        validation=scaled(validation),
        test=scaled(test),
        num_classes=max(int(train.labels.max()) + 1, len(given.classes)),
        sha256=digest.hexdigest(),
        scaling=scaling,
        classes=given.classes,
    )


def _as_read(part: Labelled) -> tuple[Any, Any]:
    """One channel has no axis of its own in most files, and labels are bytes."""
    images = part.images[:, 0] if part.images.shape[1] == 1 else part.images
    return images, part.labels.astype(np.uint8) if part.labels.max() < 256 else part.labels
