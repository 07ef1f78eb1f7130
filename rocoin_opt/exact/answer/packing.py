"""The cheapest packing of listed sets, by depth-first search over those that reduced costs leave.

A packing better than a limit has no set whose reduced cost alone is beyond it, nor several that are so together. Sets
stand by ascending reduced cost and are chosen in that order, so a branch ends at the first one that is too dear.
"""

from __future__ import annotations

import importlib.util
import math
import sys
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from rocoin_opt.exact.answer.packing_search import at_the_start, search
from rocoin_opt.plan import SMALLEST_OUTAGE

if TYPE_CHECKING:
    from collections.abc import Callable

    from rocoin_opt.control import Control
    from rocoin_opt.exact.answer.relaxation import Costs, Reduced, Wanted
    from rocoin_opt.exact.answer.sets import ServingSets
    from rocoin_opt.instance import FloatArray

EFFORT_A_CALL = 50_000_000
"""Sets to look at, compiled, between two looks at the clock: a tenth of a second."""
SLOWER = 500
"""Factor by which the search takes longer where it is not compiled."""
MIN_COMPILED_SETS = 1_000
"""Sets from which on a compiled search saves more than the seconds that it takes to compile, at first, or to load."""
COMPILING = 10.0
"""Seconds that compiling takes at most."""


@dataclass(frozen=True)
class Packed:
    """What a search for a packing ended with.

    Attributes
    ----------
    packings : tuple of tuples of int
        The sets of the best packing, or of several; none where there is none below the limit.
    cost : float
        Cost of the best one; infinite without one, or with several.
    finished : bool
        Whether there is none better, or none else.
    """

    packings: tuple[tuple[int, ...], ...]
    cost: float
    finished: bool

    @property
    def rows(self) -> tuple[int, ...]:
        """The sets of the first packing."""
        return self.packings[0] if self.packings else ()


def cheapest_packing(
    sets: ServingSets,
    costs: Costs,
    reduced: Reduced,
    wanted: Wanted,
    limit: float,
    control: Control,
    *,
    unit: float = 0.0,
    most: float = math.inf,
    packings: int = 1,
    most_failure: float = math.inf,
    dues: FloatArray | None = None,
    must: int = 0,
) -> Packed:
    """Find the packing of least cost below a limit, or several packings below it.

    Parameters
    ----------
    sets : ServingSets
        What is packed.
    costs : Costs
        One a set.
    reduced : Reduced
        What prices prove.
    wanted : Wanted
        What a packing has to be.
    limit : float
        Cost below which packings are looked for.
    control : Control
        Limit.
    unit : float
        Costs are ``-ln(1 - outage)`` in this unit; 0 where they grow with the part.
    most : float
        Sets to look at, over and over, after which the search ends without a clock; fewer where it is not compiled.
    packings : int
        Where there are more than one, that many packings below the limit are looked for, and none is the best.
    most_failure : float
        What ``-ln(1 - outage)`` of all sets together may be.
    dues : FloatArray, optional
        What takes the place of ``-ln(1 - outage)`` there, one a set.
    must : int
        Devices that a packing has to use, as bits.
    """
    lowest = min(0.0, float(reduced.costs.min(initial=0.0)))
    # So many sets of a packing may have no room for parts of each given size: of the smallest size none.
    levels, counts = wanted.levels
    lacks, may_lack = (sets.largest[:, None] < levels).astype(np.int64), len(wanted.sizes) - counts
    fits = (lacks <= may_lack).all(axis=1)
    useful = np.flatnonzero(fits & (reduced.base + reduced.costs + (wanted.most - 1) * lowest < limit))
    order = useful[np.argsort(reduced.costs[useful], kind="stable")]
    if len(order) == 0:
        return Packed((), math.inf, finished=True)
    # Every part has one filter: costs count from there on.
    fixed, spare = costs.fixed[order] + costs.per_filter[order], sets.largest[order] - 1
    weights = -np.log(np.maximum(sets.outage[order], SMALLEST_OUTAGE))
    listed = sets.masks[order], reduced.costs[order], fixed, costs.per_filter[order], spare, weights
    with np.errstate(divide="ignore"):
        due = -np.log1p(-sets.outage[order]) if dues is None else dues[order]
    rules = lacks[order][:, 1:], may_lack[1:], due, most_failure, sets.weight, unit
    run = compiled_by_numba(search, len(order) >= MIN_COMPILED_SETS, control)
    effort = EFFORT_A_CALL // SLOWER if run is search else EFFORT_A_CALL
    stack, depth, best, seen = at_the_start(len(order), wanted.most, len(levels[1:]), packings), 0, limit, 0
    while depth >= 0 and not control.exhausted and seen * (EFFORT_A_CALL // effort) <= most:
        depth, best, looked = run(
            *listed, *rules, must, wanted.filters, wanted.fewest, wanted.most, reduced.base, stack, depth, best, effort
        )
        seen += looked
        if packings > 1 and stack.found[-1, 0] >= 0:
            # Whether there are more nobody has looked.
            break
    found = tuple(tuple(order[row[row >= 0]].tolist()) for row in stack.found if row[0] >= 0)
    return Packed(found, best if found and packings == 1 else math.inf, finished=depth < 0)


def compiled_by_numba(function: Callable[..., Any], is_worthwhile: bool, control: Control) -> Callable[..., Any]:
    """A function as Numba compiles it, or as it is: where Numba is missing, or the time or the gain too small.

    Parameters
    ----------
    function : callable
        In the subset of Python that Numba compiles.
    is_worthwhile : bool
        Whether there is enough to do.
    control : Control
        Limit.
    """
    if not is_worthwhile or not _has_numba():
        return function
    # What has run once needs no time to compile any more.
    is_ready = "numba" in sys.modules and bool(getattr(_compiled(function), "signatures", ()))
    return _compiled(function) if is_ready or control.has_time_for(COMPILING) else function


@cache
def _has_numba() -> bool:
    return importlib.util.find_spec("numba") is not None


@cache
def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    from numba import njit

    compiled: Callable[..., Any] = njit(cache=True)(function)
    return compiled
