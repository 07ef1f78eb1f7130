"""The command ``accuracy``: what the answers of a plan's students are worth when parts are missing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rocoin_opt.cli.network_options import (
    DataPath,
    ImageSize,
    Labels,
    Normalise,
    OwnNames,
    TorchDevice,
    TorchThreads,
    data_options,
    training_of,
)
from rocoin_opt.cli.options import AsJson, Deadline, InstanceFile, PlanFile, Seed, listed, require_torch
from rocoin_opt.cli.output import console, delivering, print_json, require_outputs
from rocoin_opt.wording import printable

if TYPE_CHECKING:
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Plan


def accuracy(
    instance: InstanceFile,
    plan: PlanFile,
    students: Annotated[
        Path, typer.Option("--students", metavar="FOLDER", help="Students of the plan, as distil writes them.")
    ],
    data: DataPath,
    own: OwnNames = None,
    part: Annotated[
        str, typer.Option("--part", metavar="P", help="Part of the data: train, validation or test.")
    ] = "test",
    normalise: Normalise = None,
    image_size: ImageSize = None,
    labels: Labels = "fine",
    fill: Annotated[
        str, typer.Option("--fill", metavar="F", help="What replaces missing parts: zero, or mean.")
    ] = "zero",
    deadline: Deadline = None,
    seed: Seed = 0,
    draws: Annotated[
        int,
        typer.Option("--draws", metavar="N", help="Simulated requests, beyond 12 parts or for long queues."),
    ] = 4096,
    device: TorchDevice = "auto",
    threads: TorchThreads = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write the table of all subsets of parts (*.csv or *.json)."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure the accuracy of PLAN's students with parts missing, and weight it with the failures of its devices."""
    require_torch("accuracy needs")

    from rocoin_opt.instance import read_instance
    from rocoin_opt.plan import read_plan
    from rocoin_opt.profiling import (
        Ensemble,
        accuracy_under_failure,
        image_files,
        labelled_images,
        own_networks,
        require_table_name,
        saved_files,
        write_accuracy_table,
    )

    require_outputs(out, inputs=[instance, plan, *saved_files(students), *image_files(data)])
    if out is not None:
        require_table_name(out)
    given = read_instance(instance)
    decided = read_plan(plan, given)
    where = training_of(threads, seed=seed, device=device).torch_device
    ensemble = Ensemble.load(students, own=own_networks(listed(own)))
    scaling = normalise or ensemble.scaling
    images = labelled_images(data, part, **data_options(scaling, image_size, labels))
    ensemble.require_classes(images.num_classes, images.classes, "--data")
    answers = accuracy_under_failure(
        ensemble,
        images.split,
        given,
        decided,
        fill=fill,  # type: ignore[arg-type]  # refused there
        deadline=deadline,
        seed=seed,
        draws=draws,
        device=where,
    )
    document = _document(given, answers, images.source)
    with delivering() as deliver:
        if out is not None:
            deliver(write_accuracy_table, out, answers.table)
        if as_json:
            print_json(document)
        else:
            _print(decided, document)


def _document(instance: Instance, answers: Any, source: str) -> dict[str, Any]:
    from rocoin_opt.profiling import table_rows

    table = answers.table
    return {
        "instance": instance.name,
        "data": source,
        "images": table.images,
        "parts": table.parts,
        "fill": table.fill,
        "deadline_seconds": answers.deadline_seconds,
        "all_parts": table.all_parts,
        "without_each": list(table.without_each),
        "expected_accuracy": answers.expected,
        "interval": None if answers.low is None else [answers.low, answers.high],
        "rows": table_rows(table),
    }


def _print(plan: Plan, document: dict[str, Any]) -> None:
    from rocoin_opt.plan import plain_table

    terminal = console()
    terminal.print(printable(f"{document['instance']}: {document['images']} images, {document['data']}"), markup=False)
    table = plain_table("missing", "student", "devices", numbers=("filters", "accuracy", "loss"))
    whole = document["all_parts"]
    table.add_row("nothing", "", "", "", f"{100 * whole:.2f} %", "")
    for number, (group, share) in enumerate(zip(plan.groups, document["without_each"], strict=True)):
        devices = printable(", ".join(group.devices))
        row = (f"part {number}", printable(group.student), devices, str(group.num_filters), f"{100 * share:.2f} %")
        table.add_row(*row, f"{100 * (whole - share):.2f}")
    terminal.print(table)
    by = "without a deadline" if document["deadline_seconds"] is None else f"by {document['deadline_seconds']:g} s"
    line = f"expected accuracy of the answers {by}: {100 * document['expected_accuracy']:.2f} %"
    if document["interval"] is not None:
        low, high = document["interval"]
        line += f" ({100 * low:.2f} to {100 * high:.2f} %)"
    filled = "zeros" if document["fill"] == "zero" else "means over the training images"
    for text in (line, f"{filled} replace the features of missing parts"):
        terminal.print(printable(text), markup=False)
