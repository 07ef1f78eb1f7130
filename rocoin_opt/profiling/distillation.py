"""Distillation: every student learns the teacher's features of its part, all together the teacher's answers.

The teacher's features are seen once: they are computed before the training where images are not augmented.

References
----------
.. [1] G. Hinton, O. Vinyals, J. Dean. Distilling the knowledge in a neural network. arXiv 1503.02531, 2015.
.. [2] K. Bhardwaj, C.-Y. Lin, A. Sartor, R. Marculescu. Memory- and communication-aware model compression for
   distributed deep learning inference on IoT. ACM TECS 18(5s), 2019. arXiv 1907.11804.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from rocoin_opt.errors import InputError, Problem, RocoinError
from rocoin_opt.profiling.counting.teacher import Teacher, with_knowledge
from rocoin_opt.profiling.ensemble import NO_BUILDERS, Ensemble, Recipe
from rocoin_opt.profiling.learning.placement import placed
from rocoin_opt.profiling.network_profile import profile
from rocoin_opt.profiling.networks import FilterNetwork
from rocoin_opt.profiling.training import Training, fit, outputs, seeded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from torch import Tensor

    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Plan
    from rocoin_opt.profiling.ensemble import Builder
    from rocoin_opt.profiling.images.datasets import Dataset
    from rocoin_opt.profiling.training import Batch, Report

NEARLY_CONSTANT = 0.02
"""A feature whose deviation is less, as a share of its own root mean square and of the median one, never changes."""


@dataclass(frozen=True)
class Distillation:
    """Settings of a distillation.

    Attributes
    ----------
    training : Training
        Settings of the training.
    temperature : float
        Softens the logits of teacher and students; Hinton, Vinyals and Dean, arXiv 1503.02531, section 2.
    feature_weight : float
        Weight of the features' squared error, in units of each feature's variance.
    logit_weight : float
        Weight of the softened logits' divergence.
    part_dropout : float
        Probability with which each part is missing for the head, image by image, while it is trained.
    """

    training: Training = field(default_factory=lambda: Training(epochs=4))
    temperature: float = 4.0
    feature_weight: float = 1.0
    logit_weight: float = 1.0
    part_dropout: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what is out of range."""
        rules = {
            "temperature": (0.0 < self.temperature < math.inf, "a positive number"),
            "feature_weight": (0.0 <= self.feature_weight < math.inf, "a number from 0"),
            "logit_weight": (0.0 <= self.logit_weight < math.inf, "a number from 0"),
            "part_dropout": (0.0 <= self.part_dropout < 1.0, "a probability from 0 to below 1"),
        }
        wrong = [Problem(name, repr(getattr(self, name)), what) for name, (holds, what) in rules.items() if not holds]
        if self.feature_weight == self.logit_weight == 0.0:
            wrong.append(Problem("feature_weight, logit_weight", "0 and 0", "not both 0"))
        if wrong:
            raise InputError("distillation", wrong)

    @property
    def identity(self) -> str:
        """Everything that affects the students, except the training."""
        return f"{self.temperature!r} {self.feature_weight!r} {self.logit_weight!r} {self.part_dropout!r}"


@dataclass(frozen=True, eq=False)
class Lesson:
    """The features of a teacher on a data set, computed once for all distillations.

    Attributes
    ----------
    teacher : FilterNetwork or Teacher
        In evaluation mode, on the CPU.
    features : Tensor, N x M
        Its pooled features of the training images.
    """

    teacher: FilterNetwork | Teacher
    features: Tensor

    @classmethod
    def of(
        cls, teacher: nn.Module, data: Dataset, device: torch.device | None = None, *, layer: str | None = None
    ) -> Lesson:
        """Compute the features of the training images.

        Parameters
        ----------
        teacher : Module
            Trained. Where it is no ``FilterNetwork``, its knowledge is what its linear classifier reads, see
            :class:`rocoin_opt.profiling.counting.teacher.Teacher`.
        data : Dataset
            Images and labels.
        device : torch.device, optional
            Where the teacher runs; by default where it is.
        layer : str, optional
            Name of that classifier, where it is not the layer that makes the output.
        """
        known = with_knowledge(teacher, data.train.images, layer)
        with placed(known, device) as shown:
            features = outputs(shown.pooled, data.train.images, device)
        known.eval().cpu()
        return cls(known, features)

    @property
    def deviations(self) -> Tensor:
        """Standard deviation of each feature; infinite where it hardly varies, so that it costs nothing.

        A student begins with features of the usual size. In units of a deviation that is much smaller it would be wrong
        by thousands, and the descent would leave all bounds. Such a feature tells next to nothing; what the head makes
        of it is taught through the logits.
        """
        deviations, sizes = self.features.std(0), self.features.square().mean(0).sqrt()
        active = sizes[sizes > 0]
        usual = active.median() if len(active) else torch.zeros(())
        return torch.where(deviations > NEARLY_CONSTANT * sizes.clamp(min=float(usual)), deviations, torch.inf)

    def digest(self) -> str:
        """Fingerprint of the teacher, which with the images makes the features; the same on every device."""
        found = hashlib.sha256(f"{self.teacher} {tuple(self.features.shape)}".encode())
        for name, tensor in self.teacher.state_dict().items():
            if isinstance(tensor, torch.Tensor):
                values = tensor.detach().cpu().contiguous().reshape(-1)
                found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
                found.update(values.view(torch.uint8).numpy().tobytes())
        return found.hexdigest()


