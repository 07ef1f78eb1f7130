"""Plans at work: real processes, real deaths, and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

import rocoin_opt as ro
from executed_plans import ended, fleet, is_running
from rocoin_opt.errors import InputError, UnsupportedError
from rocoin_opt.profiling.execution import fleet as processes
from rocoin_opt.profiling.execution.comparison import compare_with_distribution
from rocoin_opt.profiling.execution.fleet import StartError, running
from rocoin_opt.profiling.execution.replica import Task
from rocoin_opt.profiling.execution.run import _needed_scale, execute
from rocoin_opt.profiling.execution.schedule import Schedule
from rocoin_opt.profiling.execution.source import Answers
from samples import cases


@pytest.mark.slow
def test_answers_come_when_they_are_due_and_not_before():
    instance, plan = fleet([[0.16, 0.3], [0.18, 0.3]], failure_probability=0.3)
    rounds = []
    found = execute(instance, plan, None, 12, 3, deadline=2.0, time_scale=0.5, report=rounds.append)
    assert [state.done for state in rounds] == list(range(1, 13))
    assert list(rounds[0].pids) == ["g0r0", "g0r1", "g1r0", "g1r1"]
    due = found.schedule.seconds
    # Some devices crashed, some groups had to wait for their second device, and some never answered.
    assert found.schedule.crashed.any()
    assert np.array_equal(np.isinf(found.first_answers), np.isinf(due))
    assert np.isinf(due).any()
    assert (due[np.isfinite(due)] > 0.25).any()
    assert (found.first_answers >= due - 1e-9).all()
    assert np.array_equal(found.seconds, found.first_answers.max(axis=1))
    assert (found.seconds >= found.due_seconds - 1e-9).all()
    assert found.predictions is None
    assert found.lost == ()
    assert ended(list(rounds[0].pids.values()))
    compared = compare_with_distribution(found, instance, plan)
    assert compared.mean.value >= compared.due_mean


def test_the_time_scale_that_slow_students_need_gives_them_the_time_they_took():
    ready = np.array([0.25, 1.0, 0.5, 0.5])
    heard = {0: (2.0, 1.5), 1: (2.0, 0.0), 2: (3.0, 2.0)}
    # The first took 2 + 1.5 / 0.25 seconds for each of its own, the third 2 + 2 / 0.5.
    assert _needed_scale(Answers((2.0,), (None,), (1.5,), 0.0, heard), ready, 2.0) == 8.0
    assert _needed_scale(Answers((2.0,), (None,), (0.0,), 0.0, {1: (2.0, 0.0)}), ready, 2.0) == 0.0


@pytest.mark.slow
def test_what_comes_after_the_deadline_does_not_count():
    instance, plan = fleet([[0.05], [2.0]])
    found = execute(instance, plan, None, 1, deadline=1.0)
    assert np.isfinite(found.first_answers[:, 0]).all()
    assert np.isinf(found.first_answers[:, 1]).all()
    assert np.isinf(found.due_seconds).all()
    assert found.deadline == 1.0


@pytest.mark.parametrize(
    ("seconds", "minority"),
    cases(
        [([[0.05, 0.06, 0.07, 0.08, 0.09]], (0, 2))],
        [([[0.05, 0.07, 0.09], [0.05, 0.06, 0.08]], (0,)), ([[0.05, 0.07, 0.09], [0.05, 0.06, 0.08]], (2,))],
    ),
)
def test_killing_a_minority_of_every_group_loses_no_answer(seconds, minority):
    instance, plan = fleet(seconds)
    victims = sorted(f"g{k}r{place}" for k in range(len(seconds)) for place in minority)

    killers = []

    def report(state):
        if state.done == 3:
            # In the middle of the next request.
            killers.append(threading.Timer(0.03, lambda: [os.kill(state.pids[v], signal.SIGKILL) for v in victims]))
            killers[0].start()
        if state.done == 4:
            killers[0].join()
            assert ended([state.pids[victim] for victim in victims])

    found = execute(instance, plan, None, 12, report=report)
    assert np.isfinite(found.first_answers).all()
    assert found.lost == tuple(victims)
    # From then on each group is as fast as its fastest survivor.
    fastest = [min(t for place, t in enumerate(group) if place not in minority) for group in seconds]
    assert (found.first_answers[4:] >= np.array(fastest) - 1e-9).all()


@pytest.mark.slow
def test_killing_a_whole_group_loses_its_answers_alone_and_does_not_cost_the_deadline():
    instance, plan = fleet([[0.05], [0.05]])

    def report(state):
        if state.done == 2:
            os.kill(state.pids["g0r0"], signal.SIGKILL)
            assert ended([state.pids["g0r0"]])

    found = execute(instance, plan, None, 5, report=report)
    assert np.isfinite(found.first_answers[:2]).all()
    assert np.isinf(found.first_answers[2:, 0]).all()
    assert np.isfinite(found.first_answers[:, 1]).all()
    assert found.lost == ("g0r0",)


@pytest.mark.slow
def test_a_stopped_process_costs_its_answers_alone_and_is_gone_in_the_end():
    instance, plan = fleet([[0.05, 0.1]])
    pids = {}

    def report(state):
        pids.update(state.pids)
        if state.done == 1:
            os.kill(state.pids["g0r0"], signal.SIGSTOP)

    found = execute(instance, plan, None, 4, report=report)
    assert np.isfinite(found.first_answers).all()
    assert (found.first_answers[1:] >= 0.1 - 1e-9).all()
    assert found.lost == ()
    assert ended(list(pids.values()))


def test_an_error_leaves_no_process_behind():
    instance, plan = fleet([[0.05, 0.06]])
    pids = {}

    def report(state):
        pids.update(state.pids)
        assert all(map(is_running, pids.values()))
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        execute(instance, plan, None, 3, report=report)
    assert len(pids) == 2
    assert ended(list(pids.values()))


SCRIPT = """
from executed_plans import fleet
from rocoin_opt.profiling.execution.run import execute
from rocoin_opt.profiling.execution.schedule import Schedule

