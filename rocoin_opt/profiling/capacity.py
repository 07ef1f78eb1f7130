"""Knowledge capacity: how well a student learns parts of growing size, and what follows for ``max_filters``.

The loss is the squared error of the student's features in units of each feature's variance, on images that were not
trained on: 0 is perfect, 1 is no better than the mean. Some filters are much harder to learn than others. So parts of
different sizes are compared on filters that all of them hold.
"""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

import numpy as np
import torch
from pydantic import Field
from scipy.optimize import isotonic_regression

from rocoin_opt.documents import Items, Model, parse_document, validate
from rocoin_opt.errors import InputError, Problem
from rocoin_opt.instance import Count, Identifier, NonNegative, Positive, Probability
from rocoin_opt.profiling.ensemble import PartStudent
from rocoin_opt.profiling.learning.placement import placed
from rocoin_opt.profiling.training import fit, outputs, seeded
from rocoin_opt.report import Sheet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from torch import Tensor, nn

    from rocoin_opt.profiling.distillation import Lesson
    from rocoin_opt.profiling.ensemble import Recipe
    from rocoin_opt.profiling.images.datasets import Dataset
    from rocoin_opt.profiling.training import Batch, Report, Training

FORMAT = "rocoin-opt/capacity"
VERSION = 1
SHIPPED = "capacity.json"
"""Table of the WRN students on Fashion-MNIST, inside of the package."""


class CapacityRow(Model):
    """One student distilled once."""

    student: Identifier
    """Which student."""
    num_filters: Count
    """Filters of the part, drawn by the seed."""
    seed: int
    """Seed of part and training."""
    parameters: Count
    """Of the student with its bridge, where it has one."""
    part_loss: NonNegative
    """Mean over the part's filters of squared error by variance, on the validation images."""
    shared_loss: NonNegative
    """The same over the filters of the smallest part, which all parts of a seed hold."""


class CapacityTable(Model):
    """Measured capacities, and how they were measured."""

    data: str
    """The data set."""
    data_sha256: str
    """Its fingerprint, see :class:`rocoin_opt.profiling.images.datasets.Dataset`."""
    teacher: str
    """Network of the teacher."""
    stem_stride: Count
    """Stride of the first convolution of teacher and students."""
    teacher_accuracy: Probability
    """Its accuracy on the test images."""
    teacher_filters: Count
    """Filters of its last convolution, M."""
    training: str
    """How the students were trained."""
    threshold: Positive
    """Loss up to which a part counts as learnt."""
    versions: dict[str, str]
    """Versions of all that bears on the figures."""
    rows: Items[CapacityRow] = Field(min_length=1)
    """The measurements."""

    def losses(self, student: str) -> dict[int, float]:
        """Loss of a student on shared filters by the size of the part, ascending.

        The mean over the seeds, made non-decreasing by isotonic regression: more to learn does not make the same
        filters easier, so where a larger part came out better, that was the noise of the training.

        Raises
        ------
        InputError
            If the student was not measured.
        """
        found = [row for row in self.rows if row.student == student]
        if not found:
            known = sorted({row.student for row in self.rows})
            raise InputError("capacity", [Problem("student", repr(student), f"one of {', '.join(known)}")])
        sizes = sorted({row.num_filters for row in found})
        means = [np.mean([row.shared_loss for row in found if row.num_filters == size]) for size in sizes]
        return dict(zip(sizes, isotonic_regression(means).x.tolist(), strict=True))

    def max_filters(self, student: str, threshold: float | None = None) -> int:
        """Capacity u of a student: the largest measured part whose loss, see :meth:`losses`, keeps a threshold.

        Raises
        ------
        InputError
            If the student was not measured, or does not even learn its smallest part that well.
        """
        limit = self.threshold if threshold is None else threshold
        learnt = max((size for size, loss in self.losses(student).items() if loss <= limit), default=0)
        if learnt == 0:
            found = f"a loss above {limit:g} for the smallest part of {student}"
            raise InputError("capacity", [Problem("threshold", found, "a larger threshold, or a larger student")])
        return learnt


