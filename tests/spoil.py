"""Spoils JSON documents, one field at a time."""

from __future__ import annotations

import copy
import json
from typing import Any

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


def _parent(document: Any, path: FieldPath) -> Any:
    for part in path[:-1]:
        document = document[part]
    return document
