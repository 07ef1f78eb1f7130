from .blocks import Block, blocks_of
from .coverage import Coverage, coverage_of
from .covering_knapsack import (
    cheapest_covers,
    covers_within,
    resolution_of,
    units_needed,
    units_of,
    use_compiled,
)
from .disjoint_covers import tightened
from .nested_knapsack import SPARE_UNITS, NestedKnapsack, fineness_for
from .priced_covers import cheapest_before

__all__ = [
    "SPARE_UNITS",
    "Block",
    "Coverage",
    "NestedKnapsack",
    "blocks_of",
    "cheapest_before",
    "cheapest_covers",
    "coverage_of",
    "covers_within",
    "fineness_for",
    "resolution_of",
    "tightened",
    "units_needed",
    "units_of",
    "use_compiled",
]
