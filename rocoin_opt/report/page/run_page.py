"""The page of a run: the methods side by side, and some instances from close by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocoin_opt.batch import RESULTS
from rocoin_opt.provenance import versions
from rocoin_opt.report import SHIFT, RunItems, conflict_lines, definitions, method_figures, performance_profiles
from rocoin_opt.report.page.instance_sections import close_up_sections, close_ups
from rocoin_opt.report.page.rendering import Page, Section, Tile, rendered, require_report
from rocoin_opt.report.page.run_pictures import profile_picture
from rocoin_opt.report.page.run_tables import figures_table, items_table
from rocoin_opt.report.page.tables import shown_name
from rocoin_opt.wording import seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rocoin_opt.batch import Store
    from rocoin_opt.instance import Instance
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
        Names of the instances that are shown from close by; else the first with a plan of each of some families.
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
            footer=(f"rocoin-opt {versions()['rocoin-opt']}",),
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
                if profile.objective == objective and profile.questions
            ),
            # Once is enough.
            notes=(" ".join(f"{line[0].upper()}{line[1:]}." for line in definitions()),) if number == 0 else (),
        )
        for number, objective in enumerate(run.objectives)
    )


def _counted(count: int, one: str, many: str | None = None) -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"
