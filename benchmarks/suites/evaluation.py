"""Reading, checking and valuing plans by size."""

from __future__ import annotations

import tempfile
from pathlib import Path

import rocoin_opt as ro

from .rounds import usual


class Evaluation:
    """The one evaluator by size: 10,000 devices should take well under a second."""

    params = usual([100, 1000, 10_000], short=[1000])
    param_names = ("devices",)

    def setup(self, devices):
        self.instance = ro.generate("edge", devices=devices, seed=1)
        # Valued alone, without the time that the arrays take once.
        self.plan = ro.solve(self.instance, "random").plan

    def time_check(self, devices):
        assert ro.check(self.instance, self.plan) == ()

    def time_evaluate(self, devices):
        ro.evaluate(self.instance, self.plan)


class Files:
    """An instance of 1,000 devices, written and read."""

    def setup(self):
        self.folder = tempfile.TemporaryDirectory()
        self.file = Path(self.folder.name) / "edge.json"
        self.instance = ro.generate("edge", devices=1000, seed=1)
        ro.write_instance(self.file, self.instance)

    def teardown(self):
        self.folder.cleanup()

    def time_read(self):
        ro.read_instance(self.file)

    def time_write(self):
        ro.write_instance(self.file, self.instance)
