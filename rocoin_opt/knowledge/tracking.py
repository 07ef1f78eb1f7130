"""A partition with what the change of value by each move and swap costs little to know.

The parts have scores, of which a criterion takes the sum or the largest. So a step that changes two parts is judged by
the scores that these two would have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from rocoin_opt.instance import FloatArray, IntArray
    from rocoin_opt.knowledge.criteria import Criterion

NO_VOLUME = 1e-10
"""Share of the graph's volume below which a part counts as one without edges: sums that went up and down."""
LEVELLING = 2.0
"""Weight, in the choice of steps, of how level the evidence is over parts: the worst part alone leaves most steps
equal. It has no part in the value, nor in the choice where outages tell parts apart."""


class Tracker:
    """A partition under change, and its value under a criterion.

    Parameters
    ----------
    criterion : Criterion
        What it is judged by.
    labels : IntArray, M
        Part of each filter, 0 to K - 1.

    Attributes
    ----------
    labels : IntArray, M
        The partition now.
    sizes : IntArray, K
        Filters of each part.
    """

    def __init__(self, criterion: Criterion, labels: IntArray) -> None:
        self.labels, self.parts = labels.copy(), criterion.parts
        self.sizes: IntArray = np.bincount(labels, minlength=criterion.parts)
        self._terms: list[_GraphTerm | _LossTerm] = []
        if criterion.graph_weight > 0.0:
            self._terms.append(_GraphTerm(criterion, self.labels))
        if criterion.loss_weight > 0.0:
            self._terms.append(_LossTerm(criterion, self.labels))

    @property
    def value(self) -> float:
        """Value now; for ``cut`` in units of the largest weight."""
        return sum(term.value for term in self._terms)

    def move_changes(self) -> FloatArray:
        """How much each move of a filter to a part would add, K x M; meaningless for its own part."""
        changes = self._terms[0].move_changes()
        for term in self._terms[1:]:
            changes += term.move_changes()
        return changes

    def swap_changes(self, m: int) -> FloatArray:
        """How much each swap of filter m with another filter would add, M numbers; meaningless within its own part."""
        changes = self._terms[0].swap_changes(m)
        for term in self._terms[1:]:
            changes += term.swap_changes(m)
        return changes

    def move(self, m: int, target: int) -> None:
        """Give filter m to another part."""
        source = int(self.labels[m])
        self.labels[m] = target
        self.sizes[source] -= 1
        self.sizes[target] += 1
        for term in self._terms:
            term.move(m, source, target)


class _GraphTerm:
    """Cut, or normalised cut: the sum of what leaves each part, by its volume."""

    def __init__(self, criterion: Criterion, labels: IntArray) -> None:
        self.labels, self.weights, self.factor = labels, criterion.weights, criterion.graph_weight
        self.normalised = criterion.normalised
        self.rows = np.arange(len(labels))
        self.degree: FloatArray = self.weights.sum(axis=1)
        self.no_volume = NO_VOLUME * float(self.degree.sum()) or 1.0
        member = np.eye(criterion.parts)[labels].T
        self.links: FloatArray = member @ self.weights
        """Weight between each part and each filter, K x M."""
        self.inner: FloatArray = np.einsum("km,km->k", member, self.links)
        self.volume: FloatArray = member @ self.degree
        self.score = self.scores(self.inner, self.volume)
        self.joined = self.scores(self.inner[:, None] + 2.0 * self.links, self.volume[:, None] + self.degree)
        """Score of each part with each filter on top, K x M."""

    @property
    def value(self) -> float:
        return float(self.score.sum())

    def scores(self, inner: FloatArray, volume: FloatArray) -> FloatArray:
        if not self.normalised:
            return np.asarray((volume - inner) * (0.5 * self.factor))
        return np.asarray(self.factor - inner * self.factor / np.maximum(volume, self.no_volume))

    def move_changes(self) -> FloatArray:
        labels = self.labels
        inner = self.inner[labels] - 2.0 * self.links[labels, self.rows]
        changes = self.joined - self.score[:, None]
        changes += self.scores(inner, self.volume[labels] - self.degree) - self.score[labels]
        return changes

    def swap_changes(self, m: int) -> FloatArray:
        labels, source = self.labels, int(self.labels[m])
        between, own = self.weights[m], self.links[self.labels, self.rows]
        # The weight between the two filters lies in the cut before the swap and after it.
        inner_here = self.inner[source] - 2.0 * (self.links[source, m] - self.links[source] + between)
        inner_there = self.inner[labels] + 2.0 * (self.links[labels, m] - own - between)
        step = self.degree - self.degree[m]
        here = self.scores(inner_here, self.volume[source] + step)
        there = self.scores(inner_there, self.volume[labels] - step)
        return np.asarray(here + there - self.score[source] - self.score[labels])

    def move(self, m: int, source: int, target: int) -> None:
        self.inner[source] -= 2.0 * self.links[source, m]
        self.inner[target] += 2.0 * self.links[target, m]
        self.volume[source] -= self.degree[m]
        self.volume[target] += self.degree[m]
        self.links[source] -= self.weights[m]
        self.links[target] += self.weights[m]
        self.score = self.scores(self.inner, self.volume)
        for part in (source, target):
            inner = self.inner[part] + 2.0 * self.links[part]
            self.joined[part] = self.scores(inner, self.volume[part] + self.degree)


