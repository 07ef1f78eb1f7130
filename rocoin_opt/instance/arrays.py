"""An instance's numbers as arrays: the one owner of the latency formula and of its inverse.

``l(n, j, s) = t0_n + (F_j + f_j s) / c_n + beta s / r_n`` is affine in the part size s, so two N x J matrices hold it:
``base`` and ``slope``. Where a device was measured with a student, its seconds stand in place of those over c.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from rocoin_opt.instance.fields import LARGEST, SMALLEST
from rocoin_opt.instance.tolerances import LIMIT_TOLERANCE, keeps_limit, stretched

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from rocoin_opt.instance.entities import Device, FailureDomain, Knowledge, Requirements, Student

FloatArray: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]
IntArray: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]
BoolArray: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]

SMALLEST_LIMIT = 1e-6
"""Limits closer to 1, in logarithms, are no limits to cover shares: rounding decides them, and ``check`` has to."""


@dataclass(frozen=True, eq=False)
class InstanceArrays:
    """Read-only arrays over N devices and J students, in the instance's order.

    Attributes
    ----------
    base, slope : FloatArray, N x J
        Latency of device n with student j is ``base + slope * s`` seconds for a part of s filters.
        Infinite where the device cannot run the student because nobody knows how long it takes.
    compute : FloatArray, N x J x 2
        What of the two is computing: seconds of a part without and per filter.
    transfer : FloatArray, N
        Seconds in which the device sends one filter.
    largest : IntArray, N x J
        Largest part that fits: by memory, by the student's capacity, by the number of filters, by the device's own
        limit on energy and by the rate of requests; 0 where none fits, where the device may not or cannot run the
        student, and where a rule says that it is spare.
    energy : FloatArray, N x J x 2
        Joules of a part without and per filter, where the device runs the student to its end; zeros without powers.
    rate : FloatArray, N
        FLOP/s. Of a device without ``flops_per_second`` what its table comes to: FLOP over seconds, both summed over
        the students in it, for parts without filters.
    failure : FloatArray, N
        Crash probabilities p.
    cover_share : FloatArray, N
        Share of a group's outage limit that the device covers, ``ln p / ln eps`` cut off at 1: devices keep the limit
        exactly when their shares sum to 1 or more. In a failure domain p is what the device alone would fail with,
        ``pi + (1 - pi) p``; devices of one domain cover no more than the sum of their shares, so whoever keeps the
        limit has shares that sum to 1, but not the other way round. All 1 where the limit is within a millionth of 1:
        then the shares promise too much, and only :func:`keeps_outage_limit` decides.
    domain_failure : dict
        Failure probability of each failure domain, by identifier.
    device_index, student_index : dict
        Position of each identifier.
    """

    base: FloatArray
    slope: FloatArray
    compute: FloatArray
    transfer: FloatArray
    largest: IntArray
    energy: FloatArray
    rate: FloatArray
    failure: FloatArray
    cover_share: FloatArray
    domain_failure: dict[str, float]
    device_index: dict[str, int]
    student_index: dict[str, int]

    @classmethod
    def of(
        cls,
        devices: Sequence[Device],
        students: Sequence[Student],
        knowledge: Knowledge,
        requirements: Requirements,
        domains: Sequence[FailureDomain] = (),
        idle: Collection[int] = (),
    ) -> InstanceArrays:
        """Derive the arrays of what an instance holds.

        Parameters
        ----------
        devices, students : sequence of Device, sequence of Student
            N devices and J students, in the order of their indices.
        knowledge : Knowledge
            Number of filters, and bits of one on a link.
        requirements : Requirements
            The outage limit of a group.
        domains : sequence of FailureDomain
            What devices share.
        idle : collection of int
            Indices of devices that are to be in no group.
        """
        uplink = _column([device.uplink_bits_per_second for device in devices])
        overhead = _column([device.overhead_seconds for device in devices])
        memory = _column([device.memory_bytes for device in devices])
        fixed_memory, memory_per_filter, capacity = np.array(
            [(student.memory_bytes, student.memory_bytes_per_filter, student.max_filters) for student in students]
        ).T
        compute = _compute_seconds(devices, students)
        transfer = knowledge.bits_per_filter / uplink
        base = overhead + compute[:, :, 0]
        slope = compute[:, :, 1] + transfer
        energy = _energy(devices, compute, transfer)
        room = np.minimum(capacity, knowledge.num_filters).astype(np.int64)
        failure = np.array([device.failure_probability for device in devices])
        largest = _largest_within(fixed_memory[None, :], memory_per_filter[None, :], room, stretched(memory))
        for n, device in enumerate(devices):
            if n in idle:
                largest[n] = 0
            elif device.students is not None:
                largest[n] *= [student.id in device.students for student in students]
        largest[np.isinf(base)] = 0
        if requirements.requests_per_second is not None:
            between = stretched(1.0 / requirements.requests_per_second)
            largest = np.minimum(largest, _largest_within(compute[:, :, 0], slope, room, between))
        joules = [math.inf if device.max_joules is None else device.max_joules for device in devices]
        if min(joules) < math.inf:
            able = _largest_within(energy[:, :, 0], energy[:, :, 1], room, stretched(_column(joules)))
            largest = np.minimum(largest, able)
        falls = {domain.id: domain.failure_probability for domain in domains}
        with_domain = np.array([falls.get(device.failure_domain or "", 0.0) for device in devices])
        arrays = cls(
            base=base,
            slope=slope,
            compute=compute,
            transfer=transfer[:, 0],
            largest=largest,
            energy=energy,
            rate=np.array([_rate(device, students) for device in devices]),
            failure=failure,
            cover_share=_cover_share(failure, with_domain, requirements.max_group_outage),
            domain_failure=falls,
            device_index={device.id: n for n, device in enumerate(devices)},
            student_index={student.id: j for j, student in enumerate(students)},
        )
        for array in vars(arrays).values():
            if isinstance(array, np.ndarray):
                array.flags.writeable = False
        return arrays

    def latency(self, device: Any, student: Any, num_filters: Any) -> FloatArray:
        """Latency from dispatch to answer, l(n, j, s).

        Parameters
        ----------
        device, student : int or IntArray
            Indices n and j.
        num_filters : int or IntArray
            Size s of the part. All three broadcast against each other.

        Returns
        -------
        FloatArray
            Seconds.
        """
        latency: FloatArray = self.base[device, student] + self.slope[device, student] * num_filters
        return latency

    def joules(self, device: Any, student: Any, num_filters: Any) -> FloatArray:
        """Energy of a part, for indices n and j and sizes s that broadcast against each other.

        Parameters
        ----------
        device, student, num_filters : int or IntArray
            As for :meth:`latency`.
        """
        joules: FloatArray = self.energy[device, student, 0] + self.energy[device, student, 1] * num_filters
        return joules

    @property
    def as_energy(self) -> InstanceArrays:
        """The same with joules in place of the seconds of :meth:`latency`; what fits stays as it is."""
        return replace(self, base=self.energy[:, :, 0], slope=self.energy[:, :, 1])

    def largest_part(self, threshold: float) -> IntArray:
        """Largest part that each device delivers within a threshold in seconds: S[n, j](T), N x J, 0 where none."""
        return _largest_within(self.base, self.slope, self.largest, threshold)


class LatencyTerms(NamedTuple):
    """What a latency is made of, in seconds; slowdown laws multiply the second and the third."""

    overhead: float
    compute: float
    transfer: float

    @property
    def busy(self) -> float:
        """Seconds of a request in which the device computes or sends."""
        return self.compute + self.transfer


def latency_terms(device: Device, student: Student, num_filters: int, bits_per_filter: float) -> LatencyTerms:
    """Terms of l(n, j, s); rounded each, they may miss its last digit.

    Parameters
    ----------
    device, student : Device, Student
        Who computes, and what.
    num_filters : int
        Size s of the part.
    bits_per_filter : float
        Bits of one filter on the link.

    Returns
    -------
    LatencyTerms
        Seconds.
    """
    measured = device.compute_time(student.id)
    if measured is not None:
        compute = measured.seconds + measured.seconds_per_filter * num_filters
    elif device.flops_per_second is not None:
        compute = (student.flops + student.flops_per_filter * num_filters) / device.flops_per_second
    else:
        compute = math.inf
    return LatencyTerms(
        overhead=device.overhead_seconds,
        compute=compute,
        transfer=bits_per_filter * num_filters / device.uplink_bits_per_second,
    )


def keeps_outage_limit(outage: float, max_group_outage: float) -> bool:
    """Whether an outage probability keeps the limit, up to what rounding does to products."""
    return keeps_limit(outage, max_group_outage)


def _compute_seconds(devices: Sequence[Device], students: Sequence[Student]) -> FloatArray:
    """Seconds of computing without and per filter, N x J x 2; infinite and 0 where nobody knows them."""
    work = np.array([(student.flops, student.flops_per_filter) for student in students])
    rates = np.array([device.flops_per_second or math.inf for device in devices])
    seconds: FloatArray = work[None, :, :] / rates[:, None, None]
    for n, device in enumerate(devices):
        if device.flops_per_second is None:
            seconds[n] = math.inf, 0.0
        if device.compute_seconds is not None:
            for j, student in enumerate(students):
                measured = device.compute_time(student.id)
                if measured is not None:
                    seconds[n, j] = measured.seconds, measured.seconds_per_filter
    return seconds


def _energy(devices: Sequence[Device], compute: FloatArray, transfer: FloatArray) -> FloatArray:
    """Joules without and per filter, N x J x 2; 0 where the device cannot run the student, too."""
    watts = np.array([(device.compute_watts or 0.0, device.transmit_watts or 0.0) for device in devices])
    spent: FloatArray = watts[:, :1, None] * np.where(np.isinf(compute), 0.0, compute)
    spent[:, :, 1] += watts[:, 1:] * transfer
    return spent


def _rate(device: Device, students: Sequence[Student]) -> float:
    if device.flops_per_second is not None:
        return device.flops_per_second
    timed = [(student.flops, device.compute_time(student.id)) for student in students]
    flops = sum(work for work, measured in timed if measured is not None)
    seconds = sum(measured.seconds for _, measured in timed if measured is not None)
    # Students without FLOP and tables of zeros tell no rate.
    return min(max(flops / max(seconds, SMALLEST), SMALLEST), LARGEST)


def _column(values: list[float]) -> FloatArray:
    return np.array(values, dtype=np.float64)[:, None]


def _largest_within(fixed: FloatArray, per_filter: FloatArray, room: IntArray, limit: FloatArray | float) -> IntArray:
    """Largest integer s <= room with ``fixed + per_filter * s <= limit`` in floating point; 0 where s = 1 fails."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        quotient = np.floor((limit - fixed) / per_filter)
    # 0 / 0: no cost per filter and no slack left; the corrections below settle it.
    quotient = np.where(np.isnan(quotient), room, quotient)
    sizes = np.clip(quotient, 0, room).astype(np.int64)
    # The quotient can be off by one where rounding carried it across an integer.
    sizes = np.where(fixed + per_filter * sizes > limit, sizes - 1, sizes)
    # It is short by many where a filter costs less than the rounding of the sum: halve what is left between.
    largest = np.where(fixed + per_filter * np.minimum(sizes + 1, room) <= limit, room, sizes)
    while (sizes < largest).any():
        middle = (sizes + largest + 1) // 2
        fits = fixed + per_filter * middle <= limit
        sizes, largest = np.where(fits, middle, sizes), np.where(fits, largest, middle - 1)
    fits = fixed + per_filter * np.maximum(sizes, 1) <= limit
    return np.asarray(np.where(fits, np.maximum(sizes, 0), 0), dtype=np.int64)


