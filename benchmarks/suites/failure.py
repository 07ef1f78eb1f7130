"""How a plan holds up: exact distribution, simulation and rare events, by size; and the simulation beside its peers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import rocoin_opt as ro

from .rounds import usual

BENCHMARKS = Path(__file__).resolve().parents[1]
DEADLINE = 2.0


class Distribution:
    """Exact figures of a plan: about a millisecond for 100 devices of constant latencies."""

    params = usual([100, 1000], short=[100])
    param_names = ("devices",)

    def setup(self, devices):
        self.instance = ro.generate("edge", devices=devices, seed=1)
        self.plan = ro.solve(self.instance, "greedy").plan

    def time_expected(self, devices):
        ro.latency_distribution(self.instance, self.plan).expected(DEADLINE)

    def time_quantile(self, devices):
        ro.latency_distribution(self.instance, self.plan).quantile(0.9)


class Simulation:
    """A hundred thousand requests, and a failure probability to 1 %."""

    def setup(self):
        self.instance = ro.generate("edge", devices=100, seed=1)
        self.plan = ro.solve(self.instance, "greedy").plan
        # Loads the compiled kernel, where Numba is there to make it.
        self.simulate(100)

    def simulate(self, trials):
        return ro.simulate(self.instance, self.plan, trials, deadline=DEADLINE)

    def time_simulate(self):
        self.simulate(100_000)

    def track_error_in_standard_errors(self):
        exact = ro.latency_distribution(self.instance, self.plan).expected(DEADLINE)
        found = self.simulate(100_000).expected
        return abs(found.value - exact) / found.standard_error

    def time_failure_probability(self):
        ro.failure_probability(self.instance, self.plan)


class Peers:
    """The script that compares with NumPy's raw generator and SimPy ends well."""

    timeout = 300

    def track_exit_status(self):
        script = [sys.executable, BENCHMARKS / "simulation.py", "--quick"]
        return subprocess.run(script, capture_output=True, check=True).returncode
