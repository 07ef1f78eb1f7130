from .order import best_within, plans_of_less_work
from .part_boxes import Found, least_bound
from .part_search import PartSearch
from .part_sizes import PartSizes

__all__ = [
    "Found",
    "PartSearch",
    "PartSizes",
    "best_within",
    "least_bound",
    "plans_of_less_work",
]
