"""One traced forward pass: FLOP, parameters, live values and output filters of any module."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode, flop_registry

from rocoin_opt.errors import InputError, Problem, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor, nn

REFUSALS = (RuntimeError, ValueError, TypeError, IndexError, AssertionError)
"""What a module raises for images that it does not take."""
FREE_OPERATORS = {"aten.embedding", "aten.native_layer_norm", "aten._weight_norm_interface"}
"""Operators that read a weight matrix, but multiply none; as those that work value by value, or only reduce."""


@dataclass(frozen=True)
class Trace:
    """What one image took in a forward pass.

    Attributes
    ----------
    flops : int
        FLOP of all convolutions and matrix products, two per multiply-accumulate.
    parameters : int
        Number of parameters.
    peak_bits : int
        Most bits alive at once, see :func:`trace`.
    num_filters : int
        Channels of the last convolution that ran; where there is none, the second dimension of the output.
    """

    flops: int
    parameters: int
    peak_bits: int
    num_filters: int


def trace(module: nn.Module, input_shape: tuple[int, ...], precision_bits: int = 32) -> Trace:
    """Run a module on one image of zeros and count.

    A value is alive from the operator that makes it, or from the start if it is the image, to the last operator that
    reads it, or to the end if it is returned. While an operator runs, its inputs and its outputs are alive together.
    Parameters and buffers are no values. A view is part of what it looks at, which is alive as a whole. An operator
    that works in place makes nothing new.

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
        If the module does not take such an image, or returns anything but one tensor.
    UnsupportedError
        If an operator with a weight matrix has FLOP that PyTorch's counter does not know.
    """
    if not input_shape or min(input_shape) < 1:
        raise InputError("profile", [Problem("input_shape", repr(input_shape), "positive sizes: C x H x W")])
    image = blank_images(module, 1, input_shape)
    lives = _Lives(module, image)
    with evaluating(module), FlopCounterMode(display=False) as counter, lives:
        try:
            output = module(image)
        except REFUSALS as error:
            found, allowed = str(error).partition("\n")[0], "an input shape that the module takes"
            raise InputError("profile", [Problem("input_shape", f"{input_shape}: {found}", allowed)]) from error
    if not isinstance(output, torch.Tensor) or output.ndim < 2:
        found = "no tensor" if not isinstance(output, torch.Tensor) else f"a tensor of shape {tuple(output.shape)}"
        raise InputError("profile", [Problem("output", found, "one tensor, a row an image")])
    if lives.uncounted:
        raise UnsupportedError(f"the FLOP of {', '.join(sorted(lives.uncounted))} are not known to PyTorch's counter")
    return Trace(
        flops=int(counter.get_total_flops()),
        parameters=sum(parameter.numel() for parameter in module.parameters()),
        peak_bits=lives.peak_bits(output, precision_bits),
        num_filters=lives.last_filters or int(output.shape[1]),
    )


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


class _Lives(TorchDispatchMode):
    """Notes for every value the operators that make it and last read it."""

    def __init__(self, module: nn.Module, image: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.uncounted: set[str] = set()
        self.last_filters: int | None = None
        self._step = 0
        self._weights = {p.untyped_storage().data_ptr() for p in module.parameters() if p.ndim >= 2}
        self._constant = {t.untyped_storage().data_ptr() for t in (*module.parameters(), *module.buffers())}
        # Every storage is kept to the end, so that no address stands for two values.
        self._values: dict[int, tuple[Tensor, int]] = {}
        self._last: dict[int, int] = {}
        self._touch(image)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self._step += 1
        inputs = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
        result = func(*args, **(kwargs or {}))
        outputs = [leaf for leaf in tree_leaves(result) if isinstance(leaf, torch.Tensor)]
        for value in (*inputs, *outputs):
            self._touch(value)
        if func.overloadpacket in (torch.ops.aten.convolution, torch.ops.aten._convolution):
            self.last_filters = int(outputs[0].shape[1])
        reads_weights = any(value.untyped_storage().data_ptr() in self._weights for value in inputs)
        is_view = all(value.untyped_storage().data_ptr() in self._weights for value in outputs)
        if reads_weights and not is_view and not _is_counted(func):
            self.uncounted.add(str(func.overloadpacket))
        return result

    def peak_bits(self, output: Tensor, precision_bits: int) -> int:
        """Most bits alive at once, with the module's output alive to the end."""
        self._touch(output)
        change = [0] * (self._step + 2)
        for address, (value, born) in self._values.items():
            storage = value.untyped_storage()
            own_bits = 8 * value.element_size()
            bits = 8 * storage.nbytes() // own_bits * (precision_bits if value.is_floating_point() else own_bits)
            change[born] += bits
            change[self._last[address] + 1] -= bits
        alive = peak = 0
        for bits in change:
            alive += bits
            peak = max(peak, alive)
        return peak

    def _touch(self, value: Tensor) -> None:
        address = value.untyped_storage().data_ptr()
        if address and address not in self._constant:
            self._values.setdefault(address, (value, self._step))
            self._last[address] = self._step


def _is_counted(func: Any) -> bool:
    packet = func.overloadpacket
    is_free = bool({torch.Tag.pointwise, torch.Tag.reduction} & set(func.tags)) or str(packet) in FREE_OPERATORS
    return packet in flop_registry or is_free
