"""Branching on how many groups there are of a size or more, best first.

The program of :mod:`rocoin_opt.exact.expected.success_program` takes fractions of groups: where three large ones would
hold too little and four need devices that there are not, it takes three and a half. Once the numbers of groups of all
sizes are whole its bound is nearly sharp, for weights of devices are shared out with hardly a loss.
"""

from __future__ import annotations

import heapq
import itertools
import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rocoin_opt.exact.expected.success_program import Deliverers, GroupPool, SuccessProgram
from rocoin_opt.grouping import LEAST_FRACTION

if TYPE_CHECKING:
    from collections.abc import Callable

    from rocoin_opt.control import Control
    from rocoin_opt.grouping import ExpectedModel
    from rocoin_opt.instance import FloatArray, IntArray


MOST_LEVELS = 64
"""Different sizes whose groups are branched on."""


class Node(NamedTuple):
    """A part of the plans.

    Attributes
    ----------
    least, most : IntArray, V
        Fewest and most groups of each level of the program or more.
    prices : FloatArray or None
        Where nothing is left to branch on, what proves the node's bound.
    """

    least: IntArray
    most: IntArray
    prices: FloatArray | None = None


class CountTree:
    """The open nodes of a program.

    Parameters
    ----------
    program : SuccessProgram
        Groups that deliver by a time.
    fewest, most : int
        Numbers of groups.

    Attributes
    ----------
    limit : float
        Cost from which on plans are of no interest; whoever settles nodes may lower it.
    """

    def __init__(self, program: SuccessProgram, fewest: int, most: int) -> None:
        self.program, self.limit, self._ties = program, 1.0, itertools.count()
        least = np.zeros(len(program.levels), dtype=np.int64)
        least[0] = fewest
        self._heap: list[tuple[float, int, Node]] = []
        # Without enough devices for so many groups there is no plan.
        self.put(0.0 if fewest <= most else math.inf, Node(least, np.full(len(least), most)))

    @classmethod
    def of(cls, model: ExpectedModel, counted: IntArray, control: Control, unit: float) -> CountTree:
        """The tree of what devices deliver by a time.

        Parameters
        ----------
        model : ExpectedModel
            Weights, filters and numbers of groups.
        counted : IntArray, N x J
            Largest part that each device delivers with each student; 0 where it delivers none.
        control : Control
            Limit.
        unit : float
            Unit that ``-ln P`` counts in.
        """
        deliverers = [Deliverers(sizes, model.weights) for sizes in counted.T]
        program = SuccessProgram(model, deliverers, GroupPool(), control, unit, MOST_LEVELS)
        return cls(program, model.fewest, model.most)

    @property
    def cost(self) -> float:
        """What ``-ln P`` of every plan is in the program's unit, at least."""
        return self._heap[0][0]

    def put(self, cost: float, node: Node) -> None:
        """Leave a node with what its plans cost at least."""
        heapq.heappush(self._heap, (cost, next(self._ties), node))

    def branch(self, nodes: float, settle: Callable[[Node, float], float | None] | None = None) -> float:
        """Raise the bound until it reaches the limit, time or nodes are up, or nothing is left to branch on.

        Parameters
        ----------
        nodes : float
            Programs that are solved at most.
        settle : callable, optional
            Raises the cost of a node that is not branched on, which it is told, to the limit; None where its own limit
            came first.

        Returns
        -------
        float
            The bound.
        """
        solved = 0
        while self.cost < self.limit and solved < nodes and not self.program.control.exhausted:
            cost, _, node = heapq.heappop(self._heap)
            if node.prices is None:
                solved += 1
                self._solve(cost, node)
                continue
            raised = None if settle is None else settle(node, cost)
            self.put(cost if raised is None else max(cost, raised), node)
            if raised is None:
                break
        return self.cost

    def _solve(self, cost: float, node: Node) -> None:
        """Bound a node and part it; what cannot be parted keeps its prices."""
        self.program.limit(node.least, node.most)
        found = self.program.run(enough=-self.limit)
        cost = max(cost, -found.bound)
        if cost >= self.limit or found.counts is None:
            # Of no interest, unless the limit rises; or the time is up.
            self.put(cost, node)
            return
        for part in _split(found.counts, node) or (node._replace(prices=found.prices),):
            self.put(cost, part)


def _split(counts: FloatArray, node: Node) -> tuple[Node, Node] | None:
    """Nodes on both sides of a number of groups that is not whole; None where all are.

    Parameters
    ----------
    counts : FloatArray, V
        How many groups of each level or more the program takes.
    node : Node
        Limits on them.
    """
    # Where groups are missing, and made up for in the program, a limit below them would part nothing.
    is_within = (node.least < counts) & (counts < node.most)
    off = np.where(is_within, np.abs(counts - np.rint(counts)), 0.0)
    at = int(np.argmax(off))
    if off[at] <= LEAST_FRACTION:
        return None
    below, above = node.most.copy(), node.least.copy()
    # Of a larger size there are no more groups, and of a smaller one no fewer.
    below[at:] = np.minimum(below[at:], math.floor(counts[at]))
    above[: at + 1] = np.maximum(above[: at + 1], math.ceil(counts[at]))
    return Node(node.least, below), Node(above, node.most)
