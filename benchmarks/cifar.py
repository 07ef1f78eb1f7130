"""The paper's experiment: students of WRN teachers on CIFAR-10, with all parts, with parts missing, and under failure.

``python benchmarks/cifar.py [DATA] [--teachers T,T] [--groups K,K] [--seeds N,N] [--plans P,P] [--partitions C,C]
[--folder FOLDER]``. DATA is what ``rocoin-opt demo --data`` takes: the folder of CIFAR-10's batches, or an ``.npz``
file. It needs the extra ``torch``, and is meant for a GPU. With a folder, a run that was stopped goes on, and rows that
were left out can be added. ``--work`` says what there is to do, and trains nothing. ``--quick`` without DATA takes
scikit-learn's digits in colour, and networks that are trained for an epoch.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from peers.tables import show
from script import Document, Script, names, numbers, run, shared_options
from studies.paper_cells import Cell, Place, measured_cell, work_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from rocoin_opt.profiling import Dataset
    from rocoin_opt.profiling.experiment.settings import Settings

STUDENTS: dict[str, dict[str, Any]] = {
    "wrn-16-2": {"students": ("wrn-16-1",), "epochs": 30, "student_epochs": 40},
    "wrn-16-4": {
        "students": ("wrn-22-1",),
        "epochs": 40,
        "student_epochs": 100,
        # The least that leaves no filter of three parts without a student: 284,348 parameters.
        "capacity": {"wrn-22-1": 86},
    },
    # For the quick round.
    "mobilenet-0.0625": {
        "students": ("mobilenet-0.05",),
        "epochs": 1,
        "student_epochs": 1,
        "shift": 1,
        "student_shift": 1,
        "batch_size": 256,
        "capacity": {"mobilenet-0.05": 12},
    },
}
"""Students and trainings of each teacher, beside the preset ``cifar``."""
PLANS, CUTS = ("exact", "rocoin", "nonn", "random"), ("ncut", "resilient", "random")
QUICK = {"teachers": ["mobilenet-0.0625"], "groups": [2], "seeds": [0]}

WITHIN, WITHIN_UNDER_FAILURE, MOST_PARAMETERS = 0.003, 0.005, 285_000
"""The aim: shares below the teacher with all parts, and under failure; parameters of a student, rounded 0.28 M."""


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Every plan and partition for each teacher, number of parts and seed."""
    if options.data is None and not options.quick:
        sys.exit("name the path of CIFAR-10, or --from a document")
    for module, package in (("torch", "PyTorch"), ("sklearn", "scikit-learn")):
        if find_spec(module) is None:
            sys.exit(f"cifar needs {package}: install rocoin-opt with the extra torch")
    work = asked(options)
    from rocoin_opt.profiling.images.datasets import load_dataset
    from rocoin_opt.profiling.training import use_threads

    if options.threads is not None:
        use_threads(options.threads)
    data = digits_in_colour() if options.data is None else load_dataset(options.data)
    kept = nullcontext(options.folder) if options.folder is not None else tempfile.TemporaryDirectory()
    cells = []
    with kept as folder:
        for cell in work:
            settings = settings_of(cell.teacher, cell.groups, options).seeded(cell.seed, options.device)
            cells.append(measured_cell(cell, Place(data, settings, Path(folder)), _telling(cell)))
            print(f"{cell.name}: done", file=sys.stderr, flush=True)
    return {
        "data": {"name": data.name, "source": data.source, "sha256": data.sha256, "test_images": len(data.test)},
        "device": _device(options.device),
        "cells": cells,
    }


def asked(options: argparse.Namespace) -> list[Cell]:
    """The cells that are asked for; ends where there is no such teacher, plan or partition."""
    for name, known in (("teachers", STUDENTS), ("plans", PLANS), ("partitions", CUTS)):
        given = getattr(options, name)
        unknown = [value for value in given if value not in known]
        if unknown or len(set(given)) < len(given):
            sys.exit(f"--{name}: found {', '.join(given)}; allowed: {', '.join(known)}, each once")
    if min(options.groups) < 1 or min(options.seeds) < 0:
        sys.exit("--groups and --seeds: allowed are whole numbers, from 1 and from 0")
    return work_of(options.teachers, options.groups, options.seeds, options.plans, options.partitions)


def _telling(cell: Cell) -> Callable[[str], None]:
    def told(row: str) -> None:
        print(f"{cell.name}: {row}", file=sys.stderr, flush=True)

    return told


