"""What the methods run where several devices send on one channel.

With links of their own no device answers later, so every lower bound of that instance holds, and its plans are where a
search begins that values and checks everything as the instance has it.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from rocoin_opt.failure import check, is_untied, value_of
from rocoin_opt.grouping import airtime_bound
from rocoin_opt.heuristics.rebalance import rebalance
from rocoin_opt.heuristics.restricted import Within, descend, with_spares_added
from rocoin_opt.instance import without_channels
from rocoin_opt.plan import CLOSED_GAP, THRESHOLD_OBJECTIVES, Outcome, refused_channel, structural_violations
from rocoin_opt.planning.methods.outcomes import is_closed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rocoin_opt.control import Control
    from rocoin_opt.exact import AirRelaxation
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Objective, Plan, Preference

    Plain: TypeAlias = Callable[[Instance, Objective, Control], Outcome]
    Run: TypeAlias = Callable[[Instance, Objective, Control, Plan | None], Outcome]

STEPS_A_GROUP, MOST_STEPS = 400, 6_000
"""Changes that a search tries, a group and at most; each takes about a millisecond."""
QUICK_STEPS_A_GROUP = 80
"""The same for ``greedy``."""
MOST_ROUNDS = 100
"""How often a search goes on from its best plan while there is time."""
OWN_LINKS_SHARE = 0.3
"""Share of the time left that plans with links of their own may take."""
PRICED_SHARE = 0.3
"""Share of the time left that the bound by the air's prices may take."""
PACKED_SHARE = 0.8
"""Share of the time left then that programs of whole covers may take before the search goes on."""
FEW_DEVICES = 12
"""Devices up to which latencies are proven."""
FIRST_NODES = 20_000
"""Packings that a first proof looks at: some seconds."""
FIRST_SHARE = 0.5
"""Share of the time left that programs of whole covers may take before the proof begins again."""
PROOF_SHARE = 0.9
"""Share of the time left that the proof may take then before the search goes on."""
AUTO_NODES = 50_000
"""Groups that ``auto`` looks at without a time limit: some ten seconds."""
NOT_FOUND = "no plan was found that keeps all limits and rules with shared channels; that there is none is not proven"


def blind(run: Run) -> Run:
    """Make a baseline's way to plan: as if each device had a link of its own, so that its plan may break a limit."""

    def found(instance: Instance, objective: Objective, control: Control, _: Plan | None = None) -> Outcome:
        outcome = run(without_channels(instance), objective, control, None)
        broken = () if outcome.plan is None else structural_violations(instance, outcome.plan)
        if broken:
            return Outcome(None, reasons=tuple(map(str, broken)))
        return replace(outcome, lower_bound=None)

    return found


def searched(
    run: Plain,
    run_restricted: Run,
    steps_a_group: int = STEPS_A_GROUP,
    share: float = OWN_LINKS_SHARE,
    rounds: int = 0,
    *,
    is_priced: bool = False,
) -> Run:
    """Make a way to plan with channels from ways to plan without.

    Parameters
    ----------
    run, run_restricted : callable
        Ways to plan with links of their own; the second one honours failure domains and rules.
    steps_a_group : int
        Changes that the search from their plan tries, for each group that there may be.
    share : float
        Share of the time left that they may take.
    rounds : int
        How often the search for a latency goes on within a limit of time.
    is_priced : bool
        Whether latencies are bounded by the packing relaxation with airtime rows, and sought from its fractions too.
    """

    def found(instance: Instance, objective: Objective, control: Control, start: Plan | None = None) -> Outcome:
        free = without_channels(instance)
        limit = time.perf_counter() + share * control.remaining
        quiet = replace(control.silent(), deadline=min(limit, control.deadline))
        first = run_restricted(free, objective, quiet, None) if free.is_restricted else run(free, objective, quiet)
        if first.infeasible:
            return Outcome(None, infeasible=True, reasons=first.reasons)
        steps = min(steps_a_group * instance.max_groups, MOST_STEPS)
        starts: list[Plan | None] = [plan for plan in (start, first.plan) if plan is not None]
        bound, relaxation = first.lower_bound, None
        if objective in THRESHOLD_OBJECTIVES:
            bound = max(bound or 0.0, airtime_bound(instance, objective))
            if is_priced:
                bound, suggested, relaxation = _priced(instance, objective, control, bound, starts)
                # Those that know of the air come first: there may be no time for the others.
                starts = [*suggested, *starts]
        # Programs of whole covers find better plans than more steps do.
        first_steps = steps if relaxation is None else steps // 3
        plans = [descend(instance, objective, begin, first_steps, control) for begin in starts or [None]]
        if objective in THRESHOLD_OBJECTIVES:
            valid = [plan for plan in (*starts, *plans) if plan is not None and not check(instance, plan)]
            plans = [rebalance(instance, objective, plan, control) for plan in valid]
        kept = [plan for plan in (start, *plans) if plan is not None and is_kept(instance, objective, plan)]
        best = min(kept, key=lambda plan: value_of(instance, plan, objective), default=None)
        found = Outcome(best, bound, reasons=() if best else (NOT_FOUND,))
        if relaxation is not None and objective != "nominal":
            found = _packed(instance, objective, control, found, relaxation)
        if rounds and best is not None and objective in THRESHOLD_OBJECTIVES and control.remaining < math.inf:
            return _gone_on(instance, objective, control, found, steps, rounds)
        return found

    return found

    return found


