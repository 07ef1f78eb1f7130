"""The best partition that many refinements find: from spectral clusterings, from chance, from disturbed best ones."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.control import UNLIMITED
from rocoin_opt.knowledge.criteria import Criterion, evidence_lost
from rocoin_opt.knowledge.refinement import SMALLEST_GAIN, refine
from rocoin_opt.knowledge.sizes import SizeRanges, contiguous_partition
from rocoin_opt.knowledge.spectral import exchanged_partitions, spectral_partitions
from rocoin_opt.knowledge.tracking import Tracker

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rocoin_opt.control import Control
    from rocoin_opt.instance import FloatArray, IntArray
    from rocoin_opt.knowledge.sizes import Sizes

SPECTRAL_STARTS = 6
"""Refinements from spectral clusterings; three of four of the others start from chance."""
EXCHANGED_STARTS = 12
"""Refinements from the best partition of free sizes where sizes are limited, which part gets which range by chance."""
DISTURBED = (0.05, 0.1, 0.2, 0.5)
"""Share of the filters of the best partition that change parts before a refinement, in turn."""
WORK = 200_000
"""Filters times parts that are refined in all: a second. Class evidence costs several times as much."""
MIN_DESCENTS, MAX_DESCENTS = 12, 40
LIMITED_DESCENTS = 60
"""Most refinements where sizes are limited: there are more local optima then."""
STEP_SECONDS = 2e-8
"""Seconds for each pair of filters before the first step of a refinement: it looks through the graph a few times."""
MIN_RANDOM = 12
"""Refinements beyond which chance pays: from there they take the longest, and end in the best optima now and then."""


def find_parts(
    criterion: Criterion,
    ranges: SizeRanges,
    seed: int = 0,
    starts: Sequence[IntArray] = (),
    *,
    descents: int | None = None,
    control: Control = UNLIMITED,
) -> IntArray:
    """Find a partition of a low value.

    Parameters
    ----------
    criterion : Criterion
        What partitions are judged by, over M filters and K parts.
    ranges : SizeRanges
        Sizes that the parts may have.
    seed : int
        Seed of every random choice.
    starts : sequence of IntArray
        Further partitions to begin with, within the ranges.
    descents : int, optional
        Number of refinements, at least 1; chosen by the size of the graph where absent.
    control : Control
        Its limit ends the search early, and leaves out what takes longer than is left. Where nothing is left the
        partition is the first of the starts, or filters are dealt out in their order.

    Returns
    -------
    IntArray, M
        Part of each filter, 0 to K - 1, within the ranges. The same arguments give the same labels, unless a
        limit came first.
    """
    rng = np.random.default_rng(seed)
    level = ranges.nearest(np.full(ranges.parts, ranges.total // ranges.parts))
    nothing_to_choose_by = not criterion.weights.any() and not len(criterion.evidence)
    if ranges.parts in (1, ranges.total) or nothing_to_choose_by:
        return _numbered(criterion, ranges, contiguous_partition(level.tolist()))
    if descents is None:
        most = MAX_DESCENTS if ranges.are_free else LIMITED_DESCENTS
        descents = min(most, max(MIN_DESCENTS, WORK // (ranges.total * ranges.parts)))
    in_any_order = ranges.are_nested and not criterion.parts_differ
    if not control.has_time_for(STEP_SECONDS * ranges.total**2):
        return _numbered(criterion, ranges, starts[0] if len(starts) else contiguous_partition(level.tolist()))
    fresh = _starts(criterion, ranges, rng, starts, control)
    best, least = _refined(criterion, next(fresh), ranges, control, in_any_order)
    for turn in range(1, descents):
        if control.exhausted:
            break
        start = next(fresh, None)
        if start is None:
            chance = descents >= MIN_RANDOM and turn % 4 > 0
            start = (
                rng.permutation(best)
                if chance
                else _disturbed(best, DISTURBED[turn // 4 % len(DISTURBED)], ranges, rng)
            )
        labels, value = _refined(criterion, start, ranges, control, in_any_order)
        if value < least - SMALLEST_GAIN:
            best, least = labels, value
    return ranges.arranged(best)


def _refined(
    criterion: Criterion, labels: IntArray, ranges: SizeRanges, control: Control, in_any_order: bool
) -> tuple[IntArray, float]:
    while True:
        tracker = Tracker(criterion, labels)
        refine(tracker, ranges, control, in_any_order=in_any_order)
        labels = _numbered(criterion, ranges, tracker.labels)
        if (
            labels is tracker.labels
            or control.exhausted
            or criterion.value(labels) >= criterion.value(tracker.labels) - SMALLEST_GAIN
        ):
            return tracker.labels, tracker.value


def _numbered(criterion: Criterion, ranges: SizeRanges, labels: IntArray) -> IntArray:
    """The same parts, numbered such that those with the most evidence to lose are the least likely to be lost."""
    if criterion.outages is None:
        return labels
    sizes = np.bincount(labels, minlength=ranges.parts)
    fits = (ranges.lower <= sizes[:, None]) & (sizes[:, None] <= ranges.upper)
    costs = np.outer(evidence_lost(criterion.evidence, labels), criterion.outages)
    # SciPy takes a while to import: only here.
    from scipy.optimize import linear_sum_assignment

    # More than all losses together: only what fits is chosen, and the numbers as they are fit.
    _, number = linear_sum_assignment(np.where(fits, costs, 1.0 + ranges.parts))
    return np.asarray(number[labels])


def ncut_parts(weights: FloatArray, parts: int, sizes: Sizes, seed: int, control: Control = UNLIMITED) -> IntArray:
    """Cut a filter graph into parts of a low normalised cut, by few refinements: for plans that prove nothing of it.

    Parameters
    ----------
    weights : FloatArray, M x M
        Symmetric, non-negative, zero diagonal.
    parts : int
        Number of parts, K.
    sizes : sequence or None
        See :meth:`SizeRanges.of`.
    seed : int
        Seed of every random choice.
    control : Control
        Limit; see :func:`find_parts`.

    Returns
    -------
    IntArray, M
        Part of each filter, 0 to K - 1.
    """
    ranges = SizeRanges.of(len(weights), parts, sizes)
    return find_parts(Criterion.of("ncut", weights, parts), ranges, seed, descents=SPECTRAL_STARTS, control=control)


def _starts(
    criterion: Criterion,
    ranges: SizeRanges,
    rng: np.random.Generator,
    starts: Sequence[IntArray],
    control: Control,
) -> Iterator[IntArray]:
    """Partitions to refine that do not depend on what was found before."""
    yield from starts
    if criterion.weights.any() and criterion.graph_weight > 0.0:
        yield from spectral_partitions(criterion.weights, ranges, rng, SPECTRAL_STARTS, control)
        if not ranges.are_free:
            free = SizeRanges.of(ranges.total, ranges.parts)
            clustered = next(spectral_partitions(criterion.weights, free, rng, 1, control), None)
            if clustered is not None:
                labels, _ = _refined(criterion, clustered, free, control, in_any_order=True)
                exchanged = exchanged_partitions(criterion.weights, labels, ranges, rng, control)
                yield from islice(exchanged, EXCHANGED_STARTS)
    level = ranges.nearest(np.full(ranges.parts, ranges.total // ranges.parts))
    yield rng.permutation(contiguous_partition(level.tolist()))


def _disturbed(labels: IntArray, share: float, ranges: SizeRanges, rng: np.random.Generator) -> IntArray:
    """The partition with some filters in other parts: in each other's places where that keeps the ranges."""
    chosen = rng.permutation(len(labels))[: max(2, round(share * len(labels)))]
    changed = labels.copy()
    changed[chosen] = rng.integers(ranges.parts, size=len(chosen))
    if not ranges.hold(np.bincount(changed, minlength=ranges.parts)):
        changed[chosen] = labels[rng.permutation(chosen)]
    return changed
