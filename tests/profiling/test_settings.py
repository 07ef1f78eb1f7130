"""Presets of the demonstration: every value can be given otherwise, and is felt."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError

import pytest
import torch

from image_files import stripes
from rocoin_opt import provenance
from rocoin_opt.errors import InputError
from rocoin_opt.instance import Fleet
from rocoin_opt.profiling.activations import batched
from rocoin_opt.profiling.experiment.fleets import fleet_of
from rocoin_opt.profiling.experiment.settings import OF_BOTH, PRESETS, preset
from rocoin_opt.profiling.instances import Origin, profile_instance
from rocoin_opt.profiling.networks import wide_resnet
from rocoin_opt.profiling.specifications import student_builder
from rocoin_opt.profiling.training import Training

OTHERS = {
    "batch_size": 7,
    "learning_rate": 0.3,
    "weight_decay": 0.02,
    "arithmetic": "bf16",
    "deterministic": True,
    "step": "eager",
    "seed": 9,
    "device": "cpu",
}


@pytest.mark.parametrize("name", PRESETS)
def test_every_value_of_a_preset_can_be_given_otherwise(name):
    given = preset(name)
    assert set(OTHERS) == set(OF_BOTH)
    for field, value in OTHERS.items():
        found = given.changed(**{field: value})
        assert getattr(found.training, field) == getattr(found.distillation.training, field) == value
    for field, value in (("epochs", 77), ("shift", 3), ("flip", not given.training.flip)):
        found = given.changed(**{field: value})
        assert getattr(found.training, field) == value
        assert found.distillation == given.distillation
    for field, value in (("epochs", 77), ("shift", 3), ("flip", not given.distillation.training.flip)):
        found = given.changed(**{f"student_{field}": value})
        assert getattr(found.distillation.training, field) == value
        assert found.training == given.training
    own = {"teacher": "resnet8", "students": ("resnet8",), "stem_stride": 4, "fleet": "f", "groups": 2}
    for field, value in own.items():
        assert getattr(given.changed(**{field: value}), field) == value != getattr(given, field)
    assert given.changed(epochs=None, fleet=None) == given


def test_what_is_out_of_range_is_refused():
    for call in (
        lambda: preset("magic"),
        lambda: preset("fast").changed(magic=1),
        lambda: preset("fast").changed(groups=0),
        lambda: preset("fast").changed(students=()),
        lambda: preset("fast").changed(teacher="wrn-11-1").require(),
        lambda: preset("fast").changed(fleet="no such file.json").require(),
        lambda: preset("fast").changed(epochs=0),
    ):
        with pytest.raises(InputError):
            call()


def test_fleets_are_boards_the_papers_or_a_file(tmp_path):
    boards, told = fleet_of("boards")
    assert (len(boards.devices), boards.requirements.max_groups) == (12, 4)
    assert told.startswith("demo_devices.json")
    paper, told = fleet_of("paper", 3)
    assert isinstance(paper, Fleet)
    assert len(paper.devices) == 8
    assert (paper.requirements.min_groups, paper.requirements.max_groups) == (3, 3)
    assert paper.requirements.deadline_seconds is None
    assert "2406.14185" in told
    device = {"id": "a", "flops_per_second": 1e6, "memory_bytes": 1e6, "uplink_bits_per_second": 1e3}
    path = tmp_path / "own.json"
    content = {"format": "rocoin-opt/devices", "version": 1, "devices": [{**device, "failure_probability": 0.1}]}
    path.write_text(json.dumps({**content, "requirements": {"max_group_outage": 0.2}}))
    assert fleet_of(str(path), 1)[1] == "own.json"


def test_options_of_a_command_come_before_the_preset(monkeypatch):
    from rocoin_opt.cli.network_options import preset_of, training_of

    assert preset_of(None) is None
    usual = preset_of("cifar").training
    assert training_of(None, usual, epochs=None, flip=None, shift=None) == usual
    changed = training_of(None, usual, epochs=2, flip=False, shift=0)
    assert (changed.epochs, changed.flip, changed.shift) == (2, False, 0)
    assert training_of(None, seed=3) == Training(seed=3)


def test_the_demonstration_refuses_what_cannot_be_before_any_work(run):
    for options, words in (
        (("--fast", "--preset", "cifar"), "--fast is --preset fast"),
        (("--preset", "cifar"), "the path of CIFAR-10"),
        (("--preset", "magic"), "fashion, cifar, fast"),
        (("--fast", "--teacher", "wrn-1-1"), "10, 16, 22"),
        (("--fast", "--step", "graph", "--device", "cpu", "--groups", "0"), "groups"),
    ):
        status, _, err = run("demo", *options)
        assert status == 2, options
        assert words in err, options


def test_versions_of_a_source_tree_that_nobody_installed(monkeypatch, repository):
    def absent(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(provenance, "version", absent)
    provenance.own_version.cache_clear()
    try:
        assert provenance.own_version().endswith("+source")
        monkeypatch.setattr(provenance, "__file__", str(repository / "tests" / "no" / "package" / "provenance.py"))
        provenance.own_version.cache_clear()
        assert provenance.own_version() == "unknown"
    finally:
        provenance.own_version.cache_clear()


def test_an_instance_is_profiled_where_it_is_told_and_the_teacher_left_as_it_was(monkeypatch):
    data, moved = stripes(), []
    teacher = wide_resnet(10, 1, num_classes=3, in_channels=1, stem_stride=2, num_filters=8).train()
    monkeypatch.setattr(teacher, "to", lambda device: moved.append(device) or teacher)
    builders = [student_builder("mobilenet-0.0625", in_channels=1, stem_stride=2)]
    batches = batched(data.validation.images, data.validation.labels)
    origin = Origin(teacher="t", data="d", devices="e")
    where = torch.device("cpu")
    profile_instance(teacher, "body", batches, builders, fleet_of("boards")[0], name="n", origin=origin, device=where)
    assert moved == [where, where]
    assert teacher.training
