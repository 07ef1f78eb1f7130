"""Build times of the big-M model by modelling layer: measured in processes of their own, shown as a table."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

from peers.measure import BENCHMARKS
from peers.tables import show

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from peers.cases import Case

LAYERS = {"pyomo": None, "linopy": "linopy", "pyscipopt": "pyscipopt"}
"""Modelling layers, and the peer's distribution that each needs."""
SIZES = range(8, 201)
"""Devices from and to which the time is told."""
HEADER = ("instance", "devices", "layer", "rows", "columns", "state, s", "pass, s")
PATIENCE_SECONDS = 120.0


def build_times(cases: Sequence[Case], versions: Mapping[str, str | None], python: str) -> list[dict[str, Any]]:
    """Measure the first instance of each size of ``edge``.

    Parameters
    ----------
    cases : sequence of Case
        What the comparison runs on.
    versions : mapping
        Of the peers' distributions; None where one is not there.
    python : str
        Interpreter that has them and the package.
    """
    first: dict[int, Case] = {}
    for case in cases:
        if case.family == "edge" and case.devices in SIZES:
            first.setdefault(case.devices, case)
    times = []
    for case in first.values():
        for layer, package in LAYERS.items():
            if package is not None and versions.get(package) is None:
                continue
            command = [python, "-m", "peers.building", layer, str(case.path.resolve())]
            done = subprocess.run(
                command, capture_output=True, text=True, check=True, timeout=PATIENCE_SECONDS, cwd=BENCHMARKS
            )
            said = json.loads(done.stdout.splitlines()[-1])
            times.append({"instance": case.name, "devices": case.devices, "layer": layer, **said})
    return times


def show_build_times(times: Sequence[Mapping[str, Any]], *, markdown: bool) -> None:
    """Print them, if there are any."""
    if not times:
        return
    rows = [
        [
            *(time["instance"], f"{time['devices']:,}", time["layer"], f"{time['rows']:,}", f"{time['columns']:,}"),
            f"{time['state_seconds']:.2f}",
            f"{time['pass_seconds']:.2f}" if time["pass_seconds"] else "-",
        ]
        for time in times
    ]
    title = "Time to state the same big-M model, and to pass it to the solver"
    show(title, HEADER, rows, {"instance", "layer"}, markdown=markdown)
