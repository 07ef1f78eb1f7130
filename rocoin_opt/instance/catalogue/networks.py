"""Networks with counted costs, wide residual ones and others, and the students that they make for a teacher."""

from __future__ import annotations

import math
from functools import cache
from typing import Literal, TypeAlias

from rocoin_opt.documents import Model
from rocoin_opt.errors import InputError, Problem
from rocoin_opt.instance import Count, Identifier, Positive, Student
from rocoin_opt.instance.catalogue.tables import read_table

Precision: TypeAlias = Literal["float32", "int8"]

BYTES_PER_VALUE: dict[Precision, int] = {"float32": 4, "int8": 1}


class Network(Model):
    """Costs of one network, counted from its layers' shapes."""

    id: Identifier
    """Unique name, ``wrn-DEPTH-WIDTH`` say."""
    parameters: Positive
    """Weights, biases and batch normalisation; in backbones this is folded into the convolutions."""
    macs: Positive
    """Multiply-accumulates of the convolutions and the classifier; one is two FLOP."""
    peak_activations: Positive
    """Most values alive at once; in a WRN a block's input, and the input and output of its second convolution."""
    final_filters: Count
    """Filters of the final convolution."""
    source: str
    """How the figures came about."""


@cache
def networks() -> tuple[Network, ...]:
    """All wide residual networks, by ascending number of parameters."""
    return tuple(read_table("networks.json", Network))


@cache
def backbones() -> tuple[Network, ...]:
    """All compact ImageNet networks that boards were measured with, by ascending number of parameters."""
    return tuple(read_table("backbones.json", Network))


def students(teacher: str, precision: Precision = "float32", *, num_filters: int | None = None) -> tuple[Student, ...]:
    """Make students of all networks that are no larger than a teacher, the teacher's own network included.

    The knowledge capacity is a modelling assumption, not a measurement: ``max_filters = M sqrt(P / P_teacher)``,
    rounded, with P the number of parameters; at least 1 and at most the filters of the student's final convolution in
    proportion to the teacher's.

    Parameters
    ----------
    teacher : str
        Identifier of a network.
    precision : str
        ``float32`` or ``int8``: bytes per weight and activation.
    num_filters : int, optional
        Number M of filters of the knowledge; the teacher's final filters by default.

    Returns
    -------
    tuple of Student
        By ascending number of parameters. FLOP are twice the multiply-accumulates; memory in bytes holds all weights
        and the peak activations.

    Raises
    ------
    InputError
        If there is no such network or precision.
    """
    known = {network.id: network for network in networks()}
    _require("teacher", teacher, list(known))
    _require("precision", precision, list(BYTES_PER_VALUE))
    largest = known[teacher]
    total = largest.final_filters if num_filters is None else num_filters
    ladder = [network for network in networks() if network.parameters <= largest.parameters]
    return tuple(student_of(network, largest, precision, total) for network in ladder)


def student_of(network: Network, teacher: Network, precision: Precision, num_filters: int) -> Student:
    """Make the student that a network is for a teacher; see :func:`students`.

    Parameters
    ----------
    network, teacher : Network
        The student's network, and the largest one.
    precision : str
        ``float32`` or ``int8``.
    num_filters : int
        Number M of filters of the knowledge.
    """
    learnt = round(num_filters * math.sqrt(network.parameters / teacher.parameters))
    # A narrow network cannot hold more of the knowledge than its final convolution is wide.
    room = num_filters * network.final_filters // teacher.final_filters
    size = BYTES_PER_VALUE[precision]
    return Student(
        id=network.id,
        flops=2.0 * network.macs,
        memory_bytes=size * (network.parameters + network.peak_activations),
        max_filters=max(1, min(learnt, room)),
        source=f"{network.source}; {precision}; max_filters is an assumption: M sqrt(parameters / {teacher.id}'s)",
    )


def _require(option: str, found: str, allowed: list[str]) -> None:
    if found not in allowed:
        raise InputError("options", [Problem(option, repr(found), ", ".join(allowed))])
