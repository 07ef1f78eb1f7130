"""How many groups a fleet can form: bin covering with students, failure domains and rules, by a search on the number.

For each number the question is a packing at one threshold, which dives and ``exact`` answer. Counting and a linear
program bound the number from above; asking goes from there down, as the largest number that they leave mostly exists.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from rocoin_opt.control import Control, stopped_by_interrupt
from rocoin_opt.errors import UnsupportedError
from rocoin_opt.grouping import (
    DUAL_SAFETY,
    Pool,
    ThresholdProblem,
    plan_with_best_sizes,
    possible_groups,
    reasons_for_infeasibility,
)
from rocoin_opt.heuristics.covering_bins import cover_bins
from rocoin_opt.instance import given_instance, without_laws
from rocoin_opt.plan import (
    IndexedGroup,
    group_keeps_limit,
    members_of,
    plan_of,
    require_own_links,
    structural_violations,
)
from rocoin_opt.planning.conflicts.any_plan import any_groups
from rocoin_opt.planning.grouping_question import SECOND, grouping_question, with_groups
from rocoin_opt.planning.methods import METHODS
from rocoin_opt.planning.request import require_certified, require_no_min_success
from rocoin_opt.provenance import versions

if TYPE_CHECKING:
    from pathlib import Path

    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Members, Plan

Proven: TypeAlias = Literal["optimal", "feasible", "infeasible", "no_plan"]

SHARE, QUICK_SHARE = 0.5, 0.05
"""Parts of the time left that a question gets, and a construction where devices are tied."""
DIVES = 100
"""Dives for one number, at most."""
LEAST_SECONDS = 0.2
"""What either gets at least where there is a time limit."""
NONE_POSSIBLE = "groups: no grouping keeps the outage limit and all rules, however few groups it has"
UNDECIDED = "the search was stopped before it found a group"


@dataclass(frozen=True)
class MostGroups:
    """The checked result of :func:`rocoin_opt.max_groups`.

    Attributes
    ----------
    instance : Instance
        The instance.
    number : int
        Number of groups found; 0 if there are none.
    upper_bound : int
        No grouping has more; valid whatever ended the search.
    termination : str
        ``optimal``: no grouping has more groups, proven; ``feasible``: there may be more; ``infeasible``: proven that
        there is no grouping at all; ``no_plan``: none was found.
    groups : tuple of tuples of str
        Identifiers of the devices of each group; devices in none are spares.
    students : tuple of str
        A student for each group that all of its devices can hold.
    plan : Plan or None
        The groups as a plan of the instance with the students and part sizes that answer earliest. None where the
        instance allows no plan of these groups: too many or too few for ``min_groups`` and ``max_groups``, or with no
        room for all filters.
    reasons : tuple of str
        Why there is no grouping, or no plan of it.
    wall_seconds : float
        Time of the whole search.
    seed : int
        Seed of the search.
    versions : dict of str to str
        Versions of the package and its dependencies.

    Examples
    --------
    >>> found = ro.max_groups(instance)
    >>> len(found.groups) == found.number
    True
    """

    instance: Instance
    number: int
    upper_bound: int
    termination: Proven
    groups: tuple[tuple[str, ...], ...]
    students: tuple[str, ...]
    plan: Plan | None
    reasons: tuple[str, ...]
    wall_seconds: float
    seed: int
    versions: dict[str, str] = field(default_factory=versions)


def max_groups(
    instance: Instance | str | Path, *, time_limit: float | None = None, seed: int = 0, threads: int = 1
) -> MostGroups:
    """Find the largest number of groups that a fleet can form within the outage limit, and prove it.

    Each group keeps ``max_group_outage`` and has a student of which all its devices can hold a filter: by memory,
    ``max_filters``, the students that they may run, ``max_joules`` and ``requests_per_second``. Failure domains and
    rules are honoured. Everything else about plans is ignored: number of filters, ``min_groups`` and ``max_groups``,
    latencies, slowdown laws and the deadline.

    Parameters
    ----------
    instance : Instance, str or Path
        The instance, or the path of its file.
    time_limit : float, optional
        Seconds after which the groups and the bound so far are returned.
    seed : int
        Seed of every random choice.
    threads : int
        Threads of the mathematical programming solver.

    Returns
    -------
    MostGroups
        The groups, a valid upper bound, and a checked plan where the instance allows one of these groups.

    Raises
    ------
    InputError
        If an option is outside of its range.
    UnsupportedError
        If the instance asks for ``min_success`` or limits all energy, or asks for a rate of requests where several
        devices send on one channel: all depend on parts and students of all groups.
    CertificateError
        If a grouping turns out to be false, which is a defect.

    Examples
    --------
    >>> found = ro.max_groups(instance)
    >>> found.number, found.upper_bound, found.termination
    (3, 3, 'optimal')
    """
    instance = given_instance(instance)
    require_no_min_success(instance, "max_groups")
    if instance.limits_energy:
        raise UnsupportedError(f"{instance.name}: max_groups does not honour requirements.max_energy_joules")
    if instance.requirements.requests_per_second is not None:
        # How long a channel is busy is a matter of all parts together.
        what = "max_groups with requirements.requests_per_second"
        require_own_links(instance, what, instead="without that requirement it can")
    control = Control.starting_now(time_limit=time_limit, seed=seed, threads=threads)
    with stopped_by_interrupt(control):
        search = _Search(without_laws(instance), control)
        search.run()
    number, upper = len(search.groups), search.upper
    reasons: tuple[str, ...] = ()
    if number == 0:
        reasons = (reasons_for_infeasibility(search.instance) or (NONE_POSSIBLE,)) if upper == 0 else (UNDECIDED,)
    certified = _certified(search.instance, search.groups)
    plan = _plan(search.instance, search.groups)
    if number and plan is None:
        reasons = (_why_no_plan(search.instance, number),)
    found: Proven = "optimal" if number == upper else "feasible"
    missing: Proven = "infeasible" if upper == 0 else "no_plan"
    return MostGroups(
        instance=instance,
        number=number,
        upper_bound=upper,
        termination=found if number else missing,
        groups=tuple(group.devices for group in certified.groups) if certified else (),
        students=tuple(group.student for group in certified.groups) if certified else (),
        plan=plan,
        reasons=reasons,
        wall_seconds=control.elapsed,
        seed=seed,
    )


class _Search:
    """Questions between the most groups found and the fewest that are refuted."""

    def __init__(self, instance: Instance, control: Control) -> None:
        self.instance, self.control = instance, control
        self.groups: list[Members] = []
        self.upper = len(instance.devices)
        # Who takes a group away has to put its devices elsewhere where they must serve.
        self.falls = not instance.restrictions.use

    @property
    def lower(self) -> int:
        """Groups found."""
        return len(self.groups)

    @property
    def is_open(self) -> bool:
        """Whether something is left to ask, and time for it."""
        return self.lower < self.upper and not self.control.exhausted

    def run(self) -> None:
        if not self.instance.arrays.largest.any():
            self.upper = 0
            return
        self.question = grouping_question(self.instance, self.upper)
        self._count()
        self._construct()
        if self.question.rules:
            self._relax()
        else:
            self._dive_down()
        while self.is_open:
            open_before = (self.lower, self.upper)
            self._ask_down()
            if math.isinf(self.control.remaining) and (self.lower, self.upper) == open_before:
                # Every question went on to its own end.
                return

    def _count(self) -> None:
        """Bound the number by counting; rules of groups only make it smaller."""
        levels = possible_groups(self.question, self.question.arrays.largest, "worst")
        self.upper = int(levels.limits[0])

    def _relax(self) -> None:
        """Bound the number by the packing relaxation."""
        if not self.is_open:
            return
        # HiGHS takes a while to import: only here.
        from rocoin_opt.grouping import relax

        question = self.question
        problem = ThresholdProblem(with_groups(question, self.upper), "worst", 2.0 * SECOND)
        relaxation = relax(problem, Pool(), self.control.silent())
        if relaxation is not None:
            self.upper = min(self.upper, math.floor(relaxation.bound + DUAL_SAFETY))

    def _dive_down(self) -> None:
        """Dive for the most groups that are open: mostly as many exist as can be counted. Dives solve the relaxation.

        Where it refutes the number, it says at once how many it leaves.
        """
        # HiGHS takes a while to import: only here.
        from rocoin_opt.exact import dive

        while self.is_open:
            asked = with_groups(self.question, self.upper)
            packing = dive(ThresholdProblem(asked, "worst", 2.0 * SECOND), [], self._limited(SHARE), DIVES)
            if packing.status != "impossible":
                if packing.status == "packed":
                    self._take(asked, _served(asked, packing.groups))
                return
            self.upper -= 1
            self._relax()

    def _construct(self) -> None:
        """Form groups in a moment; where devices are tied, bisect for a number that greedy finds."""
        greedy = METHODS["greedy"]
        run = greedy.run_restricted
        if run is None or not self.question.is_restricted:
            groups = [group for group in cover_bins(self.question) if group_keeps_limit(self.question, group)]
            self.groups = groups[: self.upper]
            if self.is_open:
                asked = with_groups(self.question, self.upper)
                plan = greedy.run(asked, "worst", self._limited(QUICK_SHARE)).plan
                if plan is not None:
                    self._take(asked, plan)
            return
        low, high = 0, self.upper
        while low < high and not self.control.exhausted:
            middle = high if low == 0 and high == self.upper else (low + high + 1) // 2
            asked = with_groups(self.question, middle)
            outcome = run(asked, "worst", self._limited(QUICK_SHARE), None)
            if outcome.plan is not None and self._take(asked, outcome.plan):
                low = middle
            else:
                high = middle - 1

    def _ask_down(self) -> None:
        """Ask for the most groups that are open, then for fewer until some are found."""
        number = self.upper
        while self.is_open and self.lower < number <= self.upper:
            if self._decided(number):
                if self.lower >= number:
                    return
                number = min(number - 1, self.upper)
            else:
                # Nothing is known of this number: half way down there may be a grouping.
                number = (self.lower + number) // 2 if self.falls else number - 1

    def _decided(self, number: int) -> bool:
        """Ask whether there are so many groups; True where the answer is known, and kept."""
        asked = with_groups(self.question, number)
        # The one number that is open is worth all the time that is left.
        control = self.control.silent() if self.upper - self.lower == 1 else self._limited(SHARE)
        verdict = any_groups(asked, replace(control, gap=1.0))
        if verdict.refuted and (self.falls or number == self.upper):
            self.upper = number - 1
        return verdict.refuted or (verdict.plan is not None and self._take(asked, verdict.plan))

    def _take(self, asked: Instance, plan: Plan) -> bool:
        """Keep the groups of a plan if they are more than those that are known."""
        if structural_violations(asked, plan):
            return False
        if len(plan.groups) > self.lower:
            self.groups = members_of(asked, plan)
        return True

    def _limited(self, share: float) -> Control:
        """A control for one question; without a time limit it goes on to its own end."""
        control = self.control.silent()
        if math.isinf(control.remaining):
            return control
        seconds = max(share * control.remaining, LEAST_SECONDS)
        return replace(control, deadline=min(control.deadline, time.perf_counter() + seconds))


def _certified(instance: Instance, groups: list[Members]) -> Plan | None:
    """The groups with a student each, checked against what was given: with a part of one filter for each of them."""
    if not groups:
        return None
    plan = _served(instance, groups)
    knowledge = instance.knowledge._replace({"num_filters": len(groups), "graph": None, "class_affinity": None})
    asked = instance._replace({"knowledge": knowledge})
    asked = asked.with_requirements(min_groups=1, max_groups=None, deadline_seconds=None)
    require_certified("max_groups found", asked, plan)
    return plan


def _served(instance: Instance, groups: list[Members]) -> Plan:
    """A plan of groups with a part of one filter each, and a student that all devices of a group can hold."""
    able = instance.arrays.largest
    return plan_of(instance, [IndexedGroup(g, int(able[list(g)].min(axis=0).argmax()), 1) for g in groups])


def _plan(instance: Instance, groups: list[Members]) -> Plan | None:
    """The groups as an early plan of the instance; None where it allows none."""
    plan = plan_with_best_sizes(instance, groups, "guaranteed") if groups else None
    return plan if plan is not None and not structural_violations(instance, plan) else None


def _why_no_plan(instance: Instance, number: int) -> str:
    """Why the instance has no plan of the groups that were found."""
    asked = instance.requirements
    if number > instance.max_groups:
        limit = "max_groups" if instance.max_groups == asked.max_groups else "knowledge.num_filters"
        return f"no plan of the instance has so many groups: {limit} allows {instance.max_groups}"
    if number < asked.min_groups:
        return f"no plan of the instance has so few groups: min_groups asks for {asked.min_groups}"
    return "these groups have no room for all filters of the instance: it has no plan of them"
