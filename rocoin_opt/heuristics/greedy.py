"""Method ``greedy``: threshold search with groups built one after another. Deterministic and fast.

At a threshold T every device has, for each student, a largest part that it delivers in time. Groups are taken one by
one, each as the cover of the largest part less a price on the reliability that it takes from the others. A low price
suits instances whose number of groups is the limit, a high one those that are short of reliability; several are
tried. The groups found at the smallest threshold get optimal students and sizes.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rocoin_opt.failure import value_of
from rocoin_opt.grouping import combinatorial_bound, latency_range, plan_with_best_sizes
from rocoin_opt.heuristics.add_replicas import with_helpful_spares
from rocoin_opt.heuristics.construction import pack
from rocoin_opt.heuristics.covering_bins import cover_bins
from rocoin_opt.heuristics.expected import ExpectedDescent, descend_quantile
from rocoin_opt.instance import SMALLEST_OUTAGE_LIMIT
from rocoin_opt.plan import ANSWER_OBJECTIVES, Outcome, group_keeps_limit, structural_violations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.control import Control
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Objective, Plan

PRICES = (0.5, 0.0, 1.0)
"""Prices of one cover's worth of reliability, as multiples of the average part size M / K."""
RESOLUTION = 1e-3
"""Relative width at which the threshold search stops; students and sizes are optimal for the groups found."""
COARSE_RESOLUTION = 1e-2
"""Relative width of the bisection for the plans that ``expected`` starts from."""
BOUNDING = 0.1
"""Seconds behind the limit that the counting bound may take."""
LAST_CHANCE = 0.2
"""Seconds behind the limit that the first packing may take: a plan is worth more than they are."""
FIRST_STEPS = (1.03, 1.1, 1.4, 4.0)
"""Thresholds tried first, as multiples of the lower bound, which is rarely far."""
MAX_HALVINGS = 60
START_OBJECTIVES: tuple[Objective, ...] = ("guaranteed", "nominal")
"""Objectives whose plans ``expected`` starts from, the more promising one first."""
STRICTER = 4.0
"""Factor by which the outage limit is tightened from one start of ``expected`` to the next."""
MANY_DEVICES = 200
"""Number of devices above which ``expected`` makes only its most promising starts."""
POLISHING_STEPS = 4
"""Exchanges, for each group, that end the construction for ``expected`` with fewer devices: a tenth of a second."""
FEW_GROUPS = 6
"""Number of groups up to which every smaller number is tried for ``expected``; above, it is halved."""


def greedy(instance: Instance, objective: Objective, control: Control) -> Outcome:
    """Find a good plan by threshold search and greedy packing.

    Parameters
    ----------
    instance : Instance
        What was given: constant latencies, independent devices.
    objective : str
        Any. For ``expected`` see :func:`_construct_expected`.
    control : Control
        Its limit stops the search; its seed has no effect.

    Returns
    -------
    Outcome
        A plan with the counting bound by part size; no plan if the limit came first or the packing found none.
    """
    # The counting bound is one on times.
    bound = None if objective in ANSWER_OBJECTIVES else _bound(instance, objective, control)
    if objective in ANSWER_OBJECTIVES:
        plan = _construct_answer(instance, objective, control.silent())
    elif objective == "expected":
        # Thresholds of its starts would be reported as what they are not.
        plan = polished(instance, _construct_expected(instance, control.silent()), control)
    else:
        plan = _best(instance, objective, _construct(instance, objective, control, RESOLUTION))
    if plan is None:
        why = "the limit was reached before" if control.exhausted else "the greedy packing found no way that"
        return Outcome(None, bound, reasons=(f"{why} all filters were placed",))
    return Outcome(plan, bound)


def _construct(instance: Instance, objective: Objective, control: Control, resolution: float) -> list[Plan]:
    """Make a plan for each price, at the smallest threshold that it reached; the smallest of all comes last."""
    if control.exhausted:
        return []
    bound, limits = _bound(instance, objective, control), latency_range(instance.arrays)
    if bound is None or limits is None:
        return []
    last_chance = control.a_moment_longer(LAST_CHANCE)
    found = dict.fromkeys(PRICES, math.inf)
    groups: dict[float, list[list[int]]] = {}

    def reachable(threshold: float) -> bool:
        # The price that worked last is the likeliest to work again.
        for price in sorted(PRICES, key=lambda p: found[p]):
            patient = control if groups else last_chance
            if patient.exhausted:
                break

            def is_over(limit: Control = patient) -> bool:
                return limit.exhausted

            members = pack(instance, threshold, objective, price, stopped=is_over)
            if members is not None:
                found[price], groups[price] = threshold, members
                return True
        return False

    steps = [bound, *(bound * step for step in FIRST_STEPS if bound * step < limits[1]), limits[1]]
    # Where the time is up, what is likeliest to be reached is all that is tried.
    high = next((t for t in steps if (t == steps[-1] or not control.exhausted) and reachable(t)), None)
    if high is None:
        return [] if control.exhausted else _of_most_groups(instance, objective)
    # Smaller steps were tried before, and not reached.
    low = max((threshold for threshold in steps if threshold < high), default=high)
    for _ in range(MAX_HALVINGS):
        if high <= low * (1.0 + resolution) or control.exhausted:
            break
        # Halved in relative terms, except from a bound of 0.
        middle = math.sqrt(low * high) or 0.5 * high
        low, high = (low, middle) if reachable(middle) else (middle, high)
        control.tell(high, bound)
    by_threshold = sorted(groups, key=lambda price: -found[price])
    plans: list[Plan] = []
    for price in reversed(by_threshold):
        plan = plan_with_best_sizes(instance, groups[price], objective)
        # Shares that sum to 1 but for their rounding can belong to devices that miss the limit.
        if plan is not None and not structural_violations(instance, plan):
            plans.append(plan)
        if plans and control.exhausted:
            break
    return plans[::-1]


