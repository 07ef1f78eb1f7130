"""The numbers that the models of groups share: what devices reach and hold, latency in units, and the outage cover."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.errors import InputError, Problem, UnsupportedError
from rocoin_opt.formulations.outage_shares import OutageShares
from rocoin_opt.instance import SharedFailures
from rocoin_opt.plan import THRESHOLD_OBJECTIVES, group_timing, require_constant_latency, require_own_links

if TYPE_CHECKING:
    from rocoin_opt.instance import FloatArray, Instance, IntArray
    from rocoin_opt.plan import Group, Objective

COVER_SLACK = 1e-6
"""By how much a sum of cover shares may miss 1 in a model.

Above the tolerance of a solver and the rounding of logarithms, so that a model never refuses a valid group. It may
let through one that misses the outage limit by a hair; whoever solves the model checks the plan with exact products.
"""


@dataclass(frozen=True, eq=False)
class Terms:
    """Constants of a model over N devices and J students, for latencies up to a limit.

    Attributes
    ----------
    unit : float
        Seconds that count as 1 in the model, the largest latency that matters: the model's numbers stay near 1 and the
        tolerances of a solver mean the same for fast and slow devices.
    earliest : float
        Lower bound on the objective, in units.
    base, slope : FloatArray, N x J
        Latency l(n, j, s) is ``base + slope * s`` units.
    reach : IntArray, N x J
        Largest part that a device delivers within the limit, S[n, j].
    hold : IntArray, N x J
        Largest part that a device holds, late or not.
    longest : IntArray, J
        Largest part that any group can have with a student: enough devices for the outage limit hold it, or reach it
        where the objective counts them all.
    shares : OutageShares
        Shares of the outage limit that devices cover.
    """

    unit: float
    earliest: float
    base: FloatArray
    slope: FloatArray
    reach: IntArray
    hold: IntArray
    longest: IntArray
    shares: OutageShares

    @property
    def share(self) -> FloatArray:
        """Share of the outage limit that a device covers by itself; together devices cover the sum at most, N."""
        return self.shares.alone

    @classmethod
    def of(cls, instance: Instance, objective: Objective, lower_bound: float, upper_bound: float | None) -> Terms:
        """Derive the constants; bounds in seconds.

        Parameters
        ----------
        instance : Instance
            What was given.
        objective : {'guaranteed', 'nominal', 'worst'}
            What is minimised.
        lower_bound : float
            Seconds that no plan betters.
        upper_bound : float, optional
            Seconds that no wanted plan exceeds.

        Raises
        ------
        InputError
            If the bounds are negative or cross.
        """
        _require_bounds(lower_bound, upper_bound)
        arrays = instance.arrays
        hold = arrays.largest
        reach = hold if upper_bound is None else arrays.largest_part(upper_bound)
        # A model has no place for infinite times; where there is one, nothing is reached.
        base = np.where(np.isinf(arrays.base), 0.0, arrays.base)
        reached = base + arrays.slope * reach
        unit = float(reached.max(initial=0.0, where=reach > 0)) or 1.0
        replicas, shares = hold if objective == "nominal" else reach, OutageShares.of(instance)
        covered = np.array([_largest_covered(replicas[:, j], shares.alone) for j in range(hold.shape[1])])
        return cls(
            unit=unit,
            earliest=min(lower_bound / unit, 1.0),
            base=base / unit,
            slope=arrays.slope / unit,
            reach=reach,
            hold=hold,
            longest=np.minimum(covered, reach.max(axis=0)),
            shares=shares,
        )


def require_groups_model(instance: Instance, objective: Objective) -> None:
    """Refuse what the models of groups cannot state: random latencies, queues, and objectives that are no latency.

    Raises
    ------
    UnsupportedError
        Naming the obstacle.
    """
    require_constant_latency(instance)
    require_own_links(instance, "the models of groups")
    if objective not in THRESHOLD_OBJECTIVES:
        raise UnsupportedError(f"the models state the objectives guaranteed, nominal and worst, not {objective}")


def require_independent_groups(instance: Instance) -> None:
    """Refuse failure domains and rules, for a model that takes the groups as they are and sums what each device covers.

    Raises
    ------
    UnsupportedError
        Naming the obstacle.
    """
    if instance.is_restricted:
        raise UnsupportedError(f"{instance.name}: the model of given groups cannot state {instance.restricted_by}")


def require_failure_model(instance: Instance) -> None:
    """Refuse what the models of failure cannot state: random latencies, and groups that fail together.

    Raises
    ------
    UnsupportedError
        Naming the obstacle.
    """
    require_constant_latency(instance)
    require_own_links(instance, "the models of failure")
    tying = SharedFailures(instance).names
    if tying:
        raise UnsupportedError(
            f"{instance.name}: several devices are in the failure domain {tying[0]}, and the models of failure assume "
            "groups that fail independently"
        )


def failure_alone(instance: Instance) -> FloatArray:
    """Failure probability of each device, what it shares with no other one included, N."""
    return SharedFailures(instance).failure if instance.has_shared_failures else instance.arrays.failure


def counted_devices(instance: Instance, group: Group, objective: Objective) -> frozenset[str]:
    """The replicas of a group that decide when it answers.

    For ``nominal`` the fastest one, for ``worst`` all, for ``guaranteed`` the fastest ones that keep the outage limit
    together; all of them where even all do not.

    Parameters
    ----------
    instance : Instance
        What was given.
    group : Group
        A group of a plan for it.
    objective : {'guaranteed', 'nominal', 'worst'}
        Which figure they decide.
    """
    timing = group_timing(instance, group)
    if objective == "nominal":
        return frozenset(timing.devices[:1])
    met = timing.guaranteed_seconds
    if objective == "worst" or met is None:
        return frozenset(timing.devices)
    return frozenset(device for device, t in zip(timing.devices, timing.seconds, strict=True) if t <= met)


def _require_bounds(lower_bound: float, upper_bound: float | None) -> None:
    problems = []
    if not 0.0 <= lower_bound < np.inf:
        problems.append(Problem("lower_bound", repr(lower_bound), "a finite number of seconds, at least 0"))
    if upper_bound is not None and not lower_bound <= upper_bound < np.inf:
        problems.append(Problem("upper_bound", repr(upper_bound), "a finite number of seconds, at least lower_bound"))
    if problems:
        raise InputError("options", problems)


def _largest_covered(parts: IntArray, share: FloatArray) -> int:
    """Largest part that devices whose shares sum to 1 can all take; 0 where there is none."""
    order = np.argsort(-parts, kind="stable")
    enough = np.flatnonzero(np.cumsum(share[order]) >= 1.0 - COVER_SLACK)
    return int(parts[order[enough[0]]]) if enough.size else 0
