"""Methods: time, and distance from the best known value."""

from __future__ import annotations

import json
from pathlib import Path

import rocoin_opt as ro

INSTANCES = Path(__file__).resolve().parents[2] / "instances"
BEST_KNOWN = json.loads((INSTANCES / "best_known.json").read_text())
SHIPPED = sorted(path for path in INSTANCES.glob("*/*.json") if path.stem in BEST_KNOWN)
SMALL = ["paper-8-0", "paper-8-1", "paper-8-2", "mcu-8-0", "mcu-12-0", "mcu-12-1", "sbc-12-0", "edge-12-0", "edge-12-1"]
BASELINES = ["rocoin", "nonn", "het-nonn", "random"]
OBJECTIVES = ["guaranteed", "nominal", "worst"]


def shipped(name):
    """Read a shipped instance."""
    (path,) = (path for path in SHIPPED if path.stem == name)
    return ro.read_instance(path)


class Greedy:
    """``greedy`` by size: it should take about a second for 1,000 devices."""

    params = ([10, 100, 1000], [*OBJECTIVES, "expected"])
    param_names = ("devices", "objective")
    timeout = 300

    def setup(self, devices, objective):
        self.instance = ro.generate("edge", devices=devices, seed=1)

    def time_solve(self, devices, objective):
        ro.solve(self.instance, "greedy", objective)

    def track_gap_to_bound(self, devices, objective):
        return ro.solve(self.instance, "greedy", objective).gap


class Milp:
    """``milp`` to proof on the small shipped instances: each should take less than 10 s."""

    params = (SMALL, OBJECTIVES)
    param_names = ("instance", "objective")
    timeout = 300

    def setup(self, name, objective):
        self.instance = shipped(name)

    def time_proof(self, name, objective):
        result = ro.solve(self.instance, "milp", objective)
        assert result.termination == "optimal"


class Shipped:
    """Largest ratio of a method's value to the best known one, over the shipped instances where it has a plan."""

    params = (["greedy", *BASELINES], OBJECTIVES)
    param_names = ("method", "objective")
    timeout = 300

    def track_worst_ratio(self, method, objective):
        ratios = [1.0]
        for path in SHIPPED:
            if objective not in BEST_KNOWN[path.stem]:
                # Random latencies have no nominal and no worst value.
                continue
            value = ro.solve(ro.read_instance(path), method, objective).objective_value
            if value is not None:
                ratios.append(value / BEST_KNOWN[path.stem][objective]["value"])
        return max(ratios)
