"""What a benchmark measured, as a document: with the command, the day, the machine and the versions behind it."""

from __future__ import annotations

import datetime
import json
import os
import platform
import shlex
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

import rocoin_opt as ro
from rocoin_opt.documents import write_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def document(benchmark: str, settings: Mapping[str, Any], results: Any, packages: Iterable[str] = ()) -> dict[str, Any]:
    """Return a document of results that are plain data.

    Parameters
    ----------
    benchmark : str
        Stem of the script.
    settings : mapping
        What was asked for: sizes, seeds, limits.
    results : Any
        What was measured.
    packages : iterable of str
        Distributions beside the package's own, as the peers, whose versions count.
    """
    return {
        "benchmark": benchmark,
        "command": shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]]),
        "measured": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": {
            "system": platform.system(),
            "architecture": platform.machine(),
            "cores": os.cpu_count(),
            "memory_gib": round(psutil.virtual_memory().total / 2**30),
        },
        "versions": ro.versions() | {name: version(name) for name in packages},
        "settings": dict(settings),
        "results": results,
    }


def write(path: Path, found: Mapping[str, Any]) -> None:
    """Write a document, whole or not at all."""
    write_text(path, json.dumps(found, indent=1, allow_nan=False) + "\n")


def read(path: Path, benchmark: str) -> dict[str, Any]:
    """Read the document of a benchmark; end the program where it is another one's."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if found.get("benchmark") != benchmark:
        sys.exit(f"{path}: holds what {found.get('benchmark')!r} measured, wanted {benchmark!r}")
    return found


def provenance(found: Mapping[str, Any]) -> str:
    """Return the sentence that stands below a table: when, by what and on what."""
    machine, versions = found["machine"], found["versions"]
    named = ", ".join(f"{name} {number}" for name, number in versions.items() if number)
    return (
        f"Measured on {found['measured']} on {machine['cores']} cores with {machine['memory_gib']} GiB "
        f"({machine['system']}, {machine['architecture']}): {named}."
    )
