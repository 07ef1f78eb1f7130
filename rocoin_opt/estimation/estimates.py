"""Failure probabilities and slowdown laws of devices, from a log of requests."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from pydantic_core import PydanticCustomError

from rocoin_opt.errors import InputError, Problem
from rocoin_opt.estimation.device_times import device_times
from rocoin_opt.estimation.law_fits import FEWEST_FOR_LAW, FEWEST_MEASURED, LAWS, Laws, TimeEstimate
from rocoin_opt.estimation.losses import burst_probability, failure_limits
from rocoin_opt.estimation.request_log import RequestLog, read_request_log
from rocoin_opt.instance import Device, Empirical, expanded
from rocoin_opt.wording import counted, listed

if TYPE_CHECKING:
    from collections.abc import Sequence


FEW_REQUESTS = 30
"""Below, what one knows of a failure probability is the number of requests rather than that of losses."""
LARGEST_CRASH_PROBABILITY = math.nextafter(1.0, 0.0)
"""What stands for 1, which no device may have."""
IN_BURSTS = 0.01
"""Probability with which losses that are independent are taken for bursts, over all devices."""
OFF = 0.1
"""Relative difference from which on a link's rate in the log is told apart from that of the device."""


@dataclass(frozen=True)
class DeviceEstimate:
    """Estimates for one device, from a log.

    Attributes
    ----------
    device : Device
        The given device, with the estimated failure probability and laws.
    requests, losses : int
        How often it was asked, and how often no answer came.
    limit : float or None
        Upper confidence limit of its failure probability; None without a request.
    compute, link : TimeEstimate or None
        Seconds of compute and of transfer, or of transfer per byte; None where they could not be estimated.
    link_bits_per_second : float or None
        Rate of the link at factor 1, if the log has bytes and transfers could be estimated.
    notes : tuple of str
        Reservations about the estimates.
    """

    device: Device
    requests: int
    losses: int
    limit: float | None
    compute: TimeEstimate | None
    link: TimeEstimate | None
    link_bits_per_second: float | None
    notes: tuple[str, ...]

    @property
    def share_lost(self) -> float | None:
        """Estimate of the failure probability without a margin: the share of requests that were lost."""
        return self.losses / self.requests if self.requests else None


@dataclass(frozen=True, eq=False)
class DeviceEstimates:
    r"""Estimates for devices, from a log of requests.

    Attributes
    ----------
    log : RequestLog
        The log.
    confidence : float
        Probability with which the limits of all devices hold together, if the requests of each device fail
        independently of each other.
    level : float
        Confidence level of each device's own limit, 1 - (1 - confidence) / N for N devices in the log.
    point : bool
        Whether failure probabilities are the shares of lost requests instead of the limits.
    estimates : tuple of DeviceEstimate
        In the order of the devices given.

    Examples
    --------
    >>> from pathlib import Path
    >>> rows = [f"{n},device-0,{n},{n + 0.5}" for n in range(100)]
    >>> _ = Path("log.csv").write_text("\n".join(["request,device,sent_seconds,answered_seconds", *rows]))
    >>> found = ro.estimate_devices("log.csv", instance.devices, laws="none")
    >>> len(found.devices)
    6
    """

    log: RequestLog
    confidence: float
    level: float
    point: bool
    estimates: tuple[DeviceEstimate, ...]

    @property
    def devices(self) -> tuple[Device, ...]:
        """The devices to plan with, for :meth:`rocoin_opt.Instance.with_devices`."""
        return tuple(found.device for found in self.estimates)

    def document(self) -> dict[str, Any]:
        """Return the estimates as plain data, the content of ``rocoin-opt estimate --json``."""
        return {
            "format": "rocoin-opt/estimates",
            "version": 1,
            "log": self.log.source,
            "confidence": self.confidence,
            "level": self.level,
            "failure_probability": "point" if self.point else "limit",
            "devices": [_device_document(found) for found in self.estimates],
        }


