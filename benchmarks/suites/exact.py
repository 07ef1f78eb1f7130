"""``exact`` by family and size, and the heuristics at scale: time, gap, and distance from the best known value."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import rocoin_opt as ro
from rocoin_opt.control import Control
from rocoin_opt.exact.answer_model import AnswerModel
from rocoin_opt.exact.expected_bound import expected_bound

from .methods import BEST_KNOWN, INSTANCES, OBJECTIVES, shipped

SIDE_BY_SIDE = Path(__file__).resolve().parents[1] / "side_by_side.py"

PROVEN = ["paper-8-0", "mcu-20-0", "edge-20-0", "edge-30-0", "lossy-16-0", "lossy-24-0"]
EXPECTED_PROVEN = ["paper-8-0", "mcu-16-0", "edge-16-0", "lossy-16-0"]
EXPECTED_BOUNDED = ["edge-30-0", "edge-50-0", "lossy-40-0"]
LIMITED = ["edge-50-0", "edge-100-0", "edge-200-0", "lossy-40-0"]
HARD = ["mcu-20-0", "edge-50-0", "edge-200-0", "lossy-40-0"]
EXACT_SECONDS = 10.0
"""Limit for instances that may take minutes to their proof: the gap at this time is what is followed."""
HEURISTIC_SECONDS = 10.0
"""Limit within which ``local-search`` should come within 2 % of the best known value, ``lp-rounding`` within 5 %."""


class ExactProof:
    """``exact`` to the proof: a second each, five for 30 devices, at most a minute for lossy ones."""

    params = PROVEN
    param_names = ("instance",)
    timeout = 300

    def setup(self, name):
        self.instance = shipped(name)

    def time_solve(self, name):
        assert ro.solve(self.instance, "exact").termination == "optimal"


class ExactObjectives:
    """``exact`` to the proof by objective."""

    params = OBJECTIVES
    param_names = ("objective",)
    timeout = 300

    def setup(self, objective):
        self.instance = shipped("mcu-16-0")

    def time_solve(self, objective):
        assert ro.solve(self.instance, "exact", objective).termination == "optimal"


class ExpectedProof:
    """``exact`` for the expected answer time, to the proof."""

    params = EXPECTED_PROVEN
    param_names = ("instance",)
    timeout = 300

    def setup(self, name):
        self.instance = shipped(name)

    def time_solve(self, name):
        assert ro.solve(self.instance, "exact", "expected").termination == "optimal"


class ExpectedBound:
    """The relaxation's gap to the best known expected answer time, for fleets beyond branch and bound."""

    params = EXPECTED_BOUNDED
    param_names = ("instance",)
    timeout = 300

    def setup(self, name):
        self.instance = shipped(name)

    def track_gap(self, name):
        bound = expected_bound(AnswerModel(self.instance), Control.starting_now(time_limit=EXACT_SECONDS))
        return 1.0 - bound / BEST_KNOWN[name]["expected"]["value"]


class ExactWithinLimit:
    """What ``exact`` reaches within a limit: its gap, and its value as a multiple of the best known one."""

    params = LIMITED
    param_names = ("instance",)
    timeout = 300

    def setup_cache(self):
        results = {name: ro.solve(shipped(name), "exact", time_limit=EXACT_SECONDS) for name in LIMITED}
        return {name: (result.gap, result.objective_value) for name, result in results.items()}

    def track_gap(self, results, name):
        return results[name][0]

    def track_value_against_best_known(self, results, name):
        return results[name][1] / BEST_KNOWN[name]["guaranteed"]["value"]


class ExactLarge:
    """Memory of ``exact`` on 1,000 devices."""

    timeout = 300

    def setup(self):
        self.instance = ro.generate("edge", devices=1000, seed=0)

    def peakmem_solve(self):
        ro.solve(self.instance, "exact", time_limit=EXACT_SECONDS)


class HeuristicsWithinLimit:
    """Largest ratio of a heuristic's value to the best known one, over the hardest shipped instances."""

    params = ["local-search", "lp-rounding"]
    param_names = ("method",)
    timeout = 300

    def track_worst_ratio(self, method):
        return max(
            ro.solve(shipped(name), method, time_limit=HEURISTIC_SECONDS).objective_value
            / BEST_KNOWN[name]["guaranteed"]["value"]
            for name in HARD
        )


class MonolithicPeer:
    """CP-SAT, in its own process, on instances that it closes: not a number where OR-Tools is not installed."""

    params = ["paper/paper-8-0", "mcu/mcu-12-0", "edge/edge-20-0", "lossy/lossy-16-0"]
    param_names = ("instance",)
    timeout = 120

    def track_value_against_best_known(self, name):
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "runs.json"
            path = INSTANCES / f"{name}.json"
            command = [sys.executable, SIDE_BY_SIDE, path, "--methods", "cp-sat", "--time-limit", "30", "--out", out]
            subprocess.run(list(map(str, command)), check=True, capture_output=True)
            (run,) = json.loads(out.read_text())["runs"]
        if run["termination"] == "not measured":
            return float("nan")
        assert run["termination"] == "optimal", run
        return run["value"] / BEST_KNOWN[path.stem]["guaranteed"]["value"]
