"""Shared channels for drawn devices: access points, say, on which transfers go one after another.

Which devices share one is an assumption; rates stay those of the links: what a device sends fills the channel for as
long as it takes on its own link.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.instance.entities import Channel

if TYPE_CHECKING:
    from numpy.random import Generator

    from rocoin_opt.instance import Device


def with_channels(
    rng: Generator, devices: tuple[Device, ...], count: int
) -> tuple[tuple[Device, ...], tuple[Channel, ...]]:
    """Deal devices by chance to channels whose numbers of devices differ by at most one.

    Parameters
    ----------
    rng : Generator
        Source of every draw.
    devices : tuple of Device
        N devices with links of their own.
    count : int
        Number of channels, at most N.

    Returns
    -------
    devices : tuple of Device
        The same devices in the same order, each on a channel.
    channels : tuple of Channel
        Named ``channel-1``, ``channel-2`` and so on.
    """
    channels = tuple(Channel(id=f"channel-{number}") for number in range(1, count + 1))
    # A shuffle by sorting: the ways in which NumPy shuffles may change, its uniform draws stay.
    rank = np.argsort(np.argsort(rng.random(len(devices)), kind="stable"), kind="stable")
    dealt = (
        device.model_copy(
            update={"channel": channels[int(place) % count].id, "source": f"{device.source}; channel assumed"}
        )
        for device, place in zip(devices, rank, strict=True)
    )
    return tuple(dealt), channels
