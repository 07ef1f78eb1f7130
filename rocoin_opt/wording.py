"""Texts as people and files get them: printable, encodable, and in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def printable(text: str) -> str:
    """Return a text on one line, with control characters escaped: names come from files, and end on terminals."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def encodable(text: str) -> str:
    """Return a text as valid Unicode: what stands for bytes of a file name, or for half a character, is escaped."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 group``, ``2 groups``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def listed(words: Sequence[str]) -> str:
    """Return words as people list them: ``a``, ``a and b``, ``a, b and c``."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def in_runs(names: Iterable[str]) -> list[str]:
    """Names in their order, but numbered ones that follow each other as one: ``cam-1 to cam-5``.

    Two that follow each other stay two.
    """
    rows: dict[str, list[int]] = {}
    for name in names:
        stem, _, number = name.rpartition("-")
        if stem and number.isascii() and number.isdigit() and str(int(number)) == number:
            rows.setdefault(stem, []).append(int(number))
        else:
            rows[name] = []
    told = []
    for stem, numbers in rows.items():
        left = sorted(numbers)
        if not left:
            told.append(stem)
        while left:
            end = next((at for at in range(1, len(left)) if left[at] != left[at - 1] + 1), len(left))
            run, left = left[:end], left[end:]
            ends = [f"{stem}-{run[0]} to {stem}-{run[-1]}"] if len(run) > 2 else [f"{stem}-{n}" for n in run]
            told += ends
    return told


def cause_of(error: OSError | ValueError) -> str:
    """Return what went wrong with a file, in words without a number or a name: the file may be a temporary one."""
    return str((isinstance(error, OSError) and error.strerror) or error)