def _priced(
    instance: Instance, objective: Objective, control: Control, bound: float, starts: Sequence[Plan | None]
) -> tuple[float, list[Plan], AirRelaxation | None]:
    """Bound a latency by the air's prices, and find plans that they suggest; the relaxation as it stands at the end.

    Parameters
    ----------
    instance, objective, control
        What was asked.
    bound : float
        What is known, in seconds.
    starts : sequence of Plan
        Plans that are known, valid or not.
    """
    values = [value_of(instance, plan, objective) for plan in starts if plan is not None and not check(instance, plan)]
    value = min(values, default=math.inf)
    if control.exhausted or value == math.inf or value - bound <= max(control.gap, CLOSED_GAP) * value:
        return bound, [], None
    from rocoin_opt.exact import priced_air_bound, rounded_plans

    limit = time.perf_counter() + PRICED_SHARE * control.remaining
    hurried = replace(control.silent(), deadline=min(limit, control.deadline))
    bound, relaxation = priced_air_bound(instance, objective, hurried, bound, value)
    control.tell(value, bound)
    if relaxation is None:
        return bound, [], None
    plans = rounded_plans(instance, objective, relaxation.columns, relaxation.fractions, control.seed)
    return bound, plans, relaxation


def _packed(
    instance: Instance, objective: Objective, control: Control, found: Outcome, relaxation: AirRelaxation
) -> Outcome:
    """Raise the bound, and find better plans, by programs that pack whole covers.

    Parameters
    ----------
    instance, objective, control
        What was asked.
    found : Outcome
        What is known.
    relaxation : AirRelaxation
        With prices.
    """
    if found.plan is None or control.exhausted or is_closed(instance, objective, found, control.gap):
        return found
    from rocoin_opt.exact import packed_air_bound

    value = value_of(instance, found.plan, objective)
    shared = control.share(PACKED_SHARE)
    bound, plans = packed_air_bound(instance, objective, shared, relaxation, found.lower_bound or 0.0, value)
    kept = [found.plan, *(plan for plan in plans if is_kept(instance, objective, plan))]
    return Outcome(min(kept, key=lambda plan: value_of(instance, plan, objective)), bound)


def _gone_on(
    instance: Instance, objective: Objective, control: Control, found: Outcome, steps: int, rounds: int
) -> Outcome:
    """Search on from the best plan, by other chances each time, as long as the time allows.

    Parameters
    ----------
    instance, objective, control
        What was asked.
    found : Outcome
        A plan, and a bound.
    steps : int
        Changes that each round tries.
    rounds : int
        Rounds at most.
    """
    for number in range(1, rounds + 1):
        if found.plan is None or control.exhausted or is_closed(instance, objective, found, control.gap):
            break
        other = replace(control, seed=control.seed + number)
        plan = descend(instance, objective, found.plan, steps, other)
        if plan is not None:
            plan = rebalance(instance, objective, plan, control)
            if is_kept(instance, objective, plan) and value_of(instance, plan, objective) < value_of(
                instance, found.plan, objective
            ):
                found = replace(found, plan=plan)
    return found


