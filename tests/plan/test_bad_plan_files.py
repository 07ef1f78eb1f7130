"""Every field of a plan file spoilt in every way: a clear error that names a field, or a document to check."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator

from rocoin_opt.errors import InputError
from rocoin_opt.failure.validity import check
from rocoin_opt.instance.model import Instance
from rocoin_opt.plan.files import PlanDocument, plan_schema, read_plan_document
from spoil import assert_helpful, paths_of, some, spoilt_at_several_places, variants
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
    assert_helpful(refusal, path, FIELDS)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: ".".join(map(str, path)))
def test_every_field_with_every_kind_of_junk(tmp_path: Path, path: tuple[str | int, ...]) -> None:
    for text in some(variants(DOCUMENT, path), PATHS.index(path)):
        read_or_refuse(tmp_path / "p.json", text)


@given(document=spoilt_at_several_places(DOCUMENT))
def test_several_fields_at_once(tmp_path: Path, document: Any) -> None:
    read_or_refuse(tmp_path / "p.json", json.dumps(document))
