"""Versions of the package and its dependencies."""

from __future__ import annotations

import platform
import tomllib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGE = "rocoin-opt"
COMPUTING = ("highspy", "pyomo", "numpy", "scipy")
OPTIONAL = ("numba", "torch", "distributed")


def versions() -> dict[str, str]:
    """Return the version of each package that a result can depend on.

    Returns
    -------
    dict of str to str
        By name, Python included; optional packages only if they are installed.

    Examples
    --------
    >>> "rocoin-opt" in ro.versions()
    True
    """
    return dict(_installed())


@cache
def own_version() -> str:
    """Version of this package; of a source tree that nobody installed, what its project file says, and ``+source``."""
    try:
        return version(PACKAGE)
    except PackageNotFoundError:
        project = Path(__file__).parents[1] / "pyproject.toml"
        try:
            told = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
            return f"{told['version']}+source" if told["name"] == PACKAGE else "unknown"
        except (OSError, ValueError, KeyError):
            return "unknown"


@cache
def _installed() -> dict[str, str]:
    """Read the packages' metadata once: that takes longer than solving a small instance."""
    found = {PACKAGE: own_version()}
    for name in (*COMPUTING, *OPTIONAL):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return {**found, "python": platform.python_version()}
