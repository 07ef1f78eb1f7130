"""What one item of a run came to: the row of the store, and what ``solve_many`` yields."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from rocoin_opt.documents import parse_document, validate
from rocoin_opt.plan import FORMAT, VERSION, PlanDocument

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rocoin_opt.plan import Plan

Failure: TypeAlias = Literal["input", "unsupported", "time", "memory", "crash", "defect"]
"""Why an item failed: its input, what its method cannot honour, a limit that ended it, a death, or our own fault."""


@dataclass(frozen=True)
class ItemResult:
    """Result of one item: an instance by a method for an objective with a seed and options.

    Attributes
    ----------
    item : str
        Identity of the item, 32 hexadecimal digits; see :class:`~rocoin_opt.batch.items.Item`.
    instance : str
        Name of the instance; the stem of its file name if the file could not be read.
    path : str
        The instance file, absolute.
    fingerprint : str
        SHA-256 of the content of the instance file and of its matrices.
    method, objective : str
        What was asked.
    seed : int
        Seed of the search.
    options : mapping of str to object
        The fields of :class:`~rocoin_opt.batch.items.Options`.
    termination : str or None
        ``optimal``, ``feasible``, ``infeasible`` or ``no_plan``; None if the item failed.
    objective_value, lower_bound : float or None
        In seconds; for ``failure`` and ``missing`` numbers without a unit.
    gap : float or None
        (objective_value - lower_bound) / objective_value.
    wall_seconds : float
        Time of the search; of the whole item if it failed.
    reasons : tuple of str
        Why there is no plan.
    failure : str or None
        Why the item failed: ``input``, ``unsupported``, ``time``, ``memory``, ``crash`` or ``defect``.
    error : str or None
        Description of the failure; None exactly if ``failure`` is.
    attempts : int
        How often the item was started; more than 1 if a worker was lost.
    versions : mapping of str to str
        Versions of the packages that computed it.
    cores : int or None
        Cores of the machine that it ran on; None if it ended before reporting them.
    trace : tuple of (float, float or None, float or None)
        Seconds, best value and bound over time; see :attr:`rocoin_opt.Result.trace`.
    plan_file : str or None
        File of the plan, relative to the folder of the run; None where there is no plan.
    plan_sha256 : str or None
        SHA-256 of that file.
    mended : tuple of str
        What was corrected while the instance was read, for example rounding in its graph.
    plan_text : str or None
        Content of that file, if it was read.

    Examples
    --------
    >>> [item.termination for item in ro.solve_many([instance], ["greedy"], jobs=1)]
    ['optimal']
    """

    item: str
    instance: str
    path: str
    fingerprint: str
    method: str
    objective: str
    seed: int
    options: Mapping[str, Any]
    termination: str | None
    objective_value: float | None
    lower_bound: float | None
    gap: float | None
    wall_seconds: float
    reasons: tuple[str, ...]
    failure: Failure | None
    error: str | None
    attempts: int
    versions: Mapping[str, str]
    cores: int | None
    trace: tuple[tuple[float, float | None, float | None], ...] = field(repr=False)
    plan_file: str | None
    plan_sha256: str | None
    mended: tuple[str, ...] = ()
    plan_text: str | None = field(default=None, repr=False, compare=False)

    @property
    def plan(self) -> Plan | None:
        """The plan, if there is one and its text was read."""
        if self.plan_text is None:
            return None
        source = self.plan_file or self.item
        return validate(PlanDocument, parse_document(self.plan_text, source, FORMAT, VERSION), source).plan
