"""What a network costs, and what a student costs as its last layer is cut to a part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from rocoin_opt.errors import InputError, Problem, UnsupportedError
from rocoin_opt.profiling.tracing import Trace, blank_images, evaluating, output_of, trace

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

Builder: TypeAlias = "Callable[[int], nn.Module]"
"""Makes a student for a part of so many filters."""

TRACED_SIZES = 5
"""Part sizes at which a student is built and traced, spread evenly from 1 to its largest part."""


@dataclass(frozen=True)
class NetworkProfile:
    """Costs of one forward pass of one image.

    Attributes
    ----------
    input_shape : tuple of int
        C x H x W.
    precision_bits : int
        Bits of a weight and of an activation.
    flops : float
        FLOP of convolutions, matrix products and attention, two per multiply-accumulate. Biases, normalisations,
        rectifiers, pooling and resizing are not counted.
    parameters : int
        All parameters; the running statistics of normalisations are none.
    weight_bytes, constant_bytes, peak_activation_bytes : float
        Bytes of the parameters, of the buffers and all other tensors that the network holds, the running statistics of
        normalisations say, and the most bytes of values that are alive at once.
    num_filters : int
        Channels of the last convolution; of the output where there is none.
    """

    input_shape: tuple[int, ...]
    precision_bits: int
    flops: float
    parameters: int
    weight_bytes: float
    constant_bytes: float
    peak_activation_bytes: float
    num_filters: int

    @property
    def memory_bytes(self) -> float:
        """Weights, other constants and peak activations together."""
        return self.weight_bytes + self.constant_bytes + self.peak_activation_bytes


@dataclass(frozen=True)
class StudentProfile:
    """Costs of a student as functions of the size s of its part, from 1 to ``largest``.

    Attributes
    ----------
    flops, flops_per_filter : float
        F and f: exactly F + f s FLOP.
    memory_bytes, memory_bytes_per_filter : float
        B and b: B + b s is never less than what was traced.
    largest : int
        Largest part that the figures hold for.
    memory_excess_bytes : float
        By how much B + b s is more than what was traced, at most.
    traced : tuple of (int, NetworkProfile)
        The part sizes that were traced, and what was found.
    """

    flops: float
    flops_per_filter: float
    memory_bytes: float
    memory_bytes_per_filter: float
    largest: int
    memory_excess_bytes: float
    traced: tuple[tuple[int, NetworkProfile], ...]


def profile(module: nn.Module, input_shape: tuple[int, ...], *, precision_bits: int = 32) -> NetworkProfile:
    """Measure the cost of a network, by tracing it on one image.

    Parameters
    ----------
    module : Module
        Any module that takes one batch of images, N x C x H x W.
    input_shape : tuple of int
        C x H x W.
    precision_bits : int
        Bits of a weight and of an activation on the device.

    Raises
    ------
    InputError
        If the module does not take such images.
    UnsupportedError
        If it does work that is not counted; see :func:`rocoin_opt.profiling.tracing.trace`.
    """
    _require_precision(precision_bits)
    return _profile_of(trace(module, input_shape, precision_bits), input_shape, precision_bits)


def _profile_of(found: Trace, input_shape: tuple[int, ...], precision_bits: int) -> NetworkProfile:
    return NetworkProfile(
        input_shape=input_shape,
        precision_bits=precision_bits,
        flops=float(found.flops),
        parameters=found.parameters,
        weight_bytes=found.parameter_bits / 8,
        constant_bytes=found.constant_bits / 8,
        peak_activation_bytes=found.peak_bits / 8,
        num_filters=found.num_filters,
    )


def profile_student(
    build: Builder, input_shape: tuple[int, ...], largest: int, *, precision_bits: int = 32
) -> StudentProfile:
    """Trace a student at several part sizes, and find how its cost grows with the part.

    FLOP grow by the same amount with every filter when only the last layer is cut. The peak of the activations does
    not: it is the largest of several sums, each linear in the size, so it is convex. The straight line through the
    smallest and the largest part is therefore an upper bound in between; the memory is that line.

    Parameters
    ----------
    build : callable
        Builds the student for a part of a given number of filters.
    input_shape : tuple of int
        C x H x W.
    largest : int
        Largest part.
    precision_bits : int
        Bits of a weight and of an activation on the device.

    Raises
    ------
    InputError
        As :func:`profile`, or if ``largest`` is less than 1, or what a student returns is not one number for each
        filter of its part and image: N x s.
    UnsupportedError
        If FLOP do not grow evenly, or memory somewhere exceeds the line: the instance format cannot say so.
    """
    if largest < 1:
        raise InputError("profile", [Problem("largest", repr(largest), "a whole number from 1")])
    _require_precision(precision_bits)
    # A slope needs two sizes.
    end = max(2, largest)
    sizes = sorted({int(size) for size in np.linspace(1, end, TRACED_SIZES).round()})
    traced = tuple((size, _student_profile(build(size), size, input_shape, precision_bits)) for size in sizes)
    flops, flops_per_filter = _line({size: found.flops for size, found in traced})
    memory, memory_per_filter = _line({size: found.memory_bytes for size, found in traced})
    for size, found in traced:
        if not np.isclose(found.flops, flops + flops_per_filter * size, rtol=1e-12):
            raise UnsupportedError(f"FLOP do not grow evenly with the part: {_listed(traced, 'flops')}")
        if found.memory_bytes > (memory + memory_per_filter * size) * (1 + 1e-12):
            raise UnsupportedError(f"memory grows less than evenly with the part: {_listed(traced, 'memory_bytes')}")
    if min(flops, flops_per_filter, memory, memory_per_filter) < 0:
        raise UnsupportedError(
            f"costs fall with the part, or are less than their growth: {_listed(traced, 'flops')}; "
            f"{_listed(traced, 'memory_bytes')}"
        )
    excess = max(memory + memory_per_filter * size - found.memory_bytes for size, found in traced)
    return StudentProfile(flops, flops_per_filter, memory, memory_per_filter, largest, max(0.0, excess), traced)


def _require_precision(bits: int) -> None:
    if bits < 1:
        raise InputError("profile", [Problem("precision_bits", repr(bits), "a whole number from 1")])


def _student_profile(
    student: nn.Module, size: int, input_shape: tuple[int, ...], precision_bits: int
) -> NetworkProfile:
    """Profile a student of a part, which has to return N x size."""
    found = trace(student, input_shape, precision_bits)
    with evaluating(student):
        # With one image, a wrong first dimension could look right.
        shape = tuple(output_of(student, blank_images(student, 2, input_shape)).shape)
    if (found.output_shape, shape) != ((1, size), (2, size)):
        text = " and ".join(" x ".join(map(str, sizes)) for sizes in (found.output_shape, shape))
        allowed = f"1 x {size} and 2 x {size}: the mean of each filter of its part, for each image"
        raise InputError(
            "profile", [Problem("output", f"{text} for a part of {size} filters, one and two images", allowed)]
        )
    return _profile_of(found, input_shape, precision_bits)


def _line(values: dict[int, float]) -> tuple[float, float]:
    """Intercept and slope of the line through the first and the last point."""
    first, last = min(values), max(values)
    slope = (values[last] - values[first]) / (last - first)
    return values[first] - slope * first, slope


def _listed(traced: tuple[tuple[int, NetworkProfile], ...], name: str) -> str:
    return ", ".join(f"{getattr(found, name):.12g} {name} with {size}" for size, found in traced)
