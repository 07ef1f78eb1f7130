"""About how long that takes which nothing can stop: under a time limit it only begins where it will also end.

Each is about twice what one core of a server of 2024 took, in seconds. Without a limit nothing here matters.
"""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rocoin_opt.instance import Instance

PYOMO = 0.7
"""To import Pyomo and what solves its models."""
REPLICA = 1e-4
"""For each device, group and student of a model of groups: to build it, to compile it, and to hand it over."""
MEMBER = 2e-5
"""Seconds for each device and group of a model without students."""
COLUMN = 2e-5
"""For each group of an integer packing, to state it."""
EXTENSION = 3e-7
"""For each set of devices that is looked at in one step of an enumeration."""
CHOICE = 5e-6
"""For each way to serve, to list it and to price it first."""


def import_of_models() -> float:
    """Until the first model can be built."""
    return 0.0 if "rocoin_opt.highs.models" in sys.modules else PYOMO


def joint_model(instance: Instance, groups: int | None = None) -> float:
    """The joint model, with so many groups at most."""
    useful = float(instance.arrays.cover_share[instance.arrays.largest.any(axis=1)].sum())
    most = min(instance.max_groups, math.floor(useful + 1.0), math.inf if groups is None else groups)
    return REPLICA * len(instance.devices) * max(most, 1) * len(instance.students)


def grouping_model(instance: Instance) -> float:
    """The model of groups alone."""
    return MEMBER * len(instance.devices) * instance.max_groups
