"""Sphinx configuration: Markdown pages, some of them executed, and the API reference.

Pages with code cells run as if they were started in the root of the repository: each in an empty folder of its own,
with links to `instances` and `benchmarks`. So ``ro.read_instance("instances/mcu/mcu-12-0.json")`` works in
every page, `!rocoin-opt solve ...` is the program of the same environment, and what a page writes is gone afterwards.
The folder `figures` can be imported: its pictures follow the light and dark of the site. So can what `benchmarks` has
to read its documents.
"""

from __future__ import annotations

import os
import sys
import sysconfig
import tempfile
from importlib import import_module
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "rocoin-opt"
author = "The rocoin-opt developers"
release = version = installed_version("rocoin-opt")

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "sphinx_design", "numpydoc"]
exclude_patterns = ["_build", "results"]  # the tables of results are parts of other pages
html_theme = "furo"
html_title = f"rocoin-opt {release}"
html_css_files = ["figures.css"]
html_show_copyright = False
myst_enable_extensions = ["amsmath", "colon_fence", "dollarmath", "deflist"]
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "none"
numpydoc_show_class_members = False

nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 3600  # a busy machine takes its time: only what hangs is ended
nb_merge_streams = True
nb_render_markdown_format = "myst"
nb_output_stderr = "error"  # a warning of the package in a page fails the build

# `sphinx-build -b linkcheck` asks what lies outside of this site.
linkcheck_timeout = 30
linkcheck_retries = 2
linkcheck_anchors = False  # sites that make their pages with scripts have no anchors in what they send
linkcheck_ignore = [
    r"https://doi\.org/",  # leads to publishers that turn programs away
    r"https?://(localhost|127\.0\.0\.1)",  # examples of a server of one's own
]

# What the build makes for itself lies in a folder that lives as long as the build.
docs = Path(__file__).resolve().parent
made = tempfile.TemporaryDirectory(prefix="rocoin-opt-docs-")
profile, style = Path(made.name, "profile_default"), Path(made.name, "style")
(profile / "startup").mkdir(parents=True)
(profile / "startup" / "links.py").write_text(
    "import pathlib, sys\n"
    "for shared in ('instances', 'benchmarks'):\n"
    f"    pathlib.Path(shared).symlink_to(pathlib.Path({str(docs.parent)!r}, shared))\n"
    f"sys.path += [{str(docs)!r}, {str(docs.parent / 'benchmarks')!r}]\n"
    "from figures.commands import show_command\n"
    "get_ipython().system = show_command\n"
    "del pathlib, shared, show_command, sys\n",
    encoding="utf-8",
)
(profile / "ipython_kernel_config.py").write_text(
    "c.IPKernelApp.log_level = 'ERROR'\n"
    "c.InlineBackend.figure_formats = {'svg'}\n"
    "c.InlineBackend.rc = {'figure.facecolor': 'none', 'axes.facecolor': 'none'}\n",
    encoding="utf-8",
)
sys.path.append(str(docs))
style.mkdir()
(style / "figures.css").write_text(import_module("figures.style").site_style(), encoding="utf-8")
html_static_path = [str(style)]
os.environ |= {
    "IPYTHONDIR": made.name,
    "PATH": os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)]),
    "COLUMNS": "120",
    "NO_COLOR": "1",
    "TTY_COMPATIBLE": "0",  # commands of a page run in a pseudo-terminal, whose progress is no output of theirs
    "OMP_NUM_THREADS": "1",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}


def plain_signature(_app: Sphinx, what: str, _name: str, obj: object, *_: Any) -> tuple[str, str] | None:
    """Leave out the constructor signature of validated data: it repeats the fields below with all their limits."""
    return ("", "") if what == "class" and isinstance(obj, type) and issubclass(obj, BaseModel) else None


NEIGHBOURS_APART = 8


def spread(_app: Sphinx, _env: object, docnames: list[str]) -> None:
    """Take pages apart that are neighbours by name: a process reads some in a row, and tutorials take longest."""
    docnames[:] = [name for first in range(NEIGHBOURS_APART) for name in docnames[first::NEIGHBOURS_APART]]


def setup(app: Sphinx) -> None:
    """Connect what this site adds to Sphinx."""
    app.connect("env-before-read-docs", spread)
    app.connect("autodoc-process-signature", plain_signature)
