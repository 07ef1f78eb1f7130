from .bound import failure_bound
from .method import cheapest_plan
from .outages import members
from .parts import possible_parts
from .plans import can_serve, plan_of_sets
from .problem import AnswerPacking
from .sets import MOST_DEVICES, ServingSets, set_tables

__all__ = [
    "MOST_DEVICES",
    "AnswerPacking",
    "ServingSets",
    "can_serve",
    "cheapest_plan",
    "failure_bound",
    "members",
    "plan_of_sets",
    "possible_parts",
    "set_tables",
]
