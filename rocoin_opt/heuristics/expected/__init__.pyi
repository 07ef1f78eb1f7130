from .descent import ExpectedDescent
from .quantile import descend_quantile

__all__ = [
    "ExpectedDescent",
    "descend_quantile",
]
