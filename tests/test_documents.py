"""Reading and writing JSON documents: what is refused and in which words, and what a failed write leaves behind."""

from __future__ import annotations

import json
import tracemalloc
from typing import TYPE_CHECKING, Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, model_validator

from rocoin_opt.documents import (
    MAX_PARTS,
    MAX_PROBLEMS_SHOWN,
    Items,
    Model,
    canonical_json,
    document_schema,
    fault,
    parse_document,
    read_document,
    readable_json,
    validate,
)
from rocoin_opt.errors import InputError, Problem, RocoinError
from rocoin_opt.instance.fields import Index
from rocoin_opt.wording import printable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Self

# Controls, quotes, separators of lines, and one character of each length in UTF-8.
TEXT = st.text(st.sampled_from('ab\x00\n\x1f "\\/\x7f\x85é\u2028\ufeff\uffff😀'), max_size=6)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


class Point(Model):
    """A model to read."""

    name: Annotated[str, Field(min_length=1)]
    values: Annotated[tuple[Annotated[float, Field(strict=True)], ...], Field(min_length=1)] = (1.0,)

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        for position in range(1, len(self.values)):
            if self.values[position] < self.values[position - 1]:
                raise fault(f"values[{position}]", self.values[position], "ascending values")
        return self


class Outer(Model):
    """A model around another."""

    point: Point


def refusal(text: str) -> str:
    with pytest.raises(InputError) as caught:
        parse_document(text, "f.json", "test/thing", 1)
    return str(caught.value)


def problems(model: type[Model], data: Any) -> list[str]:
    with pytest.raises(InputError) as caught:
        validate(model, data, "f.json")
    assert isinstance(caught.value, RocoinError)
    assert isinstance(caught.value, ValueError)
    return str(caught.value).splitlines()


def test_the_header_is_taken_off() -> None:
    text = '{"format": "test/thing", "version": 1, "name": "a"}'
    assert parse_document(text, "f.json", "test/thing", 1) == {"name": "a"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "f.json: found nothing but blanks; allowed: valid JSON"),
        ("[1, 2]", "f.json: found [1, 2]; allowed: a JSON object"),
        ("NaN", "f.json: found NaN, which is not a number; allowed: valid JSON"),
        ('{"a": Infinity}', "f.json: found Infinity, which is not a number; allowed: valid JSON"),
        ('{"a": [-Infinity]}', "f.json: found -Infinity, which is not a number; allowed: valid JSON"),
        ('{"a": {"b": 1, "b": 2}}', 'f.json: found the key "b" twice in one object; allowed: valid JSON'),
        ("{}", 'f.json: format: found nothing; allowed: "test/thing"'),
        ('{"format": "other"}', 'f.json: format: found "other"; allowed: "test/thing"'),
        ('{"format": "test/thing"}', "f.json: version: found nothing; allowed: 1"),
        ('{"format": "test/thing", "version": 2}', "f.json: version: found 2; allowed: 1"),
        ('{"format": "test/thing", "version": "1"}', 'f.json: version: found "1"; allowed: 1'),
        ('{"format": "test/thing", "version": true}', "f.json: version: found true; allowed: 1"),
        ("[" * 100_000, "f.json: found JSON nested too deeply; allowed: valid JSON"),
    ],
)
def test_a_text_that_is_no_document_is_refused(text: str, message: str) -> None:
    assert refusal(text) == message


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a": 1,\n "b": 2\n "c": 3}', 'a comma missing after line 2: "b": 2'),
        ('{"a": [{"x": 1} {"x": 2}]}', 'a comma missing before column 17 of line 1: {"a": [{"x": 1} {"x": 2}]}'),
        ('{"a": [1,\n 2,\n]}', "one comma too many before ] in line 3: 2,"),
        ('{"a": 1,\n}', 'one comma too many before } in line 2: {"a": 1,'),
        ('{"a": 1,, "b": 2}', 'two commas in a row in line 1: {"a": 1,, "b": 2}'),
        ('{"a": [1,, 2]}', 'two commas in a row in line 1: {"a": [1,, 2]}'),
        ('{"a": [{"b": 1}\n', 'a text that ends in line 1 before all brackets or quotes are closed: {"a": [{"b": 1}'),
        ('{"a": 1,', 'a text that ends in line 1 before all brackets or quotes are closed: {"a": 1,'),
        ('{"a": "b,\n "c": 1}', 'a text without its closing quote in line 1: {"a": "b,'),
        ('{"a": "b}', 'a text without its closing quote in line 1: {"a": "b}'),
        ("{'a': 1}", "single quotes in line 1, where texts stand in double ones: {'a': 1}"),
        ('{"a": 1, // one\n"b": 2}', 'a comment in line 1, which JSON does not have: {"a": 1, // one'),
        ('{"a": 0,5}', 'a decimal comma in line 1, where a point has to stand: {"a": 0,5}'),
        ('{"a": True}', 'the word True without quotes in line 1: {"a": True}'),
        ("{a: 1}", "no name of a field in double quotes at column 2 of line 1: {a: 1}"),
        ('{"a" 1}', 'no colon behind the name of a field in line 1: {"a" 1}'),
        ("{} {}", "more behind the end of the document, in line 1: {} {}"),
        ('{"a": }', 'no value at column 7 of line 1: {"a": }'),
        ('{"a": [1}}', 'no comma or closing bracket at column 9 of line 1: {"a": [1}}'),
        ('{"a": "\\q"}', 'Invalid \\escape at line 1, column 8: {"a": "\\q"}'),
        ('{"a": 1,\n"b": ' + "[" + "1, " * 400 + "x]}", "the word x without quotes in line 2: " + "1, " * 13 + "x]}"),
    ],
)
def test_a_slip_in_json_is_told_with_its_line(text: str, found: str) -> None:
    assert refusal(text) == printable(f"f.json: found {found}; allowed: valid JSON")


