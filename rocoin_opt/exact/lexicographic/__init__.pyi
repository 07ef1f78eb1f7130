from .order import best_within, plans_of_less_work
from .part_boxes import Found, least_bound
from .part_energy import kind_of_sizes
from .part_search import PartSearch

__all__ = [
    "Found",
    "PartSearch",
    "best_within",
    "kind_of_sizes",
    "least_bound",
    "plans_of_less_work",
]
