"""Options that take several names: repeatable, and with commas between names too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocoin_opt.errors import InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from rocoin_opt.instance import Instance

MOST_NAMES = 20
"""Most devices that a message lists."""
LARGEST_SPREAD = 1_000_000
"""Largest count in a file, too."""


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


def with_rules_of(
    instance: Instance,
    *,
    spare: Sequence[str] | None,
    use: Sequence[str] | None,
    apart: Sequence[str] | None,
    together: Sequence[str] | None,
    spread: int | None,
) -> Instance:
    """Return the instance with the rules that options ask for besides its own.

    Parameters
    ----------
    instance : Instance
        What was read.
    spare, use, apart, together : sequence of str, optional
        What each option was given, one a repetition; each repetition is a rule.
    spread : int, optional
        What ``--spread`` was given.

    Raises
    ------
    InputError
        Naming the option, what was found and what is allowed.
    """
    from rocoin_opt.instance import Rule

    known = instance.devices_by_name
    among = ", ".join([d.id for d in instance.devices[:MOST_NAMES]]) + (", …" if len(known) > MOST_NAMES else "")
    rules: list[Rule] = []
    for option, values, least in (("spare", spare, 1), ("use", use, 1), ("apart", apart, 2), ("together", together, 2)):
        for value in values or ():
            place = f"--{option}"
            names = instance.meant_by(required(place, [value], known))
            for position, name in enumerate(names):
                if name not in known or name in names[:position]:
                    what = "the id of a device" if name not in known else "each device once, of"
                    raise InputError("options", [Problem(place, repr(name), f"{what}: {among}")])
            if len(names) < least:
                raise InputError("options", [Problem(place, repr(value), f"at least {least} devices, as ID,ID")])
            rules.append(Rule.model_validate({option: names}))
    if spread is not None:
        if not 1 <= spread <= LARGEST_SPREAD:
            raise InputError(
                "options", [Problem("--spread", str(spread), f"a whole number from 1 to {LARGEST_SPREAD}")]
            )
        rules.append(Rule(spread=spread))
    every = (*instance.rules, *rules)
    wanted = {name for rule in every for name in rule.use or ()}
    clash = [name for rule in every for name in rule.spare or () if name in wanted]
    if clash:
        option = "--spare" if spare else "--use"
        allowed = "a device that no other rule or option wants otherwise: it cannot serve and be spare"
        raise InputError("options", [Problem(option, repr(clash[0]), allowed)])
    return instance.with_rules(*rules) if rules else instance


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
