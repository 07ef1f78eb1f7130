"""The command ``export``: the students of a plan as files for its devices, with a source that runs them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rocoin_opt.cli.network_options import DataPath, ImageSize, Labels, Normalise, OwnNames, data_options
from rocoin_opt.cli.options import Deadline, PlanFile, listed, refuse, require_onnx, require_torch
from rocoin_opt.cli.output import console, delivering, require_outputs

if TYPE_CHECKING:
    from rich.table import Table

    from rocoin_opt.profiling import Deployment, Fill, Manifest

KILO = 1e3


def export(
    plan: PlanFile,
    students: Annotated[
        Path, typer.Option("--students", metavar="FOLDER", help="Students of the plan, as distil writes them.")
    ],
    data: DataPath,
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Folder for the files.")],
    own: OwnNames = None,
    normalise: Normalise = None,
    image_size: ImageSize = None,
    labels: Labels = "fine",
    part: Annotated[
        str,
        typer.Option(
            "--part",
            metavar="P",
            help="Part of the data to check the files on: train, validation or test. In data without such parts, "
            "test is a fifth of each class that no training saw.",
        ),
    ] = "test",
    instance: Annotated[
        Path | None,
        typer.Option("--instance", metavar="INSTANCE", help="Instance file of the plan; its deadline is the source's."),
    ] = None,
    deadline: Deadline = None,
    fill: Annotated[
        str, typer.Option("--fill", metavar="F", help="What replaces missing parts: zero, or mean.")
    ] = "zero",
    int8: Annotated[
        bool, typer.Option("--int8", help="Quantise the students to 8 bits, with ranges observed on training images.")
    ] = False,
    opset: Annotated[
        int | None,
        typer.Option(
            "--opset",
            metavar="N",
            help="Version of ONNX's operators, for the tools of your boards.",
            show_default="18, the oldest that PyTorch writes",
        ),
    ] = None,
    images_out: Annotated[
        Path | None,
        typer.Option("--images-out", metavar="FILE.npz", help="Write the images used for the check, already scaled."),
    ] = None,
) -> None:
    """Write the students of PLAN as ONNX files for its devices, with a source in NumPy and ONNX Runtime."""
    from rocoin_opt.cli.progress import showing_work
    from rocoin_opt.failure import require_assessable
    from rocoin_opt.instance import is_positive, read_instance
    from rocoin_opt.plan import read_plan, read_plan_document

    require_torch("export needs")
    require_onnx("export needs")

    from rocoin_opt.profiling import (
        Ensemble,
        deploy,
        export_files,
        image_files,
        load_dataset,
        manifest_of,
        own_networks,
        require_export_folder,
        saved_files,
        write_export,
        write_images,
    )

    # Before the work, not after it.
    require_export_folder(out)
    require_outputs(images_out, inputs=[plan, instance, *saved_files(students), *image_files(data)])
    if out.exists():
        require_outputs(images_out, *export_files(out), inputs=[plan, instance, *image_files(data)])
    if deadline is not None and not is_positive(deadline):
        refuse("--deadline", repr(deadline), "a positive, finite number of seconds")
    document = read_plan_document(plan)
    end = deadline
    if instance is not None:
        given = read_instance(instance)
        require_assessable(given, read_plan(plan, given))
        end = given.requirements.deadline_seconds if deadline is None else deadline
    ensemble = Ensemble.load(students, own=own_networks(listed(own)))
    ensemble.require_parts_of(document.plan)
    images = load_dataset(data, **data_options(normalise or ensemble.scaling, image_size, labels))
    ensemble.require_classes(images.num_classes, images.classes, "--data")
    names = [group.student for group in document.groups]
    with showing_work(f"{document.instance.name}, export"):
        made = deploy(ensemble, names, images, int8=int8, fill=fill_named(fill), part=part, opset=opset)
        manifest = manifest_of(made, document, end)
        write_export(out, made, manifest)
    with delivering() as deliver:
        if images_out is not None:
            deliver(write_images, images_out, made.checked.images, made.checked.labels)
        _print(made, manifest, out)


def fill_named(name: str) -> Fill:
    """Return the fill of a name.

    Raises
    ------
    InputError
        If there is none.
    """
    from rocoin_opt.profiling import FILLS

    found = next((fill for fill in FILLS if fill == name), None)
    if found is None:
        refuse("--fill", repr(name), f"one of {', '.join(FILLS)}")
    return found


def _print(made: Deployment, manifest: Manifest, out: Path) -> None:
    from rocoin_opt.plan import plain_text

    terminal, measured = console(), manifest.accuracy
    sizes = {entry.file: entry.size_bytes for entry in manifest.files}
    lines = [
        f"{manifest.instance.name}: {len(manifest.parts)} parts for {len(manifest.devices)} devices, "
        f"which run {manifest.precision}, opset {manifest.opset}",
        f"{measured.images} images of {measured.data}: features of ONNX Runtime within "
        f"{made.largest_difference:.1e} of PyTorch's, {made.moved} images in another class",
    ]
    if manifest.source.deadline_seconds is None:
        lines.append("no deadline: the source waits for all parts; --instance or --deadline gives one")
    kinds = sorted({kind for part in manifest.parts for entry in part.files for kind in entry.float_operators})
    if kinds:
        lines.append(f"operators of the int8 students that compute in float32: {', '.join(kinds)}")
    for line in lines:
        terminal.print(plain_text(line))
    terminal.print(_table(manifest, sizes))
    terminal.print(plain_text(f"written: {out}"))


def _table(manifest: Manifest, sizes: dict[str, int]) -> Table:
    from rocoin_opt.plan import plain_table

    parts = range(len(manifest.parts))
    table = plain_table("precision", numbers=("students kB", "all parts", *(f"without {k}" for k in parts)))
    for row in manifest.accuracy.precisions:
        files = [entry.file for part in manifest.parts for entry in part.files if entry.precision == row.precision]
        shares = (f"{share:.4f}" for share in (row.all_parts, *row.without_each))
        table.add_row(row.precision, f"{sum(sizes[file] for file in files) / KILO:.1f}", *shares)
    return table
