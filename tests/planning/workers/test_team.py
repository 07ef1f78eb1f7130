"""Searches in processes beside: what they prove counts, and none is left however the search ends."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

import rocoin_opt as ro
from examples import pairs
from rocoin_opt.control import Control
from rocoin_opt.planning.request import Request
from rocoin_opt.planning.workers import peer_process, team
from rocoin_opt.planning.workers.peer_process import PeerProcess
from rocoin_opt.planning.workers.team import Team
from rocoin_opt.processes import Subprocess

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Subprocess]:
    """Processes beside, which are started at once."""
    processes: list[Subprocess] = []

    def start(entry: str, threads: int) -> Subprocess:
        processes.append(Subprocess(entry, threads))
        return processes[-1]

    monkeypatch.setattr(peer_process, "Subprocess", start)
    monkeypatch.setattr(team, "START_SECONDS", 0.0)
    return processes


def until(holds: Callable[[], bool]) -> None:
    while not holds():
        time.sleep(0.005)


def helper(entry: str) -> PeerProcess:
    return PeerProcess(f"beside_work:{entry}", lambda: [{"first": 1}], 1, 0.0)


def test_another_process_proves_the_plan(started: list[Subprocess]) -> None:
    instance = pairs()
    best = ro.solve(instance, "exact", latency_only=True)
    request = Request(instance, Control.starting_now(time_limit=1e6), "exact", workers=2)
    with Team(request, None) as both:
        # This process waits, and finds nothing itself.
        outcome = both.joined(ro.Outcome(None))
        assert both.exchange.is_settled
    assert outcome.lower_bound == best.objective_value
    assert ro.evaluate(instance, outcome.plan).guaranteed_seconds == best.objective_value  # type: ignore[arg-type]
    assert [process.is_alive for process in started] == [False]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["exact", "auto"])
def test_the_proven_value_is_that_of_one_process(started: list[Subprocess], method: str) -> None:
    for seed in range(3):
        instance = ro.generate("lossy", devices=24, seed=300 + seed)
        alone = ro.solve(instance, method, latency_only=True)
        more = ro.solve(instance, method, latency_only=True, workers=3)
        assert more.objective_value == pytest.approx(alone.objective_value, rel=1e-12)
        assert more.termination == alone.termination == "optimal"
    assert not any(process.is_alive for process in started)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ro.SolverError])
def test_no_process_outlives_a_search_that_is_broken_off(
    started: list[Subprocess], monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    def broken_off(request: Request, start: Any) -> ro.Outcome:
        assert not request.control.exhausted
        assert [process.is_alive for process in started] == [True, True]
        raise error

    monkeypatch.setattr("rocoin_opt.planning.solve._run_here", broken_off)
    with pytest.raises(error):
        ro.solve(pairs(), "exact", workers=3)
    assert [process.is_alive for process in started] == [False, False]


def test_a_stop_ends_the_wait_for_others(started: list[Subprocess]) -> None:
    control = Control.starting_now(time_limit=1e6)
    with Team(Request(pairs(), control, "exact", workers=2), None) as both:
        both.peers[0] = helper("hears")
        control.stop.set()
        assert both.joined(ro.Outcome(None)).plan is None
    assert not any(process.is_alive for process in started)


def test_one_that_ends_by_itself_has_nothing_to_prove() -> None:
    peer = helper("ends")
    assert peer.can_prove
    until(lambda: bool(peer.receive()) or not peer.can_prove)
    assert not peer.can_prove
    peer.close()


def test_one_that_fails_is_told_of_and_done_without() -> None:
    peer = helper("raises")
    with pytest.warns(ro.MendedWarning, match=r"ended with status 1: RuntimeError: no use for \{'first': 1\}"):
        until(lambda: bool(peer.receive()) or not peer.can_prove)
    peer.send({"bound": 1.0})
    assert peer.receive() == []
    peer.close()


def test_one_that_is_killed_is_told_of_and_done_without(started: list[Subprocess]) -> None:
    peer = helper("hears")
    heard: list[dict[str, Any]] = []
    until(lambda: bool(heard.extend(peer.receive())) or bool(heard))
    assert heard == [{"heard": {"first": 1}}]
    os.kill(started[0].pid, signal.SIGKILL)
    with pytest.warns(ro.MendedWarning, match="ended with status -9"):
        until(lambda: bool(peer.receive()) or not peer.can_prove)
    peer.close()


def test_one_that_does_not_start_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError("too many processes")

    monkeypatch.setattr(peer_process, "Subprocess", refused)
    peer = helper("hears")
    with pytest.warns(ro.MendedWarning, match="does not start: too many processes"):
        assert peer.receive() == []
    assert peer.receive() == []
    peer.close()


def test_what_is_done_beside_depends_on_the_number_of_processes() -> None:
    def members(workers: int, **changes: Any) -> list[list[str]]:
        instance = ro.generate("edge", devices=50, seed=0).with_requirements(**changes)
        all_of_them = Team(Request(instance, Control(), "exact", workers=workers), None)
        return [all_of_them.members(rank) for rank in range(1, workers)]

    assert members(2, max_groups=8) == [["some searches", "joint model", "searches"]]
    assert members(2, max_groups=40) == [["some searches", "packings", "searches"]]
    assert members(4, max_groups=8) == [["searches"], ["joint model", "searches"], ["packings", "searches"]]


def fields_of(kind: str) -> dict[str, Any]:
    """Devices that share something, or have no constant latency."""
    shared: dict[str, dict[str, Any]] = {
        "failure_domain": {"failure_domains": [{"id": "x", "failure_probability": 0.001}]},
        "channel": {"channels": [{"id": "x"}]},
        "compute_slowdown": {},
    }
    entry: Any = {"law": "gamma", "shape": 4.0} if kind == "compute_slowdown" else "x"
    devices = [device.model_dump(exclude_none=True) | {kind: entry} for device in pairs().devices]
    return {"devices": devices, **shared[kind]}


@pytest.mark.parametrize(
    ("method", "objective", "kind", "word"),
    [
        ("greedy", "guaranteed", None, "workers: greedy searches in one process; auto, exact can use more"),
        ("exact", "expected", None, "one process for the objective expected"),
        ("auto", "worst", "failure_domain", "one process with failure domains"),
        ("exact", "worst", "channel", "one process with shared channels"),
        ("exact", "guaranteed", "compute_slowdown", "one process with slowdown laws"),
    ],
)
def test_what_cannot_be_shared_is_refused(method: str, objective: Any, kind: str | None, word: str) -> None:
    with pytest.raises(ro.UnsupportedError, match=word):
        ro.solve(pairs(**({} if kind is None else fields_of(kind))), method, objective, workers=2)


@pytest.mark.parametrize("workers", [0, 65, 1.5])
def test_the_number_of_processes_is_checked(workers: Any) -> None:
    with pytest.raises(ro.InputError, match=r"workers: found .*; allowed: a whole number from 1 to 64"):
        ro.solve(pairs(), "exact", workers=workers)
