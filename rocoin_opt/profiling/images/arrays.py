"""Labelled images in ``.npz`` files: arrays of pixels under one of three sets of names, or the bytes of pictures."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from rocoin_opt.instance import ArchiveError, read_arrays
from rocoin_opt.profiling.images.given import MAX_BYTES, Given, Labelled, fault, labelled
from rocoin_opt.profiling.images.pictures import decoded

if TYPE_CHECKING:
    from pathlib import Path

PARTS = ("train", "validation", "test")
WHOLE = ("images", "labels")
"""One part, taken as it is: pixels with the channels first."""
PLAIN = ("x", "y")
"""One part; with ``_train``, ``_validation`` and ``_test`` several."""
CODED = ("bytes", "offsets", "labels")
"""Behind ``train_``, ``validation_`` and ``test_``: pictures one after another, where each begins, their classes."""
NAMES = (
    *WHOLE,
    *PLAIN,
    *(f"{name}_{part}" for part in PARTS for name in PLAIN),
    *(f"{part}_{name}" for part in PARTS for name in CODED),
    "classes",
)
ALLOWED = "images and labels; x and y; x_train, y_train, x_test, y_test; or train_bytes, train_offsets, train_labels"


def read_array_file(path: Path, size: tuple[int, int] | None = None) -> Given:
    """Read labelled images from an archive of arrays.

    Parameters
    ----------
    path : Path
        With ``images`` (N x C x H x W or N x H x W) and ``labels``; or ``x`` and ``y``, or ``x_train``, ``y_train``,
        and the same with ``_test`` and ``_validation`` where there are such parts (N x H x W, or with 1 or 3 channels
        in front or at the end); or pictures as JPEG or PNG bytes: ``train_bytes``, ``train_offsets`` (N + 1) and
        ``train_labels``, and the same of the other parts. ``classes`` are names, if it is there.
    size : (int, int), optional
        Height and width to scale pictures to; pixels are never scaled.

    Raises
    ------
    InputError
        If the file is damaged, has other arrays, or they do not agree.
    UnsupportedError
        If there are pictures, and Pillow is not installed.
    """
    try:
        arrays = read_arrays(path, NAMES, max_bytes=MAX_BYTES)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except (ArchiveError, OSError) as error:
        raise fault(path, "", str(error), f"an .npz file with the arrays {ALLOWED}") from None
    is_coded = any(f"{part}_{name}" in arrays for part in PARTS for name in CODED)
    if is_coded:
        parts = {part: _decoded(path, arrays, part, size) for part in PARTS if _has(arrays, part)}
    elif size is not None:
        raise fault(path, "image_size", f"{size[0]} x {size[1]}", "nothing: arrays of pixels keep their size")
    elif any(f"{name}_{part}" in arrays for part in PARTS for name in PLAIN):
        parts = {part: _pixels(path, arrays, f"_{part}") for part in PARTS if _has(arrays, part)}
    elif any(name in arrays for name in PLAIN):
        parts = {"train": _pixels(path, arrays, "")}
    else:
        names = _present(path, arrays, WHOLE)
        parts = {"train": labelled(arrays[names[0]], arrays[names[1]], str(path), WHOLE)}
    train, validation, test = (parts.get(part) for part in PARTS)
    if train is None:
        raise fault(path, "", f"no part train beside {', '.join(parts)}", ALLOWED)
    told = f"{path.name} (sha256 {digest[:16]})"
    return Given(path.stem, told, train, validation, test, _classes(path, arrays), as_they_are="images" in arrays)


def _has(arrays: dict[str, Any], part: str) -> bool:
    return any(name.startswith(f"{part}_") or name.endswith(f"_{part}") for name in arrays)


def _present(path: Path, arrays: dict[str, Any], names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in arrays:
            raise fault(path, name, f"no such array beside {', '.join(sorted(arrays)) or 'others'}", ALLOWED)
    return names


def _pixels(path: Path, arrays: dict[str, Any], ending: str) -> Labelled:
    names = tuple(f"{name}{ending}" for name in PLAIN)
    images, labels = (arrays[name] for name in _present(path, arrays, names))
    # Where both ends could be channels, those in front are.
    if images.ndim == 4 and images.shape[1] not in (1, 3):
        if images.shape[3] not in (1, 3):
            raise fault(path, names[0], f"the shape {images.shape}", "1 or 3 channels, in front or at the end")
        images = images.transpose(0, 3, 1, 2)
    return labelled(images, labels, str(path), (names[0], names[1]))


def _decoded(path: Path, arrays: dict[str, Any], part: str, size: tuple[int, int] | None) -> Labelled:
    names = _present(path, arrays, tuple(f"{part}_{name}" for name in CODED))
    content, offsets, labels = (arrays[name] for name in names)
    if content.dtype != np.uint8 or content.ndim != 1:
        raise fault(path, names[0], f"{content.dtype} of shape {content.shape}", "bytes in one row")
    ends = offsets.astype(np.int64) if offsets.dtype.kind in "iu" and offsets.ndim == 1 else np.zeros(0, np.int64)
    is_sound = len(ends) >= 2 and ends[0] == 0 and ends[-1] == len(content) and bool((np.diff(ends) > 0).all())
    if not is_sound:
        found = f"{offsets.dtype} of shape {offsets.shape}"
        raise fault(path, names[1], found, f"growing whole numbers from 0 to {len(content)}, one more than pictures")
    raw = content.tobytes()
    pictures = [raw[start:end] for start, end in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)]
    called = [f"{path}, picture {number} of {part}" for number in range(len(pictures))]
    return labelled(decoded(pictures, called, size), labels, str(path), (names[0], names[2]))


def _classes(path: Path, arrays: dict[str, Any]) -> tuple[str, ...]:
    found = arrays.get("classes")
    if found is None:
        return ()
    if found.ndim != 1 or found.dtype.kind != "U":
        raise fault(path, "classes", f"{found.dtype} of shape {found.shape}", "a row of names")
    return tuple(found.tolist())
