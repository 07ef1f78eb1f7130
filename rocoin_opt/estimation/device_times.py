"""Compute and transfer times of a device's answers, as far as a log tells them apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rocoin_opt.estimation.law_fits import Laws, TimeEstimate, estimate_times
from rocoin_opt.wording import counted

if TYPE_CHECKING:
    from rocoin_opt.estimation.request_log import RequestLog
    from rocoin_opt.instance import Device, FloatArray, IntArray


class DeviceTimes(NamedTuple):
    """What was found of a device's times.

    Attributes
    ----------
    compute, link : TimeEstimate or None
        Seconds of compute and of transfer, or of transfer per byte; None where they could not be estimated.
    link_bits_per_second : float or None
        Rate of the link at factor 1, if the log has bytes and transfers could be estimated.
    notes : tuple of str
        Reservations about the estimates.
    """

    compute: TimeEstimate | None
    link: TimeEstimate | None
    link_bits_per_second: float | None
    notes: tuple[str, ...]


def device_times(log: RequestLog, device: Device, rows: IntArray, laws: Laws, seed: int) -> DeviceTimes:
    """Estimate the times of a device's answers, as far as the log tells them apart.

    Parameters
    ----------
    log : RequestLog
        The log.
    device : Device
        As it was given.
    rows : IntArray
        Rows of its answers.
    laws : {'auto', 'empirical', 'none'}
        See :data:`~rocoin_opt.estimation.law_fits.LAWS`.
    seed : int
        Of the samples that fits are compared with.
    """
    if not len(rows):
        return DeviceTimes(None, None, None, ())
    compute, transfer, notes = split_times(log, device, rows)
    if laws == "none":
        notes = ()
    counted_bytes = log.num_bytes[rows]
    found = None if compute is None else estimate_times(compute, laws, seed)
    if transfer is None:
        return DeviceTimes(found, None, None, notes)
    if transfer is compute:
        return DeviceTimes(found, found, None, notes)
    if np.isnan(counted_bytes).any():
        return DeviceTimes(found, estimate_times(transfer, laws, seed), None, notes)
    link = estimate_times(transfer / counted_bytes, laws, seed)
    return DeviceTimes(found, link, 8.0 / link.nominal, notes)


def split_times(
    log: RequestLog, device: Device, rows: IntArray
) -> tuple[FloatArray | None, FloatArray | None, tuple[str, ...]]:
    """Seconds of compute and of transfer of a device's answers, None where the log does not tell, and remarks.

    Without compute times and bytes all of an answer but the overhead counts as either.

    Parameters
    ----------
    log : RequestLog
        The log.
    device : Device
        Its overhead is taken off, and its rate tells the transfer where only bytes are known.
    rows : IntArray
        Rows of answers of this device, at least one.
    """
    left = log.response[rows] - device.overhead_seconds
    if not np.isnan(log.compute[rows]).any():
        compute: FloatArray = log.compute[rows]
        transfer = left - compute
        if (transfer > 0.0).all():
            return compute, transfer, ()
        return compute, None, (_too_soon(transfer, "overhead and compute", "link"),)
    if not np.isnan(log.num_bytes[rows]).any():
        compute = left - 8.0 * log.num_bytes[rows] / device.uplink_bits_per_second
        note = "no compute_seconds: what transfers at uplink_bits_per_second leave counts as compute"
        if (compute > 0.0).all():
            return compute, None, (note,)
        return None, None, (_too_soon(compute, "overhead and transfer", "compute"),)
    if (left > 0.0).all():
        return left, left, ("no compute_seconds and no bytes: one law of whole answers for compute and link",)
    return None, None, (_too_soon(left, "overhead", "compute and link"),)


def _too_soon(left: FloatArray, terms: str, law: str) -> str:
    early = int((left <= 0.0).sum())
    return f"{early} of {counted(len(left), 'answer')} came sooner than its {terms}: the law of {law} stays as given"
