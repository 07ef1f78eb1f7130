"""What the program and all of its commands have in common: version, help, completion, how much is said."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys

import pytest

import rocoin_opt as ro
from examples import pairs


@pytest.fixture
def given(tmp_path):
    """File of a small instance."""
    ro.write_instance(tmp_path / "pairs.json", pairs())
    return tmp_path / "pairs.json"


@pytest.mark.parametrize("arguments", [("--version",), ("-h",), ("solve", "-h"), ("batch", "-h")])
def test_version_and_short_help(run, arguments):
    status, out, err = run(*arguments)
    assert (status, err) == (0, "")
    assert f"rocoin-opt {ro.versions()['rocoin-opt']}" in out if arguments == ("--version",) else "Usage" in out


def test_the_package_is_a_program_too(repository):
    ended = subprocess.run(
        [sys.executable, "-m", "rocoin_opt", "--version"], capture_output=True, text=True, check=False, cwd=repository
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("rocoin-opt ")


def test_the_shell_completes_commands(repository):
    asked = {"_ROCOIN_OPT_COMPLETE": "complete_bash", "COMP_WORDS": "rocoin-opt so", "COMP_CWORD": "1"}
    code = "import sys; sys.argv[0] = 'rocoin-opt'; from rocoin_opt.cli import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=repository,
        env=os.environ | asked,
    )
    assert ended.stdout.split() == ["solve"]


def test_every_command_can_be_quiet_or_verbose(run, given):
    status, _, err = run("solve", given, "--method", "exact", "--verbose")
    assert status == 0
    assert "rocoin-opt: " in err
    assert " s: value " in err
    assert run("check", given, "none.json", "--quiet")[0] == 2
    status, _, err = run("solve", given, "--quiet", "--verbose")
    assert status == 2
    assert "--quiet: found --verbose; allowed: one of the two" in err
    # The next command of this process logs nothing.
    assert "value" not in run("solve", given, "--method", "exact", "--quiet")[2]


@pytest.mark.parametrize("command", [["solve"], ["compare", "--methods", "greedy"]])
def test_what_comes_behind_latency_has_ten_seconds(run, given, monkeypatch, command):
    from rocoin_opt.planning import methods

    left = []

    def break_ties(instance, objective, plan, control, criterion):
        left.append(control.remaining)
        return plan

    monkeypatch.setitem(
        methods.METHODS, "greedy", dataclasses.replace(methods.METHODS["greedy"], break_ties=break_ties)
    )
    method = [] if "--methods" in command else ["--method", "greedy"]
    words = [command[0], given, *command[1:], *method]
    for options in ([], ["--polish", "100"], ["--polish", "inf"]):
        assert run(*words, *options)[0] == 0
    assert 0.0 < left[0] <= 10.0 < left[1] <= 100.0
    assert left[2] == float("inf")
    status, _, err = run(*words, "--polish", "-1")
    assert status == 2
    assert "polish: found -1.0; allowed: a number of seconds, at least 0" in err
