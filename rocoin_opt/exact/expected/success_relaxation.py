"""How likely an answer by some time can be at most: the packing relaxation with reliability as its value.

For a fixed t, ``ln P(X <= t) = sum over groups of ln(1 - q_k(t))``, a sum over columns: a group that runs student j and
holds s filters is a set of devices with ``S[n, j](t) >= s``, worth ``g(W) = ln(1 - exp(-W))`` for the sum W of its
weights ``-ln p_n``. So the largest probability is a packing problem, and its relaxation

    max sum g(W_G) x_G,  sum of x_G over G with n <= 1 for every device n,  sum s_G x_G >= M,  sum x_G <= K

a linear program. For *any* prices ``pi >= 0`` of devices and ``mu >= 0`` of a filter,

    sum pi - mu M + K max_G (g(W_G) + mu s_G - sum of pi over G)^+

bounds it. Under random latencies the weight of a device is ``-ln(1 - G_n(t; j, s))`` and falls with s. So the sizes of
each student are cut into intervals, and a group counts with the weights of an interval's smallest size and with its
largest size: it is never underrated.

Groups are priced by covering knapsacks (:mod:`rocoin_opt.grouping.covering.covering_knapsack`) in whole units of
weight, rounded up, which only raises g: the bound holds whatever the solver's tolerances are.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.control import UNLIMITED, TimeUp, require_time
from rocoin_opt.exact.expected.group_counts import MOST_LEVELS, CountTree
from rocoin_opt.exact.expected.success_program import Deliverers, SuccessProgram
from rocoin_opt.exact.expected.success_program import GroupPool as GroupPool  # Beside what takes it.
from rocoin_opt.grouping import LEAST_OUTAGE

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.failure import DeliveryProbabilities
    from rocoin_opt.grouping import ExpectedModel

UNLIKELY = 1e-5
"""Probability of a delivery that is not planned with: rounded up to a unit it would look likely. All of them together
are added to the bound."""
INTERVALS = 8
"""Intervals of sizes of one student under random latencies."""


def deliverers_by(
    model: ExpectedModel, seconds: float, deliveries: DeliveryProbabilities | None, control: Control = UNLIMITED
) -> list[Deliverers]:
    """List all that can be delivered by a time, in an order that does not depend on it.

    Parameters
    ----------
    model : ExpectedModel
        The instance.
    seconds : float
        The time t.
    deliveries : DeliveryProbabilities, optional
        The random latencies; left out where all are constant.
    control : Control
        Its limit breaks the list off, with :class:`rocoin_opt.control.TimeUp`.
    """
    largest = model.arrays.largest
    if deliveries is None:
        return [Deliverers(sizes, model.weights) for sizes in model.arrays.largest_part(seconds).T]
    found = []
    for j in range(largest.shape[1]):
        ends = np.unique(np.linspace(0, largest[:, j].max(), INTERVALS + 1).astype(np.int64))
        for low, high in itertools.pairwise(ends.tolist()):
            able = np.flatnonzero(largest[:, j] > low)
            missed = np.ones(len(largest))
            for n in able.tolist():
                require_time(control)
                # Missed at the least, so that no weight is underrated.
                missed[n] = deliveries.missed(n, j, low + 1, seconds, at_least=True)
            weights = -np.log(np.maximum(missed, LEAST_OUTAGE))
            found.append(Deliverers(np.where(weights > UNLIKELY, np.minimum(largest[:, j], high), 0), weights))
    return found


def most_likely(
    model: ExpectedModel,
    seconds: float,
    pool: GroupPool,
    control: Control,
    deliveries: DeliveryProbabilities | None = None,
    *,
    unit: float = 1.0,
    nodes: int = 1,
) -> float:
    """Upper bound on ln P(X <= t) over all plans; at most 0, and valid wherever it stops.

    Parameters
    ----------
    model : ExpectedModel
        The instance.
    seconds : float
        The time t.
    pool : GroupPool
        Groups to begin with; those that were of use are added.
    control : Control
        Limit.
    deliveries : DeliveryProbabilities, optional
        The random latencies; left out where all are constant.
    unit : float
        Unit that ``ln P`` counts in, for plans whose failure is far below 1: ``-ln P`` of a good one.
    nodes : int
        Programs that are solved at most. With more than one, it is branched on how many groups there are of a size or
        more, and what is less likely than ``-unit`` is not looked at.
    """
    try:
        deliverers = deliverers_by(model, seconds, deliveries, control)
    except TimeUp:
        return 0.0
    if nodes == 1:
        likely = unit * SuccessProgram(model, deliverers, pool, control, unit).run().bound
    else:
        program = SuccessProgram(model, deliverers, pool, control, unit, MOST_LEVELS)
        likely = -unit * CountTree(program, model.fewest, model.most).branch(nodes)
    ignored = np.max([np.where(chain.sizes == 0, chain.weights, 0.0) for chain in deliverers], axis=0)
    # Either one of the devices that were left out delivers all the same, or the plan answers without them.
    surplus = 0.0 if deliveries is None else float(ignored.sum())
    return min(0.0, math.log(math.exp(likely) + surplus)) if surplus else likely
