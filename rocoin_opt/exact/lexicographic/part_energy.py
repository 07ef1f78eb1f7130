"""Which part sizes the groups of a plan can have at a threshold where all energy is limited.

Then a vector of sizes is possible exactly if the least energy of groups that take just these parts is within the limit.
Smaller parts in some groups are larger ones in others, and may take more: one vector says nothing of its neighbours.
"""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.exact.lexicographic.part_sizes import PartSizes
from rocoin_opt.exact.lexicographic.set_packing import Cost, Demand, cheapest
from rocoin_opt.grouping import sized_choices
from rocoin_opt.instance import SOLVER_SAFETY, stretched

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.exact.lexicographic.part_sizes import Conflict, Limits, Members
    from rocoin_opt.grouping import ThresholdProblem


class EnergyPartSizes(PartSizes):
    """The sizes that parts can have within a limit on all energy.

    The costs of the problem are to be joules; see :class:`PartSizes`.
    """

    @cached_property
    def _impossible(self) -> set[Limits]:
        """Vectors that are refuted."""
        return set()

    def learn(self, groups: Sequence[Members], sizes: Sequence[int] = ()) -> Limits:
        """Remember groups that take parts of descending sizes, in this order; return the sizes."""
        if sizes:
            self._packings[tuple(sizes)] = list(groups)
        return tuple(sizes)

    def lowered(self, size: int) -> int:
        """The next smaller size: every one asks for another energy."""
        return size - 1

    def groups_for(self, sizes: Sequence[int]) -> list[Members] | None:
        """Disjoint groups that take parts of descending sizes, in this order; None where none were found."""
        wanted = tuple(sizes)
        if wanted not in self._packings and wanted not in self._impossible:
            groups = self._leanest(wanted)
            if groups is not None:
                self._packings[wanted] = groups
        return self._packings.get(wanted)

    def conflict(self, sizes: Sequence[int]) -> Conflict | None:
        """Say why no groups take parts of descending sizes; None where that is not proven.

        Where it is the energy, all sizes together are: what is cut off is this one vector.
        """
        free = super().conflict(sizes)
        if free is None and tuple(sizes) in self._impossible:
            return tuple(enumerate(sizes, start=1))
        return free

    def _leanest(self, sizes: Limits) -> list[Members] | None:
        """Groups of the least energy, if that is within the limit."""
        most = self.problem.instance.requirements.max_energy_joules
        if self.groups is None or most is None:
            return None
        counts, unit = Counter(sizes), most or 1.0
        choices = sized_choices(self.problem, self.groups, list(counts))
        if len(choices) == 0:
            self._impossible.add(sizes)
            return None
        demand = Demand.of_sizes(len(self.problem.weights), list(counts.values()))
        joules = choices.work(choices.least)
        rows, bound = cheapest(choices, demand, Cost(joules / unit, np.zeros(len(choices))), self.control)
        if rows is None or joules[rows].sum() > stretched(most):
            if bound > most / unit + SOLVER_SAFETY:
                self._impossible.add(sizes)
            return None
        nobody = len(self.problem.weights)
        rows = rows[np.argsort(-choices.least[rows], kind="stable")]
        return [tuple(n for n in row if n < nobody) for row in choices.members[rows].tolist()]


def kind_of_sizes(problem: ThresholdProblem) -> type[PartSizes]:
    """What tells the sizes that parts can have at a threshold, within the limit on all energy where there is one."""
    return EnergyPartSizes if problem.instance.limits_energy else PartSizes
