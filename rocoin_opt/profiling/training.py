"""A small training loop: the same seed gives the same weights, stopped and resumed or not.

Every epoch draws its random numbers from a generator of its own, seeded by (seed, epoch). So a checkpoint needs the
weights, the optimiser and the number of the epoch, and a resumed run is the uninterrupted one bit for bit: on a CPU
with the same number of threads, and on one GPU where the training is asked to be deterministic. Otherwise CUDA adds
numbers up in an order that depends on chance, and two runs with one seed differ: by roundings at first, which grow.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import torch
from torch import nn
from torch.nn import functional

from rocoin_opt.documents import canonical_json
from rocoin_opt.errors import InputError, Problem
from rocoin_opt.profiling.checkpoints import read_state, write_state
from rocoin_opt.profiling.counting.own_code import calling, require_classifier
from rocoin_opt.profiling.learning.draws import Chance, augmented, draws_of
from rocoin_opt.profiling.learning.placement import ARITHMETICS, casting, computing, drawing, placed
from rocoin_opt.profiling.learning.steps import CHOICES, steps_of
from rocoin_opt.profiling.networks import FilterNetwork

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from torch import Tensor

    from rocoin_opt.profiling.images.datasets import Dataset, Split
    from rocoin_opt.profiling.learning.draws import Draws
    from rocoin_opt.profiling.learning.steps import Steps

EVALUATION_BATCH = 1000
READ_EVERY = 100
"""Steps on CUDA after which the loss is looked at: whoever looks waits for the device."""


@dataclass(frozen=True)
class Training:
    """How to train: stochastic gradient descent with Nesterov's momentum, a warm-up and a cosine to zero.

    Attributes
    ----------
    epochs, batch_size : int
        Passes over the images, and images per step.
    learning_rate : float
        Peak of the learning rate.
    warm_up : float
        Share of the steps in which the learning rate rises linearly to its peak.
    momentum, weight_decay : float
        Of stochastic gradient descent.
    shift : int
        Images are moved by up to so many pixels in both directions.
    flip : bool
        Whether half of the images are mirrored.
    seed : int
        Seed of the first weights, the order of the images and their augmentation.
    device : str
        ``cpu``, ``cuda``, or ``auto``: CUDA if available.
    arithmetic : str
        Of convolutions and products of matrices: ``float32``; ``tf32``, which on CUDA has factors of 19 bits, and on a
        CPU is ``float32``; or ``bf16``, with factors of 16 bits.
    deterministic : bool
        Whether one seed gives the same bytes each time on CUDA too, on one GPU with the same versions. On a CPU with
        one number of threads it always does.
    step : str
        On CUDA: ``graph``, captured once and replayed; ``eager``, kernel after kernel; or ``auto``: captured for
        networks of this package, where that is possible. On a CPU all steps are eager.
    """

    epochs: int = 6
    batch_size: int = 128
    learning_rate: float = 0.1
    warm_up: float = 0.2
    momentum: float = 0.9
    weight_decay: float = 5e-4
    shift: int = 0
    flip: bool = False
    seed: int = 0
    device: str = "auto"
    arithmetic: str = "float32"
    deterministic: bool = False
    step: str = "auto"

    def __post_init__(self) -> None:
        """Refuse what is out of range."""
        rules = {
            "epochs": (self.epochs >= 1, "a whole number from 1"),
            "batch_size": (self.batch_size >= 2, "a whole number from 2"),
            "learning_rate": (0.0 < self.learning_rate < math.inf, "a positive number"),
            "warm_up": (0.0 <= self.warm_up <= 1.0, "a share from 0 to 1"),
            "momentum": (0.0 < self.momentum < 1.0, "a number between 0 and 1"),
            "weight_decay": (0.0 <= self.weight_decay < math.inf, "a number from 0"),
            "shift": (self.shift >= 0, "a whole number from 0"),
            "seed": (0 <= self.seed < 2**31, "a whole number from 0 to 2147483647"),
            "device": (self.device in ("auto", "cpu", "cuda"), "auto, cpu or cuda"),
            "arithmetic": (self.arithmetic in ARITHMETICS, f"one of {', '.join(ARITHMETICS)}"),
            "step": (self.step in CHOICES, f"one of {', '.join(CHOICES)}"),
        }
        wrong = [Problem(name, repr(getattr(self, name)), what) for name, (holds, what) in rules.items() if not holds]
        if wrong:
            raise InputError("training", wrong)

    def rate(self, progress: float) -> float:
        """Learning rate after a share of all steps, 0 to 1."""
        if progress < self.warm_up:
            return self.learning_rate * progress / self.warm_up
        rest = 1.0 if self.warm_up == 1.0 else (progress - self.warm_up) / (1.0 - self.warm_up)
        return self.learning_rate * 0.5 * (1.0 + math.cos(math.pi * rest))

    @property
    def torch_device(self) -> torch.device:
        """The device that is meant.

        Raises
        ------
        InputError
            If it is CUDA and there is none.
        """
        available = torch.cuda.is_available()
        if self.device == "cuda" and not available:
            raise InputError("training", [Problem("device", "'cuda'", "auto or cpu: this host has no CUDA device")])
        return torch.device("cuda" if available and self.device != "cpu" else "cpu")

    def computing(self) -> AbstractContextManager[None]:
        """Within it, CUDA computes with the chosen arithmetic; whatever is computed from a training belongs in it too.

        See :func:`rocoin_opt.profiling.learning.placement.computing`.
        """
        return computing(self.torch_device, self.arithmetic, self.deterministic)


@dataclass(frozen=True, eq=False)
class Batch:
    """One step's images (augmented), labels and row numbers, and numbers from 0 to 1 for whatever else is drawn."""

    images: Tensor
    labels: Tensor
    rows: Tensor
    uniform: Tensor | None


