#!/usr/bin/env python3
"""The source of an export: asks the students, puts together what has arrived, and classifies.

It needs Python, NumPy and ONNX Runtime (pip install numpy onnxruntime), and nothing else. In the folder of an export::

    python source.py IMAGES.npz                    accuracy with all parts
    python source.py IMAGES.npz --missing 2        the same while part 2 does not arrive; --missing 0,2 for two parts
    python source.py IMAGES.npz --table            one line with all parts, and one without each part
    python source.py IMAGES.npz --predictions F    writes the class of each image, one a line; its name with --names
    python source.py --devices                     which file goes to which device, and its SHA-256

IMAGES.npz holds `images`, N x C x H x W or N x H x W, and `labels`, N whole numbers; without labels the classes are
printed. Bytes are pixels, and are scaled as `image.scaling` of the manifest says. Other numbers are taken as they are:
scaled already, as the students were trained; with --pixels they are scaled too.

What a source does, in the order of the code below:

1. Every file is compared with its SHA-256, and refused if it was changed.
2. Every device of part k runs the same file on the image, and sends `features`, the numbers of its part. The first
   answer of a part counts, later ones are dropped.
3. At the deadline (`source.deadline_seconds` of the manifest), or once all parts are there, the features of part k are
   put at the places `parts[k].filters` of one vector. The fill values stand at the places of parts that are missing.
4. The head, one matrix and one vector, turns it into a number for each class. The largest one is the answer.

A source of your own is a changed copy of this file in another place: `python mine.py --folder EXPORT ...`.
Exit status: 0 done, 2 bad input, or a file that was changed.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

MANIFEST, CHECKSUMS = "manifest.json", "SHA256SUMS"
FORMAT, VERSION = "rocoin-opt/export", 1


class ExportError(Exception):
    """Something about the export, the images or the options is not as it has to be."""


class Source:
    """The exported students of all parts, and the head.

    Parameters
    ----------
    manifest : dict
        Content of ``manifest.json``.
    contents : dict of str to bytes
        Content of each file that it lists; :func:`verified` reads both.
    precision : str, optional
        ``float32`` or ``int8``; that of the devices where absent.
    threads : int
        Threads of ONNX Runtime.

    Attributes
    ----------
    filters : list of list of int
        Places of each part's features among all of them.

    Raises
    ------
    ExportError
        If there are no students of that precision, or ONNX Runtime is not installed.
    """

    def __init__(
        self, manifest: Mapping[str, Any], contents: Mapping[str, bytes], precision: str | None = None, threads: int = 1
    ) -> None:
        self.precision = precision or manifest["precision"]
        self.filters = [part["filters"] for part in manifest["parts"]]
        known = [[entry["precision"] for entry in part["files"]] for part in manifest["parts"]]
        if not all(self.precision in precisions for precisions in known):
            raise ExportError(f"--precision: found {self.precision!r}; allowed: {', '.join(known[0])}")
        files = [
            entry["file"]
            for part in manifest["parts"]
            for entry in part["files"]
            if entry["precision"] == self.precision
        ]
        self.students = [student_of(contents[file], threads) for file in files]
        with np.load(io.BytesIO(contents[manifest["source"]["head"]]), allow_pickle=False) as head:
            self.weight, self.bias, self.fill = head["weight"], head["bias"], head["fill"]

    def features(self, images: np.ndarray[Any, Any]) -> list[np.ndarray[Any, Any]]:
        """Run the students as devices do, one image at a time.

        Takes scaled images, N x C x H x W, and returns the features of each part, N x its size.
        """
        pixels = np.ascontiguousarray(images, dtype=np.float32)
        answers = []
        for student, filters in zip(self.students, self.filters, strict=True):
            rows = [student.run(["features"], {"image": image[None]})[0] for image in pixels]
            answers.append(np.concatenate(rows) if rows else np.zeros((0, len(filters)), dtype=np.float32))
        return answers

    def joined(self, answers: Sequence[np.ndarray[Any, Any] | None]) -> np.ndarray[Any, Any]:
        """Put the answers of all parts together, each N x its size, or None where it has not arrived; one has.

        Returns all features, N x M, in the order of the filters, with the fill values where a part is missing.
        """
        count = next(len(answer) for answer in answers if answer is not None)
        features = np.repeat(self.fill[None], count, axis=0)
        for filters, answer in zip(self.filters, answers, strict=True):
            if answer is not None:
                features[:, filters] = answer
        return features

    def logits(self, features: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Return a number for each class, N x classes, from all features, N x M."""
        return np.asarray(features @ self.weight.T + self.bias)

    def classes(self, answers: Sequence[np.ndarray[Any, Any]], missing: Collection[int] = ()) -> np.ndarray[Any, Any]:
        """Classify from the answers of all parts but the missing ones.

        Parameters
        ----------
        answers : sequence of array, K
            What :meth:`features` returned.
        missing : collection of int
            Parts that have not arrived; all of them may be missing.

        Returns
        -------
        array of int, N
            Class of each image.
        """
        if len(missing) == len(answers):
            features = np.repeat(self.fill[None], len(answers[0]), axis=0)
        else:
            features = self.joined([None if k in missing else answer for k, answer in enumerate(answers)])
        return np.asarray(self.logits(features).argmax(axis=1))


