"""Networks of a user go the whole way by commands: train, profile, solve, distil, accuracy."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from rocoin_opt.instance.files import read_instance
from rocoin_opt.plan.files import read_plan
from rocoin_opt.profiling.accuracy import accuracy_under_failure
from rocoin_opt.profiling.ensemble import Ensemble
from rocoin_opt.profiling.images.datasets import load_dataset
from rocoin_opt.profiling.networks import wide_resnet
from rocoin_opt.profiling.specifications import own_networks

# Networks of a few thousand FLOP look like a fault of units.
pytestmark = pytest.mark.filterwarnings("ignore::rocoin_opt.errors.UnitWarning")
DEVICES = {
    "format": "rocoin-opt/devices",
    "version": 1,
    "devices": [
        {
            "id": "board",
            "count": 5,
            "flops_per_second": 1e9,
            "memory_bytes": 4e6,
            "uplink_bits_per_second": 1e6,
            "failure_probability": 0.1,
        }
    ],
    "requirements": {"min_groups": 2, "max_groups": 2, "max_group_outage": 0.02, "deadline_seconds": 1.0},
}
OWN = """
from torch import nn
from own_networks import Recurrent, ResNet, ViT

def resnet():
    return ResNet((4, 8), 1, classes=3, channels=3, large_stem=False)

def vit():
    return ViT(8, 4, 12, 1, 2, classes=3, channels=3)

def gru():
    return nn.Sequential(nn.Conv2d(3, 1, 1), nn.Dropout(0.1), Recurrent(width=8, hidden=10, layers=1, classes=3))

