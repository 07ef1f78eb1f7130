"""The probability that a plan fails, however small: at least one rare event.

A plan fails where at least one group does. Counting failures among plain trials is hopeless below a millionth, and
making all devices fail more often goes wrong too. The estimator of Owen, Maximov and Chertkov [1]_ draws a group k in
proportion to its own outage q_k, lets this group fail, draws everything else under that condition, and counts the
groups that fail then, S >= 1. With B = sum_k q_k the probability is

    B E[1 / S].

Each draw lies between B / K and B, so a thousand draws settle what would take plain Monte Carlo billions of trials;
the rarer the failure, the closer is S to 1.

A failure domain ties groups together: under the condition that group k fails, a domain that it meets is down with
probability P_d / (P_d + (1 - P_d) prod p_n), the product over the group's devices in it. Only the domains' states are
drawn: given them groups fail independently, with c_k say, and E[1 / S] is (1 - prod(1 - c_k)) / sum(c_k). This falls
when any c_k grows, so the draws lie between its values with all domains down and with all of them up. Without domains
nothing is left to draw.

References
----------
.. [1] A. B. Owen, Y. Maximov, M. Chertkov, "Importance sampling the union of rare events with an application to power
   systems analysis", Electronic Journal of Statistics 13, 2019.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.failure.distribution import instant, response_of
from rocoin_opt.failure.monte_carlo.estimates import MeanEstimate, require_fraction
from rocoin_opt.failure.monte_carlo.options import DEFAULT_RARE_LIMIT, is_precise, require_rare_draws
from rocoin_opt.plan import plan_in, require_computable, require_own_links

if TYPE_CHECKING:
    from rocoin_opt.instance import FloatArray, Instance, IntArray
    from rocoin_opt.plan import HasPlan, Plan

FIRST_TRIALS = 4096
"""Draws before the relative error is looked at first; then it is looked at whenever they have doubled."""
TILE = 2**20
"""Draws times groups that are held at a time."""
WORD = 64
"""Domains whose states make one number, so that equal ones are found."""
ROUNDING = 1e-11
"""Relative error of what is computed: that of logarithms down to the smallest double, times a few devices."""
SMALLEST = 5e-324
"""Error of what is computed near the smallest double."""
IMPOSSIBLE = -1e5
"""Logarithm that stands for a probability of 0: finite, so that no terms of it make an undefined sum."""


@dataclass(frozen=True, eq=False)
class Outages:
    """Why groups fail, in logarithms of probabilities.

    Attributes
    ----------
    alone : FloatArray, K
        ln of the probability that all devices of the group outside of domains fail.
    inside : FloatArray, K x D
        ln of the probability that all devices of the group in a domain fail although the domain is up; 0 for none.
    meets : FloatArray, K x D
        1 where the group has devices in the domain, else 0.
    domain : FloatArray, D
        Probability that the domain fails.
    """

    alone: FloatArray
    inside: FloatArray
    meets: FloatArray
    domain: FloatArray

    @classmethod
    def of(cls, instance: Instance, plan: Plan, deadline: float | None) -> Outages:
        """Gather the failures of a plan's devices; without an answer by the deadline a device has failed.

        Parameters
        ----------
        instance : Instance
            The instance.
        plan : Plan
            A plan for it.
        deadline : float, optional
            Seconds; None for as long as it takes.
        """
        domain_index = {domain.id: d for d, domain in enumerate(instance.failure_domains)}
        alone = np.zeros(len(plan.groups))
        inside = np.zeros((len(plan.groups), len(domain_index)))
        meets = np.zeros_like(inside)
        for k, group in enumerate(plan.groups):
            j = instance.arrays.student_index[group.student]
            for name in group.devices:
                n = instance.arrays.device_index[name]
                device = instance.devices[n]
                failure = device.failure_probability
                if deadline is not None:
                    _, late = response_of(instance, n, j, group.num_filters).tails(instant(deadline))
                    failure += (1.0 - failure) * float(late[0])
                logarithm = math.log(failure) if failure > 0.0 else IMPOSSIBLE
                if device.failure_domain is None:
                    alone[k] += logarithm
                else:
                    inside[k, domain_index[device.failure_domain]] += logarithm
                    meets[k, domain_index[device.failure_domain]] = 1.0
        return cls(alone, inside, meets, np.array([domain.failure_probability for domain in instance.failure_domains]))

    @property
    def by_domain(self) -> FloatArray:
        """Probability that all devices of the group in a domain fail, with it or by themselves, K x D; 1 for none."""
        together: FloatArray = self.domain + (1.0 - self.domain) * np.exp(self.inside)
        return np.where(self.meets > 0.0, together, 1.0)

    @property
    def group(self) -> FloatArray:
        """Outage of each group, K."""
        outage: FloatArray = np.exp(self.alone) * self.by_domain.prod(axis=1)
        return outage

    def shares(self, rng: np.random.Generator, trials: int) -> tuple[FloatArray, IntArray]:
        """Draw the domains' states given that one group, drawn in proportion to its outage, fails.

        E[1 / S] in the different states, and how often each came.
        """
        outage = self.group
        # The last sum is left out: rounding may keep it below 1, and every draw has to find a group.
        forced = np.searchsorted(np.cumsum(outage / outage.sum())[:-1], rng.random(trials), side="right")
        # A failed group's domain that it meets is down more often, and the others as ever.
        by_domain = np.where(self.meets > 0.0, self.by_domain, 1.0)
        down = np.divide(self.domain, by_domain, out=np.zeros_like(by_domain), where=by_domain > 0.0)
        is_up = rng.random((trials, len(self.domain))) >= down[forced]
        counts: IntArray = np.ones(trials, dtype=np.int64)
        # Where domains rarely fail only a few states come: each is worked out once.
        if len(self.domain) <= WORD:
            words = np.packbits(np.pad(is_up, ((0, 0), (0, WORD - len(self.domain)))), axis=1).view(np.uint64)[:, 0]
            _, first, counts = np.unique(words, return_index=True, return_counts=True)
            is_up = is_up[first]
        return self.share(is_up.astype(np.float64)), counts

    def share(self, is_up: FloatArray) -> FloatArray:
        """E[1 / S] by the states of the domains, T x D, 1 for up: what fails is one of ``sum_k q_k`` groups or more."""
        outage = np.exp(self.alone + is_up @ self.inside.T)
        with np.errstate(divide="ignore"):
            some = -np.expm1(np.log1p(-outage).sum(axis=1))
        total = outage.sum(axis=1)
        share: FloatArray = np.divide(some, total, out=np.ones_like(total), where=total > 0.0)
        return np.minimum(share, 1.0)


def failure_probability(
    instance: Instance,
    plan: Plan | HasPlan,
    *,
    deadline: float | None = None,
    rel_error: float = 0.01,
    trials: int = DEFAULT_RARE_LIMIT,
    seed: int = 0,
) -> MeanEstimate:
    """Probability that at least one group never answers, or not by a deadline, by rare-event simulation.

    Parameters
    ----------
    instance : Instance
        The instance.
    plan : Plan, Result or other holder of a plan
        Groups; no device may be in two.
    deadline : float, optional
        Seconds within which every group has to answer; that it ever answers where left out.
    rel_error : float
        Draw until half the 95 % interval is within this share of the value.
    trials : int
        Largest number of draws, at least 2.
    seed : int
        Seed; the same one gives the same result.

    Returns
    -------
    MeanEstimate
        The probability with its standard error and intervals; of 0 trials where no domain ties groups together, and
        the value is exact but for rounding. It never leaves the range from the largest outage of a group to the sum of
        them all; an outage below the smallest double counts as 0.

    Raises
    ------
    InputError
        If an option is out of range, the plan names unknown devices or students, or a device is in two groups.
    UnsupportedError
        If there is a deadline, and the distribution of a device's latency is out of reach, or devices of the plan queue
        for a channel.

    Examples
    --------
    >>> estimate = ro.failure_probability(instance, plan, rel_error=0.5, seed=1)
    >>> 0.0 < estimate.value < 1.0
    True
    """
    plan = plan_in(plan)
    require_computable(instance, plan)
    require_fraction("rel_error", rel_error)
    require_rare_draws(trials, seed, deadline)
    if deadline is not None:
        # Without one it does not matter when answers come.
        require_own_links(instance, "failure_probability by a deadline", plan, instead="simulate can")
    outages = Outages.of(instance, plan, deadline)
    union_bound, largest = float(outages.group.sum()), float(outages.group.max())
    # No failure at all, or a certain one: there is nothing to draw.
    if largest in (0.0, 1.0):
        return MeanEstimate(largest, 0.0, 0, largest, largest)
    # A domain that never fails is up.
    is_sure = (outages.domain == 0.0).astype(np.float64)
    least, most = outages.share(np.stack([is_sure, np.ones_like(is_sure)]))
    # No draw lies outside of what all domains down and all of them up give.
    lowest, highest = max(largest, union_bound * float(least)), min(union_bound * float(most), 1.0)
    limits = lowest * (1.0 - ROUNDING) - SMALLEST, min(highest * (1.0 + ROUNDING) + SMALLEST, 1.0)
    # All states give the same: the value is known without a draw.
    if most - least <= ROUNDING * least:
        return MeanEstimate(highest, 0.0, 0, *limits)
    rng = np.random.default_rng(seed)
    found: list[tuple[FloatArray, IntArray]] = []
    done, goal = 0, min(FIRST_TRIALS, trials)
    while True:
        while done < goal:
            tile = min(goal - done, max(TILE // len(plan.groups), 1))
            found.append(outages.shares(rng, tile))
            done += tile
        values, counts = (np.concatenate(column) for column in zip(*found, strict=True))
        mean = MeanEstimate.of(values * union_bound, counts, union_bound * float(least), union_bound * float(most))
        value = min(max(mean.value, lowest), highest)
        draws = None if mean.draws is None else replace(mean.draws, rounding=ROUNDING)
        estimate = MeanEstimate(value, mean.standard_error, done, *limits, draws)
        if done == trials or is_precise(estimate, rel_error):
            return estimate
        goal = min(2 * done, trials)
