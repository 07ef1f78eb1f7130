"""Reading, checking and valuing plans, and starting the program."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import rocoin_opt as ro


class Evaluation:
    """The one evaluator by size: 10,000 devices should take well under a second."""

    params = [100, 1000, 10_000]
    param_names = ("devices",)

    def setup(self, devices):
        self.instance = ro.generate("edge", devices=devices, seed=1)
        # Valued alone, without the time that the arrays take once.
        self.plan = ro.solve(self.instance, "random").plan

    def time_check(self, devices):
        assert ro.check(self.instance, self.plan) == ()

    def time_evaluate(self, devices):
        ro.evaluate(self.instance, self.plan)


class CommandLine:
    """Whole processes: help within 0.5 s, the check of a plan for 1,000 devices within 1 s."""

    timeout = 120

    def setup(self):
        self.folder = tempfile.TemporaryDirectory()
        folder = Path(self.folder.name)
        self.instance, self.plan = folder / "edge.json", folder / "edge.plan.json"
        instance = ro.generate("edge", devices=1000, seed=1)
        ro.write_instance(self.instance, instance)
        ro.write_plan(self.plan, instance, ro.solve(instance, "greedy"))

    def teardown(self):
        self.folder.cleanup()

    def run_command(self, *arguments):
        program = "from rocoin_opt.cli import main; main()"
        subprocess.run([sys.executable, "-c", program, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)

    def time_help(self):
        self.run_command("--help")

    def time_check_1000_devices(self):
        self.run_command("check", self.instance, self.plan)
