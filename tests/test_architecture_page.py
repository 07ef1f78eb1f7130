"""The page on the architecture draws the house that stands: its trees, its layers, and the owner of each idea."""

from __future__ import annotations

import re
from pathlib import Path

from house import PACKAGE
from test_architecture import LAYERS

ARCHITECTURE = PACKAGE.parent / "docs" / "architecture.md"


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
    table = ARCHITECTURE.read_text(encoding="utf-8").split("| Layer, top first |", 1)[1].split("\n\n", 1)[0]
    rows = [line.removeprefix("| ") for line in table.splitlines()[2:]]
    drawn = [tuple(name.strip("` ") for name in row.split("|")[0].split(",")) for row in rows]
    assert tuple(drawn) == tuple(reversed(LAYERS))
