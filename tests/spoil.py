"""Spoils JSON documents, one field at a time."""

from __future__ import annotations

import copy
import itertools
import json
from typing import TYPE_CHECKING, Any

from hypothesis import settings
from hypothesis import strategies as st

from samples import THOROUGH

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rocoin_opt.errors import InputError

FieldPath = tuple[str | int, ...]

JUNK: list[Any] = [
    None,
    True,
    0,
    -1,
    0.5,
    -0.0,
    10**7,
    10**30,
    10**400,
    -(10**400),
    5e-324,
    float("inf"),
    float("nan"),
    "",
    "text",
    "1",
    "../../etc/passwd",
    "nul\0",
    "lone \ud800 surrogate",
    "x" * 5000,
    [],
    {},
    [[]],
    [None, {}, [1]],
    {"": None},
    {"law": "odd"},
    {"id": "d0", "flops": {"deep": [{"er": 1}]}},
    json.loads("[" * 200 + "]" * 200),
]
"""Values of every kind that JSON texts can hold, among them those that Python's parser lets through."""


def paths_of(document: Any, path: FieldPath = ()) -> list[FieldPath]:
    """Paths of every field and list item of a document."""
    items = document.items() if isinstance(document, dict) else enumerate(document)
    found: list[FieldPath] = []
    for key, value in items:
        found.append((*path, key))
        if isinstance(value, dict | list):
            found += paths_of(value, (*path, key))
    return found


def spoilt(document: Any, path: FieldPath, junk: Any) -> str:
    """Text of the document with one value replaced."""
    document = copy.deepcopy(document)
    _parent(document, path)[path[-1]] = junk
    return json.dumps(document)


def without(document: Any, path: FieldPath) -> str:
    """Text of the document with one field or item left out."""
    document = copy.deepcopy(document)
    del _parent(document, path)[path[-1]]
    return json.dumps(document)


def renamed(document: Any, path: FieldPath, name: str) -> str:
    """Text of the document with one field under another name."""
    document = copy.deepcopy(document)
    parent = _parent(document, path)
    parent[name] = parent.pop(path[-1])
    return json.dumps(document)


def assert_helpful(refusal: InputError, path: Path, fields: set[str]) -> None:
    """A refusal of a file names the file, a field of the format for each problem, and what is allowed there."""
    assert str(refusal).startswith(f"{path}: ")
    assert refusal.problems
    for problem in refusal.problems:
        assert problem.allowed
        root = problem.field.split(".")[0].split("[")[0]
        assert root in fields or "an unknown field" in problem.found or problem.allowed in ("none", "valid JSON")


def variants(document: Any, path: FieldPath) -> Iterator[str]:
    """Texts of the document with one place spoilt in every way: junk, nothing at all, another name."""
    for junk in JUNK:
        yield spoilt(document, path, junk)
    yield without(document, path)
    if isinstance(path[-1], str):
        yield renamed(document, path, f"{path[-1]}s")
        yield renamed(document, path, "")


def some(texts: Iterator[str], turn: int) -> Iterator[str]:
    """One text in six, others at each turn; all of them in the thorough profile."""
    is_thorough = settings.get_current_profile_name() == THOROUGH
    return texts if is_thorough else itertools.islice(texts, turn % 6, None, 6)


@st.composite
def spoilt_at_several_places(draw: st.DrawFn, document: Any) -> Any:
    """The document with up to four places spoilt at once."""
    for path in draw(st.lists(st.sampled_from(paths_of(document)), min_size=1, max_size=4)):
        junk = draw(st.sampled_from(JUNK) | st.integers() | st.floats() | st.text(max_size=5))
        try:
            document = json.loads(spoilt(document, path, junk))
        except (KeyError, IndexError, TypeError):
            continue  # An earlier change took the place away.
    return document


def _parent(document: Any, path: FieldPath) -> Any:
    for part in path[:-1]:
        document = document[part]
    return document
