"""The work on an item and the process around it, looked at from inside."""

from __future__ import annotations

import json
import os
import signal
import threading
from multiprocessing import Pipe
from typing import TYPE_CHECKING, Any

import pytest

import rocoin_opt as ro
from rocoin_opt import processes
from rocoin_opt.batch import work, worker
from rocoin_opt.batch.items import read_given
from rocoin_opt.batch.limits import Limits
from rocoin_opt.batch.processes import Task, WorkerPool
from rocoin_opt.batch.work import solve_item

if TYPE_CHECKING:
    from pathlib import Path

ARGUMENTS = {
    "method": "greedy",
    "objective": "guaranteed",
    "seed": 0,
    "time_limit": 10.0,
    "gap": 0.0,
    "threads": 1,
    "latency_only": False,
    "criterion": "ncut",
}


def payload(file: Path, **changes: Any) -> dict[str, Any]:
    given = read_given(file)
    arguments = {**ARGUMENTS, **changes}
    return {"file": given.path, "path": given.path, "fingerprint": given.fingerprint, "arguments": arguments}


def test_an_answer_is_plain_data_of_a_result(files: list[Path]) -> None:
    instance = ro.read_instance(files[0])
    expected = ro.solve(instance, "greedy")
    for _ in range(2):
        answer = json.loads(json.dumps(solve_item(payload(files[0]))))
        assert answer["termination"] == expected.termination
        assert answer["objective_value"] == expected.objective_value
        assert answer["versions"] == expected.versions
        assert json.loads(answer["plan_text"])["groups"]
    assert solve_item(payload(files[0], method="nonn", objective="worst", time_limit=0.0))["reasons"] is not None


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (ro.UnsupportedError("cannot"), "unsupported"),
        (ro.CertificateError("wrong"), "defect"),
        (ro.SolverError("broken"), "defect"),
        (MemoryError(), "memory"),
    ],
)
def test_faults_are_answers(files: list[Path], monkeypatch: pytest.MonkeyPatch, error: Exception, failure: str) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(work, "solve", fail)
    answer = solve_item(payload(files[0]))
    assert (answer["failure"], answer["error"]) == (failure, str(error) or "out of memory")
    assert answer["cores"] == os.cpu_count()


def test_an_infeasible_instance_has_reasons_and_no_plan(repository: Path) -> None:
    answer = solve_item(payload(repository / "instances" / "infeasible" / "memory.json"))
    assert (answer["termination"], answer["plan_text"]) == ("infeasible", None)
    assert answer["reasons"]


def test_a_changed_file_is_an_input_fault(files: list[Path]) -> None:
    asked = payload(files[1])
    files[1].write_text(files[1].read_text().replace('probability": 0.', 'probability": 0.0', 1))
    answer = solve_item(asked)
    assert answer["failure"] == "input"
    assert "changed during the run" in answer["error"]


def test_a_worker_answers_until_it_is_idle_or_forsaken(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[int] = []
    monkeypatch.setattr(worker, "IDLE_SECONDS", 0.5)
    monkeypatch.setattr(processes.os, "_exit", ended.append)
    mine, theirs = Pipe()
    thread = threading.Thread(target=worker.main, args=(os.dup(theirs.fileno()),))
    thread.start()
    assert json.loads(mine.recv_bytes()) == "ready"
    mine.send_bytes(json.dumps({"work": "batch_work:process", "payload": {}}).encode())
    assert json.loads(mine.recv_bytes()) == os.getpid()
    thread.join()
    mine.close()
    for listener in threading.enumerate():
        if "_listen" in listener.name:
            listener.join()
    assert ended == [processes.FORSAKEN]


@pytest.mark.slow
def test_no_signal_makes_an_item_end_early_as_if_it_were_done() -> None:
    pool = WorkerPool(threads=1)
    try:
        # Ctrl-C is for the parent alone; SIGTERM costs the worker, and its item is begun again.
        interrupted = pool.run(Task("batch_work:signalled", {"signal": signal.SIGINT}, Limits()))
        terminated = pool.run(Task("batch_work:signalled", {"signal": signal.SIGTERM}, Limits()))
    finally:
        pool.shut_down()
    assert interrupted.answer == {"stopped": False}
    assert (terminated.answer, terminated.exit_status) == (None, -signal.SIGTERM)
