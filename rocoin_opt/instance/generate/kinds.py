"""Fleets of alike devices: a few kinds, and how many devices are of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.random import Generator

    from rocoin_opt.instance import Device


def of_kinds(rng: Generator, kinds: Sequence[Device], devices: int) -> tuple[Device, ...]:
    """Make devices of some kinds: the fleet is cut at random places, so that some kinds are far more frequent.

    Parameters
    ----------
    rng : Generator
        Source of the cuts.
    kinds : sequence of Device
        One device of each kind.
    devices : int
        Number N of devices, at least one of each kind.

    Returns
    -------
    tuple of Device
        Alike ones in a row, named ``KIND-1`` to ``KIND-n`` after the identifier of their kind.
    """
    # Cuts by sorting numbers: a draw of places without repetition is not the same in all versions of NumPy.
    cuts = np.sort(np.argsort(rng.random(devices - 1), kind="stable")[: len(kinds) - 1]) + 1
    counts = np.diff([0, *cuts.tolist(), devices])
    return tuple(
        device._replace({"id": f"{device.id}-{number}"})
        for device, count in zip(kinds, counts.tolist(), strict=True)
        for number in range(1, count + 1)
    )
