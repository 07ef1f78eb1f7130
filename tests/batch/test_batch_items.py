"""What counts as the same item, and which files are instances."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import rocoin_opt as ro
from rocoin_opt.batch.items import find_instances, fingerprint_of, instance_content, items_of, read_given
from rocoin_opt.batch.items import versions as item_versions
from rocoin_opt.batch.request import BatchRequest, Options
from rocoin_opt.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path


def identities(files: list[Path], options: Options | None = None) -> list[str]:
    request = BatchRequest(options or Options(), ("greedy",), ("guaranteed",))
    return [item.identity for item in items_of(map(read_given, files), request)]


def test_items_are_all_combinations_by_instance(files: list[Path]) -> None:
    given = [read_given(file) for file in files]
    items = list(items_of(given, BatchRequest(Options(), ("greedy", "exact"), ("guaranteed", "worst"), (0, 7, 0))))
    assert len({item.identity for item in items}) == len(items) == 3 * 2 * 2 * 2
    assert [item.given for item in items] == [one for one in given for _ in range(8)]
    assert {len(item.identity) for item in items} == {32}


def test_identity_is_of_the_content_not_of_the_place(files: list[Path], tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere.json"
    copy.write_bytes(files[0].read_bytes())
    assert identities([copy]) == identities([files[0]])
    assert len(identities([copy, files[0]])) == 1


@pytest.mark.parametrize(
    "options",
    [
        Options(time_limit=1.0),
        Options(grace=1.0),
        Options(memory_limit=10**9),
        Options(gap=0.1),
        Options(threads=2),
        Options(latency_only=True),
        Options(criterion="cut"),
        Options(polish=1.0),
    ],
)
def test_every_option_makes_new_items(files: list[Path], options: Options) -> None:
    assert set(identities(files, options)).isdisjoint(identities(files))


def test_an_option_that_came_later_makes_new_items_only_where_it_is_used() -> None:
    assert "polish" not in Options().identity
    assert Options(polish=float("inf")) == Options()
    with pytest.raises(InputError, match=r"polish: found -1\.0; allowed: a number of seconds, at least 0"):
        BatchRequest(Options(polish=-1), ("greedy",), ("guaranteed",))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Options(time_limit=5, grace=1, gap=0), Options(time_limit=5.0, grace=np.float32(1.0), gap=np.int64(0))),
        (Options(memory_limit=10**9, threads=2), Options(memory_limit=1e9, threads=np.int64(2))),  # type: ignore
    ],
)
def test_a_number_is_the_same_option_however_it_is_written(files: list[Path], one: Options, other: Options) -> None:
    assert identities(files, one) == identities(files, other)
    assert Options(time_limit=10**400).time_limit == float("inf")
    seeds = (BatchRequest(Options(), ("greedy",), ("worst",), given).seeds for given in ((3,), (3.0,), (np.int64(3),)))
    assert {repr(given) for given in seeds} == {"(3,)"}


def written_otherwise(text: str) -> str:
    """An instance file with the same content: numbers, order and layout differ, and defaults are written out."""
    data = json.loads(text)
    for device in data["devices"]:
        device["memory_bytes"] = int(device["memory_bytes"])
        device["flops_per_second"] = float(device["flops_per_second"])
        device.setdefault("overhead_seconds", 0)
    data["requirements"].setdefault("min_groups", 1)
    return json.dumps(dict(reversed(data.items())), indent=3)


def test_an_instance_is_the_same_item_however_it_is_written(files: list[Path], tmp_path: Path) -> None:
    text = files[0].read_text()
    copy = tmp_path / "written.json"
    copy.write_text(written_otherwise(text).replace("{", "{\n", 1), encoding="utf-8-sig")
    assert ro.read_instance(copy).sha256 == ro.read_instance(files[0]).sha256
    assert identities([copy]) == identities([files[0]])
    assert identities([copy, files[0]]) == identities([files[0]])
    data = json.loads(text)
    data["devices"][0]["memory_bytes"] += 1
    copy.write_text(json.dumps(data))
    assert set(identities([copy])).isdisjoint(identities([files[0]]))


def test_a_number_that_makes_an_instance_faulty_makes_another_item(files: list[Path], tmp_path: Path) -> None:
    data = json.loads(files[0].read_text())
    data["knowledge"]["num_filters"] = float(data["knowledge"]["num_filters"])
    (tmp_path / "faulty.json").write_text(json.dumps(data))
    assert set(identities([tmp_path / "faulty.json"])).isdisjoint(identities([files[0]]))


def test_a_faulty_matrix_is_part_of_an_instance_that_is_otherwise_sound(tmp_path: Path) -> None:
    file = tmp_path / "graph.json"
    ro.write_instance(file, ro.generate("paper", devices=4, seed=1, filters=8, graph=True))
    before = identities([file])
    (tmp_path / "graph.npz").write_text("no archive")
    after = identities([file])
    file.write_text(written_otherwise(file.read_text()))
    assert after == identities([file]) != before


def test_another_version_of_the_package_makes_new_items(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    before = identities(files)
    monkeypatch.setattr("rocoin_opt.batch.items.versions", lambda: {**item_versions(), "rocoin-opt": "99"})
    assert set(identities(files)).isdisjoint(before)


def test_matrices_count_as_content(tmp_path: Path) -> None:
    file = tmp_path / "graph.json"
    ro.write_instance(file, ro.generate("paper", devices=4, seed=1, filters=8, graph=True))
    content = instance_content(file)
    assert set(content) == {"", "graph.npz"}
    before = read_given(file).fingerprint
    assert before == fingerprint_of(content)
    ro.write_instance(tmp_path / "other.json", ro.generate("paper", devices=4, seed=2, filters=8, graph=True))
    (tmp_path / "other.npz").replace(tmp_path / "graph.npz")
    assert read_given(file).fingerprint != before


def test_a_file_that_cannot_be_read_is_an_item_all_the_same(tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    missing = read_given(broken)
    broken.write_bytes(b"\xff")
    unreadable = read_given(broken)
    broken.write_text('{"name": 3')
    unparsed = read_given(broken)
    assert [given.name for given in (missing, unreadable, unparsed)] == ["broken"] * 3
    assert len({given.fingerprint for given in (missing, unreadable, unparsed)}) == 3


def test_folders_are_searched_for_instances(files: list[Path], tmp_path: Path) -> None:
    folder = files[0].parent
    (folder / "deeper").mkdir()
    moved = files[2].rename(folder / "deeper" / "edge-2.json")
    (folder / "best.json").write_text("{}")
    (folder / "one.plan.json").write_text('{"format": "rocoin-opt/plan"}')
    (folder / "broken.json").write_text("{")
    (folder / "notes.txt").write_text("")
    (folder / "run").mkdir()
    (folder / "run" / "edge.json").write_bytes(files[0].read_bytes())
    found, passed = find_instances([folder, files[0]], leave_out=folder / "run")
    assert found == [folder / "broken.json", *files[:2], moved]
    assert [word.split(": ")[1] for word in passed] == ["no instance, which has the format rocoin-opt/instance"]


def test_links_out_of_a_folder_and_pipes_are_passed_over(files: list[Path], tmp_path: Path) -> None:
    folder = tmp_path / "linked"
    folder.mkdir()
    (folder / "out.json").symlink_to(files[0])
    (folder / "loop.json").symlink_to(folder / "loop.json")
    (folder / "in.json").symlink_to(folder / "real.json")
    (folder / "real.json").write_bytes(files[1].read_bytes())
    (folder / "round").symlink_to(folder)
    os.mkfifo(folder / "pipe.json")
    found, passed = find_instances([folder])
    assert {path.name for path in found} - {"loop.json"} == {"in.json", "real.json"}
    assert any("a symbolic link out of the folder" in word for word in passed)
    assert any("no regular file" in word for word in passed)
    # What a link is named by its own path is meant.
    assert find_instances([folder / "out.json"]) == ([folder / "out.json"], [])


def test_nothing_to_solve_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no instance file"):
        find_instances([tmp_path])
    with pytest.raises(InputError, match="no such file or folder"):
        find_instances([tmp_path / "nothing"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"methods": ("guess",), "objectives": ("worst",)}, "methods: found 'guess'"),
        ({"objectives": ()}, "objectives: found none"),
        ({"seeds": ()}, "seeds: found none"),
        ({"seeds": (-1,)}, "seed"),
        ({"jobs": 0}, "jobs: found 0"),
        ({"options": Options(time_limit=-1)}, "time_limit"),
        ({"options": Options(time_limit=10**400)}, "time_limit: found inf"),
        ({"options": Options(grace=-1)}, "grace: found -1"),
        ({"options": Options(memory_limit=0)}, "memory_limit: found 0"),
        ({"options": Options(criterion="x")}, "criterion: found 'x'"),
    ],
)
def test_names_and_options_are_checked(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        BatchRequest(**{"options": Options(), "methods": ("greedy",), "objectives": ("worst",), **changes})


@pytest.mark.parametrize("path", ["../secret.npz", "/etc/passwd", "a\0b.npz", "loop.npz", "missing.npz"])
def test_matrices_outside_of_the_folder_are_never_read(files: list[Path], path: str) -> None:
    folder = files[0].parent
    (folder.parent / "secret.npz").write_bytes(b"secret")
    (folder / "loop.npz").symlink_to(folder / "loop.npz")
    data = json.loads(files[0].read_text())
    data["knowledge"]["graph"] = {"path": path}
    files[0].write_text(json.dumps(data))
    assert set(instance_content(files[0])) == {""}


@pytest.mark.parametrize("knowledge", [None, [], {"graph": 3}, {"graph": {"path": 3}}])
def test_malformed_knowledge_is_left_to_the_reader(tmp_path: Path, knowledge: object) -> None:
    file = tmp_path / "odd.json"
    file.write_text(json.dumps({"name": "odd", "knowledge": knowledge}))
    assert set(instance_content(file)) == {""}
    assert read_given(file).name == "odd"


def test_names_that_are_no_unicode_are_escaped(tmp_path: Path) -> None:
    half = tmp_path / "half.json"
    half.write_text('{"name": "half \\ud800"}')
    assert read_given(half).name == "half \\ud800"
    odd = tmp_path / "odd_\udcff.json"
    odd.write_text("{}")
    given = read_given(odd)
    assert (given.name, given.path) == ("odd_\\udcff", str(odd))


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(InputError, match="no regular file"):
        find_instances([tmp_path / "pipe.json"])
