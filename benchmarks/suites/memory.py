"""Peak of memory of every method by size, and of what is done with large fleets."""

from __future__ import annotations

import rocoin_opt as ro

from .rounds import usual

LIMIT_SECONDS = usual(3.0, short=1.0)
"""Limit of a search: where it ends early, what was held until then is what is followed."""


class Methods:
    """Every method on fleets of all sizes."""

    params = (list(ro.METHODS), usual([20, 200, 2000, 10_000], short=[200]))
    param_names = ("method", "devices")
    timeout = 300

    def setup(self, method, devices):
        self.instance = ro.generate("edge", devices=devices, seed=1)

    def peakmem_solve(self, method, devices):
        ro.solve(self.instance, method, time_limit=LIMIT_SECONDS)


class Objectives:
    """``exact`` for objectives whose searches hold most: sets of devices, distributions, late replicas."""

    params = (["expected", "failure", "missing", "quantile"], usual([12, 60, 1000], short=[12]))
    param_names = ("objective", "devices")
    timeout = 300

    def setup(self, objective, devices):
        self.instance = ro.generate("lossy", devices=devices, seed=1).with_requirements(success_level=0.9)

    def peakmem_solve(self, objective, devices):
        ro.solve(self.instance, "exact", objective, time_limit=LIMIT_SECONDS)


class Large:
    """100,000 devices, in single entries and of 50 kinds: planned and valued."""

    params = usual([None, 50], short=[50])
    param_names = ("kinds",)
    timeout = 300

    def setup(self, kinds):
        self.instance = ro.generate("edge", devices=100_000, seed=1, kinds=kinds)

    def peakmem_greedy(self, kinds):
        plan = ro.solve(self.instance, "greedy").plan
        ro.check(self.instance, plan)
        ro.evaluate(self.instance, plan)

    def time_greedy(self, kinds):
        ro.solve(self.instance, "greedy")
