"""The command profile: from weights, images, students and devices to an instance that solves."""

from __future__ import annotations

import json
import re
import sys

import pytest
import torch

from rocoin_opt.instance.files import read_instance
from rocoin_opt.profiling.activations import activation_graph, batched
from rocoin_opt.profiling.images.labelled_images import labelled_images
from rocoin_opt.profiling.networks import wide_resnet
from rocoin_opt.wording import engineering

DEVICES = {
    "format": "rocoin-opt/devices",
    "version": 1,
    "boards": [
        {"id": "h7", "board": "h7a3-float32", "link": "ble-1m", "failure_probability": 0.05, "count": 4},
        {"id": "psoc", "board": "cy8c-float32", "link": "ble-1m", "failure_probability": 0.1, "count": 2},
    ],
    "requirements": {"max_groups": 2, "max_group_outage": 0.02},
}
OWN = """
from torch import nn

def teacher():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 12), nn.Tanh())

def student(size):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, size))
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "devices.json").write_text(json.dumps(DEVICES))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        teacher = wide_resnet(10, 1, in_channels=1, stem_stride=2)
    torch.save(teacher.state_dict(), tmp_path / "t.pt")
    (tmp_path / "own_profiled.py").write_text(OWN)
    yield tmp_path
    sys.modules.pop("own_profiled", None)


KNOWN = [
    "profile",
    "wrn-10-1",
    "--weights",
    "t.pt",
    "--stem-stride",
    2,
    "--data",
    "digits",
    "--devices",
    "devices.json",
]


def profiled(run, *options, students="wrn-10-1,mobilenet-0.25"):
    own = () if "--students" in options else ("--students", students)
    return run(*KNOWN, *own, "--out", "i.json", *options)


@pytest.mark.slow
def test_the_instance_is_written_and_solves(run, folder):
    status, out, err = profiled(run)
    assert (status, err) == (0, "")
    instance = read_instance("i.json")
    assert f"{instance.name}: 6 devices, 2 students, 64 filters, 10 classes, 120 images" in out
    assert out.rstrip().endswith("written: i.json, i.npz")
    assert [student.id for student in instance.students] == ["wrn-10-1", "mobilenet-0.25"]
    for student in instance.students:
        row = next(line for line in out.splitlines() if line.startswith(student.id))
        assert row.split()[1:4] == [str(student.max_filters), *engineering(student.flops, "FLOP").split()]
    assert "weights t.pt (sha256 " in instance.source
    assert "validation part" in instance.source
    status, out, _ = run("solve", "i.json")
    assert status == 0
    assert "optimal" in out


@pytest.mark.slow
def test_options_reach_the_instance(run, folder):
    status, out, _ = profiled(
        run,
        *("--part", "test", "--top-k", 8, "--batch-size", 50, "--bits-per-filter", 512, "--name", "other"),
        *("--capacity", "wrn-10-1=40, mobilenet-0.25=30", "--repeats", 2, "--threads", 1, "--layer", "body.5"),
    )
    instance = read_instance("i.json")
    assert status == 0
    assert instance.name == "other"
    assert instance.knowledge.bits_per_filter == 512
    assert [student.max_filters for student in instance.students] == [40, 30]
    assert "layer body.5" in instance.source
    assert "the 8 most active filters" in instance.source
    assert "test part" in instance.source
    assert "here, largest part" in out
    assert re.search(r" [mµ]s \(", out)
    teacher = wide_resnet(10, 1, in_channels=1, stem_stride=2)
    teacher.load_state_dict(torch.load("t.pt", weights_only=True))
    images = labelled_images("digits", "test")
    expected = activation_graph(teacher, "body", batched(images.images, images.labels, 50), top_k=8)
    assert instance.knowledge.graph.dense(64) == pytest.approx(expected.weights, rel=1e-6)


@pytest.mark.slow
def test_own_networks_and_precision(run, folder):
    content = {**DEVICES, "boards": [{**DEVICES["boards"][0], "board": "h7a3"}]}
    (folder / "devices.json").write_text(json.dumps(content))
    own = ("profile", "own_profiled:teacher", "--students", "own_profiled:student", "--data", "digits")
    rest = ("--devices", "devices.json", "--out", "own.json", "--precision", 8)
    status, _, err = run(*own, *rest)
    # Its classifier reads pixels, of which some are negative.
    assert (status, "layer 'input of 1': found the activation" in err) == (2, True)
    status, _, err = run(*own, *rest, "--layer", "2", "--classifier", "1")
    assert (status, "--classifier: found '1'; allowed: nothing beside --layer" in err) == (2, True)
    status, _, err = run(*own, *rest, "--layer", "2")
    assert (status, "or --rectify" in err) == (2, True)
    status, _, _ = run(*own, *rest, "--layer", "2", "--rectify")
    assert status == 0
    instance = read_instance("own.json")
    assert (instance.knowledge.num_filters, instance.knowledge.bits_per_filter) == (12, 8)
    assert instance.students[0].flops_per_filter == 2 * 64
    assert instance.students[0].memory_bytes_per_filter == 64 + 1 + 1
    assert "teacher own_profiled:teacher, layer 2" in instance.source


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--layer", "nose"], "layer 'nose': found no such layer; allowed: body"),
        (["--capacity", "wrn-10-1"], "--capacity: found 'wrn-10-1'"),
        (["--capacity", "wrn-10-1=4,wrn-10-1=5"], "--capacity"),
        (["--capacity", "wrn-10-1=4"], "mobilenet-0.25: found nothing"),
        (["--part", "dev"], "part: found 'dev'"),
        (["--batch-size", 0], "batch_size"),
        (["--precision", 8], "measured in float32, for networks of 8 bits"),
        (["--devices", "none.json"], "none.json"),
        (["--weights", "none.pt"], "none.pt"),
        (["--stem-stride", 0], "stem_stride"),
        (["--data", "nothing"], "data: found 'nothing'"),
        (["--students", "wrn-11-1"], "depth: found 11"),
        (["--students", " ,"], "students"),
        (["--students", "resnet8,resnet8"], "resnet8"),
    ],
)
def test_faults_are_named_and_nothing_is_written(run, folder, options, message):
    status, out, err = profiled(run, *options)
    assert (status, out) == (2, "")
    assert message in err
    assert not (folder / "i.json").exists()


def test_without_pytorch_the_command_says_what_to_install(run, folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    status, _, err = profiled(run)
    assert status == 2
    assert "extra torch" in err


def test_measured_times_become_tables(run, folder):
    (folder / "t.csv").write_text("device,student,seconds\nh7,wrn-10-1,0.25\nh7,mobilenet-0.25,0.125\n")
    status, _, err = profiled(run, "--measured", "t.csv", "--host", "psoc-1", "--repeats", 2)
    assert (status, err) == (0, "")
    instance = read_instance("i.json")
    h7, (other, host) = instance.devices[:4], instance.devices[4:]
    assert all(device.compute_seconds == {"wrn-10-1": 0.25, "mobilenet-0.25": 0.125} for device in h7)
    assert all(device.flops_per_second is not None for device in instance.devices)
    assert h7[0].source.endswith("compute_seconds of wrn-10-1, mobilenet-0.25: measured, t.csv")
    assert other.compute_seconds is None
    assert list(host.compute_seconds) == ["wrn-10-1", "mobilenet-0.25"]
    assert all(taken.seconds + taken.seconds_per_filter > 0 for taken in host.compute_seconds.values())
    assert "measured on the profiling host (threads: 1, median of 2)" in host.source
    assert run("solve", "i.json")[0] == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--host", "psoc-1"], "repeats: found nothing; allowed: a number: hosts are to be measured"),
        (["--host", "nobody", "--repeats", 2], "nobody: found no such device; allowed: one of h7-0"),
        (["--measured", "t.csv"], "compute_seconds.h7.other: found no such student; allowed: one of wrn-10-1"),
    ],
)
def test_measured_times_of_nobody_are_refused(run, folder, options, message):
    (folder / "t.csv").write_text("device,student,seconds\nh7,other,0.25\n")
    status, _, err = profiled(run, *options)
    assert (status, message in err) == (2, True), err
