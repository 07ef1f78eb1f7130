"""Listed columns as arrays: millions of them, where objects would take minutes and all memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from rocoin_opt.instance import FloatArray, IntArray

MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
"""Odd and without pattern: rows that differ rarely get the same number. Where they do, they are compared."""


@dataclass(frozen=True)
class Column:
    """A group up to its zero-dual devices.

    Attributes
    ----------
    size : int
        Part that the group holds.
    student : int
        What it runs.
    devices : tuple of int
        Its priced devices, ascending.
    """

    size: int
    student: int
    devices: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class ColumnList:
    """Columns, one a row.

    Attributes
    ----------
    sizes, students : IntArray, C
        As of :class:`Column`.
    members : int32 array, C x W
        Priced devices of each, ascending, filled up with ``nobody``.
    nobody : int
        Number of devices N, which stands for none.
    """

    sizes: IntArray
    students: IntArray
    members: NDArray[np.int32]
    nobody: int

    @classmethod
    def of(cls, columns: Sequence[Column], nobody: int) -> ColumnList:
        """Columns that are given one by one.

        Parameters
        ----------
        columns : sequence of Column
            In any order.
        nobody : int
            Number of devices.
        """
        width = max((len(column.devices) for column in columns), default=0)
        rows = [[*column.devices, *([nobody] * (width - len(column.devices)))] for column in columns]
        return cls(
            sizes=np.array([column.size for column in columns], dtype=np.int64),
            students=np.array([column.student for column in columns], dtype=np.int64),
            members=np.array(rows, dtype=np.int32).reshape(len(columns), width),
            nobody=nobody,
        )

    @classmethod
    def joined(cls, parts: Sequence[ColumnList], nobody: int) -> ColumnList:
        """Several lists as one, in their order.

        Parameters
        ----------
        parts : sequence of ColumnList
            Of the same devices.
        nobody : int
            Number of devices.
        """
        if not parts:
            return cls.of((), nobody)
        width = max(part.members.shape[1] for part in parts)
        return cls(
            sizes=np.concatenate([part.sizes for part in parts]),
            students=np.concatenate([part.students for part in parts]),
            members=np.concatenate([part.padded(width) for part in parts]),
            nobody=nobody,
        )

    def __len__(self) -> int:
        """How many there are."""
        return len(self.sizes)

    def __iter__(self) -> Iterator[Column]:
        """One by one."""
        return (self.column(k) for k in range(len(self)))

    def column(self, k: int) -> Column:
        """One of them by its place."""
        row = self.members[k]
        return Column(int(self.sizes[k]), int(self.students[k]), tuple(row[row < self.nobody].tolist()))

    @property
    def lengths(self) -> IntArray:
        """Priced devices of each."""
        return np.asarray((self.members < self.nobody).sum(axis=1))

    def padded(self, width: int) -> NDArray[np.int32]:
        """The members with more places for nobody."""
        more = width - self.members.shape[1]
        return np.pad(self.members, ((0, 0), (0, more)), constant_values=self.nobody) if more else self.members

    def only(self, kept: IntArray) -> ColumnList:
        """Some of them, by place or by mask."""
        return ColumnList(self.sizes[kept], self.students[kept], self.members[kept], self.nobody)

    def priced(self, prices: FloatArray) -> FloatArray:
        """What the devices of each column cost together, for prices of all devices."""
        total: FloatArray = np.append(prices, 0.0)[self.members].sum(axis=1)
        return total

    def distinct(self, *, by: IntArray | None = None) -> ColumnList:
        """Each set of devices once for each size: the first of those that are alike.

        Parameters
        ----------
        by : IntArray, C, optional
            What columns of the same devices may differ in, where that is not the size.
        """
        told = self.sizes if by is None else by
        marks = fingerprints(told, self.members, self.nobody)
        order = np.argsort(marks, kind="stable")
        before, after = order[:-1], order[1:]
        repeats = np.zeros(len(self), dtype=bool)
        alike = np.flatnonzero(marks[before] == marks[after])
        first, second = before[alike], after[alike]
        # Different rows may have the same number.
        same = (told[first] == told[second]) & (self.members[first] == self.members[second]).all(axis=1)
        repeats[1 + alike[same]] = True
        # In the order of the numbers, which is the same however columns were listed.
        return self.only(order[~repeats])


def fingerprints(told: IntArray, members: NDArray[np.int32], nobody: int) -> IntArray:
    """A number for each row of integers, mostly a different one for different rows; places of nobody do not count.

    Parameters
    ----------
    told : IntArray, C
        First number of each row.
    members : int32 array, C x W
        The others.
    nobody : int
        What fills rows up.
    """
    marks = told.astype(np.uint64) * MULTIPLIER
    for place in range(members.shape[1]):
        row = members[:, place]
        mixed = (marks ^ (marks >> np.uint64(29)) ^ (row.astype(np.uint64) + np.uint64(1))) * MULTIPLIER
        marks = np.where(row < nobody, mixed, marks)
    return np.asarray(marks.view(np.int64))
