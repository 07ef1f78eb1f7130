"""How exact covers, their shares and their costs are; the levels are those of :mod:`rocoin_opt.instance.tolerances`."""

from __future__ import annotations

from rocoin_opt.instance import LAST_DIGITS, ROUNDING, SOLVER, SOLVER_SAFETY

UNREACHABLE = 1e300
"""Cost of a cover that does not exist."""
COVER_TOLERANCE = LAST_DIGITS
"""Slack on sums of cover shares, of the order of their rounding; every plan is checked again with exact products."""
SHARE_TOLERANCE = ROUNDING
"""Share by which a set may miss its need and still be listed; whoever makes a plan of it checks it exactly."""
UNIT_TOLERANCE = SOLVER
"""Units of a covering knapsack by which needs are rounded down further: 4,096 units to a share of 1 make it some 1e-11,
so that the rounding of sums of shares never hides a cover."""
COST_TOLERANCE = SOLVER
"""Cost in filters by which a cover may exceed its budget and still be listed: costs are prices of linear programs."""
DUAL_SAFETY = SOLVER_SAFETY
"""Filters that are added to a bound before it is cut to a whole number: a million times the rounding of its sums."""
LEAST_FRACTION = SOLVER_SAFETY
"""Fractions of a group in a linear program below which it counts as not taken."""
