"""Measured devices: sustained rates from published benchmark runs, never peak figures."""

from __future__ import annotations

from functools import cache
from typing import Literal

from rocoin_opt.documents import Model
from rocoin_opt.instance import Identifier, Positive
from rocoin_opt.instance.catalogue.tables import read_table

MLPERF_TINY_IC_FLOP = 2 * 12.5e6
"""One inference of MLPerf Tiny image classification: ResNet-8 on CIFAR-10, 12.5 million multiply-accumulates."""


class CatalogueDevice(Model):
    """One device as a benchmark measured it."""

    id: Identifier
    """Unique name."""
    name: str
    """Board, processor and clock."""
    kind: Literal["mcu", "sbc", "accelerator", "phone", "desktop"]
    """What kind of machine it is."""
    benchmark: Literal["mlperf-tiny-ic", "hpl"]
    """What was measured: milliseconds an inference (MLPerf Tiny) or GFLOP/s (High-Performance Linpack)."""
    measured: Positive
    """The figure as published, in the benchmark's unit."""
    microjoules: Positive | None = None
    """Energy of an inference as published, only where the same submission measured it."""
    precision: Literal["int8", "float32", "float64"]
    """Arithmetic of the measured run."""
    memory_bytes: Positive | None = None
    """RAM, only where the source of the measurement states it; one KB is 1,024 bytes."""
    links: tuple[Identifier, ...] = ()
    """Radios of the board; empty where it has none or the source does not say."""
    source: str
    """Where the figure was published."""

    @property
    def flops_per_second(self) -> float:
        """Sustained rate in FLOP/s."""
        if self.benchmark == "hpl":
            return self.measured * 1e9
        return MLPERF_TINY_IC_FLOP / (self.measured * 1e-3)

    @property
    def compute_watts(self) -> float | None:
        """Mean power of an inference in watts: its energy over its latency; None where no energy was measured.

        MLPerf Tiny measures both of the same model on the same board, but in two runs, and some boards run slower in
        that for the energy.
        """
        return None if self.microjoules is None else self.microjoules * 1e-6 / (self.measured * 1e-3)


@cache
def devices() -> tuple[CatalogueDevice, ...]:
    """All measured devices, in the catalogue's order."""
    return tuple(read_table("devices.json", CatalogueDevice))
