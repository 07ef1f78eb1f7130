"""The command ``distil``: the students of a plan, from a teacher and images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rocoin_opt.cli.network_options import (
    Arithmetic,
    BatchSize,
    Classifier,
    DataPath,
    Deterministic,
    Flip,
    ImageSize,
    Labels,
    LearningRate,
    Normalise,
    OwnNames,
    Preset,
    PresetStride,
    Shift,
    StepKind,
    StudentEpochs,
    TorchDevice,
    TorchThreads,
    WeightDecay,
    data_options,
    preset_of,
    teacher_sizes,
    training_of,
)
from rocoin_opt.cli.options import InstanceFile, PlanFile, Seed, listed, require_torch
from rocoin_opt.cli.output import complain, require_outputs
from rocoin_opt.wording import printable


def distil(
    instance: InstanceFile,
    plan: PlanFile,
    teacher: Annotated[
        str,
        typer.Option("--teacher", metavar="T", help="wrn-DEPTH-WIDTH, resnet8, mobilenet-WIDTH, or module:callable."),
    ],
    data: DataPath,
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Folder for the students and their head.")],
    weights: Annotated[
        Path | None, typer.Option("--weights", metavar="FILE", help="The teacher's weights, as train writes them.")
    ] = None,
    classifier: Classifier = None,
    own: OwnNames = None,
    normalise: Normalise = None,
    image_size: ImageSize = None,
    labels: Labels = "fine",
    preset: Preset = None,
    stem_stride: PresetStride = None,
    epochs: StudentEpochs = None,
    batch_size: BatchSize = None,
    learning_rate: LearningRate = None,
    weight_decay: WeightDecay = None,
    shift: Shift = None,
    flip: Flip = None,
    temperature: Annotated[
        float,
        typer.Option("--temperature", metavar="T", help="Temperature that softens the logits of teacher and students."),
    ] = 4.0,
    feature_weight: Annotated[
        float, typer.Option("--feature-weight", metavar="W", help="Weight of the features' squared error.")
    ] = 1.0,
    logit_weight: Annotated[
        float, typer.Option("--logit-weight", metavar="W", help="Weight of the softened logits' divergence.")
    ] = 1.0,
    part_dropout: Annotated[
        float,
        typer.Option("--part-dropout", metavar="P", help="Probability that a part is missing while the head learns."),
    ] = 0.0,
    seed: Seed = 0,
    arithmetic: Arithmetic = None,
    deterministic: Deterministic = False,
    step: StepKind = "auto",
    device: TorchDevice = "auto",
    threads: TorchThreads = None,
) -> None:
    """Distil the students of PLAN, one for each group, for accuracy and run. Needs PyTorch."""
    require_torch("distil needs")

    from rocoin_opt.cli.training_progress import showing_training
    from rocoin_opt.control import ended_by_termination
    from rocoin_opt.instance import read_instance
    from rocoin_opt.plan import read_plan
    from rocoin_opt.profiling import (
        Distillation,
        Lesson,
        distil_plan,
        image_files,
        load_dataset,
        load_teacher,
        other_costs,
        own_networks,
        saved_files,
    )
    from rocoin_opt.profiling.training import accuracy
    from rocoin_opt.writing import require_folder

    require_folder(out)
    if out.exists():
        require_outputs(*saved_files(out), out / "checkpoint.pt", inputs=[instance, plan, weights, *image_files(data)])
    given = read_instance(instance)
    decided = read_plan(plan, given)
    chosen = preset_of(preset)
    stride = (1 if chosen is None else chosen.stem_stride) if stem_stride is None else stem_stride
    training = training_of(
        threads,
        Distillation().training if chosen is None else chosen.distillation.training,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        shift=shift,
        flip=flip,
        seed=seed,
        device=device,
        arithmetic=arithmetic,
        deterministic=deterministic or None,
        step=step,
    )
    distillation = Distillation(training, temperature, feature_weight, logit_weight, part_dropout)
    builders = own_networks(listed(own))
    images = load_dataset(data, **data_options(normalise, image_size, labels))
    network = load_teacher(teacher, weights, **teacher_sizes(images, stride))
    with ended_by_termination(), training.computing(), showing_training() as report:
        lesson = Lesson.of(network, images, training.torch_device, layer=classifier)
        students = distil_plan(
            lesson,
            decided,
            images,
            distillation,
            stem_stride=stride,
            own=builders,
            checkpoint=out / "checkpoint.pt",
            report=report,
        )
        students.save(out)
        known, taught = (accuracy(made, images.test, training.torch_device) for made in (lesson.teacher, students))
    for note in other_costs(given, decided, students, images.input_shape):
        complain(f"warning: {note}")
    parameters = ", ".join(str(sum(p.numel() for p in student.parameters())) for student in students.students)
    for line in (
        f"{len(students.parts)} students of {parameters} parameters",
        f"accuracy on {len(images.test)} test images: {taught:.4f} with all parts, {known:.4f} of the teacher",
        f"written: {out}",
    ):
        print(printable(line))
