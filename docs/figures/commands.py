"""Commands of a page: what a terminal shows in the end, where the line of progress is gone."""

from __future__ import annotations

import re
import subprocess

from IPython import get_ipython

PROGRESS = re.compile(r".* \(Ctrl-C (?:keeps the best plan|ends the search)\)\n|[^:]+: \d+ s\n")
"""A line of progress, as it is printed where standard error is no terminal; how many depends on the machine."""


def show_command(command: str) -> None:
    """Run what stands behind ``!`` in a cell, and print what it prints, errors too, but no progress."""
    shell = get_ipython()
    # Names in braces are those of the page.
    expanded = shell.var_expand(command, depth=1)
    with subprocess.Popen(
        ["bash", "-c", expanded],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if not PROGRESS.fullmatch(line):
                print(line, end="")
    shell.user_ns["_exit_code"] = process.returncode
