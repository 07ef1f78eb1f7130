"""Plans of least expected answer time, proven by branch and bound.

Best first: the nodes of least bound are taken, thousands at a time. Each is branched on a device, which goes into each
group, into a new one, or among the spares where it may be of more use there; or on the widest interval of sizes, which
is cut in two where a student holds no more. Which of the two raises bounds faster differs from node to node, so both
are tried on a few of each kind. Groups of equal sizes without a device are alike, and none of them is told apart. The
least bound of all open nodes bounds every plan, and the search can stop at any time.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.control import TimeUp
from rocoin_opt.exact.expected.nodes import OPEN, SPARE, Bounding, Nodes
from rocoin_opt.exact.expected.students import best_students
from rocoin_opt.failure import check, missed_success, value_of
from rocoin_opt.grouping import STOPPED
from rocoin_opt.plan import Outcome, plan_of, structural_violations

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.grouping import ExpectedModel
    from rocoin_opt.instance import BoolArray, FloatArray, IntArray
    from rocoin_opt.plan import IndexedGroup, Plan

BATCH, FEWEST = 4_096, 128
"""Nodes that are branched on at once, at most, and at the least where as many are open."""
SHARE = 16
"""Open nodes for each one that is branched on: those of least bound are worth the most, but all are looked through."""
CLOSED = 1e-10
"""Relative distance of a bound to the best value that counts as none: rounding."""
SAMPLE = 32
"""Nodes of a kind on which both ways to branch are tried."""
RETRIED = 64
"""Times as many that are branched on before both are tried anew."""
MOST_OPEN = 1_000_000
"""Open nodes from which on the newest are taken, so that memory stays bounded."""
STEEPEST, STEP = 1e4, 1.2
"""Largest rate at which trees are taken to grow, and the factor between two rates that are told apart."""


def prove_expected(model: ExpectedModel, control: Control, start: Plan | None, *, nodes: float = math.inf) -> Outcome:
    """Find a plan of least expected answer time, and prove it.

    Parameters
    ----------
    model : ExpectedModel
        The instance.
    control : Control
        Limits; at a limit the best plan and bound so far are returned.
    start : Plan, optional
        A valid plan to improve on. Where it keeps ``min_success``, so does the plan that is returned.
    nodes : float
        How many nodes to look at, for an end without a clock.

    Returns
    -------
    Outcome
        The plan and a valid lower bound in seconds; ``infeasible`` if there is no plan.
    """
    try:
        search = _Search(model, control, start)
    except TimeUp:
        return Outcome(start, None, reasons=() if start else (STOPPED,))
    return search.run(nodes)


class _Search:
    """Open nodes by their number of groups, and the best plan."""

    def __init__(self, model: ExpectedModel, control: Control, start: Plan | None) -> None:
        self.model, self.control = model, control
        self.bounding = Bounding(model, control)
        self.best = start
        # Without a plan that keeps min_success this is a search without it, which is far quicker.
        is_sure = start is not None and missed_success(model.instance, start) is None
        self.violations = check if is_sure else structural_violations
        # Whether it depends on students, too, what is valid.
        self.tied = is_sure or model.instance.limits_energy
        # Students are compared as if no domain failed.
        self.is_joint = model.instance.has_shared_failures
        self.value = math.inf if start is None else value_of(model.instance, start, "expected")
        roots = map(self.bounding.root, range(max(1, model.fewest), model.most + 1))
        self.open = {root.low.shape[1]: root for root in roots}
        self.by_device: dict[tuple[int, ...], bool] = {}
        self.branched: dict[tuple[int, ...], int] = {}
        self.seen = 0
        # What bounds the leaves of which not all students were tried.
        self.untried = math.inf

    @property
    def goal(self) -> float:
        """Values below which a plan is worth being found, in seconds."""
        return self.value * (1.0 - max(CLOSED, self.control.gap)) if self.best else math.inf

    @property
    def bound(self) -> float:
        """Valid lower bound in seconds; infinite where there is no plan."""
        # Nodes above the goal were dropped.
        return min(self.goal, self.untried, self.least_open)

    @property
    def least_open(self) -> float:
        """Least bound of a node that is open; infinite without one."""
        return min((float(nodes.bound.min()) for nodes in self.open.values() if len(nodes)), default=math.inf)

    def run(self, limit: float) -> Outcome:
        while self.least_open < self.goal and self.seen < limit and not self.control.exhausted:
            try:
                self.branch()
            except TimeUp:
                # The nodes that were looked at stay open.
                break
            self.control.tell(None if self.best is None else self.value, self.bound)
        if math.isinf(self.bound):
            return Outcome(None, infeasible=True)
        reasons = () if self.best else (STOPPED,)
        return Outcome(self.best, self.bound, reasons=reasons)

    def branch(self) -> None:
        """Take the most promising nodes of one number of groups, and leave their children instead."""
        groups = min((k for k, nodes in self.open.items() if len(nodes)), key=lambda k: self.open[k].bound.min())
        nodes = self.open[groups]
        taken = np.zeros(len(nodes), dtype=np.bool_)
        batch = min(BATCH, max(FEWEST, len(nodes) // SHARE))
        if len(nodes) > MOST_OPEN:
            taken[-BATCH:] = True
        elif len(nodes) > batch:
            taken[np.argpartition(nodes.bound, batch)[:batch]] = True
        else:
            taken[:] = True
        # Whoever reaches the goal is dropped.
        self.bounding.enough = self.goal
        children = self.children(nodes.at(taken))
        self.seen += len(children)
        is_leaf = (children.places != OPEN).all(axis=1) & (children.low == children.high).all(axis=1)
        self.take(children.at(is_leaf))
        left = Nodes.joined([nodes.at(~taken), children.at(~is_leaf)])
        self.open[groups] = left.at(left.bound < self.goal)

    def children(self, nodes: Nodes) -> Nodes:
        """Branch on a device or on sizes, whichever does more for nodes of the same kind."""
        is_open = (nodes.places == OPEN).sum(axis=1)
        # Widths that differ by less than a factor of 2 are of a kind.
        width = np.frexp((nodes.high - nodes.low).max(axis=1))[1]
        cuts = self.bounding.cuts_within(nodes.low, nodes.high).sum(axis=1)
        kinds, kind_of = np.unique(np.stack([is_open, width, cuts], axis=1), axis=0, return_inverse=True)
        kind_of = kind_of.ravel()
        by_device = np.array(
            [
                self.branches_on_device(nodes, np.flatnonzero(kind_of == i), *kind)
                for i, kind in enumerate(kinds.tolist())
            ]
        )[kind_of]
        return Nodes.joined([self.placed(nodes.at(by_device)), self.sized(nodes.at(~by_device))])

    def branches_on_device(self, nodes: Nodes, rows: IntArray, is_open: int, width: int, cuts: int) -> bool:
        """Whether nodes of a kind are branched on a device rather than on sizes.

        Parameters
        ----------
        nodes : Nodes
            Among others those of the kind.
        rows : IntArray
            Which these are.
        is_open, width, cuts : int
            The kind: open devices, binary digits of the widest interval, cuts within all intervals.
        """
        if is_open == 0 or width == 0:
            return width == 0
        if cuts > 0 and self.bounding.is_compiled:
            # Levelled weights tell sizes apart by what devices can serve: from the first on.
            return False
        kind = nodes.low.shape[1], is_open, width, cuts
        self.branched[kind] = self.branched.get(kind, 0) + len(rows)
        if kind not in self.by_device or self.branched[kind] >= RETRIED * SAMPLE <= RETRIED * len(rows):
            sample, self.branched[kind] = nodes.at(rows[:SAMPLE]), 0
            growths = [self.growth(sample, children) for children in (self.placed(sample), self.sized(sample))]
            self.by_device[kind] = growths[0] < growths[1]
        return self.by_device[kind]

    def growth(self, parents: Nodes, children: Nodes) -> float:
        """Estimate how fast a tree grows with the gap to close, in natural logarithms a gap.

        A tree of ``exp(r g)`` nodes for a gap g is one whose children promise as many nodes as their parents.
        """
        least = float(parents.bound.min())
        scale = self.goal - least if math.isfinite(self.goal) else least or self.model.deadline
        rate = 1.0 / STEEPEST
        while self._promised(children, least, scale, rate) > self._promised(parents, least, scale, rate):
            rate *= STEP
            if rate > STEEPEST:
                break
        return rate

    def _promised(self, nodes: Nodes, least: float, scale: float, rate: float) -> float:
        bound: FloatArray = nodes.bound[nodes.bound < self.goal]
        return float(np.exp(-rate * (bound - least) / scale).sum())

    def placed(self, nodes: Nodes) -> Nodes:
        """The first open device goes into each group, one of those that are alike, or among the spares."""
        groups = nodes.low.shape[1]
        first = np.argmax(nodes.places == OPEN, axis=1)
        fresh = self.bounding.fresh(nodes)
        children = []
        allowed: BoolArray
        for place in (*range(groups), SPARE):
            if place == SPARE:
                allowed = np.logical_not(self.bounding.is_welcome(first, nodes.low, nodes.high).any(axis=1))
            else:
                # Plans that differ in the order of groups are met once.
                earlier = fresh[:, :place] & fresh[:, [place]] & self.bounding.alike(nodes, place)[:, :place]
                allowed = np.logical_not(earlier.any(axis=1))
            parents = nodes.at(allowed)
            places = parents.places.copy()
            places[np.arange(len(places)), first[allowed]] = place
            children.append(self.bounding.kept(places, parents.low, parents.high))
        return Nodes.joined(children)

    def sized(self, nodes: Nodes) -> Nodes:
        """The widest interval of sizes is cut in two, and of the groups that are alike each number has larger sizes."""
        rows = np.arange(len(nodes))
        widest, cut = self.bounding.widest(nodes.low, nodes.high)
        fresh = self.bounding.fresh(nodes)
        same = fresh & fresh[rows, widest, None] & self.bounding.alike(nodes, widest)
        same[rows, widest] = True
        rank = np.cumsum(same, axis=1)
        children = []
        for larger in range(int(same.sum(axis=1).max(initial=0)) + 1):
            some = np.flatnonzero(rank[:, -1] >= larger)
            is_larger = same[some] & (rank[some] <= larger)
            low = np.where(is_larger, cut[some, None] + 1, nodes.low[some])
            high = np.where(same[some] & ~is_larger, cut[some, None], nodes.high[some])
            children.append(self.bounding.kept(nodes.places[some], low, high))
        return Nodes.joined(children)

    def take(self, leaves: Nodes) -> None:
        """Make plans of nodes without choices, and keep the best one that is valid."""
        # Least bounds first: a better plan lowers the goal, and spares the others their valuation.
        for row in np.argsort(leaves.bound, kind="stable").tolist():
            if leaves.bound[row] >= self.goal:
                return
            plan = self.plan(leaves.places[row], leaves.low[row])
            value = math.inf if plan is None else value_of(self.model.instance, plan, "expected")
            if value < self.value:
                self.best, self.value = plan, value

    def plan(self, places: IntArray, sizes: IntArray) -> Plan | None:
        """The best plan of one such node; None if a group has no student that fits all, or misses the outage limit."""
        members = [self.bounding.order[places == k].tolist() for k in range(len(sizes))]
        options = [self.model.blocks(group, size) for group, size in zip(members, sizes.tolist(), strict=True)]
        if not all(options):
            return None
        if all(len(blocks) == 1 for blocks in options):
            return self.valid([blocks[0] for blocks in options])
        for seconds, chosen in best_students(self.model, options, self.control):
            if seconds >= self.goal:
                return None
            plan = self.valid([blocks[0] for blocks in options] if chosen is None else chosen)
            if chosen is None or self.is_joint:
                self.untried = min(self.untried, seconds)
            # Else validity is a matter of the members, and no other students help.
            if chosen is None or plan is not None or not self.tied:
                return plan
        return None

    def valid(self, blocks: list[IndexedGroup]) -> Plan | None:
        """The plan of some groups, if it breaks nothing."""
        plan = plan_of(self.model.instance, blocks)
        return None if self.violations(self.model.instance, plan) else plan
