"""What was mended in an input is told in one line on standard error, and nothing else changes."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

import rocoin_opt as ro
from rocoin_opt.cli.output import warning_line

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = [sys.executable, "-c", "from rocoin_opt.cli import main; main()"]


@pytest.mark.slow
def test_a_mended_graph_is_told_and_solved(tmp_path: Path) -> None:
    path = tmp_path / "given.json"
    ro.write_instance(path, ro.generate("paper", devices=4, seed=1, filters=8, graph=True))
    with np.load(tmp_path / "given.npz") as arrays:
        parts = {name: arrays[name] for name in arrays.files}
    parts["weights"][0, 1] *= 1 + 1e-12
    np.savez(tmp_path / "given.npz", **parts)
    path.write_text(path.read_text(), encoding="utf-8-sig")
    command = [*PROGRAM, "solve", str(path), "--method", "greedy", "--json"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0
    (line,) = ended.stderr.splitlines()
    assert line.startswith("rocoin-opt: given.npz: weights differ from their transpose by up to ")
    assert json.loads(ended.stdout)["groups"]


def test_any_other_warning_keeps_its_place() -> None:
    assert warning_line(ro.MendedWarning("a\nb"), ro.MendedWarning, "f.py", 3) == "rocoin-opt: a\\nb\n"
    assert warning_line("odd", RuntimeWarning, "f.py", 3, line=None) == "rocoin-opt: f.py:3: RuntimeWarning: odd\n"


@pytest.mark.slow
def test_a_likely_unit_is_told_once_a_field(tmp_path: Path) -> None:
    path = tmp_path / "given.json"
    ro.write_instance(path, ro.generate("edge", devices=6))
    document = json.loads(path.read_text())
    for device in document["devices"]:
        device["memory_bytes"] *= 1e-6
    path.write_text(json.dumps(document))
    ended = subprocess.run([*PROGRAM, "solve", str(path)], capture_output=True, text=True, check=False)
    assert ended.returncode == 3
    (line,) = [line for line in ended.stderr.splitlines() if "warning" in line]
    assert line.startswith(f"rocoin-opt: warning: {path}: devices[0..5].memory_bytes: found ")
    assert line.endswith(", read in bytes; likely in MB or GB")
