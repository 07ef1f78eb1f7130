"""The streamed graph is the one of the definition, however the images are cut into batches."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import nn

from rocoin_opt.errors import InputError
from rocoin_opt.profiling.activations import activation_graph, batched
from rocoin_opt.profiling.images.datasets import load_dataset
from rocoin_opt.profiling.networks import wide_resnet


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits").train


@pytest.fixture(scope="module")
def teacher():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        # In single precision the teacher's own activations change with the batch in their last digits.
        return wide_resnet(10, 1, in_channels=1, num_filters=24).double()


@pytest.fixture(scope="module")
def means(teacher, digits):
    with torch.no_grad():
        return teacher.eval().pooled(digits.images.double()).numpy()


def by_definition(means):
    """A_ij = sum over images of a_i a_j |a_i - a_j|, with all images at once."""
    one, other = means[:, :, None], means[:, None, :]
    return (one * other * np.abs(one - other)).sum(axis=0)


def streamed(teacher, digits, batch_size=256, **options):
    return activation_graph(teacher, "body", batched(digits.images, digits.labels, batch_size), **options)


@pytest.mark.slow
def test_the_graph_equals_the_direct_formula_on_digits(teacher, digits, means):
    found = streamed(teacher, digits)
    np.testing.assert_allclose(found.weights, by_definition(means), rtol=1e-6)
    assert (found.weights == found.weights.T).all()
    assert not found.weights.diagonal().any()
    assert found.num_images == len(digits)
    assert found.input_shape == (1, 8, 8)


def test_the_affinity_is_the_mean_activation_by_class(teacher, digits, means):
    labels = digits.labels.numpy()
    expected = np.array([means[labels == c].mean(axis=0) for c in range(10)])
    np.testing.assert_allclose(streamed(teacher, digits).class_affinity, expected, rtol=1e-6)
    np.testing.assert_allclose(streamed(teacher, digits, top_k=3).class_affinity, expected, rtol=1e-6)


@pytest.mark.parametrize("batch_size", [100, 5000])
def test_batches_make_no_difference(teacher, digits, batch_size):
    first = type(digits)(digits.images[:300], digits.labels[:300])
    one, other = streamed(teacher, first), streamed(teacher, first, batch_size)
    np.testing.assert_allclose(one.weights, other.weights, rtol=1e-6)
    np.testing.assert_allclose(one.class_affinity, other.class_affinity, rtol=1e-6)


@pytest.mark.slow
def test_only_the_most_active_filters_of_an_image_count(teacher, digits, means):
    kept = np.zeros_like(means)
    for image, row in enumerate(means):
        largest = np.argsort(-row, kind="stable")[:5]
        kept[image, largest] = row[largest]
    np.testing.assert_allclose(streamed(teacher, digits, top_k=5).weights, by_definition(kept), rtol=1e-6)
    everything = streamed(teacher, digits, top_k=24).weights
    np.testing.assert_array_equal(everything, streamed(teacher, digits).weights)


def test_the_first_of_equal_filters_count():
    images, labels = torch.tensor([[2.0, 1.0, 1.0]]), torch.tensor([0])
    weights = activation_graph(nn.Sequential(nn.Identity()), "0", [(images, labels)], top_k=2).weights
    np.testing.assert_array_equal(weights, [[0, 2, 0], [2, 0, 0], [0, 0, 0]])


def test_a_layer_without_maps_and_without_rectifier():
    teacher = nn.Sequential(nn.Linear(3, 4), nn.ReLU(inplace=True))
    images = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 1, 0, 1, 0, 1])
    with pytest.raises(InputError, match=r"layer '0'.*the activation -"):
        activation_graph(teacher, "0", [(images, labels)])
    found = activation_graph(teacher, "0", [(images, labels)], rectify=True)
    with torch.no_grad():
        expected = by_definition(teacher(images).double().numpy())
    np.testing.assert_allclose(found.weights, expected, rtol=1e-6, atol=1e-12)


def test_maps_are_rectified_before_their_mean():
    maps = torch.tensor([[[[3.0, -1.0]], [[1.0, 1.0]]]])
    found = activation_graph(nn.Sequential(nn.Identity()), "0", [(maps, torch.tensor([0]))], rectify=True)
    np.testing.assert_allclose(found.class_affinity, [[1.5, 1.0]])


def test_the_teacher_is_left_as_it_was(teacher, digits):
    teacher.train()
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    streamed(teacher, digits)
    assert teacher.training
    assert all(torch.equal(before[name], value) for name, value in teacher.state_dict().items())
    assert not any(module._forward_hooks for module in teacher.modules())


def test_a_class_may_come_in_a_later_batch():
    batches = [(torch.ones(1, 2), torch.tensor([0])), (3 * torch.ones(1, 2), torch.tensor([2]))]
    batches.append((2 * torch.ones(1, 2), torch.tensor([1])))
    found = activation_graph(nn.Sequential(nn.Identity()), "0", batches)
    np.testing.assert_array_equal(found.class_affinity, [[1, 1], [2, 2], [3, 3]])


class _Odd(nn.Module):
    """A layer that is called twice, one that is never called, one that returns a pair."""

    def __init__(self) -> None:
        super().__init__()
        self.twice, self.never, self.pair = nn.Identity(), nn.Identity(), _Pair()

    def forward(self, images):
        return self.pair(self.twice(self.twice(images)))[0]


class _Pair(nn.Module):
    def forward(self, images):
        return images, images


ONE = [(torch.ones(2, 3), torch.tensor([0, 1]))]


@pytest.mark.parametrize(
    ("teacher", "layer", "batches", "message"),
    [
        (_Odd(), "none", ONE, "layer 'none': found no such layer; allowed: twice, never, pair"),
        (_Odd(), "", ONE, "no such layer"),
        (_Odd(), "twice", ONE, "2 outputs"),
        (_Odd(), "never", ONE, "0 outputs"),
        (_Odd(), "pair", ONE, "a tuple"),
        (nn.Sequential(nn.Flatten(0)), "0", ONE, r"shape \(6,\)"),
        (nn.Sequential(nn.Linear(4, 4)), "0", ONE, "images"),
        (nn.Sequential(nn.Identity()), "0", [(torch.tensor([[np.inf]]), torch.tensor([0]))], "not finite"),
        (nn.Sequential(nn.Identity()), "0", [], "no images"),
        (nn.Sequential(nn.Identity()), "0", [*ONE, (torch.ones(1, 4), torch.tensor([0]))], "4 filters after 3"),
        (nn.Sequential(nn.Identity()), "0", [(torch.ones(2, 3), torch.tensor([0, 2]))], "no image of class 1"),
        (nn.Sequential(nn.Identity()), "0", [(torch.ones(2, 3), torch.tensor([0]))], "labels"),
        (nn.Sequential(nn.Identity()), "0", [(torch.ones(1, 3), torch.tensor([-1]))], "labels"),
        (nn.Sequential(nn.Identity()), "0", [(torch.ones(1, 3), torch.tensor([2**40]))], "labels: found the label"),
        (nn.Sequential(nn.Bilinear(3, 3, 1)), "0", [(torch.ones(1, 3), torch.tensor([0]))], "missing 1 required"),
        (nn.Sequential(nn.Identity()), "0", [(torch.ones(1, 3), torch.tensor([0.5]))], "labels"),
        (nn.Sequential(nn.Identity()), "0", [(torch.ones(0, 3), torch.zeros(0, dtype=torch.int64))], "labels"),
    ],
)
def test_what_makes_no_graph_is_refused(teacher, layer, batches, message):
    with pytest.raises(InputError, match=message):
        activation_graph(teacher, layer, batches)


def test_options_out_of_range_are_refused():
    with pytest.raises(InputError, match="top_k"):
        activation_graph(nn.Identity(), "0", [], top_k=0)
    with pytest.raises(InputError, match="batch_size"):
        next(batched(torch.ones(1, 1), torch.ones(1), 0))


def test_memory_grows_with_the_filters_squared_only():
    # 700 filters and 40 images: all products of all images at once would take 157 MB.
    import tracemalloc

    images = torch.rand(40, 700, generator=torch.Generator().manual_seed(0))
    batches = list(itertools.chain(batched(images, torch.zeros(40, dtype=torch.int64), 10)))
    tracemalloc.start()
    try:
        activation_graph(nn.Sequential(nn.Identity()), "0", batches)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 6 * 8 * 700**2
