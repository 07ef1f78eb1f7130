"""Front doors: the stub of a room lists what other rooms use of it, and they use it through the stub."""

from __future__ import annotations

import ast
import importlib

import pytest

import rocoin_opt
from house import DOORS, FILES, PACKAGE, inner_imports, named_by, room_of

ROOMS = sorted(set(DOORS) - {PACKAGE.name})  # the root is the door for users of the package, not for its rooms


@pytest.mark.parametrize("room", sorted(DOORS))
def test_the_names_of_a_door_exist_and_are_unique(room: str) -> None:
    tree = ast.parse(FILES[room].with_suffix(".pyi").read_text(encoding="utf-8"))
    imported = [alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names]
    listed = [ast.literal_eval(node.value) for node in tree.body if isinstance(node, ast.Assign)]
    assert len(set(imported)) == len(imported)
    assert [sorted(names) for names in listed] == [sorted(imported)]
    door = importlib.import_module(room)
    assert [name for name in imported if getattr(door, name) is None] == []


@pytest.mark.parametrize("room", ROOMS)
def test_a_door_lists_only_what_other_rooms_use(room: str) -> None:
    used = {entry.name for entry, _ in inner_imports() if entry.module == room != room_of(entry.importer)}
    assert sorted(set(DOORS[room]) - used) == []


def test_a_room_does_not_go_through_its_own_door() -> None:
    wrong = [
        f"{entry.importer} takes {entry.name} from {entry.module}"
        for entry, _ in inner_imports()
        if named_by(entry) in DOORS and room_of(entry.importer) == entry.module
    ]
    assert wrong == []


def test_other_rooms_go_through_the_door() -> None:
    wrong = [
        f"{entry.importer} takes {entry.name} from {entry.module}"
        for entry, target in inner_imports()
        for room in ROOMS
        # The modules of an inner room stand behind the door as those of the room itself do.
        if not f"{entry.importer}.".startswith(f"{room}.")
        and DOORS[room].get(entry.name or "") == named_by(entry) == target
    ]
    assert wrong == []


def test_the_public_names_exist() -> None:
    assert sorted(rocoin_opt.__all__) == sorted(DOORS[PACKAGE.name])
    assert set(rocoin_opt.__all__) <= set(dir(rocoin_opt))
    with pytest.raises(AttributeError, match="nothing"):
        _ = rocoin_opt.nothing
