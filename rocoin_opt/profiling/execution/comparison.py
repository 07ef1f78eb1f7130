"""What was measured beside what was predicted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rocoin_opt.failure import (
    BY,
    MeanEstimate,
    ProportionEstimate,
    QuantileEstimate,
    QueueAnswers,
    Sample,
    has_exact_answer,
    latency_distribution,
    simulate,
)
from rocoin_opt.instance import stretched
from rocoin_opt.plan import StepDistribution, has_queues

if TYPE_CHECKING:
    from rocoin_opt.failure import LatencyDistribution
    from rocoin_opt.instance import FloatArray, Instance
    from rocoin_opt.plan import Plan
    from rocoin_opt.profiling.execution.run import Execution

QUANTILE = 0.95
"""Probability of the quantile that is compared."""
LEVEL = 0.95
"""Level of the intervals and of the band."""
TOLERANCE = 0.05
"""Share of a time by which a measured answer may be early or late before the distribution counts as another one."""


TRIALS = 200_000
"""Trials of a prediction that has no exact figures."""
OTHER_SEED = 1
"""Added to the seed of a run: a prediction from the very draws of the run would know its chances."""


@dataclass(frozen=True)
class Comparison:
    """Measured and predicted response times, in seconds of the instance, all cut off at the deadline D.

    Attributes
    ----------
    mean : MeanEstimate
        Measured mean of min(X, D).
    predicted_mean : float
        E[min(X, D)], exact.
    due_mean : float
        What the mean would have been, with the same crashes and slow moments, had this host added nothing.
    quantile : QuantileEstimate
        Measured :data:`QUANTILE`; the deadline where it is infinite.
    predicted_quantile : float
        The exact one, or the deadline where that is sooner.
    success : ProportionEstimate
        Measured probability of an answer by the deadline.
    predicted_success : float
        The exact one.
    distance : float
        Largest amount by which the measured distribution function leaves the predicted one, where times may be wrong
        by :data:`TOLERANCE`: Kolmogorov and Smirnov's statistic with room for the host, which otherwise would count
        every constant latency as wrong.
    band : float
        What the distance stays below with probability :data:`LEVEL` where the prediction holds, by Massart's constant
        in the inequality of Dvoretzky, Kiefer and Wolfowitz.
    deadline : float
        D.
    """

    mean: MeanEstimate
    predicted_mean: float
    due_mean: float
    quantile: QuantileEstimate
    predicted_quantile: float
    success: ProportionEstimate
    predicted_success: float
    distance: float
    band: float
    deadline: float

    @property
    def measured_quantile(self) -> float:
        """Measured quantile of min(X, D)."""
        return min(self.quantile.value, self.deadline)


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


def compare_with_distribution(execution: Execution, instance: Instance, plan: Plan) -> Comparison:
    """Compare a run with the distribution of the plan's response time, exact where there are exact figures.

    Parameters
    ----------
    execution : Execution
        What was measured, of two requests or more.
    instance, plan : Instance, Plan
        What was run.
    """
    law, end = Prediction.of(execution, instance, plan), execution.deadline
    seconds = execution.seconds
    finite = np.sort(seconds[np.isfinite(seconds)])
    sample = Sample(finite, np.ones(len(finite), dtype=np.int64), len(seconds) - len(finite))
    cut = np.minimum(seconds, end)
    return Comparison(
        mean=MeanEstimate.of(cut, np.ones(len(cut), dtype=np.int64), 0.0, end),
        predicted_mean=law.expected(end),
        due_mean=float(np.minimum(execution.due_seconds, end).mean()),
        quantile=QuantileEstimate(QUANTILE, sample),
        predicted_quantile=min(law.quantile(QUANTILE), end),
        success=ProportionEstimate(len(finite), len(seconds)),
        predicted_success=law.success_probability(end),
        distance=_distance(finite, len(seconds), law, end),
        band=math.sqrt(math.log(2.0 / (1.0 - LEVEL)) / (2.0 * len(seconds))),
        deadline=end,
    )


def comparison_document(execution: Execution, found: Comparison) -> dict[str, Any]:
    """Return a comparison as plain data, the content of ``rocoin-opt run --json``."""
    interval = found.quantile.interval(LEVEL)
    success = found.success.interval(LEVEL)
    mean = found.mean.interval(LEVEL)
    return {
        "requests": found.success.trials,
        "seed": execution.seed,
        "deadline_seconds": found.deadline,
        "time_scale": execution.time_scale,
        "expected_seconds": {
            **_figure(found.mean.value, mean.low, mean.high, found.predicted_mean),
            "due": found.due_mean,
        },
        "quantile": {
            "probability": QUANTILE,
            **_figure(
                found.measured_quantile,
                min(interval.low, found.deadline),
                min(interval.high, found.deadline),
                found.predicted_quantile,
            ),
        },
        "success_probability": _figure(found.success.value, success.low, success.high, found.predicted_success),
        "distance": found.distance,
        "band": found.band,
        "late_students": execution.late_students,
        "needed_time_scale": execution.needed_time_scale,
        "lost": list(execution.lost),
    }


def _figure(measured: float, low: float, high: float, predicted: float) -> dict[str, float]:
    return {"measured": measured, "low": low, "high": high, "predicted": predicted}


def _distance(finite: FloatArray, requests: int, law: Prediction, deadline: float) -> float:
    """Largest amount by which the empirical function leaves the law between the times that the tolerance allows.

    Just before a measured time the empirical function is lowest, at the time it is highest: only there it can leave.
    """
    shares = np.arange(len(finite) + 1) / requests
    low = law.cdf(np.append(finite, deadline) * (1.0 - TOLERANCE)) - shares
    high = shares[1:] - law.cdf(finite * (1.0 + TOLERANCE))
    return float(np.concatenate([[0.0], low, high]).max())
