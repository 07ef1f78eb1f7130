"""The largest part that every set of devices delivers: tables over all sets, by their bits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from rocoin_opt.grouping import Reach
    from rocoin_opt.instance import BoolArray, IntArray


def possible_parts(reach: Reach, keeps: BoolArray, wanted: int) -> IntArray:
    """Largest part that every set delivers in time, with all of its devices; 0 where there is none.

    Parameters
    ----------
    reach : Reach
        What the devices can do, and in what time.
    keeps : BoolArray, 2^N
        Whether each set keeps the outage limit.
    wanted : int
        M, which no part exceeds.
    """
    parts = _largest_parts(reach.counted, wanted) if reach.covering is None else _covered_parts(reach, keeps, wanted)
    return parts if reach.leading is None else np.minimum(parts, _led_parts(reach.counted, reach.leading, wanted))


def _largest_parts(largest: IntArray, wanted: int) -> IntArray:
    """Largest part that all devices of each set can hold with the same student, at most M; 0 for the empty set.

    Parameters
    ----------
    largest : IntArray, N x J
        Largest part of each device with each student.
    wanted : int
        M.
    """
    best = np.zeros(1 << len(largest), dtype=np.int64)
    for room in largest.T.tolist():
        parts = np.full(1, wanted, dtype=np.int64)
        for value in room:
            parts = np.concatenate([parts, np.minimum(parts, value)])
        best = np.maximum(best, parts)
    best[0] = 0
    return best


def _covered_parts(reach: Reach, keeps: BoolArray, wanted: int) -> IntArray:
    """Largest part that all of each set deliver in time, and so many of them by the threshold that the limit is kept.

    The devices of one student by falling size of what they deliver by the threshold: the first ones of a set that keep
    the limit together say how large its part can be.
    """
    assert reach.covering is not None
    best = np.zeros(len(keeps), dtype=np.int64)
    for j in range(reach.counted.shape[1]):
        masks, level, part = np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64), np.full(1, wanted)
        for n in np.argsort(-reach.covering[:, j], kind="stable").tolist():
            joined = masks | 1 << n
            covered = np.where(keeps[joined], reach.covering[n, j], 0)
            level = np.concatenate([level, np.where(level > 0, level, covered)])
            part = np.concatenate([part, np.minimum(part, reach.counted[n, j])])
            masks = np.concatenate([masks, joined])
        best[masks] = np.maximum(best[masks], np.minimum(part, level))
    return best


def _led_parts(counted: IntArray, leading: IntArray, wanted: int) -> IntArray:
    """Largest part that all of each set deliver in time and one of them by the threshold, at most M."""
    best = np.zeros(1 << len(counted), dtype=np.int64)
    for rooms, leads in zip(counted.T.tolist(), leading.T.tolist(), strict=True):
        parts, led = np.full(1, wanted, dtype=np.int64), np.zeros(1, dtype=np.int64)
        for room, lead in zip(rooms, leads, strict=True):
            parts = np.concatenate([parts, np.minimum(parts, room)])
            led = np.concatenate([led, np.maximum(led, lead)])
        best = np.maximum(best, np.minimum(parts, led))
    return best
