"""Whether a script prints the same whatever order Python's sets and dictionaries of hashes take."""

from __future__ import annotations

import os
import subprocess
import sys


def printed_for_any_hash_seed(code: str, *arguments: str) -> bytes:
    """What a script prints in a process of its own; fails where that depends on the hash seed."""
    command = [sys.executable, "-c", code, *arguments]
    first, second = (
        subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True).stdout
        for seed in ("0", "1")
    )
    assert first == second
    return first
