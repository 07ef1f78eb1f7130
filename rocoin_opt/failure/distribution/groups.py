"""Outcomes of a plan's groups: replicas answer first come first served, within the states of their failure domains."""

from __future__ import annotations

import math
import sys
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.errors import InputError, Problem
from rocoin_opt.failure.distribution.domains import MAX_JOINT_DOMAINS, Table, eliminate, elimination_order
from rocoin_opt.failure.distribution.outcomes import (
    BY,
    LATER,
    NEVER,
    OutcomeProbabilities,
    first_of,
    last_of,
    never_answered,
)
from rocoin_opt.failure.distribution.response import StepResponse
from rocoin_opt.instance import stretched

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rocoin_opt.failure.distribution.response import Response
    from rocoin_opt.instance import FloatArray, IntArray

_CHUNK = 1 << 22


@dataclass(frozen=True, eq=False)
class Replica:
    """A replica: how likely it crashes, and when it answers otherwise.

    Attributes
    ----------
    failure : float
        Crash probability.
    domain : int or None
        Its failure domain, by place in the instance.
    response : Response
        Response time given survival.
    """

    failure: float
    domain: int | None
    response: Response


@dataclass(frozen=True, eq=False)
class Cell:
    """The replicas of one group that share one domain, or that are in none."""

    group: int
    domain: int | None
    replicas: list[int]


