"""Sharing devices and filters between two groups in the best way for the expected answer time, all others unchanged.

With ``R(t)`` the probability that all other groups have answered by t, two groups a and b answer by the deadline D in

    E[min(X, D)] = D - sum over i of R_i (1 - q_a(t_i)) (1 - q_b(t_i)),   R_i = integral of R from t_i to t_(i+1),

with ``t_1 < t_2 < ...`` the latencies of the two groups' replicas and D at their end. ``R``'s integral is piecewise
linear, so all ways to share some devices, or some filters, are valued at once and exactly.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.grouping import ENOUGH_SHARES, ExpectedModel
from rocoin_opt.plan import IndexedGroup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.instance import FloatArray, IntArray

MOST_SIZES = 2_048
"""Sizes of one of two groups that are tried at once."""
MOST_STUDENTS = 3
"""Students of a group that are tried where several may be best: those of least work."""


class Answered:
    """The integral over time of the probability that some groups have all answered; 1 throughout without groups.

    Parameters
    ----------
    model : ExpectedModel
        The instance.
    blocks : sequence of IndexedGroup
        The groups.

    Attributes
    ----------
    expected : float
        E[min(X, D)] in seconds, were there no other groups.
    """

    def __init__(self, model: ExpectedModel, blocks: Sequence[IndexedGroup]) -> None:
        steps = [model.steps.of_devices(block.members) for block in blocks]
        each = [
            np.minimum(model.steps.seconds(own, block.student, block.size), model.deadline)
            for block, own in zip(blocks, steps, strict=True)
        ]
        times = np.concatenate([np.empty(0), *each])
        order = np.argsort(times, kind="stable")
        rank = np.empty(len(order), dtype=np.int64)
        rank[order] = np.arange(len(order))
        # Not 1 minus a product: with a late deadline, what is left out of a probability close to 1 counts.
        late = np.zeros(len(order) + 1)
        first = 0
        for own in steps:
            weights = np.zeros(len(order) + 1)
            weights[1 + rank[first : first + len(own)]] = model.steps.weights[own]
            late += np.exp(-np.cumsum(weights)) * (1.0 - late)
            first += len(own)
        self._times: FloatArray = np.concatenate([[0.0], times[order], [model.deadline]])
        lengths = np.diff(self._times)
        self._integral: FloatArray = np.concatenate([[0.0], np.cumsum((1.0 - late) * lengths)])
        self.expected = float(late @ lengths)

    def until(self, seconds: FloatArray) -> FloatArray:
        """Integral from 0 to each time up to the deadline, in seconds."""
        integral: FloatArray = np.interp(seconds, self._times, self._integral)
        return integral


def expected_seconds(model: ExpectedModel, blocks: Sequence[IndexedGroup]) -> float:
    """E[min(X, D)] in seconds of a whole plan's groups."""
    return Answered(model, blocks).expected


