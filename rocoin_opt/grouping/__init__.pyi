from .airtime import airtime_bound
from .answer_steps import LEAST_OUTAGE
from .assignment import plan_with_best_sizes
from .bounds import Levels, combinatorial_bound, possible_groups, smallest_failure_probability, sums_at_least
from .candidate_search import CandidateSearch
from .column_generation import Pricing, Round, generate_columns, until_answered
from .columns import Choices, chosen_before, free_choices, minimal_groups, roomiest_choices, sized_choices, stacked
from .covering.blocks import blocks_of, subset_sums
from .covering.coverage import Coverage, Joining, coverage_of
from .covering.covering_knapsack import (
    cheapest_covers,
    cheapest_members,
    covers_within,
    resolution_for,
    resolution_of,
    steps_within,
    units_needed,
    units_of,
    use_compiled,
)
from .covering.nested_covers import nested_covers_within
from .durations import CHOICE, COLUMN, EXTENSION, grouping_model, import_of_models, joint_model, valuation
from .expected_model import ENOUGH_SHARES, ExpectedModel
from .infeasible import NO_GUARANTEE, RELAX, STOPPED, reasons_for_infeasibility, reasons_for_no_guarantee, room_for
from .kinds.alike import Kinds
from .kinds.covers import covers_by_kinds, with_leaders
from .kinds.problem import KindsProblem
from .kinds.relaxation import ListedRelaxation, relax_listed
from .pricing import PRICING_TOLERANCE, ROUNDING_UNITS, GroupPricer, SizePrices
from .reach import Reach
from .relaxation import Pool, Relaxation, diversify, relax
from .stochastic.assignment import plan_within
from .stochastic.problem import Intervals, StochasticProblem
from .stochastic.shares import StochasticShares
from .threshold_problem import Chain, PackingProblem, ThresholdProblem
from .thresholds import BELOW_ALL, Candidates, latency_range, next_latency, smallest_threshold
from .tolerances import COST_TOLERANCE, COVER_TOLERANCE, DUAL_SAFETY, LEAST_FRACTION, SHARE_TOLERANCE, UNREACHABLE

__all__ = [
    "BELOW_ALL",
    "CHOICE",
    "COLUMN",
    "COST_TOLERANCE",
    "COVER_TOLERANCE",
    "DUAL_SAFETY",
    "ENOUGH_SHARES",
    "EXTENSION",
    "LEAST_FRACTION",
    "LEAST_OUTAGE",
    "NO_GUARANTEE",
    "PRICING_TOLERANCE",
    "RELAX",
    "ROUNDING_UNITS",
    "SHARE_TOLERANCE",
    "STOPPED",
    "UNREACHABLE",
    "CandidateSearch",
    "Candidates",
    "Chain",
    "Choices",
    "Coverage",
    "ExpectedModel",
    "GroupPricer",
    "Intervals",
    "Joining",
    "Kinds",
    "KindsProblem",
    "Levels",
    "ListedRelaxation",
    "PackingProblem",
    "Pool",
    "Pricing",
    "Reach",
    "Relaxation",
    "Round",
    "SizePrices",
    "StochasticProblem",
    "StochasticShares",
    "ThresholdProblem",
    "airtime_bound",
    "blocks_of",
    "cheapest_covers",
    "cheapest_members",
    "chosen_before",
    "combinatorial_bound",
    "coverage_of",
    "covers_by_kinds",
    "covers_within",
    "diversify",
    "free_choices",
    "generate_columns",
    "grouping_model",
    "import_of_models",
    "joint_model",
    "latency_range",
    "minimal_groups",
    "nested_covers_within",
    "next_latency",
    "plan_with_best_sizes",
    "plan_within",
    "possible_groups",
    "reasons_for_infeasibility",
    "reasons_for_no_guarantee",
    "relax",
    "relax_listed",
    "resolution_for",
    "resolution_of",
    "room_for",
    "roomiest_choices",
    "sized_choices",
    "smallest_failure_probability",
    "smallest_threshold",
    "stacked",
    "steps_within",
    "subset_sums",
    "sums_at_least",
    "units_needed",
    "units_of",
    "until_answered",
    "use_compiled",
    "valuation",
    "with_leaders",
]
