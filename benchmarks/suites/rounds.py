"""What a short round leaves out, which CI runs: it runs every benchmark, for few parameters and within short limits."""

from __future__ import annotations

import os
from typing import TypeVar

Value = TypeVar("Value")
SHORT_ROUND = "ROCOIN_OPT_SHORT_ROUND"
"""Variable of the environment that asks for a short round; what it measures is not to be compared."""


def usual(value: Value, *, short: Value) -> Value:
    """Return parameters or a limit of a usual round, or what stands for them in a short one."""
    return short if os.environ.get(SHORT_ROUND) else value
