"""The items of a run as columns: what statistics are made of, small enough for a hundred thousand of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from rocoin_opt.batch import family_folder
from rocoin_opt.errors import InputError, Problem
from rocoin_opt.plan import OBJECTIVES, WITHOUT_UNIT

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

    from rocoin_opt.batch import ItemResult
    from rocoin_opt.instance import BoolArray, FloatArray, IntArray

T = TypeVar("T", bound="Hashable")

TIES = 1e-9
"""Relative distance up to which two values are the same."""
CONFLICT = 1e-6
"""Relative distance by which a bound must lie above a value before one of them is called wrong."""


@dataclass(frozen=True, eq=False)
class RunItems:
    """All items of a run, one position an item in every field.

    Attributes
    ----------
    items, instances : tuple of str
        Identity of each item, and name of its instance.
    families, methods, objectives : tuple of str
        What the codes stand for, each in order.
    family, method, objective : IntArray
        Codes of each item. The family is the folder that the instance file lies in, below the folder that holds all.
    question : IntArray
        Items with the same code ask for the same: the same content of the instance file, objective and seed.
    problem : IntArray
        Items with the same code have the same optimum: the same content of the instance file, and objective.
    value, bound, seconds : FloatArray
        Objective value and lower bound in the unit of the objective, NaN where there is none; seconds of the search.
    proven, infeasible, failed : BoolArray
        Ended as ``optimal`` or ``infeasible``; ended as ``infeasible``; ended with an error.
    seeds : IntArray
        Seed of each item.
    terminations, errors : tuple of str
        How each ended, and the error of those that failed, else empty.
    """

    items: tuple[str, ...]
    instances: tuple[str, ...]
    families: tuple[str, ...]
    methods: tuple[str, ...]
    objectives: tuple[str, ...]
    family: IntArray
    method: IntArray
    objective: IntArray
    question: IntArray
    problem: IntArray
    value: FloatArray
    bound: FloatArray
    seconds: FloatArray
    proven: BoolArray
    infeasible: BoolArray
    failed: BoolArray
    seeds: IntArray
    terminations: tuple[str, ...]
    errors: tuple[str, ...]

    @classmethod
    def of(cls, rows: Iterable[ItemResult], source: str) -> RunItems:
        """Read the rows of a run, in their order.

        Raises
        ------
        InputError
            If there are none.
        """
        kept = [
            (
                row.item,
                row.instance,
                row.path,
                row.fingerprint,
                row.method,
                row.objective,
                row.seed,
                np.nan if row.objective_value is None else row.objective_value,
                np.nan if row.lower_bound is None else row.lower_bound,
                row.wall_seconds,
                row.termination or "",
                row.error,
            )
            for row in rows
        ]
        if not kept:
            raise InputError(source, [Problem("", "no finished items", "a run with results")])
        items, instances, paths, prints, methods, objectives, seeds, values, bounds, times, ends, errors = zip(
            *kept, strict=True
        )
        families, family = _coded(families_of(paths))
        method_names, method = _coded(methods)
        # The default comes first.
        objective_names, objective = _coded(objectives, tuple(OBJECTIVES))
        ended = np.array(ends)
        return cls(
            items=items,
            instances=instances,
            families=families,
            methods=method_names,
            objectives=objective_names,
            family=family,
            method=method,
            objective=objective,
            question=_coded(tuple(zip(prints, objectives, seeds, strict=True)))[1],
            problem=_coded(tuple(zip(prints, objectives, strict=True)))[1],
            value=np.array(values, dtype=np.float64),
            bound=np.array(bounds, dtype=np.float64),
            seconds=np.array(times, dtype=np.float64),
            proven=(ended == "optimal") | (ended == "infeasible"),
            infeasible=ended == "infeasible",
            failed=np.array([error is not None for error in errors]),
            seeds=np.array(seeds, dtype=np.int64),
            terminations=ends,
            errors=tuple(error or "" for error in errors),
        )

    @property
    def solved(self) -> BoolArray:
        """Whether an item ended with a plan, or with a proof that there is none."""
        return np.isfinite(self.value) | self.infeasible

    @cached_property
    def best_value(self) -> FloatArray:
        """Least value that any item of the run found for the same problem; NaN where there is none."""
        return _best(np.fmin, self.value, self.problem)

    @cached_property
    def best_bound(self) -> FloatArray:
        """Largest lower bound that any item of the run proved for the same problem; NaN where there is none."""
        return _best(np.fmax, self.bound, self.problem)

    @cached_property
    def gap(self) -> FloatArray:
        """(value - best bound) / value; NaN without a plan or a bound, 0 for a value of 0."""
        return _relative(self.value - self.best_bound, self.value)

    @cached_property
    def excess(self) -> FloatArray:
        """(value - best value) / best value; NaN without a plan, and where the best value alone is 0."""
        excess = _relative(self.value - self.best_value, self.best_value)
        return np.where(np.isinf(excess), np.nan, excess)

    @property
    def wins(self) -> BoolArray:
        """Whether an item's value is the best for its problem, ties being wins of all."""
        best = _best(np.fmin, self.value, self.question)
        with np.errstate(invalid="ignore"):
            return np.asarray(self.value <= best * (1.0 + TIES))

    def conflicts(self) -> tuple[str, ...]:
        """Contradictions between items: a bound above a plan's value, or a plan where another item proved none.

        One of the two is then wrong, and so is what is said of the gaps: this is a defect of the package.
        """
        with np.errstate(invalid="ignore"):
            crossed = self.best_bound > self.best_value * (1.0 + CONFLICT)
        disproved = np.isin(self.problem, self.problem[self.infeasible]) & np.isfinite(self.best_value)
        found = []
        for position in np.flatnonzero(crossed | disproved):
            place = int(position)
            if crossed[place] and self.bound[place] == self.best_bound[place]:
                unit = "" if self.objectives[self.objective[place]] in WITHOUT_UNIT else " s"
                found.append(
                    f"{self._named(place)} proved that nothing is below {self.bound[place]:.6g}{unit}, and another "
                    f"item found {self.best_value[place]:.6g}{unit}"
                )
            elif disproved[place] and self.infeasible[place]:
                found.append(f"{self._named(place)} proved that there is no plan, and another item found one")
        return tuple(found)

    def _named(self, place: int) -> str:
        objective = self.objectives[self.objective[place]]
        return f"{self.instances[place]}, {self.methods[self.method[place]]}, {objective}"


