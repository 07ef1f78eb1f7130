"""Matplotlib figures as inline SVG that follows the page's colour scheme.

A figure is drawn in colours that stand for roles. On its way into the page each becomes a class, so that the style
sheet decides what it looks like in light and in dark. Styles become attributes, which a strict content security policy
allows, and names that a second figure might use again are made the figure's own.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np

from rocoin_opt.wording import common_unit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

INK, MUTED, GRID, ACCENT, ALERT = "#010101", "#020202", "#030303", "#040404", "#050505"
"""Colours that stand for text, lesser text, lines behind, what matters, and limits."""
SERIES = tuple(f"#0a0a{number:02x}" for number in range(1, 9))
"""Colours that stand for curves, one after another."""
ROLES = {INK: "ink", MUTED: "muted", GRID: "grid", ACCENT: "accent", ALERT: "alert"} | {
    colour: f"s{number}" for number, colour in enumerate(SERIES)
}
DASHES = ("solid", "dashed", "dashdot", "dotted")
"""Line styles in the order in which they are taken, where curves outnumber the colours or lie over each other."""
PATTERNS: dict[str, str | tuple[float, tuple[float, ...]]] = {
    "solid": "solid",
    "dashed": (0.0, (6.0, 6.0)),
    "dashdot": (10.0, (2.0, 10.0)),
    "dotted": (4.0, (1.0, 2.0, 1.0, 8.0)),
}
"""What Matplotlib draws for a line style, in widths of the line: each leaves those before it to be seen below."""
HIDDEN = 0.2
"""Share of its length on which a curve may lie over another one and still be told from it."""
SIZE = (4.4, 3.1)
"""Inches of a figure: small, so that its text can be read on a phone."""
FONT_POINTS = 9.5
TIME_WORDS = {"s": "seconds", "ms": "milliseconds", "µs": "microseconds", "ns": "nanoseconds"}
MOST_TICKS = 6
"""Intervals between the ticks of an axis, at most."""

_REFERENCE = re.compile(r"url\(#([^)]+)\)")


@dataclass(frozen=True)
class LegendEntry:
    """What one curve is: its label, the class of its colour, its line style."""

    label: str
    role: str
    dash: str = "solid"


@dataclass(frozen=True)
class Picture:
    """A figure of the page.

    Attributes
    ----------
    title : str
        What it shows, in a few words.
    svg : str
        The drawing, safe to be put into a page as it is: it holds no text but numbers and words of this package.
    caption : str
        How to read it.
    legend : tuple of LegendEntry
        Its curves.
    draw : callable or None
        Draws it anew into other axes, in the colours of this module.
    """

    title: str
    svg: str
    caption: str = ""
    legend: tuple[LegendEntry, ...] = ()
    draw: Callable[[Axes], None] | None = field(default=None, repr=False, compare=False)


def curve_style(number: int, over: int = 0) -> tuple[str, str | tuple[float, tuple[float, ...]]]:
    """Colour and line style of a curve by its number, from 0, and by how many it lies over, see :func:`overlaid`."""
    return SERIES[number % len(SERIES)], PATTERNS[_dash(number, over)]


def _dash(number: int, over: int) -> str:
    return DASHES[(number // len(SERIES) + over) % len(DASHES)]


def legend_entry(label: str, number: int, over: int = 0) -> LegendEntry:
    """The legend of a curve, see :func:`curve_style`.

    Parameters
    ----------
    label : str
        What it is.
    number : int
        Its number, from 0.
    over : int
        How many curves it lies over.
    """
    return LegendEntry(label, ROLES[curve_style(number)[0]], _dash(number, over))


def overlaid(curves: Sequence[np.ndarray[Any, np.dtype[np.float64]]]) -> list[int]:
    """How many of the curves before it each one hides for a good part, so that it is drawn in another line style.

    Parameters
    ----------
    curves : sequence of arrays of float
        Their heights at the same places.
    """
    found: list[int] = []
    for number, curve in enumerate(curves):
        moves = [np.isclose(curve, other, rtol=1e-3, atol=1e-12).mean() > HIDDEN for other in curves[:number]]
        found.append(max((found[other] + 1 for other, is_hidden in enumerate(moves) if is_hidden), default=0))
    return found


def drawn(name: str, label: str, draw: Callable[[Axes], None], size: tuple[float, float] = SIZE) -> str:
    """Draw one pair of axes and return it as inline SVG; the same drawing gives the same text.

    Parameters
    ----------
    name : str
        Name of the figure, unique in its page: letters, digits and hyphens.
    label : str
        What the figure shows, for readers who cannot see it. Plain words of this package, no name from a file.
    draw : callable
        Draws into the axes, in the colours of this module and without any name from a file.
    size : tuple of float
        Width and height in inches.
    """
    # Figures without pyplot: no window system, and nothing global to clean up.
    from matplotlib import rc_context, rcdefaults, rcParams
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    stream = io.StringIO()
    with rc_context():
        # What a user has set for other pictures is left out.
        rcdefaults()
        rcParams.update(settings(name))
        figure = Figure(figsize=size, layout="constrained", facecolor="none")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot(facecolor="none")
        axes.locator_params(nbins=MOST_TICKS)
        draw(axes)
        figure.savefig(stream, format="svg", metadata={"Date": None}, transparent=True)
    return _inlined(stream.getvalue(), name, label)


def settings(name: str) -> Any:
    """Matplotlib's settings for a figure of a name: small, without a frame, a light grid behind."""
    return {
        "svg.hashsalt": name,
        "svg.fonttype": "none",
        "font.family": ["DejaVu Sans"],
        "font.size": FONT_POINTS,
        "text.color": INK,
        "axes.edgecolor": MUTED,
        "axes.labelcolor": INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.linewidth": 0.8,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.unicode_minus": False,
        "grid.color": GRID,
        "grid.linewidth": 0.7,
        "xtick.color": MUTED,
        "xtick.labelcolor": INK,
        "ytick.color": MUTED,
        "ytick.labelcolor": INK,
        "lines.linewidth": 1.7,
    }


