"""Medians as one row a family and size, with a column a method."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from peers.tables import percent, spread_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from peers.cases import Target
    from peers.medians import Medians


def method_table(
    rows: Sequence[Medians], targets: Mapping[tuple[str, int], Target | None]
) -> tuple[list[str], list[list[str]]]:
    """Return header and rows; the first method is the one that others are compared with.

    Parameters
    ----------
    rows : sequence of Medians
        All methods of a size after each other.
    targets : mapping
        By family and number of devices.
    """
    methods = list(dict.fromkeys(row.method for row in rows))
    cells: dict[tuple[str, int], dict[str, str]] = {}
    for row in rows:
        cells.setdefault((row.family, row.devices), {})[row.method] = _cell(row, is_reference=row.method == methods[0])
    header = ["family", "devices", "target", *methods]
    body = [
        [family, f"{devices:,}", _target(targets[family, devices]), *(found.get(method, "-") for method in methods)]
        for (family, devices), found in cells.items()
    ]
    return header, body


def _target(target: Target | None) -> str:
    return "-" if target is None else str(target)


def _cell(row: Medians, *, is_reference: bool) -> str:
    if not row.measured:
        return f"not measured: {row.note}"
    parts = [f"{row.proven}/{row.measured} proven"]
    if row.failed:
        parts.append(f"{row.failed} failed")
    if row.seconds is not None:
        median_is_late = 2 * row.proven <= row.measured
        parts.append((">" if median_is_late else "") + spread_text(row.seconds, _seconds) + " s")
    if row.gap is not None and row.proven < row.measured:
        parts.append("gap " + spread_text(row.gap, lambda gap: "none" if math.isinf(gap) else percent(gap)))
    if row.value_ratio is not None and not is_reference:
        parts.append(f"value {100.0 * (row.value_ratio[0] - 1.0):+.2f} %")
    if row.holds is False:
        parts.append("target missed")
    return ", ".join(parts)


def _seconds(value: float) -> str:
    return f"{value:.0f}" if value >= 10.0 else f"{value:.2f}"
