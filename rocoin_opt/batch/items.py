"""What there is to do in a run: every instance by every method for every objective with every seed."""

from __future__ import annotations

import hashlib
import itertools
import math
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rocoin_opt.control import Control
from rocoin_opt.documents import canonical_json, parse_json, read_text
from rocoin_opt.errors import InputError, Problem, encodable
from rocoin_opt.instance import FORMAT, MAX_MATRIX_BYTES, canonical_text
from rocoin_opt.knowledge import CRITERIA
from rocoin_opt.plan import OBJECTIVES
from rocoin_opt.planning.methods import METHODS
from rocoin_opt.provenance import versions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

GIVEN = "given"
"""Folder, in that of a run, of the instances that were no files: each in a folder named by its hash."""
HASH_DIGITS = 32
"""Digits of a hash that name an item, or the folder of an instance."""
GRACE = 10.0
"""Seconds beyond its time limit after which a search is ended from outside: loading a solver takes some of them."""


@dataclass(frozen=True)
class Options:
    """How every item of a run is solved; a change of any of them makes new items.

    Attributes
    ----------
    time_limit : float, optional
        Seconds after which a search stops by itself.
    grace : float
        Seconds beyond the time limit after which it is ended from outside.
    memory_limit : int, optional
        Bytes of memory that the process of an item may take up before it is ended.
    gap, threads, latency_only, criterion
        As :func:`rocoin_opt.solve` has them.
    """

    time_limit: float | None = None
    grace: float = GRACE
    memory_limit: int | None = None
    gap: float = 0.0
    threads: int = 1
    latency_only: bool = False
    criterion: str = "ncut"

    def __post_init__(self) -> None:
        # 5 and 5.0 are the same limit, and make the same items.
        for name in ("time_limit", "grace", "gap"):
            object.__setattr__(self, name, real(getattr(self, name)))
        for name in ("memory_limit", "threads"):
            object.__setattr__(self, name, whole(getattr(self, name)))

    def check(self, seeds: Sequence[int]) -> None:
        """Refuse what no search would take, before any is begun.

        Raises
        ------
        InputError
            If an option is outside of its range.
        """
        for seed in seeds:
            Control.starting_now(time_limit=self.time_limit, gap=self.gap, seed=seed, threads=self.threads)
        require_one_of("criterion", [self.criterion], CRITERIA)
        if self.time_limit == float("inf"):
            raise InputError("options", [Problem("time_limit", "inf", "a finite number of seconds, or none")])
        if not 0 <= self.grace < float("inf"):
            raise InputError("options", [Problem("grace", repr(self.grace), "a finite number of seconds, at least 0")])
        if self.memory_limit is not None and self.memory_limit < 1:
            raise InputError("options", [Problem("memory_limit", repr(self.memory_limit), "at least 1 byte")])


@dataclass(frozen=True, slots=True)
class Given:
    """An instance file as it stands.

    Attributes
    ----------
    path : str
        The file, absolute.
    name : str
        Name of the instance; the stem of the file where it cannot be read. Valid Unicode, unlike the path.
    fingerprint : str
        SHA-256 of the content of the file, however its numbers are written, and of the matrices beside it.
    """

    path: str
    name: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to do.

    Attributes
    ----------
    given : Given
        The instance.
    method, objective : str
        What is asked.
    seed : int
        Seed of the search.
    identity : str
        32 hexadecimal digits of a hash over the instance's content, method, objective, seed, options and the version
        of the package. Items of equal identity have the same result, but for time and what bears on it.
    """

    given: Given
    method: str
    objective: str
    seed: int
    identity: str


def real(value: Any) -> Any:
    """Return a number as a float; anything else as it is."""
    try:
        return float(value) if isinstance(value, Real) else value
    except OverflowError:
        return math.inf


def whole(value: Any) -> Any:
    """Return a whole number as an int; anything else as it is."""
    if isinstance(value, Integral):
        return int(value)
    return int(float(value)) if isinstance(value, Real) and float(value).is_integer() else value


def items_of(
    given: Sequence[Given], methods: Sequence[str], objectives: Sequence[str], seeds: Sequence[int], options: Options
) -> Iterator[Item]:
    """Yield the items of a run, those of one instance together; files of equal content count once."""
    asked = canonical_json([asdict(options), versions()["rocoin-opt"]])
    combinations = [
        (method, objective, seed, canonical_json([method, objective, seed, asked]))
        for method, objective, seed in itertools.product(methods, objectives, seeds)
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


def require_one_of(name: str, found: Sequence[str], allowed: Sequence[str] | dict[str, Any]) -> None:
    """Refuse an empty choice, and names that are not among those allowed.

    Raises
    ------
    InputError
        Naming each.
    """
    problems = [Problem(name, repr(value), f"one of {', '.join(allowed)}") for value in found if value not in allowed]
    if not found:
        problems = [Problem(name, "none", f"some of {', '.join(allowed)}")]
    if problems:
        raise InputError("options", problems)


def require_known(methods: Sequence[str], objectives: Sequence[str]) -> None:
    """Refuse methods and objectives that there are not; see :func:`require_one_of`."""
    require_one_of("methods", methods, METHODS)
    require_one_of("objectives", objectives, OBJECTIVES)


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
    # What is no instance counts as it stands, as does text that UTF-8 cannot hold.
    with suppress(KeyError, ValueError):
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
        elif path.exists():
            # It is read more than once, and a pipe can be read only once.
            raise InputError(str(path), [Problem("", "no regular file", "an instance file, or a folder")])
        else:
            raise InputError(str(path), [Problem("", "no such file or folder", "an instance file, or a folder")])
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
