"""Profiles equal hand counts, and students' costs are the traced ones."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from rocoin_opt.errors import InputError, UnsupportedError
from rocoin_opt.instance import catalogue
from rocoin_opt.profiling.network_profile import profile, profile_student
from rocoin_opt.profiling.networks import mobile_net, resnet8, wide_resnet

IMAGE = (3, 32, 32)
MACS = {(10, 1): 12_501_632, (16, 1): 26_657_408, (16, 2): 101_106_944, (40, 4): 1_298_582_016}


@pytest.mark.parametrize(("depth", "width"), MACS)
def test_wide_residual_networks_take_the_hand_counted_flop(depth, width):
    found = profile(wide_resnet(depth, width), IMAGE)
    assert found.flops == 2 * MACS[depth, width]
    assert found.num_filters == 64 * width


def test_resnet8_takes_the_hand_counted_flop():
    stem, first = 3 * 16 * 9 * 32**2, 2 * 16 * 16 * 9 * 32**2
    second = (16 * 32 * 9 + 32 * 32 * 9 + 16 * 32) * 16**2
    third = (32 * 64 * 9 + 64 * 64 * 9 + 32 * 64) * 8**2
    found = profile(resnet8(), IMAGE)
    assert found.flops == 2 * (stem + first + second + third + 64 * 10) == 2 * 12_501_632
    assert (found.parameters, found.num_filters) == (78_186, 64)


@pytest.mark.parametrize(
    "network",
    [
        network if network.id in ("wrn-10-1", "wrn-16-1") else pytest.param(network, marks=pytest.mark.slow)
        for network in catalogue.networks()
    ],
    ids=lambda network: network.id,
)
def test_the_catalogue_holds_what_is_traced(network):
    _, depth, width = network.id.split("-")
    found = profile(wide_resnet(int(depth), int(width)), IMAGE, precision_bits=8)
    assert found.flops == 2 * network.macs
    assert found.parameters == network.parameters
    # One byte a value.
    assert found.weight_bytes == network.parameters
    assert found.peak_activation_bytes == network.peak_activations
    assert found.num_filters == network.final_filters


def test_precision_scales_both_kinds_of_memory():
    one, other = (profile(resnet8(), IMAGE, precision_bits=bits) for bits in (32, 8))
    assert one.weight_bytes == 4 * other.weight_bytes == 4 * 78_186
    assert one.peak_activation_bytes == 4 * other.peak_activation_bytes == 4 * 3 * 16 * 32 * 32
    # Mean and variance of seven normalisations, and their counters, which are whole numbers of 8 bytes.
    filters = 16 + 2 * 16 + 2 * 32 + 2 * 64
    assert (one.constant_bytes, other.constant_bytes) == (4 * 2 * filters + 56, 2 * filters + 56)
    assert one.memory_bytes == one.weight_bytes + one.constant_bytes + one.peak_activation_bytes
    assert one.flops == other.flops


class Branches(nn.Module):
    """Three values of 8, 40 and 8 numbers; the first is read again at the end."""

    def __init__(self, in_place: bool = False) -> None:
        super().__init__()
        self.widen, self.narrow = nn.Linear(8, 40, bias=False), nn.Linear(40, 8, bias=False)
        self.active = nn.ReLU(inplace=in_place)

    def forward(self, images):
        return self.narrow(self.active(self.widen(images))) + images


@pytest.mark.parametrize(("in_place", "alive"), [(False, 8 + 40 + 40), (True, 8 + 40 + 8)])
def test_a_value_is_alive_until_it_is_last_read(in_place, alive):
    # Rectifying takes input and output at once, unless it works in place; the image waits for the sum.
    assert profile(Branches(in_place), (8,)).peak_activation_bytes == 4 * alive


def test_views_and_whole_numbers_keep_what_they_look_at():
    class Slices(nn.Module):
        def forward(self, images):
            doubled = 2 * images
            largest = doubled[:, :2].argmax(dim=1, keepdim=True)
            return doubled[:, :2] + largest

    found = profile(Slices(), (10,), precision_bits=8)
    # The last sum: all 10 doubled numbers behind the slice, one index of 8 bytes, 2 sums.
    assert found.peak_activation_bytes == max(10 + 10, 10 + 8 + 2)
    assert (found.flops, found.parameters, found.num_filters) == (0, 0, 2)


def test_depthwise_convolutions_count_one_input_filter_each():
    depthwise = nn.Conv2d(6, 6, 3, padding=1, groups=6)
    assert profile(depthwise, (6, 5, 5)).flops == 2 * 6 * 9 * 25


@pytest.mark.parametrize(
    "module",
    [
        nn.Sequential(nn.Embedding(5, 3), nn.Flatten()),
        nn.Sequential(nn.Linear(4, 4), nn.LayerNorm((3, 4)), nn.Flatten()),
        nn.utils.parametrizations.weight_norm(nn.Linear(4, 2)),
    ],
    ids=["embedding", "layer norm", "weight norm"],
)
def test_weights_that_multiply_nothing_are_no_obstacle(module):
    if isinstance(module[0] if isinstance(module, nn.Sequential) else module, nn.Embedding):
        module = nn.Sequential(nn.Flatten(), _WholeNumbers(), module)
    assert profile(module, (3, 4)).flops >= 0


class _WholeNumbers(nn.Module):
    def forward(self, images):
        return images.long()


class _Pair(nn.Module):
    def forward(self, images):
        return images, images


@pytest.mark.parametrize(
    ("module", "shape", "bits", "message"),
    [
        (resnet8(), (1, 32, 32), 32, "input_shape"),
        (resnet8(), (), 32, "input_shape"),
        (resnet8(), (3, 0, 32), 32, "input_shape"),
        (resnet8(), IMAGE, 0, "precision_bits"),
        (_Pair(), (4,), 32, "no tensor"),
        (nn.Bilinear(4, 4, 1), (4,), 32, "input_shape.*missing 1 required"),
        (nn.Flatten(0), (4,), 32, r"shape \(4,\)"),
    ],
)
def test_what_cannot_be_profiled_is_refused(module, shape, bits, message):
    with pytest.raises(InputError, match=message):
        profile(module, shape, precision_bits=bits)


def test_a_module_is_left_as_it_was():
    network = resnet8().train()
    network.body[1].eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    profile(network, IMAGE)
    assert network.training
    assert network.body[0].training
    assert not network.body[1].training
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


BUILDERS = {
    "wrn-10-1": (lambda size: wide_resnet(10, 1, num_classes=0, num_filters=size), 2 * 64 * (9 * 64 + 32), 9 * 64 + 34),
    "wrn-16-1": (lambda size: wide_resnet(16, 1, num_classes=0, num_filters=size), 2 * 64 * 9 * 64, 9 * 64 + 2),
    "resnet8": (lambda size: resnet8(num_classes=0, num_filters=size), 2 * 64 * (9 * 64 + 32), 9 * 64 + 32 + 4),
    "mobilenet": (lambda size: mobile_net(0.25, num_classes=0, num_filters=size), 2 * 64 * 64, 64 + 2),
}


@pytest.mark.parametrize("name", BUILDERS)
def test_a_filter_of_a_part_costs_what_the_last_layer_takes_for_it(name):
    build, flops, parameters = BUILDERS[name]
    found = profile_student(build, IMAGE, 100)
    assert found.flops_per_filter == flops
    # A filter has a running mean and variance beside its parameters, where it is normalised.
    assert found.memory_bytes_per_filter == 4 * (parameters + 2)
    assert found.memory_excess_bytes == 0
    assert [size for size, _ in found.traced] == [1, 26, 50, 75, 100]
    other = profile(build(37), IMAGE)
    assert found.flops + 37 * found.flops_per_filter == other.flops
    assert found.memory_bytes + 37 * found.memory_bytes_per_filter == other.memory_bytes


def test_memory_is_never_less_than_traced_where_the_last_maps_become_the_peak():
    build, _, _ = BUILDERS["mobilenet"]
    found = profile_student(build, IMAGE, 1000)
    excess = []
    for size in (1, 100, 400, 700, 1000):
        planned = found.memory_bytes + found.memory_bytes_per_filter * size
        excess.append(planned - profile(build(size), IMAGE).memory_bytes)
    assert min(excess) > -1e-6
    assert max(excess) > 0
    assert found.memory_excess_bytes > 0


def test_the_smallest_part_has_a_slope_too():
    build, flops, _ = BUILDERS["resnet8"]
    found = profile_student(build, IMAGE, 1)
    assert (found.largest, found.flops_per_filter) == (1, flops)
    assert [size for size, _ in found.traced] == [1, 2]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda size: nn.Sequential(nn.Linear(4, size), nn.Linear(size, size)), "FLOP do not grow evenly"),
        (lambda size: nn.Sequential(nn.Linear(4, 60 - size), nn.Linear(60 - size, size)), "FLOP do not grow evenly"),
        (lambda size: _Table(size, 60 - 2 * size), "costs fall"),
        (lambda size: _Table(size, 10 * min(size, 10)), "memory grows less than evenly"),
    ],
)
def test_costs_that_the_format_cannot_hold_are_refused(build, message):
    with pytest.raises(UnsupportedError, match=message):
        profile_student(build, (4,), 20)


class _Table(nn.Module):
    """Gives the first numbers of a table beside the image."""

    def __init__(self, size: int, entries: int) -> None:
        super().__init__()
        self.size, self.table = size, nn.Parameter(torch.zeros(100 + entries))

    def forward(self, images):
        return images[:, :1] + self.table[: self.size]


def test_a_largest_part_is_needed():
    with pytest.raises(InputError, match="largest"):
        profile_student(BUILDERS["resnet8"][0], IMAGE, 0)
