"""Steps of a training: one after another, or captured once as a CUDA graph and replayed.

Small networks keep a GPU waiting: a step is hundreds of kernels, each shorter than its launch. A graph launches them
all at once. What changes from step to step lies in places of memory that it reads: the draws of the whole epoch, and
the number of the step, which it raises itself.

References
----------
.. [1] PyTorch 2.13, *CUDA semantics*, CUDA graphs: whole-network capture; branches of several streams.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Protocol, TypeAlias

import torch

from rocoin_opt.errors import InputError, Problem, RocoinError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor, nn

    from rocoin_opt.profiling.learning.draws import Draws

    Descend: TypeAlias = "Callable[[Draws], Tensor]"

CHOICES = ("auto", "eager", "graph")
"""Captured where that is possible; kernel after kernel; captured."""
WARM_UP = 3
"""Steps before a capture, as PyTorch advises: what libraries set up at their first call cannot be captured."""


class Steps(Protocol):
    """The steps of one epoch after another."""

    total: Tensor
    """Sum of the losses since the epoch began, on the device: who reads it waits for the device."""

    def begin(self, drawn: Draws) -> None:
        """Begin an epoch."""

    def gradients(self, number: int) -> None:
        """Leave the gradients of step ``number`` in the parameters, and add its loss to the sum."""


class EagerSteps:
    """Steps one after another.

    Parameters
    ----------
    descend : callable
        From the draws of a step to its loss; it leaves the gradients in the parameters.
    device : torch.device
        Where it computes.
    """

    def __init__(self, descend: Descend, device: torch.device) -> None:
        self.total = torch.zeros((), dtype=torch.float64, device=device)
        self._descend, self._device = descend, device
        self._drawn: Draws | None = None

    def begin(self, drawn: Draws) -> None:
        """Move the draws to the device."""
        self._drawn = drawn.each(lambda values: values.to(self._device))
        self.total.zero_()

    def gradients(self, number: int) -> None:
        """Compute the step."""
        assert self._drawn is not None
        self.total += self._descend(self._drawn.each(lambda values: values[number]))


class CapturedSteps:
    """A step captured as a graph, and replayed.

    Parameters
    ----------
    descend : callable
        As for :class:`EagerSteps`. It must neither wait for the device nor decide by what lies there.
    module : Module
        What it trains. Its buffers, the statistics of normalisations say, are put back after the warm-up.
    device : torch.device
        Where it computes.
    drawn : Draws
        Of a first epoch.
    capture : callable, optional
        Runs a function a few times and returns what replays it; :func:`graph_of` by default.
    """

    def __init__(
        self,
        descend: Descend,
        module: nn.Module,
        device: torch.device,
        drawn: Draws,
        capture: Callable[[Callable[[], None], nn.Module], Callable[[], None]] | None = None,
    ) -> None:
        self.total = torch.zeros((), dtype=torch.float64, device=device)
        self._descend = descend
        self._drawn = drawn.each(lambda values: values.to(device, copy=True))
        self._number = torch.zeros(1, dtype=torch.int64, device=device)
        kept = [(buffer, buffer.clone()) for buffer in module.buffers()]
        try:
            self._replay = (capture or graph_of)(self._step, module)
        finally:
            with torch.no_grad():
                for buffer, value in kept:
                    buffer.copy_(value)

    def begin(self, drawn: Draws) -> None:
        """Put the draws where the graph reads them."""
        self._drawn.take(drawn)
        self._number.zero_()
        self.total.zero_()

    def gradients(self, number: int) -> None:  # noqa: ARG002  # the graph counts itself
        """Replay the step."""
        self._replay()

    def _step(self) -> None:
        # A number on the device must not be looked at by the CPU, as indexing by it would.
        drawn = self._drawn.each(lambda values: values.index_select(0, self._number)[0])
        self.total += self._descend(drawn)
        self._number += 1
        # Warm-up and capture go on from the first step in an epoch of few.
        self._number.remainder_(len(self._drawn.rows))


def graph_of(step: Callable[[], None], module: nn.Module) -> Callable[[], None]:
    """Capture a step as a CUDA graph.

    Parameters
    ----------
    step : callable
        What is captured; it is run :data:`WARM_UP` times before.
    module : Module
        Whose gradients it makes: they get places of the graph's own, which each replay writes anew.

    Returns
    -------
    callable
        Replays it.

    Raises
    ------
    RuntimeError
        If the step does what cannot be captured.
    """
    aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(WARM_UP):
            step()
    torch.cuda.current_stream().wait_stream(aside)
    module.zero_grad(set_to_none=True)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def beside_each_other(calls: Sequence[Callable[[], Tensor]], images: Tensor) -> list[Tensor]:
    """Call one function after another; while a graph is captured, as branches of it that run beside each other.

    Parameters
    ----------
    calls : sequence of callable
        What to call; none relies on another.
    images : Tensor
        What they read.
    """
    if len(calls) == 1 or not (images.is_cuda and torch.cuda.is_current_stream_capturing()):
        return [call() for call in calls]
    trunk = torch.cuda.current_stream()
    branches = [torch.cuda.Stream() for _ in calls]  # type: ignore[no-untyped-call]
    made = []
    for branch, call in zip(branches, calls, strict=True):
        branch.wait_stream(trunk)
        with torch.cuda.stream(branch):
            made.append(call())
    for branch in branches:
        trunk.wait_stream(branch)
    return made


def steps_of(descend: Descend, module: nn.Module, device: torch.device, drawn: Draws, choice: str) -> Steps:
    """Make the steps of a training, captured or not.

    Parameters
    ----------
    descend, module, device, drawn
        As for :class:`CapturedSteps`.
    choice : str
        One of :data:`CHOICES`. On a CPU all steps are eager.

    Raises
    ------
    InputError
        If a graph is asked for, and there is no CUDA device or the step cannot be captured.

    Warns
    -----
    UserWarning
        If a step might have been captured, and could not be.
    """
    if choice == "graph" and device.type != "cuda":
        raise InputError("training", [Problem("step", "'graph' on a CPU", "auto or eager: only CUDA has graphs")])
    if choice == "eager" or device.type != "cuda":
        return EagerSteps(descend, device)
    try:
        return CapturedSteps(descend, module, device, drawn)
    except (RuntimeError, RocoinError) as error:
        # What is no fault of the capture comes up again without one.
        told = str(error).partition("\n")[0]
        if choice == "graph":
            allowed = "networks and losses that can be captured; or auto, or eager"
            raise InputError("training", [Problem("step", f"'graph': {told}", allowed)]) from error
        warnings.warn(f"a step cannot be captured, and is done kernel by kernel: {told}", stacklevel=3)
        module.zero_grad(set_to_none=True)
        return EagerSteps(descend, device)
