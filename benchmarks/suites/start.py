"""Start-up: imports and whole processes of the command line, in time and memory."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import rocoin_opt as ro

PEAK = "import resource, rocoin_opt; rocoin_opt.solve; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"


class Import:
    """The package, which loads a name on its first use, and the command line, in a fresh interpreter."""

    timeout = 120

    def timeraw_package(self):
        return "import rocoin_opt"

    def timeraw_solve(self):
        return "import rocoin_opt; rocoin_opt.solve"

    def timeraw_command_line(self):
        return "import rocoin_opt.cli.app"

    # A peakmem benchmark would count what the suites import.
    def track_peak_memory(self):
        done = subprocess.run([sys.executable, "-c", PEAK], check=True, capture_output=True, text=True)
        return 1024 * int(done.stdout)

    track_peak_memory.unit = "bytes"


class CommandLine:
    """Help within 0.5 s, the check of a plan for 1,000 devices within 1 s."""

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
