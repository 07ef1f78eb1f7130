"""Networks of a user become ONNX files that give PyTorch's features, or are refused by the operator's name."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from own_networks import Recurrent, ResNet, ViT
from rocoin_opt.errors import UnsupportedError
from rocoin_opt.profiling.ensemble import Ensemble, Recipe
from rocoin_opt.profiling.export.conversion import OPSET, onnx_model, refusal
from rocoin_opt.profiling.export.deployment import TOLERANCE, deploy
from rocoin_opt.profiling.export.quantisation import chosen, float_operators, int8_model
from rocoin_opt.profiling.export.reference_source import student_of
from rocoin_opt.profiling.images.datasets import Dataset, Split
from small_students import by_hand, dataset, ensemble, images

SHAPE = (1, 8, 8)
PIXELS = torch.randn(12, *SHAPE, generator=torch.Generator().manual_seed(0))


def made(build):
    torch.manual_seed(0)
    return build().eval()


OWN = {
    "resnet": lambda: ResNet((8, 16), blocks=1, classes=5, channels=1, large_stem=False),
    "vit": lambda: ViT(size=8, patch=4, width=12, depth=1, classes=5, channels=1),
    "gru": lambda: Recurrent(nn.GRU, width=8, hidden=6, layers=1, classes=5),
}


FLOATS = {"resnet": set(), "vit": {"Erf"}, "gru": {"GRU"}}
"""What has no form in 8 bits."""


@pytest.mark.slow
@pytest.mark.parametrize("name", OWN)
def test_networks_give_the_features_of_pytorch(name):
    network = made(OWN[name])
    with torch.no_grad():
        expected = network(PIXELS).numpy()
    model = onnx_model(network, SHAPE, name)
    content = model.SerializeToString(deterministic=True)
    rows = [student_of(content).run(["features"], {"image": image[None]})[0] for image in PIXELS.numpy()]
    assert np.abs(np.concatenate(rows) - expected).max() < TOLERANCE
    assert [entry.version for entry in model.opset_import] == [OPSET]
    # Nothing of the code that made it, nor of where that lies.
    assert b".py" not in content
    whole = int8_model(model, PIXELS.numpy(), name)
    assert set(float_operators(whole)) & {"Conv", "Gemm", "MatMul", "GRU", "Erf"} == FLOATS[name]


@pytest.mark.slow
def test_a_student_by_name_gives_the_classes_of_pytorch_and_the_same_bytes_twice():
    torch.manual_seed(0)
    recipe = Recipe(network="mobilenet-0.1", in_channels=1, stem_stride=2, num_filters=4)
    students = Ensemble([recipe], [(0, 3, 1, 2)], 3).eval()
    split = Split(PIXELS, torch.arange(12) % 3)
    data = Dataset("noise", "drawn", split, split, split, num_classes=3, sha256="0" * 64)
    found = [deploy(students, ["mine"], data) for _ in range(2)]
    assert found[0].files == found[1].files
    assert found[0].fields == found[1].fields
    assert found[0].moved == 0
    assert found[0].largest_difference < TOLERANCE


class Own(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function, self.linear = function, nn.Linear(8, 3)

    def forward(self, x):
        return self.function(self, x)


def exits(own, x):
    return own.linear(x[:, 0, 0]) if x.mean() > 0.1 else own.linear(x[:, 0, 1])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda s, x: torch.linalg.eigvalsh(x[:, 0] @ x[:, 0].mT)[:, :3], "the operator aten._linalg_eigh has no"),
        (exits, "its pass depends on the values of the image"),
    ],
)
def test_what_onnx_cannot_say_is_refused_by_name(function, expected):
    with pytest.raises(UnsupportedError, match=f"mine cannot be exported as ONNX: {expected}"):
        onnx_model(made(lambda: Own(function)), SHAPE, "mine")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "No ONNX function found for <OpOverload(op='mine.twice', overload='default')>.",
            "the operator mine.twice has",
        ),
        ("NOT_IMPLEMENTED : Could not find an implementation for Selu(6) node", "the operator Selu has"),
        ("call_function[target=torch.ops.aten.bessel.default](args)", "the operator aten.bessel has"),
        ("out of luck\nand more", "out of luck"),
        ("", "ValueError"),
    ],
)
def test_messages_of_the_libraries_are_read(text, expected):
    outer = RuntimeError("Failed to convert")
    outer.__cause__ = ValueError(text)
    assert str(refusal("mine", outer)).startswith(f"mine cannot be exported as ONNX: {expected}")


def test_calibration_images_lie_evenly_over_all():
    assert chosen(np.arange(10)).tolist() == list(range(10))
    found = chosen(np.arange(1000))
    assert (len(found), found[0], found[-1]) == (256, 0, 999)
    assert set(np.diff(found)) == {3, 4}


def test_a_student_without_operators_of_8_bits_is_refused():
    student = ensemble().students[0]
    model = by_hand(student, (1, 4, 4), "mine")
    model.graph.node[1].op_type = "Einsum"
    model.graph.node[1].attribute[0].CopyFrom(
        type(model.graph.node[1].attribute[0])(name="equation", type=3, s=b"np,mp->nm")
    )
    del model.graph.node[1].input[2]
    del model.graph.node[2]
    model.graph.node[1].output[0] = "features"
    with pytest.raises(UnsupportedError, match=r"none of its operators has an int8 form: Einsum, Flatten"):
        int8_model(model, images(3)[0].numpy(), "mine")


def test_a_student_that_depends_on_chance_is_refused():
    class Noisy(nn.Module):
        def __init__(self, student):
            super().__init__()
            self.student, self.network = student, student.network

        def forward(self, x):
            return functional.dropout(self.student(x), 0.5, training=True)

    students = ensemble()
    students.students[1] = Noisy(students.students[1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rocoin_opt.profiling.export.deployment.onnx_model", by_hand)
        with pytest.raises(UnsupportedError, match=r"part 1, student b .*does its pass depend on chance"):
            deploy(students, ["a", "b", "c"], dataset())


@pytest.mark.slow
@pytest.mark.parametrize("opset", [0, 11, 99])
def test_an_opset_that_nobody_wrote_is_refused(opset):
    network = nn.Sequential(nn.Flatten(), nn.Linear(PIXELS[0].numel(), 2)).eval()
    with pytest.raises(UnsupportedError, match=f"with opset {opset}: .* wrote opset 18; allowed: 18 to "):
        onnx_model(network, SHAPE, "mine", opset)
