"""What a benchmark measured, as a document: with the command, the day, the machine and the versions behind it."""

from __future__ import annotations

import datetime
import json
import os
import platform
import shlex
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

import rocoin_opt as ro
from rocoin_opt.writing import write_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

REPOSITORY = Path(__file__).resolve().parent.parent


def document(
    benchmark: str,
    settings: Mapping[str, Any],
    results: Any,
    packages: Iterable[str] = (),
    earlier_seconds: float = 0.0,
) -> dict[str, Any]:
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
        Distributions beside the package's own, as the peers, whose versions count; None stands for one that is not
        installed.
    earlier_seconds : float
        What the run had taken before it broke off and was continued.
    """
    return {
        "benchmark": benchmark,
        "command": shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *map(portable, sys.argv[1:])]),
        "measured": datetime.datetime.now(datetime.UTC).date().isoformat(),
        # From the start of this process, imports and all.
        "duration_seconds": round(earlier_seconds + time.time() - psutil.Process().create_time(), 1),
        "machine": {
            "system": platform.system(),
            "architecture": platform.machine(),
            "cores": os.cpu_count(),
            "memory_gib": round(psutil.virtual_memory().total / 2**30),
            # Of the last minute, this benchmark included: what ran beside it shows.
            "load": round(psutil.getloadavg()[0], 1),
        },
        "versions": ro.versions() | {name: _version(name) for name in packages},
        "settings": dict(settings),
        "results": results,
    }


def portable(argument: str) -> str:
    """An argument of a command as it may be shown: a path from the repository on, or the name of a file elsewhere."""
    path = Path(argument)
    if not path.is_absolute():
        return argument
    return path.relative_to(REPOSITORY).as_posix() if path.is_relative_to(REPOSITORY) else path.name


def write(path: Path, found: Mapping[str, Any]) -> None:
    """Write a document, whole or not at all; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(found, indent=1, allow_nan=False) + "\n")


def read(path: Path, benchmark: str) -> dict[str, Any]:
    """Read the document of a benchmark; end the program where it is another one's."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if found.get("benchmark") != benchmark:
        sys.exit(f"{path}: holds what {found.get('benchmark')!r} measured, wanted {benchmark!r}")
    return found


def provenance(found: Mapping[str, Any]) -> str:
    """Return the sentences that stand below a table: by what command it was made, when, on what and by what.

    A document from before machines and durations were kept has neither.
    """
    machine, seconds = found["machine"], found.get("duration_seconds")
    named = ", ".join(f"{name} {number}" for name, number in found["versions"].items() if number)
    spent = "" if seconds is None else f" in {duration_text(seconds)}"
    place = ""
    if machine is not None:
        load = f", load {machine['load']:g}" if "load" in machine else ""
        place = (
            f" on {machine['cores']} cores with {machine['memory_gib']} GiB "
            f"({machine['system']}, {machine['architecture']}{load})"
        )
    return f"Made by `{found['command']}`{spent}. Measured on {found['measured']}{place}: {named}."


def duration_text(seconds: float) -> str:
    """Seconds as people say them: 45 s, 12 min, 1.5 h."""
    if seconds < 100.0:
        return f"{seconds:.0f} s"
    return f"{seconds / 60.0:.0f} min" if seconds < 5400.0 else f"{seconds / 3600.0:.1f} h"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def settings_of(options: Mapping[str, Any], leave_out: Sequence[str]) -> dict[str, Any]:
    """Options of a command line as plain data; of a file its name."""
    kept = {key: value for key, value in options.items() if key not in leave_out}
    return {key: portable(str(value)) if isinstance(value, Path) else value for key, value in kept.items()}
