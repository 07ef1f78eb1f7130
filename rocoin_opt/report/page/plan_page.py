"""The page of one plan: its figures, who runs what, when it answers, and what its parts keep together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocoin_opt.errors import UnsupportedError
from rocoin_opt.failure import assess, check, check_claims, evaluate, require_assessable
from rocoin_opt.plan import (
    FIGURES,
    THRESHOLD_OBJECTIVES,
    binding_lines,
    evidence_left,
    group_timings,
    has_random_latency,
    proof_words,
    shown_value,
    some_of,
    ties_and_rules,
)
from rocoin_opt.report.page.channel_rows import channel_picture
from rocoin_opt.report.page.failed_devices import failure_panel
from rocoin_opt.report.page.frontier_picture import frontier_section
from rocoin_opt.report.page.graph_picture import graph_picture, part_figures
from rocoin_opt.report.page.group_rows import group_picture
from rocoin_opt.report.page.plan_pictures import latency_picture, outage_picture
from rocoin_opt.report.page.rendering import Page, Section, Tile, rendered, require_report
from rocoin_opt.report.page.tables import (
    Cell,
    Column,
    Table,
    name_cell,
    number_cell,
    percent,
    percent_cell,
    shown_name,
)
from rocoin_opt.wording import (
    GIVEN_DIGITS,
    NOTHING,
    counted,
    given_seconds,
    joules,
    printable,
    search_time,
    seconds,
    small_share,
    success_share,
)

if TYPE_CHECKING:
    from rocoin_opt.failure import Figures
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Metrics, Objective, Plan, PlanDocument
    from rocoin_opt.planning.frontier import Frontier

MAX_SPARES = 50
"""Spares that are named."""
MOST_TILES = 3
"""Figures above all others."""


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
    objective: Objective = "guaranteed" if document is None or document.solve is None else document.solve.objective
    found = _all_figures(instance, plan, figures, metrics)
    sections = [
        Section(
            "Who runs what",
            text=(
                "Each group runs one student on one part of the filters, and has answered when its first surviving "
                "device has. The bars show when each device answers if it survives, first answer first. The outage "
                "beside it is the group's so far: the probability that neither this device nor any above it answers.",
            ),
            groups=group_picture(instance, plan, guaranteed),
            notes=(*_binding(instance, plan, metrics, objective), *group_notes(instance, plan)),
        ),
        *channel_sections(instance, plan),
        Section("What if devices fail?", failing=failure_panel(instance, plan, metrics)),
        *_figures_section(found),
        failure_section(instance, plan, "plan"),
        *graph_sections(instance, plan, "plan"),
    ]
    if frontier is not None:
        sections.append(frontier_section(frontier, "frontier"))
    return rendered(
        Page(
            title=f"Plan for {shown_name(instance.name)}",
            lead=(*_answer_line(instance, metrics), *lead_lines(instance), *_record_line(document)),
            warning=_warning(instance, plan, None if figures is None else document),
            tiles=_tiles(found, objective),
            sections=tuple(sections),
            footer=(
                *((reason,) if reason else ()),
                f"Instance fingerprint {instance.sha256}",
                "Every figure of the plan was computed anew for this page.",
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
        "On a channel one transfer follows another, in the order in which devices are ready. The bars show all of "
        "them if no device crashes or is slowed down; a device that crashes sends nothing and delays no other."
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
    return (Section("What the parts keep together", pictures=(picture,), tables=(table,), is_beside=True),)


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
    success = success_share(metrics.success_probability, metrics.failure_probability)
    return (
        f"There is an answer {_ends(instance)} with probability {success}: failure "
        f"{small_share(metrics.failure_probability)}, expected share missing {small_share(metrics.missing_share)}.",
    )


def _all_figures(
    instance: Instance, plan: Plan, figures: Figures | None, answer: Metrics | None
) -> dict[str, tuple[str, str, str]]:
    """Every exact figure by its objective or another name: what it is called, its value and what that means.

    Parameters
    ----------
    instance : Instance
        What was given.
    plan : Plan
        A plan for it.
    figures, answer : Figures and Metrics, or None
        What is known of it.
    """
    if figures is None or answer is None:
        return {}
    needed, ends = instance.requirements, _ends(instance)
    success = figures.success_probability
    sure = NOTHING if success is None else success_share(success, answer.failure_probability)
    found = {
        "failure": ("failure probability", small_share(answer.failure_probability), f"no answer {ends}"),
        "success": ("success probability", sure, f"an answer {ends}"),
        "missing": (
            "missing share",
            small_share(answer.missing_share),
            f"mean share of filters not arrived {ends}",
        ),
    }
    if needed.success_level is not None:
        reached = "never" if answer.quantile_seconds is None else seconds(answer.quantile_seconds)
        found["quantile"] = ("quantile", reached, f"an answer with probability {needed.success_level}")
    met = "never" if figures.guaranteed_seconds is None else seconds(figures.guaranteed_seconds)
    found["guaranteed"] = ("guaranteed latency", met, "every group keeps the outage limit")
    if figures.nominal_seconds is not None:
        found["nominal"] = ("nominal latency", seconds(figures.nominal_seconds), "if no device fails")
        found["worst"] = ("worst latency", seconds(figures.worst_seconds), "the slowest replica")
    if figures.expected_seconds is not None:
        expected = seconds(figures.expected_seconds)
        found["expected"] = ("expected latency", expected, "counting no answer as the deadline")
    for probability, value in figures.quantiles.items():
        shown = "never" if value is None else seconds(value)
        found[f"{probability}"] = (f"{100 * probability:g} % quantile", shown, "of the answer time")
    if answer.energy_joules is not None:
        most = needed.max_energy_joules
        limit = "" if most is None else f", at most {joules(most, GIVEN_DIGITS)}"
        meaning = f"of a request, over all devices in groups{limit}"
        found["energy"] = ("energy", joules(answer.energy_joules), meaning)
    if answer.ncut is not None:
        found["ncut"] = ("normalised cut", f"{answer.ncut:.4f}", f"of at most {len(plan.groups)}")
    left = evidence_left(instance, plan)
    if left is not None:
        found["evidence"] = ("class evidence left", percent(left), "of the worst class, with one group lost")
    return found


def _tiles(found: dict[str, tuple[str, str, str]], objective: str) -> tuple[Tile, ...]:
    """The three figures that matter: what was minimised, how often the answer fails, how much of it is missing."""
    first = [name for name in dict.fromkeys((objective, "guaranteed", "failure", "missing")) if name in found]
    chosen = [first[0], *(name for name in ("failure", "missing", "guaranteed") if name != first[0])] if first else []
    return tuple(Tile(*found[name]) for name in chosen[:MOST_TILES])


def _figures_section(found: dict[str, tuple[str, str, str]]) -> tuple[Section, ...]:
    """All figures in a table; nothing where there are none."""
    if not found:
        return ()
    columns = (Column("figure", is_number=False), Column("value"), Column("meaning", is_number=False))
    rows = [(Cell(name), Cell(value), Cell(meaning)) for name, value, meaning in found.values()]
    return (Section("All figures", tables=(Table(columns, rows, is_sortable=False),)),)


def _record_line(document: PlanDocument | None) -> tuple[str, ...]:
    """What the file says of the search: nothing of it can be computed anew."""
    if document is None or document.solve is None:
        return ()
    record = document.solve
    bound = f"lower bound {shown_value(record.objective, record.lower_bound)}, gap {percent(record.gap)}"
    proven = proof_words(record.termination, record.objective)
    return (
        f"Found by {shown_name(record.method)}, objective {record.objective}, seed {record.seed}, in "
        f"{search_time(record.wall_seconds)} of search; {bound}, as the file says: {proven}.",
    )


def _binding(instance: Instance, plan: Plan, metrics: Metrics | None, objective: Objective) -> tuple[str, ...]:
    """What the latency that was minimised waits for, else the guaranteed one; nothing where latencies are random.

    Parameters
    ----------
    instance : Instance
        What was given.
    plan : Plan
        A plan for it.
    metrics : Metrics or None
        Its figures.
    objective : str
        What was minimised.
    """
    if metrics is None or has_random_latency(instance, plan):
        return ()
    wanted: Objective = objective if objective in THRESHOLD_OBJECTIVES else "guaranteed"
    value, timings = getattr(metrics, FIGURES[wanted]), group_timings(instance, plan)
    lines = [line.strip() for line in binding_lines(instance, plan, wanted, value, timings)]
    return (" ".join(printable(f"{line[0].upper()}{line[1:]}.") for line in lines),) if lines else ()


def _warning(instance: Instance, plan: Plan, document: PlanDocument | None) -> tuple[str, ...]:
    """A heading and lines where the plan misses a requirement, or its file makes claims that do not hold."""
    broken = check(instance, plan)
    if broken:
        return ("The plan does not keep the requirements", *map(str, broken))
    false = () if document is None else check_claims(instance, document)
    return ("The plan file makes claims that do not hold", *map(str, false)) if false else ()


def group_notes(instance: Instance, plan: Plan) -> tuple[str, ...]:
    """What to know of a plan's groups: random latencies, and who is left over."""
    notes = []
    if has_random_latency(instance, plan):
        notes.append(
            "Latencies are random here: the bars show them without any slowdown, and the outages hold once all "
            "survivors have answered."
        )
    if plan.spares:
        notes.append(f"Spares: {some_of(map(shown_name, plan.spares), MAX_SPARES)}.")
    return tuple(notes)
