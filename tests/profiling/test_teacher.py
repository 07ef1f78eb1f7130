"""Any network with a linear classifier is a teacher, and keeps its weights."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from image_files import stripes
from own_networks import Recurrent, ResNet, ViT
from rocoin_opt.errors import InputError
from rocoin_opt.profiling.counting.teacher import Teacher
from rocoin_opt.profiling.distillation import Distillation, Lesson, distil
from rocoin_opt.profiling.ensemble import Recipe
from rocoin_opt.profiling.training import Training, accuracy, train_classifier

IMAGES = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
NETWORKS = {
    "fc": lambda: ResNet((4, 6), 1, classes=3, channels=1, large_stem=False),
    "head": lambda: ViT(8, 4, 12, 1, 2, classes=3, channels=1),
    "2": lambda: nn.Sequential(nn.Flatten(), nn.Tanh(), nn.Linear(64, 3, bias=False), nn.LogSoftmax(1)),
}


@pytest.mark.parametrize("layer", NETWORKS)
def test_the_knowledge_is_what_the_classifier_reads(layer):
    network = NETWORKS[layer]().eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    teacher = Teacher(network, IMAGES)
    assert teacher.layer == layer
    with torch.no_grad():
        features = teacher.pooled(IMAGES)
        assert features.shape == (4, teacher.num_filters)
        assert torch.equal(teacher(IMAGES), network(IMAGES))
        assert torch.equal(teacher.head(features).argmax(1), network(IMAGES).argmax(1))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not network.get_submodule(layer)._forward_pre_hooks


RATES = {"fc": (0.05, 0.02), "head": (0.02, 0.01), "2": (0.05, 0.02), "recurrent": (0.1, 0.005)}
"""Learning rates of networks that their user trains, and of their students."""


@pytest.mark.parametrize("kind", RATES)
def test_students_of_a_trained_network_learn_what_it_knows(kind):
    data, rates = stripes(), RATES[kind]
    build = NETWORKS.get(kind, lambda: nn.Sequential(nn.BatchNorm2d(1), Recurrent(nn.GRU, 8, 12, 1, classes=3)))
    training = Training(epochs=6, batch_size=16, learning_rate=rates[0], device="cpu")
    teacher = train_classifier(build, data, training)
    assert accuracy(teacher, data.test) >= 0.9
    lesson = Lesson.of(teacher, data)
    count = lesson.teacher.num_filters
    parts = [range(0, count, 2), range(1, count, 2)]
    recipes = [Recipe(network="mine", in_channels=1, num_filters=len(part)) for part in parts]

    def student(num_filters, **_):
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, num_filters))

    told = []
    taught = Distillation(replace(training, learning_rate=rates[1]))
    students = distil(lesson, recipes, parts, data, taught, own={"mine": student}, report=told.append)
    assert students(data.test.images).shape == (len(data.test), 3)
    # A step tells the mean of its epoch so far, and an epoch has six.
    assert told[-1].loss < 0.6 * told[5].loss
    # A third is chance.
    assert accuracy(students, data.test) >= 0.8
    mismatch = (students.features(data.train.images) - lesson.features) / lesson.deviations
    # 1 would be no better than the mean of each feature.
    assert mismatch.square().mean() < 0.8


def test_a_network_without_such_a_layer_is_refused():
    for network in (nn.Sequential(nn.Flatten(), nn.Tanh()), nn.Sequential(nn.Linear(8, 8), nn.Flatten())):
        with pytest.raises(InputError, match="a linear layer that classifies"):
            Teacher(network, IMAGES)
    with pytest.raises(InputError, match=r"no linear layer .body.; allowed: .*: head"):
        Teacher(Recurrent(width=8), IMAGES, "body")
    with pytest.raises(InputError, match="RuntimeError"):
        Teacher(Recurrent(width=9), IMAGES)
