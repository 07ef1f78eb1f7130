"""The page of one plan: its figures, who runs what, when it answers, and what its parts hold together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocoin_opt.errors import UnsupportedError
from rocoin_opt.failure import assess, check, check_claims, evaluate, require_assessable
from rocoin_opt.plan import evidence_left, proof_words, shown_value, some_of, ties_and_rules
from rocoin_opt.provenance import versions
from rocoin_opt.report.page.channel_rows import channel_picture
from rocoin_opt.report.page.failed_devices import failure_panel
from rocoin_opt.report.page.frontier_picture import frontier_section
from rocoin_opt.report.page.graph_picture import graph_picture, part_figures
from rocoin_opt.report.page.group_rows import group_picture
from rocoin_opt.report.page.plan_pictures import latency_picture, outage_picture
from rocoin_opt.report.page.rendering import Page, Section, Tile, rendered, require_report
from rocoin_opt.report.page.tables import Column, Table, name_cell, number_cell, percent, percent_cell, shown_name
from rocoin_opt.wording import GIVEN_DIGITS, counted, given_seconds, joules, search_time, seconds, small_share

if TYPE_CHECKING:
    from rocoin_opt.failure import Figures
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Metrics, Plan, PlanDocument
    from rocoin_opt.planning.frontier import Frontier

MAX_SPARES = 50
"""Spares that are named."""


def plan_report(
    instance: Instance, plan: Plan, document: PlanDocument | None = None, frontier: Frontier | None = None
) -> str:
    """Return the page of a plan as HTML that needs no other file.

    Parameters
    ----------
    instance : Instance
        What was given.
    plan : Plan
        A plan for it that keeps every rule, but for the outage limit and the number of groups: these are told.
    document : PlanDocument, optional
        The plan's file, which may say how it was found. Figures are computed anew all the same, and what the file
        claims against them is told.
    frontier : Frontier, optional
        Drawn too where it is given.

    Raises
    ------
    InputError
        If the plan breaks another rule.
    UnsupportedError
        If Jinja2 or Matplotlib is missing.
    """
    require_report()
    require_assessable(instance, plan)
    figures, reason = _figures(instance, plan)
    metrics = None if figures is None else evaluate(instance, plan)
    guaranteed = None if figures is None else figures.guaranteed_seconds
    sections = [
        Section(
            "Who runs what",
            text=(
                "Each group runs one student on one part of the filters, and has answered when its first surviving "
                "device has. The bars show when each device answers if it survives, first answer first.",
            ),
            groups=group_picture(instance, plan, guaranteed),
            notes=group_notes(instance, plan),
        ),
        *channel_sections(instance, plan),
        Section("What if devices fail?", failing=failure_panel(instance, plan, metrics)),
        failure_section(instance, plan, "plan"),
        *graph_sections(instance, plan, "plan"),
    ]
    if frontier is not None:
        sections.append(frontier_section(frontier, "frontier"))
    return rendered(
        Page(
            title=f"Plan for {shown_name(instance.name)}",
            lead=(*_answer_line(instance, metrics), *lead_lines(instance)),
            warning=_warning(instance, plan, None if figures is None else document),
            tiles=(*_figure_tiles(instance, plan, figures, metrics), *_record_tiles(document)),
            sections=tuple(sections),
            footer=(
                *((reason,) if reason else ()),
                f"Instance fingerprint {instance.sha256}",
                f"rocoin-opt {versions()['rocoin-opt']}. Every figure of the plan was computed anew for this page.",
            ),
        )
    )


def lead_lines(instance: Instance) -> tuple[str, ...]:
    """What was given, in a line or two."""
    needed = instance.requirements
    deadline = (
        "no deadline" if needed.deadline_seconds is None else f"deadline {given_seconds(needed.deadline_seconds)}"
    )
    level = "" if needed.success_level is None else f", success level {needed.success_level}"
    least = "" if needed.min_success is None else f", an answer with probability {needed.min_success} at least"
    return (
        f"{counted(len(instance.devices), 'device')}, {counted(len(instance.students), 'student')}, "
        f"{counted(instance.knowledge.num_filters, 'filter')}, "
        f"at most {instance.max_groups} groups, outage limit {needed.max_group_outage:g} a group, "
        f"{deadline}{level}{least}{''.join(f', {part}' for part in ties_and_rules(instance))}",
    )


def failure_section(instance: Instance, plan: Plan, name: str) -> Section:
    """When the plan answers and how long its groups may stay silent; or why that is not known exactly.

    Parameters
    ----------
    instance : Instance
        What was given.
    plan : Plan
        A plan for it.
    name : str
        Of its pictures, unique on the page.
    """
    title = "How it holds up"
    try:
        pictures = (
            latency_picture(instance, [("this plan", plan)], f"{name}-latency"),
            outage_picture(instance, plan, f"{name}-outage"),
        )
    except UnsupportedError as error:
        return Section(title, text=(f"There is no exact distribution to draw: {error}.",))
    return Section(title, pictures=pictures)


def channel_sections(instance: Instance, plan: Plan) -> tuple[Section, ...]:
    """Who waits for whom; nothing where every link is one of its own.

    Parameters
    ----------
    instance : Instance
        What was given.
    plan : Plan
        A plan for it.
    """
    picture = channel_picture(instance, plan)
    if picture is None:
        return ()
    text = (
        "On a channel one transfer follows the other, in the order in which devices are ready. The bars show all of "
        "them if nobody crashes and nothing is slow: who crashes sends nothing, and nobody else is later for it."
    )
    return (Section("Who waits for whom", text=(text,), channels=picture),)


def graph_sections(instance: Instance, plan: Plan, name: str) -> tuple[Section, ...]:
    """The filter graph with the plan's parts; nothing without a graph or without explicit filters.

    Parameters
    ----------
    instance : Instance
        What was given.
    plan : Plan
        A plan for it.
    name : str
        Of its picture, unique on the page.
    """
    picture, parts = graph_picture(instance, plan, f"{name}-graph"), part_figures(instance, plan)
    if picture is None or parts is None:
        return ()
    has_classes = any(part.evidence_lost is not None for part in parts)
    columns = [
        Column("group"),
        Column("student", is_number=False),
        Column("filters"),
        Column("weight inside", hint="share of the weight at the part's filters that stays inside"),
        Column("cut share", hint="its term of the normalised cut"),
    ]
    if has_classes:
        columns.append(Column("evidence lost", hint="share that the worst-hit class loses with this part"))
    rows = []
    for k, (group, part) in enumerate(zip(plan.groups, parts, strict=True)):
        row = [
            number_cell(k, "d"),
            name_cell(group.student),
            number_cell(group.num_filters, "d"),
            percent_cell(part.inside),
            number_cell(part.cut_share, ".4f"),
        ]
        rows.append((*row, percent_cell(part.evidence_lost)) if has_classes else tuple(row))
    table = Table(tuple(columns), rows)
    return (Section("What the parts hold together", pictures=(picture,), tables=(table,), is_beside=True),)


def _figures(instance: Instance, plan: Plan) -> tuple[Figures | None, str]:
    try:
        return assess(instance, plan), ""
    except UnsupportedError as error:
        return None, f"Exact figures are not available: {error}"


def _ends(instance: Instance) -> str:
    deadline = instance.requirements.deadline_seconds
    return "ever" if deadline is None else f"within {given_seconds(deadline)}"


def _answer_line(instance: Instance, metrics: Metrics | None) -> tuple[str, ...]:
    """What to expect of the whole answer, in a sentence."""
    if metrics is None or metrics.success_probability is None:
        return ()
    return (
        f"There is an answer {_ends(instance)} with probability {metrics.success_probability:.4f}: failure "
        f"{small_share(metrics.failure_probability)}, expected share missing {small_share(metrics.missing_share)}.",
    )


def _figure_tiles(instance: Instance, plan: Plan, figures: Figures | None, answer: Metrics | None) -> tuple[Tile, ...]:
    if figures is None or answer is None:
        return ()
    needed, ends = instance.requirements, _ends(instance)
    tiles = [
        Tile("failure probability", small_share(answer.failure_probability), f"no answer {ends}"),
        Tile("success probability", f"{figures.success_probability:.4f}", f"an answer {ends}"),
        Tile("missing share", small_share(answer.missing_share), f"of the filters, expected, not there {ends}"),
    ]
    if needed.success_level is not None:
        reached = "never" if answer.quantile_seconds is None else seconds(answer.quantile_seconds)
        tiles.append(Tile("quantile", reached, f"an answer with probability {needed.success_level}"))
    tiles.append(Tile("guaranteed latency", seconds(figures.guaranteed_seconds), "every group keeps the outage limit"))
    if figures.nominal_seconds is not None:
        tiles.append(Tile("nominal latency", seconds(figures.nominal_seconds), "nobody fails"))
        tiles.append(Tile("worst latency", seconds(figures.worst_seconds), "the slowest replica"))
    if figures.expected_seconds is not None:
        tiles.append(Tile("expected latency", seconds(figures.expected_seconds), "the deadline stands for no answer"))
    for probability, value in figures.quantiles.items():
        shown = "never" if value is None else seconds(value)
        tiles.append(Tile(f"{100 * probability:g} % quantile", shown, "of the answer time"))
    if answer.energy_joules is not None:
        most = needed.max_energy_joules
        limit = (
            "of a request, over all devices in groups"
            if most is None
            else f"of a request, at most {joules(most, GIVEN_DIGITS)}"
        )
        tiles.append(Tile("energy", joules(answer.energy_joules), limit))
    if answer.ncut is not None:
        tiles.append(Tile("normalised cut", f"{answer.ncut:.4f}", f"of at most {len(plan.groups)}"))
    left = evidence_left(instance, plan)
    if left is not None:
        tiles.append(Tile("class evidence left", percent(left), "of the worst class, one group lost"))
    return tuple(tiles)


def _record_tiles(document: PlanDocument | None) -> tuple[Tile, ...]:
    """What the file says of the search: nothing of it can be computed anew."""
    if document is None or document.solve is None:
        return ()
    record = document.solve
    asked = f"objective {record.objective}, seed {record.seed}, {search_time(record.wall_seconds)} of search"
    proven = f"gap {percent(record.gap)}, as the file says; {proof_words(record.termination, record.objective)}"
    return (
        Tile("method", shown_name(record.method), asked),
        Tile("lower bound", shown_value(record.objective, record.lower_bound), proven),
    )


def _warning(instance: Instance, plan: Plan, document: PlanDocument | None) -> tuple[str, ...]:
    """A heading and lines where the plan misses a requirement, or its file claims what does not hold."""
    broken = check(instance, plan)
    if broken:
        return ("The plan does not keep the requirements", *map(str, broken))
    false = () if document is None else check_claims(instance, document)
    return ("The file of the plan claims what does not hold", *map(str, false)) if false else ()


def group_notes(instance: Instance, plan: Plan) -> tuple[str, ...]:
    """What to know of a plan's groups: random latencies, and who is left over."""
    notes = []
    if any(instance.devices[instance.arrays.device_index[d]].is_random for g in plan.groups for d in g.devices):
        notes.append(
            "Latencies are random here: bars show what takes place without any slowdown, and outages hold once all "
            "have answered that survive."
        )
    if plan.spares:
        notes.append(f"Spares: {some_of(map(shown_name, plan.spares), MAX_SPARES)}.")
    return tuple(notes)
