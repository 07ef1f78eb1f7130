"""What is mended while an instance is read inside of a run is told once an item, and kept with its result."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING

import numpy as np
import pytest

import rocoin_opt as ro
from rocoin_opt.batch.export import export
from rocoin_opt.batch.request import BatchRequest, Options
from rocoin_opt.batch.solving import run_batch
from rocoin_opt.batch.store import Store

if TYPE_CHECKING:
    from pathlib import Path

WORD = "weights differ from their transpose"


@pytest.fixture(params=["matrix", "edges"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> list[Path]:
    """An instance whose graph is asymmetric in its last digits, and a sound one."""
    odd, sound = tmp_path / "odd.json", tmp_path / "sound.json"
    ro.write_instance(odd, ro.generate("paper", devices=4, seed=1, filters=8, graph=True))
    ro.write_instance(sound, ro.generate("paper", devices=4, seed=2, filters=8, graph=True))
    if request.param == "matrix":
        arrays = dict(np.load(tmp_path / "odd.npz"))
        arrays["weights"] = np.triu(arrays["weights"]) + (1 + 1e-9) * np.tril(arrays["weights"])
        np.savez(tmp_path / "odd.npz", **arrays)
    else:
        data = json.loads(odd.read_text())
        data["knowledge"]["graph"] = {"edges": [[0, 1, 0.3], [1, 0, 0.1 + 0.2]]}
        odd.write_text(json.dumps(data))
    return [odd, sound]


@pytest.mark.slow
def test_a_graph_that_is_mended_in_a_run_is_told_once_an_item(files: list[Path], tmp_path: Path) -> None:
    request = BatchRequest(Options(), ("greedy", "rocoin"), ("guaranteed",), jobs=1)
    with pytest.warns(ro.MendedWarning) as told:
        results = list(run_batch(request, files, tmp_path / "run"))
    lines = sorted(str(warning.message) for warning in told)
    assert [line.split(": ")[0] for line in lines] == [f"{files[0]}, {method}" for method in ("greedy", "rocoin")]
    assert all(WORD in line for line in lines)
    for result in results:
        assert [WORD in word for word in result.mended] == ([True] if result.path == str(files[0]) else [])
    # It is kept, and told of what is new alone.
    with warnings.catch_warnings(action="error"), Store.open(tmp_path / "run") as store:
        assert sorted(store.rows(), key=lambda row: row.item) == sorted(results, key=lambda row: row.item)
        assert list(run_batch(request, files, tmp_path / "run")) == []
        export(store, tmp_path / "results.json")
    items = json.loads((tmp_path / "results.json").read_text())["items"]
    assert sorted(len(item["mended"]) for item in items) == [0, 0, 1, 1]
