"""What the pages show is true: their examples are valid, and the reference leaves no public name out."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

import rocoin_opt

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def examples(repository: Path, tmp_path: Path) -> tuple[Path, Path]:
    """The instance and the plan of the page on formats, as files."""
    page = (repository / "docs" / "formats.md").read_text(encoding="utf-8")
    instance, plan = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    (tmp_path / "i.json").write_text(instance)
    (tmp_path / "p.json").write_text(plan)
    return tmp_path / "i.json", tmp_path / "p.json"


def test_the_example_plan_is_a_valid_plan_for_the_example_instance(examples: tuple[Path, Path]) -> None:
    instance = rocoin_opt.read_instance(examples[0])
    plan = rocoin_opt.read_plan(examples[1], instance)
    assert rocoin_opt.check(instance, plan) == ()


def test_the_example_plan_shows_its_figures(examples: tuple[Path, Path]) -> None:
    instance = rocoin_opt.read_instance(examples[0])
    shown: dict[str, Any] = json.loads(examples[1].read_text())
    figures = rocoin_opt.evaluate(instance, rocoin_opt.read_plan(examples[1], instance)).model_dump()
    for name, value in figures.items():
        assert shown["metrics"][name] == (None if value is None else pytest.approx(value, abs=5e-4))
    assert shown["solve"]["objective_value"] == shown["metrics"]["guaranteed_seconds"]


def test_the_example_plan_is_optimal(examples: tuple[Path, Path]) -> None:
    instance = rocoin_opt.read_instance(examples[0])
    result = rocoin_opt.solve(instance)
    assert result.termination == "optimal"
    assert result.plan == rocoin_opt.read_plan(examples[1], instance)


def test_the_reference_has_every_public_name(repository: Path) -> None:
    page = (repository / "docs" / "reference.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\.\. auto\w+:: (\w+)$", page, re.MULTILINE)
    assert sorted(listed) == sorted(rocoin_opt.__all__)


def test_the_pages_are_in_the_table_of_contents(repository: Path) -> None:
    docs = repository / "docs"
    index = (docs / "index.md").read_text(encoding="utf-8").splitlines()
    assert {page.stem for page in docs.glob("*.md")} - {"index"} <= set(index)
