"""The generator: one family, one seed and a few options make one instance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.errors import InputError, Problem
from rocoin_opt.instance import (
    LARGEST,
    LARGEST_COUNT,
    SMALLEST,
    ClassAffinity,
    FilterGraph,
    Instance,
    Knowledge,
    Requirements,
)
from rocoin_opt.instance.generate.activations import activation_graph, class_means, draw_activations, rounded_array
from rocoin_opt.instance.generate.channels import with_channels
from rocoin_opt.instance.generate.domains import with_domains
from rocoin_opt.instance.generate.draws import pick, rounded
from rocoin_opt.instance.generate.families import FAMILIES
from rocoin_opt.instance.generate.kinds import of_kinds
from rocoin_opt.instance.generate.witness import is_surely_feasible, outage_together

if TYPE_CHECKING:
    from numpy.random import Generator

    from rocoin_opt.instance.generate.families import Family

ATTEMPTS = 200
"""Draws, of which the first that is surely feasible is taken."""
FAILING_GROUPS = 0.5
"""Most groups that may fail on average: with many groups, a drawn outage limit is lowered to this share."""
SLOWDOWN_STREAM = 1
"""Ends the entropy of the draws of slowdown laws."""
DOMAIN_STREAM = 2
"""Ends the entropy of the draws of failure domains."""
CHANNEL_STREAM = 3
"""Ends the entropy of the draws of channels."""
WITH_CHANNELS = ("paper", "mcu", "sbc", "edge")
"""Families whose devices may share channels."""
DEFAULT_CLASSES = 10
MOST_CLASSES = 1000
GRAPH_DIGITS = 4
LARGEST_GRAPH = 4096
"""Filters, up to which a dense graph stays within the size that a reader accepts."""


@dataclass(frozen=True)
class Options:
    """What a caller asked for; None leaves a choice to the family."""

    devices: int
    seed: int
    filters: int | None
    max_groups: int | None
    max_group_outage: float | None
    deadline: float | None
    graph: bool
    classes: int | None
    slowdowns: bool
    domains: int | None
    kinds: int | None
    energy: bool
    channels: int | None = None


def generate(
    family: str,
    *,
    devices: int | None = None,
    seed: int = 0,
    filters: int | None = None,
    max_groups: int | None = None,
    max_group_outage: float | None = None,
    deadline: float | None = None,
    graph: bool = False,
    classes: int | None = None,
    slowdowns: bool = False,
    domains: int | None = None,
    kinds: int | None = None,
    energy: bool = False,
    channels: int | None = None,
) -> Instance:
    """Generate an instance that has a plan. The same arguments always make the same instance.

    Parameters
    ----------
    family : str
        A name of :data:`FAMILIES`.
    devices : int, optional
        Number of devices N; the family's default where absent.
    seed : int
        Seed of every draw.
    filters : int, optional
        Number of filters M. The students' capacities grow with it.
    max_groups : int, optional
        Largest number of groups K.
    max_group_outage : float, optional
        Outage limit eps of a group. Where absent, the family's, but at most 0.5 / K, and at least what all devices
        together reach.
    deadline : float, optional
        Deadline D in seconds. Where absent, the family's multiple of the median device's time for an even part with the
        cheapest student that can learn it; reliability may allow fewer parts than K.
    graph : bool
        Add a synthetic filter graph and class affinities. The rest of the instance stays the same.
    classes : int, optional
        Number of classes behind the graph; 10 where absent.
    slowdowns : bool
        Give the devices slowdown laws, see :mod:`rocoin_opt.instance.generate.slowdowns`. The rest of the instance
        stays the same.
    domains : int, optional
        Number of failure domains that the devices are assigned to, see :mod:`rocoin_opt.instance.generate.domains`; at
        most N, none where absent. The rest of the instance stays the same where it has a plan with them.
    kinds : int, optional
        Number of kinds of alike devices, at most N, for the synthetic families; see
        :mod:`rocoin_opt.instance.generate.kinds`. Every device is a kind of its own where absent.
    energy : bool
        Draw only boards with measured energy, and state their powers; for the family ``mcu`` only.
    channels : int, optional
        Number of channels that the devices are assigned to, at most N, each with one transfer at a time; see
        :mod:`rocoin_opt.instance.generate.channels`. For the families ``paper``, ``mcu``, ``sbc`` and ``edge``; links
        of their own where absent. The rest of the instance stays the same, the deadline too.

    Returns
    -------
    Instance
        Named after family, number of devices and seed.

    Raises
    ------
    InputError
        If an option is out of range, or no draw is feasible with these options.

    Examples
    --------
    >>> small = ro.generate("mcu", devices=6, seed=1)
    >>> len(small.devices), small.knowledge.num_filters
    (6, 128)
    """
    recipe = _require_family(family)
    count = recipe.default_devices if devices is None else devices
    options = Options(
        devices=count,
        seed=seed,
        filters=filters,
        max_groups=max_groups,
        max_group_outage=max_group_outage,
        deadline=deadline,
        graph=graph,
        classes=classes,
        slowdowns=slowdowns,
        domains=domains,
        kinds=kinds,
        energy=energy,
        channels=channels,
    )
    _require_options(options, recipe)
    if energy and recipe.with_energy is None:
        allowed = f"one of {', '.join(name for name, other in FAMILIES.items() if other.with_energy is not None)}"
        raise InputError("options", [Problem("energy", f"with the family {family}", allowed)])
    rng = np.random.default_rng(_entropy(options, family))
    # A stream of its own: with and without domains, the first draw is the same.
    domain_rng = np.random.default_rng([*_entropy(options, family), DOMAIN_STREAM, DOMAIN_STREAM])
    for _ in range(ATTEMPTS):
        instance = _draw(recipe, options, rng, domain_rng)
        if recipe.completed is not None or is_surely_feasible(instance):
            if slowdowns:
                instance = _with_slowdowns(instance, options, recipe)
            if channels is not None:
                instance = _with_channels(instance, options, family)
            return _with_graph(instance, options, family) if graph else instance
    found = ", ".join(f"{name} {value}" for name, value in _given(options).items())
    domains_too = "more domains, " if domains else ""
    allowed = f"more devices or groups, {domains_too}fewer filters or a looser outage limit: no draw has a plan"
    raise InputError("options", [Problem("devices", f"{family} with {found}", allowed)])


def _draw(recipe: Family, options: Options, rng: Generator, domain_rng: Generator) -> Instance:
    num_filters = options.filters or recipe.num_filters(options.devices)
    usual = recipe.max_groups(options.devices, num_filters)
    max_groups = options.max_groups or usual
    # A looser limit on the groups does not make the devices more reliable: the students stay large enough.
    groups = min(max_groups, usual, num_filters)
    limit = min(pick(rng, recipe.outage_limits), rounded(FAILING_GROUPS / groups, 2))
    students = recipe.students(rng, num_filters, groups)
    make = recipe.with_energy if options.energy and recipe.with_energy is not None else recipe.devices
    devices = make(rng, options.devices, students)
    if options.kinds is not None:
        devices = of_kinds(rng, devices[: options.kinds], options.devices)
    shared, domains = with_domains(domain_rng, devices, options.domains) if options.domains else (devices, ())
    if options.max_group_outage is not None:
        limit = options.max_group_outage
    else:
        # Very few devices cannot keep the family's limit, not even all in one group.
        limit = max(limit, math.ceil(1000 * outage_together(shared, domains)) / 1000)
    instance = Instance(
        name=f"{recipe.name}-{options.devices}-{options.seed}",
        source=_source(recipe, options),
        devices=devices,
        students=students,
        knowledge=Knowledge(num_filters=num_filters, bits_per_filter=recipe.bits_per_filter),
        requirements=Requirements(max_groups=max_groups, max_group_outage=limit),
    )
    if recipe.completed is not None:
        instance = recipe.completed(rng, instance)
    deadline = options.deadline or _deadline(instance, recipe.deadline_factor)
    instance = instance.with_requirements(deadline_seconds=deadline)
    return instance._replace({"devices": shared, "failure_domains": domains}) if domains else instance


def _with_slowdowns(instance: Instance, options: Options, recipe: Family) -> Instance:
    # A stream of its own, and none that a graph may have: with and without laws, all else is the same.
    rng = np.random.default_rng([*_entropy(options, recipe.name), SLOWDOWN_STREAM, SLOWDOWN_STREAM])
    return instance._replace({"devices": recipe.slowdowns(rng, instance.devices)})


def _with_channels(instance: Instance, options: Options, family: str) -> Instance:
    # A stream of its own: with and without channels, all else is the same.
    rng = np.random.default_rng([*_entropy(options, family), *[CHANNEL_STREAM] * 3])
    devices, channels = with_channels(rng, instance.devices, options.channels or 1)
    return instance.model_copy(update={"devices": devices, "channels": channels})


def _with_graph(instance: Instance, options: Options, family: str) -> Instance:
    # A stream of its own: with and without the graph, the devices are the same.
    num_filters = instance.knowledge.num_filters
    rng = np.random.default_rng([*_entropy(options, family), num_filters])
    activations, labels = draw_activations(rng, num_filters, options.classes or DEFAULT_CLASSES)
    knowledge = Knowledge(
        num_filters=num_filters,
        bits_per_filter=instance.knowledge.bits_per_filter,
        graph=FilterGraph.from_weights(rounded_array(activation_graph(activations), GRAPH_DIGITS)),
        class_affinity=ClassAffinity.from_values(rounded_array(class_means(activations, labels), GRAPH_DIGITS)),
    )
    return Instance.model_validate({**instance.model_dump(exclude_unset=True), "knowledge": knowledge})


def _entropy(options: Options, family: str) -> list[int]:
    # Families and sizes differ in every draw, not only in what they make of the same draws.
    return [options.seed, options.devices, int.from_bytes(family.encode())]


def _deadline(instance: Instance, factor: float) -> float:
    # More groups than reliability allows would make the even part, and the deadline, too small.
    groups = max(1, min(instance.max_groups, int(instance.arrays.cover_share.sum())))
    part = math.ceil(instance.knowledge.num_filters / groups)
    # Where devices have tables, not every student has its time on each of them.
    slowest = instance.arrays.base.max(axis=0)
    able = [j for j, s in enumerate(instance.students) if s.max_filters >= part and np.isfinite(slowest[j])]
    student = min(able, key=lambda j: instance.students[j].flops, default=len(instance.students) - 1)
    size = min(part, instance.students[student].max_filters)
    seconds = instance.arrays.latency(np.arange(len(instance.devices)), student, size)
    return rounded(factor * float(np.median(seconds)), 3)


def _source(recipe: Family, options: Options) -> str:
    given = ", ".join(f"{name} {value}" for name, value in _given(options).items())
    return f"generated: family {recipe.name} ({recipe.summary}); {given}"


def _given(options: Options) -> dict[str, object]:
    return {name: value for name, value in vars(options).items() if value is not None and value is not False}


def _require_family(name: str) -> Family:
    if name not in FAMILIES:
        raise InputError("options", [Problem("family", repr(name), ", ".join(FAMILIES))])
    return FAMILIES[name]


def _require_options(options: Options, recipe: Family) -> None:
    # Of a number of devices that is refused itself nothing follows for domains and kinds.
    most_domains = options.devices if type(options.devices) is int and options.devices > 0 else LARGEST_COUNT
    graph_limit = LARGEST_GRAPH if options.graph else LARGEST_COUNT
    counts = {
        "devices": (options.devices, 1, LARGEST_COUNT),
        "seed": (options.seed, 0, 2**31 - 1),
        "filters": (options.filters, 1, graph_limit),
        "max_groups": (options.max_groups, 1, LARGEST_COUNT),
        "classes": (options.classes, 1, MOST_CLASSES),
        "domains": (options.domains, 1, most_domains),
        "kinds": (options.kinds, 1, most_domains),
        "channels": (options.channels, 1, most_domains),
    }
    problems = [
        Problem(name, repr(value), f"a whole number from {low} to {high}")
        for name, (value, low, high) in counts.items()
        if value is not None and not (type(value) is int and low <= value <= high)
    ]
    numbers = {
        "max_group_outage": (options.max_group_outage, SMALLEST, 1.0),
        "deadline": (options.deadline, SMALLEST, LARGEST),
    }
    problems += [
        Problem(name, repr(value), f"a number from {low:g} to {high:g}")
        for name, (value, low, high) in numbers.items()
        if value is not None and not (type(value) in (int, float) and low <= value <= high)
    ]
    if options.classes is not None and not options.graph:
        problems.append(Problem("classes", repr(options.classes), "only together with graph"))
    if options.kinds is not None and not recipe.is_synthetic:
        synthetic = ", ".join(family.name for family in FAMILIES.values() if family.is_synthetic)
        problems.append(Problem("kinds", repr(options.kinds), f"only for the synthetic families: {synthetic}"))
    if options.domains is not None and recipe.completed is not None:
        problems.append(Problem("domains", repr(options.domains), f"not in {recipe.name}: its groups have no slack"))
    if options.channels is not None and recipe.name not in WITH_CHANNELS:
        allowed = f"only for the families {', '.join(WITH_CHANNELS)}"
        problems.append(Problem("channels", repr(options.channels), allowed))
    if options.kinds is not None and options.slowdowns:
        problems.append(Problem("kinds", repr(options.kinds), "not together with slowdowns, which differ by device"))
    if problems:
        raise InputError("options", problems)
