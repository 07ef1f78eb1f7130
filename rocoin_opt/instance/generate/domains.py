"""Failure domains for drawn devices: access points, say, that each take some devices along when they fail.

How often an access point fails is an assumption: nobody has measured it for these boards. Less often than most of the
devices, but more often than groups may: a group behind a single one is rarely safe enough.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.instance import FailureDomain
from rocoin_opt.instance.generate.draws import log_uniform

if TYPE_CHECKING:
    from numpy.random import Generator

    from rocoin_opt.instance import Device

LEAST_FAILURE, MOST_FAILURE = 0.005, 0.05
"""Range of a domain's own failure probability, log-uniform."""


def with_domains(
    rng: Generator, devices: tuple[Device, ...], count: int
) -> tuple[tuple[Device, ...], tuple[FailureDomain, ...]]:
    """Deal devices by chance to failure domains whose sizes differ by at most one.

    Parameters
    ----------
    rng : Generator
        Source of every draw.
    devices : tuple of Device
        N devices in no domain.
    count : int
        Number of domains, at most N.

    Returns
    -------
    devices : tuple of Device
        The same devices in the same order, each in a domain.
    domains : tuple of FailureDomain
        Named ``ap-1``, ``ap-2`` and so on.
    """
    domains = tuple(
        FailureDomain(id=f"ap-{number}", failure_probability=log_uniform(rng, LEAST_FAILURE, MOST_FAILURE))
        for number in range(1, count + 1)
    )
    # A shuffle by sorting: the ways in which NumPy shuffles may change, its uniform draws stay.
    rank = np.argsort(np.argsort(rng.random(len(devices)), kind="stable"), kind="stable")
    dealt = (
        device._replace(
            {
                "failure_domain": domains[int(place) % count].id,
                "source": f"{device.source}; failure domain assumed",
            }
        )
        for device, place in zip(devices, rank, strict=True)
    )
    return tuple(dealt), domains
