"""How exact the covering knapsacks are, interpreted or compiled."""

from __future__ import annotations

UNREACHABLE = 1e300
"""Cost of a cover that does not exist."""
UNIT_TOLERANCE = 1e-7
"""Units by which needs are rounded down further: the rounding of sums of shares never hides a cover."""
SHARE_TOLERANCE = 1e-12
"""Share by which a set may miss its need and still be listed; whoever makes a plan of it checks it exactly."""
COVER_TOLERANCE = 1e-15
"""Slack on sums of cover shares, of the order of their rounding; every plan is checked again with exact products."""
COST_TOLERANCE = 1e-7
"""Cost by which a cover may exceed its budget and still be listed."""
