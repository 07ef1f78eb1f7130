"""Parts of a data set: those that its files have, the others drawn with a fixed seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.errors import InputError, Problem

if TYPE_CHECKING:
    from rocoin_opt.profiling.images.given import Given, LabelArray, Labelled

TEST_SHARE = 0.2
VALIDATION_SHARE = 1 / 12
SPLIT_SEED = 0
"""The split is part of the data: the same for every seed of the training."""


def split(given: Given, validation_share: float) -> tuple[Labelled, Labelled, Labelled, list[Labelled]]:
    """Give every image to training, validation or test.

    Parameters
    ----------
    given : Given
        What was read.
    validation_share : float
        Share of the images for training that is kept for choices, where there are no others.

    Returns
    -------
    tuple
        Training, validation and test images, and the parts before any was kept for choices, for the fingerprint.

    Raises
    ------
    InputError
        If parts do not agree, or there are too few images.
    """
    everything, validation, test = given.train, given.validation, given.test
    _require_alike(given)
    if test is None:
        everything, test = _parted(given, everything, TEST_SHARE, "test")
    read = [everything, test, *([] if validation is None else [validation])]
    train = everything
    if validation is None:
        train, validation = _parted(given, everything, validation_share, "choices")
    return train, validation, test, read


def _parted(given: Given, part: Labelled, share: float, purpose: str) -> tuple[Labelled, Labelled]:
    """Draw a share of the images; what stays comes first."""
    draw = _drawn_by_class if given.by_class else _drawn
    order, held_out = draw(given, part.labels, share, purpose)
    return part.rows(order[held_out:]), part.rows(order[:held_out])


def _drawn(given: Given, labels: LabelArray, share: float, purpose: str) -> tuple[LabelArray, int]:
    order = np.random.default_rng(SPLIT_SEED).permutation(len(labels))
    held_out = round(share * len(labels))
    if not 0 < held_out < len(labels):
        found, allowed = f"{len(labels)} images to train on", f"enough to keep some for {purpose}"
        raise InputError(given.name, [Problem("", found, allowed)])
    if purpose == "test":
        return order, held_out
    return np.concatenate([np.sort(order[:held_out]), np.sort(order[held_out:])]), held_out


def _drawn_by_class(given: Given, labels: LabelArray, share: float, purpose: str) -> tuple[LabelArray, int]:
    generator = np.random.default_rng(SPLIT_SEED)
    kept: list[LabelArray] = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        if len(members) < 2:
            name = given.classes[label] if label < len(given.classes) else str(label)
            found, allowed = f"1 image of class {name}", f"images enough of each class to keep some for {purpose}"
            raise InputError(given.name, [Problem("labels", found, allowed)])
        count = min(max(1, round(share * len(members))), len(members) - 1)
        kept.append(generator.permutation(members)[:count])
    chosen = np.sort(np.concatenate(kept))
    rest = np.setdiff1d(np.arange(len(labels)), chosen)
    return np.concatenate([chosen, rest]), len(chosen)


def _require_alike(given: Given) -> None:
    """Refuse parts whose images or labels are of another kind than those of training."""
    shape, kind = given.train.images.shape[1:], given.train.images.dtype
    most = max(int(given.train.labels.max()), len(given.classes) - 1)
    if given.classes and int(given.train.labels.max()) >= len(given.classes):
        found, allowed = (
            f"the label {given.train.labels.max()}",
            f"labels below {len(given.classes)}, the named classes",
        )
        raise InputError(given.name, [Problem("train", found, allowed)])
    for name, part in (("validation", given.validation), ("test", given.test)):
        if part is None:
            continue
        if part.images.shape[1:] != shape:
            found = f"images of {_sizes(part.images.shape[1:])}"
            raise InputError(given.name, [Problem(name, found, f"images of one size, {_sizes(shape)} as train")])
        if part.images.dtype != kind:
            raise InputError(given.name, [Problem(name, f"pixels of type {part.images.dtype}", f"{kind}, as train")])
        if part.labels.max() > most:
            found, allowed = f"the label {part.labels.max()}", f"labels up to {most}, the largest of train"
            raise InputError(given.name, [Problem(name, found, allowed)])


def _sizes(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
