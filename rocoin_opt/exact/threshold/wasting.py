"""What given numbers of groups waste at prices: what their devices cost beyond what the groups are worth."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.exact.threshold.enumeration import enumerate_columns
from rocoin_opt.exact.threshold.listed_columns import AlikeColumns, packing_model
from rocoin_opt.exact.threshold.listed_packing import pack_listed
from rocoin_opt.exact.threshold.packing import PRICE_TOLERANCE
from rocoin_opt.highs import solve_linear

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.exact.threshold.packing import Counts, Effort, Status
    from rocoin_opt.grouping import Relaxation, ThresholdProblem

ROUGHLY = 0.2
"""Relative gap at which what groups waste is known well enough."""


def pack_wasting(
    problem: ThresholdProblem, relaxation: Relaxation, counts: Counts, control: Control, effort: Effort
) -> Status | None:
    """Decide whether there are so many disjoint groups that waste no more together than the bound leaves.

    Parameters
    ----------
    problem : ThresholdProblem
        Instance, objective and threshold.
    relaxation : Relaxation
        Prices at which no group is worth more than its devices cost; those of one kind are the same. What they waste,
        in what they cost beyond their worth, may be its bound less the filters that are wanted.
    counts : Counts
        Numbers of groups of each size or more.
    control : Control
        Limits.
    effort : Effort
        What it may cost.

    Returns
    -------
    Status or None
        Only ``impossible`` is proven: what is packed may waste more. None where too many columns waste so little.
    """
    slack = relaxation.bound - problem.wanted
    priced = np.flatnonzero(relaxation.prices > PRICE_TOLERANCE)
    columns = enumerate_columns(problem, relaxation, priced, slack, effort.columns, control)
    if columns is None:
        return None
    if len(columns) == 0:
        return "impossible"
    alike = AlikeColumns(problem, columns, priced)
    listed = alike.wasting(relaxation.prices, relaxation.size_prices, slack).within(counts)
    return "impossible" if listed is None else pack_listed(listed, control, effort.nodes, effort.few)[0]


def least_wasted(
    problem: ThresholdProblem, relaxation: Relaxation, counts: Counts, control: Control, effort: Effort
) -> float | None:
    """What so many disjoint groups waste together, at least.

    Parameters
    ----------
    problem : ThresholdProblem
        Instance, objective and threshold.
    relaxation : Relaxation
        Prices at which no group is worth more than its devices cost; those of one kind are the same. Groups waste what
        they cost beyond their worth. What its bound leaves of the filters that are wanted is the most that matters.
    counts : Counts
        Numbers of groups of each size or more.
    control : Control
        Limits.
    effort : Effort
        What it may cost: columns, and nodes of an integer program.

    Returns
    -------
    float or None
        A valid bound in filters, or the most that matters if it is more. None where too many columns waste so little.
    """
    most = relaxation.bound - problem.wanted
    priced = np.flatnonzero(relaxation.prices > PRICE_TOLERANCE)
    columns = enumerate_columns(problem, relaxation, priced, most, effort.columns, control)
    if columns is None:
        return None
    if len(columns) == 0:
        return most
    alike = AlikeColumns(problem, columns, priced)
    listed = alike.wasting(relaxation.prices, relaxation.size_prices, most).within(counts)
    if listed is None:
        return most
    model = packing_model(listed)
    wasted = np.append(-listed.worths, np.zeros(len(model.cost) - len(listed.worths)))
    nodes = {} if effort.nodes is None else {"mip_max_nodes": effort.nodes}
    rough = replace(control.silent(), gap=ROUGHLY)
    solution, _ = solve_linear(replace(model, sense=1, cost=wasted), rough, options=nodes)
    if solution.status == "infeasible":
        return most
    return None if solution.bound is None else min(max(solution.bound, 0.0), most)
