"""Students together: their features land at their filters, missing parts are filled, and files give them back."""

from __future__ import annotations

import json
import sys

import pytest
import torch

from rocoin_opt.errors import InputError
from rocoin_opt.profiling.ensemble import DESCRIPTION, WEIGHTS, Ensemble, PartStudent, Recipe
from rocoin_opt.profiling.networks import wide_resnet
from rocoin_opt.profiling.specifications import own_networks

SMALL = Recipe(network="wrn-10-1", in_channels=1, stem_stride=2, num_filters=3)
PARTS = ((0, 3, 5), (2,), (1, 4))
IMAGES = torch.randn(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def ensemble() -> Ensemble:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = Ensemble([SMALL, SMALL, SMALL], PARTS, 4).eval()
    made.feature_means.copy_(torch.arange(6.0))
    return made


def test_features_stand_at_their_filters(ensemble):
    features = ensemble.features(IMAGES)
    assert features.shape == (6, 6)
    for part, student in zip(PARTS, ensemble.students, strict=True):
        assert torch.equal(features[:, list(part)], student(IMAGES))


def test_a_bridge_is_there_only_where_widths_differ(ensemble):
    assert isinstance(ensemble.students[0].bridge, torch.nn.Identity)
    assert ensemble.students[1].bridge.out_features == 1
    # The bridge after the mean is the 1 x 1 convolution before it.
    bridge, network = ensemble.students[2].bridge, ensemble.students[2].network
    maps = network.features(IMAGES)
    convolved = torch.nn.functional.conv2d(maps, bridge.weight[:, :, None, None], bridge.bias).mean((2, 3))
    assert torch.allclose(ensemble.students[2](IMAGES), convolved, atol=1e-6)


@pytest.mark.parametrize(("fill", "stand_in"), [("zero", [0.0, 0.0]), ("mean", [1.0, 4.0])])
def test_missing_parts_are_filled(ensemble, fill, stand_in):
    answers = [student(IMAGES) for student in ensemble.students]
    features = ensemble.joined([answers[0], answers[1], None], fill)
    assert torch.equal(features[:, [1, 4]], torch.tensor([stand_in] * 6))
    assert torch.equal(features[:, [0, 3, 5]], answers[0])
    expected = ensemble.head(features)
    assert torch.equal(ensemble(IMAGES, (0, 1), fill), expected)
    assert torch.equal(ensemble.logits(ensemble.features(IMAGES), {0, 1}, fill), expected)


def test_all_parts_count_where_nothing_is_said(ensemble):
    assert torch.equal(ensemble(IMAGES), ensemble(IMAGES, (0, 1, 2)))
    assert not torch.equal(ensemble(IMAGES), ensemble(IMAGES, (0, 1)))
    with pytest.raises(InputError, match="one of zero, mean"):
        ensemble(IMAGES, (0,), "median")


def test_files_give_the_same_students_back(ensemble, tmp_path):
    ensemble.save(tmp_path / "students")
    again = Ensemble.load(tmp_path / "students")
    assert not again.training
    assert again.parts == ensemble.parts
    assert again.recipes == ensemble.recipes
    for arrived in (None, (1,), ()):
        assert torch.equal(again(IMAGES, arrived, "mean"), ensemble(IMAGES, arrived, "mean"))


def test_networks_of_ones_own(tmp_path):
    def tiny(**arguments):
        return wide_resnet(10, 1, **{**arguments, "num_filters": 2})

    recipe, own = Recipe(network="tiny", in_channels=1), {"tiny": tiny}
    ensemble = Ensemble([recipe], [(0, 1, 2)], 2, own=own).eval()
    assert ensemble.students[0].network.num_filters == 2
    ensemble.save(tmp_path)
    with pytest.raises(InputError, match="network"):
        Ensemble.load(tmp_path)
    assert torch.equal(Ensemble.load(tmp_path, own=own)(IMAGES), ensemble(IMAGES))


@pytest.mark.parametrize("parts", [((0, 1), (1,)), ((0, 2),), ((0,), ()), ((-1, 0),)])
def test_parts_that_are_no_partition_are_refused(parts):
    with pytest.raises(InputError, match="every filter from 0 once"):
        Ensemble([SMALL] * len(parts), parts, 2)


def test_every_part_needs_a_recipe():
    with pytest.raises(InputError, match="1 for 3 parts"):
        Ensemble([SMALL], PARTS, 2)


def test_names_of_classes_are_kept_and_others_refused(tmp_path):
    made = Ensemble([SMALL] * len(PARTS), PARTS, 2, classes=("cat", "dog"))
    made.save(tmp_path)
    found = Ensemble.load(tmp_path)
    assert found.classes == ("cat", "dog")
    for classes in ((), ("cat",), ("cat", "dog")):
        found.require_classes(2, classes, "--data")
    with pytest.raises(InputError, match="--data: class 1: found 'fox'; allowed: 'dog'"):
        found.require_classes(2, ("cat", "fox"), "--data")
    with pytest.raises(InputError, match="found 3 classes; allowed: 2"):
        found.require_classes(3, (), "--data")
    with pytest.raises(InputError, match="1 names for 2 classes"):
        Ensemble([SMALL] * len(PARTS), PARTS, 2, classes=("cat",))


def test_damaged_folders_are_refused(ensemble, tmp_path):
    with pytest.raises(InputError, match="no such file"):
        Ensemble.load(tmp_path)
    ensemble.save(tmp_path)
    document = json.loads((tmp_path / DESCRIPTION).read_text())
    (tmp_path / DESCRIPTION).write_text(json.dumps(document | {"num_classes": 7}))
    # The fault itself is told, not only that there is one.
    with pytest.raises(InputError, match=f"size mismatch for head.weight.*weights that fit {DESCRIPTION}"):
        Ensemble.load(tmp_path)
    (tmp_path / DESCRIPTION).write_text(json.dumps(document | {"surprise": 7}))
    with pytest.raises(InputError, match="surprise"):
        Ensemble.load(tmp_path)
    (tmp_path / DESCRIPTION).write_text(json.dumps(document))
    (tmp_path / WEIGHTS).write_bytes(b"nothing")
    with pytest.raises(InputError, match="a file of weights"):
        Ensemble.load(tmp_path)


def test_a_student_alone_makes_the_features_of_its_part():
    student = PartStudent(wide_resnet(10, 1, num_classes=0, in_channels=1), 5).eval()
    assert student(IMAGES).shape == (6, 5)


OWN_STUDENT = """
from torch import nn

def student(size):
    return nn.Sequential(nn.Conv2d(1, size, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())

def fixed(size):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 5))
"""


@pytest.fixture
def own_students(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "students_of_ones_own.py").write_text(OWN_STUDENT)
    yield "students_of_ones_own"
    sys.modules.pop("students_of_ones_own", None)


def own_ensemble(name: str) -> Ensemble:
    recipes = [Recipe(network=name, num_filters=len(part)) for part in PARTS]
    return Ensemble(recipes, PARTS, 4, own=own_networks([name])).eval()


def test_plain_modules_are_students_and_come_back_from_files(tmp_path, own_students):
    name = f"{own_students}:student"
    made = own_ensemble(name)
    assert made.features(IMAGES).shape == (6, 6)
    made.save(tmp_path / "saved")
    assert torch.equal(Ensemble.load(tmp_path / "saved", own=own_networks([name]))(IMAGES), made(IMAGES))


def test_no_file_alone_makes_code_run(tmp_path, own_students):
    own_ensemble(f"{own_students}:student").save(tmp_path / "saved")
    del sys.modules[own_students]
    with pytest.raises(InputError, match=f"whose code would be run; allowed: .*--own {own_students}:student"):
        Ensemble.load(tmp_path / "saved")
    assert own_students not in sys.modules


def test_students_of_another_width_are_refused(own_students):
    with pytest.raises(InputError, match="6 x 5 for 6 images; allowed: 6 x 3"):
        own_ensemble(f"{own_students}:fixed")(IMAGES)
