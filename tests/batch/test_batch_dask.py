"""The same run on a Dask cluster: the same table, with workers lost too."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

import rocoin_opt as ro
from batch_work import asked, outcome
from rocoin_opt.batch.executors import dask_backend, run_remotely
from rocoin_opt.batch.items import instance_content
from rocoin_opt.batch.limits import Limits
from rocoin_opt.batch.processes import ExecutorError, Task
from rocoin_opt.batch.solving import run_batch
from rocoin_opt.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rocoin_opt.batch.request import BatchRequest


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Address of a cluster of two worker processes, whose modules are those of this process."""
    from distributed import LocalCluster

    monkeypatch.setenv("PYTHONPATH", ":".join(sys.path))
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        yield cluster.scheduler_address


def on(address: str, given: BatchRequest) -> BatchRequest:
    object.__setattr__(given, "scheduler", address)
    return given


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_cluster_gives_the_table_of_processes(files: list[Path], tmp_path: Path, address: str) -> None:
    graph = files[0].parent / "graph.json"
    ro.write_instance(graph, ro.generate("paper", devices=4, seed=1, filters=8, graph=True))
    (files[0].parent / "broken.json").write_text("{")
    given = [*files, graph, files[0].parent / "broken.json"]
    methods = ["greedy", "exact", "random"]
    here = ro.solve_many(given, methods, out=tmp_path / "here")
    there = ro.solve_many(given, methods, scheduler=address, out=tmp_path / "there")
    # Plan files differ in the seconds that they state, plans do not.
    tables = [{r.item: (*outcome(r)[:-1], r.plan) for r in results} for results in (here, there)]
    assert tables[0] == tables[1]
    assert len(tables[0]) == 15


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_lost_worker_of_the_cluster_changes_nothing(files: list[Path], tmp_path: Path, address: str) -> None:
    from distributed import Client

    expected = sorted(outcome(r) for r in run_batch(asked("quick", seeds=40), files, tmp_path / "here"))
    found = []
    for result in run_batch(on(address, asked("logged", seeds=40, retries=5)), files, tmp_path / "there"):
        found.append(outcome(result))
        if len(found) == 10:
            with Client(address, set_as_default=False) as client:
                worker = next(iter(client.scheduler_info()["workers"]))
                # Its nanny starts another one.
                client.submit(_end, workers=[worker], pure=False, retries=0)
    assert sorted(found) == expected


def _end() -> None:
    import os
    import signal

    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_limits_are_kept_on_a_cluster(files: list[Path], tmp_path: Path, address: str) -> None:
    given = on(address, asked("stubborn", time_limit=1.0, grace=1.0))
    failures = {result.seed: result.failure for result in run_batch(given, files[:1], tmp_path / "run")}
    assert failures == {0: None, 1: "time", 2: None}


@pytest.mark.slow
def test_a_task_brings_its_files_along(files: list[Path]) -> None:
    graph = files[0].parent / "graph.json"
    ro.write_instance(graph, ro.generate("paper", devices=4, seed=1, filters=8, graph=True))
    content = instance_content(graph)
    graph.unlink()
    ended = run_remotely(Task("batch_work:listing", {"file": "not here"}, Limits(), files=content))
    assert ended.answer == ["graph.npz", "instance.json"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_no_scheduler_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    import dask
    import distributed  # noqa: F401 - its defaults must be there before, or they go with what is set here

    monkeypatch.setattr("rocoin_opt.batch.executors.CONNECT_SECONDS", 0.5)
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "200ms"}),
        pytest.raises(ExecutorError, match="no Dask scheduler answers at tcp://127"),
        dask_backend("tcp://127.0.0.1:1", None),
    ):
        pass
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UnsupportedError, match="extra dask"), dask_backend("tcp://127.0.0.1:1", None):
        pass


@pytest.mark.filterwarnings("ignore")
def test_a_cluster_without_workers_is_an_error() -> None:
    from distributed import LocalCluster

    with (
        LocalCluster(n_workers=0, dashboard_address=None) as cluster,
        pytest.raises(ExecutorError, match="has no workers"),
        dask_backend(cluster.scheduler_address, None),
    ):
        pass
