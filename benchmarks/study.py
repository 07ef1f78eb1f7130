"""The comparison study: all methods on seeded instances of every family, what replicas buy, what joint planning buys.

``python benchmarks/study.py --out FILE [--run FOLDER] [--jobs N] [--time-limit S] [--markdown] [--figures FOLDER]``
solves all instances in a batch run, which goes on where it was when it is given a folder, values every plan by the one
evaluator and keeps the figures of each instance. Statistics are taken when tables and figures are made. The exit status
is 1 where the figures contradict each other.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from script import Document, Script, run, shared_options
from studies import figures
from studies.cases import FULL, QUICK, generated
from studies.faults import faults
from studies.measured_accuracy import measured
from studies.plans import Site, compared
from studies.reading import sizes
from studies.redundancy import swept
from studies.stages import staged
from studies.tables import print_tables

if TYPE_CHECKING:
    import argparse

    from matplotlib.figure import Figure
    from studies.cases import Scale, Size

CUT_LIMIT = 0.5
"""Seconds for plans whose parts are cut from a graph: latency is proven in a part of it, the rest improves the cut."""


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Solve everything, small instances first."""
    scale = QUICK if options.tiny else FULL
    kept = nullcontext(options.run) if options.run is not None else tempfile.TemporaryDirectory(prefix="study-")
    with kept as folder:
        return measured_at(Site(Path(folder), options.jobs, options.time_limit, tell), scale)


def tell(text: str) -> None:
    """Say what is being done."""
    print(text, file=sys.stderr, flush=True)


def measured_at(site: Site, scale: Scale) -> dict[str, Any]:
    """Everything that the study measures, on a site."""
    plans: dict[str, Any] = {}
    stages: dict[str, Any] = {}
    sweep: dict[str, Any] = {}
    for size in scale.sizes:
        fleets = {f"{name}-{size.devices}": generated(name, size.devices, size.seeds) for name in scale.families}
        found, answers = compared(site, fleets, expected=size.expected)
        plans |= found
        stages |= {name: {"level": staged(fleet, answers["rocoin"])} for name, fleet in fleets.items()}
        if size.graph:
            for name, columns in cut_stages(site, scale, size).items():
                stages[name] |= columns
        sweep = sweep or swept(site, scale)
    return {"plans": plans, "stages": stages, "sweep": sweep, "accuracy": measured()}


def cut_stages(site: Site, scale: Scale, size: Size) -> dict[str, Any]:
    """The sequential pipeline on the same instances with a filter graph, and ``exact`` for its cut."""
    fleets = {
        f"{name}-{size.devices}": generated(name, size.devices, size.seeds, graph=True) for name in scale.families
    }
    every = [instance for fleet in fleets.values() for instance in fleet]
    pipeline = site.answers(every, ["rocoin"])["rocoin"]
    exact = replace(site, time_limit=CUT_LIMIT).answers(every, ["exact"])["exact"]
    return {name: {"cut": staged(fleet, pipeline), "exact": staged(fleet, exact)} for name, fleet in fleets.items()}


def main() -> None:
    """Measure or read, print, draw."""
    parser = shared_options(__doc__)
    parser.add_argument("--run", type=Path, metavar="FOLDER", help="keep the batch run, and continue it")
    parser.add_argument("--jobs", type=int, default=2, help="processes at the same time")
    parser.add_argument("--time-limit", type=float, default=2.0, metavar="S", help="seconds for each item")
    parser.set_defaults(tiny=False)
    study = Script(
        "study",
        measure,
        print_tables,
        lambda found: list(faults(found["results"])),
        quick={"tiny": True, "jobs": 1, "time_limit": 0.5},
        figures=drawn,
    )
    run(study, parser)


def drawn(found: Document) -> dict[str, Figure]:
    """Every figure of a document, by the stem of its file."""
    results = found["results"]
    smallest, *_, largest = [*sizes(results), *sizes(results)]
    return {
        "study-plans": figures.profiles(results, smallest),
        "study-plans-largest": figures.profiles(results, largest),
        "study-success": figures.answered(results, smallest, "success", "probability of an answer by the deadline"),
        "study-expected": figures.answered(results, smallest, "expected", "expected latency / deadline"),
        "study-decomposition": figures.decomposition(results, smallest),
        "study-seconds": figures.seconds(results),
        **{f"study-redundancy-{family}": figures.redundancy(results, family) for family in results["sweep"]},
    }


if __name__ == "__main__":
    main()
