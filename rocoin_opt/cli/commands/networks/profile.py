"""The command ``profile``: measures a teacher and its students, and writes an instance."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rocoin_opt.cli.network_options import (
    Classifier,
    DataPath,
    ImageSize,
    Labels,
    Normalise,
    StemStride,
    TorchDevice,
    data_options,
    described_teacher,
    training_of,
)
from rocoin_opt.cli.options import InstanceOut, listed, refuse, require_torch
from rocoin_opt.cli.output import console, delivering, require_matrices, require_outputs
from rocoin_opt.wording import counted, data_size, engineering, printable, seconds

if TYPE_CHECKING:
    from rocoin_opt.profiling import ProfiledInstance


def profile(
    teacher: Annotated[
        str, typer.Argument(metavar="TEACHER", help="wrn-DEPTH-WIDTH, resnet8, mobilenet-WIDTH, or module:callable.")
    ],
    data: DataPath,
    students: Annotated[
        list[str],
        typer.Option(
            "--students", metavar="S,S,...", help="Students, named as teachers are; separated by commas, repeatable."
        ),
    ],
    devices: Annotated[Path, typer.Option("--devices", metavar="FILE", help="Device file (*.json).")],
    out: InstanceOut,
    weights: Annotated[
        Path | None, typer.Option("--weights", metavar="FILE", help="The teacher's state_dict, as torch.save wrote it.")
    ] = None,
    layer: Annotated[
        str | None,
        typer.Option(
            "--layer", metavar="L", help="Layer whose filters are shared out; by default what the classifier reads."
        ),
    ] = None,
    classifier: Classifier = None,
    part: Annotated[
        str | None,
        typer.Option(
            "--part",
            metavar="P",
            help="Part of the data: train, validation or test.",
            show_default="validation; all of images and labels in an .npz file",
        ),
    ] = None,
    normalise: Normalise = None,
    image_size: ImageSize = None,
    labels: Labels = "fine",
    batch_size: Annotated[int, typer.Option("--batch-size", metavar="N", help="Images per batch.")] = 256,
    precision: Annotated[
        int, typer.Option("--precision", metavar="BITS", help="Bits of a weight and of an activation on the devices.")
    ] = 32,
    bits_per_filter: Annotated[
        float | None,
        typer.Option(
            "--bits-per-filter", metavar="BITS", help="Bits of one filter on the link; by default the precision."
        ),
    ] = None,
    capacity: Annotated[
        list[str] | None,
        typer.Option(
            "--capacity", metavar="S=N,...", help="Largest part of each student; assumed if not given. Repeatable."
        ),
    ] = None,
    top_k: Annotated[
        int | None, typer.Option("--top-k", metavar="K", help="Count only the K most active filters of each image.")
    ] = None,
    rectify: Annotated[bool, typer.Option("--rectify", help="Count negative activations as 0.")] = False,
    stem_stride: StemStride = 1,
    repeats: Annotated[
        int | None, typer.Option("--repeats", metavar="N", help="Measure each student's latency on this host N times.")
    ] = None,
    threads: Annotated[int, typer.Option("--threads", metavar="N", help="Threads for that measurement.")] = 1,
    hosts: Annotated[
        list[str] | None,
        typer.Option(
            "--host", metavar="ID,...", help="Devices like this host: they get the times of --repeats. Repeatable."
        ),
    ] = None,
    measured: Annotated[
        Path | None,
        typer.Option(
            "--measured",
            metavar="FILE",
            help="Seconds measured on the devices (*.json or *.csv), by device and student.",
        ),
    ] = None,
    device: TorchDevice = "cpu",
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="Name of the instance.")] = None,
) -> None:
    """Measure TEACHER and students, and write an instance with the filter graph beside it. Needs PyTorch."""
    require_torch("profile needs")

    from rocoin_opt.instance import companions, read_device_file, write_instance
    from rocoin_opt.plan import plain_text
    from rocoin_opt.profiling import (
        Origin,
        image_files,
        labelled_images,
        load_teacher,
        profile_instance,
        student_builder,
        with_knowledge,
    )

    read = [devices, weights, measured, *image_files(data)]
    require_outputs(out, inputs=read)
    require_matrices(out, inputs=read)
    where = training_of(None, device=device).torch_device
    fleet = read_device_file(devices, precision_bits=precision)
    capacities = _capacities(capacity)
    given = labelled_images(data, part, **data_options(normalise, image_size, labels))
    channels = int(given.images.shape[1])
    network = load_teacher(
        teacher, weights, num_classes=given.num_classes, in_channels=channels, stem_stride=stem_stride
    )
    if layer is not None and classifier is not None:
        refuse(
            "--classifier", repr(classifier), "nothing beside --layer: each of them says which filters are shared out"
        )
    if layer is None:
        network = with_knowledge(network, given.images, classifier)
        known = getattr(network.head, "out_features", given.num_classes)
        if given.num_classes > known:
            refuse("--data", f"{given.num_classes} classes", f"{known}, those of the teacher")
    builders = [student_builder(found, in_channels=channels, stem_stride=stem_stride) for found in listed(students)]
    profiled = profile_instance(
        network,
        layer,
        _tracked(given.images, given.labels, batch_size),
        builders,
        fleet,
        name=name or out.stem,
        origin=Origin(described_teacher(teacher, weights, stem_stride), given.source, devices.name),
        precision_bits=precision,
        bits_per_filter=bits_per_filter,
        capacity=capacities or None,
        top_k=top_k,
        rectify=rectify,
        repeats=repeats,
        threads=threads,
        hosts=listed(hosts),
        measured=measured,
        device=where,
    )
    written = [out, *companions(out, profiled.instance)]
    with delivering() as deliver:
        is_written = deliver(write_instance, out, profiled.instance)
        _print(profiled, console())
        if is_written:
            console().print(plain_text(f"written: {', '.join(map(str, written))}"))


def _tracked(images: Any, labels: Any, batch_size: int) -> Any:
    """Batches, with a bar on a terminal's standard error."""
    from rich.console import Console
    from rich.progress import track

    from rocoin_opt.profiling import batched

    console = Console(file=sys.stderr)
    batches = list(batched(images, labels, batch_size))
    return track(batches, "images", console=console, transient=True, disable=not console.is_terminal)