class Shares(Model):
    """Shares and sizes."""

    below: Annotated[float, Field(strict=True, ge=0.0, lt=1.0)] = 0.0
    most: Annotated[float, Field(strict=True, ge=0.0, le=1.0)] = 0.0
    size: Annotated[float, Field(strict=True, le=50.0)] = 0.0
    count: Index = 0


@pytest.mark.parametrize(
    ("field", "value", "end"),
    [
        ("below", 12, "found 12; allowed: a number below 1; 12 % is 0.12"),
        ("most", 99.5, "found 99.5; allowed: a number of at most 1; 99.5 % is 0.995"),
        ("below", 1.0, "found 1.0; allowed: a number below 1"),
        ("most", 101, "found 101; allowed: a number of at most 1"),
        ("size", 51.0, "found 51.0; allowed: a number of at most 50"),
        ("below", "12 %", 'found "12 %"; allowed: a number; 12 % is 0.12'),
        ("below", "2,5%", 'found "2,5%"; allowed: a number; 2,5% is 0.025'),
        ("below", "0,05", 'found "0,05"; allowed: a number; write 0.05, without quotes'),
        ("size", "7.5", 'found "7.5"; allowed: a number; write 7.5, without quotes'),
        ("count", "3", 'found "3"; allowed: a whole number; write 3, without quotes'),
        ("size", "1,000", 'found "1,000"; allowed: a number'),
        ("size", "many", 'found "many"; allowed: a number'),
    ],
)
def test_how_a_number_is_written_is_told(field: str, value: object, end: str) -> None:
    assert problems(Shares, {field: value}) == [f"f.json: {field}: {end}"]


def test_a_number_of_thousands_of_digits_is_refused() -> None:
    assert refusal('{"version": ' + "1" * 5000 + "}").endswith("allowed: valid JSON")


