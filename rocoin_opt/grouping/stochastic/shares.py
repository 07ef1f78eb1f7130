"""Cover shares under random latencies: what a device contributes by a threshold, which depends on student and size.

By time T device n has failed to deliver s filters of student j with probability ``1 - G_n(T)``. A group keeps the
outage limit by T when the weights ``-ln(1 - G_n(T))`` of its devices sum to ``-ln eps``. As with constant latencies a
*share* is a weight relative to that need, so that groups are covers of 1.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.control import UNLIMITED, require_time
from rocoin_opt.failure import DeliveryProbabilities
from rocoin_opt.grouping import SHARE_TOLERANCE
from rocoin_opt.instance import LIMIT_TOLERANCE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.control import Control
    from rocoin_opt.instance import FloatArray, Instance

SMALLEST_NEED = 1e-10
"""Weight below which an outage limit is none: rounding would decide, and every device counts that may answer."""


class StochasticShares:
    """Shares of an instance's devices.

    Parameters
    ----------
    instance : Instance
        What was given, without failure domains.
    control : Control
        Its limit breaks off whatever asks for shares, with :class:`rocoin_opt.control.TimeUp`: a share of a convolved
        law takes a millisecond.

    Attributes
    ----------
    need : float
        What the weights of a group must sum to, ``-ln eps`` less the tolerance of the outage limit.
    """

    def __init__(self, instance: Instance, control: Control = UNLIMITED) -> None:
        self.instance, self.control = instance, control
        self.deliveries = DeliveryProbabilities(instance)
        self._known: dict[tuple[int, int], FloatArray] = {}
        self._known_at = math.nan
        limit = instance.requirements.max_group_outage
        self.need = math.inf if limit == 0.0 else -(math.log(limit) + math.log1p(LIMIT_TOLERANCE))

    def share(self, device: int, student: int, size: int, threshold: float, *, at_most: bool = False) -> float:
        """Share of one device, from 0 to 1; 0 where it cannot hold the part.

        Parameters
        ----------
        device : int
            Device index.
        student : int
            Student index.
        size : int
            Part size in filters.
        threshold : float
            T in seconds.
        at_most : bool
            Whether to ask for an upper bound in the face of numerical errors.
        """
        require_time(self.control)
        if size > self.instance.arrays.largest[device, student]:
            return 0.0
        if self.need < SMALLEST_NEED:
            return float(threshold >= self.deliveries.earliest(device, student, size))
        missed = self.deliveries.missed(device, student, size, threshold, at_least=at_most)
        if self.need == math.inf:
            # No product of probabilities is 0, however small: somebody must be sure.
            return float(missed == 0.0 and self.deliveries.has_end(device, student, size))
        return 1.0 if missed == 0.0 else min(-math.log(missed) / self.need, 1.0)

    def most(self, student: int, size: int, threshold: float) -> FloatArray:
        """Upper bounds on the shares of all N devices; those at the last threshold are remembered.

        Parameters
        ----------
        student : int
            Student index.
        size : int
            Part size in filters.
        threshold : float
            T in seconds.
        """
        if threshold != self._known_at:
            self._known, self._known_at = {}, threshold
        if (student, size) not in self._known:
            devices = range(len(self.instance.devices))
            row = np.array([self.share(n, student, size, threshold, at_most=True) for n in devices])
            self._known[student, size] = row
        return self._known[student, size]

    def capacity(
        self, members: Sequence[int], student: int, threshold: float, *, least: int = 0, at_most: bool = False
    ) -> int:
        """Largest part that a group delivers within a threshold; 0 where none.

        Devices that cannot hold it count for nothing. The latency of every device grows with the part, so that shares
        fall and halving finds the last cover.

        Parameters
        ----------
        members : sequence of int
            Device indices.
        student : int
            Student index.
        threshold : float
            T in seconds.
        least : int
            A part that they are known to deliver.
        at_most : bool
            Whether to ask for an upper bound in the face of numerical errors.
        """
        low, high = least, int(self.instance.arrays.largest[list(members), student].max())
        while low < high:
            middle = (low + high + 1) // 2
            if self.covers(members, student, middle, threshold, at_most=at_most):
                low = middle
            else:
                high = middle - 1
        return low

    def total(self, members: Sequence[int], student: int, size: int, threshold: float) -> float:
        """Sum of a group's shares.

        Parameters
        ----------
        members : sequence of int
            Device indices.
        student : int
            Student index.
        size : int
            Part size in filters.
        threshold : float
            T in seconds.
        """
        return math.fsum(self.share(n, student, size, threshold) for n in members)

    def covers(
        self, members: Sequence[int], student: int, size: int, threshold: float, *, at_most: bool = False
    ) -> bool:
        """Whether a group keeps the outage limit by a threshold.

        Parameters
        ----------
        members : sequence of int
            Device indices.
        student : int
            Student index.
        size : int
            Part size in filters.
        threshold : float
            T in seconds.
        at_most : bool
            Whether upper bounds on the shares count, so that no cover is missed for numerical errors.
        """
        gathered = 0.0
        for n in members:
            gathered += self.share(n, student, size, threshold, at_most=at_most)
            # A share may take a convolution: none is asked for that the cover does not need.
            if gathered >= 1.0 - (SHARE_TOLERANCE if at_most else 0.0):
                return True
        return False
