"""The families: what is drawn for each, in one registry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rocoin_opt.instance.generate import boards, latency_tables, paper, synthetic, tight
from rocoin_opt.instance.generate.slowdowns import with_slowdowns

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator

    from rocoin_opt.instance import Device, Instance, Student


@dataclass(frozen=True)
class Family:
    """Recipe of one family.

    Attributes
    ----------
    name, summary : str
        Name, and what the family stands for.
    default_devices : int
        Number of devices N where none is asked for.
    bits_per_filter : float
        What one filter's output costs on the link.
    outage_limits : tuple of float
        Outage limits eps, of which one is drawn; lowered where there are many groups.
    deadline_factor : float
        Deadline, as a multiple of the median device's time for an even part.
    num_filters : callable
        Number of filters M for N devices.
    max_groups : callable
        Largest number of groups K for N devices and M filters.
    students : callable
        Students for M filters and K groups.
    devices : callable
        N devices; the students are given, so that memory can be drawn where it matters.
    is_synthetic : bool
        Whether devices are drawn one by one, so that each may stand for a kind.
    with_energy : callable, optional
        As ``devices``, with the powers of the devices; None where nobody knows them.
    slowdowns : callable
        The same devices with slowdown laws.
    completed : callable, optional
        Makes of an instance without a plan one that has a plan by construction; None where a plan is looked for.
    """

    name: str
    summary: str
    default_devices: int
    bits_per_filter: float
    outage_limits: tuple[float, ...]
    deadline_factor: float
    num_filters: Callable[[int], int]
    max_groups: Callable[[int, int], int]
    students: Callable[[Generator, int, int], tuple[Student, ...]]
    devices: Callable[[Generator, int, tuple[Student, ...]], tuple[Device, ...]]
    is_synthetic: bool = False
    with_energy: Callable[[Generator, int, tuple[Student, ...]], tuple[Device, ...]] | None = None
    slowdowns: Callable[[Generator, tuple[Device, ...]], tuple[Device, ...]] = with_slowdowns
    completed: Callable[[Generator, Instance], Instance] | None = None


FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        Family(
            name="paper",
            summary="the RoCoIn simulation: few slow devices on very slow links, WRN students in float32",
            default_devices=8,
            bits_per_filter=32.0,
            outage_limits=(0.05,),
            deadline_factor=2.5,
            num_filters=lambda _: 128,
            max_groups=lambda _, __: 4,
            students=paper.students,
            devices=paper.devices,
        ),
        Family(
            name="mcu",
            summary="microcontroller boards as MLPerf Tiny measured them, WRN students in int8, mixed radios",
            default_devices=12,
            bits_per_filter=8.0,
            outage_limits=(0.02,),
            deadline_factor=1.75,
            num_filters=lambda _: 128,
            max_groups=lambda devices, _: max(2, round(devices / 3)),
            students=boards.mcu_students,
            devices=boards.mcu_devices,
            with_energy=boards.mcu_devices_with_energy,
        ),
        Family(
            name="sbc",
            summary="single boards as Linpack measured them, float32 students, 8 x 8 maps over Wi-Fi or Ethernet",
            default_devices=12,
            bits_per_filter=8 * 8 * 32.0,
            outage_limits=(0.01,),
            deadline_factor=2.0,
            num_filters=lambda _: 256,
            max_groups=lambda devices, _: max(2, round(devices / 3)),
            students=boards.sbc_students,
            devices=boards.sbc_devices,
        ),
        Family(
            name="edge",
            summary="synthetic, any number of devices: groups of two to four replicas",
            default_devices=20,
            bits_per_filter=32.0,
            outage_limits=(0.04, 0.05, 0.06),
            deadline_factor=2.0,
            num_filters=synthetic.num_filters,
            max_groups=lambda devices, filters: synthetic.max_groups(devices, filters, 4),
            students=synthetic.students,
            devices=lambda rng, count, students: synthetic.devices(rng, count, students, 0.05, 0.4),
            is_synthetic=True,
        ),
        Family(
            name="lossy",
            summary="synthetic, very unreliable devices: groups of five and more replicas",
            default_devices=20,
            bits_per_filter=32.0,
            outage_limits=(0.02, 0.025, 0.03),
            deadline_factor=3.5,
            num_filters=synthetic.num_filters,
            max_groups=lambda devices, filters: synthetic.max_groups(devices, filters, 6),
            students=synthetic.students,
            devices=lambda rng, count, students: synthetic.devices(rng, count, students, 0.25, 0.65),
            is_synthetic=True,
        ),
        Family(
            name="boards",
            summary="boards of few kinds with measured latency tables, compact ImageNet networks, 7 x 7 maps",
            default_devices=12,
            bits_per_filter=7 * 7 * 32.0,
            outage_limits=(0.01,),
            deadline_factor=2.0,
            num_filters=lambda _: 512,
            max_groups=lambda devices, _: max(2, min(latency_tables.MOST_GROUPS, round(devices / 5))),
            students=latency_tables.students,
            devices=latency_tables.devices,
            slowdowns=latency_tables.with_measured_spread,
        ),
        Family(
            name="tight",
            summary="synthetic, every device is needed: bins cut into pieces, as many groups as there can be",
            default_devices=30,
            bits_per_filter=32.0,
            outage_limits=(0.04, 0.05, 0.06),
            deadline_factor=1.75,
            num_filters=tight.num_groups,
            max_groups=lambda devices, _: tight.num_groups(devices),
            students=tight.students,
            devices=tight.devices,
            completed=tight.with_bins,
        ),
    )
}
"""All families by name."""
