"""All results of a run as one: its items in a tuple, to be told, tabled and drawn."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, ClassVar, Self

from rocoin_opt.batch.results import ItemResult
from rocoin_opt.batch.store import Store
from rocoin_opt.showing import Shown
from rocoin_opt.wording import counted

if TYPE_CHECKING:
    from pathlib import Path


class RunResults(Shown, tuple[ItemResult, ...]):
    """Results of a run: a tuple of its items.

    Made from what :func:`rocoin_opt.solve_many` yields, or read from the folder of a run.

    Examples
    --------
    >>> ro.RunResults()
    <RunResults: 0 items>
    >>> len(ro.RunResults().to_frame())
    0
    """

    _shown_as: ClassVar[str] = "run"

    @classmethod
    def read(cls, folder: str | Path) -> Self:
        """Read the results of a run so far; plans stay in their files.

        Raises
        ------
        StoreError
            If the folder holds no run.
        """
        with Store.open(folder) as store:
            return cls(store.rows())

    def _told(self) -> str:
        """Tell how many items there are, and how they ended, in a line."""
        ends = Counter(item.termination or "failed" for item in self)
        return counted(len(self), "item") + (f", {', '.join(f'{n} {end}' for end, n in ends.items())}" if ends else "")
