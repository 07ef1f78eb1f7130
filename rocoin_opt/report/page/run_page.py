"""The page of a run: the methods side by side, and some instances in detail."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.batch import RESULTS
from rocoin_opt.documents import parse_document, validate
from rocoin_opt.errors import InputError, Problem, RocoinError, UnsupportedError
from rocoin_opt.failure import evaluate
from rocoin_opt.instance import read_instance
from rocoin_opt.plan import FORMAT, VERSION, PlanDocument, shown_value
from rocoin_opt.report import SHIFT, RunItems, conflict_lines, definitions, method_figures, performance_profiles
from rocoin_opt.report.page.frontier_picture import frontier_section
from rocoin_opt.report.page.group_rows import group_picture
from rocoin_opt.report.page.plan_page import channel_sections, graph_sections, group_notes, lead_lines
from rocoin_opt.report.page.plan_pictures import latency_picture
from rocoin_opt.report.page.rendering import Page, Section, Tile, rendered, require_report
from rocoin_opt.report.page.run_pictures import flat_words, is_flat, profile_picture, trace_picture
from rocoin_opt.report.page.run_tables import figures_table, items_table
from rocoin_opt.report.page.tables import shown_name
from rocoin_opt.wording import seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rocoin_opt.batch import ItemResult, Store
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Plan
    from rocoin_opt.planning.frontier import Frontier


def run_report(
    store: Store,
    *,
    shown: Sequence[str] | None = None,
    frontier_of: Callable[[Instance, str], Frontier] | None = None,
) -> str:
    """Return the page of a run as HTML that needs no other file.

    Parameters
    ----------
    store : Store
        The run, finished or under way.
    shown : sequence of str, optional
        Names of the instances that are shown in detail; else the first with a plan of each of some families.
    frontier_of : callable, optional
        Finds the frontier of such an instance for an objective.

    Raises
    ------
    InputError
        If the run has no results, or no instance of such a name.
    StoreError
        If it cannot be read.
    UnsupportedError
        If Jinja2 or Matplotlib is missing.
    """
    require_report()
    name = store.folder.resolve().name
    run = RunItems.of(store.rows(), str(store.folder))
    sections = list(_method_sections(run))
    for number, close_up in enumerate(close_ups(run, store, shown)):
        sections += close_up_sections(close_up, store, number, frontier_of)
    sections.append(Section("Items", tables=(items_table(run, f"{name}/{RESULTS}"),)))
    return rendered(
        Page(
            title=f"Run {shown_name(name)}",
            lead=(_lead(run),),
            tiles=_tiles(run),
            warning=conflict_lines(run),
            sections=tuple(sections),
        )
    )


def _lead(run: RunItems) -> str:
    instances = len(set(run.instances))
    return (
        f"{_counted(instances, 'instance')} of {_counted(len(run.families), 'family', 'families')}; "
        f"{', '.join(map(shown_name, run.methods))}; {', '.join(map(shown_name, run.objectives))}"
    )


def _tiles(run: RunItems) -> tuple[Tile, ...]:
    count = len(run.items)
    return (
        Tile("items", str(count), "instance, method, objective and seed"),
        Tile("solved", str(int(run.solved.sum())), "a plan, or a proof of none"),
        Tile("proven", str(int(run.proven.sum())), "optimal, or infeasible"),
        Tile("failed", str(int(run.failed.sum())), "ended with an error"),
        Tile("search time", seconds(float(run.seconds.sum())), "of all items together"),
    )


def _method_sections(run: RunItems) -> tuple[Section, ...]:
    figures, profiles = method_figures(run), performance_profiles(run)
    return tuple(
        Section(
            f"Methods, objective {shown_name(objective)}",
            tables=(figures_table([entry for entry in figures if entry.objective == objective], SHIFT),),
            pictures=tuple(
                profile_picture(profile, f"profile-{number}-{profile.measure}")
                for profile in profiles
                if profile.objective == objective and profile.questions and not is_flat(profile)
            ),
            notes=(
                *(flat_words(p) for p in profiles if p.objective == objective and p.questions and is_flat(p)),
                # Once is enough.
                *((" ".join(f"{line[0].upper()}{line[1:]}." for line in definitions()),) if number == 0 else ()),
            ),
        )
        for number, objective in enumerate(run.objectives)
    )


def _counted(count: int, one: str, many: str | None = None) -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"


MAX_SHOWN = 3
"""Instances that are shown where nobody names any."""


@dataclass(frozen=True, eq=False)
class CloseUp:
    """One problem of a run with all that was found for it.

    Attributes
    ----------
    family : str
        Of the instance.
    rows : tuple of ItemResult
        One a method: same instance, objective and seed.
    """

    family: str
    rows: tuple[ItemResult, ...]


def close_ups(run: RunItems, store: Store, names: Sequence[str] | None) -> tuple[CloseUp, ...]:
    """Choose what is shown in detail: the instances named, else the first with a plan of each of some families.

    Parameters
    ----------
    run : RunItems
        What a run has done.
    store : Store
        Where its instances and plans are kept.
    names : sequence of str, optional
        Instances that are asked for.

    Raises
    ------
    InputError
        If the run has no instance of such a name.
    """
    questions = _first_of_families(run) if names is None else [_named(run, name) for name in names]
    wanted = {
        run.items[place]: int(run.question[place])
        for place in np.flatnonzero(np.isin(run.question, questions)).tolist()
    }
    found: dict[int, list[ItemResult]] = {question: [] for question in questions}
    if wanted:
        for row in store.rows():
            if row.item in wanted:
                found[wanted[row.item]].append(row)
    family = {int(run.question[place]): run.families[run.family[place]] for place in range(len(run.items))}
    return tuple(CloseUp(family[question], tuple(rows)) for question, rows in found.items())


def close_up_sections(
    shown: CloseUp, store: Store, number: int, frontier_of: Callable[[Instance, str], Frontier] | None
) -> tuple[Section, ...]:
    """Show a problem in pictures.

    Parameters
    ----------
    shown : CloseUp
        The problem.
    store : Store
        Where its plans are.
    number : int
        Its place in the page, for the names of figures.
    frontier_of : callable, optional
        Finds the frontier of an instance for an objective; asked where the instance has a filter graph.
    """
    first = shown.rows[0]
    title = f"In detail: {shown_name(first.instance)}"
    asked = f"Family {shown_name(shown.family)}, objective {shown_name(first.objective)}, seed {first.seed}."
    name = f"instance-{number}"
    traces = trace_picture([(row.method, row.trace) for row in shown.rows], f"{name}-trace", first.objective)
    drawn = () if traces is None else (traces,)
    if traces is None and any(row.trace for row in shown.rows):
        asked += " No search improved on its first plan or bound, so there is nothing to draw over time."
    try:
        instance, plans = _plans(shown, store)
    except RocoinError as error:
        return (Section(title, text=(asked,), pictures=drawn, notes=(f"Its plans cannot be shown: {error}",)),)
    if not plans:
        return (Section(title, text=(asked, "No method found a plan."), pictures=drawn),)
    notes: tuple[str, ...] = ()
    try:
        drawn = (*drawn, latency_picture(instance, [(row.method, plan) for row, plan in plans], f"{name}-latency"))
    except RocoinError as error:
        notes = (f"There is no exact distribution to draw: {error}.",)
    sections = [Section(title, text=(asked, *lead_lines(instance)), pictures=drawn, notes=notes)]
    best, plan = min(plans, key=standing)
    sections.append(
        Section(
            f"Its best plan: {shown_name(best.method)}, {shown_value(best.objective, best.objective_value)}",
            groups=group_picture(instance, plan, evaluate(instance, plan).guaranteed_seconds),
            notes=group_notes(instance, plan),
        )
    )
    sections += [*channel_sections(instance, plan), *graph_sections(instance, plan, name)]
    if frontier_of is not None and instance.knowledge.graph is not None:
        try:
            sections.append(frontier_section(frontier_of(instance, best.objective), f"{name}-frontier"))
        except UnsupportedError as error:
            sections.append(Section("Latency against partition", text=(str(error),)))
    return tuple(sections)


def _first_of_families(run: RunItems) -> list[int]:
    """The problem of the first plan of each family, of some families at most."""
    questions = []
    for family in range(len(run.families)):
        places = np.flatnonzero((run.family == family) & np.isfinite(run.value))
        if len(places):
            questions.append(int(run.question[places[np.argmin(run.objective[places])]]))
    return questions[:MAX_SHOWN]


def _named(run: RunItems, name: str) -> int:
    places = [place for place, instance in enumerate(run.instances) if instance == name]
    if not places:
        raise InputError("options", [Problem("--show", repr(name), "names of instances of the run")])
    # The first with a plan, else the first.
    return int(run.question[next((place for place in places if np.isfinite(run.value[place])), places[0])])


def _plans(shown: CloseUp, store: Store) -> tuple[Instance, list[tuple[ItemResult, Plan]]]:
    """The instance, and the plan of each method that found one.

    Raises
    ------
    InputError
        If the instance file cannot be read any more, or has changed since.
    """
    path = shown.rows[0].path
    instance = read_instance(path)
    plans = []
    for row in shown.rows:
        text = store.plan_text(row.item)
        if text is not None:
            document = validate(PlanDocument, parse_document(text, row.item, FORMAT, VERSION), row.item)
            if document.instance.sha256 != instance.sha256:
                raise InputError(path, [Problem("", "content that has changed since the run", "the file as it was")])
            plans.append((row, document.plan))
    return instance, plans


def standing(entry: tuple[ItemResult, Plan]) -> tuple[float, bool]:
    """Where a plan stands among others: one without a value, for which there was no time say, comes last."""
    value = entry[0].objective_value
    return math.inf if value is None else value, entry[0].termination != "optimal"
