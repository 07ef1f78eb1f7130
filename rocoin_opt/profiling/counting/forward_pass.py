"""One observed forward pass: the FLOP of its operators, and when each of its values is alive."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from rocoin_opt.errors import UnsupportedError
from rocoin_opt.profiling.counting.operators import flops_of, is_composite

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor, nn

CONVOLUTIONS = (torch.ops.aten.convolution, torch.ops.aten._convolution)
WAYS_OUT = ("numpy", "__array__", "__dlpack__")
"""Methods of a tensor that hand its values to another library, whose work nobody sees."""


class ForwardPass(TorchDispatchMode):
    """Counts, and notes for every value the operators that make it and last read it.

    A tensor that is read, but was neither made in the pass nor is the image, is a constant like parameters and buffers.

    Parameters
    ----------
    module : Module
        What is observed.
    image : Tensor
        What it is given.

    Attributes
    ----------
    flops : int
        FLOP so far.
    unknown : set of str
        Operators whose FLOP nobody knows.
    last_filters : int or None
        Channels of the last convolution.
    reads_values : bool
        Whether the module asked for a number that it had computed, on which what it does next may depend.
    steps : list of tuple
        Every operator with the shapes of its results: what tells two passes apart.
    """

    def __init__(self, module: nn.Module, image: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flops = 0
        self.unknown: set[str] = set()
        self.last_filters: int | None = None
        self.reads_values = False
        self.steps: list[tuple[str, tuple[tuple[int, ...], ...]]] = []
        self._parameters = {parameter.untyped_storage().data_ptr() for parameter in module.parameters()}
        self._constants = {
            buffer.untyped_storage().data_ptr(): buffer
            for buffer in module.buffers()
            if buffer.untyped_storage().data_ptr() not in self._parameters
        }
        # Every storage is kept to the end, so that no address stands for two values.
        self._values: dict[int, tuple[Tensor, int]] = {}
        self._last: dict[int, int] = {}
        self._touch(image)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        keywords = kwargs or {}
        if is_composite(func):
            with self:
                result = func.decompose(*args, **keywords)
            if result is not NotImplemented:
                return result
        inputs = _tensors((args, keywords))
        for value in inputs:
            self._note_constant(value)
        result = func(*args, **keywords)
        outputs = _tensors(result)
        for value in (*inputs, *outputs):
            self._touch(value)
        self.steps.append((str(func), tuple(tuple(value.shape) for value in outputs)))
        flops = flops_of(func, args, keywords, result)
        if flops is None:
            self.unknown.add(str(func.overloadpacket))
        else:
            self.flops += flops
        if func.overloadpacket in CONVOLUTIONS:
            self.last_filters = int(outputs[0].shape[1])
        if func is torch.ops.aten._local_scalar_dense.default:
            self.reads_values |= inputs[0].untyped_storage().data_ptr() in self._values
        return result

    def constant_bits(self, precision_bits: int) -> int:
        """Bits of the buffers, and of all other tensors that were read and not made."""
        return sum(_bits(value, precision_bits) for value in self._constants.values())

    def peak_bits(self, output: Tensor, precision_bits: int) -> int:
        """Most bits alive at once, with the module's output alive to the end.

        Parameters
        ----------
        output : Tensor
            Of the module.
        precision_bits : int
            Bits of a real number.
        """
        end = len(self.steps)
        self._touch(output)
        change = [0] * (end + 2)
        for address, (value, born) in self._values.items():
            bits = _bits(value, precision_bits)
            change[born] += bits
            change[self._last[address] + 1] -= bits
        alive = peak = 0
        for bits in change:
            alive += bits
            peak = max(peak, alive)
        return peak

    def _note_constant(self, value: Tensor) -> None:
        address = value.untyped_storage().data_ptr()
        if address and address not in self._values and address not in self._parameters:
            self._constants.setdefault(address, value)

    def _touch(self, value: Tensor) -> None:
        address = value.untyped_storage().data_ptr()
        if address and address not in self._constants and address not in self._parameters:
            step = len(self.steps)
            self._values.setdefault(address, (value, step))
            self._last[address] = step


class _WaysOut(TorchFunctionMode):
    """Refuses what hands values to another library."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = getattr(func, "__name__", "")
        if name in WAYS_OUT and args and isinstance(args[0], torch.Tensor):
            raise UnsupportedError(
                f"the module hands a tensor to another library (Tensor.{name}), whose work cannot be counted"
            )
        return func(*args, **(kwargs or {}))


@contextlib.contextmanager
def observable() -> Iterator[None]:
    """Keep PyTorch from kernels that do the work of a whole layer unseen, and from compiled modules."""
    with contextlib.ExitStack() as stack:
        is_fast = torch.backends.mha.get_fastpath_enabled()
        stack.callback(torch.backends.mha.set_fastpath_enabled, is_fast)
        torch.backends.mha.set_fastpath_enabled(False)
        # Recurrent layers come as one operator of this library, else as the products that they are.
        # PyTorch's own context manager of these libraries warns of others.
        is_used = torch._C._get_mkldnn_enabled()
        stack.callback(torch._C._set_mkldnn_enabled, is_used)
        torch._C._set_mkldnn_enabled(False)
        if "torch._dynamo" in sys.modules:
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        stack.enter_context(_WaysOut())
        yield


def _tensors(tree: Any) -> list[Tensor]:
    found = [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]
    for tensor in found:
        if tensor.layout != torch.strided or tensor.is_quantized:
            kind = "quantised" if tensor.is_quantized else str(tensor.layout).removeprefix("torch.")
            raise UnsupportedError(f"the module works on {kind} tensors, whose FLOP and bytes are not counted")
    return found


def _bits(value: Tensor, precision_bits: int) -> int:
    """Bits of all that a tensor looks at; whole numbers and truth values keep their own size."""
    own_bits = 8 * value.element_size()
    return (
        8 * value.untyped_storage().nbytes() // own_bits * (precision_bits if value.is_floating_point() else own_bits)
    )
