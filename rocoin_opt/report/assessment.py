"""How a plan holds up, as tables for people and as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

from rocoin_opt.failure import (
    Figures,
    Simulated,
    finite_or_none,
    latency_distribution,
    metrics_with_queues,
    value_of,
)
from rocoin_opt.plan import has_queues, plain_table, plain_text
from rocoin_opt.report.what_if import (
    losses_table,
    probability,
    replicas_table,
    sensitivities_table,
    statement_lines,
)
from rocoin_opt.wording import counted, given_seconds, seconds, small_share

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console
    from rich.table import Table

    from rocoin_opt.failure import Loss, ReplicaValue, Sensitivity, Traces
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Plan
    from rocoin_opt.planning.simplify import Simplifications, Witness

    Simulation = Mapping[str, Simulated | dict[float, Simulated] | None]

GUARANTEED, NEVER, FAILURE = "guaranteed", "never", "failure probability"
NEAR_ZERO = frozenset({FAILURE, "missing share"})
"""Rows whose figures are best near 0."""
QUANTILE = "answered with probability"
"""Name of a quantile's row, before its probability."""


@dataclass(frozen=True)
class AnswerFigures:
    """Exact figures of the whole answer.

    Attributes
    ----------
    failure_probability : float or None
        Probability that there is no answer by the deadline, or none ever where there is no deadline; None where only
        trials tell it.
    missing_share : float or None
        Expected share of the filters that have not arrived by then.
    quantile_seconds : float or None
        Seconds by which the answer is there with the probability ``success_level`` of the instance; None without such
        a level, or where it is never reached.
    """

    failure_probability: float | None
    missing_share: float | None
    quantile_seconds: float | None


@dataclass(frozen=True)
class Assessment:
    """A plan with all that was asked of it; None for what was not.

    Attributes
    ----------
    instance, plan : Instance, Plan
        What was assessed.
    deadline : float or None
        Deadline in seconds.
    figures : Figures
        Exact figures.
    simpler : Simplifications
        Simpler plans that would do as well.
    simulation : dict, optional
        Figures by name, see :func:`rocoin_opt.failure.assessment.simulated`.
    traces : Traces, optional
        What the simulation replayed.
    is_exact : bool
        Whether the whole answer has exact figures; where queues for channels are too long or random it has not.
    losses : sequence of Loss, optional
        What the loss of each device would do.
    replicas : sequence of ReplicaValue, optional
        What one more replica would do, the best first.
    sensitivities : sequence of Sensitivity, optional
        What the figures depend on.
    """

    instance: Instance
    plan: Plan
    deadline: float | None
    figures: Figures
    simpler: Simplifications
    simulation: Simulation | None = None
    traces: Traces | None = None
    is_exact: bool = True
    losses: Sequence[Loss] | None = None
    replicas: Sequence[ReplicaValue] | None = None
    sensitivities: Sequence[Sensitivity] | None = None

    @cached_property
    def answer(self) -> AnswerFigures:
        """Figures of the whole answer."""
        if not self.is_exact:
            return AnswerFigures(None, None, None)
        if has_queues(self.instance, self.plan):
            found = metrics_with_queues(self.instance, self.plan, self.deadline)
            return AnswerFigures(found.failure_probability, found.missing_share, found.quantile_seconds)
        law = latency_distribution(self.instance, self.plan)
        return AnswerFigures(
            failure_probability=law.failure_probability(self.deadline),
            missing_share=law.missing_share(self.deadline),
            quantile_seconds=finite_or_none(value_of(self.instance, self.plan, "quantile")),
        )


def assessment_document(found: Assessment) -> dict[str, Any]:
    """Return the content of ``rocoin-opt evaluate --json``: figures by name, quantiles by their probability."""
    document = _document(found.figures) | asdict(found.answer)
    document["one_device_suffices"] = _witness(found.simpler.one_device)
    document["redundancy_does_not_pay"] = _witness(found.simpler.without_redundancy)
    if found.simulation is not None:
        document["simulated"] = {name: _simulated(value) for name, value in found.simulation.items()}
    if found.traces is not None:
        document["traces"] = {
            "requests": found.traces.requests,
            "devices": list(found.traces.devices),
            "measured": list(found.traces.measured),
            "replayed_by": ["simulated"],
        }
    if found.losses is not None:
        document["losses"] = [
            {
                "device": loss.device,
                "group": loss.group,
                "keeps_limit": loss.keeps_limit,
                "figures": None if loss.figures is None else _document(loss.figures),
            }
            for loss in found.losses
        ]
    if found.replicas is not None:
        document["replicas"] = [asdict(value) for value in found.replicas]
    if found.sensitivities is not None:
        document["sensitivities"] = [asdict(one) for one in found.sensitivities]
    return document


