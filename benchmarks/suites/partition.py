"""The knowledge partition by size: time, and distance from the bound; quickly, beside the peers that are installed."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import rocoin_opt as ro

BENCHMARKS = Path(__file__).resolve().parents[1]
# asv imports the suites as a package of their own, without the folder that the package peers lies in.
sys.path.insert(0, str(BENCHMARKS))

from peers.planted import planted  # noqa: E402

from .rounds import usual  # noqa: E402

NOISE = 0.4


class Free:
    """Ncut with free part sizes: 256 filters should take less than 2 s."""

    params = (usual([(256, 4), (1024, 8)], short=[(64, 4)]),)
    param_names = ("filters, parts",)
    timeout = 300

    def setup(self, size):
        filters, self.blocks = size
        self.made = planted(filters, self.blocks, NOISE, seed=0)

    def time_partition(self, size):
        ro.partition(self.made.weights, self.blocks)

    def track_value_against_bound(self, size):
        found = ro.partition(self.made.weights, self.blocks)
        return found.value / found.bound


class Prescribed:
    """The planted part sizes, by criterion: the gap that is left."""

    params = ["ncut", "cut", "resilient"]
    param_names = ("criterion",)
    timeout = 300

    def setup(self, criterion):
        self.made = planted(usual(128, short=48), 4, NOISE, seed=0)

    def track_gap(self, criterion):
        return ro.partition(self.made.weights, 4, self.made.sizes, criterion).gap


class Peers:
    """Largest ratio of Ncut to that of a peer on small planted graphs: at most 1, or not a number without peers."""

    timeout = 300

    def track_worst_ratio_to_best_peer(self):
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "found.json"
            command = [sys.executable, BENCHMARKS / "partition.py", "--quick", "--tables", "planted", "--out", out]
            subprocess.run(list(map(str, command)), check=True, capture_output=True)
            entries = json.loads(out.read_text())["results"]["entries"]["planted"]
        ours = {entry["group"]: entry["value"] for entry in entries if entry["method"] == "rocoin-opt"}
        theirs = [entry for entry in entries if entry["method"] != "rocoin-opt" and entry["value"] is not None]
        return max((ours[entry["group"]] / entry["value"] for entry in theirs), default=float("nan"))
