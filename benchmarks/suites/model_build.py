"""What it takes to state a model: the joint Pyomo model by size, and one big-M model in three modelling layers."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from pyomo.repn.plugins.standard_form import LinearStandardFormCompiler

import rocoin_opt as ro
from rocoin_opt.formulations import joint

from .rounds import usual

BENCHMARKS = Path(__file__).resolve().parents[1]


class JointModel:
    """The model of ``milp``: stated in Pyomo, and compiled to the arrays that HiGHS takes."""

    params = usual([20, 50, 100], short=[20])
    param_names = ("devices",)
    timeout = 120

    def setup(self, devices):
        self.instance = ro.generate("edge", devices=devices, seed=0)
        self.model = joint.build(self.instance, "guaranteed")
        # The compiler imports on its first use.
        self.compile()

    def compile(self):
        return LinearStandardFormCompiler().write(self.model, mixed_form=True, set_sense=None)

    def time_state(self, devices):
        joint.build(self.instance, "guaranteed")

    def time_compile(self, devices):
        self.compile()

    def track_rows(self, devices):
        return len(self.compile().rows)


class Layers:
    """Seconds to state and pass the big-M model of 50 devices: not a number where the layer is not installed."""

    params = ["pyomo", "linopy", "pyscipopt"]
    param_names = ("layer",)
    unit = "s"
    timeout = 120

    def track_build_seconds(self, layer):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "edge.json"
            ro.write_instance(path, ro.generate("edge", devices=usual(50, short=20), seed=0))
            command = [sys.executable, "-m", "peers.building", layer, str(path)]
            done = subprocess.run(command, capture_output=True, text=True, cwd=BENCHMARKS, check=False)
        if "ModuleNotFoundError" in done.stderr:
            return float("nan")
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout.splitlines()[-1])
        return said["state_seconds"] + said["pass_seconds"]
