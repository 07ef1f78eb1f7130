"""Small image networks: teachers, and students whose last layer is cut to the filters of a part.

Wide residual networks follow Zagoruyko and Komodakis (*Wide Residual Networks*, 2016), with the stride on a block's
first convolution; ResNet-8 is the image classifier of MLPerf Tiny; the separable network is built of the blocks of
MobileNet-V1 (Howard et al., 2017), cut down to images of about 32 x 32.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn
from torch.nn import functional

from rocoin_opt.errors import InputError, Problem

if TYPE_CHECKING:
    from torch import Tensor


class FilterNetwork(nn.Module):
    """A network that is a convolutional body, the mean of each of its last filters, and a linear classifier.

    The body keeps the weights that it has.

    Parameters
    ----------
    body : Module
        From images (N x C x H x W) to the non-negative maps of the last filters (N x M x h x w).
    num_filters : int
        Number M of last filters.
    num_classes : int
        Classes of the classifier; 0 for none, as for a student that sends its filters to the source.
    """

    def __init__(self, body: nn.Module, num_filters: int, num_classes: int) -> None:
        super().__init__()
        self.body = body
        self.num_filters = num_filters
        self.head = nn.Linear(num_filters, num_classes) if num_classes else nn.Identity()

    def features(self, images: Tensor) -> Tensor:
        """Return the maps of the last filters, N x M x h x w, after their rectifier."""
        maps: Tensor = self.body(images)
        return maps

    def pooled(self, images: Tensor) -> Tensor:
        """Return the mean activation of each last filter, N x M: what a student sends to the source."""
        return self.features(images).mean(dim=(2, 3))

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits, N x classes; without a classifier the mean activations, N x M."""
        logits: Tensor = self.head(self.pooled(images))
        return logits


def wide_resnet(
    depth: int,
    width: int,
    *,
    num_classes: int = 10,
    in_channels: int = 3,
    stem_stride: int = 1,
    num_filters: int | None = None,
) -> FilterNetwork:
    """Build a wide residual network WRN-depth-width.

    Parameters
    ----------
    depth : int
        Number of convolutions on the main path: 6 n + 4 with n blocks a stage, so 10, 16, 22, 28, 40, ...
    width : int
        The stages have 16, 32 and 64 times so many filters.
    num_classes, in_channels : int
        Classes (0 for no classifier) and channels of an image.
    stem_stride : int
        Stride of the first convolution; 2 quarters the cost of all others.
    num_filters : int, optional
        Filters of the last convolution; ``64 * width`` by default. The last block's shortcut keeps its first filters,
        or is padded with zeros, and costs nothing either way.

    Raises
    ------
    InputError
        If the depth is no such number, or another number is out of range.
    """
    _require("depth", depth, depth >= 10 and (depth - 4) % 6 == 0, "10, 16, 22, 28, ...: 6 n + 4")
    last = _checked(width, num_classes, in_channels, stem_stride, num_filters, default=64 * width)
    blocks = (depth - 4) // 6
    layers: list[nn.Module] = [nn.Conv2d(in_channels, 16, 3, stem_stride, 1, bias=False)]
    before = 16
    for stage in range(3):
        filters = 16 * width * 2**stage
        for block in range(blocks):
            is_last = stage == 2 and block == blocks - 1
            stride = 2 if stage > 0 and block == 0 else 1
            layers.append(_WideBlock(before, filters, last if is_last else filters, stride))
            before = filters
    layers += [nn.BatchNorm2d(last), nn.ReLU()]
    return _begun(FilterNetwork(nn.Sequential(*layers), last, num_classes))


