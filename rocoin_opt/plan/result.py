"""What a search returns: the raw outcome of a method, and the checked result that leaves the package."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from rocoin_opt.provenance import versions

if TYPE_CHECKING:
    from rocoin_opt.control import Progress
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan.latency import Objective
    from rocoin_opt.plan.metrics import Metrics
    from rocoin_opt.plan.model import Plan

Termination: TypeAlias = Literal["optimal", "feasible", "infeasible", "no_plan"]


@dataclass(frozen=True)
class Outcome:
    """What a method found, before anyone has checked it.

    Attributes
    ----------
    plan : Plan or None
        The best plan, in canonical order.
    lower_bound : float or None
        Valid lower bound on the objective in seconds, rounded to the safe side; None where the method proves nothing.
    infeasible : bool
        Whether the method proved that no plan exists.
    reasons : tuple of str
        Why there is no plan, in words that a user can act on.
    """

    plan: Plan | None
    lower_bound: float | None = None
    infeasible: bool = False
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Result:
    """A checked and valued answer of :func:`rocoin_opt.solve`.

    Attributes
    ----------
    instance : Instance
        What was given.
    plan : Plan or None
        A plan that keeps every rule, or None.
    method, objective : str
        What was asked.
    termination : str
        ``optimal`` (gap closed), ``feasible`` (a plan without that proof), ``infeasible`` (proven) or ``no_plan``.
    objective_value : float or None
        The objective in seconds, computed from the plan by the one evaluator.
    lower_bound : float or None
        Valid lower bound in seconds.
    metrics : Metrics or None
        All figures of the plan.
    reasons : tuple of str
        Why there is no plan, or why the objective of the plan has no value.
    wall_seconds : float
        Time of the whole search.
    seed : int
        Seed of the search.
    versions : dict of str to str
        Versions of the package and of what it computes with.
    trace : tuple of Progress
        Best value and bound over time: values never rise, bounds never fall, every row but the last tells something
        new. The last one holds ``objective_value`` and ``lower_bound`` at ``wall_seconds``.
    """

    instance: Instance
    plan: Plan | None
    method: str
    objective: Objective
    termination: Termination
    objective_value: float | None
    lower_bound: float | None
    metrics: Metrics | None
    reasons: tuple[str, ...]
    wall_seconds: float
    seed: int
    versions: dict[str, str] = field(default_factory=versions)
    trace: tuple[Progress, ...] = ()

    @property
    def gap(self) -> float | None:
        """(objective_value - lower_bound) / objective_value; None where either is unknown."""
        return relative_gap(self.objective_value, self.lower_bound)

    def summary(self) -> str:
        """Tell the result in words and a table, for people."""
        from rocoin_opt.plan.summary import summarise

        return summarise(self)


def relative_gap(value: float | None, bound: float | None) -> float | None:
    """Relative distance of a value from its lower bound; 0 where both are 0."""
    if value is None or bound is None:
        return None
    return (value - bound) / value if value > 0 else 0.0
