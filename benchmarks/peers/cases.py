"""What is compared: instance files, generated instances, and the preset with a target for every family and size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import rocoin_opt as ro

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Target:
    """What ``exact`` has to reach: a gap within seconds.

    Attributes
    ----------
    seconds : float
        Time limit.
    gap : float
        Largest gap at the end; 0 for a proof, infinite where any plan with a bound will do.
    """

    seconds: float
    gap: float = 0.0

    def __str__(self) -> str:
        if self.gap == 0.0:
            return f"proven within {self.seconds:g} s"
        gap = "any gap" if self.gap == float("inf") else f"gap at most {100.0 * self.gap:g} %"
        return f"{gap} within {self.seconds:g} s"


@dataclass(frozen=True)
class Case:
    """One instance file to solve, and where it belongs in the medians."""

    path: Path
    name: str
    family: str
    devices: int
    target: Target | None = None


TABLE: tuple[tuple[str, tuple[int, ...], Target], ...] = (
    ("paper", (8,), Target(1.0)),
    ("mcu", (8, 12, 16, 20), Target(1.0)),
    ("edge", (8, 12, 16, 20), Target(1.0)),
    ("edge", (30,), Target(5.0)),
    ("edge", (50,), Target(15.0)),
    ("edge", (100,), Target(60.0)),
    ("edge", (200,), Target(60.0, 0.005)),
    ("edge", (1000,), Target(120.0, 0.015)),
    ("edge", (10_000,), Target(600.0, float("inf"))),
    ("lossy", (16, 20, 24), Target(60.0)),
    ("lossy", (40,), Target(120.0, 0.02)),
)
"""Families, numbers of devices, and the target for the median over the seeds."""


def preset_cases(folder: Path, families: Sequence[str], sizes: Sequence[int], seeds: Sequence[int]) -> Iterator[Case]:
    """Generate the preset's instances; families and sizes choose among its rows, all of them where empty."""
    for family, counts, target in TABLE:
        if families and family not in families:
            continue
        chosen = [count for count in counts if not sizes or count in sizes]
        yield from generated_cases(folder, [family], chosen, seeds, target)


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