def resnet8(
    *, num_classes: int = 10, in_channels: int = 3, stem_stride: int = 1, num_filters: int | None = None
) -> FilterNetwork:
    """Build the ResNet-8 of MLPerf Tiny: 16, 32 and 64 filters, one block a stage, convolutions with bias.

    Parameters
    ----------
    num_classes, in_channels : int
        Of the last layer, and of the images.
    stem_stride : int
        Of the first convolution.
    num_filters : int, optional
        Of the last convolution; 64 by default.
    """
    last = _checked(1, num_classes, in_channels, stem_stride, num_filters, default=64)
    body = nn.Sequential(
        nn.Conv2d(in_channels, 16, 3, stem_stride, 1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        _PlainBlock(16, 16, 16, 1),
        _PlainBlock(16, 32, 32, 2),
        _PlainBlock(32, 64, last, 2),
    )
    return _begun(FilterNetwork(body, last, num_classes))


def mobile_net(
    width: float,
    *,
    num_classes: int = 10,
    in_channels: int = 3,
    stem_stride: int = 1,
    num_filters: int | None = None,
) -> FilterNetwork:
    """Build a small network of depthwise separable convolutions.

    Parameters
    ----------
    width : float
        Multiplier of the filters 32 (first convolution), 64, 128, 128, 256 and 256, rounded, at least 1. The second
        and the fourth block halve the image.
    num_classes, in_channels, stem_stride : int
        As in :func:`wide_resnet`.
    num_filters : int, optional
        Filters of the last convolution; ``256 * width`` by default.
    """
    last = _checked(width, num_classes, in_channels, stem_stride, num_filters, default=max(1, round(256 * width)))
    before = max(1, round(32 * width))
    layers: list[nn.Module] = [*_activated(nn.Conv2d(in_channels, before, 3, stem_stride, 1, bias=False))]
    blocks = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1))
    for position, (full, stride) in enumerate(blocks):
        filters = last if position == len(blocks) - 1 else max(1, round(full * width))
        layers += _activated(nn.Conv2d(before, before, 3, stride, 1, groups=before, bias=False))
        layers += _activated(nn.Conv2d(before, filters, 1, bias=False))
        before = filters
    return _begun(FilterNetwork(nn.Sequential(*layers), last, num_classes))


class _WideBlock(nn.Module):
    """Normalise, rectify, convolve, twice; a projection as shortcut where the block changes size or width."""

    def __init__(self, before: int, inner: int, after: int, stride: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(before)
        self.conv1 = nn.Conv2d(before, inner, 3, stride, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, after, 3, 1, 1, bias=False)
        # What the whole network has decides: a cut must not turn a free shortcut into a convolution.
        keeps_shape = before == inner and stride == 1
        self.project = None if keeps_shape else nn.Conv2d(before, after, 1, stride, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        active = functional.relu(self.norm1(maps))
        change: Tensor = self.conv2(functional.relu(self.norm2(self.conv1(active))))
        if self.project is None:
            return change + _fitted(maps, change.shape[1])
        shortcut: Tensor = self.project(active)
        return change + shortcut


class _PlainBlock(nn.Module):
    """Convolve, normalise, rectify, twice, with the shortcut before the last rectifier."""

    def __init__(self, before: int, inner: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, inner, 3, stride, 1)
        self.norm1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, after, 3, 1, 1)
        self.norm2 = nn.BatchNorm2d(after)
        self.project = nn.Identity() if stride == 1 else nn.Conv2d(before, after, 1, stride)

    def forward(self, maps: Tensor) -> Tensor:
        inner = functional.relu(self.norm1(self.conv1(maps)))
        return functional.relu(self.norm2(self.conv2(inner)) + self.project(maps))


def _begun(network: FilterNetwork) -> FilterNetwork:
    """Draw the first weights of the convolutions of a network that is new."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return network


def _activated(convolution: nn.Conv2d) -> tuple[nn.Module, ...]:
    return convolution, nn.BatchNorm2d(convolution.out_channels), nn.ReLU()


def _fitted(maps: Tensor, filters: int) -> Tensor:
    """Keep the first filters, or pad with zeros."""
    missing = filters - maps.shape[1]
    return functional.pad(maps, (0, 0, 0, 0, 0, missing)) if missing > 0 else maps[:, :filters]


def _checked(
    width: float, num_classes: int, in_channels: int, stem_stride: int, num_filters: int | None, *, default: int
) -> int:
    """Check the numbers that all builders share, and return the number of last filters."""
    _require("width", width, width > 0, "a positive number")
    _require("num_classes", num_classes, num_classes >= 0, "a whole number from 0")
    last = default if num_filters is None else num_filters
    for name, value in (("in_channels", in_channels), ("stem_stride", stem_stride), ("num_filters", last)):
        _require(name, value, value >= 1, "a whole number from 1")
    return last


def _require(option: str, found: float, holds: bool, allowed: str) -> None:
    if not holds:
        raise InputError("network", [Problem(option, repr(found), allowed)])
