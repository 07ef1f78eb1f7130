"""Column generation: solve the restricted master, price columns at its prices, add those that improve it, and again.

Prices of a young master jump about, and so do the columns that they ask for. So columns are priced between the master's
own prices and the best ones so far, those that prove the smallest bound (smoothing after Wentges). Where that finds no
column that the master lacks, the prices move towards the master's own: only at those does it prove that none is left.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from rocoin_opt.control import Control
    from rocoin_opt.highs import LpSolution
    from rocoin_opt.instance import FloatArray


class Bounded(Protocol):
    """A relaxation that was solved or stopped: filters that it holds, and whether it leaves room for more."""

    @property
    def objective(self) -> float:
        """Filters that the linear program holds."""

    def admits(self, wanted: int) -> bool:
        """Whether the bound leaves room for so many filters."""


BoundedT = TypeVar("BoundedT", bound=Bounded)


class Pricing(NamedTuple):
    """What a pricing did: whether the master has new columns, and which prices prove which bound, if any do."""

    added: bool
    prices: FloatArray
    bound: float = math.inf


@dataclass(frozen=True, eq=False)
class Round:
    """Where a column generation stands after a round.

    Attributes
    ----------
    solution : LpSolution
        The master's optimum, without the columns that the round added.
    prices : FloatArray, one a row
        The best prices so far, or those to begin with where none has proved a bound.
    bound : float
        What they prove: no solution of the whole program is worth more.
    complete : bool
        Whether no column improves the master any more.
    """

    solution: LpSolution
    prices: FloatArray
    bound: float
    complete: bool


def generate_columns(
    solve: Callable[[], LpSolution | None],
    price: Callable[[FloatArray, FloatArray], Pricing | None],
    control: Control,
    *,
    smoothing: Sequence[float] = (0.0,),
    centre: FloatArray | None = None,
    least_price: float = -math.inf,
) -> Iterator[Round]:
    """Run round after round, until one is complete or a limit comes first.

    Parameters
    ----------
    solve : callable
        Solves the restricted master, a maximisation; None where a limit came first.
    price : callable
        Prices columns at its first argument, and adds to the master what improves it at its own prices, the second
        argument; None where a limit came first.
    control : Control
        Its limit is asked for before each solve.
    smoothing : sequence of float
        Weights of the best prices that a round tries until one finds a column; the last one should be 0.
    centre : FloatArray, optional
        Prices that stand for the best ones in the first round; the master's own where absent.
    least_price : float
        Prices below are the solver's rounding: 0 where all rows are upper limits.
    """
    best, bound = centre, math.inf
    while not control.exhausted:
        solution = solve()
        if solution is None:
            return
        own = np.maximum(solution.prices, least_price)
        added = False
        # Without prices to go back to, all weights would ask for the same.
        for weight in (0.0,) if best is None else smoothing:
            tried = own if best is None or weight == 0.0 else weight * best + (1.0 - weight) * own
            priced = price(tried, own)
            if priced is None:
                return
            # The prices of any round prove a bound, and later ones may prove a worse one.
            if priced.bound < bound:
                best, bound = priced.prices, priced.bound
            added = priced.added
            if added:
                break
        yield Round(solution, own if best is None else best, bound, complete=not added)
        if not added:
            return


def until_answered(rounds: Iterable[BoundedT], question: int | None) -> BoundedT | None:
    """Take rounds until it is known whether the relaxation holds so many filters, or to their end without a question.

    Parameters
    ----------
    rounds : iterable
        What is known after each round.
    question : int or None
        Number of filters.

    Returns
    -------
    Bounded or None
        What was known last; None where a limit came before any round.
    """
    last: BoundedT | None = None
    for last in rounds:
        if question is not None and (last.objective >= question or not last.admits(question)):
            break
    return last
