"""Any network with a linear classifier is a teacher, and keeps its weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from image_files import stripes
from own_networks import Recurrent, ResNet, ViT
from rocoin_opt.errors import InputError
from rocoin_opt.profiling.counting.teacher import Teacher
from rocoin_opt.profiling.distillation import Distillation, Lesson, distil
from rocoin_opt.profiling.ensemble import Recipe
from rocoin_opt.profiling.training import Training

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


@pytest.mark.parametrize("layer", NETWORKS)
def test_students_learn_from_any_teacher(layer):
    data = stripes()
    # Of weights by chance some make such small features that a descent with their deviations leaps out of bounds.
    torch.manual_seed(0)
    lesson = Lesson.of(NETWORKS[layer](), data)
    count = lesson.teacher.num_filters
    parts = [range(count // 2), range(count // 2, count)]
    recipes = [Recipe(network="mine", in_channels=1, num_filters=len(part)) for part in parts]

    def build(num_filters, **_):
        return nn.Sequential(nn.Flatten(), nn.Linear(64, num_filters))

    training = Training(epochs=1, batch_size=16, learning_rate=1e-3, device="cpu")
    students = distil(lesson, recipes, parts, data, Distillation(training), own={"mine": build})
    assert students(data.test.images).shape == (len(data.test), 3)


def test_a_network_without_such_a_layer_is_refused():
    for network in (nn.Sequential(nn.Flatten(), nn.Tanh()), nn.Sequential(nn.Linear(8, 8), nn.Flatten())):
        with pytest.raises(InputError, match="a linear layer that classifies"):
            Teacher(network, IMAGES)
    with pytest.raises(InputError, match=r"no linear layer .body.; allowed: .*: head"):
        Teacher(Recurrent(width=8), IMAGES, "body")
    with pytest.raises(InputError, match="RuntimeError"):
        Teacher(Recurrent(width=9), IMAGES)