def distil(
    lesson: Lesson,
    recipes: Sequence[Recipe],
    parts: Sequence[Sequence[int]],
    data: Dataset,
    distillation: Distillation,
    *,
    own: Mapping[str, Builder] = NO_BUILDERS,
    name: str = "students",
    checkpoint: Path | None = None,
    report: Report | None = None,
) -> Ensemble:
    """Distil a teacher into one student per part, with a shared head that begins as the teacher's own.

    Parameters
    ----------
    lesson : Lesson
        The teacher, and its features of the training images.
    recipes : sequence of Recipe
        Network of each part's student, K; a bridge leads to the part's filters where the widths differ.
    parts : sequence of sequence of int
        Filters of each part, K; every filter of the teacher once.
    data : Dataset
        The images that the lesson was made of.
    distillation : Distillation
        How.
    own : mapping of str to callable, optional
        Builders of your own networks, by the names that recipes use.
    name, checkpoint, report
        As in :func:`rocoin_opt.profiling.training.fit`.

    Returns
    -------
    Ensemble
        In evaluation mode, on the CPU.

    Raises
    ------
    InputError
        If the parts are no partition of the teacher's filters, the lesson is of other data, or the checkpoint is of
        another distillation.
    """
    teacher, training = lesson.teacher, distillation.training

    def made() -> Ensemble:
        return Ensemble(recipes, parts, data.num_classes, own=own, scaling=data.scaling, classes=data.classes)

    ensemble = seeded(training.seed, made)
    if ensemble.num_filters != teacher.num_filters:
        found = f"parts of {ensemble.num_filters} filters"
        raise InputError("distillation", [Problem("parts", found, f"the {teacher.num_filters} filters of the teacher")])
    classes = teacher.head.out_features if isinstance(teacher.head, nn.Linear) else 0
    images = len(data.train)
    if (classes, len(lesson.features)) != (data.num_classes, images):
        found = f"{classes} classes, seen on {len(lesson.features)} images"
        allowed = f"{data.num_classes} classes and {images} images, those of the data"
        raise InputError("distillation", [Problem("lesson", found, allowed)])
    identity = f"{data.sha256} {lesson.digest()} {ensemble.parts} {ensemble.recipes} {distillation.identity}"
    networks = (teacher, *(student.network for student in ensemble.students))
    device = training.torch_device
    _copy_head(teacher.head, ensemble.head)
    with training.computing(), placed(teacher, device):
        fit(
            ensemble,
            _loss(lesson, ensemble, distillation),
            data.train,
            training,
            name=name,
            identity=identity,
            uniform=len(ensemble.parts) if distillation.part_dropout else 0,
            channels_last=all(isinstance(network, FilterNetwork) for network in networks),
            checkpoint=checkpoint,
            report=report,
        )
        with placed(ensemble, device):
            means = outputs(ensemble.features, data.train.images, device).mean(0)
    ensemble.feature_means.copy_(means)
    return ensemble


def _loss(lesson: Lesson, ensemble: Ensemble, distillation: Distillation) -> Callable[[Batch], Tensor]:
    """What the students are taught by, on the device of the training."""
    head = lesson.teacher.head
    deviations = lesson.deviations.to(distillation.training.torch_device)
    targets = _targets(lesson, distillation.training)

    def loss(batch: Batch) -> Tensor:
        # Differences and divergences are of 32 bits, whatever the networks multiply.
        target = targets(batch).float()
        features = ensemble.features(batch.images).float()
        mismatch = ((features - target) / deviations).square().mean()
        shown = features * _kept(ensemble, len(features), distillation.part_dropout, batch)
        with torch.no_grad():
            wanted = head(target).float()
        divergence = softened_divergence(wanted, ensemble.head(shown).float(), distillation.temperature)
        return distillation.feature_weight * mismatch + distillation.logit_weight * divergence

    return loss


