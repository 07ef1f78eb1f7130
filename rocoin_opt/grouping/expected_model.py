"""What the expected answer time needs of an instance, by indices: weights, lightest students, valid groups, plans.

For given members and a part size one student is best: all replicas are fastest with the least work, whatever their
rates and their slowdown factors. So groups and sizes decide everything else.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.grouping.answer_steps import LEAST_OUTAGE, AnswerSteps
from rocoin_opt.instance import SAFETY
from rocoin_opt.plan import IndexedGroup, group_keeps_limit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.instance import FloatArray, Instance, InstanceArrays, IntArray

ENOUGH_SHARES = 1.0 - SAFETY
"""Sum of cover shares from which on a group may keep the outage limit; :meth:`ExpectedModel.is_valid` decides."""


class ExpectedModel:
    """An instance with independent devices and a deadline.

    Parameters
    ----------
    instance : Instance
        What was given.
    deadline : float, optional
        Another deadline than its own, infinite where only crashes count.

    Attributes
    ----------
    deadline : float
        D in seconds.
    wanted : int
        M, filters in all.
    fewest, most : int
        Numbers of groups.
    weights : FloatArray, N
        ``-ln p_n``, finite: the weights of a group that answered by t sum to ``-ln q_k(t)``.
    flops : FloatArray, J x 2
        FLOP of each student, and what each filter of its part adds.
    steps : AnswerSteps
        When devices answer.
    """

    def __init__(self, instance: Instance, deadline: float | None = None) -> None:
        if deadline is None:
            deadline = instance.requirements.deadline_seconds
        if deadline is None:
            raise ValueError("the expected answer time needs a deadline")
        self.instance, self.deadline = instance, deadline
        self.arrays: InstanceArrays = instance.arrays
        self.wanted = instance.knowledge.num_filters
        self.fewest = instance.requirements.min_groups
        self.most = min(instance.max_groups, self.wanted, len(instance.devices))
        # Finite also for devices that never fail: weights are summed and compared.
        self.weights: FloatArray = -np.log(np.maximum(self.arrays.failure, LEAST_OUTAGE))
        flops = [(student.flops, student.flops_per_filter) for student in instance.students]
        self.flops: FloatArray = np.array(flops, dtype=np.float64)

    @cached_property
    def steps(self) -> AnswerSteps:
        """When devices answer; under laws with densities an approximation."""
        return AnswerSteps.of(self.instance)

    def lightest(self, room: IntArray, sizes: IntArray) -> IntArray:
        """For each size the student with the least work of those with room; -1 where none has.

        Parameters
        ----------
        room : IntArray, J
            Largest part that each student may hold.
        sizes : IntArray, S
            Part sizes.
        """
        work = self.flops[:, :1] + self.flops[:, 1:] * sizes[None, :]
        work = np.where(room[:, None] >= sizes[None, :], work, np.inf)
        best = np.argmin(work, axis=0)
        return np.where(np.isfinite(work[best, np.arange(len(sizes))]), best, -1)

    def block(self, members: Sequence[int], size: int) -> IndexedGroup | None:
        """A group with its best student; None where no student fits all of its devices."""
        room = self.arrays.largest[list(members)].min(axis=0)
        student = int(self.lightest(room, np.array([size]))[0])
        return None if student < 0 else IndexedGroup(tuple(sorted(members)), student, size)

    def is_valid(self, block: IndexedGroup) -> bool:
        """Whether a group keeps the outage limit, up to what ``check`` allows."""
        return group_keeps_limit(self.instance, block.members)
