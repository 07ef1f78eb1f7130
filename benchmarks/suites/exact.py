"""``exact`` and ``milp`` by family and size: time to the proof, gap and distance from the best known value."""

from __future__ import annotations

import rocoin_opt as ro
from rocoin_opt.control import Control
from rocoin_opt.exact.expected.bound import expected_bound
from rocoin_opt.grouping.expected_model import ExpectedModel

from .rounds import usual
from .shipped import OBJECTIVES, best_known, shipped

PROVEN = usual(["paper-8-0", "mcu-20-0", "edge-20-0", "edge-30-0", "lossy-16-0", "lossy-24-0"], short=["edge-30-0"])
EXPECTED_PROVEN = usual(["paper-8-0", "edge-16-0", "lossy-16-0"], short=["paper-8-0"])
EXPECTED_BOUNDED = usual(["edge-30-0", "lossy-40-0"], short=["lossy-40-0"])
LIMITED = usual(["edge-50-0", "edge-100-0", "edge-200-0", "lossy-40-0"], short=["edge-100-0"])
MILP = usual(["paper-8-0", "mcu-12-0", "edge-12-0"], short=["edge-12-0"])
LIMIT_SECONDS = usual(4.0, short=1.0)
"""For instances that may take minutes to their proof: the gap at this time is what is followed."""


class Proof:
    """``exact`` to the proof of the latency: a second each."""

    params = PROVEN
    param_names = ("instance",)
    timeout = 300

    def setup(self, name):
        self.instance = shipped(name)

    def time_solve(self, name):
        assert ro.solve(self.instance, "exact", latency_only=True).termination == "optimal"


class Ties:
    """``exact`` with the order behind latency: a small fleet with a filter graph to cut, and one without."""

    params = usual(["mcu-12-0", "edge-20-0"], short=["edge-20-0"])
    param_names = ("instance",)
    timeout = 300

    def setup(self, name):
        self.instance = shipped(name)

    def time_solve(self, name):
        assert ro.solve(self.instance, "exact").termination == "optimal"


class ProofByObjective:
    """``exact`` to the proof by objective."""

    params = usual(OBJECTIVES, short=OBJECTIVES[:1])
    param_names = ("objective",)
    timeout = 300

    def setup(self, objective):
        self.instance = shipped("mcu-16-0")

    def time_solve(self, objective):
        assert ro.solve(self.instance, "exact", objective, latency_only=True).termination == "optimal"


class MilpProof:
    """``milp`` to the proof: less than 10 s each."""

    params = MILP
    param_names = ("instance",)
    timeout = 300

    def setup(self, name):
        self.instance = shipped(name)

    def time_solve(self, name):
        assert ro.solve(self.instance, "milp").termination == "optimal"


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
        bound = expected_bound(ExpectedModel(self.instance), Control.starting_now(time_limit=LIMIT_SECONDS))
        return 1.0 - bound / best_known(name, "expected")


class WithinLimit:
    """What ``exact`` reaches within a limit: its gap, and its value as a multiple of the best known one."""

    params = LIMITED
    param_names = ("instance",)
    timeout = 300

    def setup_cache(self):
        results = {name: ro.solve(shipped(name), "exact", time_limit=LIMIT_SECONDS) for name in LIMITED}
        return {name: (result.gap, result.objective_value) for name, result in results.items()}

    def track_gap(self, results, name):
        return results[name][0]

    def track_value_against_best_known(self, results, name):
        return results[name][1] / best_known(name)


class Memory:
    """Of ``exact``, with the process that runs it."""

    params = usual([200, 1000], short=[200])
    param_names = ("devices",)
    timeout = 300

    def setup(self, devices):
        self.instance = ro.generate("edge", devices=devices, seed=0)

    def peakmem_solve(self, devices):
        ro.solve(self.instance, "exact", time_limit=LIMIT_SECONDS)
