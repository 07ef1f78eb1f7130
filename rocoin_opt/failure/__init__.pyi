from .assessment import Figures, Loss, Simulated, assess, deadline_of, require_assessable
from .claims import check_claims
from .evaluation import evaluate, finite_or_none, known_value, value_of
from .partial_answers import expected_accuracy

__all__ = [
    "Figures",
    "Loss",
    "Simulated",
    "assess",
    "check_claims",
    "deadline_of",
    "evaluate",
    "expected_accuracy",
    "finite_or_none",
    "known_value",
    "require_assessable",
    "value_of",
]
