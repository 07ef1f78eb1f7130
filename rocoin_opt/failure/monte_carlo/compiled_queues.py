"""Queues for channels, compiled by Numba: the same draws and the same operations as :mod:`.queues`, trial by trial."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from rocoin_opt.failure.monte_carlo.system import Queues
    from rocoin_opt.instance import FloatArray, IntArray


class Lines(NamedTuple):
    """The channels as arrays, see :class:`.system.Queues`; ``group`` is that of each replica."""

    start: IntArray
    members: IntArray
    ready: FloatArray
    air: FloatArray
    group: IntArray
    is_queued: Any
    cancel: bool


def lines_of(queues: Queues, group_start: IntArray) -> Lines:
    """Queues as the compiled kernel takes them."""
    group = np.repeat(np.arange(len(group_start) - 1), np.diff(group_start)).astype(np.int64)
    is_queued = np.zeros(len(group), dtype=np.uint8)
    is_queued[queues.members] = 1
    start, members = queues.start.astype(np.int64), queues.members.astype(np.int64)
    return Lines(start, members, queues.ready, queues.air, group, is_queued, queues.cancel)


@njit(cache=True)
def play(lines: Any, alone: Any, ready: Any, air: Any, failed: Any, answers: Any) -> None:
    """When each replica answers in the trials of a block; infinite where it crashed or was cancelled.

    Parameters
    ----------
    lines : Lines
        The channels.
    alone, ready, air : float array, R x B
        When each would answer alone, when it is ready, and for how long it sends, in seconds.
    failed : byte array, R x B
        Whether it crashed.
    answers : float array, R x B
        What is computed.
    """
    replicas, trials = alone.shape
    channels, groups = len(lines.start) - 1, lines.group[-1] + 1
    order = np.empty(len(lines.members), dtype=np.int64)
    head, free, first = np.empty(channels, dtype=np.int64), np.empty(channels), np.empty(groups)
    for i in range(trials):
        for r in range(replicas):
            answers[r, i] = np.inf if failed[r, i] or lines.is_queued[r] else alone[r, i]
        for c in range(channels):
            for place in range(lines.start[c], lines.start[c + 1]):
                replica = lines.members[place]
                at = place
                while at > lines.start[c] and ready[order[at - 1], i] > ready[replica, i]:
                    order[at] = order[at - 1]
                    at -= 1
                order[at] = replica
        if not lines.cancel:
            for c in range(channels):
                until = 0.0
                for place in range(lines.start[c], lines.start[c + 1]):
                    r = order[place]
                    if not failed[r, i]:
                        until = max(alone[r, i], until + air[r, i])
                        answers[r, i] = until
            continue
        first[:] = np.inf
        for r in range(replicas):
            first[lines.group[r]] = min(first[lines.group[r]], answers[r, i])
        head[:] = lines.start[:-1]
        free[:] = 0.0
        for _ in range(len(lines.members)):
            chosen, begin = -1, np.inf
            for c in range(channels):
                if head[c] < lines.start[c + 1]:
                    own = max(ready[order[head[c]], i], free[c])
                    if chosen < 0 or own < begin:
                        chosen, begin = c, own
            r = order[head[chosen]]
            head[chosen] += 1
            k = lines.group[r]
            if not failed[r, i] and first[k] > begin:
                free[chosen] = max(alone[r, i], free[chosen] + air[r, i])
                answers[r, i] = free[chosen]
                first[k] = min(first[k], free[chosen])
