from .assessment import (
    Figures,
    Loss,
    Simulated,
    assess,
    assess_calm,
    deadline_of,
    losses,
    require_assessable,
    simulated,
)
from .claims import check_claims
from .distribution.answer_time import LatencyDistribution, latency_distribution
from .distribution.convolution import CONVOLUTION_ERROR
from .distribution.delivery_probability import DeliveryProbabilities
from .distribution.groups import Groups, Replica
from .distribution.laws import DiscreteFactor, exceeded_with, factor_of
from .distribution.outcomes import BY, LATER, NEVER
from .distribution.response import Response, SumResponse, response_of
from .evaluation import (
    evaluate,
    evaluate_known,
    finite_or_none,
    has_exact_answer,
    is_untied,
    known_value,
    metrics_with_queues,
    missed_by,
    value_of,
)
from .monte_carlo.arrivals import simulate_arrivals
from .monte_carlo.draws import BLOCK, SEEDS, Chance, Purpose, crashes, factor_words
from .monte_carlo.estimates import MeanEstimate, ProportionEstimate, QuantileEstimate, Sample
from .monte_carlo.factors import factor_table
from .monte_carlo.queues import Sent, play
from .monte_carlo.simulation import simulate
from .monte_carlo.system import Queues
from .monte_carlo.traces import Traces, read_traces, write_traces
from .monte_carlo.trials import Advance
from .partial_answers import expected_accuracy
from .queues import QueueAnswers
from .validity import CLEARLY, allowed_failure, check, missed_success
from .what_if.replica_value import ReplicaValue, first_of_kinds, replica_values
from .what_if.sensitivity import Sensitivity, Slope, sensitivities

__all__ = [
    "BLOCK",
    "BY",
    "CLEARLY",
    "CONVOLUTION_ERROR",
    "LATER",
    "NEVER",
    "SEEDS",
    "Advance",
    "Chance",
    "DeliveryProbabilities",
    "DiscreteFactor",
    "Figures",
    "Groups",
    "LatencyDistribution",
    "Loss",
    "MeanEstimate",
    "ProportionEstimate",
    "Purpose",
    "QuantileEstimate",
    "QueueAnswers",
    "Queues",
    "Replica",
    "ReplicaValue",
    "Response",
    "Sample",
    "Sensitivity",
    "Sent",
    "Simulated",
    "Slope",
    "SumResponse",
    "Traces",
    "allowed_failure",
    "assess",
    "assess_calm",
    "check",
    "check_claims",
    "crashes",
    "deadline_of",
    "evaluate",
    "evaluate_known",
    "exceeded_with",
    "expected_accuracy",
    "factor_of",
    "factor_table",
    "factor_words",
    "finite_or_none",
    "first_of_kinds",
    "has_exact_answer",
    "is_untied",
    "known_value",
    "latency_distribution",
    "losses",
    "metrics_with_queues",
    "missed_by",
    "missed_success",
    "play",
    "read_traces",
    "replica_values",
    "require_assessable",
    "response_of",
    "sensitivities",
    "simulate",
    "simulate_arrivals",
    "simulated",
    "value_of",
    "write_traces",
]
