"""Instance files for batch tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from batch_work import small_instances

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Three small instances in a folder of their own."""
    return small_instances(tmp_path)
