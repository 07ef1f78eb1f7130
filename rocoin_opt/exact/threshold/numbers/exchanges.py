"""Exchanges of devices between groups, drawn at random: the inner loop of an annealing, fit to be compiled.

A device changes places with one of nearly the same share, two of a group with one that has nearly as much as both, or
one moves. Shares that are close make changes small, which are what is accepted once it is cold.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from rocoin_opt.instance import BoolArray, FloatArray, IntArray

DRAWS = 5
"""Uniform numbers that one exchange takes."""


def exchange(
    shares: FloatArray,
    holds: BoolArray,
    level: IntArray,
    weights: FloatArray,
    group: IntArray,
    ahead: IntArray,
    behind: IntArray,
    sums: FloatArray,
    draws: FloatArray,
    temperature: float,
    missing: float,
    lacking: float,
) -> None:
    """Try some exchanges at one temperature, and make those that are accepted.

    A group's need is a share of 1. What is beyond it costs 1 a share; where something is missing, that has a price of
    its own, and the group too. A dearer state is accepted with probability ``exp(-rise / temperature)``.

    Parameters
    ----------
    shares : FloatArray, N
        Of the devices, ascending.
    holds : BoolArray, N x (L + 1)
        Whether a device may be in a group of each level; the last column is for no group, and true.
    level : IntArray, G + 1
        Of each group, and L for none.
    weights : FloatArray, G + 1
        Factor of each group's cost; the last one, for none, is not used.
    group : IntArray, N
        Group of each device, G for none; changed.
    ahead, behind : IntArray, N + G + 1
        Ring of each group, from its head, N and its number, through its devices; changed.
    sums : FloatArray, G + 1
        Shares of each group, and of the devices in none; changed.
    draws : FloatArray, S x 5
        Uniform numbers in [0, 1) for each exchange.
    temperature : float
        In shares.
    missing : float
        Price of a share that a group lacks.
    lacking : float
        Price of a group that lacks any, in shares.
    """
    devices, groups = len(shares), len(sums) - 1
    for step in range(len(draws)):
        first, way = int(draws[step, 0] * devices), draws[step, 1]
        here, there, second, third = group[first], groups, -1, -1
        if way < 0.6:
            # From next neighbours to those 64 places away, each distance as likely on the scale of logarithms.
            width = 2 << int(6.0 * draws[step, 2])
            second = first - width + int(draws[step, 3] * (2 * width + 1))
        elif way < 0.85:
            third = ahead[first]
            if third >= devices:
                continue
            second = np.searchsorted(shares, shares[first] + shares[third]) - 4 + int(draws[step, 3] * 9.0)
        elif way < 0.92:
            second = int(draws[step, 2] * devices)
        else:
            there = int(draws[step, 2] * (groups + 1))
        if way < 0.92:
            if second < 0 or second >= devices:
                continue
            there = group[second]
        if here == there or not holds[first, level[there]]:
            continue
        if second >= 0 and not holds[second, level[here]]:
            continue
        if third >= 0 and not holds[third, level[there]]:
            continue
        moved = shares[first]
        if second >= 0:
            moved -= shares[second]
        if third >= 0:
            moved += shares[third]
        rise = 0.0
        if here < groups:
            before, after = sums[here] - 1.0, sums[here] - 1.0 - moved
            more = after if after >= 0.0 else lacking - missing * after
            rise += weights[here] * (more - (before if before >= 0.0 else lacking - missing * before))
        if there < groups:
            before, after = sums[there] - 1.0, sums[there] - 1.0 + moved
            more = after if after >= 0.0 else lacking - missing * after
            rise += weights[there] * (more - (before if before >= 0.0 else lacking - missing * before))
        if rise > 0.0 and draws[step, 4] >= math.exp(-rise / temperature):
            continue
        sums[here] -= moved
        sums[there] += moved
        for turn in range(3):
            device = first if turn == 0 else (second if turn == 1 else third)
            if device < 0:
                continue
            ahead[behind[device]], behind[ahead[device]] = ahead[device], behind[device]
            group[device] = here if turn == 1 else there
            head = devices + group[device]
            ahead[device], behind[device] = ahead[head], head
            behind[ahead[head]], ahead[head] = device, device
