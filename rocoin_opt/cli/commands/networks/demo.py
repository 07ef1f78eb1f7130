"""The command ``demo``: from images to plans, students and measured accuracy, in one go."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from rocoin_opt.cli.network_options import DATA_HELP
from rocoin_opt.cli.options import refuse, require_torch
from rocoin_opt.cli.output import console, delivering, require_outputs
from rocoin_opt.wording import printable


def demo(
    data: Annotated[str, typer.Option("--data", metavar="DATA", help=f"auto, or {DATA_HELP}")] = "auto",
    fast: Annotated[bool, typer.Option("--fast", help="Small networks on the digits, in less than a minute.")] = False,
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Folder for everything that is made.")] = Path(
        "rocoin-demo"
    ),
    seed: Annotated[
        list[str] | None,
        typer.Option("--seed", metavar="N,...", help="Seeds; one run with each. Repeatable.", show_default="0"),
    ] = None,
    device: Annotated[str, typer.Option("--device", metavar="D", help="cpu, cuda or auto.")] = "auto",
    threads: Annotated[
        int | None, typer.Option("--threads", metavar="N", help="Threads of PyTorch; as many as it likes by default.")
    ] = None,
) -> None:
    """Train a teacher, plan, distil the students of several plans, and measure what their answers are worth."""
    seeds = _seeds(seed or ["0"])
    require_torch("demo needs", scikit_learn=True)

    from rocoin_opt.cli.training_progress import showing_training
    from rocoin_opt.control import ended_by_termination
    from rocoin_opt.documents import readable_json
    from rocoin_opt.profiling import FAST, FULL, demo_document, load_dataset, run_demo, use_threads
    from rocoin_opt.report import pipeline_csv, pipeline_markdown, print_pipeline
    from rocoin_opt.writing import require_folder, write_text

    # Before the work, not after it.
    require_folder(out)
    tables = [out / f"results.{kind}" for kind in ("json", "csv", "md")]
    if out.exists():
        require_outputs(*tables)
    if threads is not None:
        use_threads(threads)
    images = load_dataset("digits" if fast and data == "auto" else data)
    print(printable(f"{images.name}: {images.source}"), file=sys.stderr)
    settings, results = FAST if fast else FULL, []
    for number in seeds:
        with ended_by_termination(), showing_training() as report:
            results.append(run_demo(images, settings, number, out / f"seed-{number}", device=device, report=report))
    document = demo_document(images, settings, results)
    texts = (readable_json(document) + "\n", pipeline_csv(document), pipeline_markdown(document))
    with delivering() as deliver:
        for table, text in zip(tables, texts, strict=True):
            deliver(write_text, table, text)
        print_pipeline(document, console(200))
        print()
        print(printable(f"Plans, students and tables are in {out}"))


def _seeds(given: list[str]) -> list[int]:
    text = ",".join(given)
    try:
        seeds = [int(number) for number in text.split(",")]
    except ValueError:
        seeds = []
    if not seeds or min(seeds) < 0 or max(seeds) >= 2**31 or len(set(seeds)) < len(seeds):
        refuse("--seed", repr(text), "whole numbers from 0 to 2147483647, each once, with commas between them")
    return seeds