def _copy_head(teacher: nn.Module, head: nn.Linear) -> None:
    """Begin as the teacher's linear classifier does, which may have no bias."""
    if isinstance(teacher, nn.Linear):
        with torch.no_grad():
            head.weight.copy_(teacher.weight)
            head.bias.copy_(torch.zeros_like(head.bias) if teacher.bias is None else teacher.bias)


def softened_divergence(teacher: Tensor, students: Tensor, temperature: float) -> Tensor:
    """Kullback-Leibler divergence of softened logits, N x classes, times the squared temperature [1]_.

    Parameters
    ----------
    teacher, students : Tensor, shape (N, classes)
        Logits of both.
    temperature : float
        Divides the logits.
    """
    log_students = functional.log_softmax(students / temperature, dim=1)
    log_teacher = functional.log_softmax(teacher / temperature, dim=1)
    divergence = functional.kl_div(log_students, log_teacher, reduction="batchmean", log_target=True)
    return divergence * temperature**2


def _targets(lesson: Lesson, training: Training) -> Callable[[Batch], Tensor]:
    """How to come by the teacher's features of a batch: looked up, or made where the images are augmented."""
    if training.shift or training.flip:

        def made(batch: Batch) -> Tensor:
            with torch.no_grad():
                return lesson.teacher.pooled(batch.images)

        return made
    features = lesson.features.to(training.torch_device)
    return lambda batch: features[batch.rows]


def _kept(ensemble: Ensemble, count: int, part_dropout: float, batch: Batch) -> Tensor:
    """Ones for the features that the head sees, zeros for those of dropped parts; count x M."""
    kept = torch.ones(count, ensemble.num_filters, device=batch.images.device)
    if batch.uniform is not None:
        for k in range(len(ensemble.parts)):
            kept[:, ensemble.filters(k)] = (batch.uniform[:, k, None] >= part_dropout).float()
    return kept


def distil_plan(
    lesson: Lesson,
    plan: Plan,
    data: Dataset,
    distillation: Distillation,
    *,
    stem_stride: int = 1,
    own: Mapping[str, Builder] = NO_BUILDERS,
    name: str = "students",
    checkpoint: Path | None = None,
    report: Report | None = None,
) -> Ensemble:
    """Distil the student of each group of a plan, for the group's part.

    Parameters
    ----------
    lesson, data, distillation
        As for :func:`rocoin_opt.profiling.distillation.distil`.
    plan : Plan
        With explicit filters. Its students are networks by name, or names of ``own``.
    stem_stride : int
        Stride of the first convolution of networks by name.
    own, name, checkpoint, report
        As for :func:`rocoin_opt.profiling.distillation.distil`.

    Returns
    -------
    Ensemble
        Students in the order of the plan's groups.

    Raises
    ------
    InputError
        If the plan names no filters, a student is no network that may be built, or as ``distil``.
    """
    parts = []
    for number, group in enumerate(plan.groups):
        if group.filters is None:
            allowed = "the filters of each part: a plan for an instance with a filter graph"
            raise InputError("plan", [Problem(f"groups.{number}.filters", "nothing", allowed)])
        parts.append(group.filters)
    channels = data.input_shape[0]
    recipes = [
        Recipe(network=group.student, in_channels=channels, stem_stride=stem_stride, num_filters=group.num_filters)
        for group in plan.groups
    ]
    return distil(lesson, recipes, parts, data, distillation, own=own, name=name, checkpoint=checkpoint, report=report)


def other_costs(instance: Instance, plan: Plan, ensemble: Ensemble, input_shape: tuple[int, ...]) -> tuple[str, ...]:
    """Say which students take other FLOP than the instance has of them: other images, or another stem, than planned.

    Parameters
    ----------
    instance, plan : Instance, Plan
        What was planned.
    ensemble : Ensemble
        Its students, in the order of the groups.
    input_shape : tuple of int
        C x H x W of the images.

    Returns
    -------
    tuple of str
        One sentence for each student and size.
    """
    said = {}
    students = {student.id: student for student in instance.students}
    for group, made in zip(plan.groups, ensemble.students, strict=True):
        planned = students[group.student].flops + students[group.student].flops_per_filter * group.num_filters
        try:
            found = profile(made, input_shape).flops
        except RocoinError:
            # What nobody can count cannot be held against anything.
            continue
        if not math.isclose(found, planned, rel_tol=1e-6):
            said[group.student, group.num_filters] = (
                f"{group.student} takes {found / 1e6:.4g} MFLOP for a part of {group.num_filters} filters, and "
                f"{planned / 1e6:.4g} in the instance: other images, or another stem, than it was profiled with"
            )
    return tuple(said.values())
