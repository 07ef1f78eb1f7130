from .alike import Kinds
from .covers import covers_by_kinds, with_leaders
from .problem import KindsProblem
from .relaxation import ListedRelaxation, relax_listed

__all__ = [
    "Kinds",
    "KindsProblem",
    "ListedRelaxation",
    "covers_by_kinds",
    "relax_listed",
    "with_leaders",
]
