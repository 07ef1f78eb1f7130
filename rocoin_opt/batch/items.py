"""What there is to do in a run: every instance by every method for every objective with every seed."""

from __future__ import annotations

import hashlib
import itertools
import os
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rocoin_opt.documents import canonical_json, parse_json, read_text
from rocoin_opt.errors import InputError, MendedWarning, Problem
from rocoin_opt.instance import FORMAT, MAX_MATRIX_BYTES, canonical_text
from rocoin_opt.provenance import versions
from rocoin_opt.wording import encodable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rocoin_opt.batch.request import BatchRequest

GIVEN = "given"
"""Folder, in that of a run, of the instances that were no files: each in a folder named by its hash."""
HASH_DIGITS = 32
"""Digits of a hash that name an item, or the folder of an instance."""


@dataclass(frozen=True, slots=True)
class Given:
    """An instance file as it stands."""

    path: str
    """The file, absolute."""
    name: str
    """Name of the instance; the stem of the file where it cannot be read. Valid Unicode, unlike the path."""
    fingerprint: str
    """SHA-256 of the content of the file, however its numbers are written, and of the matrices beside it."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to do."""

    given: Given
    """The instance."""
    method: str
    objective: str
    """What is asked."""
    seed: int
    """Seed of the search."""
    identity: str
    """32 hexadecimal digits of a hash over the instance's content, method, objective, seed, options and the version of
    the package. Items of equal identity have the same result, but for time and what bears on it."""


def items_of(given: Iterable[Given], request: BatchRequest) -> Iterator[Item]:
    """Yield the items of a run, those of one instance together; files of equal content count once."""
    how = canonical_json([request.options.identity, versions()["rocoin-opt"]])
    combinations = [
        (method, objective, seed, canonical_json([method, objective, seed, how]))
        for method, objective, seed in itertools.product(request.methods, request.objectives, request.seeds)
    ]
    seen: set[str] = set()
    for instance in given:
        if instance.fingerprint in seen:
            continue
        seen.add(instance.fingerprint)
        for method, objective, seed, rest in combinations:
            identity = hashlib.sha256(f"{instance.fingerprint}{rest}".encode()).hexdigest()[:HASH_DIGITS]
            yield Item(instance, method, objective, seed, identity)


def family_folder(path: str) -> str:
    """Folder that stands for an instance's family: that of its file, or the one of all instances that were no files."""
    folder, _, _ = path.rpartition(os.sep)
    above, _, name = folder.rpartition(os.sep)
    return above if len(name) == HASH_DIGITS and above.endswith(os.sep + GIVEN) else folder or os.sep


def read_given(path: Path) -> Given:
    """Read an instance file as far as identity goes: whether it is a valid instance turns out when it is solved."""
    absolute = os.path.abspath(path)  # noqa: PTH100 - a link stays one
    try:
        content = instance_content(path)
    except InputError as error:
        return Given(absolute, encodable(path.stem), fingerprint_of({"unreadable": encodable(str(error)).encode()}))
    try:
        name = str(parse_json(content[""].decode(), absolute)["name"])
    except (InputError, KeyError, TypeError):
        name = path.stem
    return Given(absolute, encodable(name or path.stem), fingerprint_of(content))


def instance_content(path: Path) -> dict[str, bytes]:
    """Content of an instance file, under the empty name, and of the matrices beside it, under their paths.

    A matrix that would be refused when it is loaded is left out: one outside of the folder, too large, or missing.

    Raises
    ------
    InputError
        If the file cannot be read, or is too large.
    """
    text = read_text(path)
    content = {"": text.encode()}
    root = path.parent.resolve()
    for name in _matrix_names(text):
        try:
            file = (root / name).resolve()
            if file.is_relative_to(root) and file.is_file() and file.stat().st_size <= MAX_MATRIX_BYTES:
                content[os.path.normpath(name)] = file.read_bytes()
        except (OSError, ValueError, RuntimeError):
            # Null bytes, loops of links: the loader says what is wrong.
            continue
    return content


def fingerprint_of(content: dict[str, bytes]) -> str:
    """SHA-256 over names and contents; however an instance is written, and its numbers, it has the same."""
    written = dict(content)
    # What is no instance counts as it stands, as does text that UTF-8 cannot hold. What is mended in it is told by the
    # process that solves it.
    with suppress(KeyError, ValueError), warnings.catch_warnings(action="ignore", category=MendedWarning):
        written[""] = canonical_text(content[""].decode()).encode()
    parts = [[name, hashlib.sha256(part).hexdigest()] for name, part in sorted(written.items())]
    return hashlib.sha256(canonical_json(parts).encode()).hexdigest()


def find_instances(paths: Sequence[Path], leave_out: Path | None = None) -> tuple[list[Path], list[str]]:
    """Find the instance files among files and folders.

    Parameters
    ----------
    paths : sequence of Path
        Files count as they are. Folders are searched, with all folders in them, for ``.json`` files of the format of
        instances; symbolic links in them are not followed out of the folder.
    leave_out : Path, optional
        A folder not to search: that of the run.

    Returns
    -------
    list of Path, list of str
        Each file once, sorted within each folder, and a word about each ``.json`` file that was passed over.

    Raises
    ------
    InputError
        If a path does not exist, or there is no instance at all.
    """
    found: dict[str, Path] = {}
    passed: list[str] = []
    for path in paths:
        if path.is_dir():
            candidates = [file for file in _json_files(path, leave_out) if _is_instance(file, path, passed)]
        elif path.is_file():
            candidates = [path]
        else:
            # A file is read more than once, and a pipe can be read only once.
            wrong = "no regular file" if path.exists() else "no such file or folder"
            raise InputError(str(path), [Problem("", wrong, "an instance file, or a folder")])
        for file in candidates:
            found.setdefault(os.path.abspath(file), file)  # noqa: PTH100 - a link stays one
    if not found:
        named = ", ".join(map(str, paths)) or "PATH"
        raise InputError(named, [Problem("", "no instance file", "at least one")])
    return list(found.values()), passed


def _json_files(folder: Path, leave_out: Path | None) -> Iterator[Path]:
    skipped = None if leave_out is None else leave_out.resolve()
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if (Path(root) / name).resolve() != skipped)
        yield from (Path(root) / name for name in sorted(files) if name.endswith(".json"))


def _is_instance(file: Path, folder: Path, passed: list[str]) -> bool:
    """Whether a file that was found is to be solved: not if it says that it is something else."""
    try:
        if not file.resolve().is_relative_to(folder.resolve()):
            passed.append(f"{file}: a symbolic link out of the folder")
            return False
        if not file.is_file():
            passed.append(f"{file}: no regular file")
            return False
        data = parse_json(read_text(file), str(file))
    except (InputError, OSError, RuntimeError):
        # Perhaps a broken instance: an item that fails says so, where a word in passing might be missed.
        return True
    if isinstance(data, dict) and data.get("format") == FORMAT:
        return True
    if not file.name.endswith(".plan.json"):
        passed.append(f"{file}: no instance, which has the format {FORMAT}")
    return False


def _matrix_names(text: str) -> list[str]:
    try:
        knowledge = parse_json(text, "instance")["knowledge"]
        parts = [knowledge.get("graph"), knowledge.get("class_affinity")]
    except (InputError, KeyError, TypeError, AttributeError):
        return []
    return sorted({part["path"] for part in parts if isinstance(part, dict) and isinstance(part.get("path"), str)})