def capacity_sheet(table: CapacityTable) -> Sheet:
    """Losses of all students by the size of the part, and the capacities that follow."""
    students = sorted({row.student for row in table.rows})
    sizes = sorted({row.num_filters for row in table.rows})
    rows = []
    for student in students:
        losses = table.losses(student)
        shown = [f"{losses[size]:.4f}" if size in losses else "-" for size in sizes]
        rows.append((student, *shown, str(table.max_filters(student))))
    columns = ("student", *(f"{size} filters" for size in sizes), "max_filters")
    seeds = ", ".join(map(str, sorted({row.seed for row in table.rows})))
    title = f"Loss on shared filters by size of the part; {table.data}, seeds {seeds}, limit {table.threshold:g}"
    return Sheet(title, columns, tuple(rows))


def shipped_capacity() -> CapacityTable:
    """Capacities of the WRN students for a WRN-16-2 teacher on Fashion-MNIST, as measured."""
    text = resources.files(__package__).joinpath(SHIPPED).read_text(encoding="utf-8")
    return validate(CapacityTable, parse_document(text, SHIPPED, FORMAT, VERSION), SHIPPED)


def measure_capacity(
    lesson: Lesson,
    students: Mapping[str, Callable[[int], Recipe]],
    sizes: Sequence[int],
    seeds: Iterable[int],
    data: Dataset,
    training: Callable[[int], Training],
    *,
    checkpoints: Path | None = None,
    report: Report | None = None,
) -> Iterator[CapacityRow]:
    """Distil every student for parts of every size, one after the other.

    Parameters
    ----------
    lesson : Lesson
        The teacher, and its features of the training images.
    students : mapping of str to callable
        Makes the recipe of each student for a part of so many filters.
    sizes : sequence of int
        Filters of the parts, at most the teacher's. A seed's parts hold each other: the first of one random order.
    seeds : iterable of int
        One measurement of every size with each.
    data : Dataset
        The images that the lesson was made of.
    training : callable
        How to train with a seed, without augmentation: the features are looked up.
    checkpoints : Path, optional
        Folder for a checkpoint of each distillation.
    report : callable, optional
        Told of every step.

    Raises
    ------
    InputError
        If a size is no number of filters of the teacher.
    """
    most = lesson.teacher.num_filters
    for size in sizes:
        if not 1 <= size <= most:
            raise InputError(
                "capacity", [Problem("sizes", repr(size), f"from 1 to {most}, the filters of the teacher")]
            )
    held_out: Tensor | None = None
    for seed in seeds:
        chosen = training(seed)
        if held_out is None:
            held_out = _seen(lesson.teacher, lesson.teacher.pooled, data, chosen)
        order = torch.randperm(most, generator=torch.Generator().manual_seed(seed))
        for name, recipe in students.items():
            for size in sizes:
                part = order[:size].sort().values
                checkpoint = None if checkpoints is None else checkpoints / f"{name}-{size}-{seed}.pt"
                student = _taught(lesson, recipe(size), part, data, chosen, checkpoint, report)
                error = _seen(student, student, data, chosen) - held_out[:, part]
                losses = (error / lesson.deviations[part]).square().mean(0)
                shared = torch.isin(part, order[: min(sizes)])
                yield CapacityRow(
                    student=name,
                    num_filters=size,
                    seed=seed,
                    parameters=sum(parameter.numel() for parameter in student.parameters()),
                    part_loss=float(losses.mean()),
                    shared_loss=float(losses[shared].mean()),
                )


def _seen(network: nn.Module, function: Callable[[Tensor], Tensor], data: Dataset, training: Training) -> Tensor:
    """What a network makes of the validation images, where and as it is trained."""
    device = training.torch_device
    with training.computing(), placed(network, device):
        return outputs(function, data.validation.images, device)


def _taught(
    lesson: Lesson,
    recipe: Recipe,
    part: Tensor,
    data: Dataset,
    training: Training,
    checkpoint: Path | None,
    report: Report | None,
) -> PartStudent:
    """One student distilled by its features alone."""
    student = seeded(training.seed, lambda: PartStudent(recipe.build(), len(part)))
    device = training.torch_device
    features, deviations = lesson.features[:, part].to(device), lesson.deviations[part].to(device)

    def loss(batch: Batch) -> Tensor:
        error: Tensor = student(batch.images).float() - features[batch.rows]
        return (error / deviations).square().mean()

    identity = f"{data.sha256} {lesson.digest()} {part.tolist()} {recipe}"
    name = f"{recipe.network}, {len(part)} filters"
    fit(student, loss, data.train, training, name=name, identity=identity, checkpoint=checkpoint, report=report)
    return student
