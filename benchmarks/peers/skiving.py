"""Archives of the skiving stock problem, read where they lie, and their instances as fleets.

Skiving stock asks for the most groups of items whose lengths sum to at least L each. As a fleet an item is a device
that fails with probability ``eps^(l / L)``, so that groups of length L are those that keep the outage limit ``eps``.

Two layouts are known: that of github.com/INFORMSJoC/2023.0399, one file an instance with what da Silva and Schouery
published of it (a branch-cut-and-price code on Gurobi, doi.org/10.1287/ijoc.2023.0399), and that of
github.com/wotzlaff/ssp-data, one file a set and nothing published beside it.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

import rocoin_opt as ro

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OUTAGE_LIMIT = 0.01
"""eps. Any number does: only logarithms matter."""
WITH_RESULTS = {
    "A1": ["A1"],
    "A2": ["A2"],
    "Scholl": ["Scholl"],
    "Falkenauer U": ["FalkenauerU"],
    "Falkenauer T": ["FalkenauerT"],
    "AI, ANI": ["AI202", "ANI201"],
}
"""By class the folders of ``data/SSP`` in the first layout."""
SETS = {
    "A1": ["A1/*.dat"],
    "A2": ["A2/*.dat"],
    "Scholl": ["C1/Scholl*.dat"],
    "Falkenauer U": ["C1/Falkenauer_U*.dat"],
    "Falkenauer T": ["C1/Falkenauer_T*.dat"],
    "AI, ANI": ["C3/AI_201*.dat", "C3/ANI_201*.dat"],
}
"""By class the files of ``data`` in the second layout."""
OPTIMAL = "OPT"


@dataclass(frozen=True)
class Stock:
    """An instance of an archive.

    Attributes
    ----------
    name : str
        Name in the archive.
    length : int
        L.
    items : tuple of int
        Length of each item.
    published : int or None
        Groups that the reference found; None where nothing is published.
    is_proven : bool
        Whether the reference proved that there are no more.
    seconds : float or None
        What the reference took.
    """

    name: str
    length: int
    items: tuple[int, ...]
    published: int | None = None
    is_proven: bool = False
    seconds: float | None = None


def sampled(archive: Path, kind: str, number: int, seed: int) -> list[Stock]:
    """Draw instances of a class, the same ones for the same seed.

    Parameters
    ----------
    archive : Path
        Folder of an archive, in one of the two layouts.
    kind : str
        Class, a key of :data:`WITH_RESULTS`.
    number : int
        How many, at most.
    seed : int
        Seed of the draw.
    """
    found = sorted(_read(archive, kind), key=lambda stock: stock.name)
    if not found:
        sys.exit(
            f"{archive}: holds no instances of {kind}; wanted data/SSP/{WITH_RESULTS[kind][0]}, or data/A1 and others"
        )
    return Random(f"{seed} {kind}").sample(found, min(number, len(found)))


def fleet_of(stock: Stock, groups: int) -> ro.Instance:
    """The fleet of an instance, asked for a plan of so many groups."""
    return ro.Instance(
        name=stock.name,
        devices=tuple(
            ro.Device(
                id=f"item-{n:05d}",
                flops_per_second=1e8,
                memory_bytes=1e6,
                uplink_bits_per_second=1e6,
                failure_probability=OUTAGE_LIMIT ** min(1.0, item / stock.length),
            )
            for n, item in enumerate(stock.items)
        ),
        students=(ro.Student(id="one-filter", flops=1e7, memory_bytes=1e6, max_filters=1),),
        knowledge=ro.Knowledge(num_filters=groups, bits_per_filter=0.0),
        requirements=ro.Requirements(min_groups=groups, max_groups=groups, max_group_outage=OUTAGE_LIMIT),
    )


def _read(archive: Path, kind: str) -> Iterator[Stock]:
    if (archive / "data" / "SSP").is_dir():
        for folder in WITH_RESULTS[kind]:
            yield from _with_results(archive, folder)
        return
    for pattern in SETS[kind]:
        for path in sorted((archive / "data").glob(pattern)):
            yield from _of_set(path)


def _with_results(archive: Path, folder: str) -> Iterator[Stock]:
    log = archive / "results" / "SSP" / f"{folder}.log"
    rows = [line.split(",") for line in log.read_text(encoding="utf-8").splitlines()] if log.exists() else []
    told = {row[0]: row for row in rows if len(row) > 4}
    for path in (archive / "data" / "SSP" / folder).iterdir():
        number, length, *items = map(int, path.read_text(encoding="utf-8").split())
        if number != len(items):
            sys.exit(f"{path}: holds {len(items)} items and says {number}")
        row = told.get(path.name)
        if row is None:
            yield Stock(path.name, length, tuple(items))
        else:
            # Name, groups, bound of the root, seconds, how it ended.
            yield Stock(path.name, length, tuple(items), int(row[1]), row[4] == OPTIMAL, float(row[3]))


def _of_set(path: Path) -> Iterator[Stock]:
    first, *lines = path.read_text(encoding="utf-8").split("\n")
    for place, line in enumerate(lines[: int(first)], 1):
        length, *rest = map(int, line.split())
        lengths, counts = rest[: len(rest) // 2], rest[len(rest) // 2 :]
        items = [item for item, count in zip(lengths, counts, strict=True) for _ in range(count)]
        yield Stock(f"{path.stem}-{place}", length, tuple(items))
