"""Monolithic models of other solvers beside ``exact``, by the protocol of ``side_by_side.py``."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from .rounds import usual
from .shipped import INSTANCES, best_known

SIDE_BY_SIDE = Path(__file__).resolve().parents[1] / "side_by_side.py"
FILES = usual(["paper/paper-8-3", "lossy/lossy-16-0"], short=["lossy/lossy-16-0"])
PEERS = ["cp-sat", "scip", "linopy"]
LIMIT_SECONDS = usual(15.0, short=3.0)


class Monolithic:
    """Each in its own process, on instances that it should close: not a number where it is not installed."""

    params = (PEERS, [file.split("/")[1] for file in FILES])
    param_names = ("peer", "instance")
    timeout = 300

    def setup_cache(self):
        paths = [INSTANCES / f"{file}.json" for file in FILES]
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "runs.json"
            asked = ["--methods", ",".join(["exact", *PEERS]), "--time-limit", LIMIT_SECONDS, "--out", out]
            # It ends with 1 where the bound of one contradicts the plan of another.
            subprocess.run(list(map(str, [sys.executable, SIDE_BY_SIDE, *paths, *asked])), check=True)
            runs = json.loads(out.read_text())["results"]["runs"]
        return {(run["method"], run["instance"]): run for run in runs}

    def track_value_against_best_known(self, runs, peer, name):
        value = runs[peer, name]["value"]
        return float("nan") if value is None else value / best_known(name)

    def track_seconds_against_exact(self, runs, peer, name):
        seconds = runs[peer, name]["seconds"]
        return float("nan") if seconds is None else seconds / runs["exact", name]["seconds"]
