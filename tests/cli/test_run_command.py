"""The command ``run``: what it shows, what it writes, and what every option changes."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import torch

import rocoin_opt as ro
from executed_plans import fleet
from rocoin_opt.cli import options
from rocoin_opt.cli.commands.networks.run import run as run_command
from rocoin_opt.documents import readable_json
from rocoin_opt.plan.files import plan_document
from rocoin_opt.profiling.ensemble import Ensemble, Recipe
from rocoin_opt.profiling.execution import plot
from rocoin_opt.profiling.specifications import own_networks


@pytest.fixture
def files(tmp_path):
    instance, plan = fleet([[0.06, 0.09], [0.06]], failure_probability=0.2)
    ro.write_instance(tmp_path / "i.json", instance)
    (tmp_path / "p.json").write_text(readable_json(plan_document(instance, plan, None)))
    return tmp_path / "i.json", tmp_path / "p.json"


def test_the_command_is_registered(run):
    status, out, _ = run("run", "--help")
    assert status == 0
    for option in (
        "--students",
        "--data",
        "--requests",
        "--seed",
        "--time-scale",
        "--deadline",
        "--plot",
        "--log",
        "--json",
    ):
        assert option in out


def test_it_shows_measured_beside_predicted(run, files, tmp_path):
    picture = tmp_path / "run.svg"
    status, out, err = run("run", *files, "--requests", 4, "--deadline", 0.3, "--seed", 5, "--quiet", "--plot", picture)
    assert (status, err) == (0, "")
    for text in ("4 requests, deadline 300 ms", "mean of min(X, D)", "95 % quantile", "success by D", "band 0.679"):
        assert text in out
    assert picture.stat().st_size > 1000


@pytest.mark.slow
def test_options_reach_the_run(run, files):
    status, out, _ = run("run", *files, "--requests", 6, "--seed", 3, "--deadline", 0.25, "--time-scale", 0.9, "--json")
    found = json.loads(out)
    assert status == 0
    assert (found["requests"], found["seed"], found["deadline_seconds"], found["time_scale"]) == (6, 3, 0.25, 0.9)
    instance = ro.read_instance(files[0])
    law = ro.latency_distribution(instance, ro.read_plan(files[1], instance))
    assert found["expected_seconds"]["predicted"] == pytest.approx(law.expected(0.25))
    simulated = ro.simulate(instance, ro.read_plan(files[1], instance), 6, seed=3, deadline=0.25)
    assert found["expected_seconds"]["due"] == pytest.approx(simulated.expected.value)


OWN = """
from torch import nn

