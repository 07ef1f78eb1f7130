"""What groups are worth to a search: the expected answer time, or what is there by the deadline.

The search for the expected answer time (:mod:`rocoin_opt.heuristics.expected.descent`) shares devices and filters
between two groups in the best way. What is best, a valuation says. At one time the outage ``e^-W`` of a group follows
from the weight W of its replicas in time, and

    -ln P(X <= t)  =  sum of -ln(1 - e^-W_k),        missing share  =  sum of s_k e^-W_k / M

are sums over the groups: two of them are shared in the best way whatever the others are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from rocoin_opt.grouping import ENOUGH_SHARES, ExpectedModel
from rocoin_opt.heuristics.expected.moves import Answered, expected_seconds, share_devices, share_filters
from rocoin_opt.instance import stretched
from rocoin_opt.plan import IndexedGroup

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from rocoin_opt.instance import FloatArray
    from rocoin_opt.plan import Objective

NOTHING = 1e-6
"""Weight that stands for none: a plan without an answer in time is still better with fewer such groups."""


class Valuation(Protocol):
    """What groups are worth, smaller is better, and the best ways to share between two of them."""

    def value(self, blocks: Sequence[IndexedGroup]) -> float:
        """Value of a whole plan's groups."""

    def share_devices(
        self,
        others: Sequence[IndexedGroup],
        pool: Sequence[int],
        fixed: tuple[Sequence[int], Sequence[int]],
        parts: tuple[tuple[int, int], tuple[int, int]],
    ) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        """Members of two groups of given students and sizes; None if no way gives both enough cover shares.

        Parameters
        ----------
        others : sequence of IndexedGroup
            The other groups.
        pool : sequence of int
            Devices to share out.
        fixed : pair of sequences of int
            Devices that stay in each of the two groups.
        parts : pair of (int, int)
            Student and size of each of them.
        """

    def share_filters(
        self, others: Sequence[IndexedGroup], members: tuple[Sequence[int], Sequence[int]], total: int
    ) -> tuple[tuple[IndexedGroup, IndexedGroup], float] | None:
        """Two groups of given members, and their gain, larger is better; None if they cannot hold the filters.

        Parameters
        ----------
        others : sequence of IndexedGroup
            The other groups.
        members : pair of sequences of int
            Devices of the two groups.
        total : int
            Filters that they hold together.
        """


class AnswerTime:
    """E[min(X, D)] in seconds."""

    def __init__(self, model: ExpectedModel) -> None:
        self.model = model

    def value(self, blocks: Sequence[IndexedGroup]) -> float:
        """E[min(X, D)] of the groups."""
        return expected_seconds(self.model, blocks)

    def share_devices(
        self,
        others: Sequence[IndexedGroup],
        pool: Sequence[int],
        fixed: tuple[Sequence[int], Sequence[int]],
        parts: tuple[tuple[int, int], tuple[int, int]],
    ) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        """As :func:`~rocoin_opt.heuristics.expected.moves.share_devices` has it.

        Parameters
        ----------
        others : sequence of IndexedGroup
            The other groups.
        pool : sequence of int
            Devices to share out.
        fixed : pair of sequences of int
            Devices that stay in each of the two groups.
        parts : pair of (int, int)
            Student and size of each of them.
        """
        return share_devices(self.model, Answered(self.model, others), pool, fixed, parts)

    def share_filters(
        self, others: Sequence[IndexedGroup], members: tuple[Sequence[int], Sequence[int]], total: int
    ) -> tuple[tuple[IndexedGroup, IndexedGroup], float] | None:
        """As :func:`~rocoin_opt.heuristics.expected.moves.share_filters` has it.

        Parameters
        ----------
        others : sequence of IndexedGroup
            The other groups.
        members : pair of sequences of int
            Devices of the two groups.
        total : int
            Filters that they hold together.
        """
        return share_filters(self.model, Answered(self.model, others), members, total)


