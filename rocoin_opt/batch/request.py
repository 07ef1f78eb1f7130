"""What a run is asked for: methods, objectives, seeds and options, checked before anything is begun."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

from rocoin_opt.control import Control
from rocoin_opt.errors import InputError, Problem
from rocoin_opt.knowledge import CRITERIA
from rocoin_opt.plan import OBJECTIVES, PREFERENCES
from rocoin_opt.planning.methods import METHODS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

GRACE = 10.0
"""Seconds beyond its time limit after which a search is ended from outside: loading a solver takes some of them."""
RETRIES = 2
"""How often an item is begun again after its worker was lost."""
SOLVE = "rocoin_opt.batch.work:solve_item"
"""What is done with an item."""


@dataclass(frozen=True)
class Options:
    """How every item of a run is solved; a change of any of them makes new items."""

    time_limit: float | None = None
    """Seconds after which a search stops by itself."""
    grace: float = GRACE
    """Seconds beyond the time limit after which it is ended from outside."""
    memory_limit: int | None = None
    """Bytes of memory that the process of an item may take up before it is ended."""
    gap: float = 0.0
    threads: int = 1
    latency_only: bool = False
    criterion: str = "ncut"
    prefer: str = "reliability"
    polish: float | None = None
    """As :func:`rocoin_opt.solve` has them."""

    def __post_init__(self) -> None:
        # 5 and 5.0 are the same limit, and make the same items.
        for name in ("time_limit", "grace", "gap", "polish"):
            object.__setattr__(self, name, _real(getattr(self, name)))
        for name in ("memory_limit", "threads"):
            object.__setattr__(self, name, _whole(getattr(self, name)))
        if self.polish == math.inf:
            # So says the command line that there is no such limit.
            object.__setattr__(self, "polish", None)

    @property
    def identity(self) -> dict[str, Any]:
        """What of them makes an item: an option that came later counts where it is used, so that old runs go on."""
        return {name: value for name, value in asdict(self).items() if name != "polish" or value is not None}


@dataclass(frozen=True)
class BatchRequest:
    """What a run is asked for, apart from its instances; InputError where it asks for what there is not."""

    options: Options
    """How each item is solved."""
    methods: tuple[str, ...]
    objectives: tuple[str, ...]
    seeds: tuple[int, ...] = (0,)
    """What each instance is solved by, for and with; each counts once."""
    jobs: int | None = None
    scheduler: str | None = None
    force: bool = False
    retry_failed: bool = False
    """As for :func:`~rocoin_opt.solve_many`."""
    work: str = SOLVE
    """The function that works on an item, as ``module:name``."""
    retries: int = RETRIES
    """How often an item is begun again after its worker was lost."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "seeds", tuple(map(_whole, self.seeds)))
        for name in ("methods", "objectives", "seeds"):
            object.__setattr__(self, name, tuple(dict.fromkeys(getattr(self, name))))
        given = self.options
        _require_known("methods", self.methods, METHODS)
        _require_known("objectives", self.objectives, OBJECTIVES)
        _require_known("criterion", (given.criterion,), CRITERIA)
        _require_known("prefer", (given.prefer,), PREFERENCES)
        _require("seeds", "none", "at least one", bool(self.seeds))
        for seed in self.seeds:
            Control.starting_now(time_limit=given.time_limit, gap=given.gap, seed=seed, threads=given.threads)
        _require("time_limit", given.time_limit, "a finite number of seconds, or none", given.time_limit != math.inf)
        _require("polish", given.polish, "a number of seconds, at least 0", given.polish is None or given.polish >= 0)
        _require("grace", given.grace, "a finite number of seconds, at least 0", 0 <= given.grace < math.inf)
        _require(
            "memory_limit",
            given.memory_limit,
            "at least 1 byte",
            given.memory_limit is None or given.memory_limit >= 1,
        )
        _require("jobs", self.jobs, "a whole number of at least 1", self.jobs is None or self.jobs >= 1)


def _real(value: Any) -> Any:
    """Return a number as a float; anything else as it is."""
    try:
        return float(value) if isinstance(value, Real) else value
    except OverflowError:
        return math.inf


def _whole(value: Any) -> Any:
    """Return a whole number as an int; anything else as it is."""
    if isinstance(value, Integral):
        return int(value)
    return int(float(value)) if isinstance(value, Real) and float(value).is_integer() else value


def _require_known(name: str, found: Sequence[str], allowed: Collection[str]) -> None:
    """Refuse an empty choice, and all names that are not among those allowed."""
    names = ", ".join(allowed)
    _require(name, "none", f"some of {names}", bool(found))
    if unknown := [Problem(name, repr(value), f"one of {names}") for value in found if value not in allowed]:
        raise InputError("options", unknown)


def _require(name: str, found: object, allowed: str, is_met: bool) -> None:
    if not is_met:
        raise InputError("options", [Problem(name, found if isinstance(found, str) else repr(found), allowed)])
