"""Distillation: students come to know their parts, deterministically, resumed or not, with every option felt."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from image_files import stripes
from rocoin_opt.errors import InputError
from rocoin_opt.profiling.distillation import Distillation, Lesson, distil, softened_divergence
from rocoin_opt.profiling.ensemble import Recipe
from rocoin_opt.profiling.networks import wide_resnet
from rocoin_opt.profiling.training import Training, accuracy, outputs, train_classifier
from samples import cases

DATA = stripes()
PARTS = [list(range(0, 16, 2)), list(range(1, 16, 2))]
RECIPES = [Recipe(network="wrn-10-1", in_channels=1, stem_stride=2, num_filters=8)] * 2
TRAINING = Training(epochs=2, batch_size=16, learning_rate=0.05, device="cpu")


@pytest.fixture(scope="module")
def lesson() -> Lesson:
    teacher = train_classifier(
        lambda: wide_resnet(10, 1, num_classes=3, in_channels=1, stem_stride=2, num_filters=16),
        DATA,
        Training(epochs=6, batch_size=16, learning_rate=0.05, device="cpu"),
    )
    return Lesson.of(teacher, DATA)


def students(lesson, **options):
    training = Training(**{**vars(TRAINING), **options.pop("training", {})})
    names = ("checkpoint", "report", "parts")
    others = {name: options.pop(name) for name in names if name in options}
    parts = others.pop("parts", PARTS)
    return distil(lesson, RECIPES, parts, DATA, Distillation(training=training, **options), **others)


def assert_same(one, other):
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


@pytest.mark.slow
def test_students_learn_their_parts_and_the_answers(lesson):
    ensemble = students(lesson, training={"epochs": 8})
    assert accuracy(ensemble, DATA.test) >= 0.9
    assert ensemble.parts == tuple(map(tuple, PARTS))
    error = outputs(ensemble.features, DATA.train.images) - lesson.features
    mismatch = (error / lesson.deviations).square().mean()
    # 1 would be no better than the mean of each feature.
    assert mismatch < 0.6
    means = outputs(ensemble.features, DATA.train.images).mean(0)
    assert torch.allclose(ensemble.feature_means, means)


def test_the_head_begins_as_the_teachers(lesson):
    # One step with a vanishing rate leaves everything as it began.
    ensemble = students(lesson, training={"epochs": 1, "learning_rate": 1e-30, "weight_decay": 0.0})
    assert torch.equal(ensemble.head.weight, lesson.teacher.head.weight)
    assert torch.equal(ensemble.head.bias, lesson.teacher.head.bias)


@pytest.mark.slow
def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(lesson, tmp_path):
    class ProcessEndedError(Exception):
        pass

    def stop(step):
        if step.done == 8:
            raise ProcessEndedError

    options = {"part_dropout": 0.3, "checkpoint": tmp_path / "c.pt"}
    with pytest.raises(ProcessEndedError):
        students(lesson, **options, report=stop)
    resumed = []
    again = students(lesson, **options, report=resumed.append)
    assert resumed[0].done == 7
    assert_same(again, students(lesson, part_dropout=0.3))


@pytest.fixture(scope="module")
def usual(lesson, tmp_path_factory):
    """One epoch of the usual distillation, and its checkpoint."""
    checkpoint = tmp_path_factory.mktemp("usual") / "c.pt"
    return students(lesson, training={"epochs": 1}, checkpoint=checkpoint), checkpoint


@pytest.mark.parametrize(
    "change",
    cases(
        [{"temperature": 1.0}, {"training": {"seed": 1}}, {"parts": PARTS[::-1]}],
        [{"part_dropout": 0.5}, {"feature_weight": 3.0}, {"logit_weight": 3.0}, {"training": {"flip": True}}],
    ),
)
def test_every_option_is_felt_and_another_distillation_is_not_resumed(lesson, usual, change):
    trained, checkpoint = usual
    merged = {**change, "training": {"epochs": 1, **change.get("training", {})}}
    other = students(lesson, **merged)
    state = zip(trained.state_dict().values(), other.state_dict().values(), strict=True)
    assert not all(torch.equal(a, b) for a, b in state)
    with pytest.raises(InputError, match="another training"):
        students(lesson, **merged, checkpoint=checkpoint)


@pytest.mark.slow
def test_features_are_made_anew_where_images_are_augmented(lesson):
    # With a shift of whole images the looked-up features would be wrong; the loss is still that of the right ones.
    told = []
    students(lesson, training={"shift": 2, "epochs": 4}, report=told.append)
    assert told[-1].loss < told[5].loss


def test_a_feature_that_never_changes_costs_nothing(lesson):
    dead = lesson.features.clone()
    dead[:, 3] = 7.0
    deviations = Lesson(lesson.teacher, dead).deviations
    assert math.isinf(deviations[3])
    assert torch.isfinite(deviations[[0, 1, 2]]).all()


def test_the_divergence_of_softened_logits():
    teacher, student = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 0.0]])
    p = 1 / (1 + math.exp(-1.0))
    by_hand = 4 * (p * math.log(p / 0.5) + (1 - p) * math.log((1 - p) / 0.5))
    assert softened_divergence(teacher, student, 2.0).item() == pytest.approx(by_hand, rel=1e-5)
    assert softened_divergence(teacher, teacher, 2.0).item() == pytest.approx(0.0, abs=1e-7)


@pytest.mark.parametrize("num_classes", [0, 4])
def test_a_teacher_of_other_classes_is_refused(lesson, num_classes):
    other = wide_resnet(10, 1, num_classes=num_classes, in_channels=1, stem_stride=2, num_filters=16)
    with pytest.raises(InputError, match=f"lesson: found {num_classes} classes"):
        students(replace(lesson, teacher=other))


def test_a_lesson_of_other_images_is_refused(lesson):
    with pytest.raises(InputError, match="lesson: found 3 classes, seen on 5 images"):
        students(replace(lesson, features=lesson.features[:5]))


def test_parts_must_be_those_of_the_teacher(lesson):
    with pytest.raises(InputError, match="the 16 filters of the teacher"):
        students(lesson, parts=[[0, 1], [2]])


@pytest.mark.parametrize(
    "change",
    [{"temperature": 0.0}, {"feature_weight": -1.0}, {"logit_weight": -1.0}, {"part_dropout": 1.0}],
)
def test_options_out_of_range_are_refused(change):
    with pytest.raises(InputError, match=next(iter(change))):
        Distillation(**change)
    with pytest.raises(InputError, match="not both 0"):
        Distillation(feature_weight=0.0, logit_weight=0.0)
