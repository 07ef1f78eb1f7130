"""Public functions say what they take, give and raise, in the sections of numpydoc; the reference shows them all."""

from __future__ import annotations

import ast
import doctest
import inspect
import re
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from numpydoc.validate import validate

import rocoin_opt
from house import FILES, top_of, tree_of

if TYPE_CHECKING:
    from pathlib import Path

COMMANDS = "rocoin_opt.cli.commands."
"""Modules whose functions take options of the command line, which its help describes."""
MANY_PARAMETERS = 3
FUNCTIONS = [name for name in rocoin_opt.__all__ if inspect.isfunction(getattr(rocoin_opt, name))]
EXPLAINED = [name for name in rocoin_opt.__all__ if name != "METHODS"]
PROCESSES = {"ItemResult", "solve_many"}
"""Names whose examples start processes."""
SLOW = pytest.mark.slow
FAULTS = {"GL08", "PR01", "PR02", "PR03", "RT01", "RT03", "SS03"}
"""No docstring; parameters missing, unknown or out of order; no return value or none described; a summary unended."""


def test_public_functions_tell_parameters_and_return_value() -> None:
    found = {name: validate(f"rocoin_opt.{name}")["errors"] for name in FUNCTIONS}
    assert [(name, text) for name, errors in found.items() for code, text in errors if code in FAULTS] == []


def test_public_classes_have_docstrings_of_their_own() -> None:
    classes = [name for name in rocoin_opt.__all__ if inspect.isclass(getattr(rocoin_opt, name))]
    assert [name for name in classes if not getattr(rocoin_opt, name).__dict__.get("__doc__")] == []


@cache
def shared() -> tuple[rocoin_opt.Instance, rocoin_opt.Plan]:
    """The instance and the plan of all examples, which the reference shows."""
    instance = rocoin_opt.generate("paper", devices=6, seed=1, filters=12, graph=True, max_groups=2)
    plan = rocoin_opt.solve(instance, "greedy").plan
    assert plan is not None
    return instance, plan


@pytest.mark.parametrize("name", [pytest.param(name, marks=SLOW) if name in PROCESSES else name for name in EXPLAINED])
def test_a_public_name_has_an_example_that_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    public = getattr(rocoin_opt, name)
    instance, plan = shared()
    given = {"ro": rocoin_opt, "instance": instance, "plan": plan}
    (example,) = doctest.DocTestFinder(recurse=False).find(public, name, globs=given)
    told: list[str] = []
    assert example.examples, "no example"
    assert doctest.DocTestRunner().run(example, out=told.append).failed == 0, "".join(told)


def test_the_reference_shows_what_examples_share(repository: Path) -> None:
    text = (repository / "docs" / "reference.md").read_text(encoding="utf-8")
    block = text.partition("examples on this page share")[2].partition("```python\n")[2].partition("```")[0]
    given: dict[str, Any] = {}
    exec(block, given)
    assert (given["instance"], given["plan"]) == shared()


def test_the_reference_shows_every_public_name_once(repository: Path) -> None:
    text = (repository / "docs" / "reference.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\.\. auto(?:function|class|exception|data):: (\w+)$", text, re.MULTILINE)
    assert sorted(shown) == sorted(rocoin_opt.__all__)


def test_the_reference_shows_what_pages_take_from_profiling(repository: Path) -> None:
    docs = repository / "docs"
    text = (docs / "reference.md").read_text(encoding="utf-8")
    taken_from = r"^from rocoin_opt\.(?:profiling|instance\.device_files)[\w.]* import ([\w, ]+)$"
    found = {
        name.strip()
        for page in (*docs.glob("*.md"), *(docs / "tutorials").glob("*.md"))
        for names in re.findall(taken_from, page.read_text(encoding="utf-8"), re.MULTILINE)
        for name in names.split(",")
    }
    assert found
    assert (
        found - set(re.findall(r"^\.\. auto(?:function|class):: rocoin_opt\.[\w.]+\.(\w+)$", text, re.MULTILINE))
        == set()
    )


def undescribed(tree: ast.Module) -> list[str]:
    """Public functions and methods of many parameters whose docstring has no section on them."""
    found: list[str] = []

    def visit(node: ast.Module | ast.ClassDef) -> None:
        for child in node.body:
            if isinstance(child, ast.ClassDef) and not child.name.startswith("_"):
                visit(child)
            elif isinstance(child, ast.FunctionDef) and not child.name.startswith("_"):
                arguments = (*child.args.posonlyargs, *child.args.args, *child.args.kwonlyargs)
                named = [argument for argument in arguments if argument.arg not in ("self", "cls")]
                if len(named) >= MANY_PARAMETERS and "\nParameters\n---" not in (ast.get_docstring(child) or ""):
                    found.append(child.name)

    visit(tree)
    return found


def documented(node: ast.AST) -> list[str]:
    """Names in the section on parameters of a docstring."""
    text = ast.get_docstring(node) if isinstance(node, ast.FunctionDef | ast.ClassDef) else None
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^\w[\w ]*\n---|\Z)", text or "", re.MULTILINE | re.DOTALL)
    heads = re.findall(r"^(\*{0,2}\w+(?:, \*{0,2}\w+)*)(?: : .*)?$", section[1] if section else "", re.MULTILINE)
    return [name.lstrip("*") for head in heads for name in head.split(", ")]


def taken(node: ast.AST) -> set[str]:
    """Names of the parameters that a function, or a class when it is made, takes."""
    if isinstance(node, ast.ClassDef):
        makers = [child for child in node.body if isinstance(child, ast.FunctionDef) and child.name == "__init__"]
        fields = {child.target.id for child in node.body if isinstance(child, ast.AnnAssign)}  # type: ignore[union-attr]
        return taken(makers[0]) if makers else fields
    assert isinstance(node, ast.FunctionDef)
    arguments = node.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    return {argument.arg for argument in named if argument is not None}


def misnamed(tree: ast.Module) -> dict[str, set[str]]:
    """Functions and classes whose docstring has parameters that they do not take, with the names of these."""
    return {
        node.name: unknown
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and (unknown := set(documented(node)) - taken(node))
    }


@pytest.mark.parametrize("room", sorted({top_of(module) for module in FILES}))
def test_many_parameters_are_described_and_only_those_that_there_are(room: str) -> None:
    trees = {module: tree_of(module) for module in FILES if top_of(module) == room}
    options = {module for module in trees if module.startswith(COMMANDS)}
    assert {
        module: names for module, tree in trees.items() if module not in options and (names := undescribed(tree))
    } == {}
    assert {module: names for module, tree in trees.items() if (names := misnamed(tree))} == {}
