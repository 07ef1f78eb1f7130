"""What the study solves: seeded instances of every family, and the variants that its questions need."""

from __future__ import annotations

from dataclasses import dataclass

import rocoin_opt as ro

FAMILIES = ("paper", "mcu", "sbc", "edge", "lossy")
METHODS = ("rocoin", "nonn", "het-nonn", "random", "greedy", "lp-rounding", "local-search", "exact")
LONE = ("nonn", "het-nonn")
"""Methods without redundancy, which are also solved without the outage limit."""
REDUNDANT = tuple(method for method in METHODS if method not in LONE)
EXPECTED = ("greedy", "exact")
"""Methods that also plan for the expected answer time."""
SUREST = ("exact",)
"""Methods that also plan for the least failure probability, on every instance."""


@dataclass(frozen=True)
class Size:
    """How many instances of a size there are.

    Attributes
    ----------
    devices : int
        Devices of each instance.
    seeds : int
        Instances of each family, with the seeds from 0 on.
    expected : bool
        Whether plans for the expected answer time are made too.
    graph : bool
        Whether the sequential pipeline also runs on the same instances with a filter graph.
    """

    devices: int
    seeds: int
    expected: bool = False
    graph: bool = False


@dataclass(frozen=True)
class Scale:
    """Everything that the study is asked for.

    Attributes
    ----------
    families : tuple of str
        Families of the comparison.
    sizes : tuple of Size
        Instances of the comparison.
    swept : tuple of str
        Families whose failure probability is swept, with ``swept_devices`` devices and ``swept_seeds`` instances each.
    probabilities : tuple of float
        Failure probabilities that all devices are given.
    """

    families: tuple[str, ...]
    sizes: tuple[Size, ...]
    swept: tuple[str, ...]
    swept_devices: int
    swept_seeds: int
    probabilities: tuple[float, ...]


FULL = Scale(
    families=FAMILIES,
    sizes=(
        Size(8, 100, expected=True, graph=True),
        Size(12, 100, expected=True),
        Size(20, 100),
        Size(30, 100),
    ),
    swept=("paper", "edge"),
    swept_devices=8,
    swept_seeds=100,
    probabilities=(0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4),
)
QUICK = Scale(("paper",), (Size(8, 2, expected=True, graph=True),), ("paper", "edge"), 8, 2, (0.02, 0.2))


def generated(family: str, devices: int, seeds: int, *, graph: bool = False) -> list[ro.Instance]:
    """Make the instances of a family and size, by seed."""
    return [ro.generate(family, devices=devices, seed=seed, graph=graph) for seed in range(seeds)]


def without_limit(instance: ro.Instance) -> ro.Instance:
    """The instance without its outage limit, under the same name."""
    return instance.with_requirements(max_group_outage=1.0)


def with_failure_probability(instance: ro.Instance, probability: float) -> ro.Instance:
    """The instance with one failure probability for all devices, and a name of its own; its deadline stays."""
    devices = tuple(device.model_copy(update={"failure_probability": probability}) for device in instance.devices)
    return instance.model_copy(update={"name": f"{instance.name}-p{probability:g}", "devices": devices})
