"""What the package imports, read off its source: a name taken through a front door leads to the module it lives in."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).resolve().parent.parent / "rocoin_opt"


class Import(NamedTuple):
    """One imported name."""

    importer: str
    module: str
    name: str | None


def module_of(path: Path) -> str:
    """Dotted name of a file; an ``__init__`` has that of its folder."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imports_of(module: str) -> list[Import]:
    """Every import of a module, inside of functions and for type checkers alone too."""
    found: list[Import] = []
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Import):
            found.extend(Import(module, alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: a relative import hides its layer"
            found.extend(Import(module, node.module or "", alias.name) for alias in node.names)
    return found


def door_of(stub: Path) -> dict[str, str]:
    """Names that a stub offers, in the order that it imports them in, with the modules they live in."""
    room = module_of(stub)
    return {
        alias.asname or alias.name: f"{room}.{node.module}"
        for node in ast.parse(stub.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


DOORS = {module_of(stub): door_of(stub) for stub in sorted(PACKAGE.rglob("__init__.pyi"))}


def tree_of(module: str) -> ast.Module:
    """Syntax tree of a module."""
    return ast.parse(FILES[module].read_text(encoding="utf-8"))


@cache
def all_imports() -> list[Import]:
    """Every import of the package: found when a test asks for them, since not every process of tests does."""
    return [entry for module in FILES for entry in imports_of(module)]


def named_by(entry: Import) -> str | None:
    """The module or front door that an import names, None for other packages."""
    if entry.name is not None and f"{entry.module}.{entry.name}" in FILES:
        return f"{entry.module}.{entry.name}"
    return entry.module if entry.module.split(".")[0] == PACKAGE.name else None


def loaded_by(entry: Import) -> str | None:
    """The module that an import leads to, through a front door too; None for other packages."""
    named = named_by(entry)
    # A door may list what the door of an inner room offers.
    while named in DOORS and named == entry.module and entry.name in DOORS[named]:
        entry = Import(entry.importer, DOORS[named][entry.name], entry.name)
        named = named_by(entry)
    return named


@cache
def inner_imports() -> list[tuple[Import, str]]:
    """Imports of the package from itself, with the modules that they lead to."""
    return [(entry, target) for entry in all_imports() if (target := loaded_by(entry)) is not None]


def top_of(module: str) -> str:
    """Top-level module or package below the root, empty for the root itself."""
    return module.split(".")[1] if "." in module else ""


def room_of(module: str) -> str:
    """The folder that a module stands in, as a dotted name; an inner room is another room than the one around it."""
    return module if FILES[module].name == "__init__.py" else module.rpartition(".")[0]
