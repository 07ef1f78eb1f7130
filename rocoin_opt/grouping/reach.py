"""What devices can do, and in what time: the largest parts that decide which sets of them can be a group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.instance import stretched

if TYPE_CHECKING:
    from rocoin_opt.instance import Instance, IntArray
    from rocoin_opt.plan import Objective


@dataclass(frozen=True, eq=False)
class Reach:
    """Largest parts, N x J each, 0 where there is none.

    Attributes
    ----------
    counted : IntArray
        Part that each device delivers by the time that success is counted at.
    held : IntArray
        Part up to which a device may be in a group at all.
    covering : IntArray or None
        Part that each device delivers by a threshold, where those in time for it have to keep the outage limit
        (``guaranteed``). No larger than ``counted``, unless rules want late devices in groups.
    leading : IntArray or None
        The same where one device in time for it is enough (``nominal``).
    """

    counted: IntArray
    held: IntArray
    covering: IntArray | None = None
    leading: IntArray | None = None

    def with_student(self, student: int) -> Reach:
        """The same with one student alone, as N x 1."""
        own = {name: table[:, [student]] for name, table in vars(self).items() if table is not None}
        return Reach(**own)

    @classmethod
    def by(cls, instance: Instance, seconds: float) -> Reach:
        """Count answers by a time; infinite where only crashes count."""
        arrays = instance.arrays
        return cls(arrays.largest if seconds == np.inf else arrays.largest_part(seconds), arrays.largest)

    @classmethod
    def within(cls, instance: Instance, objective: Objective, threshold: float) -> Reach:
        """Count answers by the deadline, in plans whose latency is within a threshold.

        Parameters
        ----------
        instance : Instance
            What was given; without a deadline only crashes count.
        objective : {'guaranteed', 'nominal', 'worst'}
            Which latency.
        threshold : float
            In seconds.
        """
        deadline = instance.requirements.deadline_seconds
        reach = cls.by(instance, np.inf if deadline is None else stretched(deadline))
        early = instance.arrays.largest_part(threshold)
        if objective == "nominal":
            return cls(reach.counted, reach.held, leading=early)
        if objective == "worst":
            return cls(np.minimum(reach.counted, early), early)
        rules = instance.restrictions
        wants_late = rules.together or rules.use or rules.spread > 1
        if deadline is not None and stretched(deadline) < threshold and not wants_late:
            # Whoever is late for the threshold is late for the deadline, too, and keeps no limit.
            return cls(reach.counted, early)
        return cls(reach.counted, reach.held, covering=early)
