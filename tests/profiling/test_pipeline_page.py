"""The tutorial is executed as it stands."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
def test_the_tutorial_runs(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (repository / "docs" / "pipeline.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 1
    monkeypatch.chdir(tmp_path)
    exec(blocks[0], {})
    teacher, students = re.findall(r"^teacher ([\d.]+) students ([\d.]+)$", capsys.readouterr().out, re.MULTILINE)[0]
    assert float(teacher) >= 0.95
    assert float(students) >= 0.9
    assert (tmp_path / "students" / "weights.pt").is_file()
