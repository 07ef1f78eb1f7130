"""How results show themselves: as text, plain data, a frame, a picture or in a notebook.

A result lies far below what shows it. So each is told what it is shown as, and the views of ``report`` are loaded by
name when they are first asked for: the one way upwards in the package, and importing a result loads none of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import networkx as nx
    import pandas as pd
    from matplotlib.figure import Figure

VIEWS = "rocoin_opt.report.views"
"""The room of the views."""


class Shown:
    """Base of results that people look at."""

    _shown_as: ClassVar[str]
    """What the views know it as."""

    def summary(self) -> str:
        """Tell it in words and tables, as plain text."""
        text: str = _view("texts").text_of(self)
        return text

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data, as JSON has it."""
        document: dict[str, Any] = _view("documents").document_of(self)
        return document

    def to_frame(self) -> pd.DataFrame:
        """Return it as a Pandas data frame, in SI units; needs the extra ``notebook``.

        Raises
        ------
        UnsupportedError
            If Pandas is missing.
        """
        frame: pd.DataFrame = _view("frames").frame_of(self)
        return frame

    def plot(self) -> Figure:
        """Draw it as the report does; needs Matplotlib, of the extras ``report`` and ``notebook``.

        Returns
        -------
        matplotlib.figure.Figure
            Not known to pyplot: a notebook shows it, and ``savefig`` writes it.

        Raises
        ------
        InputError
            If there is nothing to draw.
        UnsupportedError
            If Matplotlib is missing, or what would be drawn has no exact figures.
        """
        return drawing_of(self)

    def _told(self) -> str:
        """Tell what it is in a few words."""
        raise NotImplementedError

    def _repr_html_(self) -> str:
        page: str = _view("texts").html_of(self)
        return page

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self._told()}>"


def drawing_of(shown: Shown, *given: object) -> Figure:
    """Draw what is shown, with what it takes besides: a plan is drawn for an instance."""
    figure: Figure = _view("drawings").drawing_of(shown, *given)
    return figure


def network_of(shown: Shown, *given: object) -> nx.Graph[tuple[str, str | int]]:
    """Return what is shown as a graph, with what it takes besides: a plan is one on an instance."""
    graph: nx.Graph[tuple[str, str | int]] = _view("networks").network_of(shown, *given)
    return graph


def _view(name: str) -> Any:
    return import_module(f"{VIEWS}.{name}")
