"""Tolerances: how far numbers may be off, in a few levels from the rounding of doubles to the answers of a solver.

A tolerance is at the level of the error that it stands for, and a *safety* at the next one: a bound that is lowered by
a thousand times its error is still a bound, and still close. What an instance or a plan may miss its limits by is
:data:`rocoin_opt.instance.LIMIT_TOLERANCE`; what HiGHS is asked for stands in :mod:`rocoin_opt.highs.linear`.
"""

from __future__ import annotations

LAST_DIGITS = 1e-15
"""Rounding of a few doubles near 1: a double has 2e-16."""
ROUNDING = 1e-12
"""Relative rounding of long sums and products, and far above it: thousands of terms lose three digits. Computed bounds
are lowered by it."""
SAFETY = 1e-9
"""A thousand times that: slack where sums are cut to whole numbers or decide what to leave out, which only weakens."""
SOLVER = 1e-7
"""What the prices and values of a linear program are good for, which HiGHS solves to 1e-9 in each row."""
SOLVER_SAFETY = 1e-6
"""What is added to sums of them: above what all rows together may be off, far below the one filter that decides."""
