"""All groups by kinds without a superfluous device: multisets of kinds, each of which stands for many sets of devices.

They do not depend on the threshold, which only decides how much each of them holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.instance import LAST_DIGITS, SAFETY

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.grouping.kinds.problem import KindsProblem
    from rocoin_opt.instance import BoolArray, IntArray

MAX_EXTENSIONS = 10
"""Multisets that are looked at in one step, as a multiple of the covers wanted at most: it bounds time and memory."""
MAX_CELLS = 50_000_000
"""Counts of kinds in these: with hundreds of kinds a step would take gigabytes, and half a minute that nothing ends."""


def covers_by_kinds(problem: KindsProblem, limit: int, control: Control) -> IntArray | None:
    """List the multisets of kinds that keep the outage limit, no longer do without any device, and share a student.

    Parameters
    ----------
    problem : KindsProblem
        Owner of kinds and weights; for any threshold at which every device is in time with all that it can hold.
    limit : int
        Largest number of multisets.
    control : Control
        At its limit the listing ends without a result.

    Returns
    -------
    IntArray, C x I, or None
        How many devices of each kind; None where there are more than the limit, or the time was up.
    """
    shares = problem.fractions
    useful = np.flatnonzero((problem.allowed.max(axis=1) > 0) & (shares > 0.0))
    # Heaviest first: what the last device completes is minimal.
    useful = useful[np.argsort(-shares[useful], kind="stable")]
    shares, counts = shares[useful], problem.counts[useful]
    able: BoolArray = problem.allowed[useful] > 0
    # What all devices of kinds from a position on cover together.
    whole = shares * counts
    rest = np.append(np.cumsum(whole[::-1])[::-1], 0.0)
    taken = np.zeros((1, len(useful)), dtype=np.int64)
    last, total, students = np.zeros(1, dtype=np.int64), np.zeros(1), np.ones((1, able.shape[1]), dtype=bool)
    done: list[IntArray] = []
    found, most = 0, min(MAX_EXTENSIONS * limit, MAX_CELLS // max(1, len(useful)))
    while len(taken):
        choices = len(useful) - last
        if control.exhausted or int(choices.sum()) > most:
            return None
        parent = np.repeat(np.arange(len(taken)), choices)
        kind = np.arange(len(parent)) - np.repeat(np.cumsum(choices) - choices, choices) + last[parent]
        gathered = total[parent] + shares[kind]
        covers = gathered >= 1.0 - LAST_DIGITS
        used = taken[parent, kind]
        kept = used < counts[kind]
        # What is left of the last kind and all lighter ones.
        possible = gathered + rest[kind] - whole[kind] + np.maximum(counts[kind] - used - 1, 0) * shares[kind]
        kept &= covers | (possible >= 1.0 - SAFETY)
        kept &= (students[parent] & able[kind]).any(axis=1)
        parent, kind, covers = parent[kept], kind[kept], covers[kept]
        grown = taken[parent]
        grown[np.arange(len(grown)), kind] += 1
        done.append(grown[covers])
        found += int(covers.sum())
        if found > limit:
            return None
        going = ~covers
        taken, last, total = grown[going], kind[going], gathered[kept][going]
        students = (students[parent] & able[kind])[going]
    listed = np.concatenate(done) if done else taken
    vectors = np.zeros((len(listed), len(problem.counts)), dtype=np.int64)
    vectors[:, useful] = listed
    return vectors


def with_leaders(problem: KindsProblem, covers: IntArray) -> IntArray:
    """Covers, and covers with one device more that answers in time for them, C x I; for ``nominal``.

    Parameters
    ----------
    problem : KindsProblem
        As for :func:`covers_by_kinds`.
    covers : IntArray, C x I
        How many devices of each kind.
    """
    led = covers[:, None, :] + np.eye(covers.shape[1], dtype=np.int64)
    led = led.reshape(-1, covers.shape[1])
    led = np.concatenate([covers, led[(led <= problem.counts).all(axis=1)]])
    # Rows as bytes are sorted far faster than as numbers.
    keys = np.ascontiguousarray(led).view(np.dtype((np.void, led.dtype.itemsize * led.shape[1]))).ravel()
    return led[np.sort(np.unique(keys, return_index=True)[1])]