def estimate_devices(
    log: str | Path | RequestLog,
    devices: Sequence[Device],
    *,
    confidence: float = 0.95,
    point: bool = False,
    laws: Laws = "auto",
    link_rates: bool = False,
    seed: int = 0,
) -> DeviceEstimates:
    r"""Estimate failure probabilities and slowdown laws of devices from a log of requests.

    A device fails with a probability that is at most the exact binomial limit of Clopper and Pearson, each at a level
    at which the limits of all devices hold together with the confidence that is asked for. A plan that keeps
    ``max_group_outage`` with these limits keeps it with the true probabilities, then. No answer is a failure,
    whatever the reason: an answer that came after the source stopped waiting, too.

    The laws multiply a time that the log does not tell: it is fitted with the law, see
    :class:`~rocoin_opt.estimation.law_fits.TimeEstimate`. Compute times, rates and overhead of the devices stay, so it
    is for the user to see that they are those times.

    Parameters
    ----------
    log : str, Path or RequestLog
        The log, see :func:`~rocoin_opt.estimation.request_log.read_request_log`.
    devices : sequence of Device
        Everything else about the devices. Those that the log does not name stay as they are.
    confidence : float
        Above 0 and below 1.
    point : bool
        Use the shares of lost requests as failure probabilities, without a margin.
    laws : {'auto', 'empirical', 'none'}
        The likeliest of the shipped laws, or the measured factors where none passes a test; always the measured
        factors; or the laws that the devices have.
    link_rates : bool
        Give the devices the rates of their links in the log, where transfers and bytes tell them.
    seed : int
        Seed of the samples that the test draws, 0 or more.

    Returns
    -------
    DeviceEstimates
        With a note on each device for which the log says too little.

    Raises
    ------
    InputError
        If an option is out of range, or the log is faulty.

    Examples
    --------
    >>> from pathlib import Path
    >>> rows = [f"{n},device-0,{n},{n + 0.5}" for n in range(100)]
    >>> _ = Path("log.csv").write_text("\n".join(["request,device,sent_seconds,answered_seconds", *rows]))
    >>> found = ro.estimate_devices("log.csv", instance.devices, laws="none")
    >>> round(found.devices[0].failure_probability, 4)
    0.0295
    """
    rules = (
        ("confidence", repr(confidence), 0.0 < confidence < 1.0, "a number above 0 and below 1"),
        ("laws", repr(laws), laws in LAWS, f"one of {', '.join(LAWS)}"),
        ("seed", repr(seed), seed >= 0, "a whole number from 0"),
    )
    if problems := [Problem(name, found, allowed) for name, found, holds, allowed in rules if not holds]:
        raise InputError("options", problems)
    try:
        given = expanded(devices)
    except PydanticCustomError as error:
        fault = error.context or {}
        raise InputError("devices", [Problem(fault["field"], fault["found"], fault["allowed"])]) from None
    if not isinstance(log, RequestLog):
        log = read_request_log(log, {device.id for device in given})
    if strangers := sorted(set(log.devices) - {device.id for device in given}):
        raise InputError(log.source, [Problem("device", repr(strangers[0]), "the ids of the devices given")])
    rows = dict(zip(log.devices, log.rows_of(), strict=True))
    lost = {name: np.isnan(log.answered[places]) for name, places in rows.items()}
    margin = (1.0 - confidence) / len(rows)
    limits = failure_limits(
        np.array([len(which) for which in lost.values()]), np.array([which.sum() for which in lost.values()]), margin
    )
    limit_of = dict(zip(rows, limits.tolist(), strict=True))
    sending = Counter(device.channel for device in given if device.channel is not None)
    shared = frozenset(name for name, count in sending.items() if count > 1)
    choices = _Choices(Path(log.source).name, 1.0 - margin, point, laws, link_rates, shared)
    estimates: list[DeviceEstimate] = []
    for device in given:
        if device.id not in rows:
            note = "not in the log: failure probability and laws stay as given"
            estimates.append(DeviceEstimate(device, 0, 0, None, None, None, None, (note,)))
            continue
        which = lost[device.id]
        times = device_times(log, device, rows[device.id][~which], laws, seed)
        found = DeviceEstimate(device, len(which), int(which.sum()), limit_of[device.id], *times)
        if burst_probability(which) < IN_BURSTS / len(rows):
            note = "its losses come in bursts, while the limit takes them as independent: it may be too low"
            found = replace(found, notes=(note, *found.notes))
        estimates.append(_with_findings(found, choices))
    return DeviceEstimates(log, confidence, 1.0 - margin, point, tuple(estimates))


