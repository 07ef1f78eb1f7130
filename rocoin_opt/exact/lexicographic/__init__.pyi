from .order import best_within, plan_of_parts, plans_of_less_work
from .part_boxes import Found, least_bound
from .part_rules import RulePartSizes, sizes_at, wants_all_sets
from .part_search import PartSearch
from .part_sizes import PartSizes

__all__ = [
    "Found",
    "PartSearch",
    "PartSizes",
    "RulePartSizes",
    "best_within",
    "least_bound",
    "plan_of_parts",
    "plans_of_less_work",
    "sizes_at",
    "wants_all_sets",
]
