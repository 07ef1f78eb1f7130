"""Family ``tight``: every device is needed, and the number of groups is the largest there can be, by construction.

Bins of one length L are cut into pieces, one for each device, and a piece of length l fails with probability
``eps^(l / L)``. So the pieces of a bin keep the outage limit together and none of them may be missing, and all pieces
together make so many covers and no more. To find bins in the shuffled pieces is skiving stock, or bin covering, without
any waste.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rocoin_opt.instance import Student
from rocoin_opt.instance.generate import synthetic
from rocoin_opt.instance.generate.draws import rounded, uniform

if TYPE_CHECKING:
    from numpy.random import Generator

    from rocoin_opt.instance import Device, Instance

PIECES = 3
"""Devices of a group on average."""
LENGTH = 1000
"""L. No sum of less comes closer to it than a thousandth, far more than what rounding gives away."""
LEAST = 0.5
"""Shortest piece, as a share of the bin's even piece."""
DIGITS = 6
"""Failure probabilities are rounded down to so many significant digits: groups stay within the limit."""


def num_groups(devices: int) -> int:
    """Number of groups for N devices."""
    return max(1, round(devices / PIECES))


def students(rng: Generator, num_filters: int, max_groups: int) -> tuple[Student, ...]:
    """Draw the one student: of one filter where there are as many as groups, else of up to twice the even part.

    Parameters
    ----------
    rng : Generator
        Source of the costs.
    num_filters, max_groups : int
        Numbers M of filters and K of groups.
    """
    even = math.ceil(num_filters / max_groups)
    capacity = 1 if even == 1 else min(num_filters, 2 * even)
    return (
        Student(
            id=f"student-{capacity}",
            flops=rounded(25e6 * uniform(rng, 1 - synthetic.SPREAD, 1 + synthetic.SPREAD)),
            flops_per_filter=rounded(25e6 / capacity),
            memory_bytes=rounded(500e3 * uniform(rng, 1 - synthetic.SPREAD, 1 + synthetic.SPREAD)),
            max_filters=capacity,
            source="synthetic: drawn around the costs of the WRN ladder; the capacity is an assumption",
        ),
    )


def devices(rng: Generator, count: int, students: tuple[Student, ...]) -> tuple[Device, ...]:
    """Draw devices as ``edge`` does; how often they fail follows.

    Parameters
    ----------
    rng : Generator
        Source of every draw.
    count : int
        Number N of devices.
    students : tuple of Student
        What all of them hold.
    """
    return synthetic.devices(rng, count, students, 0.5, 0.5)


def with_bins(rng: Generator, instance: Instance) -> Instance:
    """Let the devices be the pieces of bins, and ask for as many groups as there are bins."""
    count, limit = len(instance.devices), instance.requirements.max_group_outage
    groups = instance.max_groups
    pieces = [piece for cut in bins(rng, count, groups) for piece in cut]
    order = sorted(range(count), key=rng.random(count).tolist().__getitem__)
    failing = [_rounded_down(limit ** (pieces[n] / LENGTH)) for n in order]
    drawn = tuple(
        device._replace({"failure_probability": p}) for device, p in zip(instance.devices, failing, strict=True)
    )
    return instance._replace({"devices": drawn}).with_requirements(min_groups=groups, max_groups=groups)


def bins(rng: Generator, pieces: int, number: int) -> list[list[int]]:
    """Cut bins of length :data:`LENGTH` at random into whole pieces, as evenly many as can be.

    Parameters
    ----------
    rng : Generator
        Source of the cuts.
    pieces, number : int
        Of pieces, and of bins, which are no more.

    Returns
    -------
    list of lists of int
        Lengths of the pieces of each bin.
    """
    cut = []
    for place in range(number):
        own = pieces // number + (place < pieces % number)
        least = int(LEAST * LENGTH / own)
        free = LENGTH - own * least
        cuts = sorted(int(rng.random() * (free + 1)) for _ in range(own - 1))
        cut.append([least + after - before for before, after in zip([0, *cuts], [*cuts, free], strict=True)])
    return cut


def _rounded_down(probability: float) -> float:
    scale = 10.0 ** (DIGITS - 1 - math.floor(math.log10(probability)))
    return math.floor(probability * scale) / scale
