"""The figures of a plan, and those of its partition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocoin_opt.documents import Model
from rocoin_opt.errors import UnsupportedError
from rocoin_opt.instance import Figure, Probability
from rocoin_opt.knowledge import class_evidence, evidence_lost, ncut
from rocoin_opt.plan.filters import labels_of
from rocoin_opt.plan.latency import OBJECTIVES

if TYPE_CHECKING:
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan.latency import Objective
    from rocoin_opt.plan.model import Plan


MEASURED = frozenset({"expected_accuracy"})
"""Figures that rest on measurements beside instance and plan: the evaluator cannot compute them."""


FIGURES: dict[Objective, str] = {
    "guaranteed": "guaranteed_seconds",
    "expected": "expected_seconds",
    "nominal": "nominal_seconds",
    "worst": "worst_seconds",
    "failure": "failure_probability",
    "missing": "missing_share",
    "quantile": "quantile_seconds",
}
"""The figure that each objective minimises."""


class Metrics(Model):
    """Figures of a plan; None for those that do not apply.

    Examples
    --------
    >>> metrics = ro.evaluate(instance, plan)
    >>> round(metrics.success_probability, 4)
    0.9334
    """

    guaranteed_seconds: Figure | None = None
    """Smallest t by which every group keeps the outage limit."""
    nominal_seconds: Figure | None = None
    """Answer time if no device fails."""
    worst_seconds: Figure | None = None
    """Answer time of the slowest replica."""
    expected_seconds: Figure | None = None
    """E[min(X, D)]; needs a deadline."""
    success_probability: Figure | None = None
    """Probability of an answer: by the deadline where there is one, ever where there is none."""
    failure_probability: Figure | None = None
    """1 less that probability, with all of its digits however small it is."""
    missing_share: Figure | None = None
    """Expected share of the filters that have not arrived by the deadline, or ever where there is none."""
    quantile_seconds: Figure | None = None
    """Smallest t by which the answer is there with the probability ``success_level``; needs one that is reached."""
    energy_joules: Figure | None = None
    """Energy of a request over all devices in groups; needs devices with powers."""
    ncut: Figure | None = None
    """Normalised cut of the parts; needs a graph and explicit filters."""
    expected_accuracy: Probability | None = None
    """Expected accuracy of the answers within the deadline; measured on students, and no plan alone tells it."""

    def value(self, objective: Objective) -> float | None:
        """The figure that an objective minimises: seconds, a probability (failure) or a share (missing)."""
        figure: float | None = getattr(self, FIGURES[objective])
        return figure


def ncut_of(instance: Instance, plan: Plan) -> float | None:
    """Normalised cut of a plan's parts; None without a graph or explicit filters."""
    labels, graph = labels_of(instance, plan), instance.knowledge.graph
    return None if graph is None or labels is None else ncut(graph.dense(instance.knowledge.num_filters), labels)


def evidence_left(instance: Instance, plan: Plan) -> float | None:
    """Least share of its evidence that any class keeps when any one group is lost.

    None without explicit filters or class affinities; see :func:`rocoin_opt.knowledge.criteria.evidence_lost`.
    """
    labels, affinity = labels_of(instance, plan), instance.knowledge.class_affinity
    if labels is None or affinity is None:
        return None
    return 1.0 - float(evidence_lost(class_evidence(affinity.values), labels).max())


def _lacking(instance: Instance, objective: Objective, field: str, number: str) -> UnsupportedError:
    remedy = f'add a line such as "{field}": {number} to the requirements'
    return UnsupportedError(f"{instance.name}: the objective {objective} needs requirements.{field}: {remedy}")


def require_objective(instance: Instance, objective: Objective) -> None:
    """Refuse an objective that the instance gives no meaning to."""
    if objective == "expected" and instance.requirements.deadline_seconds is None:
        raise _lacking(instance, objective, "deadline_seconds", "0.5")
    if objective == "quantile" and instance.requirements.success_level is None:
        raise _lacking(instance, objective, "success_level", "0.99")
    if objective in ("nominal", "worst") and instance.has_random_latencies:
        position = next(n for n, device in enumerate(instance.devices) if device.is_random)
        others = [name for name in OBJECTIVES if name not in ("nominal", "worst")]
        raise UnsupportedError(
            f"{instance.name}: devices[{position}] ({instance.devices[position].id}) has a slowdown law, and "
            f"{objective} has no meaning for random latencies; {', '.join(others)} have"
        )
