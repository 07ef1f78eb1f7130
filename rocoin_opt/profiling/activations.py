"""The filter graph and the class affinity of a teacher, from one pass over labelled images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from rocoin_opt.errors import InputError, Problem
from rocoin_opt.profiling.counting.own_code import calling, require_values
from rocoin_opt.profiling.images.given import MAX_CLASSES
from rocoin_opt.profiling.tracing import blank_images, evaluating

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from torch import Tensor, nn

    from rocoin_opt.instance import FloatArray, IntArray

CHUNK = 128
"""Images whose products are summed at once: three arrays of 128 x M numbers stay within a processor's cache."""


@dataclass(frozen=True, eq=False)
class ActivationGraph:
    """What a teacher's filters do on labelled images.

    Attributes
    ----------
    weights : FloatArray, M x M
        ``A_ij = sum over images of a_i a_j |a_i - a_j|`` with a_i the mean activation of filter i: NoNN's rule.
        Symmetric, non-negative, zero diagonal.
    class_affinity : FloatArray, C x M
        Mean over the images of class c of a_i.
    num_images : int
        Images that were seen.
    input_shape : tuple of int
        Shape of one of them, C x H x W.
    """

    weights: FloatArray
    class_affinity: FloatArray
    num_images: int
    input_shape: tuple[int, ...]


def activation_graph(
    teacher: nn.Module,
    layer: str | None,
    batches: Iterable[tuple[Tensor, Tensor]],
    *,
    top_k: int | None = None,
    rectify: bool = False,
) -> ActivationGraph:
    """Stream images through a teacher, and sum up its filter graph and class affinity.

    Besides the teacher's own needs and one batch, memory is that of one M x M matrix. Sums are in double precision.

    Parameters
    ----------
    teacher : Module
        Taken in evaluation mode and left as it was.
    layer : str or None
        Dotted name of the module whose output is looked at: N x M x h x w, or N x M. It must not be negative: take the
        rectifier behind the last convolution. None for what a ``FilterNetwork`` or
        :class:`~rocoin_opt.profiling.counting.teacher.Teacher` says itself that its classifier reads.
    batches : iterable of (Tensor, Tensor)
        Images, N x C x H x W, and their labels, N whole numbers from 0. Every class up to the largest label needs one.
    top_k : int, optional
        Count only so many filters of an image, those with the largest means, the first of equal ones. The affinity
        always counts all.
    rectify : bool
        Take negative activations as 0, for layers behind no rectifier, or behind a smooth one.

    Raises
    ------
    InputError
        If there is no such layer, it was not reached or reached twice, its output has no such shape, is negative or not
        finite, or the images and labels do not fit together.

    References
    ----------
    .. [1] K. Bhardwaj, C.-Y. Lin, A. Sartor, R. Marculescu. Memory- and communication-aware model compression for
       distributed deep learning inference on IoT (NoNN). arXiv 1907.11804, 2019.
    """
    if top_k is not None and top_k < 1:
        raise InputError("activations", [Problem("top_k", repr(top_k), "a whole number from 1")])
    sums: _Sums | None = None
    shape: tuple[int, ...] = ()
    for images, labels in batches:
        classes = _checked_labels(labels, len(images))
        means = _mean_activations(teacher, layer, images, rectify)
        if sums is None:
            sums, shape = _Sums(means.shape[1]), tuple(images.shape[1:])
        sums.add(means, classes, top_k)
    if sums is None:
        raise InputError("activations", [Problem("batches", "no images", "at least one batch")])
    return ActivationGraph(sums.graph(), sums.affinity(), sums.num_images, shape)


def batched(images: Tensor, labels: Tensor, batch_size: int = 256) -> Iterator[tuple[Tensor, Tensor]]:
    """Cut images and labels into batches, in their order.

    Parameters
    ----------
    images : Tensor, shape (N, C, H, W)
        The images.
    labels : Tensor, shape (N,)
        Their classes.
    batch_size : int
        Images per batch, except the last.

    Raises
    ------
    InputError
        If the batch size is less than 1.
    """
    if batch_size < 1:
        raise InputError("activations", [Problem("batch_size", repr(batch_size), "a whole number from 1")])
    yield from zip(torch.split(images, batch_size), torch.split(labels, batch_size), strict=True)


