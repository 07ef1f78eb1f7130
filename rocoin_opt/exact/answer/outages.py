"""What every set of devices is as a group: its outage, whether it keeps the limit, and whether rules allow it.

Sets are bits, so tables over all of them are built by doubling: those with a device follow those without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.instance import LIMIT_TOLERANCE, stretched
from rocoin_opt.plan import SMALLEST_OUTAGE, group_keeps_limit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rocoin_opt.instance import BoolArray, FloatArray, Instance


def members(mask: int) -> list[int]:
    """The devices of a set, ascending."""
    return [n for n in range(mask.bit_length()) if mask >> n & 1]


def mask_of(devices: Iterable[int]) -> int:
    """The set of some devices, as bits."""
    return sum(1 << n for n in devices)


def outages(instance: Instance) -> tuple[FloatArray, BoolArray]:
    """Outage of every set, and whether it keeps the limit."""
    limit = instance.requirements.max_group_outage
    outage, is_sure = _products(instance)
    # A product too small for a double is not the certainty that a limit of 0 asks for.
    outage = np.where((outage == 0.0) & ~is_sure, SMALLEST_OUTAGE, outage)
    keeps = outage <= stretched(limit)
    # The order of the factors decides where the limit is met but for rounding: as a plan is checked.
    near = np.flatnonzero(np.abs(outage - limit) <= 4.0 * LIMIT_TOLERANCE * limit)
    for mask in near.tolist():
        keeps[mask] = group_keeps_limit(instance, members(mask))
    # No group is empty, whatever the limit is.
    keeps[0] = False
    return outage, keeps


def _products(instance: Instance) -> tuple[FloatArray, BoolArray]:
    """Outage of every set as a product over what fails independently, and whether some device of it never fails."""
    count = len(instance.devices)
    outage, is_sure = np.ones(1), np.zeros(1, dtype=bool)
    alone = [device.failure_domain is None for device in instance.devices]
    falls = {domain.id: domain.failure_probability for domain in instance.failure_domains}
    for device, is_alone in zip(instance.devices, alone, strict=True):
        p = device.failure_probability
        outage = np.concatenate([outage, outage * p if is_alone else outage])
        never = p == 0.0 and (device.failure_domain is None or falls[device.failure_domain] == 0.0)
        is_sure = np.concatenate([is_sure, is_sure | never])
    for domain in instance.failure_domains:
        inside = [device.failure_domain == domain.id for device in instance.devices]
        if any(inside):
            product, touched = np.ones(1), np.zeros(1, dtype=bool)
            for n in range(count):
                p = instance.devices[n].failure_probability if inside[n] else 1.0
                product = np.concatenate([product, product * p])
                touched = np.concatenate([touched, touched | inside[n]])
            fails = domain.failure_probability
            outage = outage * np.where(touched, fails + (1.0 - fails) * product, 1.0)
    return outage, is_sure


def lightest_outage(instance: Instance) -> FloatArray:
    """Outage of each device alone, N: no set that a device joins falls below its own by a larger factor."""
    falls = {domain.id: domain.failure_probability for domain in instance.failure_domains}
    fails = np.array([0.0 if d.failure_domain is None else falls[d.failure_domain] for d in instance.devices])
    return np.asarray(fails + (1.0 - fails) * instance.arrays.failure)


def allowed(instance: Instance) -> BoolArray:
    """Whether the rules allow each set as a group: ``apart``, ``together`` and ``spread``."""
    rules, count = instance.restrictions, len(instance.devices)
    masks = np.arange(1 << count)
    fine = np.ones(1 << count, dtype=bool)
    for rivals in rules.apart:
        shared = masks & mask_of(rivals)
        # One bit at most.
        fine &= shared & (shared - 1) == 0
    for friends in rules.together:
        shared = masks & mask_of(friends)
        fine &= (shared == 0) | (shared == mask_of(friends))
    if rules.spread > 1:
        domains: dict[str, list[int]] = {}
        for n, device in enumerate(instance.devices):
            domains.setdefault(device.failure_domain if device.failure_domain is not None else f" {n}", []).append(n)
        reached = np.zeros(1 << count, dtype=np.int64)
        for devices in domains.values():
            reached += masks & mask_of(devices) != 0
        fine &= reached >= rules.spread
    return fine
