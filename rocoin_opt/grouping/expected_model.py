"""What the expected answer time needs of an instance, by indices: weights, best students, valid groups, plans.

For given members and a part size one student is best where devices have rates: all replicas are fastest with the least
work, whatever their rates and their slowdown factors. So groups and sizes decide everything else. With measured times
one device may be faster with one student, and another device with another: then every student counts that is not
slower than some other one on all members.
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
    has_tables : bool
        Whether some device was measured, so that several students may be best.
    has_choice : bool
        Whether several students may be best for that reason, or because all energy is limited.
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
        self.has_tables = any(device.compute_seconds is not None for device in instance.devices)
        self.has_choice = self.has_tables or instance.limits_energy

    @cached_property
    def steps(self) -> AnswerSteps:
        """When devices answer; under laws with densities an approximation."""
        return AnswerSteps.of(self.instance)

    def lightest(self, room: IntArray, sizes: IntArray, members: Sequence[int] = ()) -> IntArray:
        """For each size the student with the least work of those with room; -1 where none has.

        Parameters
        ----------
        room : IntArray, J
            Largest part that each student may hold.
        sizes : IntArray, S
            Part sizes.
        members : sequence of int
            Devices whose seconds are the work, where some device was measured; else FLOP are.
        """
        if self.has_tables:
            work = np.minimum(self._seconds(members, sizes), self._longest).sum(axis=0)
        else:
            work = self.flops[:, :1] + self.flops[:, 1:] * sizes[None, :]
        work = np.where(room[:, None] >= sizes[None, :], work, np.inf)
        best = np.argmin(work, axis=0)
        return np.where(np.isfinite(work[best, np.arange(len(sizes))]), best, -1)

    def candidates(self, members: Sequence[int], sizes: IntArray) -> IntArray:
        """For each size the students that may be best for some devices, the one of least work first.

        Parameters
        ----------
        members : sequence of int
            Devices of a group.
        sizes : IntArray, S
            Part sizes.

        Returns
        -------
        IntArray, R x S
            Students of which none is as fast as another one on all devices, and takes as little energy where all of it
            is limited; of equal ones the first. -1 where there are fewer of them. One row where no device was measured
            and no energy is limited.
        """
        room = self.arrays.largest[list(members)].min(axis=0)
        if not self.has_choice:
            return self.lightest(room, sizes)[None, :]
        fits = room[:, None] >= sizes[None, :]
        seconds = np.where(fits, self._seconds(members, sizes), np.inf)
        if self.instance.limits_energy:
            # One row more, as if of another device.
            seconds = np.concatenate([seconds, self.joules(members, sizes)[None]])
        students = np.arange(len(room))
        kept = fits.copy()
        for j in students.tolist():
            # Whoever is no slower anywhere comes in place of j; of equals the one before it.
            no_slower = fits & (seconds <= seconds[:, j : j + 1]).all(axis=0)
            equal = no_slower & (seconds == seconds[:, j : j + 1]).all(axis=0)
            kept[j] &= ~(no_slower & (~equal | (students < j)[:, None])).any(axis=0)
        work = np.where(kept, seconds[: len(members)].sum(axis=0), np.inf)
        ranked = np.argsort(work, axis=0, kind="stable")
        ranked = np.where(np.take_along_axis(kept, ranked, axis=0), ranked, -1)
        return np.asarray(ranked[: max(1, int(kept.sum(axis=0).max(initial=0)))])

    def joules(self, members: Sequence[int], sizes: IntArray) -> FloatArray:
        """Energy of some devices together, by student and size."""
        energy = self.arrays.energy[list(members)].sum(axis=0)
        joules: FloatArray = energy[:, :1] + energy[:, 1:] * sizes
        return joules

    def block(self, members: Sequence[int], size: int) -> IndexedGroup | None:
        """A group with its student of least work; None where no student fits all of its devices."""
        return next(iter(self.blocks(members, size)), None)

    def blocks(self, members: Sequence[int], size: int) -> list[IndexedGroup]:
        """A group with each student that may be best, the one of least work first."""
        students = self.candidates(members, np.array([size]))[:, 0].tolist()
        return [IndexedGroup(tuple(sorted(members)), student, size) for student in students if student >= 0]

    def is_valid(self, block: IndexedGroup) -> bool:
        """Whether a group keeps the outage limit, up to what ``check`` allows."""
        return group_keeps_limit(self.instance, block.members)

    @cached_property
    def _longest(self) -> float:
        """Seconds that stand for a time that nobody knows: more than any that is known."""
        compute = self.arrays.compute
        known = np.isfinite(compute[:, :, 0])
        return 1.0 + 2.0 * float((compute[:, :, 0] + compute[:, :, 1] * self.wanted)[known].max(initial=0.0))

    def _seconds(self, members: Sequence[int], sizes: IntArray) -> FloatArray:
        """Seconds of computing, by device, student and size."""
        compute = self.arrays.compute[list(members)]
        seconds: FloatArray = compute[:, :, :1] + compute[:, :, 1:] * sizes
        return seconds
