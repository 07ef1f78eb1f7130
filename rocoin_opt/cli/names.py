"""Options that take several names: repeatable, and with commas between names too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocoin_opt.errors import InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence


def required(option: str, values: Sequence[str] | None, known: Container[str] = ()) -> list[str]:
    """Return the names that an option was given; see :func:`listed`.

    Parameters
    ----------
    option : str
        Name of the option, for the fault.
    values : sequence of str, optional
        What it was given, one a repetition.
    known : container of str
        Names that there are, as for :func:`listed`.

    Raises
    ------
    InputError
        If it was given without any: the empty variable of a script would leave everything as it is.
    """
    names = listed(values, known)
    if values and not names:
        raise InputError("options", [Problem(option, repr(",".join(values)), "at least one name, or no such option")])
    return names


def listed(values: Iterable[str] | None, known: Container[str] = ()) -> list[str]:
    """Return the names that an option was given.

    Parameters
    ----------
    values : iterable of str, optional
        Each as it was given, one a repetition of the option.
    known : container of str
        Names that there are. A value that is one of them as a whole is that one, commas and outer spaces in it
        included; only another one is read as several names with commas between them.

    Returns
    -------
    list of str
        In order, known or not, without empty ones.
    """
    names = []
    for value in values or ():
        if value in known:
            names.append(value)
            continue
        for piece in value.split(","):
            name = piece.strip()
            # A space after a comma is style, unless no name is meant without it.
            names.append(piece if name not in known and piece in known else name)
    return [name for name in names if name]
