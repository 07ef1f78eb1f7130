"""IDX, the format of MNIST: a magic number, the sizes, then one byte a pixel or label, all big-endian."""

from __future__ import annotations

import gzip
import struct
import zlib
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from rocoin_opt.profiling.images.given import Given, fault, labelled

if TYPE_CHECKING:
    from pathlib import Path

    ByteArray: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]

MAX_IDX_BYTES = 2**28
"""Largest unpacked IDX file that is read."""
IMAGES_MAGIC, LABELS_MAGIC = 0x803, 0x801
"""IDX of unsigned bytes with three dimensions, and with one."""
PARTS = ("train", "t10k")
"""What the files for training and for testing begin with."""
ENDINGS = ("-images-idx3-ubyte", "-labels-idx1-ubyte")


def is_idx_folder(names: set[str]) -> bool:
    """Whether a folder with files of these names is one of IDX files."""
    return any(_plain(name) == f"{part}{ending}" for name in names for part in PARTS for ending in ENDINGS)


def read_idx_folder(folder: Path, name: str) -> Given:
    """Read the four files of a data set.

    Parameters
    ----------
    folder : Path
        With ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte`` and the same two that begin with ``t10k``, each
        plain or packed (``.gz``), with a hyphen or a dot before ``idx``.
    name : str
        Name of the data set.

    Raises
    ------
    InputError
        If a file is missing or damaged, or images and labels do not agree.
    """
    found = []
    for part in PARTS:
        images = read_idx(_existing(folder, f"{part}{ENDINGS[0]}"), IMAGES_MAGIC)
        labels = read_idx(_existing(folder, f"{part}{ENDINGS[1]}"), LABELS_MAGIC)
        if len(images) != len(labels):
            numbers = f"{len(images)} images and {len(labels)} labels"
            raise fault(folder, part, numbers, "as many labels as images")
        found.append(labelled(images, labels, str(folder), (f"{part} images", f"{part} labels")))
    train, test = found
    return Given(name, f"IDX files in {folder}", train, test=test, by_class=False)


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
            content = stream.read(MAX_IDX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise fault(path, "", str(error), "a readable IDX file") from None
    header = 4 * (1 + magic % 256)
    if len(content) > MAX_IDX_BYTES:
        raise fault(path, "", "more bytes than that", f"at most {MAX_IDX_BYTES} bytes")
    if len(content) < header:
        raise fault(path, "", f"{len(content)} bytes", f"a header of {header} bytes")
    found, *shape = struct.unpack(f">{header // 4}I", content[:header])
    if found != magic:
        raise fault(path, "magic number", f"{found:#010x}", f"{magic:#010x}")
    expected = int(np.prod(shape, dtype=object))
    if len(content) - header != expected or expected == 0:
        sizes = " x ".join(map(str, shape))
        raise fault(path, "", f"{len(content) - header} bytes of data", f"{sizes} bytes, and at least one")
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape)


def _plain(name: str) -> str:
    return name.removesuffix(".gz").replace(".idx", "-idx")


def _existing(folder: Path, name: str) -> Path:
    for path in sorted(folder.iterdir(), reverse=True):
        # Of two, the packed one.
        if _plain(path.name) == name and path.is_file():
            return path
    raise fault(folder, name, "no such file", f"{name} or {name}.gz")
