"""The best students of given groups of given sizes, for the expected answer time, where measured times leave several.

What one group runs depends on what the others run: the value is an integral of ``1 - prod (1 - q_k(t))``. So groups get
their students one after another, best first (A*): the groups without one count as if each of their devices ran what it
is fastest with, which no student betters.
"""

from __future__ import annotations

import heapq
import itertools
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.control import require_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rocoin_opt.control import Control
    from rocoin_opt.grouping import ExpectedModel
    from rocoin_opt.instance import FloatArray
    from rocoin_opt.plan import IndexedGroup

MOST_STEPS = 20_000
"""Groups that get a student, at most, before what is left is only bounded: a second."""


def best_students(
    model: ExpectedModel, options: Sequence[Sequence[IndexedGroup]], control: Control, *, most: int = MOST_STEPS
) -> Iterator[tuple[float, list[IndexedGroup] | None]]:
    """All ways to choose among the options of each group, those of the least expected answer time first.

    Parameters
    ----------
    model : ExpectedModel
        The instance: constant latencies, independent devices.
    options : sequence of sequences of IndexedGroup
        For each group its members and size with each student that may be best; at least one.
    control : Control
        Its limit breaks the search off, with :class:`rocoin_opt.control.TimeUp`.
    most : int
        Groups that get a student, at most.

    Yields
    ------
    float, list of IndexedGroup or None
        Seconds, up to rounding, and the groups; in the end, where not all ways were looked at, a lower bound on the
        others and None.
    """
    times, tables = _outages(model, options)
    lengths = np.diff(times)
    # What the groups from the k-th on leave unanswered at the least.
    rest = [np.zeros(len(lengths))]
    for fastest, _ in reversed(tables):
        rest.append(_either(rest[-1], fastest))
    rest.reverse()
    order = itertools.count()
    # Of equal bounds the deepest first: that one is nearest to a plan.
    start: tuple[float, int, int, FloatArray, tuple[int, ...]] = (0.0, 0, next(order), np.zeros(len(lengths)), ())
    heap, steps = [start], 0
    while heap:
        bound, _, _, late, chosen = heapq.heappop(heap)
        k = len(chosen)
        if k == len(options):
            yield bound, [own[place] for own, place in zip(options, chosen, strict=True)]
            continue
        if steps >= most:
            yield bound, None
            return
        require_time(control)
        steps += 1
        for place, outage in enumerate(tables[k][1]):
            joined = _either(late, outage)
            least = float(lengths @ _either(joined, rest[k + 1]))
            heapq.heappush(heap, (least, -k - 1, next(order), joined, (*chosen, place)))


def _outages(
    model: ExpectedModel, options: Sequence[Sequence[IndexedGroup]]
) -> tuple[FloatArray, list[tuple[FloatArray, list[FloatArray]]]]:
    """Times between which nothing happens, and for each group its outages there: at the least, and by option."""
    seconds = []
    for own in options:
        steps = model.steps.of_devices(own[0].members)
        by_option = [model.steps.seconds(steps, block.student, block.size) for block in own]
        seconds.append((model.steps.weights[steps], np.min(by_option, axis=0), by_option))
    every = np.concatenate([column for _, _, by_option in seconds for column in by_option])
    times = np.unique(np.concatenate([[0.0], every[every < model.deadline], [model.deadline]]))

    def outage(weights: FloatArray, answers: FloatArray) -> FloatArray:
        in_time = answers[:, None] <= times[:-1]
        return np.asarray(np.exp(-(weights @ in_time)))

    return times, [
        (outage(weights, fastest), [outage(weights, column) for column in by_option])
        for weights, fastest, by_option in seconds
    ]


def _either(one: FloatArray, other: FloatArray) -> FloatArray:
    """Probability that one of two independent groups has not answered; not 1 minus a product, for its digits."""
    return one + other * (1.0 - one)