class InTime:
    """``-ln P(X <= D)``, or the share of the filters that is missing at D.

    Parameters
    ----------
    model : ExpectedModel
        The instance, whose deadline is the time.
    objective : {'failure', 'missing'}
        Whether it is a twin.
    """

    def __init__(self, model: ExpectedModel, objective: Objective) -> None:
        self.model, self.by_size = model, objective == "missing"
        self.end = float(stretched(model.deadline))

    def worth(self, sizes: Any, weights: Any) -> FloatArray:
        """What groups add to the value, by size and by the weight of what is in time."""
        if self.by_size:
            return np.asarray(sizes * np.exp(-weights) / self.model.wanted)
        held = np.maximum(weights, NOTHING)
        # Next to 0 and next to 1 one of the two ways loses its digits.
        return -np.asarray(np.where(held < 1.0, np.log(-np.expm1(-held)), np.log1p(-np.exp(-held))))

    def weights(self, devices: Sequence[int], student: int, size: int) -> FloatArray:
        """Weight that each device is in time with.

        Parameters
        ----------
        devices : sequence of int
            Members of a group.
        student, size : int
            What they run, and how many filters.
        """
        owners = np.array(list(devices), dtype=np.int64)
        steps = self.model.steps.of_devices(owners)
        in_time = self.model.steps.seconds(steps, student, size) <= self.end
        of_all = np.zeros(len(self.model.weights))
        np.add.at(of_all, self.model.steps.device[steps], np.where(in_time, self.model.steps.weights[steps], 0.0))
        return np.asarray(of_all[owners])

    def value(self, blocks: Sequence[IndexedGroup]) -> float:
        """Value of the groups."""
        weights = [float(self.weights(block.members, block.student, block.size).sum()) for block in blocks]
        return float(self.worth(np.array([block.size for block in blocks]), np.array(weights)).sum())

    def share_devices(
        self,
        others: Sequence[IndexedGroup],  # noqa: ARG002
        pool: Sequence[int],
        fixed: tuple[Sequence[int], Sequence[int]],
        parts: tuple[tuple[int, int], tuple[int, int]],
    ) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        """All ways to share the pool are looked at; a device that does not fit where it is put stays out.

        Parameters
        ----------
        others : sequence of IndexedGroup
            The other groups, which do not matter to a sum over groups.
        pool : sequence of int
            Devices to share out.
        fixed : pair of sequences of int
            Devices that stay in each of the two groups.
        parts : pair of (int, int)
            Student and size of each of them.
        """
        count, arrays = len(pool), self.model.arrays
        bits = (np.arange(1 << count)[:, None] >> np.arange(count)) & 1
        chosen = (bits.astype(np.float64), 1.0 - bits)
        covered, value = np.ones(len(bits), dtype=np.bool_), np.zeros(len(bits))
        fitting = []
        for side, (student, size) in enumerate(parts):
            fits = arrays.largest[list(pool), student] >= size
            fitting.append(fits)
            shares = np.where(fits, arrays.cover_share[list(pool)], 0.0)
            covered &= chosen[side] @ shares + arrays.cover_share[list(fixed[side])].sum() >= ENOUGH_SHARES
            weights = np.where(fits, self.weights(pool, student, size), 0.0)
            staying = self.weights(fixed[side], student, size).sum() if fixed[side] else 0.0
            value += self.worth(size, chosen[side] @ weights + staying)
        if not covered.any():
            return None
        best = bits[int(np.argmin(np.where(covered, value, np.inf)))].tolist()
        groups = []
        for side in (0, 1):
            joined = [n for n, bit, fits in zip(pool, best, fitting[side], strict=True) if bit == 1 - side and fits]
            groups.append(tuple(sorted([*fixed[side], *joined])))
        return groups[0], groups[1]

    def share_filters(
        self,
        others: Sequence[IndexedGroup],  # noqa: ARG002
        members: tuple[Sequence[int], Sequence[int]],
        total: int,
    ) -> tuple[tuple[IndexedGroup, IndexedGroup], float] | None:
        """Sizes at which a device falls out of time or a student is full decide; all between them are tried evenly.

        Parameters
        ----------
        others : sequence of IndexedGroup
            The other groups, which do not matter to a sum over groups.
        members : pair of sequences of int
            Devices of the two groups.
        total : int
            Filters that they hold together.
        """
        model, first = self.model, self._sizes(members, total)
        students, value = [], np.zeros(len(first))
        possible = np.ones(len(first), dtype=np.bool_)
        for devices, sizes in zip(map(list, members), (first, total - first), strict=True):
            steps, most = model.steps.of_devices(devices), None
            # The other group does not matter: each size has the student with which most is in time.
            for able in model.candidates(devices, sizes):
                in_time = model.steps.seconds(steps[None, :], able[:, None], sizes[:, None]) <= self.end
                weights = np.where(able >= 0, in_time @ model.steps.weights[steps], 0.0)
                if most is None:
                    most, chosen = weights, able
                else:
                    most, chosen = np.maximum(most, weights), np.where(weights > most, able, chosen)
            value += self.worth(sizes, most)
            possible &= chosen >= 0
            students.append(chosen)
        if not possible.any():
            return None
        # Of sizes that are worth the same, the one in the middle leaves room for the next step.
        least = np.where(possible, value, np.inf).min()
        equal = np.flatnonzero(possible & (value <= least))
        best = int(equal[len(equal) // 2])
        size = int(first[best])
        blocks = (
            IndexedGroup(tuple(members[0]), int(students[0][best]), size),
            IndexedGroup(tuple(members[1]), int(students[1][best]), total - size),
        )
        return blocks, -float(least)

    def _sizes(self, members: tuple[Sequence[int], Sequence[int]], total: int) -> Any:
        step = max(1, total // MOST_SIZES)
        if step == 1:
            return np.arange(1, total)
        model, within = self.model, self.model.arrays.largest_part(self.end) if self.end < np.inf else None
        ends: list[Any] = [np.arange(1, total, step), [total - 1]]
        for devices, mirrored in zip(map(list, members), (False, True), strict=True):
            jumps = model.arrays.largest[devices].ravel()
            if within is not None:
                jumps = np.concatenate([jumps, within[devices].ravel()])
            # What is lost for one more filter is least for the last size before, or for the first one behind.
            jumps = np.concatenate([jumps, jumps + 1])
            ends.append(total - jumps if mirrored else jumps)
        sizes = np.unique(np.concatenate(ends))
        return sizes[(sizes >= 1) & (sizes < total)]


MOST_SIZES = 2_048
"""Sizes of one of two groups up to which all are tried."""


def valuation_of(model: ExpectedModel, objective: Objective) -> Valuation:
    """What an objective makes of groups."""
    return AnswerTime(model) if objective == "expected" else InTime(model, objective)
