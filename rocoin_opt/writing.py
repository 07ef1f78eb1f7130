"""Files written in one step, and whether they could be written at all, which is asked before the work."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from rocoin_opt.errors import InputError, Problem
from rocoin_opt.wording import cause_of


def write_text(path: str | Path, text: str) -> None:
    """Write a text file in one step; see :func:`write_bytes`."""
    try:
        content = text.encode()
    except UnicodeEncodeError as error:
        raise InputError(os.fspath(path), [Problem("", str(error), "text that UTF-8 can hold")]) from None
    write_bytes(path, content)


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write a file in one step: a reader sees the old content or the new one, never a part.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    if _stands_for_itself(path):
        _write_into(path, content)
        return
    handle, temporary, target = _file_beside(path)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        # mkstemp makes private files; give the file the mode that open() would have given.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(target)
    except OSError as error:
        raise InputError(os.fspath(path), [Problem("", cause_of(error), "a writable file")]) from None
    finally:
        # Still there only if it was not moved, whatever stopped it: Ctrl-C as well.
        with contextlib.suppress(OSError):
            temporary.unlink()


def require_writable(path: str | Path) -> None:
    """Refuse a file that :func:`write_bytes` could not write now, before the work that is to be kept in it.

    What stands there is not touched, and nothing is left behind.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    if _stands_for_itself(path):
        # To open a pipe could wait for ever for its reader.
        if Path(path).is_dir() or not os.access(path, os.W_OK):
            found = "a folder" if Path(path).is_dir() else "no permission to write"
            raise InputError(os.fspath(path), [Problem("", found, "a writable file")])
        return
    # Only the folder itself knows of quotas, read-only disks and how long its names may be.
    handle, temporary, _ = _file_beside(path)
    os.close(handle)
    temporary.unlink()


def require_folder(path: str | Path) -> None:
    """Refuse a folder in which no file could be written now, or which could not be made.

    Raises
    ------
    InputError
        If that is so.
    """
    there = next(folder for folder in (Path(path), *Path(path).absolute().parents) if os.path.lexists(folder))
    try:
        require_writable(there / "file")
    except InputError as error:
        found = error.problems[0].found if there == Path(path) else f"{error.problems[0].found} at {there}"
        raise InputError(os.fspath(path), [Problem("", found, "a writable folder")]) from None


def _stands_for_itself(path: str | Path) -> bool:
    """Whether there is a device, a pipe or a folder, which no file may replace."""
    return os.path.exists(path) and not os.path.isfile(path)  # noqa: PTH110, PTH113 - Path's raise where they may not look


def _file_beside(path: str | Path) -> tuple[int, Path, Path]:
    """Open a new file beside the one that it is to replace; return its handle, its name and that of the other."""
    try:
        # A link stays a link: what it points to is replaced.
        target = Path(os.path.realpath(path))
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    except (OSError, ValueError) as error:
        # A name with a null byte, or with half a character.
        raise InputError(os.fspath(path), [Problem("", cause_of(error), "a writable file")]) from None
    return handle, Path(temporary), target


def _write_into(path: str | Path, content: bytes) -> None:
    """Write into a device or a pipe, which must not be replaced by a file."""
    try:
        with Path(path).open("wb") as stream:
            stream.write(content)
    except OSError as error:
        raise InputError(os.fspath(path), [Problem("", cause_of(error), "a writable file")]) from None
