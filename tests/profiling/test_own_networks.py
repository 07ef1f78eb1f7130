"""Networks of a user are counted as by hand, operator by operator; what nobody can count is refused by name."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from own_networks import SMALL, BasicBlock, Encoder, MobileNetV3, Recurrent, ResNet, ViT, squeezed
from rocoin_opt.errors import InputError, UnsupportedError
from rocoin_opt.profiling.network_profile import profile, profile_student


def flops(module, shape):
    return profile(module, shape).flops


RESNETS = [
    pytest.param(224, True, 1000, 1_814_073_344, 11_689_512, marks=pytest.mark.slow),
    (32, False, 10, 555_422_720, 11_173_962),
]
"""Pixels, whether the stem is large, classes, multiply-accumulates and parameters: of ImageNet, and of CIFAR-10."""


@pytest.mark.parametrize(("size", "large", "classes", "macs", "parameters"), RESNETS)
def test_resnet_18_takes_the_hand_counted_flop(size, large, classes, macs, parameters):
    found = profile(ResNet(classes=classes, large_stem=large), (3, size, size))
    stem, image = (64 * 3 * 49 * (size // 2) ** 2, (size // 4) ** 2) if large else (64 * 3 * 9 * size**2, size**2)
    stages, widths = [4 * 64 * 64 * 9 * image], 4 * 64 * 64 * 9
    for number, width in enumerate((128, 256, 512), 1):
        widening = width // 2 * width * (9 + 1) + width * width * 9
        stages.append((widening + 2 * width * width * 9) * image // 4**number)
        widths += widening + 2 * width * width * 9
    assert stem + sum(stages) + 512 * classes == macs
    assert found.flops == 2 * macs
    # A scale and a shift for each of 4,800 normalised filters.
    assert 64 * 3 * (49 if large else 9) + widths + 2 * 4800 + 513 * classes == parameters
    assert found.parameters == parameters
    # Mean and variance of them, and 20 counters of 8 bytes.
    assert (found.weight_bytes, found.constant_bytes) == (4 * parameters, 4 * 2 * 4800 + 8 * 20)


def test_a_vision_transformer_with_class_token_takes_the_hand_counted_flop():
    width, tokens, patches = 24, 17, 16
    block = tokens * width * 3 * width + 2 * tokens**2 * width + tokens * width**2 + 8 * tokens * width**2
    macs = patches * 3 * 64 * width + 3 * block + 10 * width
    found = profile(ViT(), (3, 32, 32))
    assert found.flops == 2 * macs
    embedding, block = (3 * 64 + 1) * width, 12 * width**2 + 13 * width
    assert found.parameters == embedding + (1 + tokens) * width + 3 * block + 2 * width + 10 * (width + 1)
    assert found.constant_bytes == 0


def test_mobile_net_v3_takes_the_hand_counted_flop():
    size, before, macs = 112, 16, 3 * 16 * 9 * 112**2
    for kernel, wide, after, excite, _, stride in SMALL:
        macs += before * wide * size**2 * (wide != before)
        size //= stride
        macs += wide * kernel**2 * size**2 + wide * after * size**2 + 2 * wide * squeezed(wide) * excite
        before = after
    macs += 96 * 576 * size**2 + 576 * 1024 + 1024 * 1000
    found = profile(MobileNetV3(), (3, 224, 224))
    assert found.flops == 2 * macs
    # As published for the network.
    assert (found.parameters, round(macs / 1e6, 1)) == (2_542_856, 56.5)


@pytest.mark.parametrize(("kind", "gates", "directions"), [(nn.GRU, 3, 1), (nn.LSTM, 4, 2), (nn.RNN, 1, 2)])
def test_recurrent_layers_take_the_hand_counted_flop(kind, gates, directions):
    network = Recurrent(kind, bidirectional=directions == 2)
    layers = 28 * (28 + 20) + 28 * (20 * directions + 20)
    assert flops(network, (1, 28, 28)) == 2 * (directions * gates * 20 * layers + 10 * 20 * directions)


class Unrolled(nn.Module):
    """A cell that is called for each row of an image."""

    def __init__(self, kind):
        super().__init__()
        self.cell, self.has_memory = kind(8, 6), kind is nn.LSTMCell

    def forward(self, x):
        state = (x.new_zeros(len(x), 6),) * 2 if self.has_memory else None
        for row in x.unbind(1):
            state = self.cell(row, state)
        return state[0] if self.has_memory else state


@pytest.mark.parametrize(("kind", "gates"), [(nn.GRUCell, 3), (nn.LSTMCell, 4), (nn.RNNCell, 1)])
def test_cells_in_a_loop_take_what_the_layer_takes(kind, gates):
    assert flops(Unrolled(kind), (5, 8)) == 2 * 5 * gates * 6 * (8 + 6)


def test_projections_and_layers_in_another_order_are_counted():
    projected = Own(lambda s, x: s.cells(x)[0][:, -1], cells=nn.LSTM(8, 6, proj_size=3, batch_first=True))
    assert flops(projected, (5, 8)) == 2 * 5 * (4 * 6 * (8 + 3) + 6 * 3)
    turned = Own(lambda s, x: s.cells(x.transpose(0, 1))[0][-1], cells=nn.GRU(8, 6))
    assert flops(turned, (5, 8)) == 2 * 5 * 3 * 6 * (8 + 6)


class Attention(nn.Module):
    """The same attention, fused or written out."""

    def __init__(self, fused, mask=None, kind="mean"):
        super().__init__()
        self.fused, self.mask = fused, mask
        self.embed, self.qkv, self.out = nn.Conv2d(1, 32, 1), nn.Linear(32, 96), nn.Linear(32, 8)

    def forward(self, x):
        t = self.embed(x).flatten(2).transpose(1, 2)
        q, k, v = self.qkv(t).chunk(3, -1)
        if self.fused:
            mask = None if self.mask is None else torch.ones(t.shape[1], t.shape[1], dtype=torch.bool)
            y = functional.scaled_dot_product_attention(q[:, None], k[:, None], v[:, None], attn_mask=mask)[:, 0]
        else:
            y = ((q @ k.transpose(1, 2)) / 32**0.5).softmax(-1) @ v
        return self.out(y).mean(1)


@pytest.mark.parametrize("network", [Attention(False), Attention(True), Attention(True, mask=True)])
def test_fused_attention_takes_what_its_products_take(network):
    assert flops(network, (1, 10, 10)) == 1_952_000


def test_whole_layers_that_are_one_kernel_are_counted_as_their_parts():
    tokens, width, hidden = 5, 8, 16
    layer = tokens * width * 4 * width + 2 * tokens**2 * width + 2 * tokens * width * hidden
    assert flops(nn.TransformerEncoderLayer(width, 2, hidden, batch_first=True), (tokens, width)) == 2 * layer
    is_fast = torch.backends.mha.get_fastpath_enabled()
    assert flops(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True), (5, 8)) == 2 * layer
    assert (torch.backends.mha.get_fastpath_enabled(), torch.backends.mkldnn.enabled) == (is_fast, True)
    assert flops(Encoder(8, 2, 16), (5, 8)) == 2 * layer


class Own(nn.Module):
    """A network of one function, with weights by name."""

    def __init__(self, function, **weights):
        super().__init__()
        self.function = function
        for name, value in weights.items():
            setattr(self, name, value)

    def forward(self, x):
        return self.function(self, x)


def weight(*shape):
    return nn.Parameter(torch.randn(*shape))


def tokens(x):
    return x.flatten(2).transpose(1, 2)


PROJECT = {"linear": nn.Linear(8, 5)}


def mean(x):
    return x.mean((2, 3))


def conv(s, x, kernel):
    return functional.conv2d(x, kernel, padding=1)


def resized(s, x):
    return s.linear(mean(functional.interpolate(s.w, size=(4, 4), mode="bicubic") + x))


ROWS = torch.arange(16) % 9
MOVED = {
    "class token": (
        1360,
        (1, 1, 8),
        lambda s, x: s.linear(torch.cat((s.w.expand(len(x), -1, -1), tokens(x)), 1))[:, 0],
    ),
    "index": (80, (9, 8), lambda s, x: s.linear((s.w[ROWS] + tokens(x)).mean(1))),
    "index_select": (80, (9, 8), lambda s, x: s.linear(s.w.index_select(0, ROWS).mean(0) + mean(x))),
    "gather": (80, (9, 8), lambda s, x: s.linear(s.w.gather(0, torch.zeros(1, 8, dtype=torch.long)) + mean(x))),
    "resized": (80, (1, 8, 7, 7), resized),
    "padded": (36864, (16, 8, 1, 1), lambda s, x: conv(s, x, functional.pad(s.w, (1, 1, 1, 1)))[:, :8]),
    "flipped": (18432, (8, 8, 3, 3), lambda s, x: conv(s, x, s.w.flip(-1))),
    "rolled": (18432, (8, 8, 3, 3), lambda s, x: conv(s, x, s.w.roll(1, 0))),
    "stacked": (160, (5, 8), lambda s, x: mean(x) @ torch.stack((s.w, s.w)).flatten(0, 1).t()),
    "repeated": (160, (5, 8), lambda s, x: mean(x) @ s.w.repeat(2, 1).t()),
    "cast": (80, (5, 8), lambda s, x: functional.linear(mean(x).bfloat16(), s.w.bfloat16())),
    "masked": (80, (5, 8), lambda s, x: functional.linear(mean(x), s.w.masked_fill(s.w > 0, 0.0))),
    "masked by product": (80, (5, 8), lambda s, x: functional.linear(mean(x), s.w * (s.w > 0))),
    "computed": (80, (5, 8), lambda s, x: functional.linear(mean(x), s.w.tanh() / s.w.norm())),
    "triangle": (128, (8, 8), lambda s, x: mean(x) @ s.w.tril()),
    "einsum": (80, (5, 8), lambda s, x: torch.einsum("nc,kc->nk", mean(x), s.w)),
    "tensordot": (80, (5, 8), lambda s, x: torch.tensordot(mean(x), s.w, ([1], [1]))),
    "vector": (80, (5, 8), lambda s, x: (s.w @ mean(x)[0])[None]),
    "computed vector": (80, (5, 8), lambda s, x: ((s.w * 1.0) @ mean(x)[0])[None]),
    "added vector": (80, (5, 8), lambda s, x: torch.addmv(s.w[:, 0], s.w, mean(x)[0])[None]),
    "inner product": (16, (5, 8), lambda s, x: torch.dot(s.w[0], mean(x)[0]).reshape(1, 1)),
    "outer product": (80, (5, 8), lambda s, x: torch.addr(s.w, s.w[:, 0], mean(x)[0])[None]),
    "two activations": (2048, (1,), lambda s, x: (x.flatten(2) @ tokens(x)).mean(1)),
    "chain": (160, (8, 5), lambda s, x: torch.linalg.multi_dot([mean(x), s.w, s.w.t()])),
    "vectorised": (80, (5, 8), lambda s, x: torch.vmap(lambda row: s.w @ row)(mean(x))),
    "unfolded": (2880, (5, 72), lambda s, x: (s.w @ functional.unfold(x, 3, padding=1, stride=2)).mean(-1)[:1]),
    "inference mode": (80, (1,), lambda s, x: inferred(s, x)),
    "transposed": (6912, (8, 3, 3, 3), lambda s, x: functional.conv_transpose2d(x, s.w, stride=2)),
}
"""FLOP, shape of the weight, and what is done with it."""


def inferred(own, x):
    with torch.inference_mode():
        return own.linear(x.mean((2, 3)))


@pytest.mark.parametrize("name", MOVED)
def test_weights_that_are_moved_masked_or_computed_count_where_they_multiply(name):
    expected, shape, function = MOVED[name]
    assert flops(Own(function, w=weight(*shape), **PROJECT), (8, 4, 4)) == expected


def test_attention_of_pytorch_is_counted():
    own = Own(
        lambda s, x: s.a(tokens(x), tokens(x), tokens(x))[0].mean(1), a=nn.MultiheadAttention(8, 2, batch_first=True)
    )
    assert flops(own, (8, 4, 4)) == 2 * (16 * 8 * 32 + 2 * 16 * 16 * 8)


def table(how):
    own = Own(lambda s, x: s.c(x).mean((2, 3)) + s.table.sum(), c=nn.Conv2d(1, 8, 3))
    values = torch.randn(100, 200)
    if how == "buffer":
        own.register_buffer("table", values)
    elif how == "not saved":
        own.register_buffer("table", values, persistent=False)
    elif how == "parameter":
        own.table = nn.Parameter(values)
    elif how == "whole numbers":
        own.register_buffer("table", values.int())
    elif how == "unread":
        own.table = torch.zeros(())
        own.register_buffer("other", values)
    else:
        own.__dict__["table"] = values
    return own


@pytest.mark.parametrize("how", ["buffer", "not saved", "parameter", "whole numbers", "unread", "attribute"])
def test_all_that_a_network_holds_weighs_the_same(how):
    plain = profile(Own(lambda s, x: s.c(x).mean((2, 3)), c=nn.Conv2d(1, 8, 3)), (1, 10, 10))
    found = profile(table(how), (1, 10, 10))
    assert 0 <= found.memory_bytes - plain.memory_bytes - 80_000 <= 64
    if how != "whole numbers":
        halved = profile(table(how), (1, 10, 10), precision_bits=16)
        assert halved.memory_bytes == found.memory_bytes / 2


def test_weights_frozen_into_buffers_and_tied_weights_weigh_once():
    first = nn.Linear(8, 8, bias=False)
    tied = Own(lambda s, x: s.second(s.first(x)), first=first, second=nn.Linear(8, 8, bias=False))
    tied.second.weight = first.weight
    assert profile(tied, (8,)).weight_bytes == 4 * 64
    values = first.weight.detach()
    del first.weight
    first.register_buffer("weight", values)
    found = profile(first, (8,))
    assert (found.flops, found.weight_bytes, found.constant_bytes) == (128, 0, 256)


def test_work_in_other_libraries_is_refused():
    def outside(_, x):
        return torch.from_numpy(np.asarray(x) @ np.ones((4, 3), dtype=np.float32))

    for function in (outside, lambda _, x: torch.from_numpy(x.numpy() * 2)):
        with pytest.raises(UnsupportedError, match="another library"):
            profile(Own(function), (4,))


@pytest.mark.parametrize(
    ("function", "operator"),
    [
        (lambda s, x: torch.fft.rfft(x).real, "aten._fft_r2c"),
        (lambda s, x: torch.linalg.inv(x[0] + torch.eye(4))[None], "aten.linalg_inv_ex"),
        (lambda s, x: functional.bilinear(x[:, 0], x[:, 0], s.w), "aten._trilinear"),
        (lambda s, x: torch.cdist(x, x)[:1, 0], "aten._euclidean_dist|aten._cdist_forward"),
    ],
)
def test_flop_that_nobody_knows_are_refused_by_name(function, operator):
    with pytest.raises(UnsupportedError, match=operator):
        profile(Own(function, w=weight(2, 4, 4)), (4, 4))


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_sparse_and_packed_weights_are_refused():
    sparse = torch.eye(4).to_sparse()
    with pytest.raises(UnsupportedError, match="sparse_coo"):
        profile(Own(lambda s, x: (sparse @ x.t()).t()), (4,))


def exits(threshold):
    def run(own, x):
        return own.a(x) if x.std() < threshold else own.b(x)

    return Own(run, a=nn.Conv2d(3, 4, 3), b=nn.Conv2d(3, 64, 3))


@pytest.mark.parametrize("threshold", [0.1, 0.5, 20.0])
def test_a_pass_that_depends_on_the_image_is_refused(threshold):
    with pytest.raises(UnsupportedError, match=r"depends on the image.* 7776 FLOP .* 124416 FLOP"):
        profile(exits(threshold), (3, 8, 8))


def test_shapes_that_depend_on_the_image_are_refused():
    with pytest.raises(UnsupportedError, match="depends on the image"):
        profile(Own(lambda s, x: x[x > 0.5].sum().reshape(1, 1)), (8,))


def test_reading_numbers_alone_is_no_early_exit():
    own = Own(lambda s, x: s.linear(x / max(1.0, float(x.abs().max()))), **PROJECT)
    assert flops(own, (8,)) == 80


def test_what_is_made_once_and_kept_is_no_early_exit():
    def run(own, x):
        if not hasattr(own, "kept"):
            own.kept = torch.arange(8.0).sin()
        return own.linear(x + own.kept)

    assert flops(Own(run, **PROJECT), (8,)) == 80


def student(size):
    return nn.Sequential(nn.Conv2d(1, size, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())


@pytest.mark.parametrize(
    ("build", "shown"),
    [
        (lambda size: student(5), "1 x 5 and 2 x 5 for a part of 1"),
        (lambda size: student(size)[:2], "1 x 1 x 8 x 8"),
        (lambda size: nn.Sequential(student(min(size, 3))), "1 x 3 and 2 x 3 for a part of 5"),
        (
            lambda size: nn.Sequential(student(size), nn.Flatten(0), nn.Unflatten(0, (1, -1))),
            "1, 2.* for 2 images",
        ),
    ],
)
def test_students_return_one_number_for_each_filter(build, shown):
    with pytest.raises(InputError, match=shown):
        profile_student(build, (1, 10, 10), 16)
    assert profile_student(student, (1, 10, 10), 16).largest == 16


class Fails(nn.Module):
    def __init__(self, error):
        super().__init__()
        self.error = error

    def forward(self, x):
        raise self.error


@pytest.mark.parametrize("kind", [RuntimeError, AttributeError, FileNotFoundError, KeyError, SystemExit])
def test_faults_of_the_users_code_say_what_and_where(kind):
    with pytest.raises(InputError, match=rf"{kind.__name__}.*no.*test_own_networks\.py, line"):
        profile(Fails(kind("no")), (4,))


def test_weights_without_values_are_refused():
    with pytest.raises(InputError, match="lazy layers without values: weight, bias"):
        profile(nn.LazyLinear(3), (4,))
    with pytest.raises(InputError, match="on the device meta: weight, bias"):
        profile(nn.Linear(4, 3, device="meta"), (4,))


def test_a_block_is_as_dear_in_half_precision():
    found = profile(BasicBlock(4, 4, 1).half(), (4, 6, 6))
    assert found.flops == 2 * 2 * 4 * 4 * 9 * 36
