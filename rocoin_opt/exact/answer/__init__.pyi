from .bound import failure_bound
from .method import cheapest_plan
from .plans import can_serve
from .problem import AnswerPacking
from .sets import MOST_DEVICES, members

__all__ = [
    "MOST_DEVICES",
    "AnswerPacking",
    "can_serve",
    "cheapest_plan",
    "failure_bound",
    "members",
]