def _of_most_groups(instance: Instance, objective: Objective) -> list[Plan]:
    """A plan of as many groups as a moment gives, however late: tight fleets have room for no large parts at first."""
    groups = [group for group in cover_bins(instance) if group_keeps_limit(instance, group)]
    plan = plan_with_best_sizes(instance, groups[: instance.max_groups], objective) if groups else None
    return [] if plan is None or structural_violations(instance, plan) else [plan]


def _construct_expected(instance: Instance, control: Control) -> Plan | None:
    """Start from plans for other objectives, complete them with the spares that help, and take the best.

    Few very safe groups answer more often, many small ones sooner. So starts are also made under ever stricter outage
    limits, until stricter no longer helps, and with ever fewer groups. With many devices only the most promising of
    these starts are made.
    """
    best: Plan | None = None
    is_large = len(instance.devices) > MANY_DEVICES

    def better_from(objective: Objective, variant: Instance) -> bool:
        nonlocal best
        before = best
        starts = _construct(variant, objective, control, COARSE_RESOLUTION)
        # The last one was reached at the smallest threshold.
        completed = [with_helpful_spares(instance, start, control) for start in (starts[-1:] if is_large else starts)]
        best = _best(instance, "expected", [*filter(None, [best]), *completed])
        return best is not before

    def better_under(**requirements: float) -> bool:
        variant = instance.with_requirements(**requirements)
        objectives = START_OBJECTIVES[:1] if is_large else START_OBJECTIVES
        improvements = [better_from(objective, variant) for objective in objectives]
        return any(improvements)

    limit, groups = instance.requirements.max_group_outage, instance.max_groups
    while better_under(max_group_outage=limit) and not control.exhausted:
        limit /= STRICTER
        if limit < SMALLEST_OUTAGE_LIMIT:
            break
    while best and not is_large and groups > instance.requirements.min_groups and not control.exhausted:
        is_many = groups > FEW_GROUPS
        groups = max(groups // 2, instance.requirements.min_groups) if is_many else groups - 1
        if not better_under(max_groups=groups) and is_many:
            break
    return best


def _construct_answer(instance: Instance, objective: Objective, control: Control) -> Plan | None:
    """Start from guaranteed plans of ever fewer groups, bring their spares in, and take the best.

    Few groups have more replicas each, and may have no room for all filters. No rule says which number is best.
    """
    best: Plan | None = None
    groups = instance.max_groups
    while groups >= instance.requirements.min_groups and not control.exhausted:
        variant = instance.with_requirements(max_groups=groups)
        starts = _construct(variant, "guaranteed", control, COARSE_RESOLUTION)
        if not starts and best:
            break
        found = [_polished_answer(instance, objective, start, control) for start in starts[-1:]]
        best = _best(instance, objective, [*filter(None, [best]), *found])
        groups = groups - 1 if groups <= FEW_GROUPS else groups // 2
    return best


def _polished_answer(instance: Instance, objective: Objective, plan: Plan, control: Control) -> Plan:
    if len(instance.devices) > MANY_DEVICES:
        return plan
    # A step looks at two spares: all of them have their turn.
    steps = POLISHING_STEPS * (len(plan.groups) + len(plan.spares))
    if objective == "quantile":
        return descend_quantile(instance, plan, 0, steps, control)
    found = _descended(instance, objective, plan, steps, control)
    if objective != "failure":
        return found
    # On the way to fewer groups the failure rises before it falls; the missing share falls at each step.
    by_share = _descended(instance, "missing", plan, steps, control)
    again = _descended(instance, "failure", by_share, steps, control)
    return min((found, again), key=lambda other: value_of(instance, other, "failure"))


def _descended(instance: Instance, objective: Objective, plan: Plan, steps: int, control: Control) -> Plan:
    """The plan after some steps none of which loses.

    Parameters
    ----------
    instance, objective, control
        As for :func:`greedy`.
    plan : Plan
        A valid plan.
    steps : int
        How many.
    """
    descent = ExpectedDescent(instance, plan, 0, objective)
    for _ in range(steps):
        if control.exhausted:
            break
        descent.step(0.0)
    return descent.plan()


def polished(instance: Instance, plan: Plan | None, control: Control) -> Plan | None:
    """Share devices and filters anew between a few pairs of groups; the same ones for every seed of the control.

    Under slowdown laws what is shared is valued by their steps, and the plan may turn out worse.

    Parameters
    ----------
    instance : Instance
        What was given: independent devices and a deadline.
    plan : Plan or None
        A valid plan to improve on, if there is one.
    control : Control
        Its limit ends the search.

    Returns
    -------
    Plan or None
        A valid plan, or the one that was given where nothing better was found.
    """
    if plan is None or len(instance.devices) > MANY_DEVICES:
        return plan
    descent = ExpectedDescent(instance, plan, seed=0)
    improved = False
    for _ in range(POLISHING_STEPS * len(plan.groups)):
        if control.exhausted:
            break
        # No step may lose: there are too few of them to win it back.
        improved = descent.step(0.0) or improved
    return descent.plan() if improved else plan


def _bound(instance: Instance, objective: Objective, control: Control) -> float | None:
    moment = control.a_moment_longer(BOUNDING)
    return combinatorial_bound(instance, objective, lambda: moment.exhausted)


def _best(instance: Instance, objective: Objective, plans: Sequence[Plan]) -> Plan | None:
    # The value of the only one decides nothing.
    return plans[0] if len(plans) == 1 else min(plans, key=lambda p: value_of(instance, p, objective), default=None)
