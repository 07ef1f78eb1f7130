"""The public interface changes on purpose only: names and signatures of Python, commands and options."""

from __future__ import annotations

import difflib
import re

import pytest

import rocoin_opt
from public_interface import STORED, interface


@pytest.mark.slow
def test_the_interface_is_the_stored_one() -> None:
    found, stored = interface().splitlines(), STORED.read_text(encoding="utf-8").splitlines()
    changes = "\n".join(difflib.unified_diff(stored, found, "stored", "found", lineterm="", n=1))
    assert not changes, f"see CONTRIBUTING.md, then run 'python tests/public_interface.py':\n{changes}"


@pytest.mark.parametrize("name", rocoin_opt.__all__)
def test_every_public_name_is_stored(name: str) -> None:
    assert re.search(rf"^((def|class) {name}\(|{name}: )", STORED.read_text(encoding="utf-8"), re.MULTILINE)
