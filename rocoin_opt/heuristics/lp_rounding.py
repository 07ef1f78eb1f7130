"""Method ``lp-rounding``: the packing relaxation's fractions, drawn at random and made whole by greedy packing.

The smallest threshold whose packing relaxation has room for all filters is a lower bound, a strong one as a rule. From
there up to the greedy plan's value the relaxation is rounded: groups are drawn by their fractions as long as they are
disjoint, up to half of the draws are given up, and the greedy packing builds further groups from the devices that are
left. Roundings are cheap and independent of each other, so many are made before a threshold counts as out of reach.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rocoin_opt.errors import UnsupportedError
from rocoin_opt.grouping import (
    COVER_TOLERANCE,
    LEAST_FRACTION,
    CandidateSearch,
    plan_with_best_sizes,
    relax,
)
from rocoin_opt.heuristics.construction import pack
from rocoin_opt.heuristics.covers import needed_members
from rocoin_opt.heuristics.greedy import PRICES, greedy
from rocoin_opt.plan import Outcome, structural_violations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.control import Control
    from rocoin_opt.grouping import Coverage, Relaxation, ThresholdProblem
    from rocoin_opt.instance import BoolArray, FloatArray, Instance
    from rocoin_opt.plan import Members, Objective

ROUNDINGS = 500
"""Roundings after which a threshold counts as out of reach."""
MAX_DEVICES = 2_000
"""Devices up to which the relaxation takes seconds; above, it is solved only within a time limit."""


class Fraction(NamedTuple):
    """A group that the relaxation takes a fraction of.

    Attributes
    ----------
    members : tuple of int
        Device indices, none of which the cover can do without.
    held : int
        Filters that it holds.
    value : float
        How much of it is taken.
    """

    members: Members
    held: int
    value: float


def lp_rounding(instance: Instance, objective: Objective, control: Control) -> Outcome:
    """Bound the latency by the packing relaxation, and round the relaxation to a plan.

    Parameters
    ----------
    instance : Instance
        What was given: constant latencies, independent devices.
    objective : {'guaranteed', 'nominal', 'worst'}
        What to minimise.
    control : Control
        Limit, gap at which to stop, seed of all random choices. Improvements are told.

    Returns
    -------
    Outcome
        A plan no worse than that of :func:`~rocoin_opt.heuristics.greedy.greedy`, with the relaxation's lower bound,
        or the counting bound by part size where there are more than :data:`MAX_DEVICES` devices and no time limit.

    Raises
    ------
    UnsupportedError
        For ``expected``, which is no question of a threshold.
    """
    if objective == "expected":
        raise UnsupportedError("lp-rounding minimises guaranteed, nominal, worst, not expected")
    before = greedy(instance, objective, control)
    too_large = len(instance.devices) > MAX_DEVICES and control.remaining == math.inf
    if before.lower_bound is None or too_large:
        return before
    return _Search(instance, objective, control, before).run()


def fractions_of(problem: ThresholdProblem, relaxation: Relaxation) -> list[Fraction]:
    """List what a relaxation takes, as true covers without superfluous members.

    The relaxation rounds shares, so that some of its groups miss the limit by a hair. They are completed by devices
    that hold the part, those that the relaxation uses least; where there are none, the group is left out.
    """
    taken = [
        (group, value)
        for group, value in zip(relaxation.groups, relaxation.values.tolist(), strict=True)
        if value > LEAST_FRACTION
    ]
    load = np.zeros(len(problem.shares))
    for group, value in taken:
        load[list(group)] += value
    covers = []
    for group, value in taken:
        cover = _true_cover(problem, group, load)
        if cover:
            load[list(group)] -= value
            load[list(cover)] += value
            covers.append((cover, value))
    held = problem.capacities([cover for cover, _ in covers]).tolist()
    return [Fraction(cover, size, value) for (cover, value), size in zip(covers, held, strict=True)]


def draw_disjoint(fractions: Sequence[Fraction], wanted: int, random: np.random.Generator) -> list[Fraction]:
    """Draw groups one after another, with odds in proportion to their fractions, and keep the disjoint ones.

    Parameters
    ----------
    fractions : sequence of Fraction
        What to draw from.
    wanted : int
        Filters at which to stop.
    random : numpy.random.Generator
        Source of chance.

    Returns
    -------
    list of Fraction
        Disjoint groups in the order of their draws.

    References
    ----------
    .. [1] P. S. Efraimidis, P. G. Spirakis. Weighted random sampling with a reservoir. Information Processing Letters
       97 (2006), 181-185: sorting by ``ln(u) / weight`` draws without replacement.
    """
    weights = np.array([fraction.value for fraction in fractions])
    order = np.argsort(np.log1p(-random.random(len(weights))) / -weights, kind="stable")
    kept: list[Fraction] = []
    used: set[int] = set()
    for fraction in (fractions[i] for i in order.tolist()):
        if wanted <= 0:
            break
        if used.isdisjoint(fraction.members):
            kept.append(fraction)
            used.update(fraction.members)
            wanted -= fraction.held
    return kept


def _true_cover(problem: ThresholdProblem, group: Members, load: FloatArray) -> Members | None:
    """The group, completed by the devices of least load, without the members that its cover can do without."""
    members = list(group)
    sizes = problem.allowed[members].min(axis=0)
    if problem.led:
        sizes = np.minimum(sizes, problem.timely[members].max(axis=0))
    student = int(np.argmax(sizes))
    able = problem.allowed[:, student] >= sizes[student]
    able[members] = False
    leader = int(np.argmax(problem.timely[members, student]))
    if problem.coverage is not None:
        return _true_cover_together(problem, problem.coverage, members, able, load)
    while (surplus := float(problem.shares[members].sum()) - 1.0 + COVER_TOLERANCE) < 0.0:
        if not able.any():
            return None
        members.append(int(np.argmin(np.where(able, load, np.inf))))
        able[members[-1]] = False
    shares = problem.shares[members]
    if problem.led:
        # The leader is needed whatever its share.
        shares[leader] = np.inf
    return tuple(sorted(np.array(members)[needed_members(shares, surplus)].tolist()))


def _true_cover_together(
    problem: ThresholdProblem, coverage: Coverage, members: list[int], able: BoolArray, load: FloatArray
) -> Members | None:
    """The same where devices fail together: ``able`` says who may join the members, the first that leads among them."""
    while not coverage.keeps_limit(members):
        if not able.any():
            return None
        members.append(int(np.argmin(np.where(able, load, np.inf))))
        able[members[-1]] = False
    size = int(problem.capacities([members])[0])
    for n in sorted(members, key=lambda n: (-float(problem.shares[n]), n)):
        rest = [other for other in members if other != n]
        # For ``nominal`` the leader is needed whatever its share.
        if coverage.keeps_limit(rest) and int(problem.capacities([rest])[0]) >= size:
            members = rest
    return tuple(sorted(members))


class _Search(CandidateSearch):
    def __init__(self, instance: Instance, objective: Objective, control: Control, before: Outcome) -> None:
        super().__init__(instance, objective, control, before.plan, before.lower_bound)
        self.reasons, self.random = before.reasons, np.random.default_rng(control.seed)

    def run(self) -> Outcome:
        self.bracket()
        low = self.low
        while low < self.high and self.open:
            middle = (low + self.high) // 2
            if not self._reach(middle):
                low = self.candidates.behind(middle)
        if self.best is None and self.low >= len(self.candidates):
            why = "however long an answer may take, the packing relaxation has no room for all filters"
            return Outcome(None, infeasible=True, reasons=(why,))
        return Outcome(self.best, self.bound, reasons=() if self.best else self.reasons)

    def _reach(self, position: int) -> bool:
        """Whether some rounding of the relaxation at a candidate makes a plan."""
        problem = self.problem(position)
        relaxation = relax(problem, self.pool, self.control)
        if relaxation is None:
            return False
        fractions = fractions_of(problem, relaxation)
        for _ in range(ROUNDINGS):
            if self.control.exhausted:
                return False
            groups = self._rounding(problem, fractions)
            if groups is not None and self._take(groups):
                return True
        return False

    def _rounding(self, problem: ThresholdProblem, fractions: Sequence[Fraction]) -> list[list[int]] | None:
        """Groups that hold all filters, most of them drawn; None if they do not suffice."""
        drawn = draw_disjoint(fractions, self.wanted, self.random)[: self.instance.max_groups]
        given_up = int(self.random.integers(len(drawn) // 2 + 1))
        # Large fractions are drawn early as a rule: the last draws are given up.
        kept = [(fraction.members, fraction.held) for fraction in drawn[: len(drawn) - given_up]]
        # Which price suits the devices that are left nobody knows: chance tries them all.
        price = PRICES[int(self.random.integers(len(PRICES)))]
        return pack(self.instance, problem.threshold, self.objective, price, kept, lambda: self.control.exhausted)

    def _take(self, groups: list[list[int]]) -> bool:
        """Make a plan of groups; False if the cover of one was only true up to rounding."""
        plan = plan_with_best_sizes(self.instance, groups, self.objective)
        if plan is None or structural_violations(self.instance, plan):
            return False
        return self.improve(plan)
