"""The replica: silent when it crashes, never early, on the newest request, gone with its source."""

from __future__ import annotations

import io
import json
import math
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from rocoin_opt.profiling.execution.messages import Inbox, Message, encoded
from rocoin_opt.profiling.execution.replica import HELLO, HOST, Task, main, serve

TASK = Task(
    port=0,
    token="ab" * 16,
    place=3,
    size=2,
    time_scale=0.5,
    ready=[0.4, None, 0.1, 1e6],
    transfer=[0.1, 0.1, 0.0, 0.1],
    students=None,
    part=0,
    shape=[],
)
IMAGE = np.ones(2, dtype=np.float32)


def request(number):
    return encoded(Message(number, time.monotonic(), IMAGE))


@contextmanager
def serving(task=TASK, student=None):
    """The source's end of a connection that is served by a thread, which has to end with the connection."""
    here, there = socket.socketpair()
    thread = threading.Thread(target=serve, args=(there, task, student or task.student()))
    with there:
        with here:
            thread.start()
            yield here
        thread.join(10.0)
        assert not thread.is_alive()


def next_answer(connection):
    inbox = Inbox()
    while True:
        for message in inbox.messages(connection.recv(4096)):
            return message


def test_an_answer_is_never_early():
    with serving(student=lambda image: 2 * image) as source:
        begin = time.monotonic()
        source.send(request(0))
        answer = next_answer(source)
        assert time.monotonic() >= begin + TASK.time_scale * (TASK.ready[0] + TASK.transfer[0])
    assert answer.number == 0
    assert answer.seconds == 0.0
    assert answer.values.tolist() == [2.0, 2.0]


def test_a_crashed_device_is_silent_and_serves_the_next_request():
    with serving() as source:
        source.send(request(1))
        time.sleep(0.05)
        source.send(request(2))
        assert next_answer(source).number == 2


def test_the_newest_request_is_served():
    with serving() as source:
        source.send(request(3))
        time.sleep(0.05)
        # The work on the third is given up, and of what came meanwhile only the last counts.
        source.send(request(0) + request(2))
        assert next_answer(source).number == 2


def test_a_request_may_come_in_pieces():
    with serving() as source:
        content = request(2)
        source.send(content[:30])
        time.sleep(0.05)
        source.send(content[30:])
        assert next_answer(source).number == 2


def test_a_student_that_is_too_slow_says_so():
    def slow(image):
        time.sleep(0.3)
        return image

    with serving(replace(TASK, transfer=[0.0] * 4), slow) as source:
        source.send(request(0))
        answer = next_answer(source)
    assert answer.seconds >= 0.3 - TASK.time_scale * TASK.ready[0] - 1e-3


def test_the_program_reads_its_task_says_who_it_is_and_ends_with_the_source(monkeypatch):
    said, answers = [], []
    with socket.create_server((HOST, 0)) as listener:
        task = replace(TASK, port=listener.getsockname()[1])
        monkeypatch.setattr("sys.stdin", io.StringIO(task.text()))

        def source():
            connection, _ = listener.accept()
            with connection:
                said.append(connection.recv(HELLO.size))
                connection.send(request(0))
                answers.append(next_answer(connection))

        thread = threading.Thread(target=source)
        thread.start()
        assert main() == 0
        thread.join()
    assert said == [HELLO.pack(bytes.fromhex(task.token), 3)]
    assert answers[0].values.tolist() == [0.0, 0.0]
    # Nobody listens any more.
    monkeypatch.setattr("sys.stdin", io.StringIO(task.text()))
    assert main() == 0


def test_a_student_that_cannot_be_loaded_is_told(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("sys.stdin", io.StringIO(replace(TASK, students=str(tmp_path / "none")).text()))
    assert main() == 1
    assert "none" in capsys.readouterr().err


def test_a_task_survives_its_file():
    task = replace(TASK, ready=[math.pi, None])
    assert Task(**json.loads(task.text())) == task
