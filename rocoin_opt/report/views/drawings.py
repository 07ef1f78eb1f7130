"""Results as Matplotlib figures: the pictures of the pages, side by side, in the colours of their light scheme."""

from __future__ import annotations

import io
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from rocoin_opt.errors import InputError, Problem, missing_extra
from rocoin_opt.report import RunItems, performance_profiles
from rocoin_opt.report.page.figures import ROLES, SIZE, settings
from rocoin_opt.report.page.frontier_picture import points_picture
from rocoin_opt.report.page.graph_picture import graph_picture
from rocoin_opt.report.page.plan_pictures import latency_picture, outage_picture
from rocoin_opt.report.page.run_pictures import profile_picture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from matplotlib.figure import Figure

    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Plan
    from rocoin_opt.report.page.figures import Picture

COLOURS = {"ink": "#1b2430", "muted": "#566273", "grid": "#e6e9ee", "accent": "#0f4c81", "alert": "#b42318"} | {
    f"s{number}": colour
    for number, colour in enumerate(
        ("#1f62ad", "#b4540a", "#1b7a43", "#7a3fb8", "#b8265f", "#0b7477", "#7d5521", "#5a6472")
    )
}
"""Colours of the roles, as the style sheet of the pages has them for light."""


def drawing_of(shown: Any, *given: Any) -> Figure:
    """Draw it; a plan is drawn for an instance, which is given.

    Parameters
    ----------
    shown : Shown
        What is drawn.
    *given
        What it takes besides.

    Raises
    ------
    InputError
        If there is nothing to draw.
    UnsupportedError
        If Matplotlib is missing, or what would be drawn has no exact figures.
    """
    if find_spec("matplotlib") is None:
        raise missing_extra("a drawing needs Matplotlib", "notebook")
    pictures = [picture for picture in PAINTERS[shown._shown_as](shown, *given) if picture is not None]
    if not pictures:
        raise InputError("plot", [Problem("", f"nothing to draw in {shown!r}", "a plan, points or finished items")])
    return _figure(pictures)


def _figure(pictures: list[Picture]) -> Figure:
    from matplotlib import rc_context, rcdefaults, rcParams
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    class Drawing(Figure):
        """A figure that notebooks show though pyplot does not know it."""

        def _repr_svg_(self) -> str:
            stream = io.StringIO()
            self.savefig(stream, format="svg", metadata={"Date": None})
            return stream.getvalue()

    with rc_context():
        # What a user has set for other pictures is left out.
        rcdefaults()
        rcParams.update(settings("drawing"))
        figure = Drawing(figsize=(SIZE[0] * len(pictures), 1.15 * SIZE[1]), layout="constrained", facecolor="white")
        FigureCanvasAgg(figure)
        for place, picture in enumerate(pictures):
            axes = figure.add_subplot(1, len(pictures), place + 1)
            if picture.draw is not None:
                picture.draw(axes)
            axes.set_title(picture.title, pad=16)
            styles: dict[str, Any] = {entry.dash: entry.dash for entry in picture.legend}
            entries = [
                Line2D([], [], color=COLOURS[entry.role], linestyle=styles[entry.dash], label=entry.label)
                for entry in picture.legend
            ]
            if entries:
                axes.legend(handles=entries, fontsize="small", frameon=False)
    _recolour(figure)
    return figure


def _recolour(figure: Figure) -> None:
    """Give every part whose colour stands for a role the colour of that role."""
    from matplotlib.colors import to_hex

    for artist in figure.findobj(include_self=False):
        for name in ("color", "facecolor", "edgecolor"):
            ask, tell = getattr(artist, f"get_{name}", None), getattr(artist, f"set_{name}", None)
            if ask is None or tell is None:
                continue
            # A list of colours is no colour, and nothing in the pictures has one.
            with suppress(TypeError, ValueError):
                role = ROLES.get(to_hex(ask()))
                if role is not None:
                    tell(COLOURS[role])


def _of_plan(plan: Plan, instance: Instance | None = None) -> Iterator[Picture | None]:
    if instance is None:
        raise InputError("plot", [Problem("instance", "none", "the instance that the plan is for")])
    yield latency_picture(instance, [("this plan", plan)], "latency")
    yield outage_picture(instance, plan, "outage")
    yield graph_picture(instance, plan, "graph")


def _of_result(result: Any) -> Iterator[Picture | None]:
    if result.plan is not None:
        yield from _of_plan(result.plan, result.instance)


def _of_comparison(found: Any) -> Iterator[Picture | None]:
    plans = [(result.method, result.plan) for result in found if result.plan is not None]
    if plans:
        yield latency_picture(found.instance, plans, "latency")


def _of_frontier(frontier: Any) -> Iterator[Picture | None]:
    if frontier.points:
        yield points_picture(frontier, "frontier")


def _of_run(run: Any) -> Iterator[Picture | None]:
    if run:
        for number, profile in enumerate(performance_profiles(RunItems.of(run, "run"))):
            if profile.questions:
                yield profile_picture(profile, f"profile-{number}")


PAINTERS: dict[str, Callable[..., Iterator[Picture | None]]] = {
    "plan": _of_plan,
    "result": _of_result,
    "comparison": _of_comparison,
    "frontier": _of_frontier,
    "replan": _of_result,
    "run": _of_run,
}
"""Who draws what, by the name that it is shown as."""
