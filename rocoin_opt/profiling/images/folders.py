"""Folders of pictures: a folder a class, and around them, where there are any, one for training and one for testing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.profiling.images.given import Given, Labelled, fault
from rocoin_opt.profiling.images.pictures import decoded

if TYPE_CHECKING:
    from pathlib import Path

PARTS = {"train": "train", "val": "validation", "valid": "validation", "validation": "validation", "test": "test"}
"""Folders of parts by their names."""
ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm")
IGNORED = ("thumbs.db", "desktop.ini")
"""What file managers leave behind, besides names that begin with a dot."""


def read_picture_folder(folder: Path, size: tuple[int, int] | None = None) -> Given:
    """Read pictures whose class is the name of their folder.

    Parameters
    ----------
    folder : Path
        ``folder/CLASS/picture.png``, or ``folder/train/CLASS/picture.png`` with ``test`` and, where there is one,
        ``validation`` (or ``val``) beside ``train``. Classes are numbered in the order of their names.
    size : (int, int), optional
        Height and width to scale to.

    Raises
    ------
    InputError
        If a folder is empty or holds something else, a class of another part is none of ``train``, or a picture cannot
        be read.
    UnsupportedError
        If Pillow is not installed.
    """
    inner = _folders(folder)
    parts = {PARTS[place.name.lower()]: place for place in inner if place.name.lower() in PARTS}
    if "train" not in parts:
        parts = {"train": folder}
    elif strange := [place.name for place in inner if place not in parts.values()]:
        raise fault(folder, "", f"the folder {strange[0]!r} beside train", f"one folder each of {', '.join(PARTS)}")
    classes = tuple(place.name for place in _folders(parts["train"]))
    files: list[Path] = []
    labels: dict[str, list[int]] = {}
    for part, place in parts.items():
        labels[part] = []
        for inside in _folders(place):
            if inside.name not in classes:
                raise fault(place, "", f"the class {inside.name!r}", f"those of train: {', '.join(classes)}")
            found = _pictures(inside)
            files += found
            labels[part] += [classes.index(inside.name)] * len(found)
    # Together: whether there is one channel or three is a matter of all parts.
    pixels, start = decoded(files, [str(file) for file in files], size), 0
    given: dict[str, Labelled] = {}
    for part, numbers in labels.items():
        given[part] = Labelled(pixels[start : start + len(numbers)], np.array(numbers, dtype=np.int64))
        start += len(numbers)
    return Given(
        folder.resolve().name,
        f"pictures in {folder}",
        given["train"],
        given.get("validation"),
        given.get("test"),
        classes,
    )


def _entries(folder: Path) -> list[Path]:
    try:
        every = sorted(folder.iterdir())
    except OSError as error:
        raise fault(folder, "", str(error), "a readable folder") from None
    return [path for path in every if not path.name.startswith(".") and path.name.lower() not in IGNORED]


def _folders(folder: Path) -> list[Path]:
    """Folders in a folder that holds nothing else."""
    entries = _entries(folder)
    for path in entries:
        if not path.is_dir():
            raise fault(folder, "", f"the file {path.name!r}", "a folder for each class, and nothing beside them")
    if not entries:
        raise fault(folder, "", "nothing", "a folder for each class")
    return entries


def _pictures(folder: Path) -> list[Path]:
    entries = _entries(folder)
    for path in entries:
        if path.suffix.lower() not in ENDINGS or not path.is_file():
            raise fault(folder, "", f"{path.name!r}", f"pictures: {', '.join(ENDINGS)}")
    if not entries:
        raise fault(folder, "", "no picture", "pictures of this class")
    return entries
