"""Pacing: nothing leaves before it is due, everything leaves, and nobody waits for what has become pointless."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from rocoin_opt.profiling.execution.throttle import send_paced, wait_until


@pytest.fixture
def pair():
    here, there = socket.socketpair()
    with here, there:
        yield here, there


def test_a_wait_lasts_until_its_moment(pair):
    moment = time.monotonic() + 0.05
    assert wait_until(pair[0], moment)
    assert time.monotonic() >= moment


def test_a_wait_ends_with_the_next_word_or_the_connection(pair):
    begin = time.monotonic()
    pair[1].send(b"x")
    # The system's own waits end after some weeks.
    for patience in (1e6, 1e300):
        assert not wait_until(pair[0], begin + patience)
    # What came before the moment was known counts as well.
    assert not wait_until(pair[0], begin - 1.0)
    pair[0].recv(1)
    pair[1].close()
    assert not wait_until(pair[0], begin + 1e6)


def test_bytes_leave_one_after_another(pair):
    content, arrivals = bytes(range(20)), []

    def read():
        while sum(count for _, count in arrivals) < len(content):
            received = pair[1].recv(64)
            arrivals.append((time.monotonic(), len(received)))

    reader = threading.Thread(target=read)
    reader.start()
    begin = time.monotonic()
    assert send_paced(pair[0], content, begin, 0.2)
    reader.join()
    assert arrivals[-1][0] >= begin + 0.2
    # At any time no more has arrived than an even rate allows, one piece in twenty at a time.
    had = 0
    for moment, count in arrivals:
        had += count
        assert had <= 20 * (moment - begin) / 0.2 + 1e-6


def test_an_interrupted_message_is_still_whole(pair):
    pair[1].send(b"x")
    assert not send_paced(pair[0], bytes(1000), time.monotonic(), 1e6)
    received = 0
    while received < 1000:
        received += len(pair[1].recv(4096))
    assert received == 1000


def test_a_message_without_transfer_time_leaves_at_once(pair):
    assert send_paced(pair[0], b"abc", time.monotonic(), 0.0)
    assert pair[1].recv(9) == b"abc"
