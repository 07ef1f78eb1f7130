"""Images with labels as files hold them, whatever the format: what readers give, and splits are made of."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from rocoin_opt.errors import InputError, Problem

if TYPE_CHECKING:
    from pathlib import Path

    PixelArray: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[Any]]
    LabelArray: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.int64]]

MAX_CLASSES = 2**16
"""Most classes: a larger label is a fault, and would take memory for every class below it."""
LabelKind: TypeAlias = Literal["fine", "coarse"]
LABEL_KINDS: tuple[LabelKind, ...] = ("fine", "coarse")
"""Of CIFAR-100: its 100 classes, or the 20 groups of them."""
MAX_BYTES = 2**31
"""Most bytes of images that are read, unpacked."""


@dataclass(frozen=True, eq=False)
class Labelled:
    """Images with their labels.

    Attributes
    ----------
    images : PixelArray, N x C x H x W
        Bytes, or other real numbers.
    labels : LabelArray, N
        Whole numbers from 0.
    """

    images: PixelArray
    labels: LabelArray

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)

    def rows(self, numbers: LabelArray) -> Labelled:
        """Some of the images, by number."""
        return Labelled(self.images[numbers], self.labels[numbers])


@dataclass(frozen=True, eq=False)
class Given:
    """What was read, before anything of it is split or scaled.

    Attributes
    ----------
    name, source : str
        What it is called, and where it came from.
    train : Labelled
        Images to learn from; all of them where there are no others.
    validation, test : Labelled or None
        Where the files have such parts of their own.
    classes : tuple of str
        Names of the classes; empty if they have none.
    by_class : bool
        Whether parts that are missing are drawn from each class, or from all images together.
    as_they_are : bool
        Whether images are by default taken as they are, and not scaled.
    """

    name: str
    source: str
    train: Labelled
    validation: Labelled | None = None
    test: Labelled | None = None
    classes: tuple[str, ...] = ()
    by_class: bool = True
    as_they_are: bool = False

    @property
    def is_one_part(self) -> bool:
        """Whether nothing says which images are for what."""
        return self.validation is None and self.test is None


def labelled(images: Any, labels: Any, source: str, fields: tuple[str, str] = ("images", "labels")) -> Labelled:
    """Check images and labels, and give both their usual form.

    Parameters
    ----------
    images : array, N x C x H x W or N x H x W
        Real numbers; without channels there is one.
    labels : array, N
        Whole numbers from 0; N x 1 will do.
    source : str
        Where both come from, for the error.
    fields : tuple of str
        What they are called there.

    Raises
    ------
    InputError
        If they are something else, do not agree, or a label is :data:`MAX_CLASSES` or more.
    """
    pixels, classes = np.asarray(images), np.asarray(labels)
    if pixels.ndim == 3:
        pixels = pixels[:, None]
    if pixels.ndim != 4 or pixels.dtype.kind not in "fiu" or pixels.size == 0:
        found = f"{pixels.dtype} of shape {np.shape(images)}"
        raise InputError(source, [Problem(fields[0], found, "real numbers, N x C x H x W or N x H x W")])
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        raise InputError(source, [Problem(fields[0], "values that are not finite", "finite numbers")])
    if classes.shape == (len(pixels), 1):
        classes = classes[:, 0]
    if classes.shape != pixels.shape[:1] or classes.dtype.kind not in "iu" or classes.min() < 0:
        shown = f"{classes.dtype} of shape {classes.shape}"
        found = f"the label {classes.min()}" if classes.dtype.kind == "i" and classes.size else shown
        found = found if classes.shape == pixels.shape[:1] else shown
        raise InputError(source, [Problem(fields[1], found, f"{len(pixels)} whole numbers from 0")])
    if classes.max() >= MAX_CLASSES:
        raise InputError(source, [Problem(fields[1], f"the label {classes.max()}", f"labels below {MAX_CLASSES}")])
    return Labelled(pixels, classes.astype(np.int64))


def fault(path: str | Path, field: str, found: str, allowed: str) -> InputError:
    """Make the error for a file or a folder of images.

    Parameters
    ----------
    path : str or Path
        Which one.
    field : str
        What of it, for :class:`~rocoin_opt.errors.Problem`; empty for the whole.
    found, allowed : str
        What is there, and what may be.
    """
    return InputError(os.fspath(path), [Problem(field, found, allowed)])
