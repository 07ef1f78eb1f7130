"""Sphinx configuration: Markdown pages and the API reference."""

from __future__ import annotations

from importlib.metadata import version as installed_version
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "rocoin-opt"
author = "The rocoin-opt developers"
release = version = installed_version("rocoin-opt")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "numpydoc"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"rocoin-opt {release}"
myst_enable_extensions = ["amsmath", "dollarmath", "deflist"]
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "none"
numpydoc_show_class_members = False


def plain_signature(_app: Sphinx, what: str, _name: str, obj: object, *_: Any) -> tuple[str, str] | None:
    """Leave out the constructor signature of validated data: it repeats the fields below with all their limits."""
    return ("", "") if what == "class" and isinstance(obj, type) and issubclass(obj, BaseModel) else None


def setup(app: Sphinx) -> None:
    """Connect what this site adds to Sphinx."""
    app.connect("autodoc-process-signature", plain_signature)
