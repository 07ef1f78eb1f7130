"""What lost requests say of a failure probability: its limits, and whether requests fail independently at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from rocoin_opt.instance import BoolArray, FloatArray, IntArray


def failure_limits(requests: IntArray, losses: IntArray, margin: float) -> FloatArray:
    """Upper limits of failure probabilities, one-sided and exact (Clopper and Pearson, 1934).

    Parameters
    ----------
    requests, losses : IntArray, N
        How often each device was asked, at least once, and did not answer.
    margin : float
        Probability with which a limit may lie too low.

    Returns
    -------
    FloatArray, N
        1 where every request was lost.
    """
    from scipy import stats

    # The probability at which so few losses or fewer are as likely as the margin: a quantile of a beta distribution.
    limits = stats.beta.isf(margin, losses + 1, np.maximum(requests - losses, 1))
    return np.where(losses == requests, 1.0, limits)


def burst_probability(lost: BoolArray) -> float:
    """Probability that independent losses come in so few runs or fewer, given their number (Wald and Wolfowitz, 1940).

    Parameters
    ----------
    lost : BoolArray, R
        Whether each request was lost, in the order in which they were sent.
    """
    from scipy import stats

    losses = int(lost.sum())
    if losses in (0, len(lost)):
        return 1.0
    runs = int(lost[0]) + int((lost[1:] & ~lost[:-1]).sum())
    # Runs of losses stand in different gaps between the answers: as if so many gaps were drawn.
    return float(stats.hypergeom.cdf(runs, len(lost), len(lost) - losses + 1, losses))
