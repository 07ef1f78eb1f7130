"""Monte Carlo of partial answers: which parts have arrived by a deadline, trial by trial."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.failure.monte_carlo.estimates import MeanEstimate, ProportionEstimate
from rocoin_opt.failure.monte_carlo.kernel import answer_seconds
from rocoin_opt.failure.monte_carlo.options import DEFAULT_TRIALS
from rocoin_opt.failure.monte_carlo.system import System
from rocoin_opt.failure.monte_carlo.trials import Trials
from rocoin_opt.instance import stretched
from rocoin_opt.plan import Plan, has_queues, plan_in, require_computable

if TYPE_CHECKING:
    from collections.abc import Callable

    from rocoin_opt.failure.monte_carlo.traces import Traces
    from rocoin_opt.failure.monte_carlo.trials import Advance
    from rocoin_opt.instance import BoolArray, Instance
    from rocoin_opt.plan import HasPlan


@dataclass(frozen=True)
class Arrivals:
    """How often each subset of parts has arrived.

    Attributes
    ----------
    counts : dict of frozenset of int to int
        Number of trials by the indices of the groups whose parts had arrived; without subsets that never occurred.
    groups : int
        Number of groups.
    """

    counts: dict[frozenset[int], int]
    groups: int

    @property
    def trials(self) -> int:
        """Number of trials."""
        return sum(self.counts.values())

    def part(self, group: int) -> ProportionEstimate:
        """Probability that a group's part has arrived."""
        return self._share(lambda arrived: group in arrived)

    def parts_arrived(self, number: int) -> ProportionEstimate:
        """Probability that exactly this number of parts has arrived."""
        return self._share(lambda arrived: len(arrived) == number)

    def expected(self, worth: Callable[[frozenset[int]], float], lowest: float, highest: float) -> MeanEstimate:
        """Mean of a figure, such as accuracy, that depends on what arrived and lies within known limits.

        Parameters
        ----------
        worth : callable
            From the groups that answered in time, a set of indices, to the figure.
        lowest, highest : float
            Limits of the figure, in its unit.
        """
        draws = np.array([worth(arrived) for arrived in self.counts])
        return MeanEstimate.of(draws, np.array(list(self.counts.values())), lowest, highest)

    def _share(self, holds: Callable[[frozenset[int]], bool]) -> ProportionEstimate:
        return ProportionEstimate(sum(count for arrived, count in self.counts.items() if holds(arrived)), self.trials)


def simulate_arrivals(
    instance: Instance,
    plan: Plan | HasPlan,
    trials: int = DEFAULT_TRIALS,
    *,
    seed: int = 0,
    workers: int = 1,
    deadline: float | None = None,
    chunk: int | None = None,
    advance: Advance | None = None,
    traces: Traces | None = None,
) -> Arrivals:
    """Simulate which parts arrive by the deadline, or at all without one.

    The trials are those of :func:`rocoin_opt.simulate` under the same seed.

    Parameters
    ----------
    instance, plan
        As for :func:`rocoin_opt.simulate`.
    trials : int
        Number of trials, at least 2.
    seed, workers, deadline, chunk, advance, traces
        As for :func:`rocoin_opt.simulate`.

    Returns
    -------
    Arrivals
        How often each set of groups has answered.

    Raises
    ------
    InputError, UnsupportedError
        As for :func:`rocoin_opt.simulate`.

    Examples
    --------
    >>> arrivals = ro.simulate_arrivals(instance, plan, 1000, seed=1)
    >>> arrivals.trials
    1000
    """
    plan = plan_in(plan)
    run = Trials.checked(instance, trials, seed=seed, workers=workers, deadline=deadline, chunk=chunk, advance=advance)
    require_computable(instance, plan)
    # Draws go by device and domain, so that groups simulated one by one share the fate of their domains.
    if has_queues(instance, plan):
        # Who waits for whom depends on all groups.
        systems = [System.of(instance, plan, traces, watched=k) for k in range(len(plan.groups))]
    else:
        systems = [System.of(instance, Plan(groups=(group,)), traces) for group in plan.groups]
    draw = partial(_draw, systems, math.inf if run.deadline is None else run.deadline)
    counts: Counter[bytes] = Counter()
    with run.pool() as pool:
        for part in run.run(pool, draw, sum(system.work for system in systems), 0, trials):
            counts.update(part)
    # In the order of the subsets, whoever drew them first.
    return Arrivals({_subset(packed): counts[packed] for packed in sorted(counts)}, len(systems))


def _draw(
    systems: list[System], reach: float, seed: int, compiled: bool, first_block: int, trials: int
) -> dict[bytes, int]:
    arrived: BoolArray = np.empty((trials, len(systems)), dtype=np.bool_)
    for k, system in enumerate(systems):
        seconds = answer_seconds(system, seed, first_block, trials, compiled=compiled)
        arrived[:, k] = np.isfinite(seconds) & (seconds <= stretched(reach))
    # Packed, subsets of many groups are few bytes to sort, and to send between processes.
    packed, counts = np.unique(np.packbits(arrived, axis=1, bitorder="little"), axis=0, return_counts=True)
    return {row.tobytes(): int(count) for row, count in zip(packed, counts, strict=True)}


def _subset(packed: bytes) -> frozenset[int]:
    bits = np.unpackbits(np.frombuffer(packed, dtype=np.uint8), bitorder="little")
    return frozenset(np.flatnonzero(bits).tolist())
