"""About how long that takes which nothing can stop: under a time limit it only begins where it will also end.

Each is about twice what one core of a server of 2024 took, in seconds. Without a limit nothing here matters.
"""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, NamedTuple

from rocoin_opt.instance import Constant, Empirical, Gamma, LogNormal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.instance import Device, Instance, Slowdown
    from rocoin_opt.plan import Objective, Plan

PYOMO = 2.0
"""To import Pyomo and what solves its models."""
REPLICA = 1e-4
"""For each device, group and student of a model of groups: to build it, to compile it, and to hand it over."""
MEMBER = 2e-5
"""Seconds for each device and group of a model without students."""
COLUMN = 5e-6
"""For each column of a packing, to list and to state it."""
EXTENSION = 3e-7
"""For each set of devices that is looked at in one step of an enumeration."""
CLOSED_FORM, LOG_NORMAL, GAMMA, FLAT_GAMMA = 0.012, 0.024, 0.14, 0.42
"""To tabulate the sum of two random times: the part of each law; that of gamma laws of a shape below 1 is the last."""
ONCE = 0.12
"""Share of a table that it takes to compute the same sum at a time or two."""
DECIDING = 3
"""Groups that are looked at closely before the guarantee of all is known."""
ANSWER = 2e-4
"""For each replica, to ask it at a few times."""
NODES, RISES, TERM = 15, 800, 1.5e-7
"""Points between two bends of a distribution function, places where it rises, and what a term at a point takes."""
CHOICE = 5e-6
"""For each way to serve, to list it and to price it first."""


def import_of_models() -> float:
    """Until the first model can be built."""
    return 0.0 if "rocoin_opt.highs.models" in sys.modules else PYOMO


def valuation(instance: Instance, plan: Plan, objective: Objective) -> float:
    """Time to compute the exact value of a plan under slowdown laws; without any, or without a value, it takes none.

    A sum of two times with densities is tabulated for ``expected``. For ``guaranteed`` each is computed at some times,
    and only those of the few groups that decide are tabulated. ``failure`` and ``missing`` are read at one time, a
    ``quantile`` is searched for over all of them.

    Parameters
    ----------
    instance : Instance
        What was given.
    plan : Plan
        Valid.
    objective : {'guaranteed', 'expected', 'nominal', 'worst', 'failure', 'missing', 'quantile'}
        Whose value is computed.

    Returns
    -------
    float
        Seconds that it takes about.
    """
    requirements = instance.requirements
    unasked = {
        "expected": requirements.deadline_seconds is None,
        "quantile": requirements.success_level is None,
        # Only constant latencies have these.
        "nominal": True,
        "worst": True,
    }
    if not instance.has_random_latencies or unasked.get(objective, False):
        return 0.0
    index = instance.arrays.device_index
    groups = [_Work.of([instance.devices[index[name]] for name in group.devices]) for group in plan.groups]
    together = _Work(*map(sum, zip(*groups, strict=True)))
    if objective == "expected":
        return together.tables + together.at(NODES if together.is_smooth else 1)
    if objective == "quantile":
        return together.tables + together.at(1)
    if objective in ("failure", "missing"):
        return ONCE * together.tables + ANSWER * together.answers
    # Which groups will decide is not known before: the costliest ones are the safe guess.
    deciding = sorted((group.tables + group.at(1) for group in groups), reverse=True)[:DECIDING]
    answers = sum(group.answers for group in groups)
    return ONCE * sum(group.tables for group in groups) + ANSWER * answers + sum(deciding)


class _Work(NamedTuple):
    """What replicas cost: seconds to tabulate them, whether one has a density, how many, bends, terms of sums."""

    tables: float
    is_smooth: int
    answers: int
    bends: int
    terms: int

    @classmethod
    def of(cls, devices: Sequence[Device]) -> _Work:
        """The replicas of one group."""
        tables, is_smooth, bends, terms = 0.0, 0, 0, 0
        for device in devices:
            laws = [law for law in (device.compute_slowdown, device.link_slowdown) if law is not None]
            smooth = [law for law in laws if not isinstance(law, Constant | Empirical)]
            steps = math.prod(len(law.values) for law in laws if isinstance(law, Empirical))
            tables += sum(map(_table, smooth)) if len(smooth) > 1 else 0.0
            is_smooth |= bool(smooth)
            bends += steps
            # A step function is looked up; a mixture sums its components.
            terms += steps if smooth else 1
        return cls(tables, is_smooth, len(devices), bends, terms)

    def at(self, points: int) -> float:
        """To follow all replicas, with so many points between two bends or rises."""
        return TERM * points * (RISES + self.bends) * self.terms


def _table(law: Slowdown) -> float:
    """A law's part in the table of a sum."""
    if isinstance(law, Gamma):
        return GAMMA if law.shape >= 1.0 else FLAT_GAMMA
    return LOG_NORMAL if isinstance(law, LogNormal) else CLOSED_FORM


def joint_model(instance: Instance, groups: int | None = None) -> float:
    """The joint model, with so many groups at most."""
    useful = float(instance.arrays.cover_share[instance.arrays.largest.any(axis=1)].sum())
    most = min(instance.max_groups, math.floor(useful + 1.0), math.inf if groups is None else groups)
    return REPLICA * len(instance.devices) * max(most, 1) * len(instance.students)


def grouping_model(instance: Instance) -> float:
    """The model of groups alone."""
    return MEMBER * len(instance.devices) * instance.max_groups
