"""The registry: every method by name, how it runs, and what it can do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from rocoin_opt.heuristics.baselines.het_nonn import het_nonn
from rocoin_opt.heuristics.baselines.nonn import nonn
from rocoin_opt.heuristics.baselines.random_plan import random_plan
from rocoin_opt.heuristics.baselines.rocoin import rocoin
from rocoin_opt.heuristics.greedy import greedy
from rocoin_opt.heuristics.local_search import local_search
from rocoin_opt.plan import OBJECTIVES, THRESHOLD_OBJECTIVES, Objective, Outcome
from rocoin_opt.planning import portfolio

if TYPE_CHECKING:
    from collections.abc import Callable

    from rocoin_opt.control import Control
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Plan

    Run: TypeAlias = Callable[[Instance, Objective, Control], Outcome]
    Improve: TypeAlias = Callable[[Instance, Objective, Control, Plan], Outcome]
    RunRandom: TypeAlias = Callable[[Instance, Objective, Control, Plan | None], Outcome]
    BreakTies: TypeAlias = Callable[[Instance, Objective, Plan, Control, str], Plan]


@dataclass(frozen=True)
class Method:
    """A way to find a plan.

    Attributes
    ----------
    name : str
        Name in the API and on the command line.
    run : callable
        ``run(instance, objective, control) -> Outcome``.
    objectives : tuple of str
        Objectives that it minimises or, for baselines, is scored by.
    summary : str
        One line for people.
    redundant : bool
        Whether it uses replicas. One that does not rarely keeps the outage limit, and comparisons also score it
        without the limit.
    improve : callable or None
        ``improve(instance, objective, control, start) -> Outcome``, where the method can start from a valid plan. It
        is given the plan in canonical order and without filters.
    break_ties : callable or None
        ``break_ties(instance, objective, plan, control, criterion) -> Plan``, where the method goes on behind latency
        for the threshold objectives: to a better partition by a criterion, then to fewer device-seconds, then to more
        spare reliability.
    run_random : callable or None
        ``run_random(instance, objective, control, start) -> Outcome`` for random latencies, where the method can honour
        them: for every objective that has a meaning then, with a start where it has ``improve``.
    """

    name: str
    run: Run
    objectives: tuple[Objective, ...]
    summary: str
    redundant: bool = True
    improve: Improve | None = None
    break_ties: BreakTies | None = None
    run_random: RunRandom | None = None


def _blind(run: Run) -> RunRandom:
    """Let a baseline plan as if every slowdown factor were 1; its plan is valid whatever the laws are."""
    return lambda instance, objective, control, _: run(instance, objective, control)


METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method(
            "auto",
            portfolio.run_auto,
            OBJECTIVES,
            "the best there is: greedy, then exact where the size allows it",
            improve=portfolio.run_auto,
            break_ties=portfolio.run_break_ties,
            run_random=portfolio.run_auto_stochastic,
        ),
        Method(
            "exact",
            portfolio.run_exact,
            OBJECTIVES,
            "threshold search over group packings, or branch and bound, proven optimal; large instances get a gap",
            improve=portfolio.run_exact,
            break_ties=portfolio.run_break_ties,
            run_random=portfolio.run_exact_stochastic,
        ),
        Method(
            "milp",
            portfolio.run_milp,
            (*THRESHOLD_OBJECTIVES, "failure"),
            "one mixed-integer model for everything, proven optimal",
            improve=portfolio.run_milp,
        ),
        Method(
            "greedy",
            greedy,
            OBJECTIVES,
            "threshold search with groups built one after another; fast",
            run_random=portfolio.run_greedy_stochastic,
        ),
        Method(
            "lp-rounding",
            portfolio.run_lp_rounding,
            THRESHOLD_OBJECTIVES,
            "packing relaxation, rounded and repaired many times",
        ),
        Method(
            "local-search",
            local_search,
            OBJECTIVES,
            "greedy's plan, improved by best exchanges between pairs of groups",
            improve=local_search,
        ),
        Method(
            "rocoin",
            rocoin,
            OBJECTIVES,
            "baseline: follow the leader, normalised cut, Kuhn-Munkres",
            run_random=_blind(rocoin),
        ),
        Method(
            "nonn",
            nonn,
            OBJECTIVES,
            "baseline: one device a part, equal students, no redundancy",
            redundant=False,
            run_random=_blind(nonn),
        ),
        Method(
            "het-nonn",
            het_nonn,
            OBJECTIVES,
            "baseline: nonn with students fitted to the devices",
            redundant=False,
            run_random=_blind(het_nonn),
        ),
        Method("random", random_plan, OBJECTIVES, "baseline: a random feasible plan", run_random=_blind(random_plan)),
    )
}
