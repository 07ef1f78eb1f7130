"""Traced forward passes: FLOP, bytes of weights and constants, live values and output of any module."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from rocoin_opt.errors import InputError, Problem, UnsupportedError
from rocoin_opt.profiling.counting.forward_pass import ForwardPass, observable
from rocoin_opt.profiling.counting.own_code import calling, require_values
from rocoin_opt.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor, nn

NOISE_SEED = 0
MORE_SCALES = (0.01, 0.1, 3.0, 10.0, 255.0)
"""Where a module reads a number that it has computed, it is traced on noise of these scales too."""


@dataclass(frozen=True)
class Trace:
    """What one image took in a forward pass.

    Attributes
    ----------
    flops : int
        FLOP of all convolutions, matrix products and attention, two per multiply-accumulate.
    parameters : int
        Number of parameters.
    parameter_bits, constant_bits : int
        Bits of the parameters; of the buffers and all other tensors that are read and not made.
    peak_bits : int
        Most bits alive at once, see :func:`trace`.
    num_filters : int
        Channels of the last convolution that ran; where there is none, the second dimension of the output.
    output_shape : tuple of int
        Of the output for one image, the 1 of the batch first.
    """

    flops: int
    parameters: int
    parameter_bits: int
    constant_bits: int
    peak_bits: int
    num_filters: int
    output_shape: tuple[int, ...]


def trace(module: nn.Module, input_shape: tuple[int, ...], precision_bits: int = 32) -> Trace:
    """Run a module on images of one size and count.

    Every operator counts by its kind, see :mod:`rocoin_opt.profiling.counting.operators`: products of matrices,
    convolutions and attention have formulas, whatever works value by value or only moves values counts nothing, and any
    other operator is refused. A value is alive from the operator that makes it, or from the start if it is the image,
    to the last operator that reads it, or to the end if it is returned. While an operator runs, its inputs and its
    outputs are alive together. Parameters, buffers and other constants are no values. A view is part of what it looks
    at, which is alive as a whole. An operator that works in place makes nothing new.

    Parameters
    ----------
    module : Module
        Taken in evaluation mode and left as it was.
    input_shape : tuple of int
        Shape of an image, without the batch: C x H x W.
    precision_bits : int
        Bits of a real number; whole numbers and truth values keep their own size.

    Raises
    ------
    InputError
        If the module does not take such an image, or returns anything but one tensor, or its weights have no values.
    UnsupportedError
        If the FLOP of an operator are not known, or a second image takes other steps than the first.
    """
    if not input_shape or min(input_shape) < 1:
        raise InputError("profile", [Problem("input_shape", repr(input_shape), "positive sizes: C x H x W")])
    require_values(module, "profile")
    seen, output = _steady(module, input_shape)
    if seen.unknown:
        raise UnsupportedError(f"the FLOP of {', '.join(sorted(seen.unknown))} are not known")
    parameters = list(module.parameters())
    return Trace(
        flops=seen.flops,
        parameters=sum(parameter.numel() for parameter in parameters),
        parameter_bits=sum(
            parameter.numel() * (precision_bits if parameter.is_floating_point() else 8 * parameter.element_size())
            for parameter in parameters
        ),
        constant_bits=seen.constant_bits(precision_bits),
        peak_bits=seen.peak_bits(output, precision_bits),
        num_filters=seen.last_filters or int(output.shape[1]),
        output_shape=tuple(output.shape),
    )


def output_of(module: nn.Module, images: Tensor) -> Tensor:
    """Run a module on images, and hold what it returns against what it may.

    Parameters
    ----------
    module : Module
        In evaluation mode.
    images : Tensor, N x C x H x W
        What it is given.

    Raises
    ------
    InputError
        If it fails, or returns anything but one tensor with a row an image.
    """
    shape = tuple(images.shape[1:])
    with calling("profile", "input_shape", str(shape), "an input shape that the module takes, and code that runs"):
        output = module(images)
    is_tensor = isinstance(output, torch.Tensor)
    if not is_tensor or output.ndim < 2 or len(output) != len(images):
        found = f"a tensor of shape {tuple(output.shape)}" if is_tensor else f"no tensor but a {type(output).__name__}"
        raise InputError(
            "profile", [Problem("output", f"{found} for {counted(len(images), 'image')}", "one tensor, a row an image")]
        )
    result: Tensor = output
    return result


def blank_images(module: nn.Module, count: int, input_shape: tuple[int, ...]) -> Tensor:
    """Images of zeros, of the kind of number and on the device of the module's parameters.

    Parameters
    ----------
    module : Module
        What they are for.
    count : int
        How many.
    input_shape : tuple of int
        Of one of them.
    """
    like = next((p for p in module.parameters() if p.is_floating_point()), torch.zeros(()))
    return torch.zeros((count, *input_shape), dtype=like.dtype, device=like.device)


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Put a module into evaluation mode without gradients, and every part of it back afterwards."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for part, mode in modes:
            part.training = mode


def _steady(module: nn.Module, input_shape: tuple[int, ...]) -> tuple[ForwardPass, Tensor]:
    """A pass whose steps do not depend on the image."""
    blank = blank_images(module, 1, input_shape)
    noise = torch.rand(blank.shape, generator=torch.Generator().manual_seed(NOISE_SEED)).to(blank)
    first, output = _observed(module, blank)
    other, _ = _observed(module, noise)
    if first.steps != other.steps:
        # What is made once and kept, a table of positions say, is made by the first pass alone.
        first, output = _observed(module, blank)
    _require_same(first, other)
    if first.reads_values:
        for scale in MORE_SCALES:
            # Numbers of another size may be none that the module takes, as indices of a table say.
            with suppress(InputError):
                _require_same(first, _observed(module, noise * scale)[0])
    return first, output


def _observed(module: nn.Module, image: Tensor) -> tuple[ForwardPass, Tensor]:
    seen = ForwardPass(module, image)
    with evaluating(module), observable(), seen:
        output = output_of(module, image)
    return seen, output


def _require_same(one: ForwardPass, other: ForwardPass) -> None:
    if one.steps != other.steps:
        raise UnsupportedError(
            f"what the module does depends on the image, as with an early exit: {one.flops} FLOP and {len(one.steps)} "
            f"operators for a blank one, {other.flops} FLOP and {len(other.steps)} operators for noise"
        )
