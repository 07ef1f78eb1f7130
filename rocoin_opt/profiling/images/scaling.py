"""How pixels become what a network sees: a mean off each channel, over a deviation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch

from rocoin_opt.documents import Items, Model
from rocoin_opt.errors import InputError, Problem
from rocoin_opt.instance import Positive

if TYPE_CHECKING:
    from torch import Tensor

    from rocoin_opt.profiling.images.given import PixelArray

TRAINING, UNIT, NONE = "training", "unit", "none"
ALLOWED = "training, unit, none, or means and deviations of each channel as M,M,M/S,S,S"
BYTE = 255.0


class Scaling(Model):
    """A network sees ``(pixel - mean) / deviation``, in units of the pixels as they are read: 0 to 255 for bytes."""

    means: Items[float]
    """Mean of each channel, C."""
    deviations: Items[Positive]
    """Deviation of each channel, C."""

    def applied(self, pixels: PixelArray) -> Tensor:
        """Scale pixels, N x C x H x W, to float32.

        Raises
        ------
        InputError
            If they have another number of channels.
        """
        if not len(self.means) == len(self.deviations) == pixels.shape[1]:
            raise _fault(f"a scaling of {len(self.means)} channels", f"one of {pixels.shape[1]}, as the images have")
        # In the usual order of memory, which networks of a user may rely on.
        scaled = torch.from_numpy(pixels.astype(np.float32, order="C"))
        for channel, (mean, deviation) in enumerate(zip(self.means, self.deviations, strict=True)):
            if (mean, deviation) != (0.0, 1.0):
                scaled[:, channel] = (scaled[:, channel] - mean) / deviation
        return scaled


def scaling_of(normalise: str | Scaling, pixels: PixelArray) -> Scaling:
    """Make the scaling that is asked for.

    Parameters
    ----------
    normalise : str or Scaling
        ``training``: to mean 0 and deviation 1 in each channel of the training images; ``unit``: bytes to 0 to 1;
        ``none``: as they are; ``M,M,M/S,S,S``: means and deviations of each channel, of bytes after ``unit``. A
        scaling is taken as it is.
    pixels : PixelArray, N x C x H x W
        The training images.

    Raises
    ------
    InputError
        If it is none of these, of another number of channels, or pixels that are no bytes are to be brought to 0 to 1.
    """
    channels, is_bytes = pixels.shape[1], pixels.dtype == np.uint8
    if isinstance(normalise, Scaling):
        return normalise
    if normalise == NONE:
        return Scaling(means=(0.0,) * channels, deviations=(1.0,) * channels)
    if normalise == TRAINING:
        means = tuple(float(pixels[:, channel].mean(dtype=np.float64)) for channel in range(channels))
        deviations = tuple(float(pixels[:, channel].std(dtype=np.float64)) or 1.0 for channel in range(channels))
        return Scaling(means=means, deviations=deviations)
    if normalise == UNIT:
        if not is_bytes:
            raise _fault(f"'unit' for {pixels.dtype}", "bytes to scale to 0 to 1; or training, none, or M,M,M/S,S,S")
        return Scaling(means=(0.0,) * channels, deviations=(BYTE,) * channels)
    means, deviations = _numbers(normalise)
    if not len(means) == len(deviations) == channels:
        found = f"{len(means)} means and {len(deviations)} deviations"
        raise _fault(found, f"{channels} of each, one for each channel of the images")
    unit = BYTE if is_bytes else 1.0
    return Scaling(
        means=tuple(unit * mean for mean in means), deviations=tuple(unit * deviation for deviation in deviations)
    )


def _numbers(text: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    first, slash, second = text.partition("/")
    try:
        means, deviations = (tuple(float(number) for number in half.split(",")) for half in (first, second))
    except ValueError:
        raise _fault(repr(text), ALLOWED) from None
    sound = all(map(math.isfinite, means)) and all(0.0 < deviation < math.inf for deviation in deviations)
    if not slash or not sound:
        raise _fault(repr(text), f"{ALLOWED}, the deviations above 0")
    return means, deviations


def _fault(found: str, allowed: str) -> InputError:
    return InputError("options", [Problem("normalise", found, allowed)])
