"""Slowness on purpose: waiting for a moment, and sending bytes at the rate of a slow link.

All moments are those of :func:`time.monotonic`. Every wait has an absolute end: delays of the host do not add up.
"""

from __future__ import annotations

import math
import select
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

LONGEST_WAIT = 3600.0
"""Seconds that the system is asked to wait at once: it refuses some weeks, the loops around it do not."""
PIECE_SECONDS = 0.01
"""Time between two pieces of a paced message: some times what a scheduler is late by."""


def wait_until(connection: socket.socket, moment: float) -> bool:
    """Wait for a moment.

    Returns
    -------
    bool
        False, at once, where the other side has sent something or closed the connection: then the wait is pointless.
    """
    while True:
        left = moment - time.monotonic()
        readable, _, _ = select.select([connection], [], [], min(max(left, 0.0), LONGEST_WAIT))
        if readable:
            return False
        if left <= 0.0:
            return True


def send_paced(connection: socket.socket, content: bytes, begin: float, seconds: float) -> bool:
    """Send bytes at an even rate, the last ones at ``begin + seconds``.

    Parameters
    ----------
    connection : socket
        To the other side.
    content : bytes
        What is sent.
    begin : float
        When the first byte leaves, in seconds of the monotonic clock.
    seconds : float
        How long it takes.

    Returns
    -------
    bool
        False where the other side did not wait for it, see :func:`wait_until`: then the rest left at once, because
        half a message would spoil the connection.

    Raises
    ------
    OSError
        If the connection is broken.
    """
    pieces = max(1, min(len(content), math.ceil(seconds / PIECE_SECONDS)))
    sent = 0
    for piece in range(1, pieces + 1):
        in_time = wait_until(connection, begin + seconds * piece / pieces)
        end = len(content) * piece // pieces if in_time else len(content)
        connection.sendall(content[sent:end])
        if not in_time:
            return False
        sent = end
    return True
