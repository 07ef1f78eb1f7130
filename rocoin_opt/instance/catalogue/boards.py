"""Boards with latency tables: how long whole networks took on them, as a public benchmark measured it.

A rate in FLOP/s cannot say this: on one board it differs by a factor of 4 to 16 between networks, and quantised
networks are faster on some boards and slower on others.
"""

from __future__ import annotations

import math
from functools import cache
from statistics import NormalDist, median
from typing import NamedTuple

from rocoin_opt.documents import Model
from rocoin_opt.instance import Count, Identifier, Positive, Student
from rocoin_opt.instance.catalogue.networks import Network, Precision, backbones, student_of
from rocoin_opt.instance.catalogue.tables import read_table

QUANTISED = "_int8"
"""Ends the names of quantised networks."""
RANGE_STEPS = 4000


class Milliseconds(NamedTuple):
    """One network on one board, over all loops of the run."""

    mean: Positive
    least: Positive
    most: Positive


class MeasuredBoard(Model):
    """One board, and how long networks took on it."""

    id: Identifier
    """Unique name."""
    name: str
    """Board and processor, as the benchmark's table calls them."""
    threads: Count
    """Threads of the run."""
    powersave: int
    """Setting of the run: 0 for all cores, 2 for the big ones alone."""
    loops: Count
    """Inferences that each figure is taken over, warm-up not counted."""
    milliseconds: dict[str, Milliseconds]
    """By network: mean, least and most milliseconds of an inference."""
    source: str
    """Where the figures were published."""

    @property
    def compute_seconds(self) -> dict[str, float]:
        """Mean seconds of an inference, by network."""
        # A thousandth of a decimal number, with its digits.
        return {network: round(taken.mean * 1e-3, 9) for network, taken in self.milliseconds.items()}

    @property
    def sigma(self) -> float:
        """Standard deviation of the logarithm of the compute time over loops, the median over the networks.

        By the range method: the logarithm of most / least, over the mean range of so many standard normal draws. It is
        a spread over the loops of one run: heat, other work and another board of the type are not in it.

        References
        ----------
        .. [1] L. H. C. Tippett. On the extreme individuals and the range of samples taken from a normal population.
           Biometrika 17(3/4), 1925.
        """
        spread = median(math.log(taken.most / taken.least) for taken in self.milliseconds.values())
        return spread / mean_range(self.loops)

    @property
    def flops_per_second(self) -> float:
        """The one rate that fits the table best: median over the networks of FLOP / mean seconds."""
        flops = {network.id: 2.0 * network.macs for network in backbones()}
        return median(
            flops[network.removesuffix(QUANTISED)] / seconds for network, seconds in self.compute_seconds.items()
        )


@cache
def boards() -> tuple[MeasuredBoard, ...]:
    """All boards with latency tables, in the catalogue's order."""
    return tuple(read_table("boards.json", MeasuredBoard))


def backbone_students(num_filters: int) -> tuple[Student, ...]:
    """Make students of all networks that boards were measured with, in float32 and where measured in int8.

    The largest network, ResNet-18, is the teacher's own: it learns everything. The capacity of the others is the
    assumption of :func:`rocoin_opt.instance.catalogue.students`, and quantised ones are taken to learn as much.

    Parameters
    ----------
    num_filters : int
        Number M of filters of the knowledge.
    """
    teacher = backbones()[-1]
    measured = {network for board in boards() for network in board.milliseconds}
    made = []
    for network in backbones():
        made.append(_named(network, teacher, "float32", num_filters, network.id))
        if network.id + QUANTISED in measured:
            made.append(_named(network, teacher, "int8", num_filters, network.id + QUANTISED))
    return tuple(made)


def _named(network: Network, teacher: Network, precision: Precision, num_filters: int, name: str) -> Student:
    return student_of(network, teacher, precision, num_filters)._replace({"id": name})


@cache
def mean_range(count: int) -> float:
    """Mean of the largest less the smallest of so many standard normal draws, ``d_2`` of control charts.

    The integral of ``1 - Phi^n - (1 - Phi)^n`` by the trapezoidal rule, to six digits up to some thousand draws.
    """
    normal, step = NormalDist(), 16.0 / RANGE_STEPS
    below = (normal.cdf(-8.0 + step * place) for place in range(RANGE_STEPS + 1))
    return step * sum(1.0 - share**count - (1.0 - share) ** count for share in below)
