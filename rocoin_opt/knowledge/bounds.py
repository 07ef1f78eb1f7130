"""What no partition of the filter graph can better: proven lower bounds of the criteria.

References
----------
.. [1] J. Shi, J. Malik. Normalized cuts and image segmentation. IEEE TPAMI 22(8), 2000.
.. [2] W. E. Donath, A. J. Hoffman. Lower bounds for the partitioning of graphs. IBM Journal of Research and Development
   17(5), 1973.
.. [3] E. P. Xing, M. I. Jordan. On semidefinite relaxation for normalized k-cut and connections to spectral clustering.
   Report UCB/CSD-3-1265, University of California, Berkeley, 2003.
.. [4] R. Sotirov. An efficient semidefinite programming relaxation for the graph partition problem. INFORMS Journal on
   Computing 26(1), 2014.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rocoin_opt.control import UNLIMITED
from rocoin_opt.instance import ROUNDING
from rocoin_opt.knowledge.entry_sets import Dominance, RowSums, SumRange, UnitDiagonal
from rocoin_opt.knowledge.semidefinite import Projections, Spectra, relaxation_bound

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.instance import BoolArray, FloatArray, IntArray
    from rocoin_opt.knowledge.semidefinite import EntrySet, SpectralSet
    from rocoin_opt.knowledge.sizes import SizeRanges

MOST_ROUNDS = 400
FILTER_ROUNDS = 25_600
"""Rounds times filters that a relaxation may take by default: under a second for 256 filters."""
FEWEST_ROUNDS = 8
SORT_SECONDS = 2e-7
"""Seconds for each entry of the graph that the bounds without eigenvalues take, twice what one core took."""
MAX_DEGREE_RATIO = 1e12
"""Degrees further apart leave nothing but rounding in the conditions on sizes."""
MOST_ENTRIES = 400_000
"""Classes times filters times parts beyond which no linear program mixes the classes."""
ENTRY_SECONDS = 2e-6
"""Seconds that each of these takes to be handed to the solver and presolved."""


def ncut_bound(
    weights: FloatArray,
    ranges: SizeRanges,
    *,
    rounds: int | None = None,
    control: Control = UNLIMITED,
) -> float:
    """Lower bound on the normalised cut of all partitions with sizes within ranges.

    The larger of two bounds. A part of few filters cannot keep a large share of its volume. And the semidefinite
    relaxation of [3]_ over ``W = D^1/2 (sum of x x^T / vol) D^1/2``, with the conditions that no entry is negative,
    that none exceeds its row's diagonal, and that the sizes are within their ranges.

    Parameters
    ----------
    weights : FloatArray, M x M
        Symmetric, non-negative, zero diagonal.
    ranges : SizeRanges
        Sizes that the K parts may have.
    rounds : int, optional
        Eigenvalue problems to spend; by default as many as take under a second for 256 filters, and some seconds for
        2,048. The bound is valid for any number; with 0 it needs no multipliers, and is the sum of the K smallest
        eigenvalues of ``I - D^-1/2 A D^-1/2`` [1]_ where sizes are free and every filter has an edge.
    control : Control
        Its limit ends the rounds early, and leaves out what takes longer than is left; the bound is valid all the same,
        and 0 where there is time for nothing.

    Returns
    -------
    float
        Between 0 and K. The same arguments give the same number.
    """
    parts, connected = ranges.parts, weights.sum(axis=1) > 0.0
    if not connected.any():
        return float(parts)
    if parts == 1 or not control.has_time_for(SORT_SECONDS * ranges.total**2):
        return 0.0
    inner = weights[np.ix_(connected, connected)] / weights.max()
    similarity, root = _normalised(inner)
    total = len(similarity)
    fewest, most, least_size, most_size = _parts_with_edges(ranges, connected)
    # A part without edges counts 1, so that the normalised cut is K - <D^-1/2 A D^-1/2, W> for any number of them.
    spectral = Projections(root / np.linalg.norm(root), fewest, most)
    entries: list[EntrySet] = [Dominance(root)]
    limited = least_size > 1 or most_size < total - fewest + 1
    if limited and root.max() <= np.sqrt(MAX_DEGREE_RATIO) * root.min():
        scale = float(np.sqrt((root**2).mean()))
        entries.append(RowSums(scale / root, least_size, most_size))
    bound = parts + relaxation_bound(-similarity, spectral, entries, _rounds(total, rounds), control)
    return max(0.0, bound - ROUNDING * parts, _least_shares_cut(inner, np.minimum(ranges.upper, total)))


def cut_bound(
    weights: FloatArray,
    ranges: SizeRanges,
    *,
    rounds: int | None = None,
    control: Control = UNLIMITED,
) -> float:
    """Lower bound on the weight between parts, of all partitions with sizes within ranges.

    The larger of two bounds. A filter has at most one neighbour less in its part than the part has filters, so that its
    lightest other edges are cut. And the semidefinite relaxation of [2]_ and [4]_ over ``Z = sum of x x^T``, whose
    eigenvalues are the sizes.

    Parameters
    ----------
    weights : FloatArray, M x M
        Symmetric, non-negative, zero diagonal.
    ranges : SizeRanges
        Sizes that the K parts may have.
    rounds : int, optional
        Eigenvalue problems to spend; by default as many as take under a second for 256 filters, and some seconds for
        2,048. The bound is valid for any number.
    control : Control
        Its limit ends the rounds early, and leaves out what takes longer than is left; the bound is valid all the same,
        and 0 where there is time for nothing.

    Returns
    -------
    float
        In the unit of the weights. The same arguments give the same number.
    """
    total, parts, unit = ranges.total, ranges.parts, float(weights.max())
    if parts == 1 or unit == 0.0 or not control.has_time_for(SORT_SECONDS * total**2):
        return 0.0
    scaled = weights / unit
    least_size, most_size = int(ranges.lower.min()), int(ranges.upper.max())
    outside = np.sort(scaled, axis=1)[:, : total - most_size].sum(axis=1)
    plain = float(outside.sum()) / 2.0 * (1.0 - ROUNDING * total)
    degree = scaled.sum(axis=1)
    # Matrices are divided by the mean size, costs by the mean degree: both then have eigenvalues of about 1.
    size, scale = total / parts, float(degree.mean())
    # The trace of Z is known: without the identity, the eigenvalues that matter are the largest in size.
    centred = (np.diag(degree) - scaled) / scale - np.eye(total)
    spectral: SpectralSet
    entries: list[EntrySet] = [UnitDiagonal(1.0 / size)]
    if least_size == most_size:
        spectral = Projections(np.full(total, 1.0 / np.sqrt(total)), parts, parts)
    else:
        largest = _largest_prefixes(ranges)
        spectral = Spectra(largest / size)
        least_sum, most_sum = _square_sums(ranges)
        entries.append(SumRange((least_size / size, most_size / size), (least_sum / size, most_sum / size)))
    bound = parts * (1.0 - ROUNDING) + relaxation_bound(centred, spectral, entries, _rounds(total, rounds), control)
    return unit * max(0.0, plain, bound * scale * size / 2.0)


def evidence_bound(
    evidence: FloatArray, ranges: SizeRanges, outages: FloatArray | None = None, control: Control = UNLIMITED
) -> float:
    """Lower bound on the class evidence that is lost with a part.

    Parameters
    ----------
    evidence : FloatArray, C x M
        Share of each filter in each class, non-negative; rows sum to 1. C may be 0.
    ranges : SizeRanges
        Sizes that the K parts may have.
    outages : FloatArray, K, optional
        Non-negative weights of the parts, in their order. The loss is then the mean over parts of the largest class
        evidence in the part, with these weights; without them, or where all are 0, it is the largest of these.
    control : Control
        Its limit ends linear programs early; the bound is valid all the same.

    Returns
    -------
    float
        Between 0 and 1; 0 without classes.
    """
    if not len(evidence):
        return 0.0
    if outages is None or not outages.sum() > 0.0:
        forced = max(-(-ranges.total // ranges.parts), int(ranges.lower.max()))
        shares = np.ones(ranges.parts)
        simple = max(1.0 / ranges.parts, _crowding(evidence, ranges.parts), _subset_bound(evidence, forced, control))
        return min(
            1.0, max(simple, _mixed_bound(evidence, ranges, shares, worst=True, control=control)) * (1.0 - ROUNDING)
        )
    shares = outages / outages.sum()
    return min(1.0, _mixed_bound(evidence, ranges, shares, worst=False, control=control) * (1.0 - ROUNDING))


def _rounds(total: int, rounds: int | None) -> int:
    return max(FEWEST_ROUNDS, min(MOST_ROUNDS, FILTER_ROUNDS // total)) if rounds is None else rounds


def _normalised(weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """``D^-1/2 A D^-1/2``, with a zero row for a filter without edges, and square roots of the degrees."""
    root = np.sqrt(weights.sum(axis=1))
    inverse = np.divide(1.0, root, out=np.zeros_like(root), where=root > 0.0)
    return weights * inverse[:, None] * inverse[None, :], root


def _parts_with_edges(ranges: SizeRanges, connected: BoolArray) -> tuple[int, int, int, int]:
    """Fewest and most parts that hold filters with edges, and the least and largest number of these in such a part."""
    held = int(connected.sum())
    isolated = ranges.total - held
    # Parts of isolated filters alone take up their lower limits; the others have to hold the rest.
    without = int((np.cumsum(np.sort(ranges.lower)) <= isolated).sum())
    enough = int((np.cumsum(np.sort(ranges.upper)[::-1]) < held).sum()) + 1
    fewest = max(1, ranges.parts - without, enough)
    least_size = max(1, int(ranges.lower.min()) - isolated)
    return fewest, max(fewest, min(ranges.parts, held)), least_size, min(int(ranges.upper.max()), held)


def _least_shares_cut(weights: FloatArray, sizes: IntArray) -> float:
    """Sum over parts, of at most the given sizes, of the least share of its weight that any filter there has cut."""
    kept = np.hstack([np.zeros((len(weights), 1)), np.cumsum(-np.sort(-weights, axis=1), axis=1)])
    shares = 1.0 - (kept / weights.sum(axis=1)[:, None]).max(axis=0) - 2.0 * ROUNDING
    return float(np.maximum(shares[sizes - 1], 0.0).sum())


def _largest_prefixes(ranges: SizeRanges) -> FloatArray:
    """K descending numbers that majorise the sizes of every partition within the ranges."""
    high = np.cumsum(np.sort(ranges.upper)[::-1])
    low = np.cumsum(np.sort(ranges.lower)[::-1])
    # The j largest parts leave the smallest lower limits, those after the j largest, to the others.
    prefixes = np.minimum(high, ranges.total - (low[-1] - low))
    return np.asarray(np.diff(prefixes, prepend=0), dtype=np.float64)


def _square_sums(ranges: SizeRanges) -> tuple[float, float]:
    """Least and largest sum of the squares of the sizes, or numbers outside of these."""
    largest = _largest_prefixes(ranges)
    if ranges.are_exact:
        return (float(largest @ largest),) * 2
    return ranges.total**2 / ranges.parts, float(largest @ largest)


def _crowding(evidence: FloatArray, parts: int) -> float:
    """Of the K j + 1 filters that a class has most of, some part holds j + 1: at least the smallest of these."""
    total = evidence.shape[1]
    sums = np.cumsum(np.hstack([np.zeros((len(evidence), 1)), -np.sort(-evidence, axis=1)]), axis=1)
    each = np.arange((total - 1) // parts + 1)
    return float((sums[:, parts * each + 1] - sums[:, (parts - 1) * each]).max())


def _subset_bound(evidence: FloatArray, size: int, control: Control) -> float:
    """Lower bound on the largest class evidence in any set of at least so many filters."""
    classes, total = evidence.shape
    if not control.has_time_for(ENTRY_SECONDS * classes * total):
        return float(np.sort(_mixes(np.zeros((1, classes))) @ evidence, axis=1)[0, :size].sum())
    # SciPy takes a while to import: only here.
    from scipy.optimize import linprog

    # Least z with evidence @ y <= z, sum of y = size, 0 <= y <= 1; its multipliers weigh the classes.
    program = linprog(
        np.append(np.zeros(total), 1.0),
        A_ub=np.hstack([evidence, -np.ones((classes, 1))]),
        b_ub=np.zeros(classes),
        A_eq=np.append(np.ones(total), 0.0)[None, :],
        b_eq=[float(size)],
        bounds=[(0.0, 1.0)] * total + [(0.0, None)],
        method="highs",
        options={"time_limit": control.remaining},
    )
    mixes = _mixes(-program.ineqlin.marginals[None, :] if program.success else np.zeros((1, classes)))
    # Any mix of the classes is valid: the largest class evidence is at least the mixed one.
    return float(np.sort(mixes @ evidence, axis=1)[0, :size].sum())


def _mixed_bound(
    evidence: FloatArray, ranges: SizeRanges, shares: FloatArray, *, worst: bool, control: Control
) -> float:
    """Lower bound on a mean over parts, by shares, of their largest class evidence; or on the largest of all.

    A linear program over parts of filters finds a mix of classes for each part, and a price of a place in it. Any mixes
    and prices are valid: a filter costs at least its cheapest mixed evidence after the price, and prices come back with
    the places.
    """
    classes, total = evidence.shape
    entries = classes * total * ranges.parts
    if entries > MOST_ENTRIES or not control.has_time_for(ENTRY_SECONDS * entries):
        mixes, prices = np.full((ranges.parts, classes), 1.0 / classes), np.zeros(ranges.parts)
    else:
        mixes, prices, shares = _mixes_and_prices(evidence, ranges, shares, worst=worst, control=control)
    mixed = (shares / shares.sum())[:, None] * (mixes @ evidence)
    return float((mixed - prices[:, None]).min(axis=0).sum()) + float(prices @ _sizes_by_price(ranges, prices))


def _mixes_and_prices(
    evidence: FloatArray, ranges: SizeRanges, shares: FloatArray, *, worst: bool, control: Control
) -> tuple[FloatArray, FloatArray, FloatArray]:
    from scipy import sparse
    from scipy.optimize import linprog

    parts, (classes, total) = ranges.parts, evidence.shape
    own = sparse.eye_array(parts)
    largest = sparse.csr_array(np.ones((parts, 1))) if worst else own
    losses = [sparse.kron(own, sparse.csr_array(evidence)), -sparse.kron(largest, np.ones((classes, 1)))]
    places = [sparse.kron(own, np.ones((1, total))), sparse.csr_array((parts, largest.shape[1]))]
    once = [sparse.kron(np.ones((1, parts)), sparse.eye_array(total)), sparse.csr_array((total, largest.shape[1]))]
    # SciPy takes sparse matrices; its published types do not say so.
    limits: Any = sparse.vstack([sparse.hstack(losses), sparse.hstack(places), -sparse.hstack(places)])
    cover: Any = sparse.hstack(once)
    program = linprog(
        np.append(np.zeros(parts * total), [1.0] if worst else shares),
        A_ub=limits,
        b_ub=np.concatenate([np.zeros(parts * classes), ranges.upper, -ranges.lower]),
        A_eq=cover,
        b_eq=np.ones(total),
        bounds=(0.0, None),
        method="highs",
        options={"time_limit": control.remaining},
    )
    if not program.success:
        return np.full((parts, classes), 1.0 / classes), np.zeros(parts), shares
    rows, above, below = np.split(-program.ineqlin.marginals, [parts * classes, parts * classes + parts])
    multipliers = np.maximum(rows.reshape(parts, classes), 0.0)
    return _mixes(multipliers), below - above, multipliers.sum(axis=1) if worst else shares


def _mixes(multipliers: FloatArray) -> FloatArray:
    """Rows scaled to sum to 1; equal shares where a row has nothing."""
    positive = np.maximum(multipliers, 0.0)
    sums = positive.sum(axis=1, keepdims=True)
    equal = np.full_like(positive, 1.0 / positive.shape[1])
    return np.asarray(np.divide(positive, sums, out=equal, where=sums > 0.0))


def _sizes_by_price(ranges: SizeRanges, prices: FloatArray) -> IntArray:
    """Sizes within the ranges of the least sum of prices: what is cheapest grows first."""
    sizes, spare = ranges.lower.copy(), ranges.total - int(ranges.lower.sum())
    for part in np.argsort(prices, kind="stable").tolist():
        step = min(spare, int(ranges.upper[part] - ranges.lower[part]))
        sizes[part] += step
        spare -= step
    return sizes
