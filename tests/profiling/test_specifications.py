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
    (tmp_path / "networks_of_mine.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    yield "networks_of_mine"
    sys.modules.pop("networks_of_mine", None)


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


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "No such file or directory"), (b"hello", "no file that PyTorch wrote"), (b"", "ends too early")],
)
def test_files_that_are_no_weights_say_so(tmp_path, content, words):
    if content is not None:
        (tmp_path / "w.pt").write_bytes(content)
    with pytest.raises(InputError, match=rf"w\.pt: .*{words}; allowed: a file of weights$"):
        load_teacher("resnet8", tmp_path / "w.pt")


def test_a_known_network_needs_weights():
    with pytest.raises(InputError, match="weights: found nothing"):
        load_teacher("wrn-10-1")


@pytest.mark.parametrize("prefixes", ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."])
@pytest.mark.parametrize("holder", [None, "module", "state_dict", "model"])
def test_names_of_wrappers_are_taken_off(tmp_path, prefixes, holder):
    trained = resnet8(num_classes=3)
    state = {f"{prefixes}{name}": value for name, value in trained.state_dict().items()}
    torch.save(state if holder is None else {holder: state}, tmp_path / "w.pt")
    found = load_teacher("resnet8", tmp_path / "w.pt", num_classes=3).state_dict()
    assert all(torch.equal(found[name], value) for name, value in trained.state_dict().items())


def test_a_network_whose_own_names_begin_so_keeps_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrapping_networks.py").write_text(
        "from torch import nn\ndef net():\n    return nn.ModuleDict({'module': nn.Linear(2, 2)})\n"
    )
    torch.save(torch.nn.ModuleDict({"module": torch.nn.Linear(2, 2)}).state_dict(), tmp_path / "w.pt")
    assert set(load_teacher("wrapping_networks:net", tmp_path / "w.pt").state_dict()) == {
        "module.weight",
        "module.bias",
    }
    sys.modules.pop("wrapping_networks")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("head.bias"), "1 missing: head.bias; allowed: weights of resnet8"),
        (lambda state: state.update(extra=torch.zeros(1)), "1 unknown: extra"),
        (lambda state: state.update({"head.bias": torch.zeros(4)}), r"1 of another shape: head.bias \(4, not 3\)"),
        (lambda state: state.update({"head.bias": "text"}), "1 no weights: head.bias"),
        (lambda state: [state.pop(name) for name in list(state)[:9]], r"9 missing: body[^;]*, \.\.\.;"),
    ],
)
def test_weights_that_do_not_fit_are_named_first(tmp_path, change, message):
    state = {f"module.{name}": value for name, value in resnet8(num_classes=3).state_dict().items()}
    plain = {name.removeprefix("module."): value for name, value in state.items()}
    change(plain)
    torch.save({f"module.{name}": value for name, value in plain.items()}, tmp_path / "w.pt")
    with pytest.raises(InputError, match=message):
        load_teacher("resnet8", tmp_path / "w.pt", num_classes=3)


FAULTY = """
import torch
from torch import nn

def boom():
    raise RuntimeError("no weights found at /data/w.pt")

def absent():
    open("/no/such/w.pt")

def leaves():
    raise SystemExit(3)

def later():
    import beside_faulty
    return beside_faulty.net()
"""


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("boom", r"faulty_networks:boom\(\): RuntimeError: no weights .*faulty_networks\.py, line 6"),
        ("absent", r"FileNotFoundError: .*faulty_networks\.py, line 9"),
        ("leaves", r"SystemExit: 3 \(faulty_networks\.py, line 12"),
        ("nothing", "AttributeError: module 'faulty_networks' has no attribute 'nothing'"),
    ],
)
def test_faults_of_a_users_module_are_told_as_such(tmp_path, monkeypatch, name, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "faulty_networks.py").write_text(FAULTY)
    with pytest.raises(InputError, match=message):
        load_teacher(f"faulty_networks:{name}")
    sys.modules.pop("faulty_networks")


def test_a_module_that_cannot_be_run_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "undefined_networks.py").write_text("import torch\nmodel = undefined_name\n")
    with pytest.raises(InputError, match=r"NameError: name 'undefined_name'.*undefined_networks\.py, line 2"):
        load_teacher("undefined_networks:model")


def test_what_a_callable_imports_lies_beside_it_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "faulty_networks.py").write_text(FAULTY)
    (tmp_path / "beside_faulty.py").write_text("from torch import nn\nnet = nn.Identity\n")
    paths = list(sys.path)
    assert isinstance(load_teacher("faulty_networks:later"), torch.nn.Identity)
    assert sys.path == paths
    sys.modules.pop("faulty_networks")


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
