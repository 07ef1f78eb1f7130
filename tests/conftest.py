"""What all tests share: the Hypothesis profile, the place of the repository, and the command line in this process."""

from __future__ import annotations

import gc
import importlib
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

import one_thread  # noqa: F401 - before what loads numpy
from rocoin_opt.cli import main, progress
from samples import THOROUGH, fewer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NO_CONSTANTS = providers.Constants()
COMMON = settings(
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.function_scoped_fixture],
)
settings.register_profile("usual", COMMON, max_examples=fewer(60))
settings.register_profile(THOROUGH, COMMON, max_examples=60)
# The thorough one is asked for by --hypothesis-profile, which Hypothesis loads after this.
settings.load_profile("usual")

# Hypothesis tries numbers and texts that stand in the source of whatever is loaded: examples would depend on the tests
# that ran before in the same process, and all of the source be parsed in each.
providers._get_local_constants = lambda: NO_CONSTANTS

WITHOUT_CUDA = "without CUDA"


class FailuresAsTheyCome:
    """Prints the name of each test that fails while the others go on, whatever the verbosity."""

    def __init__(self, terminal: pytest.TerminalReporter) -> None:
        self.terminal = terminal

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Print the name."""
        if report.failed:
            self.terminal.ensure_newline()
            self.terminal.write_line(f"FAILED {report.nodeid}" + (f" ({report.when})" if report.when != "call" else ""))


def pytest_sessionstart(session: pytest.Session) -> None:
    """Ask for names of failures in the process that has a terminal, which is none of the workers."""
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    if terminal is not None:
        session.config.pluginmanager.register(FailuresAsTheyCome(terminal))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Let each process keep tests that are neighbours: they share what a module solves once. Others help in the end."""
    if config.getoption("dist") != "load":
        return None  # another order was asked for
    from xdist.scheduler import WorkStealingScheduling

    return WorkStealingScheduling(config, log)


def pytest_keyboard_interrupt() -> None:
    """End at once: do not wait for workers in a search, which hears Ctrl-C as well and goes on with what it has."""
    workers = sys.modules.get("xdist.workermanage")
    if workers is not None:
        workers.NodeManager.EXIT_TIMEOUT = 0.5


COMPILED_FROM = {
    "rocoin_opt.exact.answer.joint.MIN_COMPILED_SETS": 10**9,
    "rocoin_opt.exact.answer.packing.MIN_COMPILED_SETS": 10**9,
    "rocoin_opt.exact.expected.nodes.MIN_COMPILED_DEVICES": 10**4,
    "rocoin_opt.failure.monte_carlo.kernel.MIN_COMPILED_WORK": 10**12,
    "rocoin_opt.grouping.covering.covering_knapsack.MIN_COMPILED_DEVICES": 10**4,
}
"""Where Numba compiles, and sizes that no fast test reaches."""


def pytest_collection_finish(session: pytest.Session) -> None:
    """Compile nothing for fast tests alone, and let the collector of garbage leave out what stays.

    To compile takes a minute in a fresh clone, in each process. What is compiled says the same to the bit, and slow
    tests say so. Libraries and tests are a million objects, and need no rounds of the collector.
    """
    if not any(item.get_closest_marker("slow") for item in session.items):
        for name, size in COMPILED_FROM.items():
            module, _, constant = name.rpartition(".")
            setattr(importlib.import_module(module), constant, size)
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


@pytest.fixture(scope="session")
def repository() -> Path:
    """Root of the source tree."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def short_search() -> Iterator[None]:
    """Few moves of searches for the whole answer: what they may claim, and what is proven, does not depend on them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rocoin_opt.heuristics.local_search.MAX_EXPECTED_STEPS", 100)
        patch.setattr("rocoin_opt.planning.methods.answers.FEW_STEPS", 4)
        patch.setattr("rocoin_opt.planning.methods.restricted.MOST_STEPS", 60)
        yield


@pytest.fixture
def few_refinements(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few refinements of the last partition, which may take most of a search: what is asserted holds for any."""
    monkeypatch.setattr("rocoin_opt.exact.lexicographic.part_search.MAX_DESCENTS", 4)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run the command line in this process; return exit status, standard output and standard error.

    However busy the machine is, nothing takes long enough for progress.
    """
    monkeypatch.setattr(progress, "PATIENCE", math.inf)

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["rocoin-opt", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return run


@pytest.fixture
def record_without_cuda(record_property):
    """Say whether there is no CUDA device; what is left out then is told at the end of the run, never silently."""

    def record(what):
        import torch

        if torch.cuda.is_available():
            return False
        record_property(WITHOUT_CUDA, what)
        return True

    return record


def pytest_terminal_summary(terminalreporter):
    """Tell what was left out, whichever process left it out."""
    reports = [report for each in terminalreporter.stats.values() for report in each]
    told = {what for each in reports for name, what in getattr(each, "user_properties", ()) if name == WITHOUT_CUDA}
    for what in sorted(told):
        terminalreporter.write_line(f"note: no CUDA device here, so not tested: {what}")