def student_of(content: bytes, threads: int = 1) -> Any:
    """Load an ONNX file into ONNX Runtime, on the CPU; raises :class:`ExportError` where that is not installed."""
    try:
        import onnxruntime
    except ImportError:
        raise ExportError("ONNX Runtime is missing: pip install onnxruntime") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def verified(folder: str | Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Read every file of an export, and compare it with its checksum.

    Returns the manifest, and the content of each other file by its name.

    Raises
    ------
    ExportError
        Naming the file that is missing or was changed.
    """
    place = Path(folder)
    lines = read(place, CHECKSUMS).decode("utf-8", "replace").splitlines()
    listed = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    text = read(place, MANIFEST)
    require_same(MANIFEST, text, listed.get(MANIFEST), CHECKSUMS)
    manifest = json.loads(text)
    if (manifest.get("format"), manifest.get("version")) != (FORMAT, VERSION):
        found = f"{manifest.get('format')!r}, version {manifest.get('version')!r}"
        raise ExportError(f"{MANIFEST}: found {found}; allowed: {FORMAT!r}, version {VERSION}")
    digests = {entry["file"]: entry["sha256"] for entry in manifest["files"]}
    contents = {name: read(place, name) for name in digests}
    for name, content in contents.items():
        require_same(name, content, digests[name], MANIFEST)
    if {name: digest for name, digest in listed.items() if name != MANIFEST} != digests:
        raise ExportError(f"{CHECKSUMS}: other checksums than in {MANIFEST}: one of the two was changed")
    return manifest, contents


def read(folder: Path, name: str) -> bytes:
    """Read a file of an export; raises :class:`ExportError` where it cannot be read."""
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise ExportError(f"{folder / name}: {error.strerror}; allowed: a file of the export") from None


def require_same(name: str, content: bytes, digest: str | None, listed_in: str) -> None:
    """Refuse a file whose SHA-256 is another one than was written down.

    Parameters
    ----------
    name : str
        The file.
    content : bytes
        What it holds.
    digest : str, optional
        Its SHA-256 when it was exported, in hexadecimal digits.
    listed_in : str
        Where that stands.

    Raises
    ------
    ExportError
        If the two differ.
    """
    found = hashlib.sha256(content).hexdigest()
    if found != digest:
        was = f"it was {digest} ({listed_in})" if digest else f"{listed_in} does not list it"
        raise ExportError(f"{name}: the file was changed after the export: its SHA-256 is {found}, {was}")


def read_images(
    path: str | Path, shape: Sequence[int], num_classes: int
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any] | None]:
    """Read images and labels.

    Parameters
    ----------
    path : str or Path
        An ``.npz`` file with ``images`` and, if wanted, ``labels``.
    shape : sequence of int
        Channels, height and width that the students take.
    num_classes : int
        Labels are below it.

    Returns
    -------
    array, N x C x H x W
        The images.
    array of int, N, or None
        Their labels, where there are any.

    Raises
    ------
    ExportError
        If the file cannot be read, or holds something else.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            images = arrays["images"]
            labels = arrays["labels"] if "labels" in arrays.files else None
    except Exception as error:
        # A damaged file makes zipfile and NumPy raise nearly anything.
        raise ExportError(f"{path}: {error}; allowed: an .npz file with the array images") from None
    images = images[:, None] if images.ndim == 3 else images
    if images.dtype.kind not in "fiu" or images.ndim != 4 or images.shape[1:] != tuple(shape) or not len(images):
        allowed = f"real numbers, N x {' x '.join(map(str, shape))}"
        raise ExportError(f"{path}: images: found {images.dtype}, {images.shape}; allowed: {allowed}")
    if not np.isfinite(images).all():
        raise ExportError(f"{path}: images: found NaN or an infinity; allowed: finite numbers")
    if labels is not None:
        is_whole = labels.dtype.kind in "iu" and labels.shape == images.shape[:1]
        if not is_whole or labels.min() < 0 or labels.max() >= num_classes:
            found = f"labels up to {labels.max()}" if is_whole else f"{labels.dtype}, {labels.shape}"
            allowed = f"{len(images)} whole numbers from 0 to {num_classes - 1}"
            raise ExportError(f"{path}: labels: found {found}; allowed: {allowed}")
    return images, labels


def scaled(
    images: np.ndarray[Any, Any], scaling: Mapping[str, Sequence[float]] | None, are_pixels: bool
) -> np.ndarray[Any, Any]:
    """Scale images as the students were trained.

    Parameters
    ----------
    images : array, N x C x H x W
        Bytes are pixels.
    scaling : dict, optional
        ``means`` and ``deviations`` of each channel, C, in units of the pixels; without, pixels are refused.
    are_pixels : bool
        Whether other numbers are pixels too.
    """
    pixels = images.astype(np.float32)
    if not are_pixels and images.dtype != np.uint8:
        return pixels
    if scaling is None:
        raise ExportError("images: found pixels; allowed: scaled numbers, as the export does not say how to scale")
    for channel, (mean, deviation) in enumerate(zip(scaling["means"], scaling["deviations"], strict=True)):
        pixels[:, channel] = (pixels[:, channel] - np.float32(mean)) / np.float32(deviation)
    return pixels


def parts_named(texts: Sequence[str], count: int) -> list[int]:
    """Read the numbers of parts from an option, with commas between them.

    Raises
    ------
    ExportError
        If there is no such part.
    """
    names = [name.strip() for text in texts for name in text.split(",")]
    for name in names:
        if not (name.isascii() and name.isdecimal() and int(name) < count):
            raise ExportError(f"--missing: found {name!r}; allowed: numbers of parts, 0 to {count - 1}")
    return sorted({int(name) for name in names})


def row(name: str, classes: np.ndarray[Any, Any], labels: np.ndarray[Any, Any]) -> str:
    """Say in a line how many images were put into their class.

    Parameters
    ----------
    name : str
        What the line is about.
    classes, labels : array of int, N
        What was found, and what is right.
    """
    right = int((classes == labels).sum())
    return f"{name}: accuracy {right / len(labels):.6f}, {right} of {len(labels)} images"


def named(classes: np.ndarray[Any, Any], names: Sequence[str] | None) -> list[str]:
    """Say which classes were found, by their names where these are asked for."""
    if names is not None and not names:
        raise ExportError("--names: found no names of classes in the export; allowed: numbers")
    return [str(number) if names is None else printable(names[number]) for number in classes]


def printable(text: str) -> str:
    """Return a text with control characters escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def options_of(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Classify images with exported students; see the head of this file.")
    parser.add_argument("images", nargs="?", metavar="IMAGES.npz", help="images, and labels if there are any")
    parser.add_argument("--missing", action="append", default=[], metavar="K,...", help="parts that do not arrive")
    parser.add_argument("--table", action="store_true", help="accuracy with all parts, and without each part")
    parser.add_argument("--pixels", action="store_true", help="the images are not scaled yet, whatever their type")
    parser.add_argument("--precision", metavar="P", help="float32 or int8; else that of the devices")
    parser.add_argument("--predictions", metavar="FILE", help="write the class of each image, one a line")
    parser.add_argument("--names", action="store_true", help="classes by their names, not by their numbers")
    parser.add_argument("--devices", action="store_true", help="list device, file and SHA-256, with tabs between them")
    parser.add_argument("--folder", default=Path(__file__).parent, metavar="EXPORT", help="the export; else where I am")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="threads of ONNX Runtime")
    options = parser.parse_args(arguments)
    if options.images is None and not options.devices:
        parser.error("IMAGES.npz or --devices is required")
    if options.predictions and options.images and Path(options.predictions).resolve() == Path(options.images).resolve():
        parser.error("--predictions would replace the images")
    return options


def answer(options: argparse.Namespace) -> list[str]:
    """Do what the command line asks for; return the lines to print.

    Raises
    ------
    ExportError
        If something is not as it has to be.
    """
    manifest, contents = verified(options.folder)
    if options.devices:
        # A tab or the end of a line in a name would be read as one of the table.
        return ["\t".join(printable(entry[key]) for key in ("id", "file", "sha256")) for entry in manifest["devices"]]
    source = Source(manifest, contents, options.precision, options.threads)
    count = len(source.filters)
    missing = parts_named(options.missing, count)
    images, labels = read_images(options.images, manifest["image"]["shape"][1:], manifest["num_classes"])
    answers = source.features(scaled(images, manifest["image"]["scaling"], options.pixels))
    found = named(source.classes(answers, missing), manifest["classes"] if options.names else None)
    if options.predictions:
        try:
            Path(options.predictions).write_text("".join(f"{name}\n" for name in found), encoding="utf-8")
        except OSError as error:
            raise ExportError(f"{options.predictions}: {error.strerror}; allowed: a writable file") from None
    if labels is None:
        return [] if options.predictions else found
    name = f"without part {', '.join(map(str, missing))}" if missing else "all parts"
    cases: Mapping[str, Sequence[int]] = {name: missing}
    if options.table:
        cases = {"all parts": [], **{f"without part {k}": [k] for k in range(count)}, **cases}
    return [
        f"{len(labels)} images, {count} parts, {source.precision}",
        *(row(name, source.classes(answers, gone), labels) for name, gone in cases.items()),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program, with the arguments of the command line unless others are given; return its exit status."""
    options = options_of(arguments)
    try:
        lines = answer(options)
    except ExportError as error:
        print(f"source.py: {error}", file=sys.stderr)
        return 2
    print("\n".join(lines), end="\n" if lines else "")
    return 0


if __name__ == "__main__":
    sys.exit(main())
