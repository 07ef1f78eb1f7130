"""CIFAR-10 and CIFAR-100 as their authors publish them: Python batches and binary files.

Python's batches are pickles. They are read by a reader that knows arrays of numbers, texts, lists and dictionaries, and
calls nothing else: whatever else a file asks for is refused.

References
----------
.. [1] A. Krizhevsky. Learning multiple layers of features from tiny images. 2009.
   https://www.cs.toronto.edu/~kriz/cifar.html
"""

from __future__ import annotations

import io
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np

from rocoin_opt.profiling.images.given import Given, LabelKind, Labelled, fault, labelled

if TYPE_CHECKING:
    from pathlib import Path

FOLDERS = ("cifar-10-batches-py", "cifar-10-batches-bin", "cifar-100-python", "cifar-100-binary")
"""What the published archives unpack to."""
TRAIN_10 = tuple(f"data_batch_{number}" for number in range(1, 6))
SHAPE = (3, 32, 32)
PIXELS = 3 * 32 * 32
MAX_FILE_BYTES = 2**29


def is_cifar_folder(names: set[str]) -> bool:
    """Whether a folder with files of these names is one of CIFAR's."""
    batches = {f"{name}{suffix}" for name in (*TRAIN_10, "test_batch") for suffix in ("", ".bin")}
    return bool(names & (batches | {"train.bin", "test.bin"})) or {"train", "test"} <= names


def read_cifar_folder(folder: Path, names: set[str], kind: LabelKind = "fine") -> Given:
    """Read a folder of CIFAR-10 or CIFAR-100, Python batches or binary.

    Parameters
    ----------
    folder : Path
        What the published archive unpacks to.
    names : set of str
        Names of the files in it.
    kind : {'fine', 'coarse'}
        Which labels of CIFAR-100.

    Raises
    ------
    InputError
        If a file is missing or damaged, or CIFAR-10 is asked for coarse labels.
    """
    is_binary = any(name.endswith(".bin") for name in names)
    is_hundred = bool(names & {"train", "train.bin", "test", "test.bin"})
    if kind == "coarse" and not is_hundred:
        raise fault(folder, "labels", "'coarse'", "fine: only CIFAR-100 has coarse labels")
    suffix = ".bin" if is_binary else ""
    parts = (("train",), ("test",)) if is_hundred else (TRAIN_10, ("test_batch",))
    read = _read_binary if is_binary else _read_python
    found = []
    for files in parts:
        for name in files:
            if name + suffix not in names:
                raise fault(folder, name + suffix, "no such file", f"all of {', '.join(f + suffix for f in files)}")
        batches = [read(folder / (name + suffix), is_hundred, kind) for name in files]
        found.append(Labelled(np.concatenate([b.images for b in batches]), np.concatenate([b.labels for b in batches])))
    name = "CIFAR-100" if is_hundred else "CIFAR-10"
    named = f"{name}, {kind} labels" if is_hundred else name
    source = f"{'binary files' if is_binary else 'Python batches'} in {folder}"
    classes = _classes(folder, names, is_binary, is_hundred, kind)
    train, test = found
    return Given(named, source, train, test=test, classes=classes)


def _read_binary(path: Path, is_hundred: bool, kind: LabelKind) -> Labelled:
    """Records of one label, or two with the coarse one first, and 3,072 pixels."""
    heads = 2 if is_hundred else 1
    content = _content(path)
    if not content or len(content) % (heads + PIXELS):
        raise fault(path, "", f"{len(content)} bytes", f"records of {heads} + {PIXELS} bytes")
    records = np.frombuffer(content, dtype=np.uint8).reshape(-1, heads + PIXELS)
    place = 0 if heads == 1 or kind == "coarse" else 1
    return labelled(records[:, heads:].reshape(-1, *SHAPE), records[:, place], str(path))


def _read_python(path: Path, is_hundred: bool, kind: LabelKind) -> Labelled:
    batch = _unpickled(path)
    key = f"{kind}_labels" if is_hundred else "labels"
    images, labels = batch.get("data"), batch.get(key)
    if not isinstance(images, np.ndarray) or images.shape[1:] != (PIXELS,):
        found = f"an array of shape {images.shape}" if isinstance(images, np.ndarray) else "no array"
        raise fault(path, "data", found, f"bytes, N x {PIXELS}")
    if not isinstance(labels, list) or not all(type(label) is int for label in labels):
        found = f"a {type(labels).__name__}" if labels is not None else "nothing"
        raise fault(path, key, found, "a list of whole numbers")
    return labelled(images.reshape(-1, *SHAPE), np.array(labels, dtype=np.int64), str(path), ("data", key))


def _classes(folder: Path, names: set[str], is_binary: bool, is_hundred: bool, kind: LabelKind) -> tuple[str, ...]:
    """Names of the classes, where the folder says them."""
    key = f"{kind}_label_names" if is_hundred else "label_names"
    if is_binary:
        file = f"{kind}_label_names.txt" if is_hundred else "batches.meta.txt"
        if file not in names:
            return ()
        text = _content(folder / file).decode("ascii", "replace")
        return tuple(line.strip() for line in text.splitlines() if line.strip())
    file = "meta" if is_hundred else "batches.meta"
    if file not in names:
        return ()
    found = _unpickled(folder / file).get(key)
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise fault(folder / file, key, "nothing" if found is None else f"a {type(found).__name__}", "a list of names")
    return tuple(found)


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise fault(path, "", str(error), "a readable file") from None
    if len(content) > MAX_FILE_BYTES:
        raise fault(path, "", "more bytes than that", f"at most {MAX_FILE_BYTES} bytes")
    return content


class _Plain(pickle.Unpickler):
    """Reads arrays and plain data; asked for anything else it stops, before that is imported."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("numpy", "ndarray"):
            return None
        if (module, name) == ("numpy", "dtype"):
            return _Type
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name == "_reconstruct":
            return _Array
        if (module, name) == ("_codecs", "encode"):
            # How Python 3 writes bytes for Python 2.
            return _encoded
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")


class _Type:
    """The type of an array's numbers, by its code alone."""

    def __init__(self, code: Any, *_: Any) -> None:
        self.code = _text(code)

    def __setstate__(self, state: Any) -> None:
        """Bytes have no order, and no other type is read."""


class _Array:
    """An array of bytes, checked while it is filled."""

    def __init__(self, *_: Any) -> None:
        self.values: Any = None

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, is_fortran, content = state
        if not isinstance(kind, _Type) or kind.code != "u1":
            raise pickle.UnpicklingError(f"an array of {getattr(kind, 'code', 'something')} and not of bytes")
        flat = np.frombuffer(content, dtype=np.uint8)
        self.values = flat.reshape(shape, order="F" if is_fortran else "C")


def _encoded(text: str, encoding: str) -> bytes:
    return text.encode(_text(encoding))


def _unpickled(path: Path) -> dict[str, Any]:
    allowed = "a batch of CIFAR: a dictionary of arrays, lists, numbers and texts"
    content = _content(path)
    try:
        found = _Plain(io.BytesIO(content), encoding="bytes").load()
    except Exception as error:
        # A damaged pickle raises nearly anything.
        raise fault(path, "", str(error).partition("\n")[0] or type(error).__name__, allowed) from None
    if not isinstance(found, dict):
        raise fault(path, "", f"a {type(found).__name__}", allowed)
    return {_text(key): _plain(value) for key, value in found.items()}


def _text(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _plain(value: Any) -> Any:
    if isinstance(value, _Array):
        return value.values
    return [_text(item) for item in value] if isinstance(value, list) else value
