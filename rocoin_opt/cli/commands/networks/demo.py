"""The command ``demo``: from images to plans, students and measured accuracy, in one go."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from rocoin_opt.cli.network_options import DATA_HELP, Deterministic, StepKind
from rocoin_opt.cli.options import listed, refuse, require_torch
from rocoin_opt.cli.output import console, delivering, require_outputs
from rocoin_opt.wording import printable

OF_PRESET = "the preset's"


def demo(
    data: Annotated[str, typer.Option("--data", metavar="DATA", help=f"auto, or {DATA_HELP}")] = "auto",
    preset: Annotated[
        str | None,
        typer.Option("--preset", metavar="P", help="fashion, cifar or fast.", show_default="fashion"),
    ] = None,
    fast: Annotated[bool, typer.Option("--fast", help="Small networks on the digits, in less than a minute.")] = False,
    teacher: Annotated[
        str | None, typer.Option("--teacher", metavar="T", help="Network of the teacher.", show_default=OF_PRESET)
    ] = None,
    students: Annotated[
        list[str] | None,
        typer.Option("--students", metavar="S,...", help="Networks of the students.", show_default=OF_PRESET),
    ] = None,
    stem_stride: Annotated[
        int | None,
        typer.Option("--stem-stride", metavar="N", help="Stride of the first convolutions.", show_default=OF_PRESET),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option("--epochs", metavar="N", help="Of the teacher.", show_default=OF_PRESET)
    ] = None,
    shift: Annotated[
        int | None,
        typer.Option(
            "--shift", metavar="N", help="Move the teacher's images by up to so many pixels.", show_default=OF_PRESET
        ),
    ] = None,
    flip: Annotated[
        bool | None,
        typer.Option("--flip/--no-flip", help="Mirror half of the teacher's images.", show_default=OF_PRESET),
    ] = None,
    student_epochs: Annotated[
        int | None, typer.Option("--student-epochs", metavar="N", help="Of the students.", show_default=OF_PRESET)
    ] = None,
    student_shift: Annotated[
        int | None, typer.Option("--student-shift", metavar="N", help="The same for them.", show_default=OF_PRESET)
    ] = None,
    student_flip: Annotated[
        bool | None,
        typer.Option("--student-flip/--no-student-flip", help="The same for them.", show_default=OF_PRESET),
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option("--batch-size", metavar="N", help="Images per step.", show_default=OF_PRESET)
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option("--learning-rate", metavar="R", help="Peak of the learning rate.", show_default=OF_PRESET),
    ] = None,
    weight_decay: Annotated[
        float | None,
        typer.Option("--weight-decay", metavar="W", help="Weight decay of the training.", show_default=OF_PRESET),
    ] = None,
    fleet: Annotated[
        str | None,
        typer.Option(
            "--fleet",
            metavar="F",
            help="boards, paper (RoCoIn's eight devices), or a device file.",
            show_default=OF_PRESET,
        ),
    ] = None,
    groups: Annotated[
        int | None, typer.Option("--groups", metavar="K", help="Number of parts.", show_default="the fleet's")
    ] = None,
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Folder for all files.")] = Path("rocoin-demo"),
    seed: Annotated[
        list[str] | None,
        typer.Option("--seed", metavar="N,...", help="Seeds; one run for each. Repeatable.", show_default="0"),
    ] = None,
    arithmetic: Annotated[
        str | None,
        typer.Option("--arithmetic", metavar="A", help="float32, tf32 (on CUDA) or bf16.", show_default=OF_PRESET),
    ] = None,
    deterministic: Deterministic = False,
    step: StepKind = "auto",
    device: Annotated[str, typer.Option("--device", metavar="D", help="cpu, cuda or auto.")] = "auto",
    threads: Annotated[
        int | None, typer.Option("--threads", metavar="N", help="Threads of PyTorch; its own choice by default.")
    ] = None,
) -> None:
    """Train a teacher, plan, distil the students of several plans, and measure their accuracy under failure."""
    seeds = _seeds(seed or ["0"])
    if fast and preset not in (None, "fast"):
        refuse("--fast", f"--preset {preset}", "one of them: --fast is --preset fast")
    named = "fast" if fast else preset or "fashion"
    if named == "cifar" and data == "auto":
        refuse("--data", "nothing with --preset cifar", "the path of CIFAR-10: its batches, or an .npz file")
    require_torch("demo needs", scikit_learn=True)

    from rocoin_opt.cli.training_progress import showing_training
    from rocoin_opt.control import ended_by_termination
    from rocoin_opt.documents import readable_json
    from rocoin_opt.profiling import demo_document, image_files, load_dataset, run_demo, use_threads
    from rocoin_opt.profiling import preset as preset_of
    from rocoin_opt.report import pipeline_csv, pipeline_markdown, print_pipeline
    from rocoin_opt.writing import require_folder, write_text

    settings = preset_of(named).changed(
        teacher=teacher,
        students=tuple(listed(students)) or None,
        stem_stride=stem_stride,
        epochs=epochs,
        shift=shift,
        flip=flip,
        student_epochs=student_epochs,
        student_shift=student_shift,
        student_flip=student_flip,
        batch_size=batch_size,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        fleet=fleet,
        groups=groups,
        arithmetic=arithmetic,
        deterministic=deterministic or None,
        step=step,
        device=device,
    )
    # Before the work, not after it.
    settings.require()
    require_folder(out)
    tables = [out / f"results.{kind}" for kind in ("json", "csv", "md")]
    read = [*image_files(data), Path(settings.fleet)]
    if out.exists():
        require_outputs(*tables, inputs=read)
    for place in [out / f"seed-{number}" for number in seeds]:
        for file in read:
            if file.is_file() and file.resolve().is_relative_to(place.resolve()):
                refuse("--out", f"{out}, where {file}, which is read, may be replaced", "another folder")
    if threads is not None:
        use_threads(threads)
    images = load_dataset("digits" if named == "fast" and data == "auto" else data)
    print(printable(f"{images.name}: {images.source}"), file=sys.stderr)
    results = []
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
