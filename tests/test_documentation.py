"""What the pages show is true: their examples are valid, and the reference leaves no public name out."""

from __future__ import annotations

import ast
import importlib
import io
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

import rocoin_opt
from house import DOORS, FILES
from page_blocks import pages
from rocoin_opt.plan.result import print_summary

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
        assert shown["metrics"].get(name) == (None if value is None else pytest.approx(value, abs=5e-4))
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


def test_the_reference_has_every_name_that_tutorials_import(repository: Path) -> None:
    reference = (repository / "docs" / "reference.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\.\. auto\w+:: ([\w.]+)$", reference, re.MULTILINE))
    taken = []
    for page in sorted((repository / "docs" / "tutorials").glob("*.md")):
        cells = re.findall(
            r"^```\{code-cell\}[^\n]*\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
        )
        # Cells that are not shown draw pictures.
        code = "\n".join(cell for cell in cells if not cell.startswith((":tags:", "!", "%")))
        for node in ast.walk(ast.parse(re.sub(r"^[!%].*$", "", code, flags=re.MULTILINE))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rocoin_opt"):
                taken += [(page.name, f"{node.module}.{alias.name}") for alias in node.names]
    assert len(taken) > 20
    assert [(page, name) for page, name in taken if name not in told] == []


def test_the_pages_are_in_the_table_of_contents(repository: Path) -> None:
    docs = repository / "docs"
    for folder in (docs, docs / "tutorials"):
        index = (folder / "index.md").read_text(encoding="utf-8").splitlines()
        assert {page.stem for page in folder.glob("*.md")} - {"index"} <= set(index)


def test_the_start_page_begins_as_the_readme_does(repository: Path) -> None:
    first = [
        re.findall(r"```sh\n(.*?)```", (repository / page).read_text(encoding="utf-8"), re.DOTALL)[0]
        for page in ("README.md", "docs/index.md")
    ]
    assert first[0] == first[1]


@pytest.fixture
def readme(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Text of the README; the working folder is one where its examples can be run and leave nothing behind."""
    (tmp_path / "instances").symlink_to(repository / "instances")
    monkeypatch.chdir(tmp_path)
    return (repository / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_readme_shows_what_the_program_prints(readme: str) -> None:
    shown = re.search(r"```text\n(.*?)```", readme, re.DOTALL)
    result = rocoin_opt.solve(rocoin_opt.read_instance("instances/mcu/mcu-12-0.json"))
    stream = io.StringIO()
    print_summary(result, Console(file=stream, width=120, highlight=False))

    def certain(text: str) -> list[str]:
        # Which of many nearly equal partitions is found rests on the last digits of eigenvectors: on the machine.
        changing = r"[\d.]+ s of search|normalised cut [\d.]+|at least [\d.]+ of its evidence"
        return [re.sub(changing, "", line).rstrip() for line in text.rstrip().splitlines()]

    assert shown is not None
    assert certain(shown[1]) == certain(stream.getvalue())
    assert result.metrics is not None
    cut = re.search(r"normalised cut ([\d.]+)", shown[1])
    assert cut is not None
    assert result.metrics.ncut == pytest.approx(float(cut[1]), rel=0.02)


def leads_to_code(name: str) -> bool:
    """Whether a dotted name is a module, or something that a module or a front door has, a member of it included."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        module = ".".join(parts[:end])
        if module in FILES:
            rest = parts[end:]
            return not rest or rest[0] in DOORS.get(module, {}) or hasattr(importlib.import_module(module), rest[0])
    return False


def test_the_modules_and_files_that_pages_name_exist(repository: Path) -> None:
    looked_at = [page for page in pages(repository) if page.name != "CHANGELOG.md"]
    texts = {page.relative_to(repository).as_posix(): page.read_text(encoding="utf-8") for page in looked_at}
    named = [(page, name) for page, text in texts.items() for name in re.findall(r"`~?(rocoin_opt(?:\.\w+)+)`", text)]
    assert len(named) > 50
    assert [(page, name) for page, name in named if not leads_to_code(name)] == []
    files = [(page, name) for page, text in texts.items() for name in re.findall(r"`([\w/-]+\.pyi?)`", text)]
    assert len(files) > 50
    # A file may be named without the folders around it.
    folders = (repository / name for name in ("rocoin_opt", "tests", "docs", "benchmarks", ".ci"))
    there = [f"/{path.relative_to(repository).as_posix()}" for folder in folders for path in folder.rglob("*.py*")]
    assert [(page, name) for page, name in files if not any(path.endswith(f"/{name}") for path in there)] == []


def test_no_definition_stands_on_the_line_of_its_term(repository: Path) -> None:
    # "term : text" is a sentence with a colon; only "term", and ": text" on the next line, is a definition.
    wrong = [
        f"{page.relative_to(repository)}: {line}"
        for page in pages(repository)
        for line in re.sub(r"```.*?```|\$\$.*?\$\$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL).splitlines()
        if re.match(r"[A-Za-z][\w ]* : [A-Z]", line)
    ]
    assert wrong == []