def show_work(cells: Sequence[Cell]) -> None:
    """What there is to train and to measure, in words."""
    teachers = dict.fromkeys((cell.teacher, cell.seed) for cell in cells)
    rows = [[cell.teacher, str(cell.groups), str(cell.seed), ", ".join(cell.rows)] for cell in cells]
    show("Cells", ["teacher", "K", "seed", "rows"], rows, {"teacher", "rows"}, markdown=False)
    for name in dict.fromkeys(cell.teacher for cell in cells):
        chosen = STUDENTS[name]
        lasting = f"{chosen['epochs']} epochs, and students {', '.join(chosen['students'])} {chosen['student_epochs']}"
        print(f"{name} is trained for {lasting}")
    most = sum(len(cell.rows) for cell in cells)
    print(
        f"{len(teachers)} trainings of teachers, {most} rows; at most {most} trainings of students, fewer where plans "
        "have the same parts"
    )


def settings_of(teacher: str, groups: int, options: argparse.Namespace) -> Settings:
    """The preset ``cifar`` for a teacher and a number of parts."""
    from rocoin_opt.profiling.experiment.settings import CIFAR

    chosen = CIFAR.changed(teacher=teacher, groups=groups, fleet=options.fleet, **STUDENTS[teacher])
    return chosen.changed(deterministic=options.deterministic or None, device=options.device)


def digits_in_colour() -> Dataset:
    """The digits of scikit-learn, each in a colour of its own."""
    import numpy as np
    from sklearn.datasets import load_digits

    from rocoin_opt.profiling.images.datasets import dataset_from_arrays

    loaded = load_digits()
    colours = np.random.default_rng(0).uniform(0.3, 1.0, (len(loaded.target), 3, 1, 1))
    images = (colours * loaded.images[:, None] * 15.9375).astype(np.uint8)
    return dataset_from_arrays(images, loaded.target, name="digits in colour")


def _device(asked: str) -> str:
    import torch

    from rocoin_opt.profiling.training import Training

    where = Training(device=asked).torch_device
    return torch.cuda.get_device_name() if where.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"


def show_tables(found: Document, *, markdown: bool) -> None:
    """For each teacher and number of parts: every plan, its parts cut in every way; and whether the aim is met."""
    results = found["results"]
    cells = results["cells"]
    kinds = list(dict.fromkeys((each["teacher"], each["groups"]) for each in cells))
    rows, aims = [], []
    for teacher, groups in kinds:
        chosen = [each for each in cells if (each["teacher"], each["groups"]) == (teacher, groups)]
        head = (f"{teacher}, {', '.join(chosen[0]['students'])}", str(groups))
        named = dict.fromkeys(row["name"] for each in chosen for row in each["rows"])
        rows += [[*head, *_cells(chosen, name)] for name in named]
        met = [name for name in named if _meets(chosen, name)]
        aims.append(f"{teacher}, {groups} parts: {', '.join(met) or 'none'}")
    data = results["data"]
    seeds = ", ".join(map(str, dict.fromkeys(each["seed"] for each in cells)))
    show(
        f"{data['name']}, {data['test_images']} test images, on {results['device']}; seeds {seeds}: mean ± standard "
        "deviation, accuracies in per cent, missing parts as zeros",
        [
            "teacher, students",
            "K",
            "plan",
            "parts",
            "teacher",
            "all parts",
            "one missing",
            "worst",
            "under failure",
            "teacher less all",
            "less under failure",
            "most parameters",
        ],
        rows,
        ["teacher, students", "plan", "parts"],
        markdown=markdown,
    )
    if any(not row["keeps_outage_limit"] for each in cells for row in each["rows"]):
        print("\\* without the outage limit, which this method cannot keep here\n")
    absent = {f"{each['teacher']}, {each['groups']} parts, {name}" for each in cells for name in each["without_plan"]}
    if absent:
        print(f"Without a plan: {'; '.join(sorted(absent))}.\n")
    made = [(each["teacher"], each["groups"], each["seed"], row["training"]) for each in cells for row in each["rows"]]
    print(
        f"{len(made)} rows of {len(set(made))} trainings: plans with the same parts share students. The aim is to be "
        f"within {100 * WITHIN:.1f} points of the teacher with all parts, and within "
        f"{100 * WITHIN_UNDER_FAILURE:.1f} under failure, on average over the seeds, with students of at most "
        f"{MOST_PARAMETERS:,} parameters. It is met by: {'; '.join(aims)}.\n"
    )


