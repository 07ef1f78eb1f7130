"""Versions of the package and of what it computes with."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version

COMPUTING = ("rocoin-opt", "highspy", "pyomo", "numpy", "scipy")
OPTIONAL = ("numba", "torch", "distributed")


def versions() -> dict[str, str]:
    """Ask for the version of each package that can bear on a result.

    Returns
    -------
    dict of str to str
        By name, Python's own among them; optional packages only where they are installed.

    Examples
    --------
    >>> "rocoin-opt" in ro.versions()
    True
    """
    return dict(_installed())


@cache
def _installed() -> dict[str, str]:
    """Read the packages' metadata once: that takes longer than solving a small instance."""
    found = {name: version(name) for name in COMPUTING}
    for name in OPTIONAL:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return {**found, "python": platform.python_version()}
