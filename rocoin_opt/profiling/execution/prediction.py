"""What is predicted of a run: the distribution of the response time, exact where there are exact figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.failure import BY, QueueAnswers, has_exact_answer, latency_distribution, simulate
from rocoin_opt.instance import stretched
from rocoin_opt.plan import StepDistribution, has_queues

if TYPE_CHECKING:
    from rocoin_opt.failure import LatencyDistribution
    from rocoin_opt.instance import FloatArray, Instance
    from rocoin_opt.plan import Plan
    from rocoin_opt.profiling.execution.run import Execution

TRIALS = 200_000
"""Trials of a prediction that has no exact figures."""
OTHER_SEED = 1
"""Added to the seed of a run: a prediction from the very draws of the run would know its chances."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """The distribution of the response time X of a plan.

    Attributes
    ----------
    law : LatencyDistribution or StepDistribution
        Without queues for channels, or with them.
    is_exact : bool
        Whether it was computed; else it comes from :data:`TRIALS` simulated trials.
    """

    law: LatencyDistribution | StepDistribution
    is_exact: bool

    @classmethod
    def of(cls, execution: Execution, instance: Instance, plan: Plan) -> Prediction:
        """Predict a run.

        Parameters
        ----------
        execution : Execution
            The run, of which the seed counts, and whether its source cancels.
        instance, plan : Instance, Plan
            What was run.
        """
        if not has_queues(instance, plan):
            return cls(latency_distribution(instance, plan), True)
        cancel = execution.schedule.queues_cancel
        if not cancel and has_exact_answer(instance, plan):
            return cls(QueueAnswers(instance, plan).distribution, True)
        seed = execution.seed ^ OTHER_SEED
        sample = simulate(instance, plan, TRIALS, seed=seed, deadline=execution.deadline, cancel=cancel).sample
        with np.errstate(divide="ignore"):
            return cls(StepDistribution(sample.seconds, np.log(sample.cumulative / sample.trials)), False)

    def cdf(self, seconds: FloatArray) -> FloatArray:
        """P(X <= t) at many times in seconds."""
        if not len(seconds):
            return np.empty(0)
        if not isinstance(self.law, StepDistribution):
            return np.asarray(self.law.groups.system(seconds)[BY])
        steps = np.append(0.0, np.exp(self.law.log_probability))
        limits = np.array([stretched(t) for t in seconds.tolist()])
        return np.asarray(steps[np.searchsorted(self.law.seconds, limits, side="right")])

    def expected(self, deadline: float) -> float:
        """E[min(X, D)] in seconds."""
        return self.law.expected(deadline)

    def quantile(self, level: float) -> float:
        """Smallest t in seconds with P(X <= t) at least a level; infinite where there is none."""
        return self.law.quantile(level)

    def success_probability(self, deadline: float) -> float:
        """P(X <= D)."""
        if isinstance(self.law, StepDistribution):
            return self.law.cdf(deadline)
        return self.law.success_probability(deadline)