def print_assessment(found: Assessment, console: Console) -> None:
    """Print the figures, beside them the simulated ones, what is proven of simpler plans, then what else was asked."""
    instance, plan, figures = found.instance, found.plan, found.figures
    ends = "no deadline" if found.deadline is None else f"deadline {given_seconds(found.deadline)}"
    spares = len(instance.devices) - sum(len(group.devices) for group in plan.groups)
    size = f"{counted(len(plan.groups), 'group')}, {counted(spares, 'spare')}"
    console.print(plain_text(f"{instance.name}: {size}, {ends}"))
    console.print(_figures_table(found))
    if found.simulation is not None and any(_is_open(estimate) for *_, estimate in _rows(found)):
        console.print(
            "an interval up to never: these trials do not rule out that the time never comes; more trials narrow it"
        )
    if found.traces is not None:
        console.print(plain_text(_traces_line(found.traces, plan)))
    for line in statement_lines(figures, found.simpler):
        console.print(plain_text(line))
    if found.losses is not None:
        console.print()
        console.print(losses_table(found.losses))
        broken = [loss for loss in found.losses if not loss.keeps_limit]
        console.print(
            f"{len(broken)} of {len(found.losses)} devices are needed: "
            "without one of them its group misses the outage limit"
        )
    if found.replicas is not None:
        _print_replicas(figures, found.replicas, spares, console)
    if found.sensitivities is not None:
        table, others = sensitivities_table(found.sensitivities)
        console.print("\nif it gets 1 % worse: a crash probability 1 % higher, a rate 1 % lower")
        console.print(table)
        if others:
            console.print(f"{others} more have less influence; --json has them all")


def _print_replicas(figures: Figures, values: Sequence[ReplicaValue], spares: int, console: Console) -> None:
    for is_twin, words in ((False, "spare"), (True, "twin of a device in use")):
        table = replicas_table(figures, values, is_twin)
        console.print()
        if table is not None:
            console.print(table)
        elif spares or is_twin:
            console.print(f"one more replica: no {words} would improve a figure in any group that it can join")
        else:
            console.print("one more replica: there are no spares")


def _witness(witness: Witness | None) -> dict[str, Any] | None:
    if witness is None:
        return None
    groups = witness.plan.model_dump(mode="json", exclude={"groups": {"__all__": {"filters"}}})["groups"]
    return {"keeps_limit": witness.keeps_limit, "groups": groups, "figures": _document(witness.figures)}


def _document(figures: Figures) -> dict[str, Any]:
    document = asdict(figures)
    document["quantiles"] = {f"{q:g}": value for q, value in figures.quantiles.items()}
    return document


def _simulated(value: Simulated | dict[float, Simulated] | None) -> Any:
    if isinstance(value, dict):
        return {f"{q:g}": asdict(estimate) for q, estimate in value.items()}
    return None if value is None else asdict(value)


def _traces_line(traces: Traces, plan: Plan) -> str:
    used = [device for group in plan.groups for device in group.devices]
    replayed = sum(device in traces.devices for device in used)
    return (
        f"simulated: {traces.requests} measured requests ({', '.join(traces.measured)}) replayed for {replayed} of the "
        f"plan's {len(used)} devices; exact, and all below: the instance's own laws, not the traces"
    )


def _figures_table(found: Assessment) -> Table:
    simulation, is_replayed = found.simulation, found.traces is not None
    exact_laws, drawn = ("exact, own laws", "simulated, traces") if is_replayed else ("exact", "simulated")
    table = plain_table("figure", numbers=(exact_laws,) if simulation is None else (exact_laws, drawn, "95 % interval"))
    for name, exact, estimate in _rows(found):
        # What only trials tell is not known to be never.
        is_unknown = exact is None and not found.is_exact
        row = [name, "-" if is_unknown else _shown(name, exact)]
        if simulation is not None and estimate is not None:
            ends = (_shown(name, end) for end in (estimate.low, estimate.high))
            row += [_shown(name, estimate.value), " .. ".join(ends)]
        elif simulation is not None:
            row += ["-", "-"]
        table.add_row(*row)
    return table


def _rows(found: Assessment) -> list[tuple[str, float | None, Simulated | None]]:
    """Name, exact and simulated figure; those of the whole answer come first."""
    figures, simulation, answer = found.figures, found.simulation, found.answer
    level = found.instance.requirements.success_level
    rows: list[tuple[str, float | None, Simulated | None]] = [
        (FAILURE, answer.failure_probability, _complement(simulation)),
        ("missing share", answer.missing_share, None),
    ]
    # Fixed quantiles stand further below.
    if level is not None and level not in figures.quantiles:
        rows.append((f"{QUANTILE} {level}", answer.quantile_seconds, None))
    for field in fields(Figures):
        exact = getattr(figures, field.name)
        drawn = None if simulation is None else simulation[field.name]
        if isinstance(exact, dict):
            estimates = drawn if isinstance(drawn, dict) else {}
            rows += [(f"{QUANTILE} {q:g}", value, estimates.get(q)) for q, value in exact.items()]
        else:
            name = field.name.removesuffix("_seconds").replace("_", " ")
            rows.append((name, exact, drawn if isinstance(drawn, Simulated) else None))
    return rows


def _is_open(estimate: Simulated | None) -> bool:
    """Whether the interval begins at a time and has no end: trials do not rule out that there is no such time."""
    return estimate is not None and estimate.low is not None and estimate.high is None


def _complement(simulation: Simulation | None) -> Simulated | None:
    """The simulated failure probability: 1 less that of success."""
    success = None if simulation is None else simulation["success_probability"]
    if not isinstance(success, Simulated) or success.value is None or success.low is None or success.high is None:
        return None
    return Simulated(1.0 - success.value, 1.0 - success.high, 1.0 - success.low)


def _shown(name: str, value: float | None) -> str:
    if value is None:
        return NEVER if name == GUARANTEED or name.startswith(QUANTILE) else "-"
    if name in NEAR_ZERO:
        return small_share(value)
    return probability(value) if name == "success probability" else seconds(value)
