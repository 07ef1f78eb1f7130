"""The requests of a log as traces, which a simulation replays: devices that were slow together are slow together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.errors import InputError, Problem
from rocoin_opt.estimation.device_times import split_times
from rocoin_opt.failure import Traces

if TYPE_CHECKING:
    from rocoin_opt.estimation.estimates import DeviceEstimates


def traces_of(estimates: DeviceEstimates) -> Traces:
    """Make traces of those requests that all devices of the log were sent.

    Factors are times over those that a factor of 1 stands for in the estimates; they are 1 where no answer came, and
    where the log does not tell a time.

    Parameters
    ----------
    estimates : DeviceEstimates
        What was found of the log.

    Returns
    -------
    Traces
        Of the devices in the log, in its order, with ``compute``, ``link`` and ``alive``.

    Raises
    ------
    InputError
        If no request was sent to all devices, or a factor is out of the range of traces.
    """
    log = estimates.log
    form = len(log.requests), len(log.devices)
    asked, alive = np.zeros(form, dtype=np.bool_), np.zeros(form, dtype=np.bool_)
    asked[log.request, log.device] = True
    alive[log.request, log.device] = ~np.isnan(log.answered)
    compute, link = np.ones(form), np.ones(form)
    found = {estimate.device.id: estimate for estimate in estimates.estimates}
    for column, (name, rows) in enumerate(zip(log.devices, log.rows_of(), strict=True)):
        answers = rows[~np.isnan(log.answered[rows])]
        if not len(answers):
            continue
        estimate = found[name]
        computing, sending, _ = split_times(log, estimate.device, answers)
        if computing is not None and estimate.compute is not None:
            compute[log.request[answers], column] = computing / estimate.compute.nominal
        if sending is not None and estimate.link is not None:
            per_unit = sending / log.num_bytes[answers] if estimate.link_bits_per_second is not None else sending
            link[log.request[answers], column] = per_unit / estimate.link.nominal
    whole = asked.all(axis=1)
    if not whole.any():
        problem = Problem("", "no request with a row for every device of the log", "at least one, to replay it")
        raise InputError(log.source, [problem])
    return Traces(log.devices, compute[whole], link[whole], alive[whole])