def flat():
    # Relies on the usual order of memory.
    class Flat(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.hidden, self.head = nn.Conv2d(3, 4, 3), nn.Linear(144, 10), nn.Linear(10, 3)

        def forward(self, x):
            return self.head(self.hidden(self.conv(x).view(len(x), -1)).relu())

    return Flat()

def student(size):
    return nn.Sequential(nn.Flatten(), nn.Linear(192, 16), nn.ReLU(), nn.Linear(16, size))

def many():
    return nn.Sequential(nn.Flatten(), nn.Linear(192, 1000))

def fails():
    class Fails(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(192, 3)

        def forward(self, x):
            if self.training:
                raise ValueError("not today")
            return self.layer(x.flatten(1))

    return Fails()
"""


def pictures(count, seed):
    """The class is which third is bright, and in which colour."""
    labels = np.arange(count) % 3
    images = np.random.default_rng(seed).integers(0, 80, (count, 8, 8, 3), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[:, 3 * label - (label > 0) : 3 * label + 2, label] += 150
    return images, labels


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("networks")
    (folder / "devices.json").write_text(json.dumps(DEVICES))
    (folder / "own_steps.py").write_text(OWN)
    arrays = {}
    for part, count in (("train", 72), ("test", 24)):
        images, labels = pictures(count, count)
        arrays |= {f"x_{part}": images, f"y_{part}": labels}
        for number, (image, label) in enumerate(zip(images, labels, strict=True)):
            place = folder / "pictures" / part / "abc"[label]
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(place / f"{number}.png")
    np.savez(folder / "own.npz", **arrays)
    return folder


@pytest.fixture
def folder(files, monkeypatch, tmp_path):
    for name in ("devices.json", "own_steps.py", "own.npz", "pictures"):
        (tmp_path / name).symlink_to(files / name)
    monkeypatch.chdir(tmp_path)
    threads = torch.get_num_threads()
    yield tmp_path
    torch.set_num_threads(threads)
    sys.modules.pop("own_steps", None)


QUICK = ("--epochs", 4, "--batch-size", 12, "--device", "cpu", "--threads", 1)


def done(result):
    status, out, err = result
    assert status == 0, err
    return out


@pytest.mark.parametrize(
    ("network", "data", "student", "rates"),
    [
        pytest.param("resnet", "pictures", "wrn-10-1", (0.1, 0.02), marks=pytest.mark.slow),
        pytest.param("vit", "own.npz", "own_steps:student", (0.02, 0.02), marks=pytest.mark.slow),
        pytest.param("gru", "pictures", "own_steps:student", (0.05, 0.02), marks=pytest.mark.slow),
        pytest.param("flat", "own.npz", "own_steps:student", (0.02, 0.005), marks=pytest.mark.slow),
    ],
)
def test_a_network_of_a_user_goes_the_whole_way(run, folder, network, data, student, rates):
    own = ("--own", student) if ":" in student else ()
    sizes = () if own else ("--stem-stride", 2)
    teacher = f"own_steps:{network}"
    out = done(
        run("train", teacher, "--data", data, "--out", "t.pt", *QUICK, "--learning-rate", rates[0], "--shift", 1)
    )
    assert "on 24 test images" in out
    assert out.rstrip().endswith("written: t.pt")
    made = ("--weights", "t.pt", "--data", data)
    rest = ("--students", student, "--devices", "devices.json", "--rectify", "--part", "train", "--out", "i.json")
    done(run("profile", teacher, *made, *rest, "--capacity", f"{student}=99", *sizes))
    instance = read_instance("i.json")
    assert "layer input of " in instance.source
    done(run("solve", "i.json", "--out", "p.json", "--criterion", "resilient", "--latency-only"))
    options = ("--teacher", teacher, *made, *own, *sizes, *QUICK, "--learning-rate", rates[1], "--part-dropout", 0.1)
    status, out, err = run("distil", "i.json", "p.json", *options, "--out", "students")
    assert (status, " takes " in err, "2 students of" in out) == (0, False, True), err
    measured = ("accuracy", "i.json", "p.json", "--students", "students", "--data", data, *own, "--device", "cpu")
    shown = json.loads(done(run(*measured, "--json", "--out", "table.csv")))
    plan, images = read_plan("p.json", instance), load_dataset(data)
    students = Ensemble.load("students", own=own_networks([student] if own else []))
    assert (students.scaling, images.scaling.means) == (images.scaling, students.scaling.means)
    expected = accuracy_under_failure(students, images.test, instance, plan)
    assert shown["all_parts"] == expected.table.all_parts
    assert shown["expected_accuracy"] == pytest.approx(expected.expected)
    assert shown["without_each"] == list(expected.table.without_each)
    assert len((folder / "table.csv").read_text().splitlines()) == 1 + 4
    # Better than chance, which is a third: it was learnt from this teacher, and on these images.
    assert shown["all_parts"] > 0.5
    words = done(run(*measured, "--fill", "mean", "--part", "validation"))
    assert "part 1" in words
    assert "means over the training images replace" in words


@pytest.mark.slow
def test_the_files_for_the_boards_answer_as_the_students(run, folder):
    teacher, own, student = "own_steps:vit", ("--own", "own_steps:student"), "own_steps:student"
    once = ("--epochs", 1, "--batch-size", 24, "--device", "cpu", "--threads", 1)
    done(run("train", teacher, "--data", "pictures", "--out", "t.pt", *once))
    made = ("--weights", "t.pt", "--data", "pictures")
    rest = ("--devices", "devices.json", "--rectify", "--out", "i.json", "--capacity", f"{student}=12")
    done(run("profile", teacher, *made, "--students", student, *rest))
    assert read_instance("i.json").knowledge.num_filters == 12
    done(run("solve", "i.json", "--out", "p.json", "--criterion", "cut", "--latency-only"))
    rate = ("--learning-rate", 0.01)
    done(run("distil", "i.json", "p.json", "--teacher", teacher, *made, *own, *once, *rate, "--out", "students"))
    measured = ("--students", "students", "--data", "pictures", *own)
    shown = json.loads(done(run("accuracy", "i.json", "p.json", *measured, "--device", "cpu", "--json")))
    done(run("export", "p.json", *measured, "--images-out", "test.npz", "--out", "deploy", "--instance", "i.json"))
    ran = subprocess.run(
        [sys.executable, "deploy/source.py", "test.npz", "--table"], capture_output=True, text=True, check=True
    )
    accuracies = [float(line.split()[-5].strip(",")) for line in ran.stdout.splitlines()[1:]]
    assert accuracies == pytest.approx([shown["all_parts"], *shown["without_each"]], abs=1e-6)
    assert json.loads((folder / "deploy" / "manifest.json").read_text())["classes"] == ["a", "b", "c"]


def trained(run, *options, out="t.pt"):
    return run("train", "own_steps:gru", "--data", "own.npz", "--out", out, *QUICK, *options)


def test_a_training_goes_on_where_it_was_and_is_the_same(run, folder):
    first = done(trained(run))
    before = (folder / "t.pt").read_bytes()
    assert done(trained(run)) == first
    assert (folder / "t.pt").read_bytes() == before
    done(trained(run, "--epochs", 2, out="other.pt"))
    status, _, err = trained(run, "--seed", 1)
    assert (status, "a checkpoint of another training" in err) == (2, True)
    assert "no such file: another --out, and to start from these weights train --weights t.pt" in err
    # What dropout draws hangs on the seed alone.
    torch.rand(7)
    assert done(trained(run, out="again.pt")) == first.replace("t.pt", "again.pt")
    states = [torch.load(folder / name, weights_only=True)["module"] for name in ("t.pt", "again.pt")]
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def test_every_option_of_a_training_changes_its_weights(run, folder):
    done(trained(run, "--epochs", 1))
    for options in (
        *(("--flip",), ("--shift", 1), ("--weight-decay", 0.1), ("--normalise", "unit"), ("--learning-rate", 0.05)),
    ):
        status, _, err = trained(run, "--epochs", 1, *options)
        assert (status, "a checkpoint of another training" in err) == (2, True), options


@pytest.mark.parametrize(("rate", "is_told"), [(1e-9, True), (0.05, False)])
def test_a_network_that_learnt_little_is_told_with_what_to_try(run, folder, rate, is_told):
    status, _, err = trained(run, "--learning-rate", rate)
    assert (status, "which is little: try a lower --learning-rate, more --epochs" in err) == (0, is_told), err


def test_a_training_begins_with_given_weights(run, folder):
    done(trained(run))
    done(trained(run, "--weights", "t.pt", "--epochs", 1, "--learning-rate", 1e-9, out="next.pt"))
    first, second = (torch.load(folder / name, weights_only=True)["module"] for name in ("t.pt", "next.pt"))
    assert all(torch.allclose(first[key], second[key], atol=1e-4) for key in first if "running" not in key)
    # A checkpoint is of the weights that it began with, too.
    status, _, err = trained(run, "--epochs", 1, "--learning-rate", 1e-9, out="next.pt")
    assert (status, "a checkpoint of another training" in err) == (2, True)
    status, _, err = trained(run, "--weights", "t.pt")
    assert (status, "another file for the result" in err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("own_steps:many",), "shape (2, 1000) for 2 images; allowed: one tensor of shape (2, 3)"),
        (("own_steps:fails",), "ValueError: not today (own_steps.py"),
        (("own_steps:none",), "module:callable"),
        (("wrn-11-1",), "depth: found 11"),
        (("own_steps:gru", "--data", "nowhere"), "data: found 'nowhere'"),
        (("own_steps:gru", "--normalise", "half"), "normalise: found 'half'"),
        (("own_steps:gru", "--image-size", "8by8"), "--image-size: found '8by8'"),
        (("own_steps:gru", "--labels", "middle"), "labels: found 'middle'"),
        (("own_steps:gru", "--epochs", 0), "epochs: found 0"),
        (("own_steps:gru", "--out", "no/such/t.pt"), "no/such/t.pt"),
        (("own_steps:gru", "--device", "tpu"), "auto, cpu or cuda"),
        (("own_steps:gru", "--weights", "none.pt"), "--weights: found 'none.pt': No such file or directory; allowed"),
        (("own_steps:gru", "--weights", "own_steps.py"), "own_steps.py: found no weights, or a pickle"),
        (("nowhere:net",), "ModuleNotFoundError: No module named 'nowhere'; allowed: module:callable"),
    ],
)
def test_faults_of_a_training_are_named(run, folder, arguments, message):
    given = {"--data": "own.npz", "--out": "t.pt", **dict(zip(arguments[1::2], arguments[2::2], strict=True))}
    status, _, err = run("train", arguments[0], *(text for pair in given.items() for text in pair), "--threads", 1)
    assert (status, message in err) == (2, True), err
    assert not (folder / "t.pt").exists()


MADE = ("t.pt", "i.json", "i.npz", "p.json", "known.pt")


@pytest.fixture
def planned(run, folder, files):
    """Files of a teacher, an instance and a plan; and of a known network that nobody has trained."""
    if (files / MADE[-1]).exists():
        for name in MADE:
            shutil.copy(files / name, name)
        return folder
    done(run("train", "own_steps:vit", "--data", "own.npz", "--out", "t.pt", *QUICK, "--learning-rate", 0.02))
    made = ("--weights", "t.pt", "--data", "own.npz", "--students", "own_steps:student", "--rectify")
    size = ("--capacity", "own_steps:student=99")
    done(run("profile", "own_steps:vit", *made, *size, "--devices", "devices.json", "--out", "i.json"))
    done(run("solve", "i.json", "--out", "p.json", "--latency-only"))
    torch.save(wide_resnet(10, 1, num_classes=3).state_dict(), "known.pt")
    for name in MADE:
        shutil.copy(name, files / name)
    return folder


OWN_STUDENT = ("--own", "own_steps:student")


def test_images_of_more_classes_than_the_teacher_knows_are_refused(run, planned):
    with np.load("own.npz") as file:
        given = dict(file)
    np.savez("more.npz", **{**given, "y_train": given["y_train"] + 1, "y_test": given["y_test"] + 1})
    made = ("--weights", "t.pt", "--data", "more.npz", "--students", "own_steps:student", "--devices", "devices.json")
    status, _, err = run("profile", "own_steps:vit", *made, "--rectify", "--out", "other.json")
    assert (status, "--data: found 4 classes; allowed: 3, those of the teacher" in err) == (2, True), err
    assert not (planned / "other.json").exists()


def test_faults_of_distil_are_named(run, planned):
    known = ("--teacher", "own_steps:vit", "--weights", "t.pt", "--data", "own.npz", "--out", "students")
    for options, message in (
        ((), "'own_steps:student', whose code would be run; allowed: a network by name; or say that it may run: --own"),
        ((*OWN_STUDENT, "--classifier", "nose"), "no linear layer 'nose'; allowed: a linear layer that classifies: "),
        ((*OWN_STUDENT, "--part-dropout", 1), "part_dropout: found 1.0"),
        ((*OWN_STUDENT, "--temperature", 0), "temperature: found 0.0"),
        ((*OWN_STUDENT, "--feature-weight", 0, "--logit-weight", 0), "not both 0"),
        ((*OWN_STUDENT, "--weights", "none.pt"), "none.pt"),
        ((*OWN_STUDENT, "--teacher", "wrn-10-1", "--weights", "known.pt"), "the 64 filters of the teacher"),
        (
            (*OWN_STUDENT, "--teacher", "wrn-10-1", "--weights", "known.pt", "--classifier", "head"),
            "this network's classifier is known",
        ),
    ):
        status, _, err = run("distil", "i.json", "p.json", *known, *QUICK, *options)
        assert (status, message in err) == (2, True), err


def test_faults_of_accuracy_are_named(run, planned):
    known = ("--teacher", "own_steps:vit", "--weights", "t.pt", "--data", "own.npz", "--out", "students")
    done(run("distil", "i.json", "p.json", *known, *QUICK, *OWN_STUDENT, "--epochs", 1, "--learning-rate", 0.001))
    with np.load("own.npz") as file:
        other = dict(file)
    np.savez("more.npz", **{**other, "y_train": other["y_train"] + 1, "y_test": other["y_test"] + 1})
    measured = ("accuracy", "i.json", "p.json", *OWN_STUDENT)
    for options, message in (
        (("--students", "nowhere", "--data", "own.npz"), "nowhere"),
        (("--students", "students", "--data", "own.npz", "--out", "table.txt"), "found the ending '.txt'"),
        (("--students", "students", "--data", "own.npz", "--fill", "median"), "one of zero, mean"),
        (("--students", "students", "--data", "own.npz", "--part", "dev"), "part: found 'dev'"),
        (("--students", "students", "--data", "more.npz"), "--data: found 4 classes; allowed: 3"),
        (("--students", "students", "--data", "own.npz", "--deadline", -1), "deadline"),
    ):
        status, _, err = run(*measured, *options)
        assert (status, message in err) == (2, True), err
    status, _, err = run("accuracy", "i.json", "p.json", "--students", "students", "--data", "own.npz")
    assert (status, "--own own_steps:student" in err) == (2, True)


@pytest.mark.slow
def test_students_of_another_stem_are_told(run, planned):
    made = ("--weights", "t.pt", "--data", "own.npz", "--students", "mobilenet-0.25", "--stem-stride", 2)
    done(run("profile", "own_steps:vit", *made, "--rectify", "--devices", "devices.json", "--out", "i.json"))
    done(run("solve", "i.json", "--out", "p.json", "--latency-only"))
    known = ("distil", "i.json", "p.json", "--teacher", "own_steps:vit", "--weights", "t.pt", "--data", "own.npz")
    for options, told in ((("--stem-stride", 2), False), ((), True)):
        status, _, err = run(*known, "--out", f"students-{told}", *QUICK, *options, "--epochs", 1)
        assert (status, "warning: mobilenet-0.25 takes" in err) == (0, told), err