@dataclass(frozen=True)
class Step:
    """How far a training is: steps done of all, and the mean loss of the epoch so far."""

    name: str
    done: int
    total: int
    loss: float


Report: TypeAlias = Callable[[Step], None]
ModuleT = TypeVar("ModuleT", bound=nn.Module)


def use_threads(count: int) -> None:
    """Let PyTorch use so many threads of the CPU. Weights are the same only for the same number of threads."""
    if count < 1:
        raise InputError("options", [Problem("threads", repr(count), "a whole number from 1")])
    torch.set_num_threads(count)


def seeded(seed: int, build: Callable[[], ModuleT]) -> ModuleT:
    """Build a module whose first weights follow from a seed; the global generators stay as they were."""
    with drawing(seed):
        return build()


def fit(
    module: nn.Module,
    loss: Callable[[Batch], Tensor],
    split: Split,
    training: Training,
    *,
    name: str,
    identity: str = "",
    uniform: int = 0,
    channels_last: bool = True,
    checkpoint: Path | None = None,
    report: Report | None = None,
) -> None:
    """Train all parameters of a module in place; afterwards it is in evaluation mode, on the CPU, whatever happens.

    Parameters
    ----------
    module : Module
        What is trained.
    loss : callable
        From a :class:`Batch` to the loss, a scalar.
    split : Split
        The images.
    training : Training
        How.
    name : str
        What progress is told under.
    identity : str
        Whatever else the result rests on. A checkpoint of anything else is refused.
    uniform : int
        Numbers from 0 to 1 that the loss needs for each image.
    channels_last : bool
        Whether weights and images may lie in memory with the channels of a pixel side by side, which is faster, and
        steps may be captured. Networks of a user may rely on the usual order, by ``view`` say.
    checkpoint : Path, optional
        Written after every epoch. Where it is there already, the training goes on from it.
    report : callable, optional
        Told of every step; on CUDA with a loss that is up to :data:`READ_EVERY` steps old.

    Raises
    ------
    InputError
        If the checkpoint is damaged or belongs to another training, or the loss is no number any more.
    """
    device = training.torch_device
    optimiser = torch.optim.SGD(
        module.parameters(),
        lr=training.learning_rate,
        momentum=training.momentum,
        weight_decay=training.weight_decay,
        nesterov=True,
    )
    # The split is part of the data: so many images to train on, of all that were read.
    run = _fingerprint(module, training, f"{identity} {len(split)}")
    chance = Chance(training.shift, training.flip, uniform)
    # A last batch of one image would leave batch normalisation without a deviation.
    batch_size = min(training.batch_size, len(split))
    per_epoch = len(split) // batch_size
    try:
        with training.computing():
            module.to(device)
            if channels_last:
                # The stubs do not know this argument.
                module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            done = 0 if checkpoint is None or not checkpoint.exists() else _resume(checkpoint, run, module, optimiser)
            images, labels = split.images.to(device), split.labels.to(device)

            def descend(drawn: Draws) -> Tensor:
                shown = augmented(images[drawn.rows], training.shift, drawn)
                shown = shown if channels_last else shown.contiguous()
                with casting(device, training.arithmetic):
                    value = loss(Batch(shown, labels[drawn.rows], drawn.rows, drawn.uniform))
                optimiser.zero_grad(set_to_none=True)
                value.backward()  # type: ignore[no-untyped-call]
                return value.detach()

            steps: Steps | None = None
            for epoch in range(done, training.epochs):
                generator = torch.Generator().manual_seed(_mixed(training.seed, epoch))
                drawn = draws_of(len(split), per_epoch, batch_size, chance, generator)
                module.train()
                if steps is None:
                    with drawing(_mixed(training.seed, epoch)):
                        choice = training.step if channels_last or training.step != "auto" else "eager"
                        steps = steps_of(descend, module, device, drawn, choice)
                steps.begin(drawn)
                mean = math.nan
                with drawing(_mixed(training.seed, epoch)):
                    for number in range(per_epoch):
                        step = epoch * per_epoch + number + 1
                        for group in optimiser.param_groups:
                            group["lr"] = training.rate(step / (training.epochs * per_epoch))
                        steps.gradients(number)
                        optimiser.step()
                        if device.type == "cpu" or number % READ_EVERY == 0 or number == per_epoch - 1:
                            mean = _finite(steps.total, name) / (number + 1)
                        if report is not None:
                            report(Step(name, step, training.epochs * per_epoch, mean))
                if checkpoint is not None:
                    state = {"module": module.state_dict(), "optimiser": optimiser.state_dict()}
                    write_state(checkpoint, {"run": run, "epochs": epoch + 1, **state})
    finally:
        module.eval().cpu()


