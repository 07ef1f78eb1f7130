"""Instance files for batch tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import rocoin_opt as ro

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Three small instances in a folder of their own."""
    folder = tmp_path / "instances"
    folder.mkdir()
    found = [folder / f"edge-{seed}.json" for seed in range(3)]
    for seed, file in enumerate(found):
        ro.write_instance(file, ro.generate("edge", devices=4, seed=seed))
    return found
