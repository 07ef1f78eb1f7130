"""The baselines by the names that they have as methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocoin_opt.heuristics.baselines.het_nonn import het_nonn
from rocoin_opt.heuristics.baselines.nonn import nonn
from rocoin_opt.heuristics.baselines.random_plan import random_plan
from rocoin_opt.heuristics.baselines.rocoin import rocoin

if TYPE_CHECKING:
    from collections.abc import Callable

    from rocoin_opt.control import Control
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Objective, Outcome

BASELINES: dict[str, Callable[[Instance, Objective, Control], Outcome]] = {
    "rocoin": rocoin,
    "nonn": nonn,
    "het-nonn": het_nonn,
    "random": random_plan,
}
"""Each plans blind: for the objective that it was made for, whatever is asked."""
