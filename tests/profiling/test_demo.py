"""The fast demonstration, run once through the command line; everything that it leaves is looked at."""

from __future__ import annotations

import csv
import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import torch

import rocoin_opt as ro
from rocoin_opt.cli import main
from rocoin_opt.failure.partial_answers import expected_accuracy
from rocoin_opt.failure.validity import check
from rocoin_opt.plan.files import read_plan, read_plan_document
from rocoin_opt.profiling.accuracy import measure_accuracy
from rocoin_opt.profiling.ensemble import Ensemble
from rocoin_opt.profiling.experiment.variants import variants_of
from rocoin_opt.profiling.images.datasets import load_dataset

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ["exact", "rocoin", "nonn", "random", "exact-resilient", "exact-random-parts"]


class Run(NamedTuple):
    """What a run of the demonstration printed and left."""

    folder: Path
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        return json.loads((self.folder / "results.json").read_text())

    @property
    def rows(self) -> dict[str, Any]:
        return {row["name"]: row for row in self.document["seeds"][0]["rows"]}


def run_demo(folder: Path, *options: str) -> None:
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        arguments = ["demo", "--fast", "--device", "cpu", "--threads", "1", "--out", str(folder), *options]
        patch.setattr(sys, "argv", ["rocoin-opt", *arguments])
        # Few refinements of each partition: it need not be the best one.
        patch.setattr("rocoin_opt.knowledge.search.LIMITED_DESCENTS", 8)
        patch.setattr("rocoin_opt.exact.lexicographic.part_search.MAX_DESCENTS", 4)
        with pytest.raises(SystemExit) as ended:
            main()
    torch.set_num_threads(threads)
    assert ended.value.code in (None, 0)


@pytest.fixture(scope="module")
def demo(tmp_path_factory, request) -> Run:
    folder = tmp_path_factory.mktemp("demo")
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        out, err = StringIO(), StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            run_demo(folder)
    return Run(folder, out.getvalue(), err.getvalue())


@pytest.mark.slow
def test_it_says_what_it_runs_on_and_shows_its_tables(demo):
    assert demo.err.startswith("digits: scikit-learn")
    assert "students of exact-resilient: step" in demo.err
    for word in ("teacher", *NAMES[:4], "resilient", "without the outage limit", str(demo.folder)):
        assert word in demo.out
    assert demo.document["data"]["name"] == "digits"
    assert {"torch", "rocoin-opt"} <= set(demo.document["versions"])


@pytest.mark.slow
def test_teacher_and_students_are_good(demo):
    assert list(demo.rows) == NAMES
    teacher = demo.document["seeds"][0]["teacher_accuracy"]
    assert teacher >= 0.95
    for row in demo.rows.values():
        assert row["all_parts"] >= teacher - 0.06


@pytest.mark.slow
def test_resilient_parts_lose_less_than_those_of_ncut(demo):
    ncut, resilient = demo.rows["exact"], demo.rows["exact-resilient"]
    assert ncut["sizes"] == resilient["sizes"]
    assert ncut["metrics"]["ncut"] < resilient["metrics"]["ncut"]
    assert ncut["evidence_left"] < resilient["evidence_left"]
    assert min(ncut["zero"]["without_each"]) < min(resilient["zero"]["without_each"]) - 0.05


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_plans_students_and_figures_belong_together(demo, name):
    folder, row = demo.folder / "seed-0", demo.rows[name]
    instance = ro.read_instance(folder / "instance.json")
    if not row["keeps_outage_limit"]:
        instance = instance.with_requirements(max_group_outage=1.0)
    plan, document = read_plan(folder / name / "plan.json", instance), read_plan_document(folder / name / "plan.json")
    assert check(instance, plan) == ()
    ensemble = Ensemble.load(folder / name)
    assert [sorted(part) for part in ensemble.parts] == [list(group.filters or ()) for group in plan.groups]
    table = measure_accuracy(ensemble, load_dataset("digits").test)
    assert table.all_parts == row["all_parts"]
    assert list(table.without_each) == row["zero"]["without_each"]
    law = ro.latency_distribution(instance, plan)
    expected = expected_accuracy(law, table.accuracies, instance.requirements.deadline_seconds)
    assert document.metrics is not None
    assert document.metrics.expected_accuracy == row["zero"]["expected_accuracy"] == pytest.approx(expected)
    with (folder / name / "accuracy-mean.csv").open(newline="") as stream:
        assert len(list(csv.DictReader(stream))) == 2 ** len(plan.groups)


@pytest.mark.slow
def test_only_the_plan_without_redundancy_breaks_the_limit(demo):
    assert [name for name, row in demo.rows.items() if not row["keeps_outage_limit"]] == ["nonn"]


@pytest.mark.slow
def test_the_plan_file_passes_the_check_command(demo, run):
    folder = demo.folder / "seed-0"
    status, out, _ = run("check", folder / "instance.json", folder / "exact" / "plan.json")
    assert status == 0
    assert "expected_accuracy was measured, and is not checked" in out


@pytest.mark.slow
def test_a_second_run_trains_nothing_and_finds_the_same(demo, capsys):
    before = demo.document
    run_demo(demo.folder)
    assert "step" not in capsys.readouterr().err
    assert demo.document == before


@pytest.mark.slow
def test_an_instance_without_graph_or_plan_is_refused(demo):
    instance = ro.read_instance(demo.folder / "seed-0" / "instance.json")
    bare = ro.Knowledge(num_filters=4, bits_per_filter=32.0)
    with pytest.raises(ro.UnsupportedError, match="no filter graph"):
        variants_of(instance.model_copy(update={"knowledge": bare}), 0)
    with pytest.raises(ro.UnsupportedError, match="no plan to learn: "):
        variants_of(instance.with_requirements(max_group_outage=1e-9), 0)


@pytest.mark.slow
def test_the_tables_as_files(demo):
    markdown = (demo.folder / "results.md").read_text()
    assert "| criterion | normalised cut |" in markdown
    with (demo.folder / "results.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == sum(1 + len(row["sizes"]) for row in demo.rows.values())
    whole = {row["name"]: float(row["zero_fill"]) for row in rows if not row["missing_part"]}
    assert whole == {name: row["all_parts"] for name, row in demo.rows.items()}