class _Choices(NamedTuple):
    """What is to be done with what was found."""

    source: str
    level: float
    point: bool
    laws: Laws
    link_rates: bool
    shared: frozenset[str]
    """Channels that several devices send on."""


def _with_findings(found: DeviceEstimate, choices: _Choices) -> DeviceEstimate:
    """The estimate with the device that follows from it, and with what is to be said of it."""
    device, notes = found.device, []
    if found.losses == found.requests:
        notes.append("never answered: treated as lost")
    elif found.requests < FEW_REQUESTS:
        notes.append(f"only {counted(found.requests, 'request')}: its limit mostly reflects their small number")
    if device.failure_domain is not None and found.losses:
        notes.append(f"losses due to its failure domain {device.failure_domain} count as its own as well")
    if device.channel in choices.shared and (found.compute, found.link) != (None, None) and choices.laws != "none":
        notes.append(f"waiting for channel {device.channel} counts as its own time; only answers sent alone avoid that")
    words = [f"{choices.source}: {found.losses} of {counted(found.requests, 'request')} without an answer"]
    words.append("their share" if choices.point else f"exact upper limit at level {choices.level:.6g}")
    probability = found.share_lost if choices.point else found.limit
    changes: dict[str, Any] = {"failure_probability": min(probability or 0.0, LARGEST_CRASH_PROBABILITY)}
    reasons: dict[str, list[str]] = {}
    for name, times in (("compute", found.compute), ("link", found.link)):
        if times is None or choices.laws == "none":
            continue
        if (reason := _why_no_law(times, choices.laws)) is not None:
            reasons.setdefault(reason, []).append(name)
        if times.law is not None:
            changes[f"{name}_slowdown"] = None if times.law.law == "constant" else times.law
            words.append(f"{name} {times.law.law} of {counted(times.count, 'answer')}")
    notes += [f"{listed(names)} {reason}" for reason, names in reasons.items()]
    rate = found.link_bits_per_second
    if rate is not None and choices.link_rates:
        changes["uplink_bits_per_second"] = rate
        words.append("rate of the link from its bytes")
    elif rate is not None and abs(rate / device.uplink_bits_per_second - 1.0) > OFF:
        given = f"{device.uplink_bits_per_second:g}"
        notes.append(f"the link carries {rate:.4g} bit/s at factor 1, but uplink_bits_per_second stays {given}")
    if device.source is not None:
        words.append(f"otherwise {device.source}")
    changes["source"] = "; ".join(words)
    return replace(found, device=device._replace(changes), notes=(*notes, *found.notes))


def _why_no_law(times: TimeEstimate, laws: Laws) -> str | None:
    """Why the factors have no law, for a remark; None where they have one."""
    if times.law is None:
        return f"as given: {counted(times.count, 'answer')} of at least {FEWEST_MEASURED}"
    if not isinstance(times.law, Empirical):
        return None
    measured = f"as measured, none slower than the slowest of {counted(times.count, 'answer')}"
    if laws == "empirical":
        return measured
    if times.rejected:
        return f"{measured}: not even {times.rejected} fits, the likeliest law (p = {times.p_value:.2g})"
    return f"{measured}: a law needs {FEWEST_FOR_LAW}"


def _device_document(found: DeviceEstimate) -> dict[str, Any]:
    return {
        "id": found.device.id,
        "requests": found.requests,
        "losses": found.losses,
        "share_lost": found.share_lost,
        "limit": found.limit,
        "failure_probability": found.device.failure_probability,
        "compute": _times_document(found.compute),
        "link": _times_document(found.link),
        "link_bits_per_second": found.link_bits_per_second,
        "notes": list(found.notes),
    }


def _times_document(found: TimeEstimate | None) -> dict[str, Any] | None:
    if found is None:
        return None
    law = None if found.law is None else found.law.model_dump(mode="json")
    return {
        "count": found.count,
        "nominal": found.nominal,
        "law": law,
        "p_value": found.p_value,
        "rejected": found.rejected or None,
    }
