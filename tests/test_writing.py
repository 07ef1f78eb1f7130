"""Files written in one step, and whether they could be."""

from __future__ import annotations

import os
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import pytest

from rocoin_opt.documents import (
    read_text,
)
from rocoin_opt.errors import InputError
from rocoin_opt.writing import require_folder, require_writable, write_text


def test_a_text_is_written_with_the_usual_mode(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    write_text(target, "old")
    write_text(target, "näw")
    assert target.read_text(encoding="utf-8") == "näw"
    reference = tmp_path / "reference.txt"
    reference.write_text("x")
    assert target.stat().st_mode == reference.stat().st_mode
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt", "reference.txt"]


def test_a_failed_write_keeps_the_old_file_and_leaves_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "a.txt"
    write_text(target, "old")

    def refuse(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(InputError, match=r"a\.txt: found disk full; allowed: a writable file"):
        write_text(target, "new")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_broken_off_write_leaves_no_other_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_text(tmp_path / "a.txt", "new")
    assert list(tmp_path.iterdir()) == []


def test_a_text_that_has_no_utf8_form_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="allowed: text that UTF-8 can hold"):
        write_text(tmp_path / "a.txt", "\ud800")
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="allowed: a writable file"):
        write_text(tmp_path / "missing" / "a.txt", "text")
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(InputError, match="allowed: a writable file"):
        write_text(folder, "text")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize(
    "name", ["new.txt", "old.txt", "link.txt", "folder", "missing/a.txt", "old.txt/a", "pipe", "n" * 300]
)
def test_looking_tells_what_writing_would(tmp_path: Path, name: str) -> None:
    (tmp_path / "old.txt").write_text("old")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.txt").symlink_to("target.txt")
    os.mkfifo(tmp_path / "pipe")
    before = sorted((path.name, path.lstat().st_mtime_ns) for path in tmp_path.iterdir())
    is_writable = name in ("new.txt", "old.txt", "link.txt", "pipe")
    with nullcontext() if is_writable else pytest.raises(InputError, match="allowed: a writable file"):
        # Of a pipe nobody waits for the reader.
        require_writable(tmp_path / name)
    assert sorted((path.name, path.lstat().st_mtime_ns) for path in tmp_path.iterdir()) == before
    if name != "pipe":
        with nullcontext() if is_writable else pytest.raises(InputError, match="allowed: a writable file"):
            write_text(tmp_path / name, "new")


def test_a_device_that_may_not_be_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    # Nothing is forbidden to root, as whom tests may run.
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(InputError, match="pipe: found no permission to write; allowed: a writable file"):
        require_writable(tmp_path / "pipe")


def test_a_folder_is_one_that_is_there_or_can_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in (".", "a", "a/b/c", tmp_path, tmp_path / "a" / "b"):
        require_folder(folder)
    assert list(tmp_path.iterdir()) == []
    Path("file").write_text("")
    with pytest.raises(InputError, match=r"^file: found Not a directory; allowed: a writable folder"):
        require_folder("file")
    with pytest.raises(InputError, match=r"^file/a/b: found Not a directory at .*/file; allowed: a writable folder"):
        require_folder("file/a/b")


@pytest.mark.parametrize("name", ["a\0b.json", "\ud800.json", "x" * 5000], ids=["null", "half", "long"])
def test_what_is_no_name_of_a_file_is_refused(tmp_path: Path, name: str) -> None:
    for use in (read_text, partial(write_text, text="x"), require_writable):
        with pytest.raises(InputError):
            use(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_link_stays_a_link_and_a_pipe_a_pipe(tmp_path):
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to("real.txt")
    write_text(tmp_path / "link.txt", "new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "new"
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_text(tmp_path / "pipe", "through")
        assert os.read(reader, 100) == b"through"
    finally:
        os.close(reader)
    assert (tmp_path / "pipe").is_fifo()
    with pytest.raises(InputError, match="writable"):
        write_text(tmp_path, "into a folder")
