from .bound import failure_bound
from .energy import Energy, plan_of_students
from .joint_search import joint_start, search_jointly
from .method import cheapest_plan
from .outages import mask_of, members
from .packing import Packed, compiled_by_numba
from .parts import possible_parts
from .plans import can_serve, plan_of_sets
from .problem import AnswerPacking
from .sets import MOST_DEVICES, ServingSets, set_tables

__all__ = [
    "MOST_DEVICES",
    "AnswerPacking",
    "Energy",
    "Packed",
    "ServingSets",
    "can_serve",
    "cheapest_plan",
    "compiled_by_numba",
    "failure_bound",
    "joint_start",
    "mask_of",
    "members",
    "plan_of_sets",
    "plan_of_students",
    "possible_parts",
    "search_jointly",
    "set_tables",
]
