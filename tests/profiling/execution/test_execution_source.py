"""The source: the first answer counts, late and foreign ones do not, and no replica can harm more than itself."""

from __future__ import annotations

import math
import socket
import threading
import time

import numpy as np
import pytest

from rocoin_opt.profiling.execution.messages import Inbox, Message, encoded
from rocoin_opt.profiling.execution.source import Source

IMAGE = np.arange(4, dtype=np.float32)
LONG = 60.0
"""Seconds of patience that no test uses up."""


@pytest.fixture
def pairs():
    made = [socket.socketpair() for _ in range(3)]
    yield made
    for pair in made:
        for end in pair:
            end.close()


@pytest.fixture
def source(pairs):
    """Two replicas in the first group, one in the second; parts of two and of one filter."""
    with Source([here for here, _ in pairs], [0, 0, 1], [2, 1]) as made:
        yield made


def answer(number, *values, late=0.0):
    return encoded(Message(number, late, np.array(values, dtype=np.float32)))


def test_the_first_answer_of_each_group_counts(pairs, source):
    pairs[1][1].send(answer(5, 1.0, 2.0, late=0.5))
    pairs[2][1].send(answer(5, 3.0))
    got = source.ask(5, IMAGE, LONG)
    assert all(math.isfinite(seconds) for seconds in got.seconds)
    assert [values.tolist() for values in got.values] == [[1.0, 2.0], [3.0]]
    assert got.late_by == (0.5, 0.0)
    for _, there in pairs:
        (request,) = Inbox().messages(there.recv(4096))
        assert request.number == 5
        assert np.array_equal(request.values, IMAGE)


@pytest.mark.parametrize("patience", [1e7, 1e300])
def test_patience_may_be_longer_than_the_system_waits(pairs, source, patience):
    pairs[1][1].send(answer(5, 1.0, 2.0))
    pairs[2][1].send(answer(5, 3.0))
    assert [values.tolist() for values in source.ask(5, IMAGE, patience).values] == [[1.0, 2.0], [3.0]]


def test_answers_to_older_requests_and_second_answers_are_dropped(pairs, source):
    pairs[0][1].send(answer(1, 9.0, 9.0) + answer(2, 1.0, 1.0) + answer(2, 8.0, 8.0))
    pairs[1][1].send(answer(1, 7.0, 7.0))
    pairs[2][1].send(answer(2, 3.0))
    assert source.ask(2, IMAGE, LONG).values[0].tolist() == [1.0, 1.0]
    assert source.lost == []


def test_the_deadline_ends_the_wait(pairs, source):
    pairs[2][1].send(answer(0, 3.0))
    begin = time.monotonic()
    got = source.ask(0, IMAGE, 0.1)
    assert time.monotonic() >= begin + 0.1
    assert math.isinf(got.seconds[0])
    assert got.values[0] is None
    assert got.values[1].tolist() == [3.0]


def test_a_group_without_any_replica_is_not_waited_for(pairs, source):
    pairs[0][1].close()
    pairs[1][1].close()
    pairs[2][1].send(answer(0, 3.0))
    got = source.ask(0, IMAGE, LONG)
    assert got.values[0] is None
    assert got.values[1].tolist() == [3.0]
    assert sorted(source.lost) == [0, 1]


def test_a_replica_may_go_while_it_is_asked(pairs, source):
    def go():
        time.sleep(0.05)
        pairs[0][1].close()
        pairs[1][1].send(answer(0, 1.0, 2.0))

    pairs[2][1].send(answer(0, 3.0))
    thread = threading.Thread(target=go)
    thread.start()
    got = source.ask(0, IMAGE, LONG)
    thread.join()
    assert got.values[0].tolist() == [1.0, 2.0]
    assert source.lost == [0]


@pytest.mark.parametrize("nonsense", [b"\xff" * 64, answer(0, 1.0), answer(0, 1.0, 2.0, 3.0)])
def test_a_replica_that_talks_nonsense_is_left(pairs, source, nonsense):
    pairs[0][1].send(nonsense)
    time.sleep(0.01)
    pairs[1][1].send(answer(0, 1.0, 2.0))
    pairs[2][1].send(answer(0, 3.0))
    source.ask(0, IMAGE, LONG)
    source.ask(1, IMAGE, 0.05)
    assert source.lost == [0]


def test_a_hanging_replica_costs_nothing_but_its_answers(pairs, source):
    image = np.zeros(300_000, dtype=np.float32)
    received = {1: 0, 2: 0}
    requests = 12

    def reply(place, *values):
        inbox = Inbox()
        while received[place] < requests:
            for request in inbox.messages(pairs[place][1].recv(1 << 16)):
                received[place] += 1
                pairs[place][1].send(answer(request.number, *values))

    threads = [threading.Thread(target=reply, args=args) for args in ((1, 1.0, 2.0), (2, 3.0))]
    for thread in threads:
        thread.start()
    # The first replica never reads: its socket fills up, and what it cannot take is not kept for it.
    answers = [source.ask(number, image, LONG) for number in range(requests)]
    for thread in threads:
        thread.join()
    assert all(got.values[0] is not None and got.values[1] is not None for got in answers)
    assert source.lost == []
    # It wakes up: half a message was never abandoned, and all that it gets is whole.
    inbox, numbers = Inbox(), []
    waker = threading.Thread(target=lambda: source.ask(requests, image, 0.5))
    waker.start()
    while not numbers:
        numbers += [request.number for request in inbox.messages(pairs[0][1].recv(1 << 16))]
    waker.join()
    assert numbers[0] == 0


class Reluctant(socket.socket):
    """A socket that is not ready at first, although it was said to be: systems allow themselves that."""

    refusals = 2

    def send(self, *arguments):
        self.refuse()
        return super().send(*arguments)

    def recv(self, *arguments):
        self.refuse()
        return super().recv(*arguments)

    def refuse(self):
        if self.refusals:
            self.refusals -= 1
            raise BlockingIOError


def test_a_socket_that_is_not_ready_is_tried_again(pairs):
    with Reluctant(fileno=pairs[0][0].detach()) as here, Source([here], [0], [2]) as source:
        pairs[0][1].send(answer(0, 1.0, 2.0))
        assert source.ask(0, IMAGE, LONG).values[0].tolist() == [1.0, 2.0]
        # The first refusal was that of sending, the second that of receiving; the request left afterwards.
        assert here.refusals == 0
        assert source.lost == []
        source.ask(1, IMAGE, 0.05)
        requests = [request.number for request in Inbox().messages(pairs[0][1].recv(4096))]
        assert requests[-1] == 1
