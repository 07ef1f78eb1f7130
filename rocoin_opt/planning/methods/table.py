"""The registry: every method by name, how it runs, and what it can do."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from rocoin_opt.heuristics.baselines.table import BASELINES
from rocoin_opt.heuristics.greedy import greedy
from rocoin_opt.heuristics.local_search import local_search
from rocoin_opt.plan import OBJECTIVES, THRESHOLD_OBJECTIVES, Objective, Outcome
from rocoin_opt.planning.methods import channels, portfolio, restricted, under_laws
from rocoin_opt.planning.methods.alike import by_kinds_first, by_share_first

if TYPE_CHECKING:
    from collections.abc import Callable

    from rocoin_opt.control import Control
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Plan

    Run: TypeAlias = Callable[[Instance, Objective, Control], Outcome]
    Improve: TypeAlias = Callable[[Instance, Objective, Control, Plan], Outcome]
    RunRandom: TypeAlias = Callable[[Instance, Objective, Control, Plan | None], Outcome]
    BreakTies: TypeAlias = Callable[..., Plan | Outcome]
    Reinforce: TypeAlias = Callable[[Instance, Objective, Plan, Control, str], Outcome]


@dataclass(frozen=True)
class Method:
    """A method that finds plans.

    Attributes
    ----------
    name : str
        Name in the API and on the command line.
    run : callable
        ``run(instance, objective, control) -> Outcome``.
    objectives : tuple of str
        Objectives that it minimises or, for baselines, is scored by.
    summary : str
        One-line description.
    redundant : bool
        Whether it uses replicas. One that does not rarely keeps the outage limit, and comparisons also score it
        without the limit.
    improve : callable or None
        ``improve(instance, objective, control, start) -> Outcome``, where the method can start from a valid plan. It
        is given the plan in canonical order and without filters.
    break_ties : callable or None
        ``break_ties(instance, objective, plan, control, criterion) -> Plan or Outcome``, where the method goes on
        behind latency for the threshold objectives where work is preferred: to a better partition by a criterion, then
        to fewer device-seconds, then to more spare reliability. Where energy is preferred it gets ``"energy"`` as a
        sixth argument, for joules in place of device-seconds.
    surer : callable or None
        Like ``improve``, for the objective ``failure``: who searches on where a plan of the method misses
        ``min_success``. A method without one plans blind, and returns no plan where its plan misses it.
    run_random : callable or None
        ``run_random(instance, objective, control, start) -> Outcome`` for random latencies, where the method can honour
        them: for every objective that has a meaning then, with a start where it has ``improve``.
    run_restricted : callable or None
        ``run_restricted(instance, objective, control, start) -> Outcome`` where devices share failures, or rules say
        how they are grouped or used, if the method can honour that; under laws, too, where it has ``run_random``.
    run_channels : callable or None
        ``run_channels(instance, objective, control, start) -> Outcome`` where several devices send on one channel, if
        the method can honour that; failure domains, rules and ``min_success`` included.
    reinforce : callable or None
        ``reinforce(instance, objective, plan, control, criterion) -> Outcome``, the same where reliability is
        preferred: to a better partition, then to a smaller failure probability, then to fewer device-seconds. The bound
        of the outcome is one on the failure probability. For objectives that are no latency: to a better partition and
        fewer device-seconds at the same value. Without it ``break_ties`` is what there is.
    is_shared : bool
        Whether it takes over what other processes find, so that ``workers`` of them can search for latency at once.

    Examples
    --------
    >>> def first_two(instance, objective, control):
    ...     group = ro.Group(devices=plan.groups[0].devices, student="wrn-40-1", num_filters=12)
    ...     return ro.Outcome(ro.Plan.of(instance, [group]))
    >>> method = ro.Method("mine", first_two, ("guaranteed",), "one group")
    >>> method.name
    'mine'
    """

    name: str
    run: Run
    objectives: tuple[Objective, ...]
    summary: str
    redundant: bool = True
    improve: Improve | None = None
    break_ties: BreakTies | None = None
    run_random: RunRandom | None = None
    surer: RunRandom | None = None
    run_restricted: RunRandom | None = None
    run_channels: RunRandom | None = None
    reinforce: Reinforce | None = None
    is_shared: bool = False


def _without_start(run: Run) -> RunRandom:
    """The same method as one that is given a start, and has no use for it."""
    return lambda instance, objective, control, _: run(instance, objective, control)


def _lp_rounding(instance: Instance, objective: Objective, control: Control) -> Outcome:
    """Round the packing relaxation; HiGHS takes a while to import: only here."""
    from rocoin_opt.heuristics.lp_rounding import lp_rounding

    return lp_rounding(instance, objective, control)


def _baseline(name: str, summary: str, *, redundant: bool = True) -> Method:
    """A baseline plans blind: as if every slowdown factor were 1, and without failure domains and rules."""
    plan_blind = restricted.blind(BASELINES[name])
    return Method(
        name,
        BASELINES[name],
        OBJECTIVES,
        f"baseline: {summary}",
        redundant=redundant,
        run_random=plan_blind,
        run_restricted=plan_blind,
        run_channels=channels.blind(plan_blind),
    )


_greedy_restricted = by_share_first(
    restricted.searched(_without_start(greedy), under_laws.run_greedy_stochastic, restricted.QUICK_STEPS_A_GROUP)
)

_rounded_restricted = restricted.searched(_without_start(_lp_rounding), None)

_on_channels = by_share_first(channels.searched(greedy, _greedy_restricted, channels.QUICK_STEPS_A_GROUP))
_longer_on_channels = by_share_first(channels.searched(greedy, _greedy_restricted, rounds=channels.MOST_ROUNDS))

_auto = by_kinds_first(portfolio.run_auto, portfolio.AUTO_ROUNDS)
_exact = by_kinds_first(portfolio.run_exact, None)
_auto_restricted = restricted.proven(_auto, under_laws.run_auto_stochastic, portfolio.AUTO_EFFORT)
_exact_restricted = restricted.proven(_exact, under_laws.run_exact_stochastic, math.inf)
_auto_on_channels = by_share_first(
    channels.searched(_auto, _auto_restricted, rounds=channels.MOST_ROUNDS, is_priced=True)
)
_exact_on_channels = by_share_first(
    channels.searched(_exact, _exact_restricted, rounds=channels.MOST_ROUNDS, is_priced=True)
)

METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method(
            "auto",
            _auto,
            OBJECTIVES,
            "the default: greedy, then exact where the size allows it",
            improve=_auto,
            break_ties=portfolio.run_break_ties,
            reinforce=portfolio.run_reinforce,
            run_random=under_laws.run_auto_stochastic,
            run_restricted=_auto_restricted,
            run_channels=channels.proven(
                _on_channels,
                _auto_on_channels,
                channels.AUTO_NODES,
            ),
            surer=_auto,
            is_shared=True,
        ),
        Method(
            "exact",
            _exact,
            OBJECTIVES,
            "threshold search over group packings, or branch and bound, proven optimal; large instances get a gap",
            improve=_exact,
            break_ties=portfolio.run_break_ties,
            reinforce=portfolio.run_reinforce,
            run_random=under_laws.run_exact_stochastic,
            run_restricted=_exact_restricted,
            run_channels=channels.proven(_on_channels, _exact_on_channels, math.inf),
            surer=_exact,
            is_shared=True,
        ),
        Method(
            "milp",
            portfolio.run_milp,
            (*THRESHOLD_OBJECTIVES, "failure"),
            "one mixed-integer model for everything, proven optimal",
            improve=portfolio.run_milp,
            run_restricted=restricted.modelled(_greedy_restricted, portfolio.solve_model),
            run_channels=channels.modelled(_on_channels),
            surer=_exact,
        ),
        Method(
            "greedy",
            greedy,
            OBJECTIVES,
            "threshold search with groups built one after another; fast",
            run_random=under_laws.run_greedy_stochastic,
            run_restricted=_greedy_restricted,
            run_channels=_on_channels,
            surer=local_search,
        ),
        Method(
            "lp-rounding",
            _lp_rounding,
            THRESHOLD_OBJECTIVES,
            "packing relaxation, rounded and repaired many times",
            run_restricted=_rounded_restricted,
            run_channels=channels.searched(_lp_rounding, _rounded_restricted),
            surer=local_search,
        ),
        Method(
            "local-search",
            local_search,
            OBJECTIVES,
            "greedy's plan, improved by best exchanges between pairs of groups",
            improve=local_search,
            run_restricted=by_share_first(restricted.searched(local_search, None)),
            run_channels=_longer_on_channels,
            surer=local_search,
        ),
        _baseline("rocoin", "follow the leader, normalised cut, Kuhn-Munkres"),
        _baseline("nonn", "one device per part, equal students, no redundancy", redundant=False),
        _baseline("het-nonn", "nonn with students fitted to the devices", redundant=False),
        _baseline("random", "a random feasible plan"),
    )
}
