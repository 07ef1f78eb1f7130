"""From a teacher to the measured accuracy of its students: what ``rocoin-opt demo`` measures, kept as a document.

``python benchmarks/pipeline.py [--data D] [--seeds N,N] [--threads N] [--folder FOLDER]``. It needs the extra ``torch``
and Fashion-MNIST, which Debian packages as ``dataset-fashion-mnist``. With a folder, a run that was stopped goes on.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from script import Document, Script, numbers, run, shared_options

from rocoin_opt.report.pipeline import pipeline_markdown, print_pipeline

if TYPE_CHECKING:
    import argparse

    from rocoin_opt.profiling.experiment.settings import Settings

WIDTH = 200


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """One way from the teacher to the accuracy for every seed."""
    for module, package in (("torch", "PyTorch"), ("sklearn", "scikit-learn")):
        if find_spec(module) is None:
            sys.exit(f"the pipeline needs {package}: install rocoin-opt with the extra torch")
    from rocoin_opt.profiling.demo import demo_document, run_demo
    from rocoin_opt.profiling.experiment.settings import FULL
    from rocoin_opt.profiling.images.datasets import load_dataset
    from rocoin_opt.profiling.training import use_threads

    use_threads(options.threads)
    images, settings = load_dataset(options.data), hasty() if options.quick else FULL
    kept = nullcontext(options.folder) if options.folder is not None else tempfile.TemporaryDirectory()
    with kept as folder:
        results = [
            run_demo(images, settings, seed, Path(folder) / f"seed-{seed}", device="cpu") for seed in options.seeds
        ]
    return demo_document(images, settings, results)


def hasty() -> Settings:
    """The small networks of ``demo --fast``, each trained for one epoch."""
    from rocoin_opt.profiling.experiment.settings import FAST

    return FAST.changed(epochs=1, student_epochs=1)


def show_tables(found: Document, *, markdown: bool) -> None:
    """The tables of the demonstration."""
    if markdown:
        print(pipeline_markdown(found["results"]))
    else:
        print_pipeline(found["results"], Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH))


SCRIPT = Script("pipeline", measure, show_tables, quick={"data": "digits", "seeds": [0]})


def main() -> None:
    """Measure or show."""
    parser = shared_options(__doc__)
    parser.add_argument("--data", default="fashion-mnist", metavar="D", help="as for rocoin-opt demo")
    parser.add_argument("--seeds", type=numbers, default=[0, 1, 2], metavar="N,N,...", help="default 0,1,2")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="of PyTorch; default 1")
    parser.add_argument("--folder", type=Path, metavar="FOLDER", help="for networks, plans and checkpoints")
    run(SCRIPT, parser)


if __name__ == "__main__":
    main()
