"""What a plan is worth: all of its figures at once, and the value of one objective."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rocoin_opt.documents import Model
from rocoin_opt.errors import UnsupportedError
from rocoin_opt.instance.fields import Figure
from rocoin_opt.knowledge.criteria import class_evidence, evidence_lost
from rocoin_opt.knowledge.cuts import ncut
from rocoin_opt.plan.filters import labels_of
from rocoin_opt.plan.latency import (
    Objective,
    answer_distribution,
    group_timings,
    guaranteed_seconds,
    nominal_seconds,
    worst_seconds,
)

if TYPE_CHECKING:
    from rocoin_opt.instance.model import Instance
    from rocoin_opt.plan.model import Plan


class Metrics(Model):
    """Figures of a plan; None where one does not apply."""

    guaranteed_seconds: Figure | None = None
    """Smallest t by which every group keeps the outage limit."""
    nominal_seconds: Figure | None = None
    """Answer time when nobody fails."""
    worst_seconds: Figure | None = None
    """Answer time of the slowest replica."""
    expected_seconds: Figure | None = None
    """E[min(X, D)]; needs a deadline."""
    success_probability: Figure | None = None
    """Probability of an answer: by the deadline where there is one, ever where there is none."""
    ncut: Figure | None = None
    """Normalised cut of the parts; needs a graph and explicit filters."""

    def value(self, objective: Objective) -> float | None:
        """The figure that an objective minimises, in seconds."""
        figures: dict[Objective, float | None] = {
            "guaranteed": self.guaranteed_seconds,
            "expected": self.expected_seconds,
            "nominal": self.nominal_seconds,
            "worst": self.worst_seconds,
        }
        return figures[objective]


def evaluate(instance: Instance, plan: Plan) -> Metrics:
    """Compute every figure of a plan exactly.

    Parameters
    ----------
    instance : Instance
        What was given. Its latencies must be constant and its devices independent.
    plan : Plan
        A plan whose groups are not empty and name devices and students of the instance.

    Returns
    -------
    Metrics
        In seconds, probabilities and cut.

    Raises
    ------
    UnsupportedError
        If the instance has slowdown laws or failure domains.
    """
    timings = group_timings(instance, plan)
    distribution = answer_distribution(instance, timings)
    deadline = instance.requirements.deadline_seconds
    labels = labels_of(instance, plan)
    graph = instance.knowledge.graph
    return Metrics(
        guaranteed_seconds=guaranteed_seconds(timings),
        nominal_seconds=nominal_seconds(timings),
        worst_seconds=worst_seconds(timings),
        expected_seconds=None if deadline is None else distribution.expected(deadline),
        success_probability=distribution.cdf(deadline if deadline is not None else float("inf")),
        ncut=None if graph is None or labels is None else ncut(graph.dense(instance.knowledge.num_filters), labels),
    )


def value_of(instance: Instance, plan: Plan, objective: Objective) -> float:
    """Value of a plan in seconds; infinite where the objective does not apply. See :func:`evaluate`."""
    value = evaluate(instance, plan).value(objective)
    return math.inf if value is None else value


def evidence_left(instance: Instance, plan: Plan) -> float | None:
    """Least share of its evidence that any class keeps when any one group is lost.

    None without explicit filters or class affinities; see :func:`rocoin_opt.knowledge.criteria.evidence_lost`.
    """
    labels, affinity = labels_of(instance, plan), instance.knowledge.class_affinity
    if labels is None or affinity is None:
        return None
    return 1.0 - float(evidence_lost(class_evidence(affinity.values), labels).max())


def require_objective(instance: Instance, objective: Objective) -> None:
    """Refuse an objective that the instance gives no meaning to."""
    if objective == "expected" and instance.requirements.deadline_seconds is None:
        raise UnsupportedError(f"{instance.name}: the objective expected needs requirements.deadline_seconds")