def families_of(paths: Sequence[str]) -> tuple[str, ...]:
    """Folder of each file, told from the folder that holds all of them; that one's own name for files right in it."""
    parents = [family_folder(path) for path in paths]
    distinct = set(parents)
    shared = os.path.commonpath(distinct)
    names = {parent: os.path.relpath(parent, shared) for parent in distinct}
    return tuple(Path(shared).name or "/" if names[parent] == "." else names[parent] for parent in parents)


def _coded(values: Sequence[T], first: tuple[T, ...] = ()) -> tuple[tuple[T, ...], IntArray]:
    """The distinct values, some of them first and the others in order, and the place of each value among them."""
    found = set(values)
    distinct = (*(value for value in first if value in found), *sorted(found.difference(first)))  # type: ignore[type-var]
    place = {value: position for position, value in enumerate(distinct)}
    return distinct, np.array([place[value] for value in values], dtype=np.int64)


def _best(choose: np.ufunc, values: FloatArray, group: IntArray) -> FloatArray:
    """The best value of each item's group, NaN being none."""
    found = np.full(int(group.max()) + 1, np.nan)
    choose.at(found, group, values)
    return np.asarray(found[group])


def _relative(difference: FloatArray, base: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = difference / base
    # Rounding may carry a bound that equals the value a digit above it.
    return np.where(difference <= 0.0, 0.0, ratio)
