"""Monte Carlo: how a plan answers in many simulated trials, with confidence intervals.

It covers what the exact distribution covers and, at the price of an interval, what it cannot: failure domains beyond
enumeration, queues for channels that are too long or random, and devices that depend on each other as traces measured
it. The numbers depend on instance, plan, traces, seed and number of trials alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.errors import InputError, Problem
from rocoin_opt.failure.monte_carlo.draws import BLOCK
from rocoin_opt.failure.monte_carlo.estimates import (
    MeanEstimate,
    ProportionEstimate,
    QuantileEstimate,
    Sample,
    require_fraction,
)
from rocoin_opt.failure.monte_carlo.kernel import answer_seconds, count_answers
from rocoin_opt.failure.monte_carlo.options import DEFAULT_LIMIT, DEFAULT_TRIALS, is_precise, require_kept
from rocoin_opt.failure.monte_carlo.system import System
from rocoin_opt.failure.monte_carlo.trials import Trials
from rocoin_opt.instance import stretched
from rocoin_opt.plan import plan_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rocoin_opt.failure.monte_carlo.traces import Traces
    from rocoin_opt.failure.monte_carlo.trials import Advance
    from rocoin_opt.instance import FloatArray, Instance, IntArray
    from rocoin_opt.plan import HasPlan, Plan

FIRST_STAGE = 32 * BLOCK
"""Trials before the relative error is looked at first; then it is looked at whenever they have doubled."""
LARGEST_SECONDS = 1e300


@dataclass(frozen=True, eq=False)
class Simulation:
    """Results of simulated trials.

    Attributes
    ----------
    sample : Sample
        The answer times.
    deadline : float or None
        Deadline in seconds.
    seed : int
        Seed of the draws.
    latest : float
        Seconds after which no answer comes; infinite where nothing limits them.
    """

    sample: Sample
    deadline: float | None
    seed: int
    latest: float = math.inf

    @property
    def trials(self) -> int:
        """Number of trials."""
        return self.sample.trials

    @property
    def expected(self) -> MeanEstimate | None:
        """E[min(X, D)] in seconds; None without a deadline."""
        if self.deadline is None:
            return None
        # Where no answer comes, all time up to the deadline is lost.
        draws = np.append(np.minimum(self.sample.seconds, self.deadline), self.deadline)
        return MeanEstimate.of(draws, np.append(self.sample.counts, self.sample.never), 0.0, self.deadline)

    @property
    def expected_given_answer(self) -> MeanEstimate | None:
        """E[X | an answer comes, even after the deadline] in seconds; None if none came."""
        if self.sample.answered == 0:
            return None
        return MeanEstimate.of(self.sample.seconds, self.sample.counts, 0.0, self.latest)

    @property
    def success_probability(self) -> ProportionEstimate:
        """Probability of an answer by the deadline, or of any answer without one."""
        return self.cdf(math.inf if self.deadline is None else self.deadline)

    def cdf(self, seconds: float) -> ProportionEstimate:
        """Probability of an answer by a time in seconds."""
        return ProportionEstimate(self.sample.answered_by(seconds), self.trials)

    def quantile(self, probability: float) -> QuantileEstimate:
        """Seconds by which the answer has come with a probability in (0, 1); infinite if that is never reached."""
        require_fraction("probability", probability)
        return QuantileEstimate(probability, self.sample)


@dataclass(frozen=True)
class Difference:
    """Two plans under the same draws: first minus second.

    Attributes
    ----------
    expected : MeanEstimate or None
        Difference of E[min(X, D)] in seconds; None without a deadline.
    success_probability : MeanEstimate
        Difference of the probabilities of an answer by the deadline, or of any answer without one.
    """

    expected: MeanEstimate | None
    success_probability: MeanEstimate


def simulate(
    instance: Instance,
    plan: Plan | HasPlan,
    trials: int | None = None,
    *,
    rel_error: float | None = None,
    seed: int = 0,
    workers: int = 1,
    deadline: float | None = None,
    chunk: int | None = None,
    advance: Advance | None = None,
    traces: Traces | None = None,
    cancel: bool = False,
    group: int | None = None,
) -> Simulation:
    """Simulate a plan.

    The same seed and number of trials give the same result to the last bit, for any number of workers, any size of
    chunks, and with or without Numba.

    Parameters
    ----------
    instance : Instance
        The instance.
    plan : Plan, Result or other holder of a plan
        Groups to simulate; they need not keep the requirements.
    trials : int, optional
        Number of trials, at least 2; the largest number with ``rel_error``. 100,000 where left out, 100 million with
        ``rel_error``.
    rel_error : float, optional
        Stop once half the 95 % interval of ``expected``, or without a deadline of ``expected_given_answer``, is within
        this share of the value. Looked at whenever the trials have doubled, so that it does not depend on workers.
    seed : int
        Seed, below 2^64. Plans for one instance simulated with the same seed share the outcome of every device.
    workers : int
        Processes; more than one is worth it for runs of many seconds. They are spawned: a script has to guard its
        entry by ``if __name__ == "__main__"``.
    deadline : float, optional
        Deadline D in seconds; the instance's own where left out.
    chunk : int, optional
        Trials per chunk of a worker, rounded up to whole blocks.
    advance : callable, optional
        Called after each chunk with the trials done and their largest number.
    traces : Traces, optional
        Measured requests, one of which each trial replays, the same for all devices and plans. Runs with traces are
        not compiled.
    cancel : bool
        Whether a replica whose group has answered does not send any more: where several devices send on one channel,
        as a source does that tells them.
    group : int, optional
        Index of the group in the plan whose answer counts, while all others run too; all groups by default.

    Returns
    -------
    Simulation
        The answer times, from which figures with their intervals are computed.

    Raises
    ------
    InputError
        If an option is out of range, or the plan or the traces name something that the instance does not have.
    UnsupportedError
        If a slowdown law is too extreme to be simulated.

    Notes
    -----
    The interval of ``expected`` allows for failures too rare to show among the trials: the margin is a few times
    ``deadline / trials``. :func:`rocoin_opt.failure_probability` estimates how likely they are. Without a
    deadline an answer time under a law is unbounded, and its interval only reflects what the trials have shown.

    Examples
    --------
    >>> simulation = ro.simulate(instance, plan, 1000, seed=1)
    >>> simulation.trials
    1000
    """
    plan = plan_in(plan)
    if rel_error is not None:
        require_fraction("rel_error", rel_error)
    if trials is None:
        trials = DEFAULT_TRIALS if rel_error is None else DEFAULT_LIMIT
    run = Trials.checked(instance, trials, seed=seed, workers=workers, deadline=deadline, chunk=chunk, advance=advance)
    if group is not None and not 0 <= group < len(plan.groups):
        raise InputError("options", [Problem("group", repr(group), f"a place from 0 to {len(plan.groups) - 1}")])
    system = System.of(instance, plan, traces, cancel=cancel, watched=group)
    if not system.has_steps:
        require_kept(trials)
    parts: list[FloatArray | IntArray] = []
    done = 0
    with run.pool() as pool:
        for stage in _stages(trials, rel_error):
            for part in run.run(pool, partial(_draw, system), system.work, done, stage):
                # Counts by time add up; answers kept one by one stand end to end.
                parts = [parts[0] + part] if parts and system.has_steps else [*parts, part]
            done = stage
            simulation = Simulation(_sample(system, parts), run.deadline, seed, system.latest)
            mean = None if rel_error is None else simulation.expected or simulation.expected_given_answer
            if mean is not None and rel_error is not None and is_precise(mean, rel_error):
                break
    return simulation


def simulate_difference(
    instance: Instance,
    first: Plan | HasPlan,
    second: Plan | HasPlan,
    trials: int = DEFAULT_TRIALS,
    *,
    seed: int = 0,
    workers: int = 1,
    deadline: float | None = None,
    chunk: int | None = None,
    advance: Advance | None = None,
    traces: Traces | None = None,
) -> Difference:
    """Compare two plans for one instance, trial by trial under the same draws.

    Every device, and every failure domain, has the same outcome in both plans, so the difference is far less uncertain
    than the values.

    Parameters
    ----------
    instance : Instance
        The instance.
    first, second : Plan, Result or other holder of a plan
        Their difference is that of the first less the second.
    trials : int
        Number of trials, at least 2.
    seed, workers, deadline, chunk, advance, traces
        As for :func:`rocoin_opt.simulate`.

    Returns
    -------
    Difference
        Means of the differences, with their intervals.

    Raises
    ------
    InputError, UnsupportedError
        As for :func:`rocoin_opt.simulate`.

    Examples
    --------
    >>> difference = ro.simulate_difference(instance, plan, plan, 100)
    >>> difference.success_probability.value
    0.0
    """
    first, second = plan_in(first, "first"), plan_in(second, "second")
    run = Trials.checked(instance, trials, seed=seed, workers=workers, deadline=deadline, chunk=chunk, advance=advance)
    require_kept(trials)
    one, other = (System.of(instance, plan, traces) for plan in (first, second))
    reach = math.inf if run.deadline is None else run.deadline
    draw = partial(_draw_difference, one, other, reach)
    with run.pool() as pool:
        parts = list(run.run(pool, draw, one.work + other.work, 0, trials))
    seconds, success = (np.concatenate(column) for column in zip(*parts, strict=True))
    once = np.broadcast_to(np.int64(1), trials)
    return Difference(
        None if run.deadline is None else MeanEstimate.of(seconds, once, -reach, reach),
        MeanEstimate.of(success, once, -1.0, 1.0),
    )


def _draw(system: System, seed: int, compiled: bool, first_block: int, trials: int) -> FloatArray | IntArray:
    draw = count_answers if system.has_steps else answer_seconds
    return draw(system, seed, first_block, trials, compiled=compiled)


def _draw_difference(
    one: System, other: System, reach: float, seed: int, compiled: bool, first_block: int, trials: int
) -> tuple[FloatArray, FloatArray]:
    answers = [answer_seconds(system, seed, first_block, trials, compiled=compiled) for system in (one, other)]
    # Without a deadline only the successes are compared: seconds without an end have no difference.
    until = [np.minimum(seconds, min(reach, LARGEST_SECONDS)) for seconds in answers]
    success = [np.isfinite(seconds) & (seconds <= stretched(reach)) for seconds in answers]
    return until[0] - until[1], success[0].astype(np.float64) - success[1]


def _sample(system: System, parts: list[FloatArray | IntArray]) -> Sample:
    if system.has_steps:
        counts = parts[0].astype(np.int64)
        shown = counts[:-1] > 0
        return Sample(system.times[shown], counts[:-1][shown], int(counts[-1]))
    answers: FloatArray = np.concatenate(parts, dtype=np.float64)
    # In order, whoever drew them: sums over them are always the same.
    seconds = np.sort(answers[np.isfinite(answers)])
    return Sample(seconds, np.broadcast_to(np.int64(1), len(seconds)), len(answers) - len(seconds))


def _stages(trials: int, rel_error: float | None) -> Iterator[int]:
    stage = FIRST_STAGE
    while rel_error is not None and stage < trials:
        yield stage
        stage *= 2
    yield trials
