"""Heuristics and baselines: time, and distance from the best known value."""

from __future__ import annotations

import rocoin_opt as ro

from .rounds import usual
from .shipped import OBJECTIVES, SHIPPED, best_known, shipped

BASELINES = ["rocoin", "nonn", "het-nonn", "random"]
HARD = ["mcu-20-0", "edge-50-0", "edge-200-0", "lossy-40-0"]
LIMIT_SECONDS = usual(3.0, short=0.5)
"""Limit within which the distance of ``local-search`` and ``lp-rounding`` from the best known value is followed."""


class Greedy:
    """``greedy`` by size: it should take about a second for 1,000 devices."""

    params = (usual([100, 1000], short=[100]), [*OBJECTIVES, "expected"])
    param_names = ("devices", "objective")
    timeout = 300

    def setup(self, devices, objective):
        self.instance = ro.generate("edge", devices=devices, seed=1)

    def time_solve(self, devices, objective):
        ro.solve(self.instance, "greedy", objective)


class GreedyGap:
    """What is left between ``greedy`` and its own bound, which other objectives than these have none of."""

    params = usual([10, 100, 1000], short=[100])
    param_names = ("devices",)
    timeout = 300

    def track_gap_to_bound(self, devices):
        return ro.solve(ro.generate("edge", devices=devices, seed=1), "greedy").gap


class Improvement:
    """``local-search`` and ``lp-rounding`` until they end by themselves."""

    params = (["local-search", "lp-rounding"], usual(["edge-20-0", "edge-50-0"], short=["edge-20-0"]))
    param_names = ("method", "instance")
    timeout = 300

    def setup(self, method, name):
        self.instance = shipped(name)

    def time_solve(self, method, name):
        ro.solve(self.instance, method)


class WithinLimit:
    """Largest ratio of a heuristic's value to the best known one, over the hardest shipped instances."""

    params = ["local-search", "lp-rounding"]
    param_names = ("method",)
    timeout = 300

    def track_worst_ratio(self, method):
        found = {name: ro.solve(shipped(name), method, time_limit=LIMIT_SECONDS).objective_value for name in HARD}
        return max(value / best_known(name) for name, value in found.items())


class Shipped:
    """Largest ratio of a method's value to the best known one, over the shipped instances where it has a plan."""

    params = ["greedy", *BASELINES]
    param_names = ("method",)
    timeout = 300

    def track_worst_ratio(self, method):
        ratios = [1.0]
        for path in usual(SHIPPED, short=SHIPPED[::8]):
            # The order behind latency is not what is followed here.
            value = ro.solve(ro.read_instance(path), method, latency_only=True).objective_value
            if value is not None:
                ratios.append(value / best_known(path.stem))
        return max(ratios)