def weight_with_domain(weights: FloatArray, falls: Any) -> FloatArray:
    """What devices that fail with their domain add to the weight of a group: ``-ln(pi + (1 - pi) e^-w)``.

    It is concave in w, at most w, and below ``-ln pi``.

    Parameters
    ----------
    weights : FloatArray
        Sums w of ``-ln p`` over some devices of the domain, 0 for none; infinite where one never fails alone.
    falls : float or FloatArray
        Probability pi that the domain itself fails.

    Returns
    -------
    FloatArray
        The weights themselves, digit by digit, where the domain never fails.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        # Each form keeps its digits where the other one loses them.
        light = -np.log1p((1.0 - falls) * np.expm1(-weights))
        heavy = -np.log(falls + (1.0 - falls) * np.exp(-weights))
    together = np.where(weights < 0.5, light, heavy)
    return np.asarray(np.where(np.asarray(falls) == 0.0, weights, together), dtype=np.float64)


def _cover_share(failure: FloatArray, falls: FloatArray, max_group_outage: float) -> FloatArray:
    """Shares of devices, each alone with its domain, where it has one that may fail."""
    if max_group_outage <= 0.0:
        return np.asarray((failure == 0.0) & (falls == 0.0), dtype=np.float64)
    # The limit as keeps_outage_limit reads it, tolerance included: both must agree on which devices keep it.
    needed = -(math.log(max_group_outage) + math.log1p(LIMIT_TOLERANCE))
    if needed < SMALLEST_LIMIT:
        return np.ones_like(failure)
    with np.errstate(divide="ignore"):
        weights = weight_with_domain(-np.log(failure), falls)
        return np.asarray(np.minimum(weights / needed, 1.0), dtype=np.float64)
