"""The command ``estimate``, from a log that ``run`` wrote to an instance to plan with."""

from __future__ import annotations

import json

import numpy as np
import pytest

import rocoin_opt as ro
from executed_plans import fleet
from rocoin_opt.documents import readable_json
from rocoin_opt.plan.files import plan_document


@pytest.fixture
def folder(tmp_path):
    instance, plan = fleet([[0.05, 0.07], [0.06]], failure_probability=0.2)
    ro.write_instance(tmp_path / "i.json", instance)
    (tmp_path / "p.json").write_text(readable_json(plan_document(instance, plan, None)))
    return tmp_path


def estimate(run, folder, *options):
    files = ("--devices", folder / "i.json", "--out", folder / "e.json")
    return run("estimate", folder / "log.csv", *files, *options)


@pytest.mark.slow
def test_the_circle_closes(run, folder):
    log, traces = folder / "log.csv", folder / "t.npz"
    asked = ("run", folder / "i.json", folder / "p.json", "--requests", 12, "--deadline", 0.3, "--seed", 1)
    status, _, err = run(*asked, "--log", log)
    assert (status, err) == (0, "")
    status, out, err = estimate(run, folder, "--traces", traces)
    assert (status, err) == (0, "")
    assert "traces of 12 requests on 3 devices" in out
    given, found = ro.read_instance(folder / "i.json"), ro.read_instance(folder / "e.json")
    assert found.students == given.students
    for before, after in zip(given.devices, found.devices, strict=True):
        assert after.uplink_bits_per_second == before.uplink_bits_per_second
        assert 0.2 < after.failure_probability < 1.0
        assert after.source is not None
        assert after.source.startswith("log.csv: ")
    result = ro.solve(found, "greedy")
    assert ro.check(found, result.plan) == ()
    status, out, _ = run("evaluate", folder / "i.json", folder / "p.json", "--trials", 1000, "--traces", traces)
    assert status == 0
    assert "12 measured requests" in out


def write_log(folder, requests):
    lines = [f"{number},{name},{number},{number + 0.1}" for number in range(requests) for name in ("g0r0", "g0r1")]
    (folder / "log.csv").write_text("request,device,sent_seconds,answered_seconds\n" + "\n".join(lines))


def test_options_change_what_is_written(run, folder):
    write_log(folder, 50)
    assert estimate(run, folder)[0] == 0
    limits = [device.failure_probability for device in ro.read_instance(folder / "e.json").devices]
    assert limits == pytest.approx([1 - 0.025 ** (1 / 50)] * 2 + [0.2])
    status, out, _ = estimate(run, folder, "--point", "--json")
    assert status == 0
    assert [one["failure_probability"] for one in json.loads(out)["devices"]] == [0.0, 0.0, 0.2]
    status, out, _ = estimate(run, folder, "--confidence", 0.5)
    assert "g1r0: not in the log" in out
    assert ro.read_instance(folder / "e.json").devices[0].failure_probability < limits[0]


def test_what_cannot_be_honoured_is_refused_before_anything_is_written(run, folder):
    write_log(folder, 3)
    log = folder / "log.csv"
    for options, told in (
        (("--laws", "all"), "--laws: found 'all'"),
        (("--confidence", 1), "confidence"),
        (("--seed", -1), "seed"),
        (("--traces", log), "a file that the command reads"),
    ):
        status, _, err = estimate(run, folder, *options)
        assert (status, told in err) == (2, True), err
    log.write_text(log.read_text().replace("2,g0r0", "2,g9"))
    status, _, err = estimate(run, folder)
    assert (status, 'log.csv: line 6, column device: found "g9"' in err) == (2, True), err
    # No request reached both devices.
    log.write_text("request,device,sent_seconds,answered_seconds\n1,g0r0,0,1\n2,g0r1,0,1\n")
    status, _, err = estimate(run, folder, "--traces", folder / "t.npz")
    assert (status, "every device of the log" in err) == (2, True), err
    assert not (folder / "e.json").exists()
    assert not np.any([file.suffix == ".npz" for file in folder.iterdir()])
