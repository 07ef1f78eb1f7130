"""Faults of validation in words: which field, what was found there, and what may stand there."""

from __future__ import annotations

import difflib
import json
import re
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel
from pydantic_core import PydanticCustomError

from rocoin_opt.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pydantic import ValidationError

MAX_PROBLEMS_SHOWN = 20
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


def fault(field: str, found: object, allowed: str) -> PydanticCustomError:
    """Make the error that a validator raises for a rule over several fields.

    Parameters
    ----------
    field : str
        Path of the faulty field below the model whose validator raises.
    found : object
        The value that stands there.
    allowed : str
        What is allowed there.
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
        What is allowed there.
    """
    return PydanticCustomError(
        "rule", "{allowed}", {"field": field, "found": _shorten(description), "allowed": allowed}
    )


def problems_of(error: ValidationError, data: object, model: type[BaseModel]) -> list[Problem]:
    """Translate a pydantic error into problems with readable field paths, the first few of many.

    Parameters
    ----------
    error : ValidationError
        What pydantic found.
    data : object
        The data that it looked at.
    model : type of BaseModel
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


def _problem(detail: Any, data: object, model: type[BaseModel]) -> Problem:
    where = _path(detail["loc"], data)
    if detail["type"] == "rule":
        rule = detail["ctx"]
        return Problem(_join(where, rule["field"]), rule["found"], rule["allowed"])
    found = {"missing": "nothing", "extra_forbidden": "an unknown field"}.get(detail["type"], shown(detail["input"]))
    template = ALLOWED.get(detail["type"])
    if template is None:
        return Problem(where, found, detail["msg"].removeprefix("Input should be "))
    meant = _meant(detail["loc"], model) if detail["type"] == "extra_forbidden" else _written(detail)
    return Problem(where, found, template.format_map(detail.get("ctx", {})) + meant)


def _written(detail: Any) -> str:
    """How a share in per cent, or a number written as a text, is written here; nothing where neither is meant."""
    found, limits = detail["input"], detail.get("ctx", {})
    if detail["type"] in ("less_than", "less_than_equal"):
        is_share = limits.get("lt", limits.get("le")) == 1.0 and isinstance(found, int | float) and 1 < found <= 100
        return f"; {found:.12g} % is {found / 100:.12g}" if is_share else ""
    told = (
        re.fullmatch(r"([+-]?\d{1,15})(?:([.,])(\d{1,15}))?\s*(%?)", found.strip()) if isinstance(found, str) else None
    )
    if told is None or detail["type"] not in ("float_type", "int_type"):
        return ""
    whole, sign, part, percent = told.groups()
    if sign == "," and len(part) == 3 and int(whole):
        # A comma between thousands, maybe.
        return ""
    value = float(f"{whole}.{part or 0}")
    return f"; {told[0]} is {value / 100:.12g}" if percent else f"; write {value:.12g}, without quotes"


def _meant(location: tuple[int | str, ...], model: type[BaseModel]) -> str:
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


def _models_in(annotation: Any) -> set[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
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


def json_fault(error: json.JSONDecodeError) -> str:
    """Say what keeps a text from being JSON, in words for people who write files by hand, with the line shown."""
    text, place = error.doc, error.pos
    before = len(text[:place].rstrip()) - 1
    last, here = text[before : before + 1] if before >= 0 else "", text[place : place + 1]
    line, line_before = _line(text, place), _line(text, max(before, 0))
    # What the parser names, it names by its own grammar; what is meant shows from the signs around the place.
    if not text.strip():
        return "nothing but blanks"
    if not here:
        return (
            f"a text that ends in line {line_before} before all brackets or quotes are closed{_excerpt(text, before)}"
        )
    if "Unterminated string" in error.msg or "control character" in error.msg:
        # A line ended within a text, or the file did.
        return f"a text without its closing quote in line {line}{_excerpt(text, place)}"
    if last == "," and here in ("]", "}"):
        return f"one comma too many before {here} in line {line}{_excerpt(text, before)}"
    if "',' delimiter" in error.msg and (here in '"{[-' or here.isalnum()):
        where = f"after line {line_before}" if line_before < line else f"before column {error.colno} of line {line}"
        return f"a comma missing {where}{_excerpt(text, before)}"
    if last == here == ",":
        return f"two commas in a row in line {line}{_excerpt(text, place)}"
    if here == "'":
        return f"single quotes in line {line}, where texts stand in double ones{_excerpt(text, place)}"
    if here in ("/", "#"):
        return f"a comment in line {line}, which JSON does not have{_excerpt(text, place)}"
    word = re.match(r"[A-Za-z_]+", text[place : place + MAX_FOUND_CHARACTERS])
    if "Expecting value" in error.msg and word is not None:
        return f"the word {word[0]} without quotes in line {line}{_excerpt(text, place)}"
    if re.search(r":\s*-?\d+,$", text[max(before - MAX_FOUND_CHARACTERS, 0) : before + 1]) and here.isdigit():
        return f"a decimal comma in line {line}, where a point has to stand{_excerpt(text, before)}"
    if "property name" in error.msg:
        return f"no name of a field in double quotes at column {error.colno} of line {line}{_excerpt(text, place)}"
    if "':' delimiter" in error.msg:
        return f"no colon behind the name of a field in line {line}{_excerpt(text, before)}"
    if "Expecting value" in error.msg:
        return f"no value at column {error.colno} of line {line}{_excerpt(text, place)}"
    if "',' delimiter" in error.msg:
        return f"no comma or closing bracket at column {error.colno} of line {line}{_excerpt(text, place)}"
    if "Extra data" in error.msg:
        return f"more behind the end of the document, in line {line}{_excerpt(text, place)}"
    return f"{error.msg} at line {line}, column {error.colno}{_excerpt(text, place)}"


def _line(text: str, place: int) -> int:
    """Number of the line in which a place of a text lies, from 1."""
    return text.count("\n", 0, place) + 1


def _excerpt(text: str, place: int) -> str:
    """The line around a place of a text, or the part of a long one, behind a colon."""
    start = max(text.rfind("\n", 0, place) + 1, place - MAX_FOUND_CHARACTERS // 2)
    end = text.find("\n", place)
    line = text[start : len(text) if end < 0 else end][:MAX_FOUND_CHARACTERS].strip()
    return f": {line}" if line else ""
