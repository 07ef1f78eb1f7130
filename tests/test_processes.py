"""Processes of the package's own: what they say, how they end, and that none outlives its parent."""

from __future__ import annotations

import json
import os
import signal

import pytest

from rocoin_opt.processes import FORSAKEN, Subprocess


@pytest.fixture
def process() -> Subprocess:
    return Subprocess("beside_work:hears", 1)


def test_it_answers_and_ends_once_its_parent_is_gone(process: Subprocess) -> None:
    process.connection.send_bytes(json.dumps([1, "two"]).encode())
    assert json.loads(process.connection.recv_bytes()) == {"heard": [1, "two"]}
    assert process.is_alive
    process.connection.close()
    assert process.wait() == FORSAKEN
    process.close()


def test_only_a_kill_or_a_termination_ends_it_from_outside(process: Subprocess) -> None:
    process.connection.send_bytes(b"1")
    process.connection.recv_bytes()
    os.kill(process.pid, signal.SIGINT)
    process.connection.send_bytes(b"2")
    assert json.loads(process.connection.recv_bytes()) == {"heard": 2}
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait() == -signal.SIGTERM
    process.close()
    assert not process.is_alive


def test_its_last_words_are_kept() -> None:
    process = Subprocess("beside_work:raises", 1)
    process.connection.send_bytes(json.dumps("this").encode())
    assert process.wait() == 1
    assert process.last_words().endswith("RuntimeError: no use for this")
    process.forget_words()
    assert process.last_words() == ""
    process.close()
