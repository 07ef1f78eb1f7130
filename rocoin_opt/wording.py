"""Texts as people get them: printable, encodable, in words, and quantities in engineering units.

Files and JSON hold SI units.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PREFIXES = {"n": 1e-9, "µ": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}
"""SI prefixes that are used, ascending."""
DIGITS = 4
"""Significant digits of what is computed."""
GIVEN_DIGITS = 6
"""Significant digits of what a user gave: mostly all of them."""
NOTHING = "-"
"""What stands for a figure that there is not."""
PLAIN_BELOW = 1e7
"""Numbers from here on are shown with an exponent."""


def printable(text: str) -> str:
    """Return a text on one line, with control characters escaped: names come from files, and end on terminals."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def encodable(text: str) -> str:
    """Return a text as valid Unicode: what stands for bytes of a file name, or for half a character, is escaped."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 group``, ``2 groups``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def listed(words: Sequence[str]) -> str:
    """Return words as people list them: ``a``, ``a and b``, ``a, b and c``."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def cause_of(error: OSError | ValueError) -> str:
    """Return what went wrong with a file, in words without a number or a name: the file may be a temporary one."""
    return str((isinstance(error, OSError) and error.strerror) or error)


def number(value: float, digits: int = DIGITS) -> str:
    """A number to some significant digits, without an exponent where it has an everyday size.

    Parameters
    ----------
    value : float
        Any.
    digits : int
        Significant digits; all digits before the point are shown.
    """
    if 10.0**digits <= abs(value) < PLAIN_BELOW:
        return f"{value:.0f}"
    return f"{value:.{digits}g}"


def success_share(success: float, failure: float | None) -> str:
    """A probability of success with as many digits as its failure has, so that it is never rounded up to more.

    Parameters
    ----------
    success : float
        From 0 to 1.
    failure : float or None
        1 less that, with all of its digits.
    """
    rest = 1.0 - success if failure is None else failure
    digits = 4 if rest <= 0.0 else min(max(4, 1 - math.floor(math.log10(rest))), 15)
    return f"{success:.{digits}f}"


def engineering(value: float | None, unit: str, digits: int = DIGITS, *, smallest: str = "", largest: str = "P") -> str:
    """A quantity with the SI prefix that leaves one to three digits before the point: ``480 MFLOP/s``.

    Parameters
    ----------
    value : float or None
        In the unit; None shows as a dash.
    unit : str
        Its symbol.
    digits : int
        Significant digits.
    smallest, largest : str
        The range of the prefixes that are used.
    """
    if value is None:
        return NOTHING
    # Rounded first: 0.99996 ms are 1 ms, not 1000 µs.
    rounded = float(f"{value:.{digits}g}") if math.isfinite(value) else value
    prefix, scale = _prefix_of(rounded, smallest, largest)
    return f"{number(value / scale, digits)} {prefix}{unit}"


def seconds(value: float | None, digits: int = DIGITS) -> str:
    """A time: ``7.957 ms``, ``2.5 s``; a dash where there is none.

    Parameters
    ----------
    value : float or None
        Seconds.
    digits : int
        Significant digits.
    """
    return engineering(value, "s", digits, smallest="n", largest="")


def given_seconds(value: float | None) -> str:
    """A time that a user gave, a deadline say: it is not rounded where anyone would notice."""
    return seconds(value, GIVEN_DIGITS)


def search_time(value: float) -> str:
    """How long a search took: hundredths of a second, which nobody cares about, are the last digit."""
    return f"{value:.2f} s"


def joules(value: float | None, digits: int = DIGITS) -> str:
    """An energy: ``12.5 mJ``; a dash where there is none.

    Parameters
    ----------
    value : float or None
        Joules.
    digits : int
        Significant digits.
    """
    return engineering(value, "J", digits, smallest="n")


def data_size(value: float | None) -> str:
    """A size in memory or on a link, 1 kB being 1000 bytes: ``396.5 kB``; a dash where there is none."""
    return engineering(value, "B")


def small_share(value: float | None) -> str:
    """A probability or share that is best near 0: three significant digits, or a dash."""
    return NOTHING if value is None else f"{value:.3g}"


def percent(value: float | None) -> str:
    """A share of 1, a gap say, in per cent with two decimals, or a dash."""
    return NOTHING if value is None else f"{100.0 * value:.2f} %"


def common_unit(values: Iterable[float]) -> tuple[str, float]:
    """The unit that some times are shown in together, that of their geometric middle, and its length in seconds.

    Parameters
    ----------
    values : iterable of float
        Seconds; what is not above 0, or infinite, does not count.
    """
    counted = [value for value in values if 0.0 < value < math.inf]
    if not counted:
        return "s", 1.0
    prefix, scale = _prefix_of(math.sqrt(min(counted)) * math.sqrt(max(counted)), "n", "")
    return f"{prefix}s", scale


def _prefix_of(value: float, smallest: str, largest: str) -> tuple[str, float]:
    """The prefix for a value, and its factor; none where the value is 0 or infinite.

    Parameters
    ----------
    value : float
        In the unit without a prefix.
    smallest, largest : str
        The range of prefixes.
    """
    if value == 0.0 or not math.isfinite(value):
        return "", 1.0
    low, high = PREFIXES[smallest], PREFIXES[largest]
    allowed = [(prefix, scale) for prefix, scale in PREFIXES.items() if low <= scale <= high]
    return max((entry for entry in allowed if entry[1] <= abs(value)), key=lambda entry: entry[1], default=allowed[0])
