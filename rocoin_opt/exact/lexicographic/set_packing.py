"""Disjoint groups out of listed choices: the linear program with its prices, and the integer program.

A group takes a part of ``least`` to ``most`` filters, and its cost is linear in the size. So a fraction of a group of
any size is a mixture of the two ends, and the linear program needs these two columns alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from rocoin_opt.grouping import Pricing, generate_columns
from rocoin_opt.heuristics import cheapest_sizes
from rocoin_opt.highs import LinearModel, RestrictedMaster, solve_linear
from rocoin_opt.instance import SAFETY, SOLVER_SAFETY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rocoin_opt.control import Control
    from rocoin_opt.grouping import Choices, ThresholdProblem
    from rocoin_opt.highs import Option
    from rocoin_opt.instance import FloatArray, IntArray

PRICING_TOLERANCE = SAFETY
"""Saving below which a column does not improve the linear program."""
COLUMNS_A_ROUND = 200
"""Choices that one pricing adds."""
MAX_NODES = 2_000
"""Branch-and-bound nodes of one integer program: a limit that is the same on every machine."""
MAX_NODE_CHOICES = 100_000
"""Nodes times choices of one integer program: nodes of large programs take longer."""
CUTOFF = SOLVER_SAFETY
"""Relative cost beyond a limit on it up to which groups are still looked for: it keeps tolerances away from ties."""


@dataclass(frozen=True, eq=False)
class Demand:
    """What the groups must add up to.

    Attributes
    ----------
    devices : int
        Number of devices, N; each serves one group at most.
    lower, upper : FloatArray, R
        Ranges of the sums: the number of groups of each kind, or, where sizes are free, the number of groups that can
        take so many filters, for some levels, and the number of filters.
    kinds : int
        Number of kinds; 0 where sizes are free.
    levels : IntArray, R - 1
        Those numbers of filters, the first one being 0; empty where there are kinds.
    """

    devices: int
    lower: FloatArray
    upper: FloatArray
    kinds: int
    levels: IntArray

    @classmethod
    def of_filters(cls, problem: ThresholdProblem, groups: tuple[int, int], filters: tuple[float, float]) -> Demand:
        """A range of filters, in a range of groups of free sizes.

        No more groups can take s filters than the counting bound by part size leaves. All plans keep that, and the
        linear program is far tighter with it: the floor of a sum of shares says what fractions of groups do not know.

        Parameters
        ----------
        problem : ThresholdProblem
            Instance, objective and threshold; owner of the counting bound.
        groups : pair of int
            Fewest and most groups.
        filters : pair of float
            Fewest and most filters, both finite.
        """
        fewest, most = groups
        possible = problem.levels
        # Where the count falls: each such level and its count.
        lower_counts = possible.limits < most
        falls, counts = possible.sizes[lower_counts], possible.limits[lower_counts]
        lower = [fewest, *([-math.inf] * len(falls)), filters[0]]
        upper = [most, *counts, filters[1]]
        return cls(
            len(problem.weights),
            np.array(lower, dtype=np.float64),
            np.array(upper, dtype=np.float64),
            0,
            np.append(0, falls),
        )

    @classmethod
    def of_sizes(cls, devices: int, counts: Sequence[int]) -> Demand:
        """Exactly as many groups of each kind as its count says."""
        wanted = np.array(counts, dtype=np.float64)
        return cls(devices, wanted, wanted, len(counts), np.empty(0, dtype=np.int64))

    @classmethod
    def of_levels(cls, problem: ThresholdProblem, parts: int, counts: Mapping[int, int], filters: float) -> Demand:
        """Exactly so many groups, which take so many filters, and of them some counts that take a part of some size.

        Parameters
        ----------
        problem : ThresholdProblem
            Instance, objective and threshold; owner of the counting bound.
        parts : int
            Number of groups, K.
        counts : mapping of int to int
            Number of filters, and how many groups at least must be able to take so many.
        filters : float
            Fewest filters that all groups hold together.
        """
        possible = problem.levels
        levels = sorted(counts)
        return cls(
            len(problem.weights),
            np.array([parts, *(counts[level] for level in levels), filters], dtype=np.float64),
            np.array([parts, *(min(parts, possible.groups_of(level)) for level in levels), math.inf], dtype=np.float64),
            0,
            np.array([0, *levels], dtype=np.int64),
        )

    def entries(self, choices: Choices, size: IntArray) -> FloatArray:
        """What choices with parts of their sizes add to the sums, C x R."""
        if self.kinds:
            return np.eye(self.kinds)[choices.kind]
        return np.column_stack([choices.most[:, None] >= self.levels, size]).astype(np.float64)

    def sizes(self, choices: Choices) -> list[int]:
        """Part sizes of the least work for chosen groups that meet the demand."""
        fixed = np.array_equal(choices.least, choices.most)
        wanted = int(choices.least.sum()) if fixed else int(self.upper[-1])
        return cheapest_sizes(choices.least.tolist(), choices.most.tolist(), choices.slope.tolist(), wanted)


class Cost(NamedTuple):
    """Cost of each choice with its smallest part, and of every further filter; C values each."""

    fixed: FloatArray
    further: FloatArray


class Verdict(NamedTuple):
    """What an integer program decided.

    ``rows`` are choices that meet a demand, None where none were found; ``proven`` tells whether that is the truth, and
    the choices are the best ones where costs were compared, up to the tolerances of the solver; otherwise a limit came
    first.
    """

    rows: IntArray | None
    proven: bool


class Optimum(NamedTuple):
    """Optimum of the linear program over all choices.

    ``bound`` is the least cost; ``excess`` by how much the cost rises at least where a choice is taken whole, C values;
    ``rows`` the choices that the program has looked at.
    """

    bound: float
    excess: FloatArray
    rows: IntArray


def price_choices(choices: Choices, demand: Demand, cost: Cost, start: IntArray, control: Control) -> Optimum | None:
    """Solve the linear relaxation by column generation.

    Parameters
    ----------
    choices : Choices
        All of them.
    demand : Demand
        What they must add up to.
    cost : Cost
        In units that make it near 1.
    start : IntArray
        Rows of choices that meet the demand together.
    control : Control
        Limit.

    Returns
    -------
    Optimum or None
        Up to the tolerances of the solver; None if a limit came first.
    """
    floor = np.concatenate([np.full(demand.devices, -math.inf), demand.lower])
    ceiling = np.concatenate([np.ones(demand.devices), demand.upper])
    program = RestrictedMaster(floor, ceiling, control)
    ends = (cost.fixed, cost.fixed + cost.further * (choices.most - choices.least))
    entries = (demand.entries(choices, choices.least), demand.entries(choices, choices.most))
    known = np.zeros(len(choices), dtype=bool)

    def add(rows: IntArray) -> None:
        for paid, sums in zip(ends, entries, strict=True):
            matrix = _incidence(choices.members[rows], demand, sums[rows])
            # The program maximises.
            program.add(-paid[rows], matrix.indptr, matrix.indices, matrix.data)
        known[rows] = True

    def reduced_costs(prices: FloatArray) -> FloatArray:
        of_devices = np.append(prices[: demand.devices], 0.0)[choices.members].sum(axis=1)
        of_sums = prices[demand.devices :]
        # A cost that is linear in the size is least at one of the two ends.
        of_sizes = np.minimum(*(paid + sums @ of_sums for paid, sums in zip(ends, entries, strict=True)))
        return np.asarray(of_devices + of_sizes)

    def price(prices: FloatArray, _: FloatArray) -> Pricing:
        saving = np.where(known, 0.0, -reduced_costs(prices))
        best = np.argsort(-saving, kind="stable")[:COLUMNS_A_ROUND]
        new = best[saving[best] > PRICING_TOLERANCE]
        if len(new):
            add(new)
        return Pricing(len(new) > 0, prices)

    # Rows of groups have to be met, so the program needs columns that do it before it has any prices.
    add(start)
    for step in generate_columns(program.solve, price, control):
        if step.complete:
            return Optimum(-step.solution.objective, reduced_costs(step.prices), np.flatnonzero(known))
    return None


def choose(
    choices: Choices,
    demand: Demand,
    cost: Cost,
    control: Control,
    *,
    start: IntArray | None = None,
    at_most: tuple[FloatArray, float] | None = None,
    useful: float = math.inf,
) -> Verdict:
    """Choose disjoint groups of the least cost by an integer program.

    Parameters
    ----------
    choices : Choices
        Few enough for an integer program.
    demand : Demand
        What they must add up to.
    cost : Cost
        In units that make it near 1.
    control : Control
        Limit and seed. Threads and gap do not matter: the same groups are chosen on any number of threads.
    start : IntArray, optional
        Rows of groups to begin with.
    at_most : FloatArray and float, optional
        Another cost of each choice, C values, and the limit of their sum.
    useful : float
        Cost beyond which groups are of no use; they may be returned nevertheless.

    Returns
    -------
    Verdict
        Rows of the best groups found within :data:`MAX_NODES`, None where there are none; and whether they are the best
        of all choices.
    """
    if control.exhausted or len(choices) == 0:
        return Verdict(None, proven=False)
    model, flexible = _model(choices, demand, cost, at_most)
    known: dict[int, float] | None = None
    if start is not None:
        point = np.zeros(len(model.cost))
        point[start] = 1.0
        parts = choices.least.copy()
        parts[start] = demand.sizes(choices.taken(start))
        point[len(choices) :] = (parts - choices.least)[flexible]
        known = dict(enumerate(point.tolist()))
    options = _options(choices)
    if useful < math.inf:
        options["objective_bound"] = useful + CUTOFF * abs(useful)
    solution, values = solve_linear(model, _alone(control), options=options, start=known)
    rows = None if values is None else np.flatnonzero(values[: len(choices)] > 0.5)
    return Verdict(rows, proven=solution.status in ("optimal", "infeasible"))


def cheapest(choices: Choices, demand: Demand, cost: Cost, control: Control) -> tuple[IntArray | None, float]:
    """Choose disjoint groups of the least cost, each with one part size, and bound it.

    Parameters
    ----------
    choices, demand, cost, control
        As for :func:`choose`.

    Returns
    -------
    IntArray or None, float
        Rows of the best groups found, None where none were; and what no groups cost less than, infinite where there are
        none.
    """
    if control.exhausted:
        return None, 0.0
    solution, values = solve_linear(_model(choices, demand, cost, None)[0], _alone(control), options=_options(choices))
    rows = None if values is None else np.flatnonzero(values > 0.5)
    return rows, math.inf if solution.status == "infeasible" else solution.bound or 0.0


def decide(choices: Choices, demand: Demand, control: Control) -> Verdict:
    """Find out whether disjoint groups can meet a demand at all.

    Parameters
    ----------
    choices : Choices
        Few enough for an integer program; each with one part size.
    demand : Demand
        What they must add up to.
    control : Control
        Limit and seed; threads and gap do not matter.

    Returns
    -------
    Verdict
        The first groups found, large ones if it is all the same; or none, which is proven unless a limit came first.
    """
    if control.exhausted:
        return Verdict(None, proven=False)
    if len(choices) == 0:
        return Verdict(None, proven=True)
    cost = Cost(-choices.most / choices.most.max(), np.zeros(len(choices)))
    model, _ = _model(choices, demand, cost, None)
    options = _options(choices) | {"mip_max_improving_sols": 1}
    solution, values = solve_linear(model, _alone(control), options=options)
    if values is None:
        return Verdict(None, proven=solution.status == "infeasible")
    return Verdict(np.flatnonzero(values > 0.5), proven=True)


def _alone(control: Control) -> Control:
    """A control under which a solve chooses the same groups on any number of threads, whatever gap is asked for."""
    return replace(control.silent(), threads=1, gap=0.0)


def _options(choices: Choices) -> dict[str, Option]:
    # The prices have left out what presolving would: without it these programs take half the time.
    return {"presolve": "off", "mip_max_nodes": min(MAX_NODES, MAX_NODE_CHOICES // len(choices))}


def _model(
    choices: Choices, demand: Demand, cost: Cost, at_most: tuple[FloatArray, float] | None
) -> tuple[LinearModel, IntArray]:
    """The program, and which choices can take more than their smallest part.

    Variables are one a choice, binary, then the further filters of those that can have any. The latter are continuous:
    with the groups decided, a corner has whole sizes.
    """
    flexible = np.flatnonzero(choices.most > choices.least)
    room = (choices.most - choices.least)[flexible].astype(np.float64)
    count, extra, rows = len(choices), len(flexible), demand.devices + len(demand.lower)
    taken = _incidence(choices.members, demand, demand.entries(choices, choices.least))
    further = sp.csc_array((np.ones(extra), (np.full(extra, rows - 1), np.arange(extra))), shape=(rows, extra))
    links = sp.csc_array((-room, (np.arange(extra), flexible)), shape=(extra, count))
    blocks: list[list[Any]] = [[taken, further], [links, sp.eye_array(extra)]]
    lower = [np.full(demand.devices, -math.inf), demand.lower, np.full(extra, -math.inf)]
    upper = [np.ones(demand.devices), demand.upper, np.zeros(extra)]
    if at_most is not None:
        blocks.append([sp.csc_array(at_most[0][None, :]), sp.csc_array((1, extra))])
        lower.append(np.array([-math.inf]))
        upper.append(np.array([at_most[1]]))
    matrix: Any = sp.block_array(blocks, format="csc")
    model = LinearModel(
        sense=1,
        offset=0.0,
        cost=np.concatenate([cost.fixed, cost.further[flexible]]),
        lower=np.zeros(count + extra),
        upper=np.concatenate([np.ones(count), room]),
        row_lower=np.concatenate(lower),
        row_upper=np.concatenate(upper),
        starts=matrix.indptr,
        rows=matrix.indices,
        values=matrix.data,
        integral=np.concatenate([np.ones(count, dtype=np.int64), np.zeros(extra, dtype=np.int64)]),
    )
    return model, flexible


def _incidence(members: IntArray, demand: Demand, sums: FloatArray) -> Any:
    """Devices and sums, by choices: a sparse (N + R) x C matrix."""
    column, position = np.nonzero(members < demand.devices)
    devices = sp.csc_array(
        (np.ones(len(column)), (members[column, position], column)), shape=(demand.devices, len(members))
    )
    return sp.vstack([devices, sp.csc_array(sums.T)], format="csc")
