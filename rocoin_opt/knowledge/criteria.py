"""What a partition of the filters is judged by: normalised cut, cut, and what is left when a part is lost.

The mathematics stands in ``docs/formulation/partition.md``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from numbers import Real
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import numpy as np

from rocoin_opt.errors import InputError, Problem
from rocoin_opt.knowledge.affinity import estimated_affinity
from rocoin_opt.knowledge.cuts import cut, ncut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.instance import FloatArray, IntArray

CriterionName: TypeAlias = Literal["ncut", "cut", "resilient"]
CRITERIA: tuple[CriterionName, ...] = get_args(CriterionName)
"""Every criterion by name."""
EVIDENCE_WEIGHT = 0.75
"""Default weight of the lost class evidence in ``resilient``; the rest is the weight of the normalised cut."""


def class_evidence(affinity: FloatArray) -> FloatArray:
    """Share of each class's evidence that each filter carries.

    Parameters
    ----------
    affinity : FloatArray, C x M
        How much each filter speaks for each class; non-negative.

    Returns
    -------
    FloatArray, C' x M
        Rows sum to 1. Classes that no filter speaks for are left out.
    """
    total = affinity.sum(axis=1)
    spoken_for = total > 0
    return np.asarray(affinity[spoken_for] / total[spoken_for, None])


def evidence_lost(evidence: FloatArray, labels: IntArray) -> FloatArray:
    """Share of its evidence that the worst-hit class loses with each part.

    Parameters
    ----------
    evidence : FloatArray, C x M
        Rows sum to 1; see :func:`class_evidence`.
    labels : IntArray, M
        Part of each filter, 0 to K - 1.

    Returns
    -------
    FloatArray, K
        Between 0 and 1. Their largest, taken from 1, is the worst class evidence left after losing one part.
    """
    member = np.eye(int(labels.max()) + 1)[labels]
    return np.asarray((evidence @ member).max(axis=0, initial=0.0))


@dataclass(frozen=True, eq=False)
class Criterion:
    """What a partition is judged by; smaller is better.

    The value is ``graph_weight`` times the (normalised) cut, plus ``loss_weight`` times the class evidence lost.

    Attributes
    ----------
    name : {'ncut', 'cut', 'resilient'}
        Which one it is.
    weights : FloatArray, M x M
        The filter graph, scaled so that the largest weight is 1.
    scale : float
        What the weights were divided by.
    parts : int
        Number of parts, K.
    evidence : FloatArray, C x M
        Class evidence of the filters; without rows where it does not matter.
    graph_weight, loss_weight : float
        Weights of the two terms.
    outages : FloatArray or None, K
        Probability that each part is lost; None asks for the worst loss of one part.
    """

    name: CriterionName
    weights: FloatArray
    scale: float
    parts: int
    evidence: FloatArray
    graph_weight: float
    loss_weight: float
    outages: FloatArray | None = None

    @classmethod
    def of(
        cls,
        name: str,
        weights: FloatArray,
        parts: int,
        class_affinity: FloatArray | None = None,
        evidence_weight: float = EVIDENCE_WEIGHT,
        outages: Sequence[float] | None = None,
    ) -> Criterion:
        """Make a criterion by its name.

        Parameters
        ----------
        name : {'ncut', 'cut', 'resilient'}
            Normalised cut, cut, or class evidence lost weighed against the normalised cut.
        weights : FloatArray, M x M
            The filter graph.
        parts : int
            Number of parts, K.
        class_affinity : FloatArray, C x M, optional
            For ``resilient``: how much each filter speaks for each class; estimated from the graph where absent.
        evidence_weight : float
            For ``resilient``: weight of the evidence lost, 0 to 1; the rest goes to the normalised cut by parts.
        outages : sequence of float, optional
            For ``resilient``: probability that each part is lost, K numbers. The evidence lost is then the expected
            one, of the parts' worst-hit classes, over which part is lost; else that of the worst part.

        Raises
        ------
        InputError
            If there is no such criterion, or a number is out of its range.
        """
        if name not in CRITERIA:
            raise InputError("options", [Problem("criterion", repr(name), f"one of {', '.join(CRITERIA)}")])
        if not isinstance(evidence_weight, Real) or not 0.0 <= evidence_weight <= 1.0:
            raise InputError("options", [Problem("evidence_weight", repr(evidence_weight), "a number from 0 to 1")])
        scale = float(weights.max(initial=0.0)) or 1.0
        scaled = weights / scale
        if name != "resilient":
            nothing = np.empty((0, len(weights)))
            return cls("cut" if name == "cut" else "ncut", scaled, scale, parts, nothing, 1.0, 0.0)
        affinity = estimated_affinity(scaled) if class_affinity is None else class_affinity
        return cls(
            "resilient",
            scaled,
            scale,
            parts,
            class_evidence(affinity),
            (1.0 - evidence_weight) / parts,
            evidence_weight,
            None if outages is None else _checked_outages(outages, parts),
        )

    def for_parts(self, parts: int) -> Criterion:
        """The same for another number of parts, without outages: it shares graph and evidence."""
        graph_weight = (1.0 - self.loss_weight) / parts if self.name == "resilient" else 1.0
        return replace(self, parts=parts, graph_weight=graph_weight, outages=None)

    @property
    def normalised(self) -> bool:
        """Whether the cut of a part is divided by the volume of the part."""
        return self.name != "cut"

    @property
    def parts_differ(self) -> bool:
        """Whether it matters which part has which label."""
        return self.outages is not None

    def value(self, labels: IntArray) -> float:
        """Value of a partition, M labels of 0 to K - 1."""
        of_graph = ncut(self.weights, labels) if self.normalised else cut(self.weights, labels) * self.scale
        return self.graph_weight * of_graph + self.loss_weight * self.loss(labels)

    def loss(self, labels: IntArray) -> float:
        """Class evidence lost, 0 to 1: of the worst part, or expected where outages are given."""
        lost = evidence_lost(self.evidence, labels)
        return float(lost.max()) if self.outages is None else float(self.outages @ lost)


def _checked_outages(outages: Sequence[float], parts: int) -> FloatArray:
    try:
        given = np.asarray(outages, dtype=np.float64)
    except (TypeError, ValueError):
        given = np.empty(0)
    if given.shape != (parts,) or not ((given >= 0.0) & (given <= 1.0)).all():
        raise InputError("options", [Problem("outages", repr(outages), f"{parts} probabilities, one for each part")])
    # Given that one part is lost; where none ever is, each is as likely as another.
    total = float(given.sum())
    return np.full(parts, 1.0 / parts) if total == 0.0 else given / total
