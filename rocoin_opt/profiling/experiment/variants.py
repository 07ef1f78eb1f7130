"""Plans whose parts are learnt: what found them, and what cut their parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.errors import UnsupportedError
from rocoin_opt.knowledge import contiguous_partition
from rocoin_opt.plan import with_filters
from rocoin_opt.planning.compare import compare
from rocoin_opt.planning.partition import partition

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.instance import Instance, IntArray
    from rocoin_opt.plan import Plan

METHODS = ("exact", "rocoin", "nonn", "random")
NCUT, RESILIENT, RANDOM = "ncut", "resilient", "random"
PARTITIONS = (NCUT, RESILIENT, RANDOM)
"""What cuts parts: the plans' own way, the criterion that spreads each class, and chance."""


@dataclass(frozen=True)
class Variant:
    """A plan whose parts are learnt.

    Attributes
    ----------
    name : str
        What its files and rows are called.
    method, criterion : str
        What found the plan, and what cut its parts: a criterion, or ``random``.
    instance : Instance
        What it is a plan for; without the outage limit where the method cannot keep it.
    plan : Plan
        With explicit filters.
    """

    name: str
    method: str
    criterion: str
    instance: Instance
    plan: Plan

    @property
    def lessons(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """What is learnt: student and filters of each part, in an order that is the same whoever holds the parts."""
        return tuple(sorted(((group.student, group.filters or ()) for group in self.plan.groups), key=_largest_first))


def variants_of(instance: Instance, seed: int) -> tuple[Variant, ...]:
    """Find the plans of all methods, and fill the exact plan's parts in other ways.

    Raises
    ------
    UnsupportedError
        If there is no exact plan, or no filter graph and class affinity to cut parts by.
    """
    found, reasons = _plans(instance, seed, METHODS)
    if "exact" in reasons:
        raise UnsupportedError(f"{instance.name} has no plan to learn: {reasons['exact']}")
    exact, made = found[0], []
    for name, how in ((f"exact-{RESILIENT}", RESILIENT), ("exact-random-parts", RANDOM)):
        plan = with_filters(instance, exact.plan, cut_anew(instance, exact.plan.sizes, how, seed))
        made.append(Variant(name, "exact", how, instance, plan))
    return (*found, *made)


def crossed(
    instance: Instance, seed: int, methods: Sequence[str] = METHODS, partitions: Sequence[str] = PARTITIONS
) -> tuple[tuple[Variant, ...], dict[str, str]]:
    """Cut the parts of every method's plan in every way.

    Parameters
    ----------
    instance : Instance
        With filter graph and class affinity.
    seed : int
        Of random plans and parts.
    methods, partitions : sequence of str
        Some of :data:`METHODS` and :data:`PARTITIONS`.

    Returns
    -------
    tuple of Variant, dict of str to str
        Variants called ``METHOD-PARTITION``; and why there is no plan, by the methods that found none.

    Raises
    ------
    UnsupportedError
        If there is no filter graph and class affinity to cut parts by.
    """
    found, reasons = _plans(instance, seed, methods)
    labels: dict[tuple[str, tuple[int, ...]], IntArray] = {}
    made = []
    for own in found:
        for how in partitions:
            plan, cut = own.plan, (how, own.plan.sizes)
            if how != NCUT:
                # Plans with parts of the same sizes are cut once.
                labels[cut] = labels[cut] if cut in labels else cut_anew(instance, own.plan.sizes, how, seed)
                plan = with_filters(own.instance, plan, labels[cut])
            made.append(Variant(f"{own.method}-{how}", own.method, how, own.instance, plan))
    return tuple(made), reasons


def cut_anew(instance: Instance, sizes: Sequence[int], criterion: str, seed: int) -> IntArray:
    """Cut the filters into parts of given sizes.

    Parameters
    ----------
    instance : Instance
        With filter graph and class affinity.
    sizes : sequence of int
        Of the parts, K.
    criterion : str
        One that partitions are judged by, or ``random``.
    seed : int
        Of the search, or of chance.

    Returns
    -------
    IntArray, M
        Part of each filter.
    """
    if criterion == RANDOM:
        shuffled: IntArray = np.random.default_rng(seed).permutation(contiguous_partition(sizes))
        return shuffled
    graph, affinity = instance.knowledge.graph, instance.knowledge.class_affinity
    if graph is None or affinity is None:
        raise _nothing_to_cut_by(instance)
    weights = graph.dense(instance.knowledge.num_filters)
    return partition(weights, len(sizes), sizes, criterion, affinity.values, seed).labels


def _plans(instance: Instance, seed: int, methods: Sequence[str]) -> tuple[list[Variant], dict[str, str]]:
    """The methods' own plans, whose parts the normalised cut has cut; and why others have none."""
    if instance.knowledge.graph is None or instance.knowledge.class_affinity is None:
        raise _nothing_to_cut_by(instance)
    results = compare(instance, methods, seed=seed)
    found = [
        Variant(result.method, result.method, NCUT, result.instance, result.plan)
        for result in results
        if result.plan is not None
    ]
    # A method that cannot keep the outage limit is asked once more without it.
    planned = {variant.method for variant in found}
    return found, {each.method: "; ".join(each.reasons) for each in results if each.method not in planned}


def _nothing_to_cut_by(instance: Instance) -> UnsupportedError:
    return UnsupportedError(f"{instance.name} has no filter graph or no class affinity to cut parts by")


def _largest_first(lesson: tuple[str, tuple[int, ...]]) -> tuple[int, str, tuple[int, ...]]:
    student, filters = lesson
    return -len(filters), student, filters
