"""What can have become of an answer by a time t: it is there, it comes later, or it never comes.

Three probabilities that sum to 1, at many times at once. The answer of a group is the *first* of its replicas, the
answer of the system the *last* of its groups, and failure domains *mix* what happens in either state. All three are
sums of products of probabilities: nothing is subtracted, so an outage of 1e-300 keeps its digits as an answer does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from rocoin_opt.instance import FloatArray

OutcomeProbabilities: TypeAlias = "FloatArray"
"""Shape (..., 3, T): probabilities of BY, LATER and NEVER at T times."""

BY, LATER, NEVER = range(3)


def first_of(one: OutcomeProbabilities, other: OutcomeProbabilities) -> OutcomeProbabilities:
    """Outcomes of the earlier of two independent answers; leading axes broadcast."""
    by, later, never = (one[..., fate, :] for fate in range(3))
    other_by, other_later, other_never = (other[..., fate, :] for fate in range(3))
    # A search values plan after plan: to stack new arrays would take longer than what is in them.
    first = np.empty(np.broadcast_shapes(one.shape, other.shape))
    first[..., BY, :] = by + (later + never) * other_by
    first[..., LATER, :] = later * (other_later + other_never) + never * other_later
    first[..., NEVER, :] = never * other_never
    return first


def last_of(one: OutcomeProbabilities, other: OutcomeProbabilities) -> OutcomeProbabilities:
    """Outcomes of the later of two independent answers; leading axes broadcast."""
    by, later, never = (one[..., fate, :] for fate in range(3))
    other_by, other_later, other_never = (other[..., fate, :] for fate in range(3))
    last = np.empty(np.broadcast_shapes(one.shape, other.shape))
    last[..., BY, :] = by * other_by
    last[..., LATER, :] = later * (other_by + other_later) + by * other_later
    last[..., NEVER, :] = never + (by + later) * other_never
    return last


def never_answered(times: int) -> OutcomeProbabilities:
    """Outcomes of what never answers, shape (3, T)."""
    outcomes = np.zeros((3, times))
    outcomes[NEVER] = 1.0
    return outcomes
