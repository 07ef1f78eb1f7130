"""The least latency within a limit on all energy, for fleets of which not all sets can be listed.

Thresholds are searched as without the limit. At each a linear program with a row for the energy bounds what groups hold
together, and an integer program decides whether they hold all filters. Failure domains and rules are left out of both:
what they refute has no plan, and plans are checked.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

from rocoin_opt.exact.restricted.energy_packing import Effort, pack_within_energy
from rocoin_opt.exact.restricted.energy_relaxation import EnergyProblem, EnergyRelaxation, relax_within_energy
from rocoin_opt.failure import check
from rocoin_opt.grouping import CandidateSearch, Kinds, KindsProblem
from rocoin_opt.plan import Outcome

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Members, Objective, Plan

EFFORTS = (Effort(2_000, 100), Effort(10_000, 1_000), Effort(50_000, None))
"""Rounds of integer packings, each several times dearer than the last."""
NO_ENERGY = "energy: no plan keeps max_energy_joules {:g}: groups within it do not hold all filters"


def exact_within_energy(
    instance: Instance,
    objective: Objective,
    control: Control,
    start: Plan | None = None,
    bound: float | None = None,
    *,
    rounds: int | None = None,
) -> Outcome:
    """Find a plan of least latency within the limit on all energy, and a valid lower bound.

    Parameters
    ----------
    instance : Instance
        Constant latencies, with a limit on all energy.
    objective : {'guaranteed', 'nominal', 'worst'}
        What to minimise.
    control : Control
        Limits; at a limit the best plan and bound so far are returned.
    start : Plan, optional
        A valid plan to improve on.
    bound : float, optional
        A valid lower bound in seconds.
    rounds : int, optional
        How many of the rounds :data:`EFFORTS` to try, for an end without a clock; all of them where absent.

    Returns
    -------
    Outcome
        The plan and a valid lower bound in seconds; ``infeasible`` where no threshold has groups within the limit.
    """
    return _Search(instance, objective, control, start, bound).run(rounds)


class _Search(CandidateSearch):
    def __init__(
        self, instance: Instance, objective: Objective, control: Control, start: Plan | None, bound: float | None
    ) -> None:
        self.kinds = Kinds.of(instance)
        super().__init__(instance, objective, control, start, bound or 0.0, self.kinds.arrays)
        self.ways: dict[tuple[Members, int], None] = {}
        self.undecided: dict[int, Effort] = {}

    def problem(self, position: int) -> KindsProblem:
        """The instance at a candidate."""
        return KindsProblem(self.instance, self.kinds, self.objective, self.candidates[position])

    def run(self, rounds: int | None) -> Outcome:
        """Refute what the relaxation can, then ask the candidates that are left."""
        self.bracket()
        for effort in EFFORTS[:rounds]:
            self.climb(partial(self._decide, effort=effort))
            # The plan is often the best one long before all candidates below it can be decided.
            if self.best is not None and self.open and self._decide(self.high - 1, effort) == "impossible":
                self.refute(self.high - 1)
            self.prove(partial(self._decide, effort=effort))
        if self.best is None and self.low >= len(self.candidates):
            most = self.instance.requirements.max_energy_joules
            return Outcome(None, infeasible=True, reasons=(NO_ENERGY.format(most),))
        return Outcome(self.best, None if math.isinf(self.bound) else self.bound)

    def admits(self, position: int) -> bool | None:
        """Whether the relaxation within the energy leaves room for all filters; None where the limit came first."""
        relaxation = self._relaxation(EnergyProblem(self.problem(position), self.control), self.wanted)
        return None if relaxation is None else relaxation.admits(self.wanted)

    def _decide(self, position: int, effort: Effort) -> str:
        if self.undecided.get(position) == effort:
            return "unknown"
        self.tell()
        energy = EnergyProblem(self.problem(position), self.control)
        relaxation = self._relaxation(energy, None)
        if relaxation is None:
            return "unknown"
        if not relaxation.admits(self.wanted):
            return "impossible"
        status, plan = pack_within_energy(energy, relaxation, self.ways, self.control, effort)
        # A cover, or the energy, may keep its limit only up to rounding, and rules are not looked at.
        if plan is not None and not check(self.instance, plan):
            self.improve(plan)
            return "packed"
        if status != "impossible":
            self.undecided[position] = effort
            return "unknown"
        return status

    def _relaxation(self, energy: EnergyProblem, question: int | None) -> EnergyRelaxation | None:
        return relax_within_energy(energy, self.ways, self.control, question=question)
