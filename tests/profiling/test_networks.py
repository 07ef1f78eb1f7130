"""The networks have the hand-counted parameters, and a cut changes the last layer alone."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

from rocoin_opt.errors import InputError
from rocoin_opt.profiling.networks import FilterNetwork, mobile_net, resnet8, wide_resnet

SMALL = {
    "wide_resnet": lambda **options: wide_resnet(16, 1, **options),
    "resnet8": resnet8,
    "mobile_net": lambda **options: mobile_net(0.1, **options),
}


def parameters_of(module):
    return sum(parameter.numel() for parameter in module.parameters())


def shapes_of(module):
    return {name: tuple(value.shape) for name, value in module.named_parameters()}


@pytest.mark.parametrize(
    ("depth", "width", "parameters"), [(10, 1, 77_850), (16, 1, 175_066), (16, 2, 691_674), (40, 4, 8_949_210)]
)
def test_wide_residual_networks_have_the_hand_counted_parameters(depth, width, parameters):
    network = wide_resnet(depth, width)
    assert parameters_of(network) == parameters
    assert network.num_filters == 64 * width


def test_resnet8_is_the_network_of_mlperf_tiny():
    network = resnet8()
    # 78,666 as Keras counts, which includes the running statistics of 240 normalised filters.
    statistics = sum(value.numel() for value in network.buffers() if value.is_floating_point())
    assert (parameters_of(network), statistics) == (78_186, 480)


def test_the_separable_network_has_the_hand_counted_parameters():
    # Depthwise 3 x 3, pointwise 1 x 1, and two numbers a normalised filter; filters 8, 16, 32, 32, 64, 64.
    filters = [8, 16, 32, 32, 64, 64]
    pairs = list(itertools.pairwise(filters))
    expected = 3 * 8 * 9 + 2 * 8 + sum(9 * a + 2 * a + a * b + 2 * b for a, b in pairs) + 64 * 10 + 10
    assert parameters_of(mobile_net(0.25)) == expected


@pytest.mark.parametrize("name", SMALL)
def test_shapes_signs_and_the_classifier(name):
    network = SMALL[name](num_classes=4, in_channels=2).eval()
    images = torch.randn(3, 2, 16, 16, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        maps = network.features(images)
        assert maps.shape == (3, network.num_filters, 4, 4)
        assert maps.min() >= 0
        assert torch.equal(network.pooled(images), maps.mean(dim=(2, 3)))
        assert torch.equal(network(images), network.head(network.pooled(images)))
        assert network(images).shape == (3, 4)


@pytest.mark.parametrize("name", SMALL)
def test_a_stride_of_the_stem_makes_smaller_maps(name):
    with torch.no_grad():
        assert SMALL[name](stem_stride=2).features(torch.zeros(1, 3, 16, 16)).shape[2:] == (2, 2)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("size", [1, 5, 100])
def test_a_student_is_the_network_with_its_last_layer_cut(name, size):
    whole, student = SMALL[name](num_classes=0), SMALL[name](num_classes=0, num_filters=size)
    with torch.no_grad():
        assert student(torch.zeros(2, 3, 16, 16)).shape == (2, size)
    before, after = shapes_of(whole), shapes_of(student)
    assert set(before) == set(after)
    for layer, shape in before.items():
        # Only the number of filters that come out may differ.
        assert after[layer] in (shape, (size, *shape[1:])), layer


@pytest.mark.parametrize("size", [3, 90])
def test_the_shortcut_of_a_cut_block_keeps_the_first_filters_or_is_padded(size):
    block = wide_resnet(16, 1, num_filters=size).body[6]
    with torch.no_grad():
        block.conv2.weight.zero_()
        maps = torch.rand(1, 64, 4, 4)
        result = block.eval()(maps)
    kept = min(size, 64)
    assert torch.equal(result[:, :kept], maps[:, :kept])
    assert not result[:, kept:].any()


@pytest.mark.parametrize(
    ("build", "field"),
    [
        (lambda: wide_resnet(12, 1), "depth"),
        (lambda: wide_resnet(4, 1), "depth"),
        (lambda: wide_resnet(10, 0), "width"),
        (lambda: mobile_net(0.0), "width"),
        (lambda: resnet8(num_classes=-1), "num_classes"),
        (lambda: resnet8(in_channels=0), "in_channels"),
        (lambda: resnet8(stem_stride=0), "stem_stride"),
        (lambda: resnet8(num_filters=0), "num_filters"),
    ],
)
def test_bad_numbers_are_refused_by_name(build, field):
    with pytest.raises(InputError, match=field):
        build()


def test_a_trained_body_keeps_its_weights():
    body = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU())
    before = {name: value.clone() for name, value in body.state_dict().items()}
    wrapped = FilterNetwork(body, 4, 3)
    assert all(torch.equal(value, before[name]) for name, value in wrapped.body.state_dict().items())
