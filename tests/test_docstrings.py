"""Public functions say what they take, give and raise, in the sections of numpydoc; the reference shows them all."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING

import pytest
from numpydoc.validate import validate

import rocoin_opt

if TYPE_CHECKING:
    from pathlib import Path

FUNCTIONS = [name for name in rocoin_opt.__all__ if inspect.isfunction(getattr(rocoin_opt, name))]
FAULTS = {"GL08", "PR01", "PR02", "PR03", "RT01", "RT03", "SS03"}
"""No docstring; parameters missing, unknown or out of order; no return value or none described; a summary unended."""


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_public_function_tells_parameters_and_return_value(name: str) -> None:
    found = validate(f"rocoin_opt.{name}")["errors"]
    assert [message for code, message in found if code in FAULTS] == []


@pytest.mark.parametrize("name", rocoin_opt.__all__)
def test_a_public_class_has_a_docstring_of_its_own(name: str) -> None:
    public = getattr(rocoin_opt, name)
    assert not inspect.isclass(public) or public.__dict__.get("__doc__")


def test_the_reference_shows_every_public_name_once(repository: Path) -> None:
    text = (repository / "docs" / "reference.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\.\. auto(?:function|class|exception|data):: (\w+)$", text, re.MULTILINE)
    assert sorted(shown) == sorted(rocoin_opt.__all__)