class _LossTerm:
    """Class evidence lost with a part: the worst one, or the mean by outages."""

    def __init__(self, criterion: Criterion, labels: IntArray) -> None:
        self.labels, self.evidence, self.factor = labels, criterion.evidence, criterion.loss_weight
        self.outages = criterion.outages
        self.rows = np.arange(len(labels))
        self.held: FloatArray = self.evidence @ np.eye(criterion.parts)[labels]
        """Evidence of each class in each part, C x K."""
        self.lost = largest(self.held)
        self.joined = np.array([largest(held[:, None] + self.evidence) for held in self.held.T])
        """Largest evidence in each part with each filter on top, K x M."""
        # The change of the sum of squares by a move is 2 e . (held there - held here + e).
        levelling = LEVELLING if self.outages is None else 0.0
        self.levelling = 2.0 * levelling * self.factor / max(1, len(self.evidence))
        self.square: FloatArray = (self.evidence**2).sum(axis=0)

    @property
    def value(self) -> float:
        return self.factor * float(self.lost.max() if self.outages is None else self.outages @ self.lost)

    def move_changes(self) -> FloatArray:
        labels, lost = self.labels, self.lost
        left = largest(self.held[:, labels] - self.evidence)
        if self.outages is None:
            changes = np.maximum(np.maximum(self.joined, left), _others_worst(lost)[:, labels])
            changes -= lost.max()
        else:
            changes = self.outages[:, None] * (self.joined - lost[:, None])
            changes += self.outages[labels] * (left - lost[labels])
        changes *= self.factor
        along = self.held.T @ self.evidence
        changes += self.levelling * (along - along[labels, self.rows] + self.square)
        return np.asarray(changes)

    def swap_changes(self, m: int) -> FloatArray:
        labels, source, lost = self.labels, int(self.labels[m]), self.lost
        step = self.evidence - self.evidence[:, [m]]
        held_here, held_there = self.held[:, [source]], self.held[:, labels]
        here, there = largest(held_here + step), largest(held_there - step)
        if self.outages is None:
            changes = np.maximum(np.maximum(here, there), _others_worst(lost)[source, labels]) - lost.max()
        else:
            changes = self.outages[source] * (here - lost[source]) + self.outages[labels] * (there - lost[labels])
        level = (step * (held_here - held_there + step)).sum(axis=0)
        return np.asarray(self.factor * changes + self.levelling * level)

    def move(self, m: int, source: int, target: int) -> None:
        self.held[:, source] -= self.evidence[:, m]
        self.held[:, target] += self.evidence[:, m]
        self.lost = largest(self.held)
        for part in (source, target):
            self.joined[part] = largest(self.held[:, [part]] + self.evidence)


def largest(held: FloatArray) -> FloatArray:
    """Evidence of the class that has the most, over the first axis; 0 without classes."""
    return np.asarray(held.max(axis=0, initial=0.0))


def _others_worst(lost: FloatArray) -> FloatArray:
    """Largest loss of all parts but two, K x K; 0 where there are no others."""
    order = np.argsort(-lost, kind="stable")
    ranked = np.append(lost[order], (0.0, 0.0))
    others = np.full((len(lost), len(lost)), ranked[0])
    others[order[0], :] = others[:, order[0]] = ranked[1]
    others[order[:2], order[1::-1]] = ranked[2]
    return others
