"""Options that commands about networks share: images, teachers, and how they are trained."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from rocoin_opt.cli.options import refuse

if TYPE_CHECKING:
    from pathlib import Path

    from rocoin_opt.profiling import Dataset, Training

DATA_HELP = "digits, fashion-mnist, a folder of pictures by class, of CIFAR's batches or of IDX files, or an .npz file."

DataPath: TypeAlias = Annotated[str, typer.Option("--data", metavar="D", help=DATA_HELP)]
Normalise: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--normalise",
        metavar="N",
        help="training (mean 0, deviation 1 per channel), unit (0 to 1), none, or M,M,M/S,S,S.",
    ),
]
ImageSize: TypeAlias = Annotated[
    str | None, typer.Option("--image-size", metavar="HxW", help="Resize pictures to H by W pixels.")
]
Labels: TypeAlias = Annotated[str, typer.Option("--labels", metavar="L", help="Labels of CIFAR-100: fine or coarse.")]
STRIDE_HELP = "Stride of the first convolution of known networks."
StemStride: TypeAlias = Annotated[int, typer.Option("--stem-stride", metavar="N", help=STRIDE_HELP)]
PresetStride: TypeAlias = Annotated[
    int | None, typer.Option("--stem-stride", metavar="N", help=STRIDE_HELP, show_default="1")
]
Classifier: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--classifier",
        metavar="L",
        help="Linear layer that classifies, in a teacher of your own; by default the last one.",
    ),
]
OwnNames: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--own", metavar="M:C,...", help="Your own networks whose code may run: module:callable."),
]
EPOCHS_HELP = "Passes over the training images."
Epochs: TypeAlias = Annotated[int | None, typer.Option("--epochs", metavar="N", help=EPOCHS_HELP, show_default="6")]
StudentEpochs: TypeAlias = Annotated[
    int | None, typer.Option("--epochs", metavar="N", help=EPOCHS_HELP, show_default="4")
]
BatchSize: TypeAlias = Annotated[
    int | None, typer.Option("--batch-size", metavar="N", help="Images per step.", show_default="128")
]
LearningRate: TypeAlias = Annotated[
    float | None, typer.Option("--learning-rate", metavar="R", help="Peak of the learning rate.", show_default="0.1")
]
WeightDecay: TypeAlias = Annotated[
    float | None,
    typer.Option("--weight-decay", metavar="W", help="Weight decay of the training.", show_default="0.0005"),
]
Shift: TypeAlias = Annotated[
    int | None,
    typer.Option("--shift", metavar="N", help="Move training images by up to so many pixels.", show_default="0"),
]
Flip: TypeAlias = Annotated[
    bool | None, typer.Option("--flip/--no-flip", help="Mirror half of the training images.", show_default="no-flip")
]
Preset: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--preset",
        metavar="P",
        help="Defaults of other options: fashion, cifar or fast.",
        show_default="none",
    ),
]
Arithmetic: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--arithmetic",
        metavar="A",
        help="Arithmetic of convolutions and products: float32, tf32 (on CUDA), or bf16.",
        show_default="float32",
    ),
]
Deterministic: TypeAlias = Annotated[
    bool, typer.Option("--deterministic", help="Give the same bytes each time on CUDA too, also when resumed.")
]
StepKind: TypeAlias = Annotated[
    str, typer.Option("--step", metavar="S", help="Training steps on CUDA: graph (captured), eager, or auto.")
]
TorchDevice: TypeAlias = Annotated[str, typer.Option("--device", metavar="D", help="cpu, cuda or auto.")]
TorchThreads: TypeAlias = Annotated[
    int | None, typer.Option("--threads", metavar="N", help="Threads of PyTorch; its own choice by default.")
]


def data_options(normalise: Any, image_size: str | None, labels: str) -> dict[str, Any]:
    """Options of images, as readers of data sets take them.

    Parameters
    ----------
    normalise : str or Scaling, optional
        What ``--normalise`` was given, or a scaling that is known.
    image_size : str, optional
        What ``--image-size`` was given.
    labels : str
        What ``--labels`` was given.

    Raises
    ------
    InputError
        If the size is none.
    """
    size = None
    if image_size is not None:
        found = re.fullmatch(r"(\d{1,5})(?:x(\d{1,5}))?", image_size)
        if found is None:
            refuse("--image-size", repr(image_size), "height and width in pixels, as 32x32, or one number for both")
        size = int(found[1]), int(found[2] or found[1])
    return {"normalise": normalise, "image_size": size, "labels": labels}


def teacher_sizes(data: Dataset, stem_stride: int) -> dict[str, int]:
    """What a network by name has to know of its images."""
    return {"num_classes": data.num_classes, "in_channels": data.input_shape[0], "stem_stride": stem_stride}


def preset_of(name: str | None) -> Any:
    """Settings of a preset; None where none is asked for."""
    if name is None:
        return None
    from rocoin_opt.profiling import preset

    return preset(name)


def training_of(threads: int | None, usual: Training | None = None, **options: Any) -> Training:
    """Make the training that options ask for, with as many threads as they ask for.

    Parameters
    ----------
    threads : int, optional
        Of PyTorch.
    usual : Training, optional
        What holds where an option is None.
    **options
        Fields of a training.

    Raises
    ------
    InputError
        If one of them is out of range.
    """
    from dataclasses import replace

    from rocoin_opt.profiling import Training, use_threads

    training = replace(usual or Training(), **{name: value for name, value in options.items() if value is not None})
    if threads is not None:
        use_threads(threads)
    return training


def described_teacher(teacher: str, weights: Path | None, stem_stride: int) -> str:
    """Say what a teacher is: its name, its stem, and its weights by their fingerprint.

    Parameters
    ----------
    teacher : str
        Its name.
    weights : Path, optional
        Its file of weights.
    stem_stride : int
        Of its first convolution.
    """
    stem = f" with a stem of stride {stem_stride}" if stem_stride > 1 and ":" not in teacher else ""
    if weights is None:
        return f"{teacher}{stem}"
    return f"{teacher}{stem}, weights {weights.name} (sha256 {digest_of(weights)[:16]})"


def digest_of(file: Path) -> str:
    """Fingerprint of a file of weights.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    import hashlib

    try:
        content = file.read_bytes()
    except OSError as error:
        refuse("--weights", f"{str(file)!r}: {error.strerror or error}", "a file of weights")
    return hashlib.sha256(content).hexdigest()