class _Sums:
    """Running sums over images."""

    def __init__(self, num_filters: int) -> None:
        self.num_images = 0
        self._upper = np.zeros((num_filters, num_filters))
        self._by_class = np.zeros((0, num_filters))
        self._counts = np.zeros(0, dtype=np.int64)

    def add(self, means: FloatArray, labels: IntArray, top_k: int | None = None) -> None:
        if means.shape[1] != len(self._upper):
            found = f"{means.shape[1]} filters after {len(self._upper)}"
            raise InputError("activations", [Problem("layer", found, "as many filters in every batch")])
        self.num_images += len(means)
        missing = int(labels.max()) + 1 - len(self._counts)
        if missing > 0:
            self._by_class = np.pad(self._by_class, ((0, missing), (0, 0)))
            self._counts = np.pad(self._counts, (0, missing))
        np.add.at(self._by_class, labels, means)
        self._counts += np.bincount(labels, minlength=len(self._counts))
        counted = means if top_k is None else _only_largest(means, top_k)
        for start in range(0, len(means), CHUNK):
            # A row a filter: what follows then runs along memory.
            self._add_products(np.ascontiguousarray(counted[start : start + CHUNK].T))

    def _add_products(self, means: FloatArray) -> None:
        """Add ``a_i a_j |a_i - a_j|`` for all i < j; means are M x images."""
        products = np.empty_like(means)
        for i in range(len(means) - 1):
            others, room = means[i + 1 :], products[i + 1 :]
            np.subtract(others, means[i], out=room)
            np.abs(room, out=room)
            np.multiply(room, others, out=room)
            self._upper[i, i + 1 :] += room @ means[i]

    def graph(self) -> FloatArray:
        return self._upper + self._upper.T

    def affinity(self) -> FloatArray:
        absent = np.flatnonzero(self._counts == 0)
        if len(absent):
            found = f"no image of class {', '.join(map(str, absent))}"
            raise InputError("activations", [Problem("labels", found, "images of every class up to the largest")])
        return self._by_class / self._counts[:, None]


def _mean_activations(teacher: nn.Module, layer: str | None, images: Tensor, rectify: bool) -> FloatArray:
    """Mean activation of each filter on each image, N x M, in double precision."""
    like = blank_images(teacher, 0, ())
    shown = images.to(device=like.device, dtype=like.dtype)
    if layer is None:
        pooled: Any = getattr(teacher, "pooled", None)
        if pooled is None:
            raise _layer_fault("", "nothing", "a layer by name, or a teacher that knows its own knowledge")
        layer = f"input of {getattr(teacher, 'layer', 'head')}"
        with evaluating(teacher):
            maps: Tensor = pooled(shown)
    else:
        maps = _output_of(teacher, layer, shown)
    if maps.ndim not in (2, 4) or len(maps) != len(images):
        raise _layer_fault(layer, f"an output of shape {tuple(maps.shape)}", "N x M x h x w, or N x M")
    values = maps.double()
    if not bool(torch.isfinite(values).all()):
        raise _layer_fault(layer, "activations that are not finite", "finite activations: check images and weights")
    lowest = float(values.min())
    if lowest < 0 and not rectify:
        allowed = "none below 0, as behind a rectifier; or --rectify, in Python rectify=True, which takes them as 0"
        raise _layer_fault(layer, f"the activation {lowest:g}", allowed)
    means = values.clamp(min=0).flatten(2).mean(dim=2) if maps.ndim == 4 else values.clamp(min=0)
    return np.asarray(means.cpu().numpy())


def _output_of(teacher: nn.Module, layer: str, images: Tensor) -> Tensor:
    names = dict(teacher.named_modules())
    if layer not in names or not layer:
        raise _layer_fault(layer, "no such layer", ", ".join(name for name in names if name))
    outputs: list[Any] = []

    def keep(_module: nn.Module, _inputs: Any, output: Any) -> None:
        # A later layer may work in place.
        outputs.append(output.clone() if isinstance(output, torch.Tensor) else output)

    require_values(teacher, "activations")
    handle = names[layer].register_forward_hook(keep)
    shape = str(tuple(images.shape[1:]))
    try:
        allowed = "images that the teacher takes, and code that runs"
        with calling("activations", "images", shape, allowed), evaluating(teacher):
            teacher(images)
    finally:
        handle.remove()
    if len(outputs) != 1 or not isinstance(outputs[0], torch.Tensor):
        found = f"{len(outputs)} outputs" if len(outputs) != 1 else f"a {type(outputs[0]).__name__}"
        raise _layer_fault(layer, f"{found} in one pass", "one tensor")
    return outputs[0]


def _only_largest(means: FloatArray, top_k: int) -> FloatArray:
    """Set to 0 all but the ``top_k`` largest means of each image, the first of equal ones."""
    if top_k >= means.shape[1]:
        return means
    order = np.argsort(-means, axis=1, kind="stable")
    kept = means.copy()
    np.put_along_axis(kept, order[:, top_k:], 0.0, axis=1)
    return kept


def _checked_labels(labels: Tensor, num_images: int) -> IntArray:
    values = np.asarray(labels.cpu().numpy())
    if values.shape != (num_images,) or values.dtype.kind not in "iu" or num_images == 0 or values.min() < 0:
        found = f"{values.dtype} of shape {values.shape} for {num_images} images"
        raise InputError("activations", [Problem("labels", found, "one whole number from 0 for each image")])
    if values.max() >= MAX_CLASSES:
        raise InputError("activations", [Problem("labels", f"the label {values.max()}", f"labels below {MAX_CLASSES}")])
    return values.astype(np.int64)


def _layer_fault(layer: str, found: str, allowed: str) -> InputError:
    return InputError("activations", [Problem(f"layer {layer!r}", found, allowed)])
