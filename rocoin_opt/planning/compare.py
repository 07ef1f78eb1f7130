"""Methods side by side on one instance, all scored by the same evaluator."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from rocoin_opt.control import terminated
from rocoin_opt.errors import InputError, Problem
from rocoin_opt.instance import given_instance, relaxed
from rocoin_opt.plan import shown_value
from rocoin_opt.planning.methods import METHODS
from rocoin_opt.planning.request import method_for
from rocoin_opt.planning.solve import solve
from rocoin_opt.showing import Shown
from rocoin_opt.wording import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from rocoin_opt.control import Report
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Objective, Result
    from rocoin_opt.planning.methods import Method


class Comparison(Shown, tuple["Result", ...]):
    """Results of several methods: a tuple of them, in the order of the methods.

    Attributes
    ----------
    instance : Instance
        The instance.

    Examples
    --------
    >>> found = ro.compare(instance, ["greedy"])
    >>> found.to_frame().method.tolist()
    ['greedy']
    """

    _shown_as: ClassVar[str] = "comparison"
    instance: Instance

    @classmethod
    def of(cls, instance: Instance, results: Iterable[Result]) -> Self:
        """Collect results for one instance and objective."""
        made = cls(results)
        made.instance = instance
        return made

    def _told(self) -> str:
        """Tell the methods and their values in a line."""
        found = ", ".join(f"{r.method} {shown_value(r.objective, r.objective_value)}" for r in self)
        return printable(f"{self.instance.name}, {self[0].objective if self else 'no results'}: {found}")


def compare(
    instance: Instance | str | Path,
    methods: Sequence[str | Method],
    objective: Objective = "guaranteed",
    *,
    time_limit: float | None = None,
    seed: int = 0,
    threads: int = 1,
    polish: float | None = None,
    report: Report | None = None,
) -> Comparison:
    """Solve an instance by several methods, all scored by the same evaluator; see :func:`solve`.

    A method without redundancy that cannot keep the outage limit is solved once more without the limit, so that it
    can be scored at all: that result's instance has ``max_group_outage`` 1. Likewise one that plans without
    ``min_success``, baselines say, and misses it: that result's instance has none. Where such a method breaks a rule or
    the outage limit under failure domains, the instance has neither domains nor rules, but for ``spare``.

    Parameters
    ----------
    instance : Instance, str or Path
        The instance, or the path of its file.
    methods : sequence of str or Method
        Names of :data:`METHODS`, or your own methods, in the order of the results.
    objective : {'guaranteed', 'expected', 'nominal', 'worst', 'failure', 'missing', 'quantile'}
        What each of them minimises.
    time_limit : float, optional
        Seconds for each method.
    seed, threads, polish, report
        As for :func:`solve`.

    Returns
    -------
    Comparison
        A tuple of results: one per method, and one more for each method solved once more without these limits. Once
        SIGTERM has stopped a search, no other one begins: the results so far are all.

    Raises
    ------
    InputError, UnsupportedError, CertificateError
        As for :func:`solve`.

    Examples
    --------
    >>> found = ro.compare(instance, ["greedy", "rocoin"])
    >>> [result.method for result in found][:2]
    ['greedy', 'rocoin']
    """
    instance = given_instance(instance)
    if not methods:
        raise InputError("options", [Problem("methods", "none", f"some of {', '.join(METHODS)}")])
    results = []
    for method in methods:
        chosen = method_for(method, objective)
        freed: list[Result] = []
        for variant in (instance, *_without_limits(instance, chosen)):
            result = solve(
                variant,
                method,
                objective,
                time_limit=time_limit,
                seed=seed,
                threads=threads,
                polish=polish,
                explain=False,
                report=report,
            )
            # Of the variants the first with a plan is shown, or else the last.
            freed = [result]
            if variant is instance:
                results.append(result)
                freed = []
            if result.plan is not None or terminated():
                break
        results += freed
        if terminated():
            break
    return Comparison.of(instance, results)


def _without_limits(instance: Instance, method: Method) -> Iterator[Instance]:
    """What a method without a plan is scored on: the instance without limits that it does not plan for."""
    is_blind = method.surer is None
    wanted = instance.requirements.min_success is not None
    if wanted and is_blind:
        yield instance.with_requirements(min_success=None)
    freed = instance
    if is_blind and instance.is_restricted:
        freed = relaxed(instance)
        yield freed
    if not method.redundant:
        yield freed.with_requirements(max_group_outage=1.0, min_success=None)
