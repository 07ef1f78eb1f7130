"""What the expected answer time needs of an instance, by indices: weights, lightest students, valid groups, plans.

For given members and a part size one student is best: all replicas are fastest with the least work, whatever their
rates and their slowdown factors. So groups and sizes decide everything else.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.grouping.answer_steps import LEAST_OUTAGE, AnswerSteps
from rocoin_opt.grouping.bounds import SAFETY
from rocoin_opt.instance import keeps_outage_limit
from rocoin_opt.plan import Group, Plan, outage_after

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.instance import FloatArray, Instance, InstanceArrays, IntArray

ENOUGH_SHARES = 1.0 - SAFETY
"""Sum of cover shares from which on a group may keep the outage limit; :meth:`ExpectedModel.is_valid` decides."""


@dataclass(frozen=True)
class Block:
    """A group by indices.

    Attributes
    ----------
    members : tuple of int
        Its devices.
    student, size : int
        What they run, and its part size in filters.
    """

    members: tuple[int, ...]
    student: int
    size: int


class ExpectedModel:
    """An instance with independent devices and a deadline.

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

    def __init__(self, instance: Instance) -> None:
        deadline = instance.requirements.deadline_seconds
        if deadline is None:
            raise ValueError("the expected answer time needs a deadline")
        self.instance, self.deadline = instance, deadline
        self.arrays: InstanceArrays = instance.arrays
        self.wanted = instance.knowledge.num_filters
        self.fewest = instance.requirements.min_groups
        self.most = min(instance.max_groups, self.wanted, len(instance.devices))
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

    def block(self, members: Sequence[int], size: int) -> Block | None:
        """A group with its best student; None where no student fits all of its devices."""
        room = self.arrays.largest[list(members)].min(axis=0)
        student = int(self.lightest(room, np.array([size]))[0])
        return None if student < 0 else Block(tuple(sorted(members)), student, size)

    def blocks(self, plan: Plan) -> list[Block]:
        """The groups of a plan."""
        devices, students = self.arrays.device_index, self.arrays.student_index
        return [
            Block(tuple(sorted(devices[name] for name in group.devices)), students[group.student], group.num_filters)
            for group in plan.groups
        ]

    def plan(self, blocks: Sequence[Block]) -> Plan:
        """Groups as a plan."""
        devices, students = self.instance.devices, self.instance.students
        groups = [
            Group(
                devices=tuple(devices[n].id for n in block.members),
                student=students[block.student].id,
                num_filters=block.size,
            )
            for block in blocks
        ]
        return Plan.of(self.instance, groups)

    def is_valid(self, block: Block) -> bool:
        """Whether a group keeps the outage limit, up to what ``check`` allows."""
        *_, outage = outage_after(self.instance, block.members)
        return keeps_outage_limit(outage, self.instance.requirements.max_group_outage)
