"""Plans with and without replicas while the failure probability of all devices grows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from studies.cases import LONE, generated, with_failure_probability, without_limit
from studies.columns import packed
from studies.plans import scored

if TYPE_CHECKING:
    from collections.abc import Sequence

    import rocoin_opt as ro
    from studies.cases import Scale
    from studies.plans import Columns, Site


def swept(site: Site, scale: Scale) -> dict[str, Any]:
    """Solve the instances of some families at every failure probability.

    Plans without replicas do not depend on it once the outage limit is lifted: they are made once, and valued at each.
    Plans for expected latency are made with the limit, and without it.

    Returns
    -------
    dict
        By family: deadlines and outage limits, and columns by failure probability and run.
    """
    fleets = {family: generated(family, scale.swept_devices, scale.swept_seeds) for family in scale.swept}
    every = [instance for fleet in fleets.values() for instance in fleet]
    lone = site.answers([without_limit(instance) for instance in every], LONE)
    varied = [with_failure_probability(instance, p) for instance in every for p in scale.probabilities]
    guaranteed = site.answers(varied, ("greedy", "exact"))
    expected = site.answers(varied, ("greedy",), "expected")["greedy"]
    lifted = site.answers([without_limit(instance) for instance in varied], ("greedy",), "expected")["greedy"]

    def valued(fleet: Sequence[ro.Instance], probability: float) -> dict[str, Columns]:
        instances = [with_failure_probability(instance, probability) for instance in fleet]
        named = {i.name: base.name for i, base in zip(instances, fleet, strict=True)}
        alone = {method: {name: lone[method][base] for name, base in named.items()} for method in LONE}
        runs = {
            **{f"{method} no limit": scored(instances, alone[method]) for method in LONE},
            **{f"{method} guaranteed": scored(instances, guaranteed[method]) for method in guaranteed},
            "greedy expected": scored(instances, expected),
            "greedy lifted": scored(instances, lifted),
        }
        # What a plan takes if nobody fails does not change with how often somebody does.
        return {run: {name: column for name, column in kept.items() if name != "nominal"} for run, kept in runs.items()}

    return {
        family: {
            "deadline": packed(instance.requirements.deadline_seconds for instance in fleet),
            "limit": packed(instance.requirements.max_group_outage for instance in fleet),
            "probabilities": {f"{p:g}": valued(fleet, p) for p in scale.probabilities},
        }
        for family, fleet in fleets.items()
    }