def _capacities(given: list[str] | None) -> dict[str, int]:
    found = {}
    for entry in listed(given):
        student, _, size = entry.rpartition("=")
        if not student or not size.isdecimal() or student in found:
            refuse("--capacity", repr(entry), "STUDENT=N, separated by commas, each student once")
        found[student] = int(size)
    return found


def _print(profiled: ProfiledInstance, console: Any) -> None:
    from rocoin_opt.plan import plain_table, plain_text

    instance, teacher = profiled.instance, profiled.teacher
    lines = (
        f"{instance.name}: {counted(len(instance.devices), 'device')}, {counted(len(instance.students), 'student')}, "
        f"{counted(instance.knowledge.num_filters, 'filter')}, {len(profiled.activations.class_affinity)} classes, "
        f"{profiled.activations.num_images} images",
        f"teacher: {engineering(teacher.flops, 'FLOP')}, {teacher.parameters} parameters, "
        f"{data_size(teacher.memory_bytes)} at {teacher.precision_bits} bits",
    )
    for line in lines:
        console.print(plain_text(line))
    is_measured = any(student.latency is not None for student in profiled.students)
    table = plain_table("student", numbers=("largest part", "compute", "+ a filter", "memory", "+ a filter"))
    if is_measured:
        table.add_column("here, largest part", justify="right")
    for student in profiled.students:
        costs = student.profile
        row = [
            printable(student.id),
            str(costs.largest),
            engineering(costs.flops, "FLOP"),
            engineering(costs.flops_per_filter, "FLOP"),
            data_size(costs.memory_bytes),
            data_size(costs.memory_bytes_per_filter),
        ]
        if student.latency is not None:
            taken = student.latency
            low, middle, high = (
                seconds(value, 3) for value in (taken.low_seconds, taken.median_seconds, taken.high_seconds)
            )
            row.append(f"{middle} ({low} to {high})")
        table.add_row(*row)
    console.print(table)
