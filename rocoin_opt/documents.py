"""JSON documents: strict reading, faults named by field, canonical form.

Instances and plans are documents of a ``format`` and a ``version``. This module owns what both share: the refusal of
duplicate and unknown fields, of NaN and of unknown versions, and the translation of a validation fault into one
line that names file, field, what was found and what is allowed.
"""

from __future__ import annotations

import difflib
import json
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError, WrapValidator
from pydantic_core import PydanticCustomError

from rocoin_opt.errors import InputError, Problem
from rocoin_opt.wording import cause_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pydantic import ValidatorFunctionWrapHandler

MAX_DOCUMENT_BYTES = 2**25
"""Largest document that is read."""
MAX_PARTS = 6_000_000
"""Most values in a document: a list counts as two more, an object as eight more and each of its fields as four more.
One takes up some 40 bytes once it is parsed, and no more than twice that when it is validated. Room for a million
edges, and for 100,000 devices."""
MAX_FIELDS = 1000
"""Most fields of an object."""
MAX_PROBLEMS_SHOWN = 20
SLICE = 20
"""Items of a list that are validated at a time."""
MAX_FOUND_CHARACTERS = 80

ALLOWED = {
    "extra_forbidden": "only the fields of the format",
    "float_type": "a number",
    "greater_than": "a number above {gt:.12g}",
    "greater_than_equal": "a number of at least {ge:.12g}",
    "int_type": "a whole number",
    "less_than": "a number below {lt:.12g}",
    "less_than_equal": "a number of at most {le:.12g}",
    "missing": "this field is required",
    "model_attributes_type": "a JSON object",
    "model_type": "a JSON object",
    "string_too_short": "a text of at least {min_length} character",
    "string_type": "a text",
    "too_long": "a list of at most {max_length} items",
    "too_short": "a list of at least {min_length} item",
    "tuple_type": "a list",
    "union_tag_invalid": "{discriminator} one of {expected_tags}",
    "union_tag_not_found": "an object with the field {discriminator}",
}
"""What is allowed, by pydantic's kind of error, where pydantic's own words are about Python and not about files."""


class Model(BaseModel):
    """Base of all validated data: frozen, and closed to unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


ModelT = TypeVar("ModelT", bound=Model)
ItemT = TypeVar("ItemT")


def _in_slices(items: Any, validated: ValidatorFunctionWrapHandler) -> Any:
    """Validate a long list until enough faults are known: each takes up far more memory than its item."""
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


def fault(field: str, found: object, allowed: str) -> PydanticCustomError:
    """Make the error that a validator raises for a rule over several fields.

    Parameters
    ----------
    field : str
        Path of the faulty field below the model whose validator raises.
    found : object
        The value that stands there.
    allowed : str
        What may stand there.
    """
    return described_fault(field, shown(found), allowed)


def described_fault(field: str, description: str, allowed: str) -> PydanticCustomError:
    """Make the error of :func:`fault` with words for what was found, where no single value says it.

    Parameters
    ----------
    field : str
        Path of the field within the model; empty for the model as a whole.
    description : str
        What stands there, in words.
    allowed : str
        What may stand there.
    """
    return PydanticCustomError(
        "rule", "{allowed}", {"field": field, "found": _shorten(description), "allowed": allowed}
    )


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


def problems_of(error: ValidationError, data: object, model: type[Model]) -> list[Problem]:
    """Translate a pydantic error into problems with readable field paths, the first few of many.

    Parameters
    ----------
    error : ValidationError
        What pydantic found.
    data : object
        The data that it looked at.
    model : type of Model
        The model that it looked for; its fields are what an unknown one may stand for.
    """
    details = error.errors(include_url=False)
    # A list whose every item is faulty is also reported as too short; the items' faults say it better.
    details = [d for d in details if d["type"] != "too_short" or not _has_inner(d["loc"], details)]
    problems = [_problem(detail, data, model) for detail in details[:MAX_PROBLEMS_SHOWN]]
    left_out = len(details) - len(problems)
    if left_out:
        problems.append(Problem("", f"at least {left_out} more problems", "none"))
    return problems


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
        found = f"{error.msg} at line {error.lineno}, column {error.colno}"
        raise InputError(source, [Problem("", found, "valid JSON")]) from None
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


def _problem(detail: Any, data: object, model: type[Model]) -> Problem:
    where = _path(detail["loc"], data)
    if detail["type"] == "rule":
        rule = detail["ctx"]
        return Problem(_join(where, rule["field"]), rule["found"], rule["allowed"])
    found = {"missing": "nothing", "extra_forbidden": "an unknown field"}.get(detail["type"], shown(detail["input"]))
    template = ALLOWED.get(detail["type"])
    if template is None:
        return Problem(where, found, detail["msg"].removeprefix("Input should be "))
    meant = _meant(detail["loc"], model) if detail["type"] == "extra_forbidden" else ""
    return Problem(where, found, template.format_map(detail.get("ctx", {})) + meant)


def _meant(location: tuple[int | str, ...], model: type[Model]) -> str:
    """The field that an unknown one may stand for, as a question; nothing where none is like it."""
    models = {model}
    for step in location[:-1]:
        # A place in a list and the tag of a union are no fields, and leave the models as they are.
        fields = [outer.model_fields[step] for outer in models if step in outer.model_fields]
        models = {inner for field in fields for inner in _models_in(field.annotation)} or models
    name, known = str(location[-1]), sorted({field for inner in models for field in inner.model_fields})
    if len(name) > MAX_FOUND_CHARACTERS:
        return ""
    like = [field for field in known if name and field.startswith(name)] or difflib.get_close_matches(name, known)
    return f"; did you mean {like[0]}?" if like else ""


def _models_in(annotation: Any) -> set[type[Model]]:
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return {annotation}
    return {model for inner in get_args(annotation) for model in _models_in(inner)}


def _has_inner(location: tuple[int | str, ...], details: list[Any]) -> bool:
    return any(len(d["loc"]) > len(location) and d["loc"][: len(location)] == location for d in details)


def _path(location: tuple[int | str, ...], data: object) -> str:
    path = ""
    for position, part in enumerate(location):
        if isinstance(part, int):
            path = f"{path}[{part}]"
            data = data[part] if isinstance(data, list | tuple) and part < len(data) else None
            continue
        inner = data.get(part) if isinstance(data, dict) else None
        # pydantic names the chosen member of a tagged union by its tag, which is a value of the file and no field.
        is_tag = isinstance(data, dict) and inner is None and part in _texts(data.values())
        if is_tag and position + 1 < len(location):
            continue
        path, data = _join(path, _shorten(part)), inner
    return path


def _texts(values: Iterable[object]) -> Iterator[str]:
    return (value for value in values if isinstance(value, str))


def _join(path: str, field: str) -> str:
    return f"{path}.{field}" if path and field else path or field


def shown(value: object) -> str:
    """Write a value as JSON does, cut short, for messages."""
    try:
        text = ""
        # Piece by piece: to write all of a large or deep value, and cut it then, would take long.
        for piece in json.JSONEncoder(ensure_ascii=False).iterencode(value):
            text += piece
            if len(text) > MAX_FOUND_CHARACTERS:
                break
    except (TypeError, ValueError):
        text = repr(value)
    return _shorten(text)


def _shorten(text: str) -> str:
    return text if len(text) <= MAX_FOUND_CHARACTERS else text[: MAX_FOUND_CHARACTERS - 1] + "…"


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
