"""Brute force over packings at a threshold, by subsets of up to eight devices, and seeded instances to try it on."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.grouping.thresholds import BELOW_ALL, latencies_between, latency_range
from rocoin_opt.instance.arrays import keeps_outage_limit
from rocoin_opt.instance.model import Instance

if TYPE_CHECKING:
    from rocoin_opt.plan import Members
    from rocoin_opt.plan.latency import Objective


def candidates(instance: Instance) -> list[float]:
    """All latencies that a plan could attain, ascending."""
    limits = latency_range(instance.arrays)
    return [] if limits is None else latencies_between(instance.arrays, BELOW_ALL, limits[1]).tolist()


def outage_by_domain(instance: Instance, members: Members) -> float:
    """Probability that none of some devices survives, domain by domain."""
    falls = {domain.id: domain.failure_probability for domain in instance.failure_domains}
    together: dict[str | None, float] = {}
    for n in members:
        device = instance.devices[n]
        together[device.failure_domain] = together.get(device.failure_domain, 1.0) * device.failure_probability
    pairs = ((falls.get(domain or "", 0.0), product) for domain, product in together.items())
    return float(np.prod([fall + (1.0 - fall) * product for fall, product in pairs]))


def with_domains(instance: Instance, seed: int, *, most: int = 3) -> Instance:
    """An instance with most of its devices in failure domains, safe ones, likely ones, and such as fail too often."""
    rng = random.Random(seed)
    falls = [rng.choice([0.0, 0.005, 0.01, 0.05, 0.1, 0.3, 0.9]) for _ in range(rng.randint(1, most))]
    devices = [
        device.model_copy(update={"failure_domain": f"ap{rng.randrange(len(falls))}" if rng.random() < 0.8 else None})
        for device in instance.devices
    ]
    domains = [{"id": f"ap{d}", "failure_probability": fall} for d, fall in enumerate(falls)]
    fields = {name: getattr(instance, name) for name in Instance.model_fields}
    return Instance.model_validate({**fields, "devices": [dict(d) for d in devices], "failure_domains": domains})


def with_alike_devices(instance: Instance, seed: int, *, most: int = 8) -> Instance:
    """An instance whose devices are copies of those of another one, in any order, with other limits on groups."""
    rng = random.Random(seed)
    count = rng.randint(max(3, len(instance.devices)), most)
    devices = [*instance.devices, *(rng.choice(instance.devices) for _ in range(count - len(instance.devices)))]
    if rng.random() < 0.5:
        rng.shuffle(devices)
    requirements = dict(instance.requirements)
    requirements["max_groups"] = most_groups = rng.choice([None, rng.randint(1, count)])
    requirements["min_groups"] = min(requirements["min_groups"], most_groups or count)
    fields = {name: getattr(instance, name) for name in Instance.model_fields}
    copies = [{**dict(device), "id": f"d{n}"} for n, device in enumerate(devices)]
    return Instance.model_validate({**fields, "devices": copies, "requirements": requirements})


class PackingOracle:
    """All groups and packings at one threshold."""

    def __init__(self, instance: Instance, objective: Objective, threshold: float) -> None:
        self.instance = instance
        count = len(instance.devices)
        timely = instance.arrays.largest_part(threshold)
        allowed = instance.arrays.largest if objective == "nominal" else timely
        self.capacity = {}
        for mask in range(1, 1 << count):
            members = tuple(n for n in range(count) if mask >> n & 1)
            outage = outage_by_domain(instance, members)
            if keeps_outage_limit(outage, instance.requirements.max_group_outage):
                size = np.minimum(allowed[list(members)].min(axis=0), timely[list(members)].max(axis=0)).max()
                if size > 0:
                    self.capacity[mask] = int(size)
        self.best: dict[int, dict[int, tuple[int, tuple[int, ...]]]] = {0: {0: (0, ())}}
        for mask in range(1, 1 << count):
            self.best[mask] = self._best_within(mask)

    def _best_within(self, mask: int) -> dict[int, tuple[int, tuple[int, ...]]]:
        """For each number of groups the most filters among some devices, and the groups."""
        lowest = mask & -mask
        rest = mask ^ lowest
        found = dict(self.best[rest])
        others = rest
        while True:
            group = others | lowest
            if group in self.capacity:
                for number, (filters, groups) in self.best[mask ^ group].items():
                    total = filters + self.capacity[group]
                    if number < self.instance.max_groups and total > found.get(number + 1, (-1, ()))[0]:
                        found[number + 1] = total, (*groups, group)
            if others == 0:
                return found
            others = (others - 1) & rest

    def groups(self) -> dict[Members, int]:
        """Every group that can serve, with its capacity."""
        return {self.members(mask): size for mask, size in self.capacity.items()}

    def packing(self) -> tuple[int, list[Members]]:
        """Most filters that disjoint groups hold, as many groups as are asked for, and these groups; 0 without any."""
        least = self.instance.requirements.min_groups
        able = [entry for number, entry in self.best[max(self.best)].items() if number >= least]
        filters, groups = max(able, key=lambda entry: entry[0], default=(0, ()))
        return filters, [self.members(mask) for mask in groups]

    def holds_all(self) -> bool:
        """Whether there is a plan within the threshold."""
        return self.packing()[0] >= self.instance.knowledge.num_filters

    @staticmethod
    def members(mask: int) -> Members:
        return tuple(n for n in range(mask.bit_length()) if mask >> n & 1)


def best_position(instance: Instance, objective: Objective) -> int:
    """Position of the smallest candidate within which there is a plan; their number where there is none."""
    thresholds = candidates(instance)
    low, high = 0, len(thresholds)
    while low < high:
        middle = (low + high) // 2
        if PackingOracle(instance, objective, thresholds[middle]).holds_all():
            high = middle
        else:
            low = middle + 1
    return low


def random_instance(seed: int, *, most_devices: int = 7) -> Instance:
    """An instance of two devices and more with up to four students: equal devices, odd ones and spare ones."""
    rng = random.Random(seed)
    filters, kind = rng.choice([3, 6, 8, 12, 20]), rng.random()
    rates = [0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 20.0]

    def crash() -> float:
        if kind < 0.3:
            return rng.choice([0.1, 0.2, 0.3, 0.4])
        if kind < 0.6:
            return rng.uniform(0.05, 0.6)
        if kind < 0.8:
            return rng.choice([0.3, 0.1, 0.05, 0.5, 0.0, 0.9, 1 - 2**-50])
        return 0.1

    devices = [
        {
            "id": f"d{n}",
            "flops_per_second": rng.choice(rates) * rng.choice([1.0, rng.uniform(0.5, 2.0)]),
            "memory_bytes": rng.choice([20, 20, 20, 10, 6, 3]),
            "uplink_bits_per_second": rng.choice(rates),
            "overhead_seconds": rng.choice([0.0, 0.0, 0.25, 1.0]),
            "failure_probability": crash(),
        }
        for n in range(rng.randint(2, most_devices))
    ]
    students = [
        {
            "id": f"s{j}",
            "flops": rng.choice([0.0, 1.0, 4.0, 6.5, 12.0]),
            "flops_per_filter": rng.choice([0.0, 0.5, 3.0]),
            "memory_bytes": rng.choice([0, 1, 4, 8]),
            "memory_bytes_per_filter": rng.choice([0, 0, 0.5, 2]),
            "max_filters": rng.randint(max(1, filters // 4), filters),
        }
        for j in range(rng.randint(1, 4))
    ]
    limit, least = rng.choice([0.01, 0.02, 0.04, 0.1, 0.2, 0.3, 0.001, 0.0, 0.05, 0.09]), rng.choice([1, 1, 1, 2, 3])
    requirements = {"max_group_outage": limit, "min_groups": least}
    if rng.random() < 0.5:
        requirements["max_groups"] = rng.randint(least, max(len(devices) // 2, least))
    knowledge = {"num_filters": filters, "bits_per_filter": rng.choice([0.0, 1.0, 2.0])}
    return Instance.model_validate(
        {
            "name": f"random {seed}",
            "devices": devices,
            "students": students,
            "knowledge": knowledge,
            "requirements": requirements,
        }
    )
