"""The command ``train``: a teacher, one of the known networks or of the user's own, to a file of weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rocoin_opt.cli.network_options import (
    Arithmetic,
    BatchSize,
    DataPath,
    Deterministic,
    Epochs,
    Flip,
    ImageSize,
    Labels,
    LearningRate,
    Normalise,
    Preset,
    PresetStride,
    Shift,
    StepKind,
    TorchDevice,
    TorchThreads,
    WeightDecay,
    data_options,
    digest_of,
    preset_of,
    teacher_sizes,
    training_of,
)
from rocoin_opt.cli.options import Seed, require_torch
from rocoin_opt.cli.output import complain, require_outputs
from rocoin_opt.wording import printable

if TYPE_CHECKING:
    from rocoin_opt.profiling.images.datasets import Split

LITTLE = 0.8
"""Share of images in their class below which a network may have learnt less than it could."""
LOOKED_AT = 2000
"""Training images, at most, that tell whether it did."""


def train(
    network: Annotated[
        str, typer.Argument(metavar="NETWORK", help="wrn-DEPTH-WIDTH, resnet8, mobilenet-WIDTH, or module:callable.")
    ],
    data: DataPath,
    out: Annotated[
        Path,
        typer.Option("--out", metavar="FILE", help="File for the weights; a stopped training resumes from it."),
    ],
    weights: Annotated[
        Path | None,
        typer.Option("--weights", metavar="FILE", help="A state_dict to begin with; random weights by default."),
    ] = None,
    normalise: Normalise = None,
    image_size: ImageSize = None,
    labels: Labels = "fine",
    preset: Preset = None,
    stem_stride: PresetStride = None,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    learning_rate: LearningRate = None,
    weight_decay: WeightDecay = None,
    shift: Shift = None,
    flip: Flip = None,
    seed: Seed = 0,
    arithmetic: Arithmetic = None,
    deterministic: Deterministic = False,
    step: StepKind = "auto",
    device: TorchDevice = "auto",
    threads: TorchThreads = None,
) -> None:
    """Train NETWORK to classify images, and write its weights for profile and distil. Needs PyTorch."""
    require_torch("train needs")

    from rocoin_opt.cli.training_progress import showing_training
    from rocoin_opt.control import ended_by_termination
    from rocoin_opt.profiling import image_files, load_dataset, teacher_builder, train_classifier
    from rocoin_opt.profiling.training import accuracy

    require_outputs(out, inputs=[weights, *image_files(data)])
    chosen = preset_of(preset)
    stride = (1 if chosen is None else chosen.stem_stride) if stem_stride is None else stem_stride
    training = training_of(
        threads,
        None if chosen is None else chosen.training,
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
    images = load_dataset(data, **data_options(normalise, image_size, labels))
    build = teacher_builder(network, weights, **teacher_sizes(images, stride))
    print(printable(f"{images.name}: {images.source}; {len(images.train)} images of {images.num_classes} classes"))
    begins = "" if weights is None else f"from {digest_of(weights)}"
    with ended_by_termination(), training.computing():
        with showing_training() as report:
            trained = train_classifier(build, images, training, identity=begins, checkpoint=out, report=report)

        def share(part: Split) -> float:
            return accuracy(trained, part, training.torch_device)

        held_out, tested = share(images.validation), share(images.test)
        learnt = held_out if held_out >= LITTLE else share(_some(images.train))
    parameters = sum(parameter.numel() for parameter in trained.parameters())
    for line in (
        f"{network}: {parameters} parameters, {training.epochs} epochs",
        f"accuracy: {held_out:.4f} on {len(images.validation)} validation images, "
        f"{tested:.4f} on {len(images.test)} test images",
        f"written: {out}",
    ):
        print(printable(line))
    if learnt < LITTLE:
        complain(
            f"warning: of its training images too {100 * learnt:.0f} % are put into their class, which is little: try "
            "a lower --learning-rate, more --epochs, or, in a network of your own, layers that normalise"
        )


def _some(split: Split) -> Split:
    """Training images from everywhere, for they may lie class by class."""
    step = -(-len(split) // LOOKED_AT)
    return replace(split, images=split.images[::step], labels=split.labels[::step])
