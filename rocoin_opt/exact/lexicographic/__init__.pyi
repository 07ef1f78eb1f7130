from .order import best_within, plans_of_less_work
from .part_boxes import Found, least_bound
from .part_energy import sizes_of_parts
from .part_search import PartSearch

__all__ = [
    "Found",
    "PartSearch",
    "best_within",
    "least_bound",
    "plans_of_less_work",
    "sizes_of_parts",
]
