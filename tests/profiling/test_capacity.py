"""Capacity: measured by distillation, turned into a largest part by a stated rule, and shipped with its origin."""

from __future__ import annotations

import pytest
import torch

from image_files import stripes
from rocoin_opt.errors import InputError
from rocoin_opt.profiling.capacity import CapacityRow, CapacityTable, measure_capacity, shipped_capacity
from rocoin_opt.profiling.distillation import Lesson
from rocoin_opt.profiling.ensemble import PartStudent, Recipe
from rocoin_opt.profiling.networks import wide_resnet
from rocoin_opt.profiling.training import Training, outputs, seeded, train_classifier


def table(losses: dict[tuple[int, int], float], threshold: float = 0.1) -> CapacityTable:
    rows = tuple(
        CapacityRow(student="s", num_filters=size, seed=seed, parameters=10, part_loss=1.0, shared_loss=loss)
        for (size, seed), loss in losses.items()
    )
    return CapacityTable(
        data="d",
        data_sha256="0",
        teacher="t",
        stem_stride=1,
        teacher_accuracy=0.9,
        teacher_filters=64,
        training="none",
        threshold=threshold,
        versions={},
        rows=rows,
    )


def test_the_largest_part_is_the_last_that_keeps_the_threshold():
    measured = table({(32, 0): 0.11, (8, 0): 0.05, (16, 0): 0.06, (16, 1): 0.1, (64, 0): 0.09, (128, 0): 0.3})
    losses = measured.losses("s")
    assert list(losses) == [8, 16, 32, 64, 128]
    # The mean over seeds; where a larger part came out better, the mean of both.
    assert list(losses.values()) == pytest.approx([0.05, 0.08, 0.1, 0.1, 0.3])
    assert measured.max_filters("s", 0.101) == 64
    assert measured.max_filters("s", 0.09) == 16
    assert measured.max_filters("s", 0.07) == 8
    assert table({(8, 0): 0.05, (16, 0): 0.2}).max_filters("s") == 8
    with pytest.raises(InputError, match="a larger student"):
        measured.max_filters("s", 0.01)
    with pytest.raises(InputError, match="one of s"):
        measured.losses("t")


def test_the_shipped_table_says_how_it_was_measured_and_gives_larger_students_larger_parts():
    shipped = shipped_capacity()
    assert "fashion" in shipped.data.lower()
    assert shipped.teacher == "wrn-16-2"
    assert shipped.teacher_accuracy >= 0.9
    assert {"torch", "rocoin-opt"} <= set(shipped.versions)
    students = sorted({row.student for row in shipped.rows})
    assert "wrn-10-1" in students
    for student in students:
        sizes = list(shipped.losses(student))
        assert max(sizes) <= shipped.teacher_filters
        assert shipped.max_filters(student) in sizes
    assert shipped.max_filters("wrn-10-1") <= shipped.max_filters("wrn-16-1")


@pytest.mark.slow
def test_measuring():
    data = stripes()
    training = Training(epochs=4, batch_size=16, learning_rate=0.05, device="cpu")
    build = lambda: wide_resnet(10, 1, num_classes=3, in_channels=1, stem_stride=2, num_filters=12)  # noqa: E731
    lesson = Lesson.of(train_classifier(build, data, training), data)

    def recipe(size: int) -> Recipe:
        return Recipe(network="wrn-10-1", in_channels=1, stem_stride=2, num_filters=size)

    def train(seed: int) -> Training:
        return Training(epochs=1, batch_size=16, learning_rate=0.02, seed=seed, device="cpu")

    told = []
    rows = list(measure_capacity(lesson, {"s": recipe}, (4, 12), (0, 1), data, train, report=told.append))
    assert [(row.num_filters, row.seed) for row in rows] == [(4, 0), (12, 0), (4, 1), (12, 1)]
    assert rows[0].shared_loss != rows[2].shared_loss
    assert rows[0].shared_loss == rows[0].part_loss
    assert rows[1].shared_loss != rows[1].part_loss
    assert told
    # Neither the seeds before nor the report change a bit.
    again = list(measure_capacity(lesson, {"s": recipe}, (4,), (1,), data, train))
    assert again == rows[2:3]

    # All filters: the part is known, and the student can be taught by hand.
    student = seeded(0, lambda: PartStudent(recipe(12).build(), 12))
    assert rows[1].parameters == sum(parameter.numel() for parameter in student.parameters())
    assert 0.0 < rows[1].shared_loss < 3.0

    longer = list(measure_capacity(lesson, {"s": recipe}, (12,), (0,), data, lambda _: training))
    assert longer[0].shared_loss < rows[1].shared_loss
    held_out = outputs(lesson.teacher.pooled, data.validation.images)
    assert torch.isfinite(held_out).all()
    with pytest.raises(InputError, match="from 1 to 12"):
        list(measure_capacity(lesson, {"s": recipe}, (13,), (0,), data, train))
