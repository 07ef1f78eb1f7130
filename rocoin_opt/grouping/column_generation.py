"""Column generation: a linear program over more columns than can be listed, solved by pricing what it lacks.

The restricted master holds some columns and has dual prices; a pricing problem finds columns that are worth more than
they cost at these prices, and what the prices prove about all columns. Prices of a young master jump about, so columns
are priced between its prices and the best ones so far (smoothing after Wentges [1]_). Where that finds no column that
the master lacks, it moves towards the master's own prices: without a new column at those the program is solved.

References
----------
.. [1] P. Wentges. Weighted Dantzig-Wolfe decomposition for linear mixed-integer programming. International Transactions
   in Operational Research 4(2), 1997.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rocoin_opt.control import Control
    from rocoin_opt.highs import LpSolution
    from rocoin_opt.instance import FloatArray

Columns = TypeVar("Columns")


class Priced(NamedTuple, Generic[Columns]):
    """What a pricing found: columns, a bound on the whole program (infinite for none), and prices that prove it."""

    columns: Columns
    bound: float
    prices: FloatArray


class Generator(Protocol[Columns]):
    """A linear program over columns that are generated; prices are one a row."""

    def solve(self) -> LpSolution | None:
        """Solve the restricted master; None if a limit came first."""

    def price(self, prices: FloatArray) -> Priced[Columns] | None:
        """Find columns that are worth more than they cost; None if a limit came before all were looked at."""

    def take(self, columns: Columns, prices: FloatArray) -> bool:
        """Add columns to the master, whose own prices are given; whether any was new."""


@dataclass(frozen=True, eq=False)
class Round:
    """State after one round.

    Attributes
    ----------
    bound : float
        Least bound that any prices so far proved.
    prices : FloatArray
        Those prices; the master's own where none proves a bound.
    solution : LpSolution
        The restricted master before it got new columns.
    is_last : bool
        Whether no column is missing.
    """

    bound: float
    prices: FloatArray
    solution: LpSolution
    is_last: bool


def generate(
    program: Generator[Columns],
    control: Control,
    *,
    centre: FloatArray | None = None,
    smoothing: Sequence[float] = (),
) -> Iterator[Round]:
    """Generate columns until none is missing, the caller has seen enough, or a limit comes.

    Parameters
    ----------
    program : Generator
        Owner of master and pricing.
    control : Control
        Limit.
    centre : FloatArray, optional
        Prices to smooth towards before any have been priced.
    smoothing : sequence of float
        Weights of the best prices so far that are tried in turn, before the master's own prices.
    """
    best = math.inf
    while not control.exhausted:
        solution = program.solve()
        if solution is None:
            return
        own, is_new = solution.prices, False
        for weight in (*smoothing, 0.0):
            if weight > 0.0 and centre is None:
                continue
            tried = own if centre is None or weight == 0.0 else weight * centre + (1.0 - weight) * own
            priced = program.price(tried)
            if priced is None:
                return
            if priced.bound < best:
                best, centre = priced.bound, priced.prices
            is_new = program.take(priced.columns, own)
            if is_new:
                break
        yield Round(best, own if centre is None else centre, solution, is_last=not is_new)
        if not is_new:
            return


def no_less_than_zero(solution: LpSolution | None) -> LpSolution | None:
    """Prices of rows that limit from above, without what the solver's tolerances leave below zero."""
    if solution is None:
        return None
    return type(solution)(solution.objective, solution.values, np.maximum(solution.prices, 0.0))
