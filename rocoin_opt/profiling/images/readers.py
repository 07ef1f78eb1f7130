"""Which reader a path is for: names of known data sets, folders by what lies in them, files by their ending."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.errors import InputError, Problem, missing_extra
from rocoin_opt.profiling.images import arrays, cifar, folders, idx
from rocoin_opt.profiling.images.given import LABEL_KINDS, Given, Labelled, fault

if TYPE_CHECKING:
    from rocoin_opt.profiling.images.given import LabelKind

FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")
"""Where the Debian package ``dataset-fashion-mnist`` puts its files."""
NAMES = ("auto", "fashion-mnist", "digits")
"""What may be asked for beside a path; ``auto`` takes Fashion-MNIST where it is installed, else the digits."""
KINDS = "IDX files, CIFAR's batches, or pictures by class"


def read_given(data: str | Path, image_size: tuple[int, int] | None = None, labels: LabelKind = "fine") -> Given:
    """Read labelled images.

    Parameters
    ----------
    data : str or Path
        One of :data:`NAMES`, a folder of :data:`KINDS`, or an ``.npz`` file.
    image_size : (int, int), optional
        Height and width that pictures are scaled to.
    labels : {'fine', 'coarse'}
        Which labels of CIFAR-100.

    Raises
    ------
    InputError
        If there is no such data, or it is damaged, or an option is not for it.
    """
    if labels not in LABEL_KINDS:
        raise InputError("options", [Problem("labels", repr(labels), f"one of {', '.join(LABEL_KINDS)}")])
    if str(data) in NAMES:
        _only_for(image_size, labels, f"the data set {data}")
        return _known(str(data))
    path = Path(data)
    if path.is_file():
        if path.suffix != ".npz":
            raise fault(path, "", f"a file that ends in {path.suffix!r}", f"an .npz file, or a folder of {KINDS}")
        _only_for(None, labels, "an .npz file")
        return arrays.read_array_file(path, image_size)
    if not path.is_dir():
        allowed = f"a folder of {KINDS}, an .npz file, or one of {', '.join(NAMES)}"
        raise InputError("options", [Problem("data", repr(os.fspath(data)), allowed)])
    return _folder(path, image_size, labels)


def image_files(data: str | Path) -> list[Path]:
    """List the files that :func:`read_given` may read of a path; none of a known data set."""
    path = Path(data)
    if str(data) in NAMES or not path.is_dir():
        return [] if str(data) in NAMES else [path]

    def is_read(file: Path) -> bool:
        name = file.name
        if idx.is_idx_folder({name}) or cifar.is_cifar_folder({name}) or name in ("train", "test"):
            return file.is_file()
        return file.suffix.lower() in folders.ENDINGS and file.parent != path

    return [file for file in path.rglob("*") if is_read(file)]


def _folder(path: Path, image_size: tuple[int, int] | None, labels: LabelKind) -> Given:
    try:
        names = {entry.name for entry in path.iterdir()}
    except OSError as error:
        raise fault(path, "", str(error), "a readable folder") from None
    unpacked = [name for name in cifar.FOLDERS if name in names]
    if len(unpacked) == 1:
        return _folder(path / unpacked[0], image_size, labels)
    if cifar.is_cifar_folder({name for name in names if (path / name).is_file()}):
        _only_for(image_size, "fine", "CIFAR")
        return cifar.read_cifar_folder(path, names, labels)
    if idx.is_idx_folder(names):
        _only_for(image_size, labels, "IDX files")
        return idx.read_idx_folder(path, path.resolve().name)
    if not any(entry.is_dir() and not entry.name.startswith(".") for entry in path.iterdir()):
        found = f"none of them but {min(names)!r}" if names else "nothing"
        raise fault(path, "", found, f"a folder of {KINDS}")
    _only_for(None, labels, "pictures by class")
    return folders.read_picture_folder(path, image_size)


def _only_for(image_size: tuple[int, int] | None, labels: LabelKind, what: str) -> None:
    """Refuse options that would change nothing."""
    if image_size is not None:
        found = f"{image_size[0]} x {image_size[1]} for {what}"
        raise InputError("options", [Problem("image_size", found, "nothing: only pictures are scaled")])
    if labels != "fine":
        raise InputError("options", [Problem("labels", f"'coarse' for {what}", "fine: only CIFAR-100 has coarse ones")])


def _known(name: str) -> Given:
    if name == "digits":
        return _digits("digits, as asked for")
    if name == "auto" and not FASHION_MNIST.is_dir():
        return _digits(f"digits, as Fashion-MNIST is not installed in {FASHION_MNIST}")
    if not FASHION_MNIST.is_dir():
        allowed = "the files of the Debian package dataset-fashion-mnist; or a folder that holds them, or digits"
        raise fault(FASHION_MNIST, "", "no such folder", allowed)
    return idx.read_idx_folder(FASHION_MNIST, "Fashion-MNIST")


def _digits(reason: str) -> Given:
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise missing_extra("the digits need scikit-learn", "torch") from None
    loaded = load_digits()
    # Pixels are 0 to 16.
    images = (loaded.images * 15.9375).astype(np.uint8)[:, None]
    every = Labelled(images, loaded.target.astype(np.int64))
    return Given("digits", f"scikit-learn, {reason}", every, by_class=False)