def report(state):
    if state.done == 2:
        print(*state.pids.values(), flush=True)

instance, plan = fleet([[0.05, 0.06], [0.05]])
execute(instance, plan, None, 100000, report=report)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.slow
def test_the_end_of_the_source_is_the_end_of_all(repository, number):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(repository), str(repository / "tests")])}
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        process_group=0,
    ) as source:
        pids = [int(pid) for pid in source.stdout.readline().split()]
        assert len(pids) == 3
        # To the whole group, as a terminal does on Ctrl-C.
        os.killpg(source.pid, number)
        _, errors = source.communicate(timeout=600.0)
    assert ended(pids)
    # The replicas have nothing to say about it.
    assert errors.count("Traceback") == (number == signal.SIGINT)


def test_wrong_options_are_named():
    instance, plan = fleet([[0.05]])
    endless = instance.with_requirements(deadline_seconds=None)
    for expected, arguments, options in (
        ("requests", (None, 0), {}),
        ("seed", (None, 1, -1), {}),
        ("time_scale", (None, 1), {"time_scale": 0.0}),
        ("deadline", (None, 1), {"deadline": -1.0}),
    ):
        with pytest.raises(InputError, match=expected):
            execute(instance, plan, *arguments, **options)
    with pytest.raises(InputError, match="deadline"):
        execute(endless, plan, None, 1)
    with pytest.raises(InputError, match="memory"):
        execute(fleet([[0.05]], memory_bytes=0.5)[0], plan, None, 1)


def test_too_many_replicas_are_refused():
    instance, plan = fleet([[0.05] * 65])
    with pytest.raises(UnsupportedError, match="65 replicas"):
        execute(instance, plan, None, 1)


def task():
    return Task(0, "", 0, size=1, time_scale=1.0, ready=[], transfer=[], students=None, part=0, shape=[])


def test_a_replica_that_cannot_start_says_why(monkeypatch):
    monkeypatch.setattr(processes, "REPLICA", "rocoin_opt.nowhere")
    with pytest.raises(StartError, match=r"replica 0 did not start: .*nowhere"), running([task()]):
        pass


def test_a_replica_that_ends_without_a_word_is_told_by_its_status(monkeypatch):
    # It finds the source at another port: nobody there.
    monkeypatch.setattr(processes, "HOST", "127.0.0.2")
    with pytest.raises(StartError, match="replica 0 did not start: status 0"), running([task()]):
        pass


def test_a_replica_that_takes_too_long_is_given_up(monkeypatch):
    monkeypatch.setattr(processes, "START_SECONDS", 0.0)
    monkeypatch.setattr(processes, "POLL_SECONDS", 0.001)
    with pytest.raises(StartError, match="within 0 s"), running([task(), task()]):
        pass


def turned_away(stranger):
    """Whether the other end of a connection was closed, with or without having listened."""
    with stranger:
        try:
            return stranger.recv(1) == b""
        except ConnectionResetError:
            return True


