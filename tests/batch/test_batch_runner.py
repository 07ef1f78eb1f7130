"""Items that end badly are ended, told and counted, and never stop the others."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from batch_work import asked
from rocoin_opt.batch import solving
from rocoin_opt.batch.database import StoreError
from rocoin_opt.batch.executors import Backend, available_cores, local_backend
from rocoin_opt.batch.limits import Limits, ResourceMonitor
from rocoin_opt.batch.processes import ExecutorError, Task, TaskOutcome, Worker, WorkerPool
from rocoin_opt.batch.request import Options
from rocoin_opt.batch.solving import State, run_batch
from rocoin_opt.batch.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from rocoin_opt.batch.results import ItemResult


def by_seed(results: list[ItemResult]) -> dict[int, ItemResult]:
    return {result.seed: result for result in results}


def solved(files: list[Path], tmp_path: Path, work: str, **options: Any) -> dict[int, ItemResult]:
    results = list(run_batch(asked(work, **options), files[:1], tmp_path / "run"))
    with Store.open(tmp_path / "run") as store:
        assert sorted(store.rows(), key=lambda row: row.seed) == sorted(results, key=lambda row: row.seed)
    found = by_seed(results)
    assert {found[0].failure, found[2].failure} == {None}
    return found


@pytest.mark.slow
def test_a_search_that_ignores_its_limit_is_ended(files: list[Path], tmp_path: Path) -> None:
    found = solved(files, tmp_path, "stubborn", time_limit=1.0, grace=1.0)
    assert (found[1].failure, found[1].termination, found[1].attempts) == ("time", None, 1)
    assert found[1].error == "ended from outside: still at work 1 s after its time limit of 1 s"
    assert found[1].wall_seconds >= 2.0


@pytest.mark.slow
def test_a_process_that_takes_too_much_memory_is_ended(files: list[Path], tmp_path: Path) -> None:
    found = solved(files, tmp_path, "hungry", jobs=1, memory_limit=300_000_000)
    assert (found[1].failure, found[1].error) == ("memory", "ended from outside: more than 300000000 bytes of memory")


@pytest.mark.slow
def test_memory_that_earlier_items_left_behind_does_not_count() -> None:
    pool = WorkerPool(1)
    hoarding, calm = (
        Task("batch_work:hoarding", {"arguments": {"seed": seed}, "fingerprint": "0" * 64}, limits)
        for seed, limits in ((1, Limits()), (0, Limits(memory_bytes=300_000_000)))
    )
    assert pool.run(hoarding).answer is not None
    # Too large from the start, the process is ended, and a fresh one answers.
    assert pool.run(calm).answer is not None
    pool.shut_down()
    assert pool.run(calm).answer is None


@pytest.mark.slow
def test_a_lost_worker_is_replaced_and_counted(files: list[Path], tmp_path: Path) -> None:
    found = solved(files, tmp_path, "recovering", jobs=1)
    assert (found[1].failure, found[1].attempts) == (None, 2)


@pytest.mark.slow
def test_an_item_that_always_kills_its_worker_fails_alone(files: list[Path], tmp_path: Path) -> None:
    found = solved(files, tmp_path, "suicidal", retries=1)
    assert (found[1].failure, found[1].attempts) == ("crash", 2)
    assert found[1].error == "the worker was lost 2 times, at last by: Killed"


@pytest.mark.slow
def test_a_defect_is_told_and_not_tried_again(files: list[Path], tmp_path: Path) -> None:
    found = solved(files, tmp_path, "raising", jobs=1)
    assert (found[1].failure, found[1].attempts) == ("defect", 1)
    assert "RuntimeError: a defect" in str(found[1].error)


@pytest.mark.slow
def test_what_a_solver_prints_disturbs_nothing(
    files: list[Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    solved(files, tmp_path, "chatty", jobs=1)
    assert capfd.readouterr().out == ""


@pytest.mark.slow
def test_the_state_adds_up(files: list[Path], tmp_path: Path) -> None:
    states: list[State] = []
    list(run_batch(asked("raising"), files[:2], tmp_path / "run", states.append))
    assert states[0] == State(total=6, done=0, failed=0, earlier=0, running=2)
    assert states[-1] == State(total=6, done=6, failed=2, earlier=0, running=0)
    assert [state.done for state in states] == sorted(state.done for state in states)
    list(run_batch(asked("raising"), files[:2], tmp_path / "run", states.append))
    assert states[-1] == State(total=6, done=6, failed=2, earlier=6, running=0)


def test_processes_and_threads_together_stay_within_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rocoin_opt.batch.executors.available_cores", lambda: 8)
    for threads, expected in ((1, 8), (3, 2), (16, 1)):
        with local_backend(None, threads) as backend:
            assert backend.slots == expected
    with local_backend(20, 4) as backend:
        assert backend.slots == 20
    assert available_cores() >= 1


@pytest.mark.slow
def test_libraries_in_a_worker_use_the_threads_of_its_item() -> None:
    pool = WorkerPool(3)
    ended = pool.run(Task("os:getenv", "OMP_NUM_THREADS", Limits()))  # type: ignore[arg-type]
    pool.shut_down()
    assert ended.answer == "3"


def test_an_executor_that_fails_ends_the_run_with_a_word(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors: list[Exception] = [KeyError("lost"), ConnectionError("gone")]

    class Failing(ThreadPoolExecutor):
        def submit(self, *arguments: object, **options: object) -> Future[Any]:  # type: ignore[override]
            future: Future[Any] = Future()
            future.set_exception(errors[0] if len(errors) == 1 else errors.pop(0))
            return future

    with Failing(1) as executor:
        backend = Backend(executor, WorkerPool(1).run, 1, ships_files=True, losses=(KeyError,))
        monkeypatch.setattr(solving, "_backend", lambda asked: _entered(backend))
        # A lost machine is a lost worker, and what the executor cannot tell apart ends the run.
        with pytest.raises(ExecutorError, match="gone"):
            list(run_batch(asked("quick", retries=0, seeds=1), files[:2], tmp_path / "run"))


class _entered:  # noqa: N801 - stands for a function
    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    def __enter__(self) -> Backend:
        return self.backend

    def __exit__(self, *error: object) -> None:
        """Nothing is left open."""


def test_a_worker_that_does_not_start_is_an_error_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rocoin_opt.processes.START", "raise SystemExit('no {path}'[:2])")
    with pytest.raises(ExecutorError, match="no worker process starts: no"):
        WorkerPool(1).run(Task("batch_work:quick", {}, Limits()))


def test_a_system_that_starts_no_process_is_an_error_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError("too many processes")

    monkeypatch.setattr("rocoin_opt.processes.subprocess.Popen", refused)
    with pytest.raises(ExecutorError, match="no worker process starts: too many processes"):
        WorkerPool(1).run(Task("batch_work:quick", {}, Limits()))


@pytest.mark.slow
def test_a_worker_that_answers_while_all_are_dismissed_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    pool, closed = WorkerPool(1), []
    answered, close = Worker.run, Worker.close

    def dismissed(self: Worker, task: Task) -> TaskOutcome:
        ended = answered(self, task)
        pool.shut_down()
        return ended

    monkeypatch.setattr(Worker, "run", dismissed)
    monkeypatch.setattr(Worker, "close", lambda self: (closed.append(self), close(self)))
    assert pool.run(Task("batch_work:process", {}, Limits())).answer is not None
    assert len(closed) == 1


def test_a_worker_killed_while_it_starts_counts_as_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rocoin_opt.processes.START", "import os; os.kill(os.getpid(), 9) # {path} {handle}")
    ended = WorkerPool(1).run(Task("batch_work:quick", {}, Limits()))
    assert (ended.answer, ended.exit_status) == (None, -1)


@pytest.mark.slow
def test_an_idle_worker_that_died_is_replaced() -> None:
    pool = WorkerPool(1)
    task = Task("batch_work:process", {}, Limits())
    first: Any = pool.run(task).answer
    assert first == pool.run(task).answer
    os.kill(first, signal.SIGKILL)
    # Dead with all of its threads, and still there for the pool to find.
    os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    second = pool.run(task).answer
    pool.shut_down()
    assert second not in (None, first)


def test_a_monitor_looks_no_more_often_than_it_must() -> None:
    assert ResourceMonitor(Limits(), 1).patience is None
    assert ResourceMonitor(Limits(), 1).breach() is None
    assert 59 < (ResourceMonitor(Limits(60.0), 1).patience or 0) <= 60
    assert ResourceMonitor(Limits(0.0), 1).breach() == "time"


def test_a_monitor_on_a_process_that_ended_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monitor = ResourceMonitor(Limits(memory_bytes=1), psutil.Process().pid)
    assert monitor.breach() == "memory"

    def gone(self: psutil.Process) -> None:
        raise psutil.NoSuchProcess(1)

    monkeypatch.setattr(psutil.Process, "memory_info", gone)
    assert monitor.breach() is None
    assert (monitor.patience or 0) < 1


@pytest.mark.slow
def test_results_that_had_come_back_are_kept_when_the_run_is_left(files: list[Path], tmp_path: Path) -> None:
    stored = 0
    # What comes back within a moment is the machine's affair: a busy one gets more of them.
    for attempt, moment in enumerate((0.2, 2.0, 20.0, 200.0)):
        run = tmp_path / f"run-{attempt}"
        results = run_batch(asked("quick", seeds=20, jobs=1), files, run)
        next(results)
        time.sleep(moment)
        results.close()  # type: ignore[attr-defined]
        with Store.open(run) as store:
            stored = len(list(store.rows()))
        if stored > 1:
            break
    assert stored > 1
    assert sum(1 for _ in run_batch(asked("quick", seeds=20, jobs=1), files, run)) == 60 - stored


def test_early_exits_count_as_lost() -> None:
    options = Options()
    failure = solving.failure_of(options, 2, TaskOutcome(1.0, exit_status=0))
    assert failure == {"failure": "crash", "error": "the worker was lost 2 times, at last by: an early exit"}
    assert solving.failure_of(options, 1, TaskOutcome(1.0, exit_status=5)) == {
        "failure": "defect",
        "error": "exit status 5",
    }


def test_a_store_that_cannot_be_written_ends_the_run_and_is_not_tried_again(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []

    def full(self: Store, results: list[ItemResult]) -> None:
        tried.append(len(results))
        raise StoreError("no room")

    monkeypatch.setattr(Store, "add", full)
    with pytest.raises(StoreError, match="no room"):
        list(run_batch(asked("quick", jobs=1), files, tmp_path / "run"))
    assert len(tried) == 1
