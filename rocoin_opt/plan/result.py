"""What a search returns: the raw outcome of a method, and the checked result that leaves the package."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

from rich.console import Console

from rocoin_opt.instance import keeps_limit
from rocoin_opt.plan.latency import ANSWER_OBJECTIVES, group_timings, has_random_latency
from rocoin_opt.plan.metrics import evidence_left
from rocoin_opt.plan.phases import Phase, Reinforcement, proof_words, reinforcement_lines, relative_gap
from rocoin_opt.plan.summary import binding_lines, channel_lines, group_table, idle_lines, random_table
from rocoin_opt.plan.terminal import (
    OBJECTIVE_WORDS,
    bound_alone,
    plain_text,
    shown_value,
    some_of,
)
from rocoin_opt.plan.transfers import has_queues
from rocoin_opt.provenance import versions
from rocoin_opt.showing import Shown
from rocoin_opt.wording import (
    GIVEN_DIGITS,
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
    from collections.abc import Iterator

    from rocoin_opt.control import Progress
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan.changes import StartRepair
    from rocoin_opt.plan.conflict import Conflict
    from rocoin_opt.plan.latency import Objective
    from rocoin_opt.plan.metrics import Metrics
    from rocoin_opt.plan.model import Plan

Termination: TypeAlias = Literal["optimal", "feasible", "infeasible", "no_plan"]

SUMMARY_COLUMNS = 110
"""Columns of a summary as text."""
SURE = 0.95
"""Success probability below which a summary says what would raise it."""
MOST_NAMES = 12
"""Spares that are named; of the others there is the number."""


@dataclass(frozen=True)
class Outcome:
    """What a method found, before it is checked.

    Attributes
    ----------
    plan : Plan or None
        The best plan, in canonical order.
    lower_bound : float or None
        Valid lower bound on the objective, in its unit, rounded down; None if the method proves nothing.
    infeasible : bool
        Whether the method proved that no plan exists.
    reasons : tuple of str
        Why there is no plan, in terms that a user can act on.
    phases : tuple of Phase
        What was searched behind the objective, in order, by those who go on behind it.

    Examples
    --------
    >>> ro.Outcome(plan, lower_bound=1.0).infeasible
    False
    """

    plan: Plan | None
    lower_bound: float | None = None
    infeasible: bool = False
    reasons: tuple[str, ...] = ()
    phases: tuple[Phase, ...] = ()


@dataclass(frozen=True, repr=False)
class Result(Shown):
    """The result of :func:`rocoin_opt.solve`: a checked plan with its figures.

    Attributes
    ----------
    instance : Instance
        The instance.
    plan : Plan or None
        A plan that keeps every rule, or None.
    method, objective : str
        What was asked.
    termination : str
        ``optimal`` (gap closed), ``feasible`` (a plan without that proof), ``infeasible`` (proven) or ``no_plan``.
    objective_value : float or None
        The objective, as the evaluator computes it from the plan: seconds, or a probability or share without a unit.
    lower_bound : float or None
        Valid lower bound in the same unit.
    metrics : Metrics or None
        All figures of the plan.
    reasons : tuple of str
        Why there is no plan, or why the objective of the plan has no value.
    wall_seconds : float
        Time of the whole search.
    seed : int
        Seed of the search.
    versions : dict of str to str
        Versions of the package and its dependencies.
    reinforcement : Reinforcement or None
        What the devices gain that the outage limit does not need; None if nothing was searched behind latency, or
        the time was up.
    conflict : Conflict or None
        Requirements and rules that cannot hold together, where it is proven that there is no plan; None where they were
        not asked for, or not found in time. Its sentences stand behind the other reasons.
    repair : StartRepair or None
        What became of a start plan that missed limits or broke rules; None if it was valid.
    trace : tuple of Progress
        Best value and bound over time: values never rise, bounds never fall, every row but the last is
        new. The last one holds ``objective_value`` and ``lower_bound`` at ``wall_seconds``.
    phases : tuple of Phase
        What was searched behind the objective, in order, and whether it is proven; empty where nothing was.

    Examples
    --------
    >>> result = ro.solve(instance, "greedy")
    >>> result.termination, len(result.plan.groups), result.gap
    ('optimal', 2, 0.0)
    >>> result.to_frame().num_filters.tolist()
    [6, 6]
    """

    _shown_as: ClassVar[str] = "result"

    instance: Instance
    plan: Plan | None
    method: str
    objective: Objective
    termination: Termination
    objective_value: float | None
    lower_bound: float | None
    metrics: Metrics | None
    reasons: tuple[str, ...]
    wall_seconds: float
    seed: int
    versions: dict[str, str] = field(default_factory=versions)
    trace: tuple[Progress, ...] = ()
    reinforcement: Reinforcement | None = None
    conflict: Conflict | None = None
    repair: StartRepair | None = None
    phases: tuple[Phase, ...] = ()

    @property
    def gap(self) -> float | None:
        """(objective_value - lower_bound) / objective_value; None where either is unknown."""
        return relative_gap(self.objective_value, self.lower_bound)

    def _told(self) -> str:
        """Tell instance, method, value and what is proven in a line."""
        value = shown_value(self.objective, self.objective_value)
        groups = "" if self.plan is None else f"{counted(len(self.plan.groups), 'group')}, "
        what = f"{groups}{OBJECTIVE_WORDS[self.objective]} {value}, {proof_words(self.termination, self.objective)}"
        return printable(f"{self.instance.name} by {self.method}: {what}")

    def summary(self) -> str:
        """Return the result as text with a table, of at most 110 columns."""
        stream = io.StringIO()
        console = Console(file=stream, width=SUMMARY_COLUMNS, highlight=False, color_system=None, force_jupyter=False)
        print_summary(self, console)
        return stream.getvalue()


def print_summary(result: Result, console: Console) -> None:
    """Tell a result on a console: what was asked, value and bound, the groups, and what binds."""
    instance, limit = result.instance, result.instance.requirements.max_group_outage
    console.print(
        f"[bold]{_plain(instance.name)}[/]: {counted(len(instance.devices), 'device')}, "
        f"{counted(len(instance.students), 'student')}, {counted(instance.knowledge.num_filters, 'filter')}, "
        f"at most {counted(instance.max_groups, 'group')}, "
        f"outage limit {limit:g} a group{' (100 %: no limit)' if limit == 1.0 else ''}{_wish(instance)}"
    )
    proven = proof_words(result.termination, result.objective, result.phases)
    for line in _in_clauses(f"{result.method}, {result.objective}: {proven}"):
        console.print(f"[bold]{_plain(line)}[/]")
    for line in _value_lines(result):
        console.print(line)
    for reason in result.reasons:
        console.print(plain_text(f"  {reason}"))
    for sentence in () if result.repair is None else result.repair.sentences:
        console.print(plain_text(f"  {sentence}"))
    if result.plan is not None:
        random = has_random_latency(instance, result.plan)
        timings = () if random else group_timings(instance, result.plan)
        console.print()
        console.print(random_table(instance, result.plan) if random else group_table(instance, result.plan, timings))
        if result.plan.spares:
            console.print(plain_text(f"spares: {some_of(result.plan.spares, MOST_NAMES)}"))
            known = () if random else idle_lines(instance, result.plan, result.objective, result.objective_value)
            for line in known:
                console.print(plain_text(line))
        console.print()
        lines = [] if random or not has_queues(instance, result.plan) else channel_lines(instance, result.plan)
        for line in (*lines, *binding_lines(instance, result.plan, result.objective, result.objective_value, timings)):
            console.print(plain_text(line))


def _value_lines(result: Result) -> Iterator[str]:
    if result.plan is None:
        yield f"  {bound_alone(result.objective, result.lower_bound, result.wall_seconds)}"
        return
    metrics = result.metrics
    if metrics is not None:
        yield from _answer_lines(metrics, result.instance)
        yield from _surer_lines(result, result.plan, metrics)
    # What is left of a closed gap is rounding.
    share = 0.0 if result.termination == "optimal" else result.gap
    gap = "unknown" if share is None else f"{100 * share:.3g} %"
    found, least = (shown_value(result.objective, figure) for figure in (result.objective_value, result.lower_bound))
    yield (
        f"  {OBJECTIVE_WORDS[result.objective]} {found}, lower bound {least}, gap {gap}; "
        f"{search_time(result.wall_seconds)} of search"
    )
    if metrics is None:
        return
    if result.reinforcement is not None:
        failure, has_graph = metrics.failure_probability, result.instance.knowledge.graph is not None
        yield from reinforcement_lines(result.reinforcement, failure, has_graph=has_graph)
    yield (
        f"  guaranteed {seconds(metrics.guaranteed_seconds)}, nominal {seconds(metrics.nominal_seconds)}, "
        f"worst {seconds(metrics.worst_seconds)}, expected {seconds(metrics.expected_seconds)}"
    )
    if metrics.energy_joules is not None:
        limit = result.instance.requirements.max_energy_joules
        yield f"  energy of a request {joules(metrics.energy_joules)}" + (
            "" if limit is None else f" of {joules(limit, GIVEN_DIGITS)} at most"
        )
    deadline = result.instance.requirements.deadline_seconds
    late = metrics.guaranteed_seconds
    if deadline is not None and late is not None and not keeps_limit(late, deadline):
        bound = result.lower_bound if result.objective == "guaranteed" else None
        proven = bound is not None and not keeps_limit(bound, deadline)
        verdict = ": no plan keeps the outage limit by then" if proven else ""
        yield f"  the guaranteed latency is beyond the deadline of {given_seconds(deadline)}{verdict}"
    left = None if result.plan is None else evidence_left(result.instance, result.plan)
    if left is not None:
        yield f"  with any one group lost, each class keeps at least {left:.4f} of its evidence"


def ties_and_rules(instance: Instance) -> list[str]:
    """What else an instance asks, in words: how many failure domains, channels and rules; nothing where it has none."""
    told = [counted(len(instance.failure_domains), "failure domain")] if instance.failure_domains else []
    if instance.shared_channels:
        told.append(counted(len(instance.shared_channels), "shared channel"))
    if instance.rules:
        kinds = [
            f"{rule.kind} {rule.spread if rule.spread is not None else counted(len(rule.devices), 'device')}"
            for rule in instance.rules[:MOST_NAMES]
        ]
        others = "; …" if len(instance.rules) > MOST_NAMES else ""
        told.append(f"{counted(len(instance.rules), 'rule')} ({'; '.join(kinds)}{others})")
    return told


def _wish(instance: Instance) -> str:
    wanted = instance.requirements.min_success
    asked = [] if wanted is None else [f"an answer with probability {wanted} at least"]
    return "".join(f", {part}" for part in (*asked, *ties_and_rules(instance)))


def _answer_lines(metrics: Metrics, instance: Instance) -> Iterator[str]:
    """Say how likely the whole answer is there in time, how much of it is missing, and when it is as likely as asked.

    A search under laws that was short of time may not have computed any of this.
    """
    needed = instance.requirements
    deadline, level = needed.deadline_seconds, needed.success_level
    if metrics.success_probability is not None:
        ends = "an answer" if deadline is None else f"an answer within {given_seconds(deadline)}"
        failure = small_share(metrics.failure_probability)
        success = success_share(metrics.success_probability, metrics.failure_probability)
        yield f"  {ends} with probability {success} (failure {failure})"
        cut = "" if metrics.ncut is None else f", normalised cut {metrics.ncut:.4f}"
        yield f"  expected share missing {small_share(metrics.missing_share)}{cut}"
    if level is not None and "quantile_seconds" in metrics.model_fields_set:
        quantile = metrics.quantile_seconds
        reached = "never" if quantile is None else f"by {seconds(quantile)}"
        is_missed = quantile is None or (deadline is not None and not keeps_limit(quantile, deadline))
        limit = " (success_level is no limit; min_success would be)" if is_missed and needed.min_success is None else ""
        yield f"  an answer with probability {level}: {reached}{limit}"


def _surer_lines(result: Result, plan: Plan, metrics: Metrics) -> Iterator[str]:
    """Say what would make the answer surer where it often fails and nobody asked for anything else."""
    needed, success = result.instance.requirements, metrics.success_probability
    if success is None or success >= SURE or needed.min_success is not None or result.objective in ANSWER_OBJECTIVES:
        return
    if len(plan.groups) == 1 and not plan.spares:
        return
    told, ways = [f"{counted(len(plan.groups), 'group')} must all answer"], ["min_success", "objective failure"]
    if plan.spares:
        told.append(f"{counted(len(plan.spares), 'device')} idle")
    if len(plan.groups) > needed.min_groups:
        ways.insert(1, "a smaller max_groups")
    yield f"  {', '.join(told)}; more reliable with {', '.join(ways[:-1])} or {ways[-1]}"


def _in_clauses(sentence: str) -> list[str]:
    """A sentence in lines that end with a clause, the later ones indented."""
    first, *others = sentence.split("; ")
    lines = [first]
    for clause in others:
        if len(f"{lines[-1]}; {clause};") <= SUMMARY_COLUMNS:
            lines[-1] += f"; {clause}"
        else:
            lines[-1] += ";"
            lines.append(f"  {clause}")
    return lines


def _plain(text: str) -> str:
    """Keep a name from being read as console markup, or by the terminal."""
    return printable(text).replace("[", r"\[")
