"""An instance of alike devices at one threshold: indices stand for kinds, and groups are counts of them."""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.grouping.bounds import Levels, possible_groups
from rocoin_opt.grouping.threshold_problem import ThresholdProblem

if TYPE_CHECKING:
    from rocoin_opt.grouping.kinds.alike import Kinds
    from rocoin_opt.instance import FloatArray, Instance, IntArray
    from rocoin_opt.plan import Objective


class KindsProblem(ThresholdProblem):
    """What a threshold leaves of each kind.

    Parameters
    ----------
    instance : Instance
        What was given: no failure domains, no rules of groups.
    kinds : Kinds
        Its devices by kind.
    objective : {'guaranteed', 'nominal', 'worst'}
        What must happen within the threshold.
    threshold : float
        T in seconds.
    """

    def __init__(self, instance: Instance, kinds: Kinds, objective: Objective, threshold: float) -> None:
        super().__init__(instance, objective, threshold, kinds.arrays)
        self.kinds = kinds
        self.counts = kinds.counts

    @cached_property
    def weights(self) -> FloatArray:
        """``-ln p`` of a device of each kind, I."""
        with np.errstate(divide="ignore"):
            return np.asarray(-np.log(self.arrays.failure))

    @cached_property
    def fractions(self) -> FloatArray:
        """Fraction of the outage limit that a device of each kind covers, I; unlike a share right next to 1 too."""
        if self.need <= 0.0:
            return np.ones_like(self.weights)
        if math.isinf(self.need):
            return np.isinf(self.weights).astype(np.float64)
        return np.minimum(self.weights / self.need, 1.0)

    @cached_property
    def levels(self) -> Levels:
        """Limits of the counting bound by part size, which counts devices."""
        return possible_groups(self.instance, self.timely[self.kinds.of_device], self.objective)

    def sizes_of(self, vectors: IntArray) -> IntArray:
        """Largest part of each group with its best student, C; 0 where there is none; covers are taken for granted.

        Parameters
        ----------
        vectors : IntArray, C x I
            How many devices of each kind; at least one of any.
        """
        best = np.zeros(len(vectors), dtype=np.int64)
        inside = vectors > 0
        for allowed, timely in zip(self.allowed.T, self.timely.T, strict=True):
            held = np.where(inside, allowed, np.iinfo(np.int64).max).min(axis=1)
            if self.led:
                held = np.minimum(held, np.where(inside, timely, 0).max(axis=1))
            np.maximum(best, held, out=best)
        return best
