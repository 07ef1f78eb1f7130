from .bound import failure_bound
from .joint import MOST_STATES, Asked, JointRows, search_rows
from .method import cheapest_plan
from .outages import mask_of, members
from .packing import Packed
from .parts import possible_parts
from .plans import Energy, can_serve, plan_of_sets, plan_of_students, serving_sets_by_student
from .problem import AnswerPacking
from .sets import MOST_DEVICES, ServingSets, set_tables

__all__ = [
    "MOST_DEVICES",
    "MOST_STATES",
    "AnswerPacking",
    "Asked",
    "Energy",
    "JointRows",
    "Packed",
    "ServingSets",
    "can_serve",
    "cheapest_plan",
    "failure_bound",
    "mask_of",
    "members",
    "plan_of_sets",
    "plan_of_students",
    "possible_parts",
    "search_rows",
    "serving_sets_by_student",
    "set_tables",
]
