from .answer import MOST_OF_KINDS, KindsAnswer
from .least_work import least_work_by_kinds
from .sets import MAX_VECTORS, number_of_vectors

__all__ = [
    "MAX_VECTORS",
    "MOST_OF_KINDS",
    "KindsAnswer",
    "least_work_by_kinds",
    "number_of_vectors",
]
