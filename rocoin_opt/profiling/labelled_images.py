"""Labelled images to profile a teacher on: a part of a known data set, or arrays of the user."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import numpy as np
import torch

from rocoin_opt.errors import InputError, Problem
from rocoin_opt.profiling.activations import MAX_CLASSES
from rocoin_opt.profiling.datasets import load_dataset

if TYPE_CHECKING:
    from torch import Tensor

Part: TypeAlias = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = get_args(Part)


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Images (float32, N x C x H x W), their labels (int64, N), the number of classes, and where they come from."""

    images: Tensor
    labels: Tensor
    num_classes: int
    source: str


def labelled_images(data: str | Path, part: str = "validation") -> LabelledImages:
    """Load images with labels.

    Parameters
    ----------
    data : str or Path
        An ``.npz`` file with ``images`` (N x C x H x W, or N x H x W for one channel; taken as they are, so
        scaled as the teacher wants them) and ``labels`` (N whole numbers from 0); or what
        :func:`rocoin_opt.profiling.datasets.load_dataset` takes.
    part : str
        ``train``, ``validation`` or ``test`` part of a data set; an ``.npz`` file has none, and is taken whole.

    Raises
    ------
    InputError
        If there is no such part, or the data cannot be read.
    """
    if part not in PARTS:
        raise InputError("options", [Problem("part", repr(part), f"one of {', '.join(PARTS)}")])
    if Path(data).suffix == ".npz":
        return _from_arrays(Path(data))
    dataset = load_dataset(data)
    split = getattr(dataset, part)
    source = f"{dataset.name} ({dataset.source}; sha256 {dataset.sha256[:16]}), {part} part"
    return LabelledImages(split.images, split.labels, dataset.num_classes, source)


def _from_arrays(path: Path) -> LabelledImages:
    name = os.fspath(path)
    try:
        content = path.read_bytes()
        with np.load(path, allow_pickle=False) as arrays:
            images, labels = arrays["images"], arrays["labels"]
        if not (isinstance(images, np.ndarray) and isinstance(labels, np.ndarray)):
            raise TypeError("something else under the name of an array")
    except Exception as error:
        # A damaged file makes zipfile and NumPy raise nearly anything.
        raise InputError(name, [Problem("", str(error), "an .npz file with the arrays images and labels")]) from None
    if images.ndim == 3:
        images = images[:, None]
    if images.ndim != 4 or images.dtype.kind not in "fiu" or len(images) == 0:
        found = f"{images.dtype} of shape {images.shape}"
        raise InputError(name, [Problem("images", found, "real numbers, N x C x H x W or N x H x W")])
    if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu" or labels.min() < 0:
        found = f"{labels.dtype} of shape {labels.shape}"
        raise InputError(name, [Problem("labels", found, f"{len(images)} whole numbers from 0")])
    if labels.max() >= MAX_CLASSES:
        raise InputError(name, [Problem("labels", f"the label {labels.max()}", f"labels below {MAX_CLASSES}")])
    return LabelledImages(
        torch.from_numpy(images.astype(np.float32)),
        torch.from_numpy(labels.astype(np.int64)),
        int(labels.max()) + 1,
        f"{path.name} (sha256 {hashlib.sha256(content).hexdigest()[:16]})",
    )
