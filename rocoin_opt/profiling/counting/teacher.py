"""Any network as a teacher: its knowledge is what its last linear layer reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from rocoin_opt.errors import InputError, Problem
from rocoin_opt.profiling.counting.own_code import calling, require_values
from rocoin_opt.profiling.networks import FilterNetwork

if TYPE_CHECKING:
    from torch import Tensor


class Teacher(nn.Module):
    """A network of the user with a linear classifier, as distillation wants it; its weights stay as they are.

    Parameters
    ----------
    network : Module
        From images to logits, N x classes, or what follows from them value by value.
    images : Tensor, N x C x H x W
        A few images, to see which layer classifies.
    layer : str, optional
        Dotted name of the linear layer; else the one whose output is the network's, the last of several.

    Attributes
    ----------
    layer : str
        Its name.
    num_filters : int
        Features that it reads, M: the knowledge.

    Raises
    ------
    InputError
        If the network fails, there is no such layer, or it is not given features N x M exactly once.
    """

    def __init__(self, network: nn.Module, images: Tensor, layer: str | None = None) -> None:
        super().__init__()
        self.network = network.eval()
        require_values(network, "teacher")
        layers = {name: part for name, part in network.named_modules() if name and isinstance(part, nn.Linear)}
        if layer is not None and layer not in layers:
            raise _fault(f"no linear layer {layer!r}", layers)
        seen = (
            {name: self._seen(name, images) for name in layers} if layer is None else {layer: self._seen(layer, images)}
        )
        fitting = [name for name, reads in seen.items() if reads is not None]
        if layer is None:
            with torch.no_grad():
                output = network(images)
                fitting = [name for name in fitting if _is_same(layers[name](seen[name]), output)]
        if not fitting:
            raise _fault("none that reads features N x M once and makes the output", layers)
        self.layer = fitting[-1]
        self.num_filters = layers[self.layer].in_features

    @property
    def head(self) -> nn.Linear:
        """The linear layer: from features, N x M, to logits."""
        found = self.network.get_submodule(self.layer)
        assert isinstance(found, nn.Linear)
        return found

    def pooled(self, images: Tensor) -> Tensor:
        """Return the knowledge, N x M: what the linear layer reads."""
        found = self._seen(self.layer, images)
        if found is None:
            raise _fault(f"{self.layer!r}, which does not read {len(images)} x {self.num_filters} numbers once", ())
        return found

    def forward(self, images: Tensor) -> Tensor:
        """Return what the network returns."""
        output: Tensor = self.network(images)
        return output

    def _seen(self, layer: str, images: Tensor) -> Tensor | None:
        reads: list[Any] = []
        handle = self.network.get_submodule(layer).register_forward_pre_hook(lambda _, given: reads.append(given[0]))
        try:
            shape = str(tuple(images.shape[1:]))
            with (
                calling("teacher", "images", shape, "images that the teacher takes, and code that runs"),
                torch.no_grad(),
            ):
                self.network(images)
        finally:
            handle.remove()
        is_one = len(reads) == 1 and isinstance(reads[0], torch.Tensor) and reads[0].ndim == 2
        return reads[0].clone() if is_one and len(reads[0]) == len(images) else None


def with_knowledge(network: nn.Module, images: Tensor, layer: str | None = None) -> FilterNetwork | Teacher:
    """Wrap a network as a teacher whose features can be shared out.

    Parameters
    ----------
    network : Module
        A teacher already, or any network with a linear classifier.
    images : Tensor, N x C x H x W
        Some images, of which a few are used.
    layer : str, optional
        Name of the classifier, as for :class:`Teacher`.

    Raises
    ------
    InputError
        As :class:`Teacher`, or if a network whose classifier is known is given another one.
    """
    if isinstance(network, FilterNetwork | Teacher):
        if layer is not None:
            allowed = "nothing: this network's classifier is known"
            raise InputError("teacher", [Problem("layer", repr(layer), allowed)])
        return network
    return Teacher(network, images[:8], layer)


def _is_same(logits: Tensor, output: Any) -> bool:
    """Whether an output is the logits, or names the same classes."""
    if not isinstance(output, torch.Tensor) or output.shape != logits.shape:
        return False
    return bool(torch.allclose(logits, output, atol=1e-5) or torch.equal(logits.argmax(1), output.argmax(1)))


def _fault(found: str, layers: Any) -> InputError:
    return InputError(
        "teacher", [Problem("layer", found, f"a linear layer that classifies: {', '.join(layers) or 'one'}")]
    )
