"""Instances whose limit on all energy binds, with all plans within it, by enumeration from the definitions."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, NamedTuple

from oracle_measured import ONE, measured_instance, plans_of, values_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oracle_measured import Served


class Scarce(NamedTuple):
    """An instance's content, and its plans with their values, those within the limit on energy alone."""

    content: dict[str, Any]
    plans: list[tuple[list[Served], dict[str, float]]]

    def least(self, objective: str) -> float:
        """The least value over all plans."""
        return min(values[objective] for _, values in self.plans)


def scarce_instances(seeds: range, *, graph: bool = False) -> Iterator[Scarce]:
    """Instances that have plans, each with so little energy that about half of the energies of plans are too much."""
    for seed in seeds:
        rng, content = random.Random(seed), measured_instance(seed, limited=True)
        requirements, filters = content["requirements"], content["knowledge"]["num_filters"]
        requirements.pop("max_energy_joules", None)
        requirements["max_group_outage"] = rng.choice([0.1, 0.2, 0.5])
        if graph:
            pairs = [(i, j) for j in range(filters) for i in range(j)]
            edges = [[i, j, float(rng.choice([1, 2, 5]))] for i, j in pairs if rng.random() < 0.8]
            content["knowledge"]["graph"] = {"edges": edges or [[0, 1, 1.0]]}
        plans = [(sum(group.joules for group in plan), plan) for plan in plans_of(content)]
        energies = sorted({joules for joules, _ in plans})
        if energies:
            most = rng.choice(energies[: (len(energies) + 1) // 2])
            requirements["max_energy_joules"] = most
            kept = [plan for joules, plan in plans if joules <= most * ONE]
            yield Scarce(content, [(plan, values_of(content, plan)) for plan in kept])