@pytest.mark.parametrize("depth", [100, 900, 930, 960, 970, 980, 985, 990])
def test_junk_of_any_depth_is_refused(depth: int) -> None:
    # Whether the parser or the message gives up first depends on the depth; neither may let the error through.
    text = '{"format": "test/thing", "version": 1, "name": ' + "[" * depth + "]" * depth + "}"
    with pytest.raises(InputError):
        validate(Point, parse_document(text, "f.json", "test/thing", 1), "f.json")


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    missing = tmp_path / "missing.json"
    with pytest.raises(InputError, match=r"missing\.json: found no such file; allowed: a readable file"):
        read_document(missing, "test/thing", 1)
    with pytest.raises(InputError, match="allowed: a readable UTF-8 file"):
        read_document(tmp_path, "test/thing", 1)
    latin = tmp_path / "latin.json"
    latin.write_bytes(b'{"name": "\xe9"}')
    with pytest.raises(InputError, match="allowed: a readable UTF-8 file"):
        read_document(latin, "test/thing", 1)


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        ({}, "name: found nothing; allowed: this field is required"),
        ({"name": ""}, 'name: found ""; allowed: a text of at least 1 character'),
        ({"name": 3}, "name: found 3; allowed: a text"),
        (
            {"name": "a", "vales": [1]},
            "vales: found an unknown field; allowed: only the fields of the format; did you mean values?",
        ),
        (
            {"name": "a", "values": [1], "zzz": 1},
            "zzz: found an unknown field; allowed: only the fields of the format",
        ),
        ({"name": "a", "values": []}, "values: found []; allowed: a list of at least 1 item"),
        ({"name": "a", "values": 1}, "values: found 1; allowed: a list"),
        ({"name": "a", "values": ["x"]}, 'values[0]: found "x"; allowed: a number'),
        ({"name": "a", "values": [1, 0]}, "values[1]: found 0.0; allowed: ascending values"),
        ({"name": "a", "values": [1e999]}, "values[0]: found Infinity; allowed: a finite number"),
        ([], "found []; allowed: a JSON object"),
    ],
)
def test_faults_are_named(data: Any, fault: str) -> None:
    assert problems(Point, data) == [f"f.json: {fault}"]


def test_the_path_of_a_rule_below_another_object() -> None:
    data = {"point": {"name": "a", "values": [1, 0]}}
    assert problems(Outer, data) == ["f.json: point.values[1]: found 0.0; allowed: ascending values"]


def test_only_the_first_of_many_problems_are_listed() -> None:
    lines = problems(Point, {"name": None, "values": [None] * 50})
    assert len(lines) == MAX_PROBLEMS_SHOWN + 1
    assert lines[-1] == "f.json: found at least 31 more problems; allowed: none"


class Many(Model):
    """Lists as data classes have them."""

    points: Items[Point]
    counts: Items[Items[Index]] = ()


def test_faults_of_a_long_list_are_told_with_their_places() -> None:
    points: list[Any] = [{"name": "a", "values": [1]} for _ in range(1000)]
    assert len(validate(Many, {"points": points}, "f.json").points) == 1000
    points[503] = {"name": "a", "values": [1, 0]}
    points[999] = {"name": 3, "values": [1]}
    assert problems(Many, {"points": points, "counts": [[]] * 30 + [[0] * 90 + ["x"]]}) == [
        "f.json: points[503].values[1]: found 0.0; allowed: ascending values",
        "f.json: points[999].name: found 3; allowed: a text",
        'f.json: counts[30][90]: found "x"; allowed: a whole number',
    ]


