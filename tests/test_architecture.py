"""The house rules, read off the source: who may import whom, who owns which library, and how large a file grows."""

from __future__ import annotations

import subprocess
import sys
from statistics import mean

import pytest

from house import FILES, PACKAGE, all_imports, inner_imports, named_by, top_of

LAYERS = (
    ("provenance", "processes", "showing", "wording"),
    ("errors",),
    ("faults", "exchange"),
    ("documents", "writing", "control"),
    ("instance",),
    ("knowledge",),
    ("plan",),
    ("formulations", "highs", "failure"),
    ("grouping", "estimation"),
    ("heuristics",),
    ("exact",),
    ("planning",),
    ("batch",),
    ("report",),
    ("profiling",),
    ("cli",),
    ("__main__",),
)
"""Top-level modules and packages, lowest first. Each imports itself and lower layers, never its neighbours."""

OWNERS = {
    "highspy": {"highs"},
    "numba": {"grouping", "failure", "exact"},
    "networkx": {"grouping", "instance", "plan", "report", "showing"},
    "pyomo": {"formulations", "highs", "exact"},
    "typer": {"cli"},
    "rich": {"cli", "plan", "report"},
    "matplotlib": {"plan", "profiling", "report", "showing"},  # for type checkers alone in plan and showing
    "jinja2": {"report"},
    "pandas": {"instance", "report", "showing"},  # for type checkers alone, but in report
    "torch": {"profiling"},
    "onnx": {"profiling"},
    "onnxruntime": {"profiling"},
    "pickle": {"profiling"},  # only the name of an error that PyTorch raises: nothing is ever unpickled
}
"""Libraries that only some top-level modules may import."""

SLOW_TO_IMPORT = (
    "highspy",
    "jinja2",
    "matplotlib",
    "networkx",
    "numba",
    "onnx",
    "onnxruntime",
    "pandas",
    "pyomo",
    "torch",
)
MAX_LINES = 400
MAX_MODULES = 16
MAX_MEAN_IMPORTS = 4
CATCH_ALL_NAMES = {"utils", "util", "common", "helpers", "helper", "misc", "tools"}


def test_every_top_level_module_has_a_layer() -> None:
    listed = [name for layer in LAYERS for name in layer]
    assert len(listed) == len(set(listed))
    assert set(listed) == {top_of(module) for module in FILES if "." in module}


def test_imports_point_downwards() -> None:
    level = {name: depth for depth, layer in enumerate(LAYERS) for name in layer}
    wrong = []
    for entry, target in inner_imports():
        source, loaded = top_of(entry.importer), top_of(target)
        # The root offers the public names of all layers, and no layer goes through it.
        if source and source != loaded and not (loaded and level[loaded] < level[source]):
            wrong.append(f"{entry.importer} imports {target}")
    assert wrong == []


def test_there_are_no_cycles() -> None:
    graph: dict[str, set[str]] = {module: set() for module in FILES}
    for entry, target in inner_imports():
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
        for entry, target in inner_imports()
        if any(part.startswith("_") for part in (*target.split("."), entry.name or ""))
    ]
    assert wrong == []


@pytest.mark.parametrize("library", sorted(OWNERS))
def test_libraries_stay_with_their_owners(library: str) -> None:
    users = {top_of(entry.importer) for entry in all_imports() if entry.module.split(".")[0] == library}
    assert users <= OWNERS[library]


def test_only_front_doors_load_lazily() -> None:
    users = {entry.importer for entry in all_imports() if entry.module == "lazy_loader"}
    assert [user for user in sorted(users) if FILES[user].name != "__init__.py"] == []


@pytest.mark.parametrize("folder", ["rocoin_opt", "tests", "benchmarks", "docs"])
def test_files_stay_short(folder: str) -> None:
    lengths = {
        path: len(path.read_text(encoding="utf-8").splitlines())
        for path in (PACKAGE.parent / folder).rglob("*.py")
        if "_build" not in path.parts
    }
    assert lengths
    assert {path: length for path, length in lengths.items() if length > MAX_LINES} == {}


def test_folders_stay_small() -> None:
    sizes = {
        path.parent.name: len([file for file in path.parent.glob("*.py") if file != path])
        for path in FILES.values()
        if path.name == "__init__.py"
    }
    assert {folder: size for folder, size in sizes.items() if size > MAX_MODULES} == {}


def test_a_file_imports_few_others() -> None:
    named = {(entry.importer, named_by(entry)) for entry, _ in inner_imports()}
    assert mean(sum(importer == module for importer, _ in named) for module in FILES) <= MAX_MEAN_IMPORTS


def test_no_module_is_a_catch_all() -> None:
    assert {part for module in FILES for part in module.split(".")} & CATCH_ALL_NAMES == set()


@pytest.mark.parametrize("module", [PACKAGE.name, f"{PACKAGE.name}.cli", f"{PACKAGE.name}.planning.methods"])
def test_importing_stays_light(module: str) -> None:
    code = f"import sys, {module}; print(*sorted(set({SLOW_TO_IMPORT}) & set(sys.modules)))"
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert output.split() == []
