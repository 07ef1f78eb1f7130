"""Every field of an instance file spoilt in every way: a clear error that names a field, or a valid instance."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from rocoin_opt.errors import InputError
from rocoin_opt.failure.validity import check
from rocoin_opt.instance.files import instance_schema, read_instance
from rocoin_opt.instance.model import Instance
from rocoin_opt.plan.model import Plan
from spoil import assert_helpful, paths_of, some, spoilt_at_several_places, variants
from strategies import full_instance_document

if TYPE_CHECKING:
    from pathlib import Path

DOCUMENT = full_instance_document()
PATHS = paths_of(DOCUMENT)
# Other devices differ from the first in their laws alone.
FIRST_PATHS = [path for path in PATHS if path[:1] != ("devices",) or path[1:2] in ((), (0,)) or "slowdown" in str(path)]
SCHEMA = Draft202012Validator(instance_schema())
FIELDS = set(Instance.model_fields) | {"format", "version"}


def read_or_refuse(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    try:
        instance = read_instance(path)
    except InputError as error:
        refusal = error
    else:
        # Whatever is accepted also keeps the schema, and can be worked with.
        assert SCHEMA.is_valid(json.loads(text))
        assert len(instance.sha256) == 64
        assert instance.arrays.largest.shape == (len(instance.devices), len(instance.students))
        assert check(instance, Plan(groups=()))
        return
    assert_helpful(refusal, path, FIELDS)


@pytest.mark.filterwarnings("ignore::rocoin_opt.errors.UnitWarning")
@pytest.mark.parametrize(
    "path",
    [path if path in FIRST_PATHS else pytest.param(path, marks=pytest.mark.slow) for path in PATHS],
    ids=lambda path: ".".join(map(str, path)),
)
def test_every_field_with_every_kind_of_junk(tmp_path: Path, path: tuple[str | int, ...]) -> None:
    for text in some(variants(DOCUMENT, path), PATHS.index(path)):
        read_or_refuse(tmp_path / "i.json", text)


@given(document=spoilt_at_several_places(DOCUMENT))
def test_several_fields_at_once(tmp_path: Path, document: Any) -> None:
    read_or_refuse(tmp_path / "i.json", json.dumps(document))


@given(st.data())
def test_any_cut_or_changed_byte(tmp_path: Path, data: st.DataObject) -> None:
    text = json.dumps(DOCUMENT)
    position = data.draw(st.integers(0, len(text) - 1))
    cut = data.draw(st.booleans())
    changed = text[:position] if cut else text[:position] + data.draw(st.characters()) + text[position + 1 :]
    read_or_refuse(tmp_path / "i.json", changed)
