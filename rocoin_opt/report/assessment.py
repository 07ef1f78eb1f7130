"""How a plan holds up, as tables for people and as JSON."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from rocoin_opt.errors import printable
from rocoin_opt.failure.assessment import Figures, Simulated
from rocoin_opt.plan.summary import seconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from rocoin_opt.failure.assessment import Loss
    from rocoin_opt.instance.model import Instance
    from rocoin_opt.plan.model import Plan

    Simulation = Mapping[str, Simulated | dict[float, Simulated] | None]

QUANTILE = "answered with probability"
"""Name of a quantile's row, before its probability."""


def assessment_document(
    figures: Figures, simulation: Simulation | None = None, losses: Sequence[Loss] | None = None
) -> dict[str, Any]:
    """Return the content of ``rocoin-opt evaluate --json``: figures by name, quantiles by their probability."""
    document = _document(figures)
    if simulation is not None:
        document["simulated"] = {name: _simulated(value) for name, value in simulation.items()}
    if losses is not None:
        document["losses"] = [
            {
                "device": loss.device,
                "group": loss.group,
                "keeps_limit": loss.keeps_limit,
                "figures": None if loss.figures is None else _document(loss.figures),
            }
            for loss in losses
        ]
    return document


def print_assessment(
    instance: Instance,
    plan: Plan,
    deadline: float | None,
    figures: Figures,
    simulation: Simulation | None,
    losses: Sequence[Loss] | None,
    console: Console,
) -> None:
    """Print the figures, beside them the simulated ones, then what the loss of each device would do."""
    ends = "no deadline" if deadline is None else f"deadline {deadline:g} s"
    spares = len(instance.devices) - sum(len(group.devices) for group in plan.groups)
    console.print(Text(printable(f"{instance.name}: {len(plan.groups)} groups, {spares} spares, {ends}")))
    console.print(_figures_table(figures, simulation))
    if losses is not None:
        console.print()
        console.print(_losses_table(losses))
        broken = [loss for loss in losses if not loss.keeps_limit]
        console.print(
            f"{len(broken)} of {len(losses)} devices are needed: without one of them its group misses the outage limit"
        )


def _document(figures: Figures) -> dict[str, Any]:
    document = asdict(figures)
    document["quantiles"] = {f"{q:g}": value for q, value in figures.quantiles.items()}
    return document


def _simulated(value: Simulated | dict[float, Simulated] | None) -> Any:
    if isinstance(value, dict):
        return {f"{q:g}": asdict(estimate) for q, estimate in value.items()}
    return None if value is None else asdict(value)


def _figures_table(figures: Figures, simulation: Simulation | None) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("figure")
    table.add_column("exact", justify="right")
    if simulation is not None:
        table.add_column("simulated", justify="right")
        table.add_column("95 % interval", justify="right")
    for name, exact, estimate in _rows(figures, simulation):
        is_time = name != "success probability"
        nothing = "never" if name.startswith(QUANTILE) else "-"
        row = [name, _shown(exact, is_time, nothing)]
        if simulation is not None and estimate is not None:
            ends = (_shown(end, is_time, nothing) for end in (estimate.low, estimate.high))
            row += [_shown(estimate.value, is_time, nothing), " .. ".join(ends)]
        elif simulation is not None:
            row += ["-", "-"]
        table.add_row(*row)
    return table


def _rows(figures: Figures, simulation: Simulation | None) -> list[tuple[str, float | None, Simulated | None]]:
    rows: list[tuple[str, float | None, Simulated | None]] = []
    for field in fields(Figures):
        exact = getattr(figures, field.name)
        found = None if simulation is None else simulation[field.name]
        if isinstance(exact, dict):
            estimates = found if isinstance(found, dict) else {}
            rows += [(f"{QUANTILE} {q:g}", value, estimates.get(q)) for q, value in exact.items()]
        else:
            name = field.name.removesuffix("_seconds").replace("_", " ")
            rows.append((name, exact, found if isinstance(found, Simulated) else None))
    return rows


def _losses_table(losses: Sequence[Loss]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("without")
    for name in ("group", "guaranteed", "expected", "success probability"):
        table.add_column(name, justify="right")
    table.add_column("its group")
    for loss in losses:
        figures = loss.figures
        table.add_row(
            Text(printable(loss.device)),
            str(loss.group),
            _shown(None if figures is None else figures.guaranteed_seconds, is_time=True),
            _shown(None if figures is None else figures.expected_seconds, is_time=True),
            _shown(0.0 if figures is None else figures.success_probability, is_time=False),
            _verdict(loss),
        )
    return table


def _verdict(loss: Loss) -> str:
    if loss.figures is None:
        return "has no device left"
    return "keeps the limit" if loss.keeps_limit else "misses the limit"


def _shown(value: float | None, is_time: bool, nothing: str = "-") -> str:
    if value is None:
        return nothing
    return seconds(value) if is_time else f"{value:.6f}"
