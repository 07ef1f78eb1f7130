"""Messages: what is sent arrives, in whatever pieces, and nonsense is refused."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocoin_opt.profiling.execution.messages import HEAD, LENGTH, MAX_LENGTH, Inbox, Message, encoded


@given(
    st.lists(st.tuples(st.integers(0, 2**64 - 1), st.lists(st.integers(0, 4), max_size=4)), min_size=1, max_size=4),
    st.integers(1, 50),
)
def test_messages_arrive_in_any_pieces(contents, piece):
    sent = [
        Message(number, 0.25 * number, np.arange(np.prod(shape, dtype=int), dtype=np.float32).reshape(shape))
        for number, shape in contents
    ]
    stream, inbox, received = b"".join(map(encoded, sent)), Inbox(), []
    for begin in range(0, len(stream), piece):
        received += inbox.messages(stream[begin : begin + piece])
    assert [(m.number, m.seconds) for m in received] == [(m.number, m.seconds) for m in sent]
    for one, other in zip(received, sent, strict=True):
        assert one.values.shape == other.values.shape
        assert np.array_equal(one.values, other.values)


def framed(body: bytes) -> bytes:
    return LENGTH.pack(len(body)) + body


@pytest.mark.parametrize(
    "stream",
    [
        LENGTH.pack(HEAD.size - 1),
        LENGTH.pack(MAX_LENGTH + 1),
        framed(HEAD.pack(0, 0.0, 9) + bytes(36)),
        framed(HEAD.pack(0, 0.0, 2) + bytes(4)),
        framed(HEAD.pack(0, 0.0, 1) + struct.pack("<I", 3) + bytes(8)),
        framed(HEAD.pack(0, 0.0, 1) + struct.pack("<I", 2**31) + bytes(8)),
    ],
)
def test_nonsense_is_refused(stream):
    with pytest.raises(ValueError, match="bytes"):
        list(Inbox().messages(stream))


@pytest.mark.parametrize("values", [np.zeros(MAX_LENGTH // 4, np.float32), np.zeros((1,) * 9, np.float32)])
def test_what_is_too_large_is_not_sent(values):
    with pytest.raises(ValueError, match="too large"):
        encoded(Message(0, 0.0, values))