def test_strangers_are_turned_away(monkeypatch):
    monkeypatch.setattr(processes, "HELLO_SECONDS", 0.1)
    strangers = []
    create = processes.socket.create_server

    def created(*arguments, **options):
        listener = create(*arguments, **options)
        for hello in (b"", bytes(20), b"short"):
            stranger = processes.socket.create_connection(listener.getsockname())
            stranger.sendall(hello)
            strangers.append(stranger)
        strangers[0].close()
        return listener

    monkeypatch.setattr(processes.socket, "create_server", created)
    with running([task()]) as started:
        assert len(started.connections) == 1
        assert is_running(started.pids[0])
    assert all(map(turned_away, strangers[1:]))


@pytest.mark.parametrize("most", cases([2], [128]))
def test_silent_connections_keep_nobody_from_starting(monkeypatch, most):
    monkeypatch.setattr(processes, "HELLO_SECONDS", 3600.0)
    monkeypatch.setattr(processes, "MAX_STRANGERS", most)
    silent = []
    create = processes.socket.create_server

    def created(*arguments, **options):
        listener = create(*arguments, **options)
        silent.extend(processes.socket.create_connection(listener.getsockname()) for _ in range(5))
        # The beginning of a token, which is not theirs.
        silent[0].sendall(b"x")
        return listener

    monkeypatch.setattr(processes.socket, "create_server", created)
    with running([task(), task()]) as started:
        assert all(map(is_running, started.pids))
        # Nor does anybody wait for them to go.
        assert all(map(turned_away, silent))


def test_a_place_is_given_once(monkeypatch):
    monkeypatch.setattr(processes.secrets, "token_bytes", bytes)
    twins = []
    create = processes.socket.create_server

    def created(*arguments, **options):
        listener = create(*arguments, **options)
        for place in (0, 0, 7):
            # With the token, piece by piece.
            twin = processes.socket.create_connection(listener.getsockname())
            hello = processes.HELLO.pack(bytes(16), place)
            twin.sendall(hello[:5])
            twin.sendall(hello[5:])
            twins.append(twin)
        return listener

    monkeypatch.setattr(processes.socket, "create_server", created)
    with running([task()]) as started:
        assert len(started.connections) == 1
    assert all(map(turned_away, twins))


def test_the_token_is_in_no_file(monkeypatch, tmp_path):
    monkeypatch.setattr(processes.tempfile, "tempdir", str(tmp_path))
    with running([task()]):
        assert list(tmp_path.iterdir()) == []


def test_a_plan_may_run_without_keeping_the_outage_limit():
    instance, plan = fleet([[0.05]], failure_probability=0.4)
    strict = instance.with_requirements(max_group_outage=0.01)
    assert ro.check(strict, plan)
    begin = time.monotonic()
    assert len(execute(strict, plan, None, 2, deadline=0.1).seconds) == 2
    assert time.monotonic() > begin


PLANS = (("sbc/sbc-8-0", "exact", "guaranteed", 5.0), ("edge/edge-12-1", "greedy", "expected", 0.1))
"""Shipped instances, how each is planned, and the time scale: a response takes 0.05 to 0.1 s here."""
REQUESTS, DRAWN = 40, 5000
"""Requests that are sent, and those whose fates are drawn: how they are distributed takes no waiting for answers."""


@pytest.mark.slow
@pytest.mark.parametrize(("name", "method", "objective", "time_scale"), PLANS)
def test_response_times_are_those_predicted(repository, name, method, objective, time_scale):
    instance = ro.read_instance(repository / "instances" / f"{name}.json")
    plan = ro.solve(instance, method, objective, latency_only=True).plan
    execution = execute(instance, plan, None, REQUESTS, 1, time_scale=time_scale)
    found = compare_with_distribution(execution, instance, plan)
    assert found.mean.value >= found.due_mean * (1 - 1e-9)
    # How much later answers come than they are due is the host's affair.
    answered = np.isfinite(execution.seconds) & np.isfinite(execution.due_seconds)
    assert answered.any()
    assert (execution.seconds[answered] >= execution.due_seconds[answered] - 1e-9).all()
    # With what the host adds left out, times are distributed as predicted. Those of the run are the first of more.
    schedule = Schedule.draw(instance, plan, DRAWN, 1)
    assert np.array_equal(schedule.seconds[:REQUESTS], execution.schedule.seconds)
    due = compare_with_distribution(
        replace(execution, first_answers=schedule.seconds, schedule=schedule), instance, plan
    )
    assert due.mean.standard_error < 0.02 * found.predicted_mean
    assert due.mean.value == pytest.approx(due.predicted_mean, rel=0.05)
    assert due.measured_quantile == pytest.approx(due.predicted_quantile, rel=0.05)
    assert due.distance < due.band