def student(size):
    return nn.Sequential(nn.Conv2d(1, size, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())

class Fails(nn.Sequential):
    def forward(self, images):
        if images.max() > self.limit:
            raise ValueError("a bright image")
        return super().forward(images)

def fails(size):
    made = Fails(*student(size))
    made.limit = 0.5
    return made
"""


@pytest.mark.slow
@pytest.mark.parametrize("network", ["wrn-10-1", "students_to_run:student"])
def test_students_classify(run, tmp_path, monkeypatch, network):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "students_to_run.py").write_text(OWN)
    own = [network] if ":" in network else []
    instance, plan = fleet([[0.2]])
    ro.write_instance(tmp_path / "i.json", instance)
    (tmp_path / "p.json").write_text(readable_json(plan_document(instance, plan, None)))
    recipe = Recipe(network=network, in_channels=1, stem_stride=2, num_filters=2)
    ensemble = Ensemble([recipe], [(0, 1)], 3, own=own_networks(own)).eval()
    ensemble.save(tmp_path / "students")
    images = np.random.default_rng(0).standard_normal((2, 1, 8, 8)).astype(np.float32)
    with torch.inference_mode():
        labels = ensemble(torch.from_numpy(images)).argmax(1).numpy()
    # The first image gets its class, the second another; three requests see the first one twice.
    np.savez(tmp_path / "data.npz", images=images, labels=[labels[0], (labels[1] + 1) % 3])
    status, out, _ = run(
        *("run", tmp_path / "i.json", tmp_path / "p.json", "--students", tmp_path / "students"),
        *("--data", tmp_path / "data.npz", "--requests", 3),
        *(option for name in own for option in ("--own", name)),
    )
    sys.modules.pop("students_to_run", None)
    assert status == 0
    assert "accuracy of the answers by the deadline: 66.67 %" in out


@pytest.mark.parametrize("bright", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_students_that_fail_are_told_with_the_line_of_the_users_code(run, tmp_path, monkeypatch, bright):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "students_that_fail.py").write_text(OWN)
    instance, plan = fleet([[0.2]])
    ro.write_instance(tmp_path / "i.json", instance)
    ro.write_plan(tmp_path / "p.json", instance, plan)
    recipe = Recipe(network="students_that_fail:fails", in_channels=1, num_filters=2)
    own = ("--own", "students_that_fail:fails")
    Ensemble([recipe], [(0, 1)], 3, own=own_networks(own[1:])).save(tmp_path / "students")
    images = np.zeros((2, 1, 8, 8), dtype=np.float32)
    images[bright] = 1.0
    np.savez(tmp_path / "data.npz", images=images, labels=[0, 1])
    given = ("--students", "students", *own, "--data", "data.npz", "--requests", 3)
    status, out, err = run("run", "i.json", "p.json", *given)
    sys.modules.pop("students_that_fail", None)
    assert (status, out) == (2, "")
    # The first image is tried before anything runs.
    assert ("device g0r0, request 1: " in err) == bool(bright)
    assert "ValueError: a bright image (students_that_fail.py, line 10)" in err
    assert "Traceback" not in err


def test_images_of_classes_that_the_students_do_not_know_are_refused(run, files, tmp_path):
    recipes = [Recipe(network="wrn-10-1", in_channels=1, stem_stride=2, num_filters=2)] * 2
    Ensemble(recipes, [(0, 1), (2, 3)], 3).save(tmp_path / "students")
    np.savez(tmp_path / "data.npz", images=np.zeros((1, 8, 8)), labels=[3])
    status, _, err = run("run", *files, "--students", tmp_path / "students", "--data", tmp_path / "data.npz")
    assert (status, "--data: found 4 classes; allowed: 3" in err) == (2, True)


def test_what_is_missing_is_told_before_anything_runs(run, files, tmp_path, monkeypatch):
    status, _, err = run("run", *files, "--plot", tmp_path / "run.txt")
    assert (status, ".png or .svg" in err) == (2, True)
    assert run("run", *files, "--time-scale", 0)[0] == 2
    for requests in (-2, 0, 10**12):
        # Before so many images are picked.
        status, _, err = run("run", *files, "--requests", requests, "--students", tmp_path)
        assert (status, f"requests: found {requests};" in err) == (2, True)
    monkeypatch.setattr(plot, "find_spec", lambda _: None)
    assert "Matplotlib" in run("run", *files, "--plot", tmp_path / "run.png")[2]
    monkeypatch.setattr(options, "find_spec", lambda _: None)
    assert "PyTorch" in run("run", *files, "--students", tmp_path)[2]


def test_remarks_tell_what_disturbs(files, monkeypatch, capsys):
    from dataclasses import replace

    from rocoin_opt.profiling.execution import run as module
    from rocoin_opt.profiling.execution.schedule import Schedule

    instance = ro.read_instance(files[0])
    plan = ro.read_plan(files[1], instance)
    schedule = Schedule.draw(instance, plan, 400, 0)
    slow = module.Execution(schedule.seconds * 1.5, None, schedule, 30.0, 1.0, 0, 7, ("g0r1",))
    monkeypatch.setattr("rocoin_opt.profiling.execute", lambda *_, **__: replace(slow, needed_time_scale=2.317))
    run_command(*files)
    out = capsys.readouterr().out
    assert "OUTSIDE of the 95 % band" in out
    assert "7 first answers came late" in out
    assert "take --time-scale 2.4 or more" in out
    assert "processes that ended during the run: g0r1" in out
