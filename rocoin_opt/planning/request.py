"""What a search is asked for, and the one place where what it returns is checked and valued on its way out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rocoin_opt.errors import CertificateError, InputError, Problem, UnsupportedError
from rocoin_opt.failure import check, value_of
from rocoin_opt.knowledge import CRITERIA
from rocoin_opt.plan import (
    CLOSED_GAP,
    OBJECTIVES,
    PREFERENCES,
    THRESHOLD_OBJECTIVES,
    Objective,
    Plan,
    refused_channel,
    relative_gap,
    require_objective,
    require_own_links,
    structural_violations,
)
from rocoin_opt.planning.methods import METHODS, Method

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Objective, Preference


MAX_WORKERS = 64
"""Processes beyond which members of the portfolio only repeat each other."""


@dataclass(frozen=True)
class Request:
    """An instance, how to solve it and how long.

    Attributes
    ----------
    instance : Instance
        The instance.
    control : Control
        Limits, seed and reports.
    method : str or Method
        A name of :data:`METHODS`, or a method of one's own.
    objective : {'guaranteed', 'expected', 'nominal', 'worst', 'failure', 'missing', 'quantile'}
        What to minimise.
    start : Plan or None
        A plan to improve on; a valid one, once it was repaired where it has to be.
    latency_only, explicit_filters, criterion, prefer, polish, workers
        As for :func:`rocoin_opt.solve`.
    """

    instance: Instance
    control: Control
    method: str | Method = "auto"
    objective: Objective = "guaranteed"
    start: Plan | None = None
    latency_only: bool = False
    explicit_filters: bool = False
    criterion: str = "ncut"
    prefer: str = "reliability"
    polish: float | None = None
    workers: int = 1

    @property
    def preferred(self) -> Preference:
        """What comes behind latency, by its name."""
        return next((known for known in PREFERENCES if known == self.prefer), "reliability")

    @property
    def solver(self) -> Method:
        """The method itself.

        Raises
        ------
        InputError, UnsupportedError
            If there is no such method, or it does not minimise the objective.
        """
        return method_for(self.method, self.objective)

    def accepted(self) -> Request:
        """Return the request once it is clear that it can be honoured, with the start in canonical order.

        Raises
        ------
        InputError
            If an option is outside of its range, or the start is beyond repair: with every violation.
        UnsupportedError
            If the method or the objective does not support the instance, or the method cannot start from a plan.
        """
        instance, method = self.instance, self.solver
        if self.criterion not in CRITERIA:
            raise _refused("criterion", self.criterion, f"one of {', '.join(CRITERIA)}")
        if self.prefer not in PREFERENCES:
            raise _refused("prefer", self.prefer, f"one of {', '.join(PREFERENCES)}")
        if self.polish is not None and not self.polish >= 0.0:
            raise _refused("polish", self.polish, "a number of seconds, at least 0")
        self._require_workers()
        if self.prefer == "energy" and not instance.has_powers:
            raise UnsupportedError(f"{instance.name}: prefer energy needs compute_watts or transmit_watts of devices")
        require_objective(instance, self.objective)
        if instance.shared_channels and instance.has_random_latencies:
            name = next(device.id for device in instance.devices if device.is_random)
            raise refused_channel(
                instance, f"{name} has a slowdown law: solve takes constant latencies then; evaluate simulates"
            )
        if instance.shared_channels and method.run_channels is None:
            able = ", ".join(other.name for other in METHODS.values() if other.run_channels is not None)
            require_own_links(instance, method.name, instead=f"{able} can")
        if instance.has_random_latencies and method.run_random is None:
            position = next(n for n, device in enumerate(instance.devices) if device.is_random)
            able = ", ".join(other.name for other in METHODS.values() if other.run_random is not None)
            raise UnsupportedError(
                f"{instance.name}: devices[{position}] ({instance.devices[position].id}) has a slowdown law, and "
                f"{method.name} cannot honour random latencies; {able} can"
            )
        if instance.is_restricted and method.run_restricted is None:
            able = ", ".join(other.name for other in METHODS.values() if other.run_restricted is not None)
            raise UnsupportedError(f"{instance.name}: {method.name} cannot honour {instance.restricted_by}; {able} can")
        if self.start is None:
            return self
        if method.improve is None:
            able = ", ".join(other.name for other in METHODS.values() if other.improve is not None)
            raise UnsupportedError(f"{method.name} cannot start from a plan; {able} can")
        require_startable(instance, self.start, "start")
        return replace(self, start=Plan.of(instance, self.start.groups))

    def _require_workers(self) -> None:
        """Refuse several processes where only one would do anything."""
        instance, name = self.instance, self.solver.name
        if not (isinstance(self.workers, int) and 1 <= self.workers <= MAX_WORKERS):
            raise _refused("workers", self.workers, f"a whole number from 1 to {MAX_WORKERS}")
        if self.workers == 1:
            return
        if not self.solver.is_shared:
            able = ", ".join(other.name for other in METHODS.values() if other.is_shared)
            raise UnsupportedError(f"workers: {name} searches in one process; {able} can use more")
        if self.objective not in THRESHOLD_OBJECTIVES:
            given = f"for the objective {self.objective}"
        elif instance.has_random_latencies:
            given = "with slowdown laws"
        elif instance.is_restricted:
            given = f"with {instance.restricted_by}"
        elif instance.shared_channels:
            given = "with shared channels"
        else:
            return
        raise UnsupportedError(f"workers: {instance.name}: {name} searches in one process {given}; leave workers at 1")


def method_for(wanted: str | Method, objective: Objective) -> Method:
    """Find a method by name, or take one of a user's own, if it minimises the objective.

    Raises
    ------
    InputError
        If there is no such method or objective, or a method of one's own has the name of a registered one.
    UnsupportedError
        If the method does not minimise the objective.
    """
    method = wanted if isinstance(wanted, Method) else METHODS.get(wanted)
    if method is None:
        raise _refused("method", wanted, f"one of {', '.join(METHODS)}")
    # Results of a user's own method must not pass for those of a registered one.
    if isinstance(wanted, Method) and (not method.name or METHODS.get(method.name, method) is not method):
        raise _refused("method.name", method.name, f"a name other than {', '.join(METHODS)}")
    if objective not in OBJECTIVES:
        raise _refused("objective", objective, f"one of {', '.join(OBJECTIVES)}")
    if objective not in method.objectives:
        raise UnsupportedError(f"{method.name} minimises {', '.join(method.objectives)}, not {objective}")
    return method


def _refused(option: str, found: object, allowed: str) -> InputError:
    return InputError("options", [Problem(option, repr(found), allowed)])


def require_valid(instance: Instance, plan: Plan, source: str) -> None:
    """Refuse a plan that a user gave unless it is valid.

    Parameters
    ----------
    instance : Instance
        The instance.
    plan : Plan
        What is checked.
    source : str
        Where the plan comes from, for the message.

    Raises
    ------
    InputError
        Naming the source and every violation.
    """
    problems = [
        Problem(f"{v.where}: {v.rule}", f"{v.found} {v.unit}".rstrip(), f"{v.allowed} {v.unit}".rstrip())
        for v in check(instance, plan)
    ]
    if problems:
        raise InputError(source, problems)


def require_startable(instance: Instance, plan: Plan, source: str) -> None:
    """Refuse a plan to start from that no search can mend: one with strangers, devices in two places or empty groups.

    Parameters
    ----------
    instance : Instance
        The instance.
    plan : Plan
        What is to be started from; it may miss limits and break rules.
    source : str
        Where the plan comes from, for the message.

    Raises
    ------
    InputError
        Naming the source and every violation, those included that could be mended.
    """
    beyond_repair = {"known", "disjoint", "nonempty"}
    broken = {violation.rule for violation in structural_violations(instance, plan)}
    if not plan.groups or broken & beyond_repair:
        require_valid(instance, plan, source)


def require_no_min_success(instance: Instance, what: str) -> None:
    """Refuse an instance by name whose ``min_success`` a search cannot honour yet."""
    if instance.requirements.min_success is not None:
        raise UnsupportedError(f"{instance.name}: {what} does not honour requirements.min_success yet")


def require_certified(whose: str, instance: Instance, plan: Plan | None, *, searched: bool = False) -> None:
    """Refuse a plan that breaks a rule; None is no plan and passes.

    Parameters
    ----------
    whose : str
        Who returned it, for the message: "greedy returned", say.
    instance, plan
        What was given, and what was found.
    searched : bool
        Whether a method has just returned the plan: methods search without ``min_success``, which is weighed next.

    Raises
    ------
    CertificateError
        With every violation.
    """
    judge = structural_violations if searched else check
    violations = () if plan is None else judge(instance, plan)
    if violations:
        raise CertificateError(f"{whose} an invalid plan: {'; '.join(map(str, violations))}")


def certified_value(whose: str, instance: Instance, plan: Plan, objective: Objective) -> float:
    """Check a plan, and compute the value of its objective in seconds anew.

    Parameters
    ----------
    whose : str
        Who returned the plan, for the message: "greedy returned", say.
    instance, plan
        What was given, and what was found.
    objective : {'guaranteed', 'nominal', 'worst', 'expected'}
        Whose value is computed.

    Raises
    ------
    CertificateError
        If the plan breaks a rule.
    """
    require_certified(whose, instance, plan)
    return value_of(instance, plan, objective)


def certified_bound(whose: str, bound: float, value: float, *, scale: float = 0.0) -> float:
    """Return a lower bound, no higher than the value.

    Parameters
    ----------
    whose : str
        Who returned it, for the message: "greedy returned", say.
    bound, value : float
        Lower bound, and the value that was computed anew.
    scale : float
        Magnitude that rounding is relative to where the value itself is smaller.

    Raises
    ------
    CertificateError
        If the bound is above the value by more than rounding.
    """
    if bound > value + CLOSED_GAP * max(scale, abs(value)):
        raise CertificateError(f"{whose} the bound {bound!r} above the value {value!r}")
    # Above by rounding only: no gap is negative.
    return min(bound, value)


def is_closed(value: float | None, bound: float | None) -> bool:
    """Whether value and bound differ by rounding only: proven optimal."""
    gap = relative_gap(value, bound)
    return gap is not None and gap <= CLOSED_GAP