def _meets(chosen: Sequence[dict[str, Any]], name: str) -> bool:
    """Whether a variant meets the aim, on average over the seeds."""
    pairs = [(each["teacher_accuracy"], row) for each in chosen for row in each["rows"] if row["name"] == name]
    whole = fmean(teacher - row["all_parts"] for teacher, row in pairs)
    failing = fmean(teacher - row["zero"]["expected_accuracy"] for teacher, row in pairs)
    largest = max(max(row["parameters"]) for _, row in pairs)
    return whole <= WITHIN and failing <= WITHIN_UNDER_FAILURE and largest <= MOST_PARAMETERS


def _cells(chosen: Sequence[dict[str, Any]], name: str) -> list[str]:
    """A row: one variant over all seeds."""
    pairs = [(each, row) for each in chosen for row in each["rows"] if row["name"] == name]
    first = pairs[0][1]
    teacher = [each["teacher_accuracy"] for each, _ in pairs]
    whole = [row["all_parts"] for _, row in pairs]
    failing = [row["zero"]["expected_accuracy"] for _, row in pairs]
    missing = [row["zero"]["without_each"] for _, row in pairs]
    return [
        first["method"] + ("" if all(row["keeps_outage_limit"] for _, row in pairs) else "\\*"),
        first["criterion"],
        _spread(teacher),
        _spread(whole),
        _spread([fmean(each) for each in missing]),
        _spread([min(each) for each in missing]),
        _spread(failing),
        _spread([one - other for one, other in zip(teacher, whole, strict=True)]),
        _spread([one - other for one, other in zip(teacher, failing, strict=True)]),
        f"{max(max(row['parameters']) for _, row in pairs):,}",
    ]


def _spread(shares: Sequence[float]) -> str:
    """Mean in per cent, and the standard deviation where there are several."""
    values = [100.0 * share for share in shares]
    return f"{fmean(values):.2f}" + (f" ± {stdev(values):.2f}" if len(values) > 1 else "")


def faults(found: Document) -> list[str]:
    """Expected accuracies that are no mean of measured ones, and rows of another number of parts."""
    wrong = []
    for each in found["results"]["cells"]:
        for row in each["rows"]:
            name = f"{each['teacher']}, {each['groups']} parts, seed {each['seed']}, {row['name']}"
            if len(row["sizes"]) != each["groups"] or len(row["zero"]["without_each"]) != each["groups"]:
                wrong.append(f"{name}: {len(row['sizes'])} parts")
            if not 0.0 <= row["zero"]["expected_accuracy"] <= 1.0:
                wrong.append(f"{name}: an expected accuracy of {row['zero']['expected_accuracy']}")
    return wrong


SCRIPT = Script("cifar", measure, show_tables, faults, quick=QUICK)


def main() -> None:
    """Measure or show."""
    parser = shared_options(__doc__)
    parser.add_argument("data", nargs="?", metavar="DATA", help="path of CIFAR-10")
    parser.add_argument("--teachers", type=names, default=["wrn-16-2", "wrn-16-4"], metavar="T,T,...")
    parser.add_argument("--groups", type=numbers, default=[3, 4], metavar="K,K,...", help="numbers of parts")
    parser.add_argument("--seeds", type=numbers, default=[0, 1, 2], metavar="N,N,...", help="default 0,1,2")
    parser.add_argument(
        "--plans", type=names, default=list(PLANS), metavar="P,P,...", help=f"default {','.join(PLANS)}"
    )
    cuts = ",".join(CUTS)
    parser.add_argument("--partitions", type=names, default=list(CUTS), metavar="C,C,...", help=f"default {cuts}")
    parser.add_argument("--work", action="store_true", help="say what there is to do, and do nothing")
    parser.add_argument("--fleet", default="paper", metavar="F", help="boards, paper, or a device file")
    parser.add_argument("--deterministic", action="store_true", help="the same bytes each time on CUDA too")
    parser.add_argument("--device", default="auto", metavar="D", help="cpu, cuda or auto")
    parser.add_argument("--threads", type=int, metavar="N", help="of PyTorch; as many as it likes by default")
    parser.add_argument("--folder", type=Path, metavar="FOLDER", help="for networks, plans and checkpoints")
    options, _ = parser.parse_known_args()
    if options.work:
        if options.quick:
            parser.set_defaults(**QUICK)
        show_work(asked(parser.parse_args()))
        return
    run(SCRIPT, parser)


if __name__ == "__main__":
    main()