def share_devices(
    model: ExpectedModel,
    rest: Answered,
    pool: Sequence[int],
    fixed: tuple[Sequence[int], Sequence[int]],
    parts: tuple[tuple[int, int], tuple[int, int]],
) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Share a pool of devices between two groups in the best way, their students and sizes given.

    Parameters
    ----------
    model : ExpectedModel
        The instance.
    rest : Answered
        All other groups.
    pool : sequence of int
        P devices; all 2^P ways to share them are looked at. One that does not fit where it is put stays out.
    fixed : pair of sequences of int
        Members of each group that stay where they are.
    parts : pair of (student, size)
        What each group runs.

    Returns
    -------
    pair of tuples of int, or None
        The members of each group; None if no way gives both groups enough cover shares.
    """
    count = len(pool)
    bits = (np.arange(1 << count)[:, None] >> np.arange(count)) & 1
    chosen = (bits.astype(np.float64), 1.0 - bits)
    fitting = [model.arrays.largest[:, student] >= size for student, size in parts]
    covered = np.ones(len(bits), dtype=np.bool_)
    steps: list[int] = []
    sides: list[int] = []
    for side in (0, 1):
        shares = np.where(fitting[side], model.arrays.cover_share, 0.0)
        # Up to rounding: whoever takes the groups asks for the exact product.
        covered &= chosen[side] @ shares[list(pool)] + shares[list(fixed[side])].sum() >= ENOUGH_SHARES
        steps += model.steps.of_devices([*fixed[side], *(n for n in pool if fitting[side][n])]).tolist()
        sides += [side] * (len(steps) - len(sides))
    if not covered.any():
        return None
    students, sizes = np.array(parts)[sides].T
    # Answers after the deadline count as at it: what lies behind has no length.
    seconds = np.minimum(model.steps.seconds(steps, students, sizes), model.deadline)
    order = np.argsort(seconds, kind="stable")
    lengths = np.diff(rest.until(np.append(seconds[order], model.deadline)))
    place = {n: i for i, n in enumerate(pool)}
    answered = np.ones((len(bits), len(order)))
    for side in (0, 1):
        # The last row is what stays with the group anyway.
        brought = np.zeros((count + 1, len(order)))
        for step, position in enumerate(order.tolist()):
            if sides[position] == side:
                owner = int(model.steps.device[steps[position]])
                brought[place.get(owner, count), step:] += model.steps.weights[steps[position]]
        answered *= -np.expm1(-(chosen[side] @ brought[:count] + brought[count]))
    best = bits[int(np.argmax(np.where(covered, answered @ lengths, -np.inf)))].tolist()
    groups = []
    for side in (0, 1):
        taken = [n for n, bit in zip(pool, best, strict=True) if bit == 1 - side and fitting[side][n]]
        groups.append(tuple(sorted([*fixed[side], *taken])))
    return groups[0], groups[1]


def share_filters(
    model: ExpectedModel, rest: Answered, members: tuple[Sequence[int], Sequence[int]], total: int
) -> tuple[tuple[IndexedGroup, IndexedGroup], float] | None:
    """Share filters between two groups of given devices in the best way, with the best students.

    Parameters
    ----------
    model : ExpectedModel
        The instance.
    rest : Answered
        All other groups.
    members : pair of sequences of int
        Devices of each group, none of them empty.
    total : int
        Filters that the two groups hold together.

    Returns
    -------
    pair of IndexedGroup and float, or None
        The groups, and the seconds by which ``E[min(X, D)]`` lies below D with them; None if they cannot hold the
        filters. Beyond :data:`MOST_SIZES` sizes are tried evenly, then those around the best.
    """
    step = max(1, total // MOST_SIZES)
    found = _best_share(model, rest, members, total, np.arange(1, total, step))
    while step > 1 and found is not None:
        middle, before = found[0][0].size, step
        step = max(1, 2 * before // MOST_SIZES)
        near = np.arange(max(1, middle - before), min(total, middle + before + 1), step)
        found = max(filter(None, (found, _best_share(model, rest, members, total, near))), key=lambda share: share[1])
    return found


def _best_share(
    model: ExpectedModel, rest: Answered, members: tuple[Sequence[int], Sequence[int]], total: int, first: IntArray
) -> tuple[tuple[IndexedGroup, IndexedGroup], float] | None:
    """Share filters at the best of some sizes of the first group, with the best students."""
    sides = [
        model.candidates(devices, own)[:MOST_STUDENTS]
        for devices, own in zip(members, (first, total - first), strict=True)
    ]
    shares = (_share_with(model, rest, members, total, first, pair) for pair in itertools.product(*sides))
    return max(filter(None, shares), key=lambda share: share[1], default=None)


def _share_with(
    model: ExpectedModel,
    rest: Answered,
    members: tuple[Sequence[int], Sequence[int]],
    total: int,
    first: IntArray,
    students: Sequence[IntArray],
) -> tuple[tuple[IndexedGroup, IndexedGroup], float] | None:
    """The same with given students of each group, one for each size.

    Parameters
    ----------
    model, rest, members, total
        As for :func:`share_filters`.
    first : IntArray, S
        Sizes of the first group.
    students : pair of IntArray, S
        Of each group; -1 where there is none.
    """
    times, weights = [], []
    for devices, own, chosen in zip(map(list, members), (first, total - first), students, strict=True):
        steps = model.steps.of_devices(devices)
        seconds = model.steps.seconds(steps[None, :], chosen[:, None], own[:, None])
        times.append(np.minimum(seconds, model.deadline))
        weights.append(model.steps.weights[steps])
    possible = np.flatnonzero((students[0] >= 0) & (students[1] >= 0))
    if len(possible) == 0:
        return None
    seconds = np.concatenate(times, axis=1)[possible]
    order = np.argsort(seconds, axis=1, kind="stable")
    late = np.full((len(seconds), 1), model.deadline)
    ends = np.concatenate([np.take_along_axis(seconds, order, axis=1), late], axis=1)
    weight, is_first = np.concatenate(weights)[order], order < len(weights[0])
    # Both factors are negative: their product is that of the probabilities to have answered.
    answered = np.expm1(-np.cumsum(weight * is_first, axis=1)) * np.expm1(-np.cumsum(weight * ~is_first, axis=1))
    gained = (answered * np.diff(rest.until(ends), axis=1)).sum(axis=1)
    best = int(np.argmax(gained))
    row = int(possible[best])
    size = int(first[row])
    blocks = (
        IndexedGroup(tuple(members[0]), int(students[0][row]), size),
        IndexedGroup(tuple(members[1]), int(students[1][row]), total - size),
    )
    return blocks, float(gained[best])
