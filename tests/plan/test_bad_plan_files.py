"""Every field of a plan file spoilt in every way: a clear error that names a field, or a document to check."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from rocoin_opt.errors import InputError
from rocoin_opt.instance.model import Instance
from rocoin_opt.plan.check import check
from rocoin_opt.plan.files import PlanDocument, plan_schema, read_plan_document
from spoil import JUNK, paths_of, renamed, spoilt, without
from strategies import full_instance_document, full_plan_document

if TYPE_CHECKING:
    from pathlib import Path

DOCUMENT = full_plan_document()
PATHS = paths_of(DOCUMENT)
FIELDS = set(PlanDocument.model_fields) | {"format", "version"}
SCHEMA = Draft202012Validator(plan_schema())
INSTANCE = Instance.model_validate(
    {key: value for key, value in full_instance_document().items() if key not in ("format", "version")}
)


def read_or_refuse(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    try:
        document = read_plan_document(path)
    except InputError as error:
        refusal = error
    else:
        # Whatever is accepted also keeps the schema, and can be checked.
        assert SCHEMA.is_valid(json.loads(text))
        for violation in check(INSTANCE, document.plan):
            assert str(violation)
        return
    assert str(refusal).startswith(f"{path}: ")
    assert refusal.problems
    for problem in refusal.problems:
        assert problem.allowed
        root = problem.field.split(".")[0].split("[")[0]
        assert root in FIELDS or "an unknown field" in problem.found or problem.allowed in ("none", "valid JSON")


@pytest.mark.parametrize("path", PATHS, ids=lambda path: ".".join(map(str, path)))
def test_every_field_with_every_kind_of_junk(tmp_path: Path, path: tuple[str | int, ...]) -> None:
    file = tmp_path / "p.json"
    for junk in JUNK:
        read_or_refuse(file, spoilt(DOCUMENT, path, junk))
    read_or_refuse(file, without(DOCUMENT, path))
    if isinstance(path[-1], str):
        read_or_refuse(file, renamed(DOCUMENT, path, f"{path[-1]}s"))


@given(st.data())
def test_several_fields_at_once(tmp_path: Path, data: st.DataObject) -> None:
    document = DOCUMENT
    for path in data.draw(st.lists(st.sampled_from(PATHS), min_size=1, max_size=4)):
        try:
            document = json.loads(
                spoilt(document, path, data.draw(st.sampled_from(JUNK) | st.integers() | st.floats()))
            )
        except (KeyError, IndexError, TypeError):
            continue  # An earlier change took the place away.
    read_or_refuse(tmp_path / "p.json", json.dumps(document))
