from .answer.bound import failure_bound, failure_bound_by_states, mean_over_states, quantile_bound
from .answer.method import exact_answer, exact_sure_latency, sure_plan, surest_within
from .answer.sets import MOST_DEVICES
from .channels.air_relaxation import AirRelaxation, priced_air_bound
from .channels.cover_program import packed_air_bound
from .channels.rounding import rounded_plans
from .channels.search import exact_on_channels
from .channels.sequence_milp import milp_on_channels
from .expected.bound import expected_bound
from .expected.branch_and_bound import prove_expected
from .expected.enumeration import best_of_all, is_small
from .expected.method import FEW_DEVICES, exact_expected
from .frontier_search import FrontierSearch, Point
from .kinds.search import exact_by_kinds
from .lexicographic.answer_ties import settle_answer
from .lexicographic.order import least_busy, most_reliable
from .lexicographic.part_search import PartSearch, sized_parts
from .replanning_search import Replanned, ReplanningSearch
from .restricted.energy_search import exact_within_energy
from .restricted.latency import exact_restricted
from .restricted.two_times import exact_quantile
from .restricted.within_energy import early_within_energy
from .stochastic.search import exact_stochastic
from .threshold.numbers.diving import dive
from .threshold.search import exact

__all__ = [
    "FEW_DEVICES",
    "MOST_DEVICES",
    "AirRelaxation",
    "FrontierSearch",
    "PartSearch",
    "Point",
    "Replanned",
    "ReplanningSearch",
    "best_of_all",
    "dive",
    "early_within_energy",
    "exact",
    "exact_answer",
    "exact_by_kinds",
    "exact_expected",
    "exact_on_channels",
    "exact_quantile",
    "exact_restricted",
    "exact_stochastic",
    "exact_sure_latency",
    "exact_within_energy",
    "expected_bound",
    "failure_bound",
    "failure_bound_by_states",
    "is_small",
    "least_busy",
    "mean_over_states",
    "milp_on_channels",
    "most_reliable",
    "packed_air_bound",
    "priced_air_bound",
    "prove_expected",
    "quantile_bound",
    "rounded_plans",
    "settle_answer",
    "sized_parts",
    "sure_plan",
    "surest_within",
]
