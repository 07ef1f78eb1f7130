"""Measured latency of a module on this host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from torch.utils.benchmark import Timer

from rocoin_opt.errors import InputError, Problem
from rocoin_opt.profiling.tracing import blank_images, evaluating

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class MeasuredLatency:
    """Seconds of one image on this host.

    Attributes
    ----------
    median_seconds : float
        Median over the repeats.
    low_seconds, high_seconds : float
        Between them lies the middle half of the repeats.
    repeats : int
        How often it was measured, warm-up not counted.
    threads : int
        Threads that PyTorch worked with.
    """

    median_seconds: float
    low_seconds: float
    high_seconds: float
    repeats: int
    threads: int


@dataclass(frozen=True)
class MeasuredLine:
    """Seconds of one image on this host as a function of the part: ``seconds + seconds_per_filter * s``.

    Attributes
    ----------
    seconds, seconds_per_filter : float
        Neither is negative.
    """

    seconds: float
    seconds_per_filter: float

    @classmethod
    def through(cls, one: MeasuredLatency, largest: MeasuredLatency, size: int) -> MeasuredLine:
        """Draw the line through the medians of a part of one filter and of the largest part.

        Where measurements scatter by more than a part costs, the line would fall, or begin below 0; then it is as flat,
        or as steep, as it can be. At the largest part it always has the time that was measured.

        Parameters
        ----------
        one, largest : MeasuredLatency
            Of a student with one filter, and with its largest part.
        size : int
            Filters of the largest part.
        """
        slope = 0.0
        if size > 1:
            rise = largest.median_seconds - one.median_seconds
            slope = min(max(rise / (size - 1), 0.0), largest.median_seconds / size)
        return cls(max(0.0, largest.median_seconds - slope * size), slope)


def measure_latency(
    module: nn.Module, input_shape: tuple[int, ...], *, repeats: int = 30, threads: int = 1
) -> MeasuredLatency:
    """Measure how long a module takes for one image, with PyTorch's benchmark timer.

    Parameters
    ----------
    module : Module
        Taken in evaluation mode and left as it was.
    input_shape : tuple of int
        C x H x W.
    repeats : int
        Number of measurements; each is preceded by warm-up.
    threads : int
        Threads of PyTorch; the setting is put back afterwards.

    Raises
    ------
    InputError
        If ``repeats`` or ``threads`` is less than 1.
    """
    for name, value in (("repeats", repeats), ("threads", threads)):
        if value < 1:
            raise InputError("latency", [Problem(name, repr(value), "a whole number from 1")])
    given = {"module": module, "image": blank_images(module, 1, input_shape)}
    timer = Timer("module(image)", globals=given, num_threads=threads)
    with evaluating(module):
        seconds = [timer.timeit(1).median for _ in range(repeats)]
    low, median, high = (float(quantile) for quantile in np.quantile(seconds, (0.25, 0.5, 0.75)))
    return MeasuredLatency(median, low, high, repeats, threads)
