"""The command ``versions``: what a bug report needs."""

from __future__ import annotations

from rocoin_opt.provenance import versions as installed


def versions() -> None:
    """Print the versions of the package and its dependencies, for bug reports."""
    for name, version in installed().items():
        print(f"{name} {version}")
