from .answer_time import LatencyDistribution, latency_distribution
from .domains import Table, can_eliminate, eliminate
from .groups import Groups, Replica, instant
from .laws import DiscreteFactor, factor_of
from .outcomes import BY, LATER, NEVER
from .quadrature import INTEGRAL_ERROR
from .response import Response, StepResponse, response_of

__all__ = [
    "BY",
    "INTEGRAL_ERROR",
    "LATER",
    "NEVER",
    "DiscreteFactor",
    "Groups",
    "LatencyDistribution",
    "Replica",
    "Response",
    "StepResponse",
    "Table",
    "can_eliminate",
    "eliminate",
    "factor_of",
    "instant",
    "latency_distribution",
    "response_of",
]