def time_axis(axis: Axis, end: float) -> str:
    """Label the ticks of an axis of seconds that ends somewhere in a fitting unit; return the unit, in words."""
    from matplotlib.ticker import FuncFormatter

    unit, length = common_unit([end])
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / length:g}"))
    return TIME_WORDS[unit]


def plain_ticks(axes: Axes, *, log_x: bool = False, log_y: bool = False, is_narrow: bool = False) -> None:
    """Make axes logarithmic whose ticks are labelled by plain numbers, which any font can show.

    Narrow axes, of two decades or less, have labels between the powers of ten; all have small ticks there, which mark
    them as logarithmic.

    Parameters
    ----------
    axes : Axes
        They are changed.
    log_x, log_y : bool
        Which of the two are made logarithmic.
    is_narrow : bool
        Whether they span two decades or less.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    for wanted, axis, scale in ((log_x, axes.xaxis, axes.set_xscale), (log_y, axes.yaxis, axes.set_yscale)):
        if wanted:
            scale("log")
            axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if is_narrow else (1.0,), numticks=7))
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axis.set_minor_formatter(NullFormatter())
            axis.set_minor_locator(LogLocator(subs=tuple(range(2, 10)), numticks=50))


def _inlined(text: str, name: str, label: str) -> str:
    root = ElementTree.fromstring(text)
    for parent in list(root.iter()):
        for child in list(parent):
            if _local(child.tag) in ("metadata", "style"):
                parent.remove(child)
    kept = _referenced(root)
    for element in root.iter():
        element.tag = _local(element.tag)
        attributes = {_local(key): value for key, value in element.attrib.items()}
        element.attrib.clear()
        for key, value in _presented(attributes).items():
            if key == "id":
                if value in kept:
                    element.set("id", f"{name}-{value}")
            elif key == "href" and value.startswith("#"):
                element.set("href", f"#{name}-{value[1:]}")
            else:
                element.set(key, _REFERENCE.sub(rf"url(#{name}-\1)", value))
    for key in ("width", "height", "version"):
        root.attrib.pop(key, None)
    root.set("class", "chart")
    root.set("role", "img")
    root.set("aria-label", label)
    return ElementTree.tostring(root, encoding="unicode")


def _presented(attributes: dict[str, str]) -> dict[str, str]:
    """Attributes with the inline style taken apart, and colours of roles turned into classes."""
    declared = attributes.pop("style", "")
    for declaration in filter(None, map(str.strip, declared.split(";"))):
        key, _, value = declaration.partition(":")
        attributes[key.strip()] = value.strip()
    # The page's own font.
    attributes.pop("font-family", None)
    classes = []
    for key, prefix in (("fill", "f"), ("stroke", "l")):
        role = ROLES.get(attributes.get(key, ""))
        if role is not None:
            classes.append(f"{prefix}-{role}")
            del attributes[key]
    if classes:
        attributes["class"] = " ".join(classes)
    return attributes


def _referenced(root: ElementTree.Element) -> set[str]:
    """Names of elements that others point to."""
    found: set[str] = set()
    for element in root.iter():
        for key, value in element.attrib.items():
            found.update(_REFERENCE.findall(value))
            if _local(key) == "href" and value.startswith("#"):
                found.add(value[1:])
    return found


def _local(tag: str) -> str:
    """A name without its namespace: inline SVG has none."""
    return tag.rpartition("}")[2]
