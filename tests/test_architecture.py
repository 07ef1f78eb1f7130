"""The house rules, read off the source: who may import whom, who owns which library, and how large a file grows."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "rocoin_opt"
ARCHITECTURE = PACKAGE.parent / "docs" / "architecture.md"

LAYERS = (
    ("errors", "provenance"),
    ("documents", "writing", "control"),
    ("instance",),
    ("knowledge",),
    ("plan",),
    ("formulations", "highs", "failure"),
    ("exact",),
    ("heuristics",),
    ("registry",),
    ("methods",),
    ("tradeoff", "replanning", "expansion", "simplification"),
    ("batch",),
    ("report",),
    ("profiling",),
    ("cli",),
)
"""Top-level modules and packages, lowest first. Each imports itself and lower layers, never its neighbours."""

OWNERS = {
    "highspy": {"highs"},
    "numba": {"exact", "failure"},
    "pyomo": {"formulations", "highs", "exact"},
    "typer": {"cli"},
    "rich": {"cli", "plan", "report"},
    "matplotlib": {"profiling", "report"},
    "jinja2": {"report"},
    "torch": {"profiling"},
    "pickle": {"profiling"},  # only the name of an error that PyTorch raises: nothing is ever unpickled
}
"""Libraries that only some top-level modules may import."""

SLOW_TO_IMPORT = ("highspy", "jinja2", "matplotlib", "numba", "pyomo", "torch")
MAX_LINES = 400
CATCH_ALL_NAMES = {"utils", "util", "common", "helpers", "helper", "misc", "tools"}


class Import(NamedTuple):
    """One imported name."""

    importer: str
    module: str
    name: str | None
    for_types_only: bool


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imports_of(module: str) -> list[Import]:
    """Every import of a module, inside of functions too."""
    found: list[Import] = []

    def visit(node: ast.AST, for_types_only: bool) -> None:
        if isinstance(node, ast.Import):
            found.extend(Import(module, alias.name, None, for_types_only) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: a relative import hides its layer"
            found.extend(Import(module, node.module or "", alias.name, for_types_only) for alias in node.names)
        is_guard = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for child in ast.iter_child_nodes(node):
            visit(child, for_types_only or is_guard)

    visit(ast.parse(FILES[module].read_text(encoding="utf-8")), False)
    return found


IMPORTS = [entry for module in FILES for entry in imports_of(module)]


def target_of(entry: Import) -> str | None:
    """The module of the package that an import loads, None for other packages."""
    if entry.name is not None and f"{entry.module}.{entry.name}" in FILES:
        return f"{entry.module}.{entry.name}"
    return entry.module if entry.module.split(".")[0] == PACKAGE.name else None


INNER = [(entry, target) for entry in IMPORTS if (target := target_of(entry)) is not None]


def top_of(module: str) -> str:
    """Top-level module or package below the root, empty for the root itself."""
    return module.split(".")[1] if "." in module else ""


def test_every_top_level_module_has_a_layer() -> None:
    listed = [name for layer in LAYERS for name in layer]
    assert len(listed) == len(set(listed))
    assert set(listed) == {top_of(module) for module in FILES if "." in module}


def test_imports_point_downwards() -> None:
    level = {name: depth for depth, layer in enumerate(LAYERS) for name in layer}
    wrong = []
    for entry, target in INNER:
        source, loaded = top_of(entry.importer), top_of(target)
        # The root offers the public names of all layers, and no layer goes through it.
        if source and source != loaded and not (loaded and level[loaded] < level[source]):
            wrong.append(f"{entry.importer} imports {target}")
    assert wrong == []


def test_there_are_no_cycles() -> None:
    graph: dict[str, set[str]] = {module: set() for module in FILES}
    for entry, target in INNER:
        if not entry.for_types_only and entry.importer != PACKAGE.name:
            graph[entry.importer].add(target)
    done: set[str] = set()

    def follow(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join((*trail[trail.index(module) :], module))
        if module not in done:
            for target in sorted(graph[module]):
                follow(target, (*trail, module))
            done.add(module)

    for module in sorted(graph):
        follow(module, ())


def test_no_private_name_crosses_a_module() -> None:
    wrong = [
        f"{entry.importer} imports {entry.module}.{entry.name}"
        for entry, target in INNER
        if any(part.startswith("_") for part in (*target.split("."), entry.name or ""))
    ]
    assert wrong == []


@pytest.mark.parametrize("library", sorted(OWNERS))
def test_libraries_stay_with_their_owners(library: str) -> None:
    users = {top_of(entry.importer) for entry in IMPORTS if entry.module.split(".")[0] == library}
    assert users <= OWNERS[library]


@pytest.mark.parametrize("folder", ["rocoin_opt", "tests", "benchmarks", "docs"])
def test_files_stay_short(folder: str) -> None:
    lengths = {
        path: len(path.read_text(encoding="utf-8").splitlines())
        for path in (PACKAGE.parent / folder).rglob("*.py")
        if "_build" not in path.parts
    }
    assert lengths
    assert {path: length for path, length in lengths.items() if length > MAX_LINES} == {}


def test_no_module_is_a_catch_all() -> None:
    assert {part for module in FILES for part in module.split(".")} & CATCH_ALL_NAMES == set()


@pytest.mark.parametrize("module", [PACKAGE.name, f"{PACKAGE.name}.cli", f"{PACKAGE.name}.methods"])
def test_importing_stays_light(module: str) -> None:
    code = f"import sys, {module}; print(*sorted(set({SLOW_TO_IMPORT}) & set(sys.modules)))"
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert output.split() == []


def test_the_public_names_exist() -> None:
    import rocoin_opt

    assert sorted(rocoin_opt.__all__) == sorted(set(rocoin_opt.__all__))
    for name in rocoin_opt.__all__:
        assert getattr(rocoin_opt, name) is not None
    assert set(rocoin_opt.__all__) <= set(dir(rocoin_opt))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = rocoin_opt.nothing


def drawn_tree(number: int) -> set[str]:
    """Paths of a tree that the architecture page draws, folders with a slash at their end."""
    block = ARCHITECTURE.read_text(encoding="utf-8").split("```text\n")[1 + number].split("```", 1)[0]
    found: set[str] = set()
    trail: list[str] = []
    for line in block.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        name = line.split()[0]
        trail = [*trail[:depth], name]
        found.add("".join(trail))
    return found


def test_the_drawn_tree_is_the_package() -> None:
    folders = [path for path in (PACKAGE, *PACKAGE.rglob("*")) if path.is_dir() and any(path.glob("*.py"))]
    modules = [path for path in PACKAGE.glob("*.py") if path.name != "__init__.py"]
    expected = {f"{path.relative_to(PACKAGE.parent).as_posix()}/" for path in folders}
    assert drawn_tree(0) == expected | {path.relative_to(PACKAGE.parent).as_posix() for path in modules}


def test_the_other_drawn_tree_is_the_repository() -> None:
    repository = PACKAGE.parent
    folders = [repository / name for name in ("instances", "tests", "benchmarks", "docs")]
    for parent in folders[2:]:
        folders += [path for path in parent.iterdir() if path.is_dir() and path.name[0] not in "._"]
    assert drawn_tree(1) == {f"{path.relative_to(repository).as_posix()}/" for path in folders}


def test_the_owner_of_each_idea_is_a_file() -> None:
    table = ARCHITECTURE.read_text(encoding="utf-8").split("| Idea | Owner |", 1)[1].split("\n\n", 1)[0]
    named = [(row, re.findall(r"`([\w/]+\.py)`", row)) for row in table.splitlines()[2:]]
    assert len(named) > 30
    for row, files in named:
        assert files or "data classes" in row, row
        # The second of two neighbours is named without their folder.
        places = [Path(file) if "/" in file else Path(files[0]).parent / file for file in files]
        assert [place for place in places if not (PACKAGE / place).is_file()] == [], row


def test_the_drawn_layers_are_the_table() -> None:
    rows = [
        line.removeprefix("| ").removesuffix(" |")
        for line in ARCHITECTURE.read_text(encoding="utf-8").splitlines()
        if line.startswith("| `")
    ]
    drawn = [tuple(name.strip("` ") for name in row.split("|")[0].split(",")) for row in rows]
    assert tuple(drawn) == tuple(reversed(LAYERS))