def proven(search: Run, rest: Run, nodes: float) -> Run:
    """Make a way to plan with channels that proves latencies of few devices; all else is searched, and bounded.

    Parameters
    ----------
    search : callable
        ``run(instance, objective, control, start) -> Outcome``: a plan to begin with.
    rest : callable
        The same, for longer, where there is no proof.
    nodes : float
        Groups that a proof looks at, at most, where there is no limit of time.
    """

    def found(instance: Instance, objective: Objective, control: Control, start: Plan | None = None) -> Outcome:
        if objective not in THRESHOLD_OBJECTIVES or len(instance.devices) > FEW_DEVICES:
            return rest(instance, objective, control, start)

        def is_open(outcome: Outcome) -> bool:
            is_settled = outcome.infeasible or is_closed(instance, objective, outcome, control.gap)
            return not is_settled and not control.exhausted

        first = search(instance, objective, control, start)
        if not is_open(first):
            return first
        from rocoin_opt.exact import exact_on_channels

        if math.isinf(control.remaining):
            result = exact_on_channels(instance, objective, control, first.plan, first.lower_bound, nodes)
        else:
            # Most are proven at once. Of the others programs of whole covers find the plan, and leave less to look at.
            result = exact_on_channels(instance, objective, control, first.plan, first.lower_bound, FIRST_NODES)
            if is_open(result) and result.plan is not None and objective != "nominal":
                known = result.lower_bound or 0.0
                bound, _, relaxation = _priced(instance, objective, control, known, [result.plan])
                result = replace(result, lower_bound=bound)
                if relaxation is not None:
                    result = _packed(instance, objective, control.share(FIRST_SHARE), result, relaxation)
            if is_open(result):
                hurried = control.share(PROOF_SHARE)
                result = exact_on_channels(instance, objective, hurried, result.plan, result.lower_bound, math.inf)
        if not is_open(result):
            return result
        later = rest(instance, objective, control, result.plan)
        return replace(later, lower_bound=max(later.lower_bound or 0.0, result.lower_bound or 0.0))

    return found


def modelled(search: Run) -> Run:
    """Make the way of ``milp`` to plan with channels: a model of groups, sizes and order, from a plan of a search.

    Parameters
    ----------
    search : callable
        ``run(instance, objective, control, start) -> Outcome``: a plan to begin with.
    """

    def found(instance: Instance, objective: Objective, control: Control, start: Plan | None = None) -> Outcome:
        if objective not in THRESHOLD_OBJECTIVES:
            raise refused_channel(instance, f"the model of sequences states latencies, not {objective}")
        from rocoin_opt.exact import milp_on_channels

        def begin() -> Outcome:
            return search(instance, objective, control.silent(), start)

        return milp_on_channels(instance, objective, control, begin)

    return found


def settled_on_channels(
    instance: Instance, objective: Objective, plan: Plan, control: Control, prefer: Preference
) -> Outcome:
    """Go on behind a latency to less failure and less work, or to less work and less failure, by a search.

    Parameters
    ----------
    instance, control
        What was given: constant latencies.
    objective : {'guaranteed', 'nominal', 'worst'}
        Whose value must not get worse.
    plan : Plan
        A valid plan.
    prefer : {'reliability', 'work', 'energy'}
        What comes first.
    """
    if not is_untied(instance, plan):
        # Which of two plans fails less nobody can tell.
        return Outcome(plan)
    within = Within(objective, value_of(instance, plan, objective), prefer)
    steps, quiet = min(QUICK_STEPS_A_GROUP * instance.max_groups, MOST_STEPS), control.silent()
    best = descend(instance, "failure", plan, steps, quiet, within=within) or plan
    if prefer == "reliability" and not control.exhausted:
        # No plan is kept that spares added by hand to the one of least work would better.
        lean = descend(instance, "failure", plan, steps, quiet, within=within._replace(prefer="work")) or plan
        by_hand = with_spares_added(instance, lean, objective, within.seconds)
        best = min((best, by_hand), key=lambda found: value_of(instance, found, "failure"))
    return Outcome(best)


def is_kept(instance: Instance, objective: Objective, plan: Plan) -> bool:
    """Whether a plan is valid and has a value of its own.

    Parameters
    ----------
    instance, objective
        What was asked.
    plan : Plan
        A plan for it.
    """
    is_whole = instance.requirements.min_success is not None or objective not in THRESHOLD_OBJECTIVES
    return not (is_whole and not is_untied(instance, plan)) and not check(instance, plan)
