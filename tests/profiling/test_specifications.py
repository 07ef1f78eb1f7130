"""Networks by name or import, and weights that are read without running anything."""

from __future__ import annotations

import pickle
import sys

import pytest
import torch

from rocoin_opt.errors import InputError
from rocoin_opt.profiling.networks import mobile_net, resnet8, wide_resnet
from rocoin_opt.profiling.specifications import imported, load_teacher, network_builder, student_builder

MODULE = """
from torch import nn

def teacher():
    return nn.Sequential(nn.Linear(4, 3), nn.ReLU())

def student(size):
    return nn.Linear(4, size)

not_callable = 7
no_module = dict
"""


@pytest.fixture
def own_module(tmp_path, monkeypatch):
    (tmp_path / "own_networks.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    yield "own_networks"
    sys.modules.pop("own_networks", None)


def shapes_of(module):
    return {name: tuple(value.shape) for name, value in module.state_dict().items()}


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("wrn-16-2", wide_resnet(16, 2, num_classes=3)),
        ("resnet8", resnet8(num_classes=3)),
        ("mobilenet-0.25", mobile_net(0.25, num_classes=3)),
        ("mobilenet-1", mobile_net(1, num_classes=3)),
    ],
)
def test_names_say_the_network(name, same):
    assert shapes_of(network_builder(name)(num_classes=3)) == shapes_of(same)


@pytest.mark.parametrize("name", ["", "wrn-16", "wrn-16-2-1", "resnet18", "mobilenet-", "mobilenet-x"])
def test_other_names_are_refused(name):
    with pytest.raises(InputError, match="wrn-DEPTH-WIDTH"):
        network_builder(name)


@pytest.mark.parametrize("wrap", [lambda state: state, lambda state: {"module": state, "epochs": 3}])
def test_weights_are_loaded(tmp_path, wrap):
    trained = wide_resnet(10, 1, num_classes=3, in_channels=1, stem_stride=2)
    torch.save(wrap(trained.state_dict()), tmp_path / "w.pt")
    found = load_teacher("wrn-10-1", tmp_path / "w.pt", num_classes=3, in_channels=1, stem_stride=2)
    assert not found.training
    image = torch.randn(1, 1, 16, 16)
    assert torch.equal(found(image), trained.eval()(image))


def test_weights_of_another_network_are_refused(tmp_path):
    torch.save(resnet8().state_dict(), tmp_path / "w.pt")
    with pytest.raises(InputError, match=r"w\.pt.*weights of wrn-10-1"):
        load_teacher("wrn-10-1", tmp_path / "w.pt")


def test_a_known_network_needs_weights():
    with pytest.raises(InputError, match="weights: found nothing"):
        load_teacher("wrn-10-1")


class _Trap:
    """Would run when it is unpickled."""

    def __reduce__(self):
        return (open, ("trapped", "w"))


def test_a_file_of_weights_runs_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "w.pt").write_bytes(pickle.dumps({"module": _Trap()}, protocol=2))
    torch.save({"module": _Trap()}, tmp_path / "v.pt")
    for name in ("w.pt", "v.pt"):
        # PyTorch's own words advise to switch the protection off.
        with pytest.raises(InputError, match="which is never run; allowed: a file of weights"):
            load_teacher("wrn-10-1", tmp_path / name)
    assert not (tmp_path / "trapped").exists()


def test_own_networks_are_imported_from_the_working_folder(own_module, tmp_path):
    paths = list(sys.path)
    teacher = load_teacher(f"{own_module}:teacher")
    assert shapes_of(teacher) == {"0.weight": (3, 4), "0.bias": (3,)}
    assert not teacher.training
    student = student_builder(f"{own_module}:student")
    assert shapes_of(student.build(5)) == {"weight": (5, 4), "bias": (5,)}
    assert (student.id, student.usual_size) == (f"{own_module}:student", None)
    torch.save({key: torch.ones_like(value) for key, value in teacher.state_dict().items()}, tmp_path / "w.pt")
    assert load_teacher(f"{own_module}:teacher", tmp_path / "w.pt")[0].weight.eq(1).all()
    assert sys.path == paths


@pytest.mark.parametrize("name", ["nothing", "not_callable", "no_module"])
def test_what_is_no_network_is_refused(own_module, name):
    with pytest.raises(InputError, match=name):
        load_teacher(f"{own_module}:{name}")


@pytest.mark.parametrize("specification", ["no_such_module:x", ":x", "os:", ".os:path"])
def test_bad_specifications_are_refused(specification):
    with pytest.raises(InputError, match="module:callable"):
        imported(specification)


def test_a_module_that_is_no_python_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "unfinished_networks.py").write_text("x = (")
    with pytest.raises(InputError, match="was never closed"):
        imported("unfinished_networks:x")


def test_a_callable_of_another_kind_is_refused():
    with pytest.raises(InputError, match=r"json:dumps\(\): .*without arguments for a teacher"):
        load_teacher("json:dumps")
    with pytest.raises(InputError, match=r"math:sqrt\(4\) is a float"):
        student_builder("math:sqrt").build(4)


def test_students_have_no_classifier():
    student = student_builder("resnet8", in_channels=1, stem_stride=2)
    assert student.usual_size == 64
    assert shapes_of(student.build(7)) == shapes_of(resnet8(num_classes=0, in_channels=1, num_filters=7))
    with torch.no_grad():
        assert student.build(7).features(torch.zeros(1, 1, 16, 16)).shape == (1, 7, 2, 2)
