from .answer_time import LatencyDistribution, latency_distribution
from .convolution import CONVOLUTION_ERROR
from .delivery_probability import DeliveryProbabilities
from .domains import Table, eliminate
from .groups import Groups, Replica, instant
from .laws import DiscreteFactor, exceeded_with, factor_of
from .outcomes import BY, LATER, NEVER
from .quadrature import INTEGRAL_ERROR
from .response import Response, StepResponse, SumResponse, response_of

__all__ = [
    "BY",
    "CONVOLUTION_ERROR",
    "INTEGRAL_ERROR",
    "LATER",
    "NEVER",
    "DeliveryProbabilities",
    "DiscreteFactor",
    "Groups",
    "LatencyDistribution",
    "Replica",
    "Response",
    "StepResponse",
    "SumResponse",
    "Table",
    "eliminate",
    "exceeded_with",
    "factor_of",
    "instant",
    "latency_distribution",
    "response_of",
]
