"""What is compared: instance files, generated instances, and presets with a target for every family and size."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import rocoin_opt as ro

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path


LEAST_LIMIT = 10.0
"""Seconds that every method has at least: within one, a peer ends without anything where another would just prove."""


@dataclass(frozen=True)
class Target:
    """What ``exact`` has to reach: a gap within seconds.

    Attributes
    ----------
    seconds : float
        Within which it has to be reached in the median.
    gap : float
        Largest gap at the end; 0 for a proof, infinite where any plan with a bound will do.
    slowest : float or None
        Seconds within which the slowest run has to be proven; None where only the median counts.
    """

    seconds: float
    gap: float = 0.0
    slowest: float | None = None

    @property
    def limit(self) -> float:
        """Time limit of every method in seconds."""
        return max(self.slowest or self.seconds, LEAST_LIMIT)

    def __str__(self) -> str:
        if self.slowest is not None:
            median = "" if self.seconds == self.slowest else f", median {self.seconds:g} s"
            return f"all proven within {self.slowest:g} s{median}"
        if self.gap == 0.0:
            return f"proven within {self.seconds:g} s"
        gap = "any gap" if self.gap == float("inf") else f"gap at most {100.0 * self.gap:g} %"
        return f"{gap} within {self.seconds:g} s"


@dataclass(frozen=True)
class Case:
    """One instance file to solve, where it belongs in the medians, and whether monolithic models are asked too."""

    path: Path
    name: str
    family: str
    devices: int
    target: Target | None = None
    is_monolithic: bool = True


@dataclass(frozen=True)
class Row:
    """Sizes of a family in a preset, their target, the seeds, and how many of these the monolithic models get."""

    family: str
    sizes: tuple[int, ...]
    target: Target
    seeds: tuple[int, ...] = (0, 1, 2)
    monolithic: int | None = None


TABLE = (
    Row("paper", (8,), Target(1.0)),
    Row("mcu", (8, 12, 16, 20), Target(1.0)),
    Row("edge", (8, 12, 16, 20), Target(1.0)),
    Row("edge", (30,), Target(5.0)),
    Row("edge", (50,), Target(15.0)),
    Row("edge", (100,), Target(60.0), seeds=(0,)),
    Row("edge", (200,), Target(60.0, 0.005), seeds=(0,)),
    Row("edge", (1000,), Target(120.0, 0.015), seeds=(0,)),
    Row("edge", (10_000,), Target(120.0, float("inf")), seeds=(0,)),
    Row("lossy", (16, 20, 24), Target(60.0)),
    Row("lossy", (40,), Target(120.0, 0.02), seeds=(0, 1)),
)
"""By family, sizes ascending: a method that gets nowhere is not tried on what is larger. Planned for 40 minutes."""
FRESH = (
    Row("edge", (50,), Target(4.0, slowest=30.0), seeds=tuple(range(900, 920)), monolithic=2),
    Row("edge", (100,), Target(5.0, slowest=30.0), seeds=tuple(range(900, 910)), monolithic=2),
    Row("edge", (200,), Target(20.0, slowest=60.0), seeds=tuple(range(900, 906)), monolithic=1),
    Row("edge", (500,), Target(30.0, slowest=120.0), seeds=tuple(range(910, 913)), monolithic=1),
    Row("edge", (1000, 10_000), Target(60.0, 0.001), seeds=(910,), monolithic=1),
    Row("lossy", (24,), Target(5.0, slowest=5.0), seeds=tuple(range(900, 905)), monolithic=2),
    Row("lossy", (40, 60), Target(10.0, slowest=10.0), seeds=tuple(range(900, 905)), monolithic=2),
    Row("lossy", (100,), Target(60.0, slowest=60.0), seeds=tuple(range(900, 905)), monolithic=1),
)
"""Seeds that nothing was tuned on, and enough of them to show the slowest; peers have the first seeds of each row. Work
on annealing looked at 900 to 902 of the large fleets once these were measured: so these have others from then on."""
PRESETS = {"table": TABLE, "fresh": FRESH}


def preset_cases(
    folder: Path, preset: str, families: Sequence[str], sizes: Sequence[int], seeds: Sequence[int] | None
) -> Iterator[Case]:
    """Generate a preset's instances; families and sizes choose among its rows, all of them where empty."""
    for row in PRESETS[preset]:
        if families and row.family not in families:
            continue
        for size in (size for size in row.sizes if not sizes or size in sizes):
            for place, case in enumerate(generated_cases(folder, [row.family], [size], seeds or row.seeds, row.target)):
                yield replace(case, is_monolithic=row.monolithic is None or place < row.monolithic)


def generated_cases(
    folder: Path,
    families: Iterable[str],
    sizes: Sequence[int],
    seeds: Sequence[int],
    target: Target | None = None,
) -> Iterator[Case]:
    """Generate instances of some families, and write them into a folder."""
    for family in families:
        for devices in sizes:
            for seed in seeds:
                instance = ro.generate(family, devices=devices, seed=seed)
                path = folder / f"{instance.name}.json"
                ro.write_instance(path, instance)
                yield Case(path, instance.name, family, devices, target)


def file_cases(paths: Iterable[Path]) -> Iterator[Case]:
    """Take instance files; the name of its folder is an instance's family."""
    for path in paths:
        instance = ro.read_instance(path)
        yield Case(path, instance.name, path.resolve().parent.name, len(instance.devices))
