"""Queues for channels in many trials at once: who sends when, by NumPy; compiled code does the same to the bit."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from rocoin_opt.failure.monte_carlo.system import Queues
    from rocoin_opt.instance import BoolArray, FloatArray, IntArray


class Sent(NamedTuple):
    """What R replicas do in T trials, R x T each.

    Attributes
    ----------
    alone : FloatArray
        When a replica would answer on a link of its own, in seconds.
    ready : FloatArray
        When it is ready to send.
    air : FloatArray
        For how long it sends.
    failed : BoolArray
        Whether it crashed.
    """

    alone: FloatArray
    ready: FloatArray
    air: FloatArray
    failed: BoolArray


def play(queues: Queues, group_start: IntArray, sent: Sent) -> FloatArray:
    """When each replica answers, R x T, in seconds; infinite where it crashed or was cancelled.

    Parameters
    ----------
    queues : Queues
        The channels, and whether replicas are cancelled.
    group_start : IntArray, K + 1
        First replica of each group.
    sent : Sent
        What the replicas do.
    """
    answers = np.where(sent.failed, np.inf, sent.alone)
    channels = [queues.members[i:j] for i, j in zip(queues.start[:-1], queues.start[1:], strict=True)]
    orders = [members[np.argsort(sent.ready[members], axis=0, kind="stable")] for members in channels]
    if queues.cancel:
        _play_cancelling(orders, group_start, sent, answers)
        return answers
    trials = np.arange(answers.shape[1])
    for order in orders:
        free = np.zeros(answers.shape[1])
        for replica in order:
            place = replica, trials
            ends = np.maximum(sent.alone[place], free + sent.air[place])
            is_sent = ~sent.failed[place]
            free = np.where(is_sent, ends, free)
            answers[place] = np.where(is_sent, ends, np.inf)
    return answers


def _play_cancelling(orders: list[IntArray], group_start: IntArray, sent: Sent, answers: FloatArray) -> None:
    """Let the earliest transfer begin, whichever channel it is on, again and again.

    What has answered by the time at which a transfer begins is known then: whatever begins later ends later.

    Parameters
    ----------
    orders : list of IntArray, Q x T
        By channel the replicas in the order in which they are ready.
    group_start : IntArray, K + 1
        First replica of each group.
    sent : Sent
        What the replicas do.
    answers : FloatArray, R x T
        When each answers on a link of its own; overwritten for those on channels.
    """
    trials = np.arange(answers.shape[1])
    group = np.repeat(np.arange(len(group_start) - 1), np.diff(group_start))
    queued = np.unique(np.concatenate([order[:, 0] for order in orders]))
    first = np.full((len(group_start) - 1, answers.shape[1]), np.inf)
    for r in np.setdiff1d(np.arange(len(group)), queued):
        np.minimum(first[group[r]], answers[r], out=first[group[r]])
    answers[queued] = np.inf
    head = np.zeros((len(orders), len(trials)), dtype=np.int64)
    free = np.zeros((len(orders), len(trials)))
    begins = np.empty((len(orders), len(trials)))
    for _ in range(len(queued)):
        for c, order in enumerate(orders):
            replica = order[np.minimum(head[c], len(order) - 1), trials]
            begins[c] = np.where(head[c] < len(order), np.maximum(sent.ready[replica, trials], free[c]), np.inf)
        channel = np.argmin(begins, axis=0)
        for c, order in enumerate(orders):
            chosen = np.flatnonzero(channel == c)
            replica = order[np.minimum(head[c, chosen], len(order) - 1), chosen]
            place, its = (replica, chosen), (group[replica], chosen)
            is_sent = ~sent.failed[place] & (first[its] > begins[c, chosen])
            ends = np.maximum(sent.alone[place], free[c, chosen] + sent.air[place])
            free[c, chosen] = np.where(is_sent, ends, free[c, chosen])
            answers[place] = np.where(is_sent, ends, np.inf)
            first[its] = np.where(is_sent, np.minimum(first[its], ends), first[its])
            head[c, chosen] += 1
