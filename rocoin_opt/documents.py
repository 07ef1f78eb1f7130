"""JSON documents: strict reading, faults named by field, canonical form.

Instances and plans are documents of a ``format`` and a ``version``. This module owns what both share: the refusal of
duplicate and unknown fields, of NaN and of unknown versions. What is wrong with data, from a file or from Python, is
told in the words of ``faults.py``.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, WrapValidator

from rocoin_opt.errors import InputError, Problem
from rocoin_opt.faults import MAX_PROBLEMS_SHOWN as MAX_PROBLEMS_SHOWN
from rocoin_opt.faults import described_fault as described_fault
from rocoin_opt.faults import fault as fault
from rocoin_opt.faults import json_fault
from rocoin_opt.faults import problems_of as problems_of
from rocoin_opt.faults import shown as shown
from rocoin_opt.wording import cause_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic import ValidatorFunctionWrapHandler

MAX_DOCUMENT_BYTES = 2**25
"""Largest document that is read."""
MAX_PARTS = 6_000_000
"""Most values in a document: a list counts as two more, an object as eight more and each of its fields as four more.
One takes up some 40 bytes once it is parsed, and no more than twice that when it is validated. Room for a million
edges, and for 100,000 devices."""
MAX_FIELDS = 1000
"""Most fields of an object."""
SLICE = 20
"""Items of a list that are validated at a time."""


class Model(BaseModel):
    """Base of all validated data: frozen, closed to unknown fields, and valid however it is made or copied."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True, revalidate_instances="always"
    )

    if not TYPE_CHECKING:

        def __init__(self, /, **fields: Any) -> None:
            try:
                super().__init__(**fields)
            except ValidationError as error:
                raise InputError(type(self).__name__, problems_of(error, fields, type(self))) from None

        # Without the mark the core would call this for data inside of data, whose faults are told from outside.
        __init__.__pydantic_base_init__ = True

    def with_fields(self, **fields: Any) -> Self:
        """Copy with some fields replaced, validated anew.

        Parameters
        ----------
        **fields
            New values by field.

        Raises
        ------
        InputError
            Naming every faulty field, what was found and what is allowed.
        """
        values = {name: getattr(self, name) for name in self.model_fields_set} | fields
        return validate(type(self), values, type(self).__name__, self._beside())

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Copy, deeply if so asked; what is updated is validated as by :meth:`with_fields`.

        Parameters
        ----------
        update : mapping, optional
            New values by field.
        deep : bool
            Whether inner data is copied, too.
        """
        copy = super().model_copy(deep=deep)
        return copy.with_fields(**update) if update else copy

    def _replace(self, fields: Mapping[str, Any]) -> Self:
        """Copy with some fields replaced and nothing validated: for searches that make many, of valid values."""
        copy: Self = super().model_copy(update=fields)
        return copy

    def _beside(self) -> dict[str, Any] | None:
        """What belongs to the data and stands in none of its fields, as the context of a validation."""
        return None

    def __dir__(self) -> Iterable[str]:
        """Leave Pydantic's own methods out of completion; they work all the same."""
        own = set(dir(BaseModel)) - set(dir(object)) - {"model_copy"}
        return [name for name in super().__dir__() if name not in own]

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        """Show the fields that differ from their defaults."""
        fields = type(self).model_fields
        return [(name, value) for name in fields if (value := getattr(self, name)) != fields[name].default]


ModelT = TypeVar("ModelT", bound=Model)
ItemT = TypeVar("ItemT")


def _in_slices(items: Any, validated: ValidatorFunctionWrapHandler) -> Any:
    """Validate a long list until enough faults are known: each takes up far more memory than its item."""
    if isinstance(items, BaseModel):
        # It would pass for the list of its fields.
        raise described_fault("", f"one {type(items).__name__}", "a list")
    if not isinstance(items, list | tuple) or len(items) <= SLICE:
        return validated(items)
    found: list[Any] = []
    faults, end = 0, 0
    while end < len(items) and faults <= MAX_PROBLEMS_SHOWN:
        start, end = end, end + SLICE
        try:
            found += validated(items[start:end])
        except ValidationError as error:
            faults += error.error_count()
    # Once more from the start, so that places are told as they are.
    return validated(items[:end]) if faults else tuple(found)


Items: TypeAlias = Annotated[tuple[ItemT, ...], WrapValidator(_in_slices)]
"""A list of any length: where very many items are faulty, the first are told."""


def validate(model: type[ModelT], data: object, source: str, context: dict[str, Any] | None = None) -> ModelT:
    """Validate plain data against a model.

    Parameters
    ----------
    model : type of Model
        What the data should be.
    data : object
        Plain data, as JSON gives it.
    source : str
        File or object that holds it, for the faults.
    context : dict, optional
        What validators are told.

    Raises
    ------
    InputError
        With one problem per faulty field.
    """
    try:
        return model.model_validate(data, context=context)
    except ValidationError as error:
        raise InputError(source, problems_of(error, data, model)) from None


