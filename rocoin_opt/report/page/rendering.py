"""The content of a page, and the page: text is escaped, and a content security policy lets nothing in or out."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from typing import TYPE_CHECKING

from rocoin_opt.errors import missing_extra
from rocoin_opt.provenance import versions
from rocoin_opt.report.page.tables import shown_name
from rocoin_opt.wording import seconds

if TYPE_CHECKING:
    from rocoin_opt.report.page.channel_rows import ChannelPicture
    from rocoin_opt.report.page.failed_devices import FailurePanel
    from rocoin_opt.report.page.figures import Picture
    from rocoin_opt.report.page.group_rows import GroupPicture
    from rocoin_opt.report.page.tables import Table

TEMPLATES = "templates"
DASHES = {"solid": "none", "dashed": "7 7", "dashdot": "4 8", "dotted": "2 3 2 6"}
"""Line styles of a legend as SVG has them."""


@dataclass(frozen=True)
class Tile:
    """A figure that is told first: its name, its value and what to know of it."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Section:
    """A part of a page, top to bottom: text, groups, channels, devices to fail, tables, pictures, notes.

    ``is_beside`` puts the tables beside the pictures where there is room.
    """

    title: str
    text: tuple[str, ...] = ()
    groups: GroupPicture | None = None
    channels: ChannelPicture | None = None
    failing: FailurePanel | None = None
    pictures: tuple[Picture, ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()
    is_beside: bool = False


@dataclass(frozen=True)
class Page:
    """What a page says.

    Attributes
    ----------
    title : str
        Its heading.
    lead : tuple of str
        Lines below the heading.
    tiles : tuple of Tile
        The figures that matter most.
    sections : tuple of Section
        Everything else.
    warning : tuple of str
        A heading and lines for what a reader must know before reading on.
    footer : tuple of str
        Where the content comes from.
    """

    title: str
    lead: tuple[str, ...] = ()
    tiles: tuple[Tile, ...] = ()
    sections: tuple[Section, ...] = ()
    warning: tuple[str, ...] = ()
    footer: tuple[str, ...] = ()


def require_report() -> None:
    """Refuse a host without the libraries that a page is made with.

    Raises
    ------
    UnsupportedError
        If Jinja2 or Matplotlib is missing.
    """
    missing = [
        name for name, module in (("Jinja2", "jinja2"), ("Matplotlib", "matplotlib")) if find_spec(module) is None
    ]
    if missing:
        raise missing_extra(f"a report needs {' and '.join(missing)}", "report")


def rendered(page: Page) -> str:
    """Return a page as HTML that needs no other file; the same content gives the same text."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        loader=FunctionLoader(_text), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals["dashes"] = DASHES
    environment.filters |= {"time": seconds, "shown": shown_name}
    style, script = _text("style.css"), _text("sort.js")
    if any(section.failing is not None and section.failing.groups for section in page.sections):
        script += _text("fail.js")
    return environment.get_template("page.html").render(
        page=page,
        version=versions()["rocoin-opt"],
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hash=_hash(script),
    )


def _text(name: str) -> str:
    return (files(__package__) / TEMPLATES / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """How a content security policy names an inline text."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
