from .bound import failure_bound
from .joint import MOST_STATES, Asked, JointRows, search_rows
from .method import cheapest_plan, earliest, packed_at
from .outages import lightest_outage, mask_of, members
from .packing import Packed, cheapest_packing
from .parts import possible_parts
from .plans import Energy, can_serve, in_proportion, plan_of_sets, plan_of_students, serving_sets_by_student
from .problem import AnswerPacking
from .relaxation import Costs, Wanted, relax_packing
from .sets import MOST_DEVICES, MOST_ROWS, ServingSets, set_tables

__all__ = [
    "MOST_DEVICES",
    "MOST_ROWS",
    "MOST_STATES",
    "AnswerPacking",
    "Asked",
    "Costs",
    "Energy",
    "JointRows",
    "Packed",
    "ServingSets",
    "Wanted",
    "can_serve",
    "cheapest_packing",
    "cheapest_plan",
    "earliest",
    "failure_bound",
    "in_proportion",
    "lightest_outage",
    "mask_of",
    "members",
    "packed_at",
    "plan_of_sets",
    "plan_of_students",
    "possible_parts",
    "relax_packing",
    "search_rows",
    "serving_sets_by_student",
    "set_tables",
]
