"""What source and replicas say to each other: a length, a small head, and an array of 32-bit floats. No pickle."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

ValueArray: TypeAlias = np.ndarray[Any, np.dtype[np.float32]]

LENGTH = struct.Struct("<I")
"""Bytes that follow."""
HEAD = struct.Struct("<QdB")
"""Number of the request, seconds, number of dimensions; 32-bit sizes follow."""
SIZE = struct.Struct("<I")
MAX_LENGTH = 1 << 26
"""Most bytes of a message: an image is far smaller."""
MAX_DIMENSIONS = 8
VALUE = np.dtype("<f4")
NOTHING: ValueArray = np.zeros(0, dtype=np.float32)
"""Values of a message about a shared channel."""


@dataclass(frozen=True, eq=False)
class Message:
    """A request or an answer; without values a claim of a shared channel, or the leave to send on it.

    Attributes
    ----------
    number : int
        Number of the request; an answer repeats it.
    seconds : float
        Of a request: when it was sent, by the monotonic clock that all processes of a host share. Of an answer: by how
        much the student was slower than its instance has it, 0 where it was not. Of a claim: since when the replica is
        ready. Of a leave: from when on it may send.
    values : ValueArray
        An image, or the features of a part.
    """

    number: int
    seconds: float
    values: ValueArray


def encoded(message: Message) -> bytes:
    """Return a message as bytes, its length first.

    Raises
    ------
    ValueError
        If it is too large.
    """
    values = np.asarray(message.values, dtype=VALUE)
    head = HEAD.pack(message.number, message.seconds, values.ndim)
    sizes = b"".join(map(SIZE.pack, values.shape))
    length = len(head) + len(sizes) + values.nbytes
    if length > MAX_LENGTH or values.ndim > MAX_DIMENSIONS:
        raise ValueError(f"a message of {length} bytes in {values.ndim} dimensions is too large")
    return LENGTH.pack(length) + head + sizes + values.tobytes()


class Inbox:
    """Puts together the messages of one connection from whatever pieces arrive."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def messages(self, received: bytes) -> Iterator[Message]:
        """Take bytes in, and yield every message that they complete.

        Raises
        ------
        ValueError
            If the bytes are no message.
        """
        self._bytes += received
        while len(self._bytes) >= LENGTH.size:
            (length,) = LENGTH.unpack_from(self._bytes)
            if not HEAD.size <= length <= MAX_LENGTH:
                raise ValueError(f"a message of {length} bytes")
            end = LENGTH.size + length
            if len(self._bytes) < end:
                return
            body = bytes(self._bytes[LENGTH.size : end])
            del self._bytes[:end]
            yield _decoded(body)


def _decoded(body: bytes) -> Message:
    number, seconds, dimensions = HEAD.unpack_from(body)
    begin = HEAD.size + dimensions * SIZE.size
    if dimensions > MAX_DIMENSIONS or begin > len(body):
        raise ValueError(f"a message of {len(body)} bytes in {dimensions} dimensions")
    shape = tuple(SIZE.unpack_from(body, HEAD.size + axis * SIZE.size)[0] for axis in range(dimensions))
    if math.prod(shape) * VALUE.itemsize != len(body) - begin:
        raise ValueError(f"{len(body) - begin} bytes for an array of shape {shape}")
    return Message(number, seconds, np.frombuffer(body, VALUE, offset=begin).reshape(shape))
