"""The command ``demo``: its options, faults and progress. A whole run is in ``tests/profiling/test_demo.py``."""

from __future__ import annotations

import pytest

from rocoin_opt.cli import options
from rocoin_opt.cli.training_progress import showing_training
from rocoin_opt.profiling.experiment.settings import FULL
from rocoin_opt.profiling.training import Step


@pytest.mark.parametrize("seeds", ["", "a", "1,1", "-1", "2147483648"])
def test_seeds_that_are_none_are_refused(run, seeds, tmp_path):
    status, _, err = run("demo", "--fast", "--out", tmp_path, f"--seed={seeds}")
    assert status == 2
    assert "--seed" in err


def test_other_faults_of_options(run, tmp_path):
    assert "threads" in run("demo", "--fast", "--out", tmp_path, "--threads", "0")[2]
    assert "a folder of IDX files" in run("demo", "--data", tmp_path / "nowhere", "--out", tmp_path)[2]
    status, _, err = run("demo", "--fast", "--device", "tpu", "--out", tmp_path)
    assert status == 2
    assert "auto, cpu or cuda" in err


@pytest.mark.parametrize(("module", "package"), [("torch", "PyTorch"), ("sklearn", "scikit-learn")])
def test_without_the_extra_it_says_what_to_install(run, monkeypatch, module, package):
    found = options.find_spec
    monkeypatch.setattr(options, "find_spec", lambda name: None if name == module else found(name))
    status, _, err = run("demo", "--fast")
    assert status == 2
    assert f"demo needs {package}: install rocoin-opt with the extra torch" in err


def test_every_seed_is_run_with_the_chosen_settings(run, monkeypatch, tmp_path):
    told = []

    def fake(data, settings, seed, folder, *, device, report):
        told.append((data.name, settings, seed, folder, device))
        row = {
            "name": "exact",
            "method": "exact",
            "criterion": "ncut",
            "keeps_outage_limit": True,
            "sizes": [2, 1],
            "metrics": {
                "guaranteed_seconds": 0.5,
                "expected_seconds": 0.25,
                "success_probability": 0.9,
                "ncut": 1.0 + seed,
            },
            "evidence_left": 0.5,
            "all_parts": 0.5 + 0.1 * seed,
        }
        for fill in ("zero", "mean"):
            row[fill] = {"without_each": [0.25, 0.5], "expected_accuracy": 0.75}
        return {"seed": seed, "teacher_accuracy": 0.9, "rows": [row]}

    monkeypatch.setattr("rocoin_opt.profiling.run_demo", fake)
    status, out, _ = run("demo", "--data", "digits", "--out", tmp_path, "--seed", "0,2", "--device", "cpu")
    assert status == 0
    expected = [("digits", FULL.changed(device="cpu"), seed, tmp_path / f"seed-{seed}", "cpu") for seed in (0, 2)]
    assert told == expected
    assert "60.0 ± 14.1 %" in out
    assert "2.000 ± 1.414" in out
    assert "500 ms" in out
    assert "2, ncut" in out
    markdown = (tmp_path / "results.md").read_text()
    assert "| ncut | 2.000 ± 1.414 | 0.500 | 60.0 ± 14.1 % | 37.5 % | 25.0 % |" in markdown
    assert "Seeds: 0, 2." in markdown


def test_progress_is_plain_lines_where_there_is_no_terminal(capsys):
    with showing_training() as report:
        for done in range(1, 41):
            report(Step("[teacher]", done, 40, 1 / done))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 10
    assert lines[-1] == "[teacher]: step 40 of 40, loss 0.0250"


def test_progress_is_a_bar_for_each_training_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    with showing_training() as report:
        for name in ("teacher", "students [of] exact"):
            for done in range(1, 4):
                report(Step(name, done, 3, 0.5))
    err = capsys.readouterr().err
    assert "3/3" in err
    assert "students [of] exact, loss 0.500" in err
