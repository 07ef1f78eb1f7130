"""How large a part each student learns: the loss of students that are distilled for parts of growing size.

``python benchmarks/capacity.py [--data D] [--sizes N,N] [--seeds N,N] [--threads N] [--folder FOLDER]``. It needs the
extra ``torch`` and Fashion-MNIST, as ``pipeline.py`` does, whose teacher and students it takes. With a folder, a run
that was stopped goes on. The package ships such a table as ``rocoin_opt/profiling/capacity.json``.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import nullcontext
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peers.tables import show
from script import Document, Script, numbers, run, shared_options

if TYPE_CHECKING:
    import argparse

    from rocoin_opt.profiling.ensemble import Recipe


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Train the teacher of seed 0, and distil every student for every size; the content of a capacity file."""
    if find_spec("torch") is None:
        sys.exit("capacity needs PyTorch: install rocoin-opt with the extra torch")
    from pipeline import hasty

    from rocoin_opt.profiling.capacity import measure_capacity
    from rocoin_opt.profiling.demo import teach
    from rocoin_opt.profiling.distillation import Lesson
    from rocoin_opt.profiling.ensemble import Recipe
    from rocoin_opt.profiling.experiment.settings import FULL
    from rocoin_opt.profiling.images.datasets import load_dataset
    from rocoin_opt.profiling.training import accuracy, use_threads
    from rocoin_opt.provenance import versions

    use_threads(options.threads)
    data = load_dataset(options.data)
    settings = (hasty() if options.quick else FULL).seeded(0, "cpu")
    channels = data.input_shape[0]

    def recipe(student: str, size: int) -> Recipe:
        return Recipe(network=student, in_channels=channels, stem_stride=settings.stem_stride, num_filters=size)

    kept = nullcontext(options.folder) if options.folder is not None else tempfile.TemporaryDirectory()
    with kept as folder:
        teacher = teach(data, settings, Path(folder))
        rows = measure_capacity(
            Lesson.of(teacher, data),
            {student: partial(recipe, student) for student in settings.students},
            options.sizes,
            options.seeds,
            data,
            lambda seed: settings.seeded(seed, "cpu").distillation.training,
            checkpoints=Path(folder),
        )
        found = [row.model_dump() for row in rows]
    teaching, learning = settings.training, settings.distillation.training
    return {
        "data": data.name,
        "data_sha256": data.sha256,
        "teacher": settings.teacher,
        "stem_stride": settings.stem_stride,
        "teacher_accuracy": accuracy(teacher, data.test),
        "teacher_filters": teacher.num_filters,
        "training": (
            f"teacher: {teaching.epochs} epochs, seed 0; students: {learning.epochs} epochs, batches of "
            f"{learning.batch_size}, last layer cut to the part, features only; losses on the validation images"
        ),
        "threshold": options.threshold,
        "versions": versions(),
        "rows": found,
    }


def show_tables(found: Document, *, markdown: bool) -> None:
    """Losses by student and size, and the capacities that follow."""
    from rocoin_opt.profiling.capacity import CapacityTable, capacity_sheet

    sheet = capacity_sheet(CapacityTable.model_validate(found["results"]))
    show(sheet.title, sheet.columns, sheet.rows, {"student"}, markdown=markdown)


QUICK = {"data": "digits", "sizes": [4, 12], "threshold": 10.0}
"""Students of one epoch have learnt next to nothing."""
SCRIPT = Script("capacity", measure, show_tables, quick=QUICK)


def main() -> None:
    """Measure or show."""
    parser = shared_options(__doc__)
    parser.add_argument("--data", default="fashion-mnist", metavar="D", help="as for rocoin-opt demo")
    parser.add_argument("--sizes", type=numbers, default=[16, 32, 48, 64, 96, 128], metavar="N,N,...", help="of parts")
    parser.add_argument("--seeds", type=numbers, default=[0], metavar="N,N,...", help="of parts and students")
    parser.add_argument("--threshold", type=float, default=0.075, metavar="X", help="loss of a part that is learnt")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="of PyTorch; default 1")
    parser.add_argument("--folder", type=Path, metavar="FOLDER", help="for checkpoints")
    run(SCRIPT, parser)


if __name__ == "__main__":
    main()
