"""What was measured beside what was predicted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rocoin_opt.failure import MeanEstimate, ProportionEstimate, QuantileEstimate, Sample
from rocoin_opt.profiling.execution.prediction import Prediction

if TYPE_CHECKING:
    from rocoin_opt.instance import FloatArray, Instance
    from rocoin_opt.plan import Plan
    from rocoin_opt.profiling.execution.run import Execution

QUANTILE = 0.95
"""Probability of the quantile that is compared."""
LEVEL = 0.95
"""Level of the intervals and of the band."""
TOLERANCE = 0.05
"""Share of a time by which a measured answer may be early or late before the distribution counts as another one."""


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
