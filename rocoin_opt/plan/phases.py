"""What each phase of a search came to: the objective first, then what comes behind it, each proven or not."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from rocoin_opt.plan.latency import ANSWER_OBJECTIVES
from rocoin_opt.plan.terminal import OBJECTIVE_WORDS, WITHOUT_PLAN_WORDS
from rocoin_opt.wording import counted, listed, small_share

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rocoin_opt.plan.latency import Objective

CLOSED_GAP = 1e-9
"""Relative gap below which value and bound differ by rounding only."""


@dataclass(frozen=True)
class Phase:
    """What a search found behind its objective.

    Attributes
    ----------
    name : str
        ``partition``, ``reliability`` or ``work``.
    is_proven : bool
        Whether no plan is better in this, of those that are as good in what comes before it. Where the instance has a
        graph, reliability and work are proven for the part sizes of the plan.
    was_cut : bool
        Whether the time was up before the phase had ended.
    """

    name: str
    is_proven: bool
    was_cut: bool = False


@dataclass(frozen=True)
class Reinforcement:
    """What devices are for that the outage limit of a plan's groups does not need.

    Attributes
    ----------
    devices : int
        How many there are: groups of as few replicas as keep the limit would leave them idle.
    failure_without : float
        Failure probability of the whole answer without them.
    lower_bound : float or None
        Valid lower bound on the failure probability of every plan as early, with parts of the same sizes where there is
        a graph; None where none is known.
    """

    devices: int
    failure_without: float
    lower_bound: float | None


def relative_gap(value: float | None, bound: float | None) -> float | None:
    """Relative distance of a value from its lower bound; 0 where both are 0."""
    if value is None or bound is None:
        return None
    return (value - bound) / value if value > 0 else 0.0


def aim_of(objective: Objective) -> str:
    """What is minimised, in words: all latencies are one word."""
    return OBJECTIVE_WORDS[objective] if objective in ANSWER_OBJECTIVES else "latency"


def proof_words(termination: str, objective: Objective, phases: Sequence[Phase] = ()) -> str:
    """Say what is proven of a plan, phase by phase, or why there is none.

    Parameters
    ----------
    termination : {'optimal', 'feasible', 'infeasible', 'no_plan'}
        How the search for the objective ended.
    objective : {'guaranteed', 'expected', 'nominal', 'worst', 'failure', 'missing', 'quantile'}
        What was minimised.
    phases : sequence of Phase
        What was searched behind it, in order.
    """
    if termination in WITHOUT_PLAN_WORDS:
        return WITHOUT_PLAN_WORDS[termination]
    verdicts = [("proven optimal" if termination == "optimal" else "not proven optimal", aim_of(objective))]
    among = ""
    for phase in phases:
        failed = "improved, not proven in time" if phase.was_cut else "improved, not proven"
        verdicts.append((f"proven optimal{among}" if phase.is_proven else failed, phase.name))
        if phase.name == "partition":
            # Another partition, as good, may have parts of other sizes.
            among = " for these part sizes"
    # Neighbours alone share their words: the order is that of the search.
    told = [(verdict, [name for _, name in same]) for verdict, same in groupby(verdicts, key=itemgetter(0))]
    return "; ".join(f"{listed(names)} {verdict}" for verdict, names in told)


def reinforcement_lines(gain: Reinforcement, failure: float | None, *, has_graph: bool) -> Iterator[str]:
    """Say how many devices would be idle otherwise, what they gained, and whether more could be had.

    With a graph the partition comes first, so that other parts as early may leave a smaller failure.

    Parameters
    ----------
    gain : Reinforcement
        What is to be told.
    failure : float or None
        Failure probability of the plan.
    has_graph : bool
        Whether the instance has a filter graph.
    """
    if failure is None:
        return
    share = relative_gap(failure, gain.lower_bound)
    proof = ""
    if share is not None:
        among = "for these part sizes" if has_graph else "at this latency"
        proof = f"proven least {among}" if share <= CLOSED_GAP else f"gap {100 * share:.3g} %"
    if gain.devices:
        others = counted(gain.devices, "device")
        end = f"; {proof}" if proof else ""
        yield (
            f"  {others} beyond what the outage limit needs: failure {small_share(gain.failure_without)} "
            f"without them{end}"
        )
    elif proof:
        yield f"  every replica is needed for the outage limit; {proof}"