@dataclass(frozen=True, eq=False)
class Groups:
    """The groups of a plan.

    Attributes
    ----------
    members : tuple of tuple of Replica
        The replicas of each group; no group is empty.
    domain_failure : dict
        Failure probability of each domain, by its place in the instance.
    """

    members: tuple[tuple[Replica, ...], ...]
    domain_failure: dict[int, float]

    @cached_property
    def replicas(self) -> list[Replica]:
        """All replicas, group by group."""
        return [replica for group in self.members for replica in group]

    @cached_property
    def cells(self) -> list[Cell]:
        """All cells, group by group, domains ascending."""
        cells: list[Cell] = []
        first = 0
        for k, group in enumerate(self.members):
            places: dict[int | None, list[int]] = {}
            for position, replica in enumerate(group):
                places.setdefault(replica.domain, []).append(first + position)
            first += len(group)
            ordered = sorted(places, key=lambda domain: -1 if domain is None else domain)
            cells += [Cell(k, domain, places[domain]) for domain in ordered]
        return cells

    @cached_property
    def shared(self) -> set[int]:
        """Domains that tie several groups together; the others concern their group alone."""
        counts = Counter(cell.domain for cell in self.cells)
        return {domain for domain, count in counts.items() if domain is not None and count > 1}

    @cached_property
    def elimination_order(self) -> tuple[int, ...]:
        """Order in which the shared domains are summed out.

        Raises
        ------
        UnsupportedError
            If too many must be conditioned on at once.
        """
        return elimination_order(
            {cell.domain for cell in self.cells if cell.group == k and cell.domain in self.shared}
            for k in {cell.group for cell in self.cells if cell.domain in self.shared}
        )

    def system(self, seconds: FloatArray) -> OutcomeProbabilities:
        """Outcomes of the last answer, shape (3, T)."""
        found = np.empty((3, len(seconds)))
        # Joined tables have an entry for each state of the domains they depend on: the worst case decides the memory.
        width = 1 << min(len(self.shared), MAX_JOINT_DOMAINS)
        chunk = max(1, _CHUNK // (3 * (len(self.replicas) + width)))
        for start in range(0, len(seconds), chunk):
            part = slice(start, start + chunk)
            found[:, part] = self._system(seconds[part])
        return found

    def group(self, k: int, seconds: FloatArray) -> OutcomeProbabilities:
        """Outcomes of one group's answer, shape (3, T)."""
        found = never_answered(len(seconds))
        cells = [cell for cell in self.cells if cell.group == k]
        for cell in cells:
            inner = never_answered(len(seconds))
            for r in cell.replicas:
                inner = first_of(inner, self._replica(self.replicas[r], seconds))
            if cell.domain is not None:
                inner = _unless_down(inner, self.domain_failure[cell.domain])
            found = first_of(found, inner)
        return found

    def smallest_survivors(self) -> Iterator[tuple[int, list[int]]]:
        """For each replica its group, and the members that survive whenever it does, itself among them."""
        for k, members in enumerate(self.members):
            for replica in members:
                yield k, [m for m, other in enumerate(members) if other is replica or self._follows(other, replica)]

    def _follows(self, other: Replica, survivor: Replica) -> bool:
        """Whether a replica survives whenever another one does."""
        if other.failure > 0.0:
            return False
        return other.domain is None or other.domain == survivor.domain or self.domain_failure[other.domain] == 0.0

    def tables(self, seconds: FloatArray) -> list[Table]:
        """Outcomes of each group by the states of the shared domains it depends on."""
        cells = self._cell_outcomes(seconds)
        private = _first_of_each(cells, self._private_rows)
        tied: dict[int, list[int]] = {}
        for place, cell in enumerate(self.cells):
            if cell.domain in self.shared:
                tied.setdefault(cell.group, []).append(place)
        never = never_answered(len(seconds))
        tables = []
        for k in range(len(self.members)):
            values = private[k]
            for place in tied.get(k, ()):
                # With the domain down none of its replicas ever answers.
                values = first_of(values[..., None, :, :], np.stack([cells[place], never]))
            domains = tuple(d for place in tied.get(k, ()) if (d := self.cells[place].domain) is not None)
            tables.append(Table((k,), domains, values))
        return tables

    def _system(self, seconds: FloatArray) -> OutcomeProbabilities:
        order = self.elimination_order
        tables = self.tables(seconds)
        alone = [table for table in tables if not table.domains]
        tied = [table for table in tables if table.domains]
        if alone:
            groups = tuple(k for table in alone for k in table.groups)
            # Groups without a shared domain are independent in any state: they are joined once.
            tied.append(Table(groups, (), _last_of_all(np.stack([table.values for table in alone]))))
        return eliminate(tied, order, self.domain_failure, last_of).values

    def _cell_outcomes(self, seconds: FloatArray) -> OutcomeProbabilities:
        """Outcomes of the cells, shape (cells, 3, T); domains of one group only are averaged over."""
        outcomes = np.empty((len(self.replicas) + 1, 3, len(seconds)))
        outcomes[-1] = never_answered(len(seconds))
        places, times, survival, failure = self._steps
        # Most replicas have one answer time: all of these at once.
        by = seconds >= times
        outcomes[places, BY] = np.where(by, survival, 0.0)
        outcomes[places, LATER] = np.where(by, 0.0, survival)
        outcomes[places, NEVER] = failure
        for r in self._others:
            outcomes[r] = self._replica(self.replicas[r], seconds)
        found = _first_of_each(outcomes, self._cell_rows)
        local = self._local_failure
        if local.any():
            found = _unless_down(found, local)
        return found

    @staticmethod
    def _replica(replica: Replica, seconds: FloatArray) -> OutcomeProbabilities:
        by, later = replica.response.tails(seconds)
        survival = 1.0 - replica.failure
        return np.stack([survival * by, survival * later, np.full(len(seconds), replica.failure)])

    @cached_property
    def _others(self) -> list[int]:
        """Replicas whose answers may come at different times."""
        return [r for r, replica in enumerate(self.replicas) if not _is_fixed(replica.response)]

    @cached_property
    def _steps(self) -> tuple[IntArray, FloatArray, FloatArray, FloatArray]:
        """Replicas with one answer time: places, then times, survival and failure as columns."""
        places = [r for r, replica in enumerate(self.replicas) if _is_fixed(replica.response)]
        times = np.array([self.replicas[r].response.farthest for r in places])
        failure = np.array([self.replicas[r].failure for r in places])
        return np.array(places, dtype=np.int64), times[:, None], 1.0 - failure[:, None], failure[:, None]

    @cached_property
    def _cell_rows(self) -> IntArray:
        return _padded([cell.replicas for cell in self.cells], len(self.replicas))

    @cached_property
    def _private_rows(self) -> IntArray:
        """Cells of each group that depend on no shared domain."""
        rows: list[list[int]] = [[] for _ in self.members]
        for place, cell in enumerate(self.cells):
            if cell.domain not in self.shared:
                rows[cell.group].append(place)
        return _padded(rows, len(self.cells))

    @cached_property
    def _local_failure(self) -> FloatArray:
        """Failure probability of each cell's domain where it is not shared, 0 elsewhere; with two axes of length 1."""
        failure = [
            self.domain_failure[cell.domain] if cell.domain is not None and cell.domain not in self.shared else 0.0
            for cell in self.cells
        ]
        return np.array(failure)[:, None, None]


def instant(seconds: float) -> FloatArray:
    """A time as a vector of one, later by the tolerance on limits: an answer at that very time is in time.

    Raises
    ------
    InputError
        If it is not a number.
    """
    if not (seconds == math.inf or seconds <= sys.float_info.max):
        raise InputError("time", [Problem("seconds", repr(seconds), "a number of seconds, perhaps infinite")])
    return np.array([stretched(float(seconds))])


def _is_fixed(response: Response) -> bool:
    return isinstance(response, StepResponse) and len(response.jumps) == 1


def _padded(rows: Sequence[Sequence[int]], filler: int) -> IntArray:
    width = max(1, *map(len, rows))
    return np.array([[*row, *[filler] * (width - len(row))] for row in rows], dtype=np.int64)


def _first_of_each(outcomes: OutcomeProbabilities, rows: IntArray) -> OutcomeProbabilities:
    """Outcomes of the first of some, for each row of places; the place after the last one never answers."""
    if (rows == len(outcomes)).any():
        outcomes = np.concatenate([outcomes, never_answered(outcomes.shape[-1])[None]])
    found = outcomes[rows[:, 0]]
    for column in rows.T[1:]:
        found = first_of(found, outcomes[column])
    return found


def _last_of_all(outcomes: OutcomeProbabilities) -> OutcomeProbabilities:
    """Outcomes of the last of all along the first axis, by halves."""
    while len(outcomes) > 1:
        half = len(outcomes) // 2
        joined = last_of(outcomes[:half], outcomes[half : 2 * half])
        outcomes = np.concatenate([joined, outcomes[2 * half :]])
    return np.asarray(outcomes[0])


def _unless_down(outcomes: OutcomeProbabilities, failure: float | FloatArray) -> OutcomeProbabilities:
    """Outcomes averaged over the states of a domain: nothing answers when it is down."""
    mixed = (1.0 - failure) * outcomes
    mixed[..., NEVER, :] += failure if isinstance(failure, float) else failure[..., 0]
    return mixed
