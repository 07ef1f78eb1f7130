"""Labelled images of one part, to profile a teacher on or to ask students about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import torch

from rocoin_opt.errors import InputError, Problem
from rocoin_opt.profiling.images.datasets import Dataset, Split, dataset_of
from rocoin_opt.profiling.images.readers import read_given
from rocoin_opt.profiling.images.scaling import NONE, TRAINING, Scaling, scaling_of

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from rocoin_opt.profiling.images.given import Given, LabelKind

Part: TypeAlias = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = get_args(Part)


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Images (float32, N x C x H x W), their labels (int64, N), number and names of the classes, and their origin."""

    images: Tensor
    labels: Tensor
    num_classes: int
    source: str
    classes: tuple[str, ...] = ()

    @property
    def split(self) -> Split:
        """Images and labels."""
        return Split(self.images, self.labels)


def labelled_images(
    data: str | Path,
    part: str | None = None,
    *,
    usual: Part = "validation",
    normalise: str | Scaling | None = None,
    image_size: tuple[int, int] | None = None,
    labels: LabelKind = "fine",
) -> LabelledImages:
    """Load images with labels.

    Parameters
    ----------
    data : str or Path
        What :func:`rocoin_opt.profiling.images.datasets.load_dataset` takes.
    part : str, optional
        ``train``, ``validation`` or ``test``. Where nothing is asked for it is the usual one, but of ``images`` and
        ``labels`` in an ``.npz`` file all of them.
    usual : str
        The usual part.
    normalise, image_size, labels
        As in :func:`~rocoin_opt.profiling.images.datasets.load_dataset`.

    Raises
    ------
    InputError
        If there is no such part, or the data cannot be read.
    """
    if part is not None:
        require_part(part)
    given = read_given(data, image_size, labels)
    if part is None and given.is_one_part and given.as_they_are:
        return _whole(given, normalise)
    return part_of(dataset_of(given, normalise=normalise), part or usual)


def require_part(part: str) -> None:
    """Refuse the name of a part that no data set has.

    Raises
    ------
    InputError
        If it is one.
    """
    if part not in PARTS:
        raise InputError("options", [Problem("part", repr(part), f"one of {', '.join(PARTS)}")])


def part_of(dataset: Dataset, part: str) -> LabelledImages:
    """Take one part of a data set, and say which.

    Raises
    ------
    InputError
        If there is no such part.
    """
    require_part(part)
    split = getattr(dataset, part)
    source = f"{dataset.name} ({dataset.source}; sha256 {dataset.sha256[:16]}), {part} part"
    return LabelledImages(split.images, split.labels, dataset.num_classes, source, dataset.classes)


def _whole(given: Given, normalise: str | Scaling | None) -> LabelledImages:
    if normalise == TRAINING:
        # The same as for those who split these images.
        normalise = dataset_of(given, normalise=normalise).scaling
    scaling = scaling_of(normalise or NONE, given.train.images)
    images, labels = scaling.applied(given.train.images), torch.from_numpy(given.train.labels)
    count = max(int(labels.max()) + 1, len(given.classes))
    return LabelledImages(images, labels, count, given.source, given.classes)
