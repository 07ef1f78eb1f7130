"""The errors that the package raises on purpose.

Everything derives from :class:`RocoinError`, so that a caller can tell a fault in the input or a limit of a method
from a fault in the program.
"""

from __future__ import annotations

from dataclasses import dataclass

from rocoin_opt.wording import printable


class RocoinError(Exception):
    """Base class of all errors that the package raises on purpose.

    Examples
    --------
    >>> try:
    ...     ro.solve(instance, "gredy")
    ... except ro.RocoinError as error:
    ...     print(type(error).__name__)
    InputError
    """


@dataclass(frozen=True)
class Problem:
    """One fault of an input.

    Attributes
    ----------
    field : str
        Path of the field, for example ``devices[3].flops_per_second``; empty for the document as a whole.
    found : str
        The value found there.
    allowed : str
        What is allowed there.

    Examples
    --------
    >>> try:
    ...     ro.Device(id="cam", failure_probability=7)
    ... except ro.InputError as error:
    ...     print(error.problems[-1].field, error.problems[-1].found)
    failure_probability 7
    """

    field: str
    found: str
    allowed: str

    def __str__(self) -> str:
        where = f"{self.field}: " if self.field else ""
        return printable(f"{where}found {self.found}; allowed: {self.allowed}")


class InputError(RocoinError, ValueError):
    """An input that its definition does not allow.

    Parameters
    ----------
    source : str
        File or object with the fault.
    problems : sequence of Problem
        Every fault found, at least one.

    Examples
    --------
    >>> try:
    ...     instance.with_requirements(max_groups=0)
    ... except ro.InputError as error:
    ...     print(error)
    Requirements: max_groups: found 0; allowed: a number of at least 1
    """

    def __init__(self, source: str, problems: tuple[Problem, ...] | list[Problem]) -> None:
        self.source = source
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{source}: {problem}" for problem in self.problems))


class MendedWarning(UserWarning):
    """Something was wrong and has been corrected: rounding in a graph, damage to the store of a run, a lost process.

    Examples
    --------
    >>> import warnings
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     graph = ro.FilterGraph.from_weights([[0.0, 1.0], [1.0 + 1e-9, 0.0]])
    >>> caught[0].category.__name__
    'MendedWarning'
    """


class UnitWarning(UserWarning):
    """A value looks as if it were in another unit, such as megabytes for bytes. It is used unchanged.

    Examples
    --------
    >>> issubclass(ro.UnitWarning, UserWarning)
    True
    """


class UnsupportedError(RocoinError):
    """A method was asked for something that it does not support, and does not ignore.

    Examples
    --------
    >>> try:
    ...     ro.solve(instance, "milp", "expected")
    ... except ro.UnsupportedError as error:
    ...     print(error)
    milp minimises guaranteed, nominal, worst, failure, not expected
    """


def missing_extra(need: str, extra: str) -> UnsupportedError:
    """Make the error for a need that an extra of the package would meet, with the command that installs it."""
    return UnsupportedError(
        f"{need}: install rocoin-opt with the extra {extra}, in a clone by: pip install -c constraints.txt '.[{extra}]'"
    )


class SolverError(RocoinError):
    """The mathematical programming solver refused an option or a model, or ended unexpectedly.

    Examples
    --------
    >>> issubclass(ro.SolverError, ro.RocoinError)
    True
    """


class CertificateError(RocoinError):
    """A method returned a plan or a bound that the independent check refutes: a defect of the package.

    Examples
    --------
    >>> issubclass(ro.CertificateError, ro.RocoinError)
    True
    """