def test_a_million_faults_are_not_all_made() -> None:
    data = {"points": [{}] * 500_000}
    tracemalloc.start()
    lines = problems(Many, data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert lines[MAX_PROBLEMS_SHOWN:] == ["f.json: found at least 20 more problems; allowed: none"]
    assert peak < 2**20


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    marked = tmp_path / "marked.json"
    marked.write_bytes(b'\xef\xbb\xbf{"format": "test/thing", "version": 1, "name": "a"}')
    assert read_document(marked, "test/thing", 1) == {"name": "a"}


@pytest.mark.parametrize(
    "made",
    [
        lambda: "[{}" + ",{}" * (MAX_PARTS // 9) + "]",
        lambda: "[[]" + ",[]" * (MAX_PARTS // 3) + "]",
        lambda: "[0" + ",0" * MAX_PARTS + "]",
        lambda: "{" + '"0":0,' * (MAX_PARTS // 5) + '"1":0}',
    ],
    ids=["objects", "lists", "numbers", "fields"],
)
def test_more_values_than_any_document_has_are_refused_unread(made: Callable[[], str]) -> None:
    text = made()
    tracemalloc.start()
    assert f"allowed: at most {MAX_PARTS}" in refusal(text)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**20


def test_an_object_of_very_many_fields_is_refused() -> None:
    assert "an object of 1001 fields, of 1000 at most" in refusal(json.dumps(dict.fromkeys(map(str, range(1001)))))


def test_no_message_grows_with_the_file() -> None:
    huge = "x" * 10**6
    for data in ({huge: 0}, {"name": [huge] * 50}, {"name": {huge: huge}}, {"name": "a", "values": {huge: [huge]}}):
        assert len("".join(problems(Point, data))) < 1000
    assert len(refusal(f'{{"{huge}": 1, "{huge}": 1}}')) < 1000


def test_long_values_are_cut_short() -> None:
    (line,) = problems(Point, {"name": ["x" * 1000]})
    assert len(line) < 120
    assert "…" in line


def test_values_that_only_python_can_hold_are_shown_as_python_shows_them() -> None:
    circle: list[Any] = []
    circle.append(circle)
    assert problems(Point, {"name": {3}}) == ["f.json: name: found {3}; allowed: a text"]
    assert problems(Point, {"name": circle}) == ["f.json: name: found [[...]]; allowed: a text"]


def test_an_error_keeps_its_parts() -> None:
    error = InputError("a.json", [Problem("b", "1", "2"), Problem("", "3", "4")])
    assert error.source == "a.json"
    assert error.problems == (Problem("b", "1", "2"), Problem("", "3", "4"))
    assert str(error) == "a.json: b: found 1; allowed: 2\na.json: found 3; allowed: 4"


@given(JSON)
def test_readable_json_says_the_same(data: Any) -> None:
    assert json.loads(readable_json(data)) == data


def test_readable_json_keeps_simple_objects_on_one_line() -> None:
    data = {"name": "a", "groups": [{"id": 1, "of": [1, 2]}, {"id": 2}], "empty": []}
    assert readable_json(data) == (
        '{\n  "name": "a",\n  "groups": [\n    {\n      "id": 1,\n      "of": [1, 2]\n    },\n    {"id": 2}\n  ],\n'
        '  "empty": []\n}'
    )


@given(st.dictionaries(TEXT, st.integers()))
def test_canonical_json_forgets_the_order(data: dict[str, int]) -> None:
    assert canonical_json(data) == canonical_json(dict(reversed(data.items())))


@pytest.mark.parametrize("write", [canonical_json, readable_json])
def test_nan_is_never_written(write: Any) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write({"a": float("nan")})


def test_the_schema_has_the_header_in_front() -> None:
    schema = document_schema(Point, "test/thing", 1)
    assert list(schema["properties"]) == ["format", "version", "name", "values"]
    assert schema["required"] == ["format", "version", "name"]
    assert schema["additionalProperties"] is False


def test_a_version_is_a_whole_number(tmp_path):
    (tmp_path / "d.json").write_text('{"format": "kind", "version": 1.0}')
    with pytest.raises(InputError, match=r"version: found 1\.0; allowed: 1"):
        read_document(tmp_path / "d.json", "kind", 1)


def test_names_cannot_break_lines_or_terminals():
    assert printable("a\nb\x1b[31m ä") == "a\\nb\\x1b[31m ä"
    assert "\n" not in str(Problem("x\ny", "\x1b", "z"))
