"""The packing of least energy among listed sets with their students, as an integer program."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.exact.answer import members
from rocoin_opt.highs import LinearModel, solve_linear
from rocoin_opt.instance import SOLVER_SAFETY

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.exact.answer import Energy
    from rocoin_opt.instance import Instance, IntArray


def leanest_packing(
    instance: Instance, masks: IntArray, parts: IntArray, energy: Energy, control: Control
) -> tuple[list[int], list[int], bool]:
    """Look for a packing within the limit on energy, and prove that there is none.

    Parameters
    ----------
    instance : Instance
        What was given, with a limit on all energy.
    masks : IntArray, C
        Devices of each set, as bits.
    parts : IntArray, C
        Filters that each can hold.
    energy : Energy
        What each takes with its student.
    control : Control
        Limit.

    Returns
    -------
    list of int, list of int, bool
        The sets and their sizes, none where none were found; and whether it is proven that there are none. What is
        above the limit by less than the solver can tell may be found, and is to be checked.
    """
    unit = energy.limit or 1.0
    model = leanest_model(instance, masks, parts, energy, unit)
    solution, values = solve_linear(model, control, options={"objective_target": energy.limit / unit})
    if values is None:
        return [], [], solution.status == "infeasible"
    if solution.bound is not None and solution.bound > energy.limit / unit + SOLVER_SAFETY:
        return [], [], True
    rows = np.flatnonzero(values[: len(masks)] > 0.5)
    sizes = 1 + np.rint(values[len(masks) + rows]).astype(np.int64)
    return rows.tolist(), sizes.tolist(), False


def leanest_model(instance: Instance, masks: IntArray, parts: IntArray, energy: Energy, unit: float) -> LinearModel:
    r"""``min sum A x + B y``: ``x`` a set with one filter, ``y <= (v - 1) x`` its further ones; devices once at most.

    Parameters
    ----------
    instance, masks, parts, energy
        As for :func:`leanest_packing`.
    unit : float
        Joules that count as 1.
    """
    count, sets, wanted = len(instance.devices), len(masks), instance.knowledge.num_filters
    most, used = float(instance.max_groups), instance.restrictions.use
    devices = [members(mask) for mask in masks.tolist()]
    # Rows: devices, number of groups, filters, and for each set its further filters.
    rows = [row for c, own in enumerate(devices) for row in (*own, count, count + 1, count + 2 + c)]
    values = [
        value
        for own, v in zip(devices, parts.tolist(), strict=True)
        for value in (*(1.0 for _ in own), 1.0, 1.0, 1.0 - v)
    ]
    rows += [row for c in range(sets) for row in (count + 1, count + 2 + c)]
    values += [1.0] * (2 * sets)
    lengths = [*(len(own) + 3 for own in devices), *(2 for _ in devices)]
    least = [1.0 if n in used else -math.inf for n in range(count)]
    return LinearModel(
        sense=1,
        offset=0.0,
        cost=np.concatenate([energy.first, energy.per_filter]) / unit,
        lower=np.zeros(2 * sets),
        upper=np.concatenate([np.ones(sets), parts - 1.0]),
        row_lower=np.array([*least, float(instance.requirements.min_groups), float(wanted), *([-math.inf] * sets)]),
        row_upper=np.array([*([1.0] * count), most, float(wanted), *([0.0] * sets)]),
        starts=np.cumsum([0, *lengths]),
        rows=np.array(rows),
        values=np.array(values),
        integral=np.ones(2 * sets, dtype=np.int64),
    )