def read_document(path: str | Path, kind: str, version: int) -> dict[str, Any]:
    """Read a JSON document and check its ``format`` and ``version``, which are taken off the returned fields.

    Parameters
    ----------
    path : str or Path
        The file.
    kind, version : str, int
        What its ``format`` and ``version`` have to be.

    Raises
    ------
    InputError
        If the file cannot be read, is no JSON object, repeats a key, holds NaN, or is of another format or version.
    """
    source = os.fspath(path)
    return parse_document(read_text(path), source, kind, version)


def read_text(path: str | Path, max_bytes: int | None = None) -> str:
    """Read the text of a document of bounded size.

    Raises
    ------
    InputError
        If the file cannot be read, is larger than ``max_bytes``, or ``MAX_DOCUMENT_BYTES`` without, or is no UTF-8.
    """
    source = os.fspath(path)
    max_bytes = MAX_DOCUMENT_BYTES if max_bytes is None else max_bytes
    allowed = "a readable UTF-8 file"
    try:
        with Path(path).open("rb") as stream:
            # One byte more tells too large, of a pipe without a size too.
            content = stream.read(max_bytes + 1)
    except FileNotFoundError:
        raise InputError(source, [Problem("", "no such file", "a readable file")]) from None
    except (OSError, ValueError) as error:
        # A name with a null byte, or with half a character, is no name.
        raise InputError(source, [Problem("", cause_of(error), allowed)]) from None
    if len(content) > max_bytes:
        found = f"more than {max_bytes} bytes"
        raise InputError(source, [Problem("", found, f"at most {max_bytes} bytes")])
    try:
        # Editors on Windows put a byte order mark in front.
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(source, [Problem("", cause_of(error), allowed)]) from None


def parse_document(text: str, source: str, kind: str, version: int) -> dict[str, Any]:
    """Parse the text of a JSON document and check its ``format`` and ``version``, which are taken off the fields.

    Parameters
    ----------
    text : str
        The document.
    source : str
        File that holds it, for the faults.
    kind, version : str, int
        What its ``format`` and ``version`` have to be.

    Raises
    ------
    InputError
        If the text is no JSON object, repeats a key, holds NaN, or is of another format or version.
    """
    data = parse_json(text, source)
    if not isinstance(data, dict):
        raise InputError(source, [Problem("", shown(data), "a JSON object")])
    header = {"format": kind, "version": version}
    for key, expected in header.items():
        found = data.pop(key, None)
        # True and 1.0 equal 1 in Python, but not in a file.
        if found != expected or type(found) is not type(expected):
            raise InputError(source, [Problem(key, "nothing" if found is None else shown(found), json.dumps(expected))])
    return data


def parse_json(text: str, source: str) -> Any:
    """Parse JSON of any kind as strictly as documents are read.

    Raises
    ------
    InputError
        If the text is no JSON, repeats a key, holds NaN, or holds more than ``MAX_PARTS`` values.
    """
    parts = text.count(",") + 2 * text.count("[") + 8 * text.count("{") + 4 * text.count(":")
    if parts > MAX_PARTS:
        found = f"{parts} values, a list counted as two more, an object as eight more, a field as four more"
        raise InputError(source, [Problem("", found, f"at most {MAX_PARTS}")])
    try:
        return json.loads(text, object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise InputError(source, [Problem("", json_fault(error), "valid JSON")]) from None
    except RecursionError:
        raise InputError(source, [Problem("", "JSON nested too deeply", "valid JSON")]) from None
    except ValueError as error:
        raise InputError(source, [Problem("", str(error), "valid JSON")]) from None


def document_schema(model: type[Model], kind: str, version: int) -> dict[str, Any]:
    """JSON Schema of a document: the model's schema with the ``format`` and ``version`` fields in front.

    Parameters
    ----------
    model : type of Model
        The fields of the document.
    kind, version : str, int
        Its ``format`` and ``version``.
    """
    schema = model.model_json_schema(mode="validation")
    header = {"format": {"const": kind, "type": "string"}, "version": {"const": version, "type": "integer"}}
    schema["properties"] = {**header, **schema["properties"]}
    schema["required"] = [*header, *schema.get("required", [])]
    schema["title"] = kind
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def canonical_json(data: object) -> str:
    """One-line JSON with sorted keys: equal data give equal text."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def readable_json(data: object, indent: str = "") -> str:
    """JSON for people: every object or array without inner ones stands on one line."""
    inner = indent + "  "
    if isinstance(data, dict) and any(isinstance(value, dict | list) for value in data.values()):
        rows = [f"{inner}{json.dumps(key)}: {readable_json(value, inner)}" for key, value in data.items()]
        return "{\n" + ",\n".join(rows) + f"\n{indent}}}"
    if isinstance(data, list) and any(isinstance(value, dict | list) for value in data):
        return "[\n" + ",\n".join(inner + readable_json(value, inner) for value in data) + f"\n{indent}]"
    return json.dumps(data, ensure_ascii=False, allow_nan=False)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        repeated = min(key for key, count in counts.items() if count > 1)
        raise ValueError(f"the key {shown(repeated)} twice in one object")
    if len(pairs) > MAX_FIELDS:
        raise ValueError(f"an object of {len(pairs)} fields, of {MAX_FIELDS} at most")
    return result


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name}, which is not a number")
