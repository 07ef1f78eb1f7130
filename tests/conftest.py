"""What all tests share: the Hypothesis profile, the place of the repository, and the command line in this process."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

import one_thread  # noqa: F401 - before what loads numpy
from rocoin_opt.cli import main
from samples import THOROUGH, fewer

if TYPE_CHECKING:
    from collections.abc import Callable

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


@pytest.fixture(scope="session")
def repository() -> Path:
    """Root of the source tree."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run the command line in this process; return exit status, standard output and standard error."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["rocoin-opt", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return run
