"""Curves of plans whose devices queue for channels: when the answer comes, and when that of each group."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.failure import QueueAnswers

if TYPE_CHECKING:
    from rocoin_opt.instance import FloatArray, Instance
    from rocoin_opt.plan import Plan


class QueueCurves:
    """What is drawn of a plan with queues, all of it in steps.

    Parameters
    ----------
    instance : Instance
        What was given: constant latencies.
    plan : Plan
        A plan that has figures.

    Raises
    ------
    UnsupportedError
        If too many devices are tied together for exact figures.
    """

    def __init__(self, instance: Instance, plan: Plan) -> None:
        self._answers = QueueAnswers(instance, plan)
        finite = [part.seconds[np.isfinite(part.seconds)] for part in self._answers.parts]
        self.jumps: FloatArray = np.unique(np.concatenate(finite))
        """Times of the steps, ascending, in seconds."""

    @property
    def horizon(self) -> float:
        """Seconds by which all answers have come that come at all."""
        return float(self.jumps[-1])

    def answered(self, times: FloatArray) -> FloatArray:
        """P(X <= t) at many times in seconds."""
        law = self._answers.distribution
        steps = np.append(0.0, np.exp(law.log_probability))
        return np.asarray(steps[np.searchsorted(law.seconds, times, side="right")])

    def silent(self, group: int, times: FloatArray) -> FloatArray:
        """Probability that a group has not answered, at many times in seconds.

        Parameters
        ----------
        group : int
            Its place in the plan.
        times : FloatArray
            When.
        """
        part = next(part for part in self._answers.parts if group in part.groups)
        seconds = part.seconds[part.groups.tolist().index(group)]
        order = np.argsort(seconds, kind="stable")
        # Summed from the end: of what is left nothing is lost.
        left = np.append(np.cumsum(part.chance[order][::-1])[::-1], 0.0)
        return np.asarray(left[np.searchsorted(seconds[order], times, side="right")])
