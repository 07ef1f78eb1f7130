"""A lower bound on the expected answer time of every plan, from what is possible at each time by itself.

With ``L(t)`` a lower bound on ``P(X > t)`` over all plans, ``E[min(X, D)] >= integral of L(t)`` from 0 to D. L is taken
at some times; as the smallest probability never rises with t, each one bounds all times before it. The times are chosen
where the bound loses most between two of them.
"""

from __future__ import annotations

import bisect
import itertools
import math
from typing import TYPE_CHECKING

from rocoin_opt.exact.expected.success_relaxation import GroupPool, most_likely
from rocoin_opt.failure import DeliveryProbabilities
from rocoin_opt.grouping import combinatorial_bound, smallest_failure_probability
from rocoin_opt.instance import ROUNDING

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.grouping import ExpectedModel

TIMES = ((64, 48), (math.inf, 16))
"""Times at which the relaxation is solved, at most, by number of devices: one takes seconds for hundreds of them."""
STOCHASTIC_TIMES = 16
"""Times at which it is solved under random latencies, at most: one takes a second for tens of devices."""
FINE = 2e-3
"""Share of the bound below which a better choice of times is not worth one more."""


def expected_bound(model: ExpectedModel, control: Control, *, times: int | None = None) -> float | None:
    """Lower bound in seconds on E[min(X, D)] over all plans; None where there is no plan.

    Parameters
    ----------
    model : ExpectedModel
        The instance.
    control : Control
        At its limit the bound is that of the times so far.
    times : int, optional
        Times at which the relaxation is solved, at most; by the number of devices where left out.
    """
    instance, deadline = model.instance, model.deadline
    # A slowdown factor may be as small as it likes: then nothing is known of the earliest time.
    deliveries = DeliveryProbabilities(instance) if instance.has_random_latencies else None
    first = combinatorial_bound(instance, "nominal") if deliveries is None else 0.0
    if model.arrays.largest.max() == 0:
        return None
    if first is None:
        return None
    if first >= deadline:
        return deadline
    # Nothing is possible before the first time; by the deadline all that a plan can ever do.
    points = [(first, 1.0), (deadline, smallest_failure_probability(instance))]
    pool = GroupPool()
    if times is None:
        times = next(count for limit, count in TIMES if len(model.weights) <= limit)
        times = times if deliveries is None else min(times, STOCHASTIC_TIMES)
    solved = 0

    def at(seconds: float, floor: float) -> float:
        # Being late never gets likelier with time: what holds later holds here too.
        return max(floor, -math.expm1(most_likely(model, seconds, pool, control, deliveries)))

    points[-1] = (deadline, at(deadline, points[-1][1]))
    while solved < times and not control.exhausted:
        solved += 1
        losses = [
            (later - earlier) * (above - below) for (earlier, above), (later, below) in itertools.pairwise(points)
        ]
        worst = max(range(len(losses)), key=losses.__getitem__)
        if losses[worst] <= FINE * _integral(points):
            break
        (earlier, _), (later, below) = points[worst], points[worst + 1]
        middle = 0.5 * (earlier + later)
        bisect.insort(points, (middle, at(middle, below)))
        control.tell(None, _integral(points))
    # Sums may have been rounded up.
    return _integral(points) * (1.0 - ROUNDING)


def _integral(points: list[tuple[float, float]]) -> float:
    steps = ((later - earlier) * late for (earlier, _), (later, late) in itertools.pairwise(points))
    return points[0][0] + sum(steps)