def train_classifier(
    build: Callable[[], ModuleT],
    data: Dataset,
    training: Training,
    *,
    identity: str = "",
    checkpoint: Path | None = None,
    report: Report | None = None,
) -> ModuleT:
    """Train a classifier, for example a teacher, on the training images; see :func:`fit`.

    Parameters
    ----------
    build : callable
        Builds the network: from images to logits, N x classes.
    data : Dataset
        The images.
    training : Training
        Settings; the seed also determines the first weights.
    identity, checkpoint, report
        As for :func:`fit`; the data are part of the identity.

    Returns
    -------
    Module
        In evaluation mode, on the CPU.

    Raises
    ------
    InputError
        As :func:`fit`, or if the network fails, or makes anything but one logit a class.
    """
    network = seeded(training.seed, build)
    require_classifier(network, data.train.images[:2], data.num_classes)
    given = f"{data.sha256} {identity}".rstrip()

    def loss(batch: Batch) -> Tensor:
        with calling("training", "network", "a batch of training images", "code that runs in training too"):
            return functional.cross_entropy(network(batch.images), batch.labels)

    fit(
        network,
        loss,
        data.train,
        training,
        name="teacher",
        identity=given,
        channels_last=isinstance(network, FilterNetwork),
        checkpoint=checkpoint,
        report=report,
    )
    return network


@torch.no_grad()
def outputs(function: Callable[[Tensor], Tensor], images: Tensor, device: torch.device | None = None) -> Tensor:
    """Apply a function of images batch by batch, on a device, without gradients; the results are on the CPU.

    Parameters
    ----------
    function : callable
        From a batch of images to a tensor with a row for each.
    images : Tensor, shape (N, C, H, W)
        The images.
    device : torch.device, optional
        Where the images are moved to; by default they stay.
    """
    return torch.cat([function(batch.to(device)).cpu() for batch in torch.split(images, EVALUATION_BATCH)])


def accuracy(network: nn.Module, split: Split, device: torch.device | None = None) -> float:
    """Share of the images that a network classifies correctly, in evaluation mode.

    Parameters
    ----------
    network : Module
        From images to logits, N x classes. Afterwards it is where and as it was.
    split : Split
        Images and labels.
    device : torch.device, optional
        Where it computes; by default where it is.
    """
    with placed(network, device) as shown:
        return float((outputs(shown, split.images, device).argmax(1) == split.labels).double().mean())


def _mixed(seed: int, epoch: int) -> int:
    """Mix two numbers into the seed of a generator: neighbouring seeds share no stream."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{epoch}".encode()).digest()[:8], "big") >> 1


def _fingerprint(module: nn.Module, training: Training, identity: str) -> str:
    shapes = {name: list(tensor.shape) for name, tensor in module.state_dict().items()}
    # What a later version has added is told where it is not as it always was: older files stay readable.
    usual = {"device": training.device, "step": training.step, "arithmetic": "float32", "deterministic": False}
    options = {name: value for name, value in asdict(training).items() if (name, value) not in usual.items()}
    # The text tells networks apart that have the same weights, by a stride say.
    return hashlib.sha256(canonical_json([str(module), shapes, options, identity]).encode()).hexdigest()


def _resume(checkpoint: Path, run: str, module: nn.Module, optimiser: torch.optim.Optimizer) -> int:
    """Load a checkpoint of this very training; return the number of epochs that it has behind it."""
    state: dict[str, Any] = read_state(checkpoint)
    if state.get("run") != run:
        remedy = f"another --out, and to start from these weights train --weights {checkpoint.name}"
        allowed = f"a checkpoint of this training: same network, options and data; or no such file: {remedy}"
        raise InputError(os.fspath(checkpoint), [Problem("", "a checkpoint of another training", allowed)])
    module.load_state_dict(state["module"])
    optimiser.load_state_dict(state["optimiser"])
    return int(state["epochs"])


def _finite(value: Tensor, name: str) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise InputError(name, [Problem("loss", repr(number), "a finite number: lower the learning rate")])
    return number
